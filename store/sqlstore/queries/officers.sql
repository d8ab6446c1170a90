-- name: Officer :one
SELECT office, tasks FROM officers WHERE account = @account AND ended_at IS NULL;

-- name: Officers :many
SELECT o.account, o.office, o.tasks, o.added_at, a.name FROM officers o JOIN accounts a ON a.id = o.account
WHERE o.ended_at IS NULL ORDER BY o.office, a.name, o.account;

-- name: PutOfficer :exec
INSERT INTO officers (account, office, tasks, added_at) VALUES (@account, @office, @tasks, @added_at)
ON CONFLICT (account) DO UPDATE SET office = excluded.office, tasks = excluded.tasks,
    added_at = CASE WHEN officers.ended_at IS NULL THEN officers.added_at ELSE excluded.added_at END, ended_at = NULL;

-- name: EndOfficer :execrows
UPDATE officers SET ended_at = @ended_at WHERE account = @account AND ended_at IS NULL;
