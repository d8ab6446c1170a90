-- name: InsertHold :exec
INSERT INTO audit_holds (id, kind, value, reason, set_by, set_at) VALUES (@id, @kind, @value, @reason, @set_by, @set_at);

-- name: LiftHold :execrows
UPDATE audit_holds SET lifted_by = @lifted_by, lifted_at = @lifted_at WHERE id = @id AND lifted_at IS NULL;

-- name: Hold :one
SELECT id, kind, value, reason, set_by, set_at, lifted_by, lifted_at FROM audit_holds WHERE id = @id;

-- name: Holds :many
SELECT id, kind, value, reason, set_by, set_at, lifted_by, lifted_at FROM audit_holds
WHERE lifted_at IS NULL OR CAST(@all AS BOOLEAN) ORDER BY set_at, id LIMIT @page;

-- name: LastCheckpointBefore :one
SELECT last_id FROM checkpoints WHERE at < @at ORDER BY n DESC LIMIT 1;

-- name: CheckpointBy :one
SELECT at FROM checkpoints WHERE at <= @at ORDER BY at DESC LIMIT 1;

-- name: CountHoldsOnAll :one
SELECT count(*) FROM audit_holds WHERE kind = 'all' AND lifted_at IS NULL;

-- name: MarkRetention :exec
INSERT INTO audit_retention (id, first_id, last_id, before) VALUES (1, @first_id, @last_id, @before);

-- name: UnmarkRetention :exec
DELETE FROM audit_retention;

-- name: Prunable :many
SELECT a.id FROM audit AS a
WHERE a.id > @after AND a.id <= @last AND a.at < @before AND a.action <> 'audit.pruned'
  AND NOT EXISTS (SELECT 1 FROM audit_holds AS h WHERE h.lifted_at IS NULL AND (h.kind = 'all'
    OR (h.kind = 'account' AND h.value = a.account) OR (h.kind = 'client' AND h.value = a.client)))
ORDER BY a.id LIMIT @page;

-- name: DeleteAudit :execrows
DELETE FROM audit WHERE id >= @first_id AND id <= @last_id;
