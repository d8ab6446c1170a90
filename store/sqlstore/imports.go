package sqlstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/store/sqlstore/sqlcgen"
)

var _ accounts.ImportStore = (*DB)(nil)

// maxImports is how many imports are listed at most.
const maxImports = 500

// Import fills accounts.ImportStore.
func (db *DB) Import(ctx context.Context, source string, digest [32]byte) (accounts.Import, error) {
	row, err := db.reader.FindImport(ctx, source, digest[:])
	if err != nil {
		return accounts.Import{}, fmt.Errorf("finding import at %s: %w", source, found(err))
	}
	return importOf(row)
}

// Imports lists the imports of a source, or of all for an empty one, the latest first.
func (db *DB) Imports(ctx context.Context, source string) ([]accounts.Import, error) {
	rows, err := db.reader.ListImports(ctx, source, maxImports)
	if err != nil {
		return nil, fmt.Errorf("listing imports: %w", away(err))
	}
	var list []accounts.Import
	for _, row := range rows {
		i, err := importOf(row)
		if err != nil {
			return nil, err
		}
		list = append(list, i)
	}
	return list, nil
}

// BeginImport fills accounts.ImportStore.
func (db *DB) BeginImport(ctx context.Context, i accounts.Import, entry eid.AuditEntry) error {
	counts, err := json.Marshal(i.Counts)
	if err != nil {
		return fmt.Errorf("writing counts: %w", err)
	}
	// Rows of an import fall all over their indexes: with the little that SQLite keeps
	// of a file by itself, each would be read again.
	if _, err := db.file.Writer.ExecContext(ctx, "PRAGMA cache_size = -65536"); err != nil { // KiB
		return away(fmt.Errorf("making room for an import: %w", err))
	}
	return db.writeAs(ctx, kindWrite, func(q *sqlcgen.Queries) error {
		err := q.BeginImport(ctx, sqlcgen.BeginImportParams{
			ID: i.ID, Source: i.Source, Digest: i.Digest[:], Rows: int64(i.Rows), ByteOffset: i.Offset, Counts: string(counts),
			StartedBy: i.StartedBy, StartedAt: stamp(i.StartedAt), UpdatedAt: stamp(i.UpdatedAt),
		})
		if err != nil {
			return fmt.Errorf("beginning import: %w", err)
		}
		return insertAudit(ctx, q, entry)
	})
}

// FinishImport fills accounts.ImportStore.
func (db *DB) FinishImport(ctx context.Context, i accounts.Import, entry eid.AuditEntry) error {
	counts, err := json.Marshal(i.Counts)
	if err != nil {
		return fmt.Errorf("writing counts: %w", err)
	}
	return db.writeAs(ctx, kindWrite, func(q *sqlcgen.Queries) error {
		n, err := q.FinishImport(ctx, sqlcgen.FinishImportParams{
			Counts: string(counts), UpdatedAt: stamp(i.UpdatedAt), FinishedAt: nullable(i.FinishedAt),
			ID: i.ID, Rows: int64(i.Rows), ByteOffset: i.Offset, StartedAt: stamp(i.StartedAt),
		})
		if err := advanced(n, err); err != nil {
			return err
		}
		return insertAudit(ctx, q, entry)
	})
}

// advance notes how far an import came, if nobody else did since.
func advance(ctx context.Context, q *sqlcgen.Queries, before accounts.Import, after *accounts.Import) error {
	counts, err := json.Marshal(after.Counts)
	if err != nil {
		return fmt.Errorf("writing counts: %w", err)
	}
	n, err := q.AdvanceImport(ctx, sqlcgen.AdvanceImportParams{
		Rows: int64(after.Rows), ByteOffset: after.Offset, Counts: string(counts), UpdatedAt: stamp(after.UpdatedAt),
		ID: after.ID, RowsBefore: int64(before.Rows), OffsetBefore: before.Offset, StartedAt: stamp(before.StartedAt),
	})
	return advanced(n, err)
}

func advanced(rows int64, err error) error {
	if err = changed(rows, err, "noting how far the import came"); errors.Is(err, eid.ErrNotFound) {
		return accounts.ErrImportElsewhere
	}
	return err
}

func importOf(row sqlcgen.Import) (accounts.Import, error) {
	i := accounts.Import{
		ID: row.ID, Source: row.Source, Rows: int(row.Rows), Offset: row.ByteOffset, StartedBy: row.StartedBy,
		StartedAt: row.StartedAt, UpdatedAt: row.UpdatedAt, FinishedAt: row.FinishedAt.Time,
	}
	if copy(i.Digest[:], row.Digest) != len(i.Digest) || json.Unmarshal([]byte(row.Counts), &i.Counts) != nil {
		return accounts.Import{}, fmt.Errorf("reading import %s: it is damaged", row.ID)
	}
	return i, nil
}
