-- +goose Up

-- A revoked key is retired for a program that knows nothing of revocation. An empty
-- custody is the database itself, where the private key is sealed.
ALTER TABLE signing_keys ADD COLUMN revoked_at TIMESTAMP;
ALTER TABLE signing_keys ADD COLUMN custody TEXT NOT NULL DEFAULT '';

-- Keys of every purpose but tokens, which stay in signing_keys: a program that knows
-- tokens alone would not open these.
CREATE TABLE purpose_keys (
    id           TEXT PRIMARY KEY,
    purpose      TEXT NOT NULL,
    algorithm    TEXT NOT NULL,
    state        TEXT NOT NULL,
    custody      TEXT NOT NULL,
    sealed       BLOB NOT NULL,
    public       TEXT NOT NULL,
    certificate  BLOB NOT NULL, -- X.509, DER; empty where the purpose has none
    published_at TIMESTAMP,
    activate_at  TIMESTAMP,
    signing_at   TIMESTAMP,
    verifying_at TIMESTAMP,
    retire_at    TIMESTAMP,
    retired_at   TIMESTAMP,
    revoked_at   TIMESTAMP
);
CREATE UNIQUE INDEX purpose_keys_signing ON purpose_keys (purpose, algorithm) WHERE state = 'signing';

-- Which parties have fetched a key set that holds a key, and when first.
CREATE TABLE key_fetches (
    client TEXT      NOT NULL,
    kid    TEXT      NOT NULL,
    at     TIMESTAMP NOT NULL,
    PRIMARY KEY (client, kid)
);

-- Parties that have to be told that a key which signed tokens for them since a time
-- was revoked, each with the subject that was told last. A row goes when all were told.
CREATE TABLE revocation_events (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    kid    TEXT      NOT NULL,
    client TEXT      NOT NULL,
    since  TIMESTAMP NOT NULL,
    after  TEXT      NOT NULL DEFAULT '',
    at     TIMESTAMP NOT NULL
);
-- The subjects of one party, a page at a time.
CREATE INDEX granted_by_client ON granted (client, subject, last_at);

-- Who does what only one process does at a time, and until when.
CREATE TABLE leases (
    name   TEXT PRIMARY KEY,
    holder TEXT      NOT NULL,
    until  TIMESTAMP NOT NULL
);
