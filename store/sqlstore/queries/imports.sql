-- name: FindImport :one
SELECT id, source, digest, rows, byte_offset, counts, started_by, started_at, updated_at, finished_at
FROM imports WHERE source = @source AND digest = @digest;

-- name: ListImports :many
SELECT id, source, digest, rows, byte_offset, counts, started_by, started_at, updated_at, finished_at
FROM imports WHERE source = @source OR @source = '' ORDER BY started_at DESC, id LIMIT @most;

-- name: BeginImport :exec
INSERT INTO imports (id, source, digest, rows, byte_offset, counts, started_by, started_at, updated_at)
VALUES (@id, @source, @digest, @rows, @byte_offset, @counts, @started_by, @started_at, @updated_at)
ON CONFLICT (source, digest) DO UPDATE SET rows = excluded.rows, byte_offset = excluded.byte_offset, counts = excluded.counts,
    started_by = excluded.started_by, started_at = excluded.started_at, updated_at = excluded.updated_at, finished_at = NULL;

-- name: AdvanceImport :execrows
UPDATE imports SET rows = @rows, byte_offset = @byte_offset, counts = @counts, updated_at = @updated_at
WHERE id = @id AND rows = @rows_before AND byte_offset = @offset_before AND started_at = @started_at AND finished_at IS NULL;

-- name: FinishImport :execrows
UPDATE imports SET counts = @counts, updated_at = @updated_at, finished_at = @finished_at
WHERE id = @id AND rows = @rows AND byte_offset = @byte_offset AND started_at = @started_at AND finished_at IS NULL;
