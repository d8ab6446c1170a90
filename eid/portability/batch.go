package portability

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"eidgate/eid"
	"eidgate/eid/accounts"
)

// batch is rows that are written together.
type batch struct {
	rows       []accounts.OldAccount
	raw        []faultRow // of rows, without their faults
	staged     []accounts.StagedRow
	faults     []faultRow // of rows that were refused before
	duplicates int
	last       int   // the last row
	end        int64 // offset behind it
	err        error
}

// count adds what became of the rows, and gives those that were refused, in order.
func (b *batch) count(c *accounts.ImportCounts) []faultRow {
	refused := slices.Clone(b.faults)
	for i := range b.staged {
		row := &b.staged[i]
		switch row.Outcome {
		case accounts.RowNew:
			c.New++
		case accounts.RowChanged:
			c.Changed++
		case accounts.RowUnchanged:
			c.Unchanged++
			continue
		case accounts.RowRefused:
			raw := b.raw[i]
			raw.fault = row.Fault
			refused = append(refused, raw)
			continue
		}
		switch row.Match {
		case eid.MatchNoNumber:
			c.NoNumber++
		case eid.MatchUnknown:
			c.Unknown++
		case eid.MatchAgrees:
			c.Agrees++
		case eid.MatchDiffers:
			c.Differs++
		}
	}
	c.Duplicates += b.duplicates
	c.Faults += len(refused)
	slices.SortFunc(refused, func(x, y faultRow) int { return x.row - y.row })
	return refused
}

// String is what is wrong, one fault after the other.
func (f faults) String() string { return strings.Join(f, "; ") }

// fault is that of a row whose login name stands beside something else elsewhere.
func (s *several) fault(row int) string {
	var others []string
	for _, other := range s.rows {
		if other != row {
			others = append(others, strconv.Itoa(other))
		}
	}
	return fmt.Sprintf("login is that of row %s too, which says something else: keep the right one", strings.Join(others, ", "))
}

// keeper takes over from an account that is there what the file has no column for.
func keeper(cols []column) func(row *accounts.OldAccount, there accounts.OldAccount) {
	takers := map[column]func(row, there *accounts.OldAccount){
		colNumber:    func(row, there *accounts.OldAccount) { row.Number = there.Number },
		colName:      func(row, there *accounts.OldAccount) { row.Name = there.Name },
		colBirthDate: func(row, there *accounts.OldAccount) { row.BirthDate = there.BirthDate },
		colPhone:     func(row, there *accounts.OldAccount) { row.Phone = there.Phone },
		colEmail:     func(row, there *accounts.OldAccount) { row.Email = there.Email },
		colSubject:   func(row, there *accounts.OldAccount) { row.Subject = there.Subject },
		colPassword: func(row, there *accounts.OldAccount) {
			row.Password, row.Replaced = there.Password, there.Replaced
		},
	}
	for _, c := range cols {
		delete(takers, c)
	}
	if len(takers) == 0 {
		return nil
	}
	return func(row *accounts.OldAccount, there accounts.OldAccount) {
		for _, take := range takers {
			take(row, &there)
		}
	}
}
