-- +goose Up

-- Which keys of the master key's keyset each running process has loaded: a key seals
-- only once all can open it. A process says so again and again, or its row is old.
CREATE TABLE master_key_processes (
    process TEXT PRIMARY KEY, -- host, process, and a random part
    seals   INTEGER   NOT NULL, -- the id of the key that it seals with
    holds   TEXT      NOT NULL, -- ids, separated by spaces
    at      TIMESTAMP NOT NULL
);
