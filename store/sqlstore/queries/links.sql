-- name: InsertLink :execrows
INSERT INTO links (id, account, source, subject_index, cap, evidence, created_at, expires_at)
VALUES (@id, @account, @source, @subject_index, @cap, @evidence, @created_at, @expires_at)
ON CONFLICT DO NOTHING;

-- name: EndLink :execrows
UPDATE links SET ended_at = @ended_at WHERE id = @id AND ended_at IS NULL;

-- name: EndExpiredLink :exec
UPDATE links SET ended_at = expires_at
WHERE subject_index = @subject_index AND ended_at IS NULL AND expires_at <= @now;

-- name: Link :one
SELECT id, account, source, cap, expires_at
FROM links WHERE id = @id AND ended_at IS NULL AND (expires_at IS NULL OR expires_at > @now);

-- name: LinkBySubject :one
SELECT id, account, source, cap, expires_at
FROM links WHERE subject_index = @subject_index AND ended_at IS NULL AND (expires_at IS NULL OR expires_at > @now);

-- name: LinksOf :many
SELECT id, account, source, cap, expires_at
FROM links WHERE account = @account AND ended_at IS NULL AND (expires_at IS NULL OR expires_at > @now)
ORDER BY created_at, id;

-- name: LinkSubject :one
SELECT subject_index FROM links WHERE id = @id;
