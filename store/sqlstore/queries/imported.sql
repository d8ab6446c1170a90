-- name: ImportedState :one
SELECT state, matched, account FROM imported_accounts WHERE id = @id;

-- name: Imported :one
SELECT id, source, sealed, state, matched, account, created_at, updated_at, verified_at, reminded_at
FROM imported_accounts WHERE id = @id;

-- name: ReplaceImported :execrows
UPDATE imported_accounts SET sealed = @sealed WHERE id = @id;

-- name: RemindImported :execrows
UPDATE imported_accounts SET reminded_at = @reminded_at WHERE id = @id;

-- name: ImportedFirst :one
SELECT seq FROM imported_accounts WHERE source = @source AND state = @state ORDER BY seq LIMIT 1;

-- name: ImportedLast :one
SELECT seq FROM imported_accounts WHERE source = @source AND state = @state ORDER BY seq DESC LIMIT 1;

-- name: ImportedFrom :one
SELECT seq, id FROM imported_accounts WHERE source = @source AND state = @state AND seq >= @seq ORDER BY seq LIMIT 1;
