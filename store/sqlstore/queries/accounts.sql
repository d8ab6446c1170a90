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

-- name: Account :one
SELECT a.id, a.subject_type, a.name, a.birth_date, a.gender, a.nationality, a.address, a.level, a.status, a.own_floor,
    a.phone, a.phone_verified, a.email, a.email_verified,
    a.nickname, a.preferred_username, a.profile, a.picture, a.website, a.managed_by, a.updated_at, a.sessions_from,
    i.id AS identifier, i.kind, i.country, i.sealed,
    EXISTS (SELECT 1 FROM credentials c WHERE c.account = a.id AND c.factor = 'pwd') AS has_password,
    EXISTS (SELECT 1 FROM credentials c WHERE c.account = a.id AND c.factor = 'otp') AS has_code,
    EXISTS (SELECT 1 FROM credentials c WHERE c.account = a.id AND c.factor = 'first_pwd') AS has_first,
    EXISTS (SELECT 1 FROM passkeys p WHERE p.account = a.id) AS has_passkey,
    EXISTS (SELECT 1 FROM locks l WHERE l.account = a.id AND l.lifted_at IS NULL) AS locked,
    EXISTS (SELECT 1 FROM links k WHERE k.account = a.id AND k.ended_at IS NULL) AS linked
FROM accounts a
JOIN identifiers i ON i.account = a.id AND i.ended_at IS NULL
WHERE a.id = @id;

-- name: AccountByIdentifier :one
SELECT account FROM identifiers WHERE blind_index = @blind_index AND ended_at IS NULL;

-- name: Credential :one
SELECT sealed FROM credentials WHERE account = @account AND factor = @factor;

-- name: AccountStatus :one
SELECT status FROM accounts WHERE id = @id;
