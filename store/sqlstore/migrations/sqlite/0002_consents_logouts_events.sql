-- +goose Up

-- The consents in force; their history is in the audit.
CREATE TABLE consents (
    account  TEXT      NOT NULL REFERENCES accounts (id),
    client   TEXT      NOT NULL,
    claims   TEXT      NOT NULL, -- JSON list of names
    given_at TIMESTAMP NOT NULL,
    until    TIMESTAMP NOT NULL,
    PRIMARY KEY (account, client)
);

-- Which parties know an account, and under which subject.
CREATE TABLE granted (
    account TEXT      NOT NULL REFERENCES accounts (id),
    client  TEXT      NOT NULL,
    subject TEXT      NOT NULL,
    last_at TIMESTAMP NOT NULL,
    PRIMARY KEY (account, client, subject)
);
-- The sessions of before are told of a lock too.
INSERT INTO granted (account, client, subject, last_at)
SELECT a.account, a.client, s.sub, max(a.at)
FROM audit a
JOIN relying_parties p ON p.id = a.client
JOIN subjects s ON s.sector = p.sector AND s.account = a.account
WHERE a.action = 'grant.issued'
GROUP BY a.account, a.client, s.sub;

-- Notices that wait to be delivered. One that is leased is due again when its
-- lease ends.
CREATE TABLE logouts (
    id         TEXT PRIMARY KEY,
    client     TEXT      NOT NULL,
    subject    TEXT      NOT NULL,
    sid        TEXT      NOT NULL,
    attempts   INTEGER   NOT NULL DEFAULT 0,
    leased     BOOLEAN   NOT NULL DEFAULT FALSE,
    due_at     TIMESTAMP NOT NULL,
    created_at TIMESTAMP NOT NULL
);
CREATE INDEX logouts_due ON logouts (client, due_at, id);
CREATE INDEX logouts_by_age ON logouts (client, created_at, id);
CREATE INDEX logouts_leased ON logouts (client, due_at) WHERE leased;

-- Clients take turns: the one with the lowest turn waits longest.
CREATE TABLE logout_queues (
    client TEXT PRIMARY KEY,
    turn   INTEGER NOT NULL DEFAULT 0
);

-- What has to be told. A row goes when it is dispatched, and its id never comes
-- back.
CREATE TABLE events (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    kind    TEXT      NOT NULL,
    account TEXT      NOT NULL REFERENCES accounts (id),
    at      TIMESTAMP NOT NULL
);

-- One key signs for each algorithm, whatever a program believes.
CREATE UNIQUE INDEX signing_keys_signing ON signing_keys (algorithm) WHERE state = 'signing';
