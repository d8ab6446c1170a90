-- name: FormerHolder :one
SELECT k.account FROM links k JOIN accounts a ON a.id = k.account
WHERE k.subject_index = @subject_index AND k.account <> @account AND a.subject_type <> 'portal_account'
ORDER BY k.created_at DESC, k.id DESC LIMIT 1;

-- name: ShadowOf :one
SELECT a.id FROM links k JOIN accounts a ON a.id = k.account
WHERE k.subject_index = @subject_index AND a.subject_type = 'portal_account' AND a.status = 'active'
ORDER BY k.created_at DESC, k.id DESC LIMIT 1;

-- name: CloseShadow :execrows
UPDATE accounts SET status = 'closed', updated_at = @updated_at
WHERE id = @id AND subject_type = 'portal_account' AND status = 'active';

-- name: VerifyImported :exec
UPDATE imported_accounts SET state = 'verified', account = @account, verified_at = @verified_at, updated_at = @updated_at
WHERE imported_accounts.id = @id AND state <> 'rejected'
    AND NOT EXISTS (SELECT 1 FROM accounts a WHERE a.id = @account AND a.subject_type = 'portal_account');

-- name: UnverifyImported :execrows
UPDATE imported_accounts SET state = 'waiting', account = NULL, verified_at = NULL, updated_at = @updated_at
WHERE id = @id AND account = @account AND state = 'verified';

-- name: ConflictsBetween :many
SELECT id, kind, source, account, other, canonical_index, ref, opened_at, proposed_by, proposed_at, decision, decided_by, decided_at, why
FROM conflicts WHERE subject_index = @subject_index AND account = @account;

-- name: ConflictByCanonical :one
SELECT id, kind, source, account, other, ref, opened_at, proposed_by, proposed_at, decision, decided_by, decided_at, why
FROM conflicts WHERE canonical_index = @canonical_index;

-- name: CountConflicts :one
SELECT COUNT(CASE WHEN opened_at > @since THEN 1 END) AS recent, COUNT(CASE WHEN decision = '' THEN 1 END) AS waiting
FROM conflicts WHERE account = @account;

-- name: InsertConflict :execrows
INSERT INTO conflicts (id, kind, source, subject_index, account, other, canonical_index, sealed, ref, opened_at)
VALUES (@id, @kind, @source, @subject_index, @account, @other, @canonical_index, @sealed, @ref, @opened_at)
ON CONFLICT DO NOTHING;

-- name: HeldLinks :many
SELECT id, account, source, cap, expires_at, created_at
FROM links WHERE account = @account AND ended_at IS NULL AND (expires_at IS NULL OR expires_at > @now)
ORDER BY created_at, id;
