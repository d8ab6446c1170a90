-- +goose Up

-- What operators did to sources by hand, apart from what is registered. The time is
-- that of the last change: what was given before it through the source has ended.
CREATE TABLE source_switches (
    source TEXT PRIMARY KEY,
    off    BOOLEAN   NOT NULL,
    reason TEXT      NOT NULL,
    at     TIMESTAMP NOT NULL
);

-- +goose StatementBegin
CREATE TRIGGER source_first_switched AFTER INSERT ON source_switches
BEGIN
    UPDATE registration_changes SET n = n + 1;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER source_switched AFTER UPDATE ON source_switches
BEGIN
    UPDATE registration_changes SET n = n + 1;
END;
-- +goose StatementEnd

-- Which subjects parties were given through which source: whom to tell when it is
-- switched off. A program that knows nothing of it still writes to granted.
CREATE TABLE granted_through (
    source  TEXT      NOT NULL,
    client  TEXT      NOT NULL,
    subject TEXT      NOT NULL,
    account TEXT      NOT NULL REFERENCES accounts (id),
    last_at TIMESTAMP NOT NULL,
    PRIMARY KEY (source, client, subject)
);
INSERT INTO granted_through (source, client, subject, account, last_at)
SELECT json_extract(a.detail, '$.source'), a.client, g.subject, a.account, max(a.at)
FROM audit a
JOIN granted g ON g.account = a.account AND g.client = a.client
WHERE a.action = 'grant.issued' AND json_extract(a.detail, '$.source') <> ''
GROUP BY json_extract(a.detail, '$.source'), a.client, g.subject;

-- Parties that have to be told of a switched-off source, each with the subject that
-- was told last. A row goes when all were told.
CREATE TABLE source_events (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT      NOT NULL,
    client TEXT      NOT NULL,
    after  TEXT      NOT NULL DEFAULT '',
    at     TIMESTAMP NOT NULL
);
