-- name: InsertLogout :exec
INSERT INTO logouts (id, client, subject, sid, due_at, created_at)
VALUES (@id, @client, @subject, @sid, @due_at, @created_at)
ON CONFLICT DO NOTHING;

-- name: InsertLogoutQueue :exec
INSERT INTO logout_queues (client) VALUES (@client) ON CONFLICT DO NOTHING;

-- name: CountLogouts :one
SELECT count(*) FROM logouts WHERE client = @client;

-- name: DropOldestLogouts :execrows
DELETE FROM logouts WHERE id IN (
    SELECT l.id FROM logouts l WHERE l.client = @client ORDER BY l.created_at, l.id LIMIT @excess
);

-- name: LogoutQueuesDue :many
SELECT q.client FROM logout_queues q
WHERE EXISTS (SELECT 1 FROM logouts l WHERE l.client = q.client AND l.due_at <= @now)
ORDER BY q.turn, q.client;

-- name: LogoutsLeased :one
SELECT count(*) FROM logouts WHERE client = @client AND leased AND due_at > @now;

-- name: LogoutsDue :many
SELECT id, client, subject, sid, attempts, created_at FROM logouts
WHERE client = @client AND due_at <= @now
ORDER BY due_at, id LIMIT @page;

-- name: LeaseLogout :exec
UPDATE logouts SET leased = TRUE, due_at = @until WHERE id = @id;

-- name: TakeTurn :exec
UPDATE logout_queues SET turn = (SELECT max(q.turn) + 1 FROM logout_queues q) WHERE logout_queues.client = @client;

-- name: DeferLogout :exec
UPDATE logouts SET leased = FALSE, due_at = @due_at, attempts = attempts + 1 WHERE id = @id;

-- name: DeleteLogout :execrows
DELETE FROM logouts WHERE id = @id;

-- name: CountAllLogouts :one
SELECT count(*) FROM logouts;

-- name: OldestLogout :one
SELECT created_at FROM logouts ORDER BY created_at LIMIT 1;
