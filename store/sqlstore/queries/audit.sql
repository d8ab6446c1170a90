-- name: InsertAudit :exec
INSERT INTO audit (at, actor, action, account, client, ref, detail)
VALUES (@at, @actor, @action, @account, @client, @ref, @detail);

-- name: Audit :many
SELECT id, at, actor, action, account, client, ref, detail
FROM audit
WHERE id > @after
  AND (CAST(@action AS TEXT) = '' OR action = CAST(@action AS TEXT))
  AND (CAST(@account AS TEXT) = '' OR account = CAST(@account AS TEXT))
  AND (CAST(@ref AS TEXT) = '' OR ref = CAST(@ref AS TEXT))
ORDER BY id LIMIT @page;

-- name: AuditFrom :one
SELECT id, at FROM audit WHERE id >= @id ORDER BY id LIMIT 1;

-- name: LastAudit :one
SELECT id FROM audit ORDER BY id DESC LIMIT 1;
