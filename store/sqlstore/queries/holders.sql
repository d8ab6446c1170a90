-- name: HoldersAfter :many
SELECT a.id, a.level,
  CAST(EXISTS (SELECT 1 FROM credentials c WHERE c.account = a.id AND c.factor = 'pwd') AS BOOLEAN) AS password,
  CAST(EXISTS (SELECT 1 FROM credentials c WHERE c.account = a.id AND c.factor = 'otp') AS BOOLEAN) AS code,
  CAST(EXISTS (SELECT 1 FROM passkeys p WHERE p.account = a.id) AS BOOLEAN) AS passkey,
  CAST(a.phone_verified AND a.phone <> '' AS BOOLEAN) AS phone,
  CAST(a.email_verified AND a.email <> '' AS BOOLEAN) AS email
FROM accounts a
WHERE a.id > @after AND a.status = 'active' AND a.subject_type <> 'portal_account'
  AND NOT EXISTS (SELECT 1 FROM locks k WHERE k.account = a.id AND k.lifted_at IS NULL)
ORDER BY a.id LIMIT @page;

-- name: LinksBetween :many
SELECT account, source, cap, expires_at, id FROM links
WHERE account > @after AND account <= @last AND ended_at IS NULL
ORDER BY account;
