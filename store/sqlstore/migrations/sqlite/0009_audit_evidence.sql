-- +goose Up

-- Signed statements about rows of the audit. What counts stands in jws; last_id and
-- at are there to find them by.
CREATE TABLE checkpoints (
    n       INTEGER PRIMARY KEY,
    last_id INTEGER   NOT NULL,
    at      TIMESTAMP NOT NULL,
    hashes  BLOB      NOT NULL,
    jws     TEXT      NOT NULL
);
CREATE INDEX checkpoints_by_row ON checkpoints (last_id);
CREATE INDEX checkpoints_by_time ON checkpoints (at);

-- Where the chain stands, sealed, so that nobody cuts its end off by SQL alone.
CREATE TABLE audit_head (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    sealed BLOB NOT NULL
);

-- What retention must leave: kind all, account or client.
CREATE TABLE audit_holds (
    id        TEXT PRIMARY KEY,
    kind      TEXT      NOT NULL CHECK (kind IN ('all', 'account', 'client')),
    value     TEXT      NOT NULL,
    reason    TEXT      NOT NULL,
    set_by    TEXT      NOT NULL,
    set_at    TIMESTAMP NOT NULL,
    lifted_by TEXT      NOT NULL DEFAULT '',
    lifted_at TIMESTAMP
);
CREATE INDEX audit_holds_in_force ON audit_holds (kind, value) WHERE lifted_at IS NULL;

-- The mark under which a transaction removes rows; it goes with the transaction.
CREATE TABLE audit_retention (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    first_id INTEGER   NOT NULL,
    last_id  INTEGER   NOT NULL,
    before   TIMESTAMP NOT NULL
);

-- How far each receiver has what is shipped.
CREATE TABLE audit_shipped (
    target TEXT PRIMARY KEY,
    n      INTEGER   NOT NULL,
    at     TIMESTAMP NOT NULL
);

DROP TRIGGER audit_keeps_rows;

-- +goose StatementBegin
CREATE TRIGGER audit_keeps_rows BEFORE DELETE ON audit WHEN
    OLD.action = 'audit.pruned'
    OR NOT EXISTS (SELECT 1 FROM audit_retention AS r WHERE OLD.id BETWEEN r.first_id AND r.last_id AND OLD.at < r.before)
    OR EXISTS (SELECT 1 FROM audit_holds AS h WHERE h.lifted_at IS NULL AND (h.kind = 'all'
        OR (h.kind = 'account' AND h.value = OLD.account) OR (h.kind = 'client' AND h.value = OLD.client)))
BEGIN
    SELECT RAISE(ABORT, 'audit rows are never deleted before their time, nor while they are held');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER checkpoints_keep_rows BEFORE DELETE ON checkpoints
BEGIN
    SELECT RAISE(ABORT, 'checkpoints are never deleted');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER checkpoints_keep_values BEFORE UPDATE ON checkpoints
BEGIN
    SELECT RAISE(ABORT, 'checkpoints are never changed');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER checkpoints_append BEFORE INSERT ON checkpoints WHEN EXISTS (SELECT 1 FROM checkpoints WHERE n >= NEW.n)
BEGIN
    SELECT RAISE(ABORT, 'checkpoints are only appended');
END;
-- +goose StatementEnd
