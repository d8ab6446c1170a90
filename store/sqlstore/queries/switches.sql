-- name: PutSwitch :exec
INSERT INTO source_switches (source, off, reason, at) VALUES (@source, @off, @reason, @at)
ON CONFLICT (source) DO UPDATE SET off = excluded.off, reason = excluded.reason, at = excluded.at;

-- name: SwitchOf :one
SELECT CAST(COALESCE(w.off, FALSE) AS BOOLEAN) AS off
FROM sources s LEFT JOIN source_switches w ON w.source = s.id
WHERE s.id = @id;

-- name: Switches :many
SELECT source, off, reason, at FROM source_switches;

-- name: InsertSwitchEvents :exec
INSERT INTO source_events (source, client, at)
SELECT CAST(@source AS TEXT), p.id, @at FROM relying_parties p WHERE p.removed_at IS NULL;

-- name: SwitchEvents :many
SELECT e.id, e.source, e.client, e.after, e.at FROM source_events e
WHERE e.at <= @settled AND (SELECT count(*) FROM logouts l WHERE l.client = e.client) < CAST(@room AS INTEGER)
ORDER BY e.id LIMIT @page;

-- name: MoveSwitchEvent :execrows
UPDATE source_events SET after = @next WHERE id = @id AND after = @after;

-- name: DeleteSwitchEvent :execrows
DELETE FROM source_events WHERE id = @id AND after = @after;

-- name: PutGrantedThrough :exec
INSERT INTO granted_through (source, client, subject, account, last_at)
VALUES (@source, @client, @subject, @account, @last_at)
ON CONFLICT (source, client, subject) DO UPDATE SET last_at = excluded.last_at
WHERE excluded.last_at > granted_through.last_at;

-- name: SubjectsThrough :many
SELECT subject FROM granted_through
WHERE source = @source AND client = @client AND subject > @after AND last_at >= @since
ORDER BY subject LIMIT @page;

-- name: CountThrough :one
SELECT count(*) FROM granted_through WHERE source = @source AND last_at >= @since;
