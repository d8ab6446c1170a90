-- name: InsertLock :exec
INSERT INTO locks (id, account, reason, requester, document, set_at, set_by, client)
VALUES (@id, @account, @reason, @requester, @document, @set_at, @set_by, @client);

-- name: LocksInForce :many
SELECT id, reason, requester, document, set_at, set_by, client
FROM locks WHERE account = @account AND lifted_at IS NULL ORDER BY set_at, id;

-- name: LockInForce :one
SELECT id, reason, requester, document, set_at, set_by, client
FROM locks WHERE id = @id AND account = @account AND lifted_at IS NULL;

-- name: LocksOf :many
SELECT id, reason, requester, document, set_at, set_by, client, lifted_at, lift_document, lifted_by, lift_requester, remedy
FROM locks WHERE account = @account ORDER BY set_at DESC, id LIMIT @most;

-- name: LiftLock :execrows
UPDATE locks SET lifted_at = @lifted_at, lift_document = @lift_document, lifted_by = @lifted_by,
    lift_requester = @lift_requester, remedy = @remedy
WHERE id = @id AND lifted_at IS NULL;

-- name: InsertLockRequest :exec
INSERT INTO lock_requests (id, ref, client, requester, account, document, reason, undo, status, rules, due_at, created_at)
VALUES (@id, @ref, @client, @requester, @account, @document, @reason, @undo, @status, @rules, @due_at, @created_at);

-- name: WaitingLockRequest :one
SELECT id FROM lock_requests
WHERE client = @client AND requester = @requester AND account = @account AND document = @document AND undo = @undo
  AND status = 'waiting';

-- name: CountLockRequests :one
SELECT COUNT(*) AS of_all, CAST(COALESCE(SUM(client = @client), 0) AS INTEGER) AS of_client FROM lock_requests WHERE status = 'waiting';

-- name: LockRequest :one
SELECT id, ref, client, requester, account, document, reason, undo, status, rules, due_at, created_at,
    decided_at, decided_by, why, COALESCE(lock, '') AS lock
FROM lock_requests WHERE id = @id;

-- name: RuleLockRequest :execrows
UPDATE lock_requests SET status = @status, decided_at = @decided_at, decided_by = @decided_by, why = @why, lock = @lock
WHERE id = @id AND status = 'waiting';

-- name: OverdueLockRequests :one
SELECT COUNT(*) FROM lock_requests WHERE status = 'waiting' AND due_at < @at;
