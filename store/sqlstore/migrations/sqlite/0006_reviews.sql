-- +goose Up

-- Comparisons with a civil registry that left a doubt, for an officer to decide.
CREATE TABLE reviews (
    id              TEXT PRIMARY KEY,
    account         TEXT NOT NULL REFERENCES accounts (id),
    source          TEXT NOT NULL,
    canonical_index BLOB NOT NULL UNIQUE,
    sealed          BLOB NOT NULL,
    opened_at       TIMESTAMP NOT NULL,
    decision        TEXT NOT NULL DEFAULT '',
    decided_at      TIMESTAMP,
    decided_by      TEXT NOT NULL DEFAULT '',
    why             TEXT NOT NULL DEFAULT ''
);
CREATE INDEX reviews_waiting ON reviews (opened_at) WHERE decision = '';
