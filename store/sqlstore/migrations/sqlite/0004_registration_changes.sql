-- +goose Up

-- How often registrations changed, whoever changed them: processes that remember
-- registrations look here.
CREATE TABLE registration_changes (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    n  INTEGER NOT NULL
);
INSERT INTO registration_changes (id, n) VALUES (1, 0);

-- +goose StatementBegin
CREATE TRIGGER party_added AFTER INSERT ON relying_parties
BEGIN
    UPDATE registration_changes SET n = n + 1;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER party_changed AFTER UPDATE ON relying_parties
BEGIN
    UPDATE registration_changes SET n = n + 1;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER party_deleted AFTER DELETE ON relying_parties
BEGIN
    UPDATE registration_changes SET n = n + 1;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER source_added AFTER INSERT ON sources
BEGIN
    UPDATE registration_changes SET n = n + 1;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER source_changed AFTER UPDATE ON sources
BEGIN
    UPDATE registration_changes SET n = n + 1;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER source_deleted AFTER DELETE ON sources
BEGIN
    UPDATE registration_changes SET n = n + 1;
END;
-- +goose StatementEnd
