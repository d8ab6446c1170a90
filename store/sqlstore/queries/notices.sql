-- name: InsertNotice :exec
INSERT INTO notices (id, kind, channel, urgent, abroad, stranger, source, imported, bulk, ref, address_index, sealed, due_at, ready_at, until, created_at)
VALUES (@id, @kind, @channel, @urgent, @abroad, @stranger, @source, @imported, @bulk, @ref, @address_index, @sealed, @due_at, @ready_at, @until, @created_at);

-- name: CountWaitingNotices :one
SELECT count(*) FROM notices WHERE sent_at IS NULL AND given_up_at IS NULL AND bulk >= @least;

-- name: OldestNotice :one
SELECT created_at FROM notices WHERE sent_at IS NULL AND given_up_at IS NULL ORDER BY created_at LIMIT 1;

-- name: NoticeDue :one
SELECT count(*) FROM (SELECT 1 FROM notices WHERE channel = @channel AND urgent = @urgent AND sent_at IS NULL AND given_up_at IS NULL AND (COALESCE(ready_at, due_at) <= @now OR until <= @now) LIMIT 1);

-- name: GiveUpLateNotices :exec
UPDATE notices SET given_up_at = @given_up_at, sealed = @nothing
WHERE channel = @channel AND urgent = @urgent AND sent_at IS NULL AND given_up_at IS NULL AND until <= @given_up_at;

-- name: NoticesDue :many
SELECT n.id, n.kind, n.channel, n.source, n.ref, n.sealed, n.attempts, n.created_at, n.until, n.imported, i.state
FROM notices n LEFT JOIN imported_accounts i ON i.id = n.imported
WHERE n.channel = @channel AND n.urgent = @urgent AND n.sent_at IS NULL AND n.given_up_at IS NULL AND COALESCE(n.ready_at, n.due_at) <= @now
ORDER BY n.bulk, COALESCE(n.ready_at, n.due_at), n.id LIMIT @page;

-- name: LeaseNotice :exec
UPDATE notices
SET due_at = CASE WHEN ready_at IS NULL THEN @until ELSE due_at END, ready_at = CASE WHEN ready_at IS NOT NULL THEN @until END,
    attempts = attempts + 1
WHERE id = @id;

-- name: DeleteNotice :exec
DELETE FROM notices WHERE id = @id;

-- name: NoticeSent :execrows
UPDATE notices SET sent_at = @sent_at, sealed = @nothing WHERE id = @id AND sent_at IS NULL;

-- name: DeferNotice :execrows
UPDATE notices
SET due_at = CASE WHEN ready_at IS NULL THEN @due_at ELSE due_at END, ready_at = CASE WHEN ready_at IS NOT NULL THEN @due_at END
WHERE id = @id AND sent_at IS NULL AND given_up_at IS NULL;

-- name: PutBackNotice :execrows
UPDATE notices
SET due_at = CASE WHEN ready_at IS NULL THEN @due_at ELSE due_at END, ready_at = CASE WHEN ready_at IS NOT NULL THEN @due_at END,
    attempts = CASE WHEN attempts > 0 THEN attempts - 1 ELSE 0 END
WHERE id = @id AND sent_at IS NULL AND given_up_at IS NULL;

-- name: GiveUpNotice :exec
UPDATE notices SET given_up_at = @given_up_at, sealed = @nothing WHERE id = @id AND sent_at IS NULL AND given_up_at IS NULL;

-- name: PruneNotices :execrows
DELETE FROM notices WHERE notices.id IN (
    SELECT n.id FROM notices n
    WHERE n.created_at <= @ended AND (n.sent_at <= @sent OR n.given_up_at <= @given_up) ORDER BY n.created_at LIMIT @page
);

-- name: NoticeForAddress :one
SELECT id FROM notices
WHERE address_index = @address_index AND kind = @kind AND source = @source AND created_at >= @since ORDER BY created_at DESC LIMIT 1;

-- name: NoticeForSeveral :exec
UPDATE notices SET imported = NULL WHERE id = @id;

-- name: EndsOfLink :one
SELECT l.subject_index, a.subject_type FROM links l JOIN accounts a ON a.id = l.account WHERE l.id = @id;

-- name: OldAccountsToNotify :many
SELECT i.id, i.state, i.notified_at, i.unreachable_at, i.updated_at FROM imported_accounts i
WHERE i.source = @source AND i.state = @state
    AND i.seq > COALESCE((SELECT a.seq FROM imported_accounts a WHERE a.id = @after), 0)
ORDER BY i.seq LIMIT @page;

-- name: NotifiedImported :exec
UPDATE imported_accounts SET notified_at = @at, notices = notices + 1
WHERE id = @id;

-- name: UnreachableImported :exec
UPDATE imported_accounts SET unreachable_at = @at WHERE id = @id;

-- name: ImportedToNotify :one
SELECT state, notified_at, unreachable_at, updated_at, sealed FROM imported_accounts WHERE id = @id;

-- name: CountNotified :one
SELECT count(*) AS accounts,
    count(CASE WHEN notified_at IS NOT NULL THEN 1 END) AS told,
    count(CASE WHEN notified_at IS NULL AND unreachable_at IS NOT NULL THEN 1 END) AS unreachable
FROM imported_accounts WHERE source = @source AND state IN ('waiting', 'contested');

-- name: CountNoticesOf :many
SELECT kind,
    count(CASE WHEN sent_at IS NULL AND given_up_at IS NULL THEN 1 END) AS waiting,
    count(sent_at) AS sent, count(given_up_at) AS given_up
FROM notices WHERE source = @source GROUP BY kind ORDER BY kind;

-- name: CountNotices :many
SELECT kind, channel,
    count(CASE WHEN sent_at IS NULL AND given_up_at IS NULL THEN 1 END) AS waiting,
    count(sent_at) AS sent, count(given_up_at) AS given_up
FROM notices GROUP BY kind, channel ORDER BY kind, channel;

-- name: OldestNoticeOf :one
SELECT created_at FROM notices
WHERE kind = @kind AND channel = @channel AND sent_at IS NULL AND given_up_at IS NULL ORDER BY created_at LIMIT 1;
