-- name: InsertReview :execrows
INSERT INTO reviews (id, account, source, canonical_index, sealed, opened_at)
VALUES (@id, @account, @source, @canonical_index, @sealed, @opened_at)
ON CONFLICT DO NOTHING;

-- name: ReviewByCanonical :one
SELECT id, account, source, opened_at, decision, decided_at, decided_by, why
FROM reviews WHERE canonical_index = @canonical_index;

-- name: Review :one
SELECT id, account, source, sealed, opened_at, decision, decided_at, decided_by, why
FROM reviews WHERE id = @id;

-- name: WaitingReviews :many
SELECT id, account, source, opened_at, decision, decided_at, decided_by, why
FROM reviews WHERE decision = '' ORDER BY opened_at, id LIMIT @most;

-- name: Reviews :many
SELECT id, account, source, opened_at, decision, decided_at, decided_by, why
FROM reviews ORDER BY opened_at, id LIMIT @most;

-- name: DecideReview :execrows
UPDATE reviews SET decision = @decision, decided_at = @decided_at, decided_by = @decided_by, why = @why
WHERE id = @id AND decision = '';

-- name: CountWaitingReviews :one
SELECT COUNT(*) FROM reviews WHERE account = @account AND decision = '';
