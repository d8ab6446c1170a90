-- name: InsertApplication :execrows
INSERT INTO applications (id, ref, subject_type, number_index, sealed, level, status, office, opened_by, rules, due_at, revision, created_at, updated_at)
VALUES (@id, @ref, @subject_type, @number_index, @sealed, @level, @status, @office, @opened_by, @rules, @due_at, @revision, @created_at, @updated_at)
ON CONFLICT DO NOTHING;

-- name: CountApplicationsBy :one
SELECT count(*) FROM applications WHERE opened_by = @opened_by AND created_at > @since;

-- name: Application :one
SELECT id, ref, subject_type, sealed, level, status, office, opened_by, decided_by, decided_at, account, rules, due_at, revision, created_at, updated_at
FROM applications WHERE id = @id;

-- name: UpdateApplication :execrows
UPDATE OR IGNORE applications SET number_index = @number_index, sealed = @sealed, status = @status, decided_by = @decided_by, decided_at = @decided_at,
    account = @account, revision = revision + 1, updated_at = @updated_at
WHERE id = @id AND revision = @before AND status IN ('submitted', 'processing', 'confirmed');

-- name: ApplicationRevision :one
SELECT revision FROM applications WHERE id = @id;

-- name: OpenApplications :many
SELECT id, ref, subject_type, level, status, opened_by, due_at, revision, created_at, updated_at
FROM applications WHERE office = @office AND status IN ('submitted', 'processing', 'confirmed') ORDER BY due_at, id LIMIT @page;

-- name: ApplicationsOf :many
SELECT id, ref, subject_type, level, status, opened_by, due_at, revision, created_at, updated_at
FROM applications WHERE office = @office AND status = @status ORDER BY due_at, id LIMIT @page;

-- name: ApplicationByRef :many
SELECT id, ref, subject_type, level, status, opened_by, due_at, revision, created_at, updated_at
FROM applications WHERE ref = @ref AND office = @office;

-- name: WithdrawOverdueApplications :many
UPDATE applications SET status = 'withdrawn', decided_by = @decided_by, decided_at = @at, updated_at = @at, revision = revision + 1
WHERE number_index = @number_index AND status IN ('submitted', 'processing', 'confirmed') AND due_at < @at
RETURNING ref, level, office, rules;

-- name: WithdrawLeftApplications :many
UPDATE applications SET status = 'withdrawn', decided_by = @decided_by, decided_at = @at, updated_at = @at, revision = revision + 1
WHERE id IN (
    SELECT open.id FROM applications open WHERE open.status IN ('submitted', 'processing', 'confirmed') AND open.due_at < @due ORDER BY open.due_at LIMIT @most)
RETURNING ref, level, office, rules;

-- name: PruneApplications :execrows
DELETE FROM applications WHERE id IN (
    SELECT old.id FROM applications old
    WHERE (old.status IN ('rejected', 'withdrawn') AND old.decided_at < @refused OR old.status = 'approved' AND old.decided_at < @approved)
      AND NOT EXISTS (SELECT 1 FROM audit_holds h WHERE h.lifted_at IS NULL AND (h.kind = 'all' OR h.kind = 'account' AND h.value = old.account))
    ORDER BY old.decided_at LIMIT @most);
