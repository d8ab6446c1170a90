-- name: InsertSector :exec
INSERT INTO sectors (sector, sealed, created_at) VALUES (@sector, @sealed, @created_at) ON CONFLICT DO NOTHING;

-- name: Sector :one
SELECT sealed FROM sectors WHERE sector = @sector;

-- name: InsertSubject :execrows
INSERT INTO subjects (sector, account, sub, created_at) VALUES (@sector, @account, @sub, @created_at)
ON CONFLICT DO NOTHING;

-- name: DeleteSubject :execrows
DELETE FROM subjects WHERE sector = @sector AND account = @account AND sub = @sub;

-- name: SubjectOwner :one
SELECT account FROM subjects WHERE sector = @sector AND sub = @sub;

-- name: SubjectsKnown :many
SELECT sub, CAST(1 AS BOOLEAN) AS issued FROM subjects s WHERE s.sector = @sector AND s.account = @account
UNION ALL
SELECT sub, CAST(0 AS BOOLEAN) FROM (
    SELECT o.sub FROM old_subjects o WHERE o.account = @account AND o.sector = @sector ORDER BY o.sub LIMIT 2
);

-- name: SubjectsInAllSectors :many
SELECT s.sector, s.sub FROM subjects s WHERE s.account = @account AND s.sector IN (SELECT sector FROM sectors);

-- name: InsertSecret :exec
INSERT INTO secrets (name, sealed, created_at) VALUES (@name, @sealed, @created_at) ON CONFLICT DO NOTHING;

-- name: Secret :one
SELECT sealed FROM secrets WHERE name = @name;

-- name: GrantFacts :one
SELECT a.status, a.level,
    EXISTS (SELECT 1 FROM locks l WHERE l.account = a.id AND l.lifted_at IS NULL) AS locked,
    CAST(COALESCE((SELECT s.sub FROM subjects s WHERE s.sector = @sector AND s.account = a.id), '') AS TEXT) AS subject,
    EXISTS (
        SELECT 1 FROM granted g
        WHERE g.account = a.id AND g.client = @client AND g.subject = @subject AND g.last_at > @since
    ) AS listed,
    EXISTS (
        SELECT 1 FROM granted_through t
        WHERE t.source = @source AND t.client = @client AND t.subject = @subject AND t.last_at > @since
    ) AS listed_through
FROM accounts a
WHERE a.id = @account;
