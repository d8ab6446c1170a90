-- name: InsertRevocationEvents :exec
INSERT INTO revocation_events (kid, client, since, at)
SELECT CAST(@kid AS TEXT), p.id, @since, @at FROM relying_parties p WHERE p.removed_at IS NULL;

-- name: RevocationEvents :many
SELECT e.id, e.kid, k.algorithm, e.client, e.since, e.after, e.at
FROM revocation_events e JOIN signing_keys k ON k.id = e.kid
WHERE e.at <= @settled AND (SELECT count(*) FROM logouts l WHERE l.client = e.client) < CAST(@room AS INTEGER)
ORDER BY e.id LIMIT @page;

-- name: SubjectsSince :many
SELECT subject FROM granted
WHERE client = @client AND subject > @after AND last_at >= @since
ORDER BY subject LIMIT @page;

-- name: MoveRevocationEvent :execrows
UPDATE revocation_events SET after = @next WHERE id = @id AND after = @after;

-- name: DeleteRevocationEvent :execrows
DELETE FROM revocation_events WHERE id = @id AND after = @after;
