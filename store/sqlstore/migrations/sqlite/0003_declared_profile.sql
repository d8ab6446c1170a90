-- +goose Up

-- What a holder says of themselves. A program that knows nothing of it inserts
-- rows without it.
ALTER TABLE accounts ADD COLUMN nickname TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN preferred_username TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN profile TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN picture TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN website TEXT NOT NULL DEFAULT '';
