-- name: SigningKeys :many
SELECT id, algorithm, state, sealed, public, published_at, activate_at, signing_at, verifying_at, retire_at, retired_at
FROM signing_keys ORDER BY published_at, id;

-- name: PutSigningKey :exec
INSERT INTO signing_keys (id, algorithm, state, sealed, public, published_at, activate_at, signing_at, verifying_at, retire_at, retired_at)
VALUES (@id, @algorithm, @state, @sealed, @public, @published_at, @activate_at, @signing_at, @verifying_at, @retire_at, @retired_at)
ON CONFLICT (id) DO UPDATE SET algorithm = excluded.algorithm, state = excluded.state, sealed = excluded.sealed,
    public = excluded.public, published_at = excluded.published_at, activate_at = excluded.activate_at,
    signing_at = excluded.signing_at, verifying_at = excluded.verifying_at, retire_at = excluded.retire_at,
    retired_at = excluded.retired_at;
