-- +goose Up

-- Times are integers, microseconds since 1970 in UTC. BLOB columns named sealed
-- hold what the master key sealed, bound to their table and row.

CREATE TABLE accounts (
    id             TEXT PRIMARY KEY,
    subject_type   TEXT      NOT NULL,
    name           TEXT      NOT NULL,
    birth_date     TEXT      NOT NULL,
    gender         TEXT      NOT NULL,
    nationality    TEXT      NOT NULL,
    address        TEXT      NOT NULL,
    level          INTEGER   NOT NULL CHECK (level IN (1, 2)),
    status         TEXT      NOT NULL,
    own_floor      INTEGER   NOT NULL CHECK (own_floor BETWEEN 0 AND level),
    phone          TEXT      NOT NULL,
    phone_verified BOOLEAN   NOT NULL,
    email          TEXT      NOT NULL,
    email_verified BOOLEAN   NOT NULL,
    created_at     TIMESTAMP NOT NULL,
    updated_at     TIMESTAMP NOT NULL
);

-- A renewed paper ends a row and begins another.
CREATE TABLE identifiers (
    id          TEXT PRIMARY KEY,
    account     TEXT      NOT NULL REFERENCES accounts (id),
    kind        TEXT      NOT NULL,
    country     TEXT      NOT NULL,
    sealed      BLOB      NOT NULL,
    blind_index BLOB      NOT NULL,
    created_at  TIMESTAMP NOT NULL,
    ended_at    TIMESTAMP
);
CREATE UNIQUE INDEX identifiers_in_use ON identifiers (blind_index) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX identifiers_of_account ON identifiers (account) WHERE ended_at IS NULL;

-- The sealed text is a password's hash or a TOTP secret.
CREATE TABLE credentials (
    account    TEXT      NOT NULL REFERENCES accounts (id),
    factor     TEXT      NOT NULL,
    sealed     BLOB      NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    PRIMARY KEY (account, factor)
);

CREATE TABLE locks (
    id            TEXT PRIMARY KEY,
    account       TEXT      NOT NULL REFERENCES accounts (id),
    reason        TEXT      NOT NULL,
    requester     TEXT      NOT NULL,
    document      TEXT      NOT NULL,
    set_at        TIMESTAMP NOT NULL,
    lifted_at     TIMESTAMP,
    lift_document TEXT      NOT NULL DEFAULT ''
);
CREATE INDEX locks_in_force ON locks (account, set_at) WHERE lifted_at IS NULL;

CREATE TABLE links (
    id            TEXT PRIMARY KEY,
    account       TEXT      NOT NULL REFERENCES accounts (id),
    source        TEXT      NOT NULL,
    subject_index BLOB      NOT NULL,
    cap           INTEGER   NOT NULL CHECK (cap IN (1, 2)),
    evidence      TEXT      NOT NULL,
    created_at    TIMESTAMP NOT NULL,
    expires_at    TIMESTAMP,
    ended_at      TIMESTAMP
);
CREATE UNIQUE INDEX links_in_use ON links (subject_index) WHERE ended_at IS NULL;
CREATE INDEX links_of_account ON links (account) WHERE ended_at IS NULL;

-- A removed party keeps its row: its sector stays what it was if it comes back.
CREATE TABLE relying_parties (
    id         TEXT PRIMARY KEY,
    managed_by TEXT      NOT NULL,
    sector     TEXT      NOT NULL,
    document   TEXT      NOT NULL,
    revision   INTEGER   NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    removed_at TIMESTAMP
);

-- The sealed text is the settings, which may hold client secrets.
CREATE TABLE sources (
    id         TEXT PRIMARY KEY,
    managed_by TEXT      NOT NULL,
    document   TEXT      NOT NULL,
    sealed     BLOB      NOT NULL,
    revision   INTEGER   NOT NULL,
    updated_at TIMESTAMP NOT NULL
);

CREATE TABLE sectors (
    sector     TEXT PRIMARY KEY,
    sealed     BLOB      NOT NULL,
    created_at TIMESTAMP NOT NULL
);

CREATE TABLE subjects (
    sector     TEXT      NOT NULL,
    account    TEXT      NOT NULL REFERENCES accounts (id),
    sub        TEXT      NOT NULL,
    created_at TIMESTAMP NOT NULL,
    PRIMARY KEY (sector, account),
    UNIQUE (sector, sub)
);

CREATE TABLE signing_keys (
    id           TEXT PRIMARY KEY,
    algorithm    TEXT NOT NULL,
    state        TEXT NOT NULL,
    sealed       BLOB NOT NULL,
    public       TEXT NOT NULL,
    published_at TIMESTAMP,
    activate_at  TIMESTAMP,
    signing_at   TIMESTAMP,
    verifying_at TIMESTAMP,
    retire_at    TIMESTAMP,
    retired_at   TIMESTAMP
);

CREATE TABLE secrets (
    name       TEXT PRIMARY KEY,
    sealed     BLOB      NOT NULL,
    created_at TIMESTAMP NOT NULL
);

-- What strangers do is counted, not audited: they must not fill the disk.
CREATE TABLE counters (
    day  TEXT    NOT NULL, -- 2006-01-02 in Viet Nam
    name TEXT    NOT NULL,
    n    INTEGER NOT NULL,
    PRIMARY KEY (day, name)
);

CREATE TABLE audit (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at      TIMESTAMP NOT NULL,
    actor   TEXT      NOT NULL,
    action  TEXT      NOT NULL,
    account TEXT      NOT NULL,
    client  TEXT      NOT NULL,
    ref     TEXT      NOT NULL,
    detail  TEXT      NOT NULL
);
CREATE INDEX audit_by_action ON audit (action, id);
CREATE INDEX audit_by_account ON audit (account, id);

-- +goose StatementBegin
CREATE TRIGGER audit_keeps_rows BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'audit rows are never deleted');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER audit_keeps_values BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'audit rows are never changed');
END;
-- +goose StatementEnd

-- INSERT OR REPLACE fires no trigger of the row that it removes.
-- +goose StatementBegin
CREATE TRIGGER audit_appends BEFORE INSERT ON audit WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'audit rows are never replaced');
END;
-- +goose StatementEnd
