-- name: Conflict :one
SELECT id, kind, source, subject_index, account, other, sealed, ref, opened_at, proposed_by, proposed_at, proposed_why,
       decision, decided_by, decided_at, why
FROM conflicts WHERE id = @id;

-- name: MoreRowConflicts :one
SELECT count(*) FROM conflicts WHERE subject_index = @subject_index AND kind = 'rows' AND decision = '' AND id <> @id;

-- name: RuleConflict :execrows
UPDATE conflicts
SET proposed_by = @proposed_by, proposed_at = @proposed_at, proposed_why = @proposed_why,
    decision = @decision, decided_by = @decided_by, decided_at = @decided_at, why = @why
WHERE id = @id AND decision = '';

-- name: SetImportedState :execrows
UPDATE imported_accounts SET state = @state, updated_at = @updated_at WHERE id = @id;

-- name: WaitingConflicts :many
SELECT source, count(*) AS waiting, CAST(min(opened_at) AS INTEGER) AS oldest FROM conflicts WHERE decision = '' GROUP BY source;

-- name: ContestRef :one
SELECT ref FROM conflicts WHERE subject_index = @subject_index AND kind = 'rows' AND decision = '' ORDER BY opened_at, id LIMIT 1;
