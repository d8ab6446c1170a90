-- name: LastCheckpoint :one
SELECT n, jws FROM checkpoints ORDER BY n DESC LIMIT 1;

-- name: InsertCheckpoint :exec
INSERT INTO checkpoints (n, last_id, at, hashes, jws) VALUES (@n, @last_id, @at, @hashes, @jws);

-- name: CheckpointsAfter :many
SELECT n, hashes, jws FROM checkpoints WHERE n > @after ORDER BY n LIMIT @page;

-- name: CheckpointSince :one
SELECT n FROM checkpoints WHERE at >= @at ORDER BY at, n LIMIT 1;

-- name: AuditHead :one
SELECT sealed FROM audit_head WHERE id = 1;

-- name: PutAuditHead :exec
INSERT INTO audit_head (id, sealed) VALUES (1, @sealed) ON CONFLICT (id) DO UPDATE SET sealed = excluded.sealed;

-- name: LastSealed :one
SELECT last_id, at FROM checkpoints ORDER BY n DESC LIMIT 1;

-- name: Shipped :one
SELECT n FROM audit_shipped WHERE target = @target;

-- name: Unshipped :one
SELECT at FROM checkpoints WHERE n > COALESCE((SELECT s.n FROM audit_shipped AS s WHERE s.target = @target), 0) ORDER BY checkpoints.n LIMIT 1;

-- name: PutShipped :exec
INSERT INTO audit_shipped (target, n, at) VALUES (@target, @n, @at)
ON CONFLICT (target) DO UPDATE SET n = excluded.n, at = excluded.at WHERE excluded.n > audit_shipped.n;
