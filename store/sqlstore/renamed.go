package sqlstore

import (
	"context"
	"fmt"

	"eidgate/eid"
	"eidgate/store/sqlstore/sqlcgen"
)

// RenamedSubjects returns old subjects of a sector whose people tokens call otherwise, in
// order, from those after one on: of whom tokens call issued, or with an empty issued of
// all. It looks at limit old subjects that somebody proved, at most, so that there may be
// fewer, or none; next is where to go on, empty at the end.
func (db *DB) RenamedSubjects(ctx context.Context, sector, issued, after string, limit int) (list []eid.RenamedSubject, next string, err error) {
	limit = max(limit, 1)
	var rows []sqlcgen.OldSubjectsTakenRow
	page := int64(limit) + 1 // one more tells whether there are more
	if issued == "" {
		rows, err = db.reader.OldSubjectsTaken(ctx, sqlcgen.OldSubjectsTakenParams{Sector: sector, After: after, Page: page})
	} else {
		var behind []sqlcgen.OldSubjectsBehindRow
		behind, err = db.reader.OldSubjectsBehind(ctx, sqlcgen.OldSubjectsBehindParams{Sector: sector, Sub: issued, After: after, Page: page})
		for _, row := range behind {
			rows = append(rows, sqlcgen.OldSubjectsTakenRow(row))
		}
	}
	if err != nil {
		return nil, "", fmt.Errorf("reading old subjects: %w", away(err))
	}
	if len(rows) > limit {
		rows = rows[:limit]
		next = rows[limit-1].Sub
	}
	for _, row := range rows {
		if row.Issued != "" && row.Issued != row.Sub {
			list = append(list, eid.RenamedSubject{Old: row.Sub, New: row.Issued})
		}
	}
	return list, next, nil
}

// OldSubjectCount counts the old subjects that one source's people have in a sector.
type OldSubjectCount struct {
	Sector   string
	Source   string
	Subjects int // brought, or carried before an account was verified
	Taken    int // of them: somebody proved to be the person
	Kept     int // of those: tokens carry it
	Mapped   int // of those: tokens carry another
}

// OldSubjects counts old subjects.
func (db *DB) OldSubjects(ctx context.Context) ([]OldSubjectCount, error) {
	rows, err := db.reader.CountOldSubjects(ctx)
	if err != nil {
		return nil, fmt.Errorf("counting old subjects: %w", away(err))
	}
	var list []OldSubjectCount
	for _, row := range rows {
		list = append(list, OldSubjectCount{
			Sector: row.Sector, Source: row.Source, Subjects: int(row.Subjects), Taken: int(row.Taken), Kept: int(row.Kept), Mapped: int(row.Mapped),
		})
	}
	return list, nil
}
