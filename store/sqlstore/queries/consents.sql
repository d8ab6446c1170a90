-- name: PutConsent :exec
INSERT INTO consents (account, client, claims, given_at, until, declined)
VALUES (@account, @client, @claims, @given_at, @until, @declined)
ON CONFLICT (account, client) DO UPDATE SET claims = excluded.claims, given_at = excluded.given_at,
    until = excluded.until, declined = excluded.declined;

-- name: Consent :one
SELECT account, client, claims, given_at, until, declined FROM consents WHERE account = @account AND client = @client;

-- name: ConsentsOf :many
SELECT account, client, claims, given_at, until, declined FROM consents WHERE account = @account ORDER BY client;

-- name: DeleteConsent :execrows
DELETE FROM consents WHERE account = @account AND client = @client;
