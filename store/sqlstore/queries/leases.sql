-- name: BeginLease :execrows
INSERT INTO leases (name, holder, until) VALUES (@name, @holder, @until) ON CONFLICT (name) DO NOTHING;

-- name: TakeLease :execrows
UPDATE leases SET holder = @holder, until = @until
WHERE name = @name AND (holder = @holder OR until <= @now OR until > @beyond);

-- name: EndLease :exec
DELETE FROM leases WHERE name = @name AND holder = @holder;

-- name: Lease :one
SELECT holder, until FROM leases WHERE name = @name;
