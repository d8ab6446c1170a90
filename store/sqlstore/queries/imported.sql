-- name: ImportedState :one
SELECT state, matched, account FROM imported_accounts WHERE id = @id;
