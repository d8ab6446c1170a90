-- name: InsertAccount :execrows
INSERT INTO accounts (id, subject_type, name, birth_date, gender, nationality, address, level, status, own_floor,
    phone, phone_verified, email, email_verified, nickname, preferred_username, profile, picture, website,
    managed_by, created_at, updated_at)
VALUES (@id, @subject_type, @name, @birth_date, @gender, @nationality, @address, @level, @status, @own_floor,
    @phone, @phone_verified, @email, @email_verified, @nickname, @preferred_username, @profile, @picture, @website,
    @managed_by, @created_at, @updated_at)
ON CONFLICT DO NOTHING;

-- name: InsertIdentifier :execrows
INSERT INTO identifiers (id, account, kind, country, sealed, blind_index, created_at)
VALUES (@id, @account, @kind, @country, @sealed, @blind_index, @created_at)
ON CONFLICT DO NOTHING;

-- name: EndIdentifier :execrows
UPDATE identifiers SET ended_at = @ended_at WHERE account = @account AND ended_at IS NULL;

-- name: PutCredential :exec
INSERT INTO credentials (account, factor, sealed, updated_at)
VALUES (@account, @factor, @sealed, @updated_at)
ON CONFLICT (account, factor) DO UPDATE SET sealed = excluded.sealed, updated_at = excluded.updated_at;

-- name: TouchAccount :execrows
UPDATE accounts SET updated_at = @updated_at WHERE id = @id;

-- name: SetLevel :execrows
UPDATE accounts SET level = @level, own_floor = @own_floor, updated_at = @updated_at WHERE id = @id;

-- name: Holder :one
SELECT id, subject_type, name, birth_date, gender, nationality, address, level, status, own_floor,
    phone, phone_verified, email, email_verified, nickname, preferred_username, profile, picture, website,
    managed_by, updated_at, sessions_from, identifier, kind, country, sealed, blind_index,
    has_password, has_code, has_first, has_passkey, locked, linked
FROM holders WHERE id = @id;

-- name: HolderByIdentifier :one
SELECT id, subject_type, name, birth_date, gender, nationality, address, level, status, own_floor,
    phone, phone_verified, email, email_verified, nickname, preferred_username, profile, picture, website,
    managed_by, updated_at, sessions_from, identifier, kind, country, sealed, blind_index,
    has_password, has_code, has_first, has_passkey, locked, linked
FROM holders WHERE blind_index = @blind_index;

-- name: AccountByIdentifier :one
SELECT account FROM identifiers WHERE blind_index = @blind_index AND ended_at IS NULL;

-- name: Credential :one
SELECT sealed FROM credentials WHERE account = @account AND factor = @factor;

-- name: AccountStatus :one
SELECT status FROM accounts WHERE id = @id;
