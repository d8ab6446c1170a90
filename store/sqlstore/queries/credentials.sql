-- name: Credentials :many
SELECT factor, sealed, expires_at FROM credentials WHERE account = @account;

-- name: PutExpiringCredential :exec
INSERT INTO credentials (account, factor, sealed, expires_at, updated_at)
VALUES (@account, @factor, @sealed, @expires_at, @updated_at)
ON CONFLICT (account, factor) DO UPDATE
SET sealed = excluded.sealed, expires_at = excluded.expires_at, updated_at = excluded.updated_at;

-- name: DeleteCredential :execrows
DELETE FROM credentials WHERE account = @account AND factor = @factor;

-- name: ActivateAccount :execrows
UPDATE accounts SET status = 'active' WHERE id = @id AND status = 'pending_activation';

-- name: ProveContact :exec
UPDATE accounts SET phone_verified = phone_verified OR phone = @contact, email_verified = email_verified OR email = @contact
WHERE id = @id;

-- name: EndSessions :exec
UPDATE accounts SET sessions_from = @sessions_from WHERE id = @id;

-- name: CountPasskeys :one
SELECT COUNT(*) FROM passkeys WHERE account = @account;

-- name: InsertPasskey :execrows
INSERT INTO passkeys (id, account, credential_index, sealed, name, created_at)
VALUES (@id, @account, @credential_index, @sealed, @name, @created_at)
ON CONFLICT DO NOTHING;

-- name: DeletePasskey :execrows
DELETE FROM passkeys WHERE id = @id AND account = @account;
