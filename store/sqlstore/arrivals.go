package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/store/sqlstore/sqlcgen"
)

var _ accounts.RegistrarStore = (*DB)(nil)

// Arrive fills accounts.RegistrarStore.
func (db *DB) Arrive(ctx context.Context, who eid.Identifier, source, subject string,
	decide func(accounts.Standing) (accounts.Arrival, error),
) error {
	return db.write(ctx, func(q *sqlcgen.Queries) error {
		standing, err := db.standing(ctx, q, who, source, subject)
		if err != nil {
			return err
		}
		a, err := decide(standing)
		if err != nil {
			return err
		}
		if a.Retired != "" {
			if err := db.retire(ctx, q, a.Retired, a.Account.CreatedAt); err != nil {
				return err
			}
		}
		if a.Account.ID != "" {
			if err := db.insertAccount(ctx, q, a.Account); err != nil {
				return err
			}
		}
		if a.Link.ID != "" {
			if err := db.insertLink(ctx, q, a.Link); err != nil {
				return err
			}
		}
		for _, entry := range a.Entries {
			if err := insertAudit(ctx, q, entry); err != nil {
				return err
			}
		}
		return nil
	})
}

func (db *DB) standing(ctx context.Context, q *sqlcgen.Queries, who eid.Identifier, source, subject string) (accounts.Standing, error) {
	var s accounts.Standing
	now := nullable(db.now())
	row, err := q.LinkBySubject(ctx, db.index.subject(source, subject), now)
	if err = found(err); err == nil {
		s.Link = linkOf(sqlcgen.LinkRow(row))
	} else if !errors.Is(err, eid.ErrNotFound) {
		return s, fmt.Errorf("finding link at %s: %w", source, err)
	}
	imported, err := q.ImportedState(ctx, db.importedID(source, subject))
	if err = found(err); err == nil {
		s.Imported = eid.ImportedState(imported.State)
	} else if !errors.Is(err, eid.ErrNotFound) {
		return s, fmt.Errorf("finding old account at %s: %w", source, err)
	}
	id, err := q.AccountByIdentifier(ctx, db.index.identifier(who))
	if err = found(err); errors.Is(err, eid.ErrNotFound) {
		return s, nil
	}
	if err == nil {
		s.Account, err = db.account(ctx, q, id)
	}
	if err != nil {
		return s, fmt.Errorf("finding account by identifier: %w", err)
	}
	links, err := q.LinksOf(ctx, id, now)
	if err != nil {
		return s, fmt.Errorf("finding links of account: %w", err)
	}
	for _, link := range links {
		s.Linked = s.Linked || link.Source == source && link.ID != s.Link.ID
	}
	return s, nil
}

// SetLevel fills accounts.RegistrarStore.
func (db *DB) SetLevel(ctx context.Context, id eid.AccountID, decide func(eid.Account) (accounts.LevelChange, error)) error {
	return db.write(ctx, func(q *sqlcgen.Queries) error {
		account, err := db.account(ctx, q, string(id))
		if err != nil {
			return fmt.Errorf("finding account: %w", err)
		}
		c, err := decide(account)
		if err != nil || c.Level == eid.LevelNone {
			return err
		}
		n, err := q.SetLevel(ctx, sqlcgen.SetLevelParams{
			Level: int64(c.Level), OwnFloor: int64(c.OwnFloor), UpdatedAt: stamp(c.At), ID: string(id),
		})
		if err := changed(n, err, "setting level"); err != nil {
			return err
		}
		return insertAudit(ctx, q, c.Entry)
	})
}

// retire frees the identifier of a closed account. Who it was stays readable.
func (db *DB) retire(ctx context.Context, q *sqlcgen.Queries, id eid.AccountID, at time.Time) error {
	account, err := db.account(ctx, q, string(id))
	if err != nil {
		return fmt.Errorf("finding account: %w", err)
	}
	if account.Status != eid.Closed {
		return fmt.Errorf("retiring account: %w", eid.ErrExists)
	}
	n, err := q.EndIdentifier(ctx, nullable(at), string(id))
	if err := changed(n, err, "ending identifier"); err != nil {
		return err
	}
	was := account.Person.Identifier
	return db.insertIdentifier(ctx, q, id, eid.NewIdentifier(was.Kind(), was.Country()+"#"+string(id), was.Reveal()), at)
}
