-- name: Documents :many
SELECT id, kind, sealed, issuer, expires_on, verified_at, verified_by FROM documents
WHERE account = @account AND ended_at IS NULL ORDER BY kind;
