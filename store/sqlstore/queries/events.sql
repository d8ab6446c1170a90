-- name: InsertEvent :exec
INSERT INTO events (kind, account, at) VALUES (@kind, @account, @at);

-- name: Events :many
SELECT id, kind, account, at FROM events ORDER BY id LIMIT @page;

-- name: DeleteEvent :execrows
DELETE FROM events WHERE id = @id;

-- name: PutGranted :exec
INSERT INTO granted (account, client, subject, last_at) VALUES (@account, @client, @subject, @last_at)
ON CONFLICT (account, client, subject) DO UPDATE SET last_at = excluded.last_at
WHERE excluded.last_at > granted.last_at;

-- name: GrantedSince :many
SELECT client, subject FROM granted WHERE account = @account AND last_at >= @since ORDER BY client, subject;
