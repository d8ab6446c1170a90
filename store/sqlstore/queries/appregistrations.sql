-- name: InsertAppCase :execrows
INSERT INTO registrations (id, ref, subject_type, number_index, sealed, why, status, rules, due_at, created_at)
SELECT @id, @ref, @subject_type, @number_index, @sealed, @why, @status, @rules, @due_at, @created_at
WHERE (SELECT COUNT(*) FROM registrations r WHERE r.number_index = @number_index AND r.decided_at IS NULL) < CAST(@most AS INTEGER);

-- name: OpenAppCases :many
SELECT id, ref, subject_type, why, status, rules, due_at, created_at, decided_at, decided_by, reason, account
FROM registrations WHERE account IS NULL AND status <> 'rejected' ORDER BY due_at, id LIMIT @most;

-- name: AppCase :one
SELECT id, ref, subject_type, sealed, why, status, rules, due_at, created_at, decided_at, decided_by, reason, account
FROM registrations WHERE id = @id;

-- name: DecideAppCase :execrows
UPDATE registrations SET status = @status, decided_at = @decided_at, decided_by = @decided_by, reason = @reason
WHERE id = @id AND account IS NULL AND (status = 'processing' OR status = 'approved' AND status = CAST(@status AS TEXT));

-- name: FinishAppCase :execrows
UPDATE registrations SET account = @account, status = @status WHERE id = @id AND status = 'approved' AND account IS NULL;

-- name: PruneAppCases :execrows
DELETE FROM registrations WHERE id IN (
    SELECT old.id FROM registrations old WHERE old.decided_at <= @before AND (old.account IS NOT NULL OR old.status = 'rejected') ORDER BY old.decided_at LIMIT @most);
