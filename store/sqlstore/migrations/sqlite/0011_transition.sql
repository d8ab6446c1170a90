-- +goose Up

-- One file that was imported, as far as it was read.
CREATE TABLE imports (
    id          TEXT PRIMARY KEY,
    source      TEXT      NOT NULL,
    digest      BLOB      NOT NULL, -- SHA-256 of the whole file
    rows        INTEGER   NOT NULL, -- that were read
    byte_offset INTEGER   NOT NULL, -- behind the last of them
    counts      TEXT      NOT NULL, -- JSON
    started_by  TEXT      NOT NULL,
    started_at  TIMESTAMP NOT NULL,
    updated_at  TIMESTAMP NOT NULL,
    finished_at TIMESTAMP,
    UNIQUE (source, digest)
);

-- Accounts that portals made themselves. The id is the keyed hash that links have as
-- subject_index, in base64url. The sealed text is what the portal said: login name,
-- personal number, names, birth date, phone, e-mail and the hash of the password. seq
-- is the order in which they came: indexes that lead to it grow at their ends alone.
CREATE TABLE imported_accounts (
    seq           INTEGER PRIMARY KEY,
    id            TEXT      NOT NULL UNIQUE,
    source        TEXT      NOT NULL,
    number_index  BLOB,               -- as in identifiers; of the number that the portal knew
    content       BLOB      NOT NULL, -- keyed hash of the row as it came
    sealed        BLOB      NOT NULL,
    state         TEXT      NOT NULL,
    matched       TEXT      NOT NULL,
    account       TEXT REFERENCES accounts (id), -- whom it was verified for
    created_at    TIMESTAMP NOT NULL,
    updated_at    TIMESTAMP NOT NULL,
    verified_at   TIMESTAMP,
    reminded_at   TIMESTAMP, -- on a page, at a sign-in
    notified_at   TIMESTAMP, -- by a message
    notices       INTEGER   NOT NULL DEFAULT 0
);
-- Who shares a number at a source: found without a look at each of them.
CREATE INDEX imported_by_number ON imported_accounts (number_index, source) WHERE number_index IS NOT NULL;
-- matched at the end: progress is counted from the index alone.
CREATE INDEX imported_by_state ON imported_accounts (source, state, seq, matched);
CREATE INDEX imported_verified ON imported_accounts (source, verified_at) WHERE verified_at IS NOT NULL;
CREATE INDEX imported_of_account ON imported_accounts (account) WHERE account IS NOT NULL;

-- The subjects that a sector's parties knew people by before. The account is there
-- once somebody has proved to be the person.
CREATE TABLE old_subjects (
    sector        TEXT      NOT NULL,
    sub           TEXT      NOT NULL,
    source        TEXT      NOT NULL,
    subject_index BLOB      NOT NULL, -- as in links: what the source calls the person
    account       TEXT REFERENCES accounts (id),
    created_at    TIMESTAMP NOT NULL,
    taken_at      TIMESTAMP,
    PRIMARY KEY (sector, sub)
);
CREATE INDEX old_subjects_by_subject ON old_subjects (subject_index);
CREATE INDEX old_subjects_of_account ON old_subjects (account, sector) WHERE account IS NOT NULL;
CREATE INDEX old_subjects_taken ON old_subjects (sector, sub, account) WHERE account IS NOT NULL;

-- The first of a sector is a change of what processes remember of registrations: they
-- ask for the subjects of accounts in these sectors alone.
-- +goose StatementBegin
CREATE TRIGGER old_subjects_begin AFTER INSERT ON old_subjects
WHEN NOT EXISTS (SELECT 1 FROM old_subjects WHERE sector = NEW.sector AND sub <> NEW.sub)
BEGIN
    UPDATE registration_changes SET n = n + 1;
END;
-- +goose StatementEnd

-- Links that were not made. canonical_index is of the two sides and the kind: the same
-- conflict stands here once. The sealed text, bound to id, is what an officer compares.
CREATE TABLE conflicts (
    id              TEXT PRIMARY KEY,
    kind            TEXT      NOT NULL,
    source          TEXT      NOT NULL,
    subject_index   BLOB      NOT NULL,
    account         TEXT REFERENCES accounts (id),
    other           TEXT REFERENCES accounts (id),
    canonical_index BLOB      NOT NULL UNIQUE,
    sealed          BLOB      NOT NULL,
    ref             TEXT      NOT NULL,
    opened_at       TIMESTAMP NOT NULL,
    proposed_by     TEXT      NOT NULL DEFAULT '',
    proposed_at     TIMESTAMP,
    proposed_why    TEXT      NOT NULL DEFAULT '',
    decision        TEXT      NOT NULL DEFAULT '',
    decided_by      TEXT      NOT NULL DEFAULT '',
    decided_at      TIMESTAMP,
    why             TEXT      NOT NULL DEFAULT ''
);
CREATE INDEX conflicts_waiting ON conflicts (opened_at) WHERE decision = '';
CREATE INDEX conflicts_by_subject ON conflicts (subject_index);
CREATE INDEX conflicts_of_account ON conflicts (account, opened_at);

-- Who a subject of a source was linked to before.
CREATE INDEX links_by_subject ON links (subject_index);
