package sqlstore

import (
	"context"
	"fmt"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/store/sqlstore/sqlcgen"
)

// ImportedProgress is how far the old accounts of a source have come.
type ImportedProgress struct {
	States  map[eid.ImportedState]int
	Matches map[eid.ImportedMatch]int // of all states
	Weeks   []VerifiedWeek            // those with any, the oldest first
	Imports int
	// FirstImport and LastImport are when the first was begun and when one was last at
	// work; zero without any.
	FirstImport, LastImport time.Time
}

// VerifiedWeek is how many old accounts were verified in a week.
type VerifiedWeek struct {
	From     time.Time // its Monday, at midnight in Việt Nam
	Verified int
}

// weekShift brings Unix time to weeks that begin on Mondays at midnight in Việt Nam:
// 1970 began on a Thursday.
const (
	weekShift = (3*24 + 7) * time.Hour
	week      = 7 * 24 * time.Hour
)

// ImportedProgress counts the old accounts of a source. Weeks are those from since on.
// It reads indexes alone, whatever there is.
func (db *DB) ImportedProgress(ctx context.Context, source string, since time.Time) (ImportedProgress, error) {
	p := ImportedProgress{States: map[eid.ImportedState]int{}, Matches: map[eid.ImportedMatch]int{}}
	err := db.read(ctx, func(q *sqlcgen.Queries) error {
		counts, err := q.ImportedCounts(ctx, source)
		if err != nil {
			return err
		}
		for _, c := range counts {
			p.States[eid.ImportedState(c.State)] = int(c.Accounts)
			p.Matches[eid.MatchNoNumber] += int(c.NoNumber)
			p.Matches[eid.MatchUnknown] += int(c.Unknown)
			p.Matches[eid.MatchAgrees] += int(c.Agrees)
			p.Matches[eid.MatchDiffers] += int(c.Differs)
		}
		weeks, err := q.ImportedPerWeek(ctx, source, nullable(since))
		if err != nil {
			return err
		}
		for _, w := range weeks {
			from := time.Unix(0, 0).Add(time.Duration(w.Week)*week - weekShift).UTC()
			p.Weeks = append(p.Weeks, VerifiedWeek{from, int(w.Verified)})
		}
		imports, err := q.ImportsOf(ctx, source)
		if err == nil && imports.Imports > 0 {
			p.Imports, p.FirstImport, p.LastImport = int(imports.Imports), time.UnixMicro(imports.FirstAt).UTC(), time.UnixMicro(imports.LastAt).UTC()
		}
		return err
	})
	if err != nil {
		return ImportedProgress{}, fmt.Errorf("counting old accounts at %s: %w", source, err)
	}
	return p, nil
}

// ImportedCount is how many old accounts of a source are in a state.
type ImportedCount struct {
	Source   string
	State    eid.ImportedState
	Accounts int
}

// ImportedCounts counts the old accounts of every source by state.
func (db *DB) ImportedCounts(ctx context.Context) ([]ImportedCount, error) {
	return importedCounts(ctx, db.reader)
}

// ImportedCounts counts the old accounts of every source by state.
func (e *Examination) ImportedCounts(ctx context.Context) ([]ImportedCount, error) {
	return importedCounts(ctx, e.queries)
}

func importedCounts(ctx context.Context, q *sqlcgen.Queries) ([]ImportedCount, error) {
	rows, err := q.ImportedUnverified(ctx)
	if err != nil {
		return nil, fmt.Errorf("counting old accounts: %w", away(err))
	}
	list := make([]ImportedCount, len(rows))
	for i, row := range rows {
		list[i] = ImportedCount{row.Source, eid.ImportedState(row.State), int(row.Accounts)}
	}
	return list, nil
}

// maxImported is how many old accounts a page holds.
const maxImported = 1000

// ImportedPage gives old accounts of a source in a state by their ids, those after one,
// most at most.
func (db *DB) ImportedPage(ctx context.Context, source string, state eid.ImportedState, after string, most int) ([]accounts.Imported, error) {
	rows, err := db.reader.ImportedPage(ctx, sqlcgen.ImportedPageParams{Source: source, State: string(state), After: after, Most: int64(min(max(most, 0), maxImported))})
	if err != nil {
		return nil, fmt.Errorf("reading old accounts at %s: %w", source, away(err))
	}
	list := make([]accounts.Imported, len(rows))
	for i, row := range rows {
		if list[i], err = db.importedOf(sqlcgen.ImportedRow(row)); err != nil {
			return nil, fmt.Errorf("reading old accounts at %s: %w", source, err)
		}
	}
	return list, nil
}

// SharingNumber gives other old accounts of the same source that state the number of
// the one with this id, most at most.
func (db *DB) SharingNumber(ctx context.Context, id string, most int) ([]accounts.Imported, error) {
	rows, err := db.reader.SharingNumber(ctx, id, int64(min(max(most, 0), maxImported)))
	if err != nil {
		return nil, fmt.Errorf("finding old accounts that share a number: %w", away(err))
	}
	list := make([]accounts.Imported, len(rows))
	for i, row := range rows {
		if list[i], err = db.importedOf(sqlcgen.ImportedRow(row)); err != nil {
			return nil, fmt.Errorf("finding old accounts that share a number: %w", err)
		}
	}
	return list, nil
}

// ConflictsWaiting is how many conflicts of a source wait, and since when.
type ConflictsWaiting struct {
	Source  string
	Waiting int
	Oldest  time.Time
}

// ConflictsWaiting counts the conflicts that wait, by source.
func (db *DB) ConflictsWaiting(ctx context.Context) ([]ConflictsWaiting, error) {
	return conflictsWaiting(ctx, db.reader)
}

// ConflictsWaiting counts the conflicts that wait, by source.
func (e *Examination) ConflictsWaiting(ctx context.Context) ([]ConflictsWaiting, error) {
	return conflictsWaiting(ctx, e.queries)
}

func conflictsWaiting(ctx context.Context, q *sqlcgen.Queries) ([]ConflictsWaiting, error) {
	rows, err := q.WaitingConflicts(ctx)
	if err != nil {
		return nil, fmt.Errorf("counting conflicts: %w", away(err))
	}
	list := make([]ConflictsWaiting, len(rows))
	for i, row := range rows {
		list[i] = ConflictsWaiting{row.Source, int(row.Waiting), time.UnixMicro(row.Oldest).UTC()}
	}
	return list, nil
}
