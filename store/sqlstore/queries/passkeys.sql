-- name: PasskeysOf :many
SELECT id, account, sealed, name, created_at, used_at FROM passkeys WHERE account = @account ORDER BY created_at, id;

-- name: PasskeyByCredential :one
SELECT id, account, sealed, name, created_at, used_at FROM passkeys WHERE credential_index = @credential_index;

-- name: Passkey :one
SELECT id, account, sealed, name, created_at, used_at FROM passkeys WHERE id = @id;

-- name: UsePasskey :execrows
UPDATE passkeys SET sealed = @sealed, used_at = @used_at WHERE id = @id;

-- name: InsertPasskey :execrows
INSERT INTO passkeys (id, account, credential_index, sealed, name, created_at)
VALUES (@id, @account, @credential_index, @sealed, @name, @created_at)
ON CONFLICT DO NOTHING;

-- name: DeletePasskey :execrows
DELETE FROM passkeys WHERE id = @id AND account = @account;
