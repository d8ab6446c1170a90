-- name: InsertOldSubject :execrows
INSERT INTO old_subjects (sector, sub, source, subject_index, account, created_at, taken_at)
VALUES (@sector, @sub, @source, @subject_index, @account, @created_at, @taken_at)
ON CONFLICT DO NOTHING;

-- name: OldSubject :one
SELECT subject_index, account FROM old_subjects WHERE sector = @sector AND sub = @sub;

-- name: OldSubjectsOf :many
SELECT sector, sub, account FROM old_subjects WHERE subject_index = @subject_index ORDER BY sector, sub;

-- name: GiveOldSubject :exec
UPDATE old_subjects SET account = @account, taken_at = @taken_at WHERE sector = @sector AND sub = @sub;

-- name: SectorsWithOldSubjects :many
SELECT DISTINCT p.sector FROM relying_parties p WHERE EXISTS (SELECT 1 FROM old_subjects o WHERE o.sector = p.sector);

-- name: OldSubjectsUntaken :many
SELECT o.sub, o.subject_index FROM old_subjects o
JOIN links l ON l.subject_index = o.subject_index
WHERE o.sector = @sector AND o.sub > @after AND o.account IS NULL
    AND l.ended_at IS NULL AND (l.expires_at IS NULL OR l.expires_at > @now)
ORDER BY o.sub LIMIT @page;

-- name: OldSubjectsTaken :many
SELECT o.sub, CAST(COALESCE(s.sub, '') AS TEXT) AS issued FROM old_subjects o
LEFT JOIN subjects s ON s.sector = o.sector AND s.account = o.account
WHERE o.sector = @sector AND o.sub > @after AND o.account IS NOT NULL
ORDER BY o.sub LIMIT @page;

-- name: OldSubjectsBehind :many
SELECT o.sub FROM subjects s
JOIN old_subjects o ON o.account = s.account AND o.sector = s.sector
WHERE s.sector = @sector AND s.sub = @sub AND o.sub > @after AND o.sub <> s.sub
ORDER BY o.sub LIMIT @page;

-- name: CountOldSubjects :many
SELECT o.sector, o.source, count(*) AS subjects, count(o.account) AS taken,
    CAST(COALESCE(sum(s.sub = o.sub), 0) AS INTEGER) AS kept, CAST(COALESCE(sum(s.sub <> o.sub), 0) AS INTEGER) AS mapped
FROM old_subjects o
LEFT JOIN subjects s ON s.sector = o.sector AND s.account = o.account
GROUP BY o.sector, o.source ORDER BY o.sector, o.source;

-- name: PortalAccountsOf :many
SELECT DISTINCT l.account FROM links l JOIN accounts a ON a.id = l.account
WHERE l.subject_index = @subject_index AND a.subject_type = @subject_type;

-- name: GrantedUnder :many
SELECT client FROM granted WHERE account = @account AND subject = @subject AND last_at >= @since ORDER BY client;

-- name: DeleteGrantedUnder :exec
DELETE FROM granted WHERE account = @account AND subject = @subject;

-- name: LinkedNow :one
SELECT account FROM links
WHERE subject_index = @subject_index AND ended_at IS NULL AND (expires_at IS NULL OR expires_at > @now);
