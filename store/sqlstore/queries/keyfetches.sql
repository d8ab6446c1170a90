-- name: InsertKeyFetch :exec
INSERT INTO key_fetches (client, kid, at) VALUES (@client, @kid, @at) ON CONFLICT DO NOTHING;

-- name: HasKeyFetch :one
SELECT EXISTS (SELECT 1 FROM key_fetches WHERE client = @client AND kid = @kid);

-- name: KeyFetches :many
SELECT client, kid, at FROM key_fetches ORDER BY client, at, kid;

-- name: KeyFetchers :many
SELECT client FROM key_fetches WHERE kid = @kid;

-- name: CleanKeyFetches :exec
DELETE FROM key_fetches
WHERE client NOT IN (SELECT p.id FROM relying_parties p WHERE p.removed_at IS NULL)
    OR NOT EXISTS (
        SELECT 1 FROM signing_keys s WHERE s.id = key_fetches.kid AND s.state <> 'retired'
        UNION ALL SELECT 1 FROM purpose_keys k WHERE k.id = key_fetches.kid AND k.state <> 'retired'
    );
