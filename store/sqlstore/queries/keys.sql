-- name: SigningKeys :many
SELECT id, algorithm, state, custody, sealed, public, published_at, activate_at, signing_at, verifying_at, retire_at, retired_at, revoked_at
FROM signing_keys ORDER BY published_at, id;

-- name: PurposeKeys :many
SELECT id, purpose, algorithm, state, custody, sealed, public, certificate,
    published_at, activate_at, signing_at, verifying_at, retire_at, retired_at, revoked_at
FROM purpose_keys ORDER BY published_at, id;

-- name: PutSigningKey :exec
INSERT INTO signing_keys (id, algorithm, state, custody, sealed, public, published_at, activate_at, signing_at, verifying_at, retire_at, retired_at, revoked_at)
VALUES (@id, @algorithm, @state, @custody, @sealed, @public, @published_at, @activate_at, @signing_at, @verifying_at, @retire_at, @retired_at, @revoked_at)
ON CONFLICT (id) DO UPDATE SET algorithm = excluded.algorithm, state = excluded.state, custody = excluded.custody, sealed = excluded.sealed,
    public = excluded.public, published_at = excluded.published_at, activate_at = excluded.activate_at,
    signing_at = excluded.signing_at, verifying_at = excluded.verifying_at, retire_at = excluded.retire_at,
    retired_at = excluded.retired_at, revoked_at = excluded.revoked_at;

-- name: PutPurposeKey :exec
INSERT INTO purpose_keys (id, purpose, algorithm, state, custody, sealed, public, certificate,
    published_at, activate_at, signing_at, verifying_at, retire_at, retired_at, revoked_at)
VALUES (@id, @purpose, @algorithm, @state, @custody, @sealed, @public, @certificate,
    @published_at, @activate_at, @signing_at, @verifying_at, @retire_at, @retired_at, @revoked_at)
ON CONFLICT (id) DO UPDATE SET purpose = excluded.purpose, algorithm = excluded.algorithm, state = excluded.state, custody = excluded.custody,
    sealed = excluded.sealed, public = excluded.public, certificate = excluded.certificate, published_at = excluded.published_at,
    activate_at = excluded.activate_at, signing_at = excluded.signing_at, verifying_at = excluded.verifying_at,
    retire_at = excluded.retire_at, retired_at = excluded.retired_at, revoked_at = excluded.revoked_at;

-- name: KeyRevocations :many
SELECT CAST(coalesce(json_extract(detail, '$.kid'), '') AS TEXT) AS kid, at FROM audit WHERE action = @action AND json_valid(detail) ORDER BY id;
