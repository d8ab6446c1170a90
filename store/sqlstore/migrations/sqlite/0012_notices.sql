-- +goose Up

-- What holders are to be told by message. The sealed text, bound to id, is the address;
-- it goes when the message went, or was given up. address_index is a keyed hash of it.
CREATE TABLE notices (
    id            TEXT PRIMARY KEY,
    kind          TEXT      NOT NULL,
    source        TEXT      NOT NULL,
    imported      TEXT, -- whose end nobody has to be told of any more once it is verified
    bulk          BOOLEAN   NOT NULL, -- gives way to what somebody has just done
    ref           TEXT      NOT NULL DEFAULT '',
    address_index BLOB      NOT NULL,
    sealed        BLOB      NOT NULL,
    attempts      INTEGER   NOT NULL DEFAULT 0,
    due_at        TIMESTAMP NOT NULL, -- also the end of the lease of who tries
    until         TIMESTAMP NOT NULL,
    created_at    TIMESTAMP NOT NULL,
    sent_at       TIMESTAMP,
    given_up_at   TIMESTAMP
);
CREATE INDEX notices_waiting ON notices (bulk, due_at) WHERE sent_at IS NULL AND given_up_at IS NULL;
CREATE INDEX notices_by_address ON notices (address_index, created_at);
CREATE INDEX notices_oldest ON notices (created_at) WHERE sent_at IS NULL AND given_up_at IS NULL;
CREATE INDEX notices_by_age ON notices (created_at);
CREATE INDEX notices_by_source ON notices (source, kind);

-- When a notice was due and the portal knew no address.
ALTER TABLE imported_accounts ADD COLUMN unreachable_at TIMESTAMP;
