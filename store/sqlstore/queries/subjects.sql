-- name: InsertSector :exec
INSERT INTO sectors (sector, sealed, created_at) VALUES (@sector, @sealed, @created_at) ON CONFLICT DO NOTHING;

-- name: Sector :one
SELECT sealed FROM sectors WHERE sector = @sector;

-- name: InsertSubject :exec
INSERT INTO subjects (sector, account, sub, created_at) VALUES (@sector, @account, @sub, @created_at)
ON CONFLICT DO NOTHING;

-- name: Subject :one
SELECT sub FROM subjects WHERE sector = @sector AND account = @account;

-- name: InsertSecret :exec
INSERT INTO secrets (name, sealed, created_at) VALUES (@name, @sealed, @created_at) ON CONFLICT DO NOTHING;

-- name: Secret :one
SELECT sealed FROM secrets WHERE name = @name;
