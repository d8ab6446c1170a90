-- name: RelyingParties :many
SELECT document FROM relying_parties WHERE removed_at IS NULL ORDER BY id;

-- name: PartyRegistrations :many
SELECT id, managed_by, sector, document, removed_at FROM relying_parties ORDER BY id;

-- name: PutRelyingParty :exec
INSERT INTO relying_parties (id, managed_by, sector, document, revision, updated_at)
VALUES (@id, @managed_by, @sector, @document, 1, @updated_at)
ON CONFLICT (id) DO UPDATE SET managed_by = excluded.managed_by, document = excluded.document,
    revision = relying_parties.revision + 1, updated_at = excluded.updated_at, removed_at = NULL;

-- name: RemoveRelyingParty :exec
UPDATE relying_parties SET revision = revision + 1, updated_at = @updated_at, removed_at = @removed_at WHERE id = @id;

-- name: Sources :many
SELECT id, managed_by, document, sealed FROM sources ORDER BY id;

-- name: PutSource :exec
INSERT INTO sources (id, managed_by, document, sealed, revision, updated_at)
VALUES (@id, @managed_by, @document, @sealed, 1, @updated_at)
ON CONFLICT (id) DO UPDATE SET managed_by = excluded.managed_by, document = excluded.document,
    sealed = excluded.sealed, revision = sources.revision + 1, updated_at = excluded.updated_at;

-- name: RemoveSource :exec
DELETE FROM sources WHERE id = @id;

-- name: RegistrationChanges :one
SELECT n FROM registration_changes;
