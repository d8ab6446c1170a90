-- +goose Up

-- How an account came to its level, and what is known of how it signs in.

-- A credential that ends by itself: a first password that was sent.
ALTER TABLE credentials ADD COLUMN expires_at TIMESTAMP;

-- What an account proved before does not count any more: its credentials were changed.
ALTER TABLE accounts ADD COLUMN sessions_from TIMESTAMP;

-- Passkeys (WebAuthn Level 3). The sealed text is the credential record, bound to id;
-- credential_index is a keyed hash of its credential ID.
CREATE TABLE passkeys (
    id               TEXT PRIMARY KEY,
    account          TEXT      NOT NULL REFERENCES accounts (id),
    credential_index BLOB      NOT NULL UNIQUE,
    sealed           BLOB      NOT NULL,
    name             TEXT      NOT NULL,
    created_at       TIMESTAMP NOT NULL,
    used_at          TIMESTAMP
);
CREATE INDEX passkeys_of_account ON passkeys (account);

-- What a level rests on (Decision 34/2021, Art. 7): never an image, only that a
-- comparison was made, how, against which database, by whom and when.
CREATE TABLE evidence (
    id         TEXT PRIMARY KEY,
    account    TEXT      NOT NULL REFERENCES accounts (id),
    kind       TEXT      NOT NULL, -- biometric, registry, card, document, confirmation
    method     TEXT      NOT NULL, -- portrait or fingerprint, of a biometric
    database   TEXT      NOT NULL, -- population, card or immigration
    reference  TEXT      NOT NULL, -- what the other side calls the comparison
    officer    TEXT      NOT NULL, -- account of the officer; empty for the gateway itself
    rules      TEXT      NOT NULL, -- the rule set of that day
    at         TIMESTAMP NOT NULL
);
CREATE INDEX evidence_of_account ON evidence (account, at);

-- Documents that an officer compared with their originals (Decision 34/2021, Art. 8).
-- The sealed text is the number, bound to id.
CREATE TABLE documents (
    id          TEXT PRIMARY KEY,
    account     TEXT      NOT NULL REFERENCES accounts (id),
    kind        TEXT      NOT NULL,
    sealed      BLOB      NOT NULL,
    issuer      TEXT      NOT NULL,
    expires_on  TEXT      NOT NULL, -- 2006-01-02; empty: it does not end
    verified_at TIMESTAMP NOT NULL,
    verified_by TEXT      NOT NULL, -- account of the officer
    ended_at    TIMESTAMP
);
CREATE UNIQUE INDEX documents_in_use ON documents (account, kind) WHERE ended_at IS NULL;

-- Claims that a holder was asked for one by one and declined: a JSON list of names.
ALTER TABLE consents ADD COLUMN declined TEXT NOT NULL DEFAULT '[]';

-- Who may do what at a counter. Operators say so, officers never.
CREATE TABLE officers (
    account    TEXT PRIMARY KEY REFERENCES accounts (id),
    office     TEXT      NOT NULL,
    tasks      TEXT      NOT NULL, -- space-separated: intake, approve, review, locks
    added_at   TIMESTAMP NOT NULL,
    ended_at   TIMESTAMP
);

-- Registrations in the app that were sent and did not end at once: those that an
-- officer has to look at. The sealed text is what was declared, bound to id.
CREATE TABLE registrations (
    id           TEXT PRIMARY KEY,
    ref          TEXT      NOT NULL,
    subject_type TEXT      NOT NULL,
    number_index BLOB      NOT NULL,
    sealed       BLOB      NOT NULL,
    why          TEXT      NOT NULL, -- accents, year_only, contradiction, gender
    status       TEXT      NOT NULL, -- processing, approved, rejected
    rules        TEXT      NOT NULL,
    due_at       TIMESTAMP NOT NULL,
    created_at   TIMESTAMP NOT NULL,
    decided_at   TIMESTAMP,
    decided_by   TEXT      NOT NULL DEFAULT '',
    reason       TEXT      NOT NULL DEFAULT '',
    account      TEXT REFERENCES accounts (id)
);
CREATE INDEX registrations_open ON registrations (due_at) WHERE account IS NULL AND status <> 'rejected';
CREATE INDEX registrations_decided ON registrations (decided_at);
CREATE INDEX registrations_of_number ON registrations (number_index, created_at);

-- Applications at a counter. The sealed text is all that was taken in of the person and
-- the papers, bound to id; revision counts its changes.
CREATE TABLE applications (
    id            TEXT PRIMARY KEY,
    ref           TEXT      NOT NULL UNIQUE,
    subject_type  TEXT      NOT NULL,
    number_index  BLOB      NOT NULL,
    sealed        BLOB      NOT NULL,
    level         INTEGER   NOT NULL CHECK (level IN (1, 2)),
    status        TEXT      NOT NULL, -- submitted, processing, confirmed, approved, rejected, withdrawn
    office        TEXT      NOT NULL,
    opened_by     TEXT      NOT NULL, -- account of the officer
    decided_by    TEXT      NOT NULL DEFAULT '',
    decided_at    TIMESTAMP,
    account       TEXT REFERENCES accounts (id), -- once it is approved
    rules         TEXT      NOT NULL,
    due_at        TIMESTAMP NOT NULL,
    revision      INTEGER   NOT NULL DEFAULT 1,
    created_at    TIMESTAMP NOT NULL,
    updated_at    TIMESTAMP NOT NULL
);
CREATE INDEX applications_due ON applications (office, status, due_at);
CREATE INDEX applications_opened ON applications (opened_by, created_at);
CREATE INDEX applications_decided ON applications (status, decided_at);
CREATE INDEX applications_left ON applications (due_at) WHERE status IN ('submitted', 'processing', 'confirmed');
-- A number has one open application at most, wherever it was taken in.
CREATE UNIQUE INDEX applications_of_number ON applications (number_index) WHERE status IN ('submitted', 'processing', 'confirmed');

