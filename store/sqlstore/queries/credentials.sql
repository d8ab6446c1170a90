-- name: Credentials :many
SELECT factor, sealed, expires_at FROM credentials WHERE account = @account;

-- name: DeleteCredential :execrows
DELETE FROM credentials WHERE account = @account AND factor = @factor;

-- name: ActivateAccount :execrows
UPDATE accounts SET status = 'active' WHERE id = @id AND status = 'pending_activation';

-- name: ProveContact :exec
UPDATE accounts SET phone_verified = phone_verified OR phone = @contact, email_verified = email_verified OR email = @contact
WHERE id = @id;

-- name: ResetAccount :exec
UPDATE accounts SET sessions_from = @sessions_from WHERE id = @id;

-- name: CountPasskeys :one
SELECT COUNT(*) FROM passkeys WHERE account = @account;
