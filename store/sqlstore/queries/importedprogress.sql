-- name: ImportedCounts :many
-- Grouped in the order of the index, so that nothing is sorted.
SELECT state, count(*) AS accounts,
  CAST(sum(CASE matched WHEN 'no_number' THEN 1 ELSE 0 END) AS INTEGER) AS no_number,
  CAST(sum(CASE matched WHEN 'unknown' THEN 1 ELSE 0 END) AS INTEGER) AS unknown,
  CAST(sum(CASE matched WHEN 'agrees' THEN 1 ELSE 0 END) AS INTEGER) AS agrees,
  CAST(sum(CASE matched WHEN 'differs' THEN 1 ELSE 0 END) AS INTEGER) AS differs
FROM imported_accounts WHERE source = @source GROUP BY state;

-- name: ImportedUnverified :many
SELECT source, state, count(*) AS accounts FROM imported_accounts GROUP BY source, state;

-- name: ImportedPage :many
-- In the order in which they came, those after the one of an id.
SELECT i.id, i.source, i.sealed, i.state, i.matched, i.account, i.created_at, i.updated_at, i.verified_at, i.reminded_at
FROM imported_accounts i WHERE i.source = @source AND i.state = @state
    AND i.seq > COALESCE((SELECT a.seq FROM imported_accounts a WHERE a.id = @after), 0)
ORDER BY i.seq LIMIT @most;

-- name: ImportsOf :one
SELECT count(*) AS imports, CAST(coalesce(min(started_at), 0) AS INTEGER) AS first_at, CAST(coalesce(max(updated_at), 0) AS INTEGER) AS last_at
FROM imports WHERE source = @source;

-- name: ImportedPerWeek :many
-- Weeks begin on Mondays at midnight, +07; times are in microseconds, and 1970 began on a Thursday.
SELECT CAST((verified_at + 284400000000) / 604800000000 AS INTEGER) AS week, count(*) AS verified
FROM imported_accounts WHERE source = @source AND verified_at >= @since GROUP BY week ORDER BY week;

-- name: SharingNumber :many
SELECT i.id, i.source, i.sealed, i.state, i.matched, i.account, i.created_at, i.updated_at, i.verified_at, i.reminded_at
FROM imported_accounts me JOIN imported_accounts i ON i.number_index = me.number_index AND i.source = me.source AND i.id <> me.id
WHERE me.id = @id ORDER BY i.id LIMIT @most;
