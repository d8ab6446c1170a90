-- name: RenewAccount :execrows
UPDATE accounts SET name = @name, birth_date = @birth_date, gender = @gender, nationality = @nationality, address = @address,
    level = @level, status = @status, own_floor = 0, phone = @phone, phone_verified = FALSE, email = @email, email_verified = FALSE,
    nickname = '', preferred_username = '', profile = '', picture = '', website = '',
    sessions_from = COALESCE(@sessions_from, sessions_from), updated_at = @updated_at
WHERE id = @id;

-- name: DeleteCredentials :exec
DELETE FROM credentials WHERE account = @account;

-- name: DeletePasskeys :exec
DELETE FROM passkeys WHERE account = @account;

-- name: PutFirstPassword :exec
INSERT INTO credentials (account, factor, sealed, updated_at, expires_at)
VALUES (@account, @factor, @sealed, @updated_at, @expires_at)
ON CONFLICT (account, factor) DO UPDATE SET sealed = excluded.sealed, updated_at = excluded.updated_at, expires_at = excluded.expires_at;

-- name: InsertEvidence :exec
INSERT INTO evidence (id, account, kind, method, database, reference, officer, rules, at)
VALUES (@id, @account, @kind, @method, @database, @reference, @officer, @rules, @at);

-- name: EvidenceOf :many
SELECT id, account, kind, method, database, reference, officer, rules, at
FROM evidence WHERE account = @account ORDER BY at, id LIMIT @page;

-- name: EndDocument :exec
UPDATE documents SET ended_at = @ended_at WHERE account = @account AND kind = @kind AND ended_at IS NULL;

-- name: InsertDocument :exec
INSERT INTO documents (id, account, kind, sealed, issuer, expires_on, verified_at, verified_by)
VALUES (@id, @account, @kind, @sealed, @issuer, @expires_on, @verified_at, @verified_by);

-- name: DocumentsOf :many
SELECT id, kind, sealed, issuer, expires_on, verified_at, verified_by
FROM documents WHERE account = @account AND ended_at IS NULL ORDER BY kind;
