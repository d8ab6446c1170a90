package sqlstore

import (
	"context"
	"fmt"

	"eidgate/eid"
	"eidgate/store/sqlstore/sqlcgen"
)

// holdersPage is how many holders are read at a time.
const holdersPage = 2000

// EachHolder visits every account that is active and not locked, with its links
// that were not ended. Of an account it gives level, factors and whether there are
// contacts alone: nothing sealed is opened. It holds one page in memory, whatever there is. An account that
// stands for a portal's old one is no holder's.
func (db *DB) EachHolder(ctx context.Context, visit func(account *eid.Account, links []eid.Link)) error {
	for after := ""; ; {
		rows, err := db.reader.HoldersAfter(ctx, after, holdersPage)
		if err != nil {
			return fmt.Errorf("reading holders: %w", err)
		}
		if len(rows) == 0 {
			return nil
		}
		last := rows[len(rows)-1].ID
		found, err := db.reader.LinksBetween(ctx, after, last)
		if err != nil {
			return fmt.Errorf("reading links of holders: %w", err)
		}
		links := map[string][]eid.Link{}
		for _, l := range found {
			links[l.Account] = append(links[l.Account], eid.Link{
				ID: l.ID, Account: eid.AccountID(l.Account), Source: l.Source, Cap: eid.Level(l.Cap), Expires: l.ExpiresAt.Time,
			})
		}
		for _, row := range rows {
			visit(holderOf(row), links[row.ID])
		}
		after = last
	}
}

func holderOf(row sqlcgen.HoldersAfterRow) *eid.Account {
	a := &eid.Account{ID: eid.AccountID(row.ID), Level: eid.Level(row.Level), Status: eid.Active}
	if row.Password {
		a.Factors = append(a.Factors, eid.Password)
	}
	if row.Code {
		a.Factors = append(a.Factors, eid.OneTimeCode)
	}
	if row.Passkey {
		a.Factors = append(a.Factors, eid.Passkey)
	}
	a.Phone, a.Email = proved(row.Phone), proved(row.Email)
	return a
}

// proved stands for a contact: which one it is, nobody needs to know.
func proved(is bool) eid.Contact {
	if !is {
		return eid.Contact{}
	}
	return eid.Contact{Value: "proved", Verified: true}
}
