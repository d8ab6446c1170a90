-- name: InsertAudit :exec
INSERT INTO audit (at, actor, action, account, client, ref, detail)
VALUES (@at, @actor, @action, @account, @client, @ref, @detail);

-- name: Audit :many
SELECT id, at, actor, action, account, client, ref, detail
FROM audit
WHERE id > @after
  AND (CAST(@action AS TEXT) = '' OR action = CAST(@action AS TEXT))
  AND (CAST(@account AS TEXT) = '' OR account = CAST(@account AS TEXT))
ORDER BY id LIMIT @page;

-- name: LastAudit :one
SELECT id FROM audit ORDER BY id DESC LIMIT 1;
