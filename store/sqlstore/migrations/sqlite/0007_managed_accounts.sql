-- +goose Up

-- The national source that an account was made through and whose word its level
-- follows; empty where an operator made it. A program that knows nothing of it
-- inserts rows without it.
ALTER TABLE accounts ADD COLUMN managed_by TEXT NOT NULL DEFAULT '';