-- Which party asked for a lock (empty: a row from before, whose reason says it), and who
-- for its end and on what grounds.
ALTER TABLE locks ADD COLUMN set_by TEXT NOT NULL DEFAULT '';
ALTER TABLE locks ADD COLUMN client TEXT NOT NULL DEFAULT ''; -- a service user that asked here
ALTER TABLE locks ADD COLUMN lifted_by TEXT NOT NULL DEFAULT '';
ALTER TABLE locks ADD COLUMN lift_requester TEXT NOT NULL DEFAULT '';
ALTER TABLE locks ADD COLUMN remedy TEXT NOT NULL DEFAULT '';
CREATE INDEX locks_of_account ON locks (account, set_at);

-- A service user asks for a lock; an officer decides (Decree 59/2022). Of one wish one
-- row waits.
CREATE TABLE lock_requests (
    id          TEXT PRIMARY KEY,
    ref         TEXT      NOT NULL,
    client      TEXT      NOT NULL, -- who asks; empty: on paper, see requester
    requester   TEXT      NOT NULL,
    account     TEXT      NOT NULL REFERENCES accounts (id),
    document    TEXT      NOT NULL,
    reason      TEXT      NOT NULL,
    undo        TEXT      NOT NULL DEFAULT '', -- the lock that shall end; empty: one shall begin
    status      TEXT      NOT NULL, -- waiting, accepted, rejected
    rules       TEXT      NOT NULL, -- the rule set of that day
    due_at      TIMESTAMP NOT NULL,
    created_at  TIMESTAMP NOT NULL,
    decided_at  TIMESTAMP,
    decided_by  TEXT      NOT NULL DEFAULT '',
    why         TEXT      NOT NULL DEFAULT '',
    lock        TEXT REFERENCES locks (id) -- that was set or lifted
);
CREATE UNIQUE INDEX lock_requests_once ON lock_requests (client, requester, account, document, undo) WHERE status = 'waiting';
CREATE INDEX lock_requests_waiting ON lock_requests (due_at, id) WHERE status = 'waiting';

-- A notice goes by mail or SMS; sealed holds the address, and with it a code and the
-- language of the holder. urgent: somebody waits for it. abroad: to a number of another
-- country. stranger: whoever asked for it has shown nothing.
ALTER TABLE notices ADD COLUMN channel TEXT NOT NULL DEFAULT 'email';
ALTER TABLE notices ADD COLUMN urgent BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE notices ADD COLUMN abroad BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE notices ADD COLUMN stranger BOOLEAN NOT NULL DEFAULT FALSE;
-- When it is due, of a kind that the version before does not know and would give up. Its
-- due_at is its end, at which that version finds it late and no more. Null: see due_at.
ALTER TABLE notices ADD COLUMN ready_at TIMESTAMP;
CREATE INDEX notices_of_lane ON notices (channel, urgent, bulk, COALESCE(ready_at, due_at)) WHERE sent_at IS NULL AND given_up_at IS NULL;
CREATE INDEX notices_by_channel ON notices (channel, created_at, stranger, abroad);

-- What a sign-in needs of an account in one look: the person under the identifier in use,
-- the ways to sign in, whether anything stands in the way.
CREATE VIEW holders AS
SELECT a.id, a.subject_type, a.name, a.birth_date, a.gender, a.nationality, a.address, a.level, a.status, a.own_floor,
    a.phone, a.phone_verified, a.email, a.email_verified,
    a.nickname, a.preferred_username, a.profile, a.picture, a.website, a.managed_by, a.updated_at, a.sessions_from,
    i.id AS identifier, i.kind, i.country, i.sealed, i.blind_index,
    EXISTS (SELECT 1 FROM credentials c WHERE c.account = a.id AND c.factor = 'pwd') AS has_password,
    EXISTS (SELECT 1 FROM credentials c WHERE c.account = a.id AND c.factor = 'otp') AS has_code,
    EXISTS (SELECT 1 FROM credentials c WHERE c.account = a.id AND c.factor = 'first_pwd') AS has_first,
    EXISTS (SELECT 1 FROM passkeys p WHERE p.account = a.id) AS has_passkey,
    EXISTS (SELECT 1 FROM locks l WHERE l.account = a.id AND l.lifted_at IS NULL) AS locked,
    EXISTS (SELECT 1 FROM links k WHERE k.account = a.id AND k.ended_at IS NULL) AS linked
FROM accounts a
JOIN identifiers i ON i.account = a.id AND i.ended_at IS NULL;
