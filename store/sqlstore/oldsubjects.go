package sqlstore

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"eidgate/eid"
	"eidgate/store"
	"eidgate/store/sqlstore/sqlcgen"
)

// Subjects returns what the parties of a sector know an account by. In a sector that no
// old subjects were brought to it asks nothing of SQL and knows none: there all follow
// from the sector's secret.
func (db *DB) Subjects(ctx context.Context, sector string, id eid.AccountID) (eid.Subjects, error) {
	r, err := db.registrations(ctx)
	if err == nil && !r.withOld[sector] {
		return eid.Subjects{}, nil
	}
	var s eid.Subjects
	if err == nil {
		s, err = db.subjects.get(sector+"\x00"+string(id), db.now(), func() (eid.Subjects, error) {
			return subjectsKnown(ctx, db.reader, sector, id)
		})
	}
	if err != nil {
		return eid.Subjects{}, fmt.Errorf("finding subjects of account: %w", err)
	}
	return s, nil
}

func subjectsKnown(ctx context.Context, q *sqlcgen.Queries, sector string, id eid.AccountID) (eid.Subjects, error) {
	rows, err := q.SubjectsKnown(ctx, sector, string(id))
	if err != nil {
		return eid.Subjects{}, away(err)
	}
	var s eid.Subjects
	for _, row := range rows {
		if row.Issued {
			s.Issued = row.Sub
		} else {
			s.Old = append(s.Old, row.Sub)
		}
	}
	return s, nil
}

// AddOldSubjects puts subjects that a portal knew people by before on record, all in one
// transaction, and tells of each how that went. A row that is there already adds
// nothing. Nobody takes one here: see TakeOldSubjects. With dry it writes nothing.
func (db *DB) AddOldSubjects(ctx context.Context, sector, source string, rows []eid.OldSubject, dry bool) ([]eid.OldSubjectFate, error) {
	fates := make([]eid.OldSubjectFate, len(rows))
	var err error
	if dry {
		err = db.read(ctx, func(q *sqlcgen.Queries) error {
			for i, row := range rows {
				if fates[i], err = db.fateOf(ctx, q, sector, source, row); err != nil {
					return err
				}
			}
			return nil
		})
	} else {
		err = db.write(ctx, func(q *sqlcgen.Queries) error {
			for i, row := range rows {
				if fates[i], err = db.addOldSubject(ctx, q, sector, source, row); err != nil {
					return err
				}
			}
			return nil
		})
		db.forget() // the first of a sector
	}
	if err != nil {
		return nil, fmt.Errorf("adding old subjects: %w", err)
	}
	return fates, nil
}

// addOldSubject puts one subject on record, unless something is in its way.
func (db *DB) addOldSubject(ctx context.Context, q *sqlcgen.Queries, sector, source string, row eid.OldSubject) (eid.OldSubjectFate, error) {
	fate, err := db.fateOf(ctx, q, sector, source, row)
	if err != nil || fate != eid.OldSubjectAdded {
		return fate, err
	}
	_, err = q.InsertOldSubject(ctx, sqlcgen.InsertOldSubjectParams{
		Sector: sector, Sub: row.Subject, Source: source, SubjectIndex: db.index.subject(source, row.Person), CreatedAt: db.stamp(),
	})
	if err != nil {
		return "", fmt.Errorf("inserting old subject: %w", err)
	}
	return fate, nil
}

// fateOf says what becomes of a subject that is brought now.
func (db *DB) fateOf(ctx context.Context, q *sqlcgen.Queries, sector, source string, row eid.OldSubject) (eid.OldSubjectFate, error) {
	if eid.CheckOldSubject(row.Subject) != nil {
		return eid.OldSubjectRefused, nil
	}
	index := db.index.subject(source, row.Person)
	have, err := q.OldSubject(ctx, sector, row.Subject)
	switch {
	case err == nil && bytes.Equal(have.SubjectIndex, index):
		return eid.OldSubjectThere, nil
	case err == nil:
		return eid.OldSubjectOthers, nil
	case !errors.Is(err, sql.ErrNoRows):
		return "", fmt.Errorf("finding old subject: %w", away(err))
	}
	owner, err := q.SubjectOwner(ctx, sector, row.Subject)
	if errors.Is(err, sql.ErrNoRows) {
		return eid.OldSubjectAdded, nil
	}
	if err != nil {
		return "", fmt.Errorf("finding whose subject it is: %w", away(err))
	}
	linked, err := q.LinkedNow(ctx, index, nullable(db.now()))
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("finding link at %s: %w", source, away(err))
	}
	if linked != owner {
		return eid.OldSubjectIssued, nil
	}
	return eid.OldSubjectAdded, nil
}

// TakeOldSubjects gives old subjects of a sector after one, in order, limit at most, to
// the accounts that their people are linked to by now. It returns how many it gave, and
// the last that it looked at, empty at the end.
func (db *DB) TakeOldSubjects(ctx context.Context, sector, after string, limit int) (taken int, last string, err error) {
	rows, err := db.reader.OldSubjectsUntaken(ctx, sqlcgen.OldSubjectsUntakenParams{
		Sector: sector, After: after, Now: nullable(db.now()), Page: int64(max(limit, 0)),
	})
	if err != nil || len(rows) == 0 {
		return 0, "", found(err)
	}
	at := db.now()
	err = db.write(ctx, func(q *sqlcgen.Queries) error {
		taken = 0
		for _, row := range rows {
			account, err := q.LinkedNow(ctx, row.SubjectIndex, nullable(at))
			if errors.Is(err, sql.ErrNoRows) {
				continue // undone meanwhile
			}
			if err != nil {
				return fmt.Errorf("finding link: %w", err)
			}
			if err := giveOldSubject(ctx, q, sector, row.Sub, account, at); err != nil {
				return err
			}
			taken++
		}
		return nil
	})
	if err != nil {
		return 0, "", fmt.Errorf("taking old subjects: %w", err)
	}
	return taken, rows[len(rows)-1].Sub, nil
}

// takeSubjects gives an account the old subjects of what a source calls a person: its
// holder proved to be that person. What tokens carried for the person's own portal
// account until now is an old subject from now on, and goes on where the sector's
// parties do not know the account yet. Somebody else who had them loses them.
func (db *DB) takeSubjects(ctx context.Context, q *sqlcgen.Queries, source string, index []byte, account eid.AccountID, at time.Time) error {
	was, err := db.portalSubjects(ctx, q, source, index, account, at)
	if err != nil {
		return err
	}
	list, err := q.OldSubjectsOf(ctx, index)
	if err != nil {
		return fmt.Errorf("finding old subjects: %w", err)
	}
	for _, old := range list {
		before := old.Account.String
		if before == string(account) {
			continue
		}
		if err := giveOldSubject(ctx, q, old.Sector, old.Sub, string(account), at); err != nil {
			return err
		}
		switch {
		case before == "":
		case was[before]:
			err = moveSubject(ctx, q, old.Sector, old.Sub, before, account, at)
		default:
			err = db.dropSubject(ctx, q, old.Sector, old.Sub, before, at)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// portalSubjects finds the portal accounts that stood for a person before, and notes
// what their tokens carried as old subjects of the person.
func (db *DB) portalSubjects(ctx context.Context, q *sqlcgen.Queries, source string, index []byte, now eid.AccountID, at time.Time) (map[string]bool, error) {
	list, err := q.PortalAccountsOf(ctx, index, string(eid.PortalAccount))
	if err != nil {
		return nil, fmt.Errorf("finding portal accounts: %w", err)
	}
	was := make(map[string]bool, len(list))
	for _, account := range list {
		if account == string(now) {
			continue
		}
		was[account] = true
		issued, err := q.SubjectsInAllSectors(ctx, account)
		if err != nil {
			return nil, fmt.Errorf("finding subjects of a portal account: %w", err)
		}
		for _, s := range issued {
			_, err := q.InsertOldSubject(ctx, sqlcgen.InsertOldSubjectParams{
				Sector: s.Sector, Sub: s.Sub, Source: source, SubjectIndex: index, CreatedAt: stamp(at), TakenAt: nullable(at),
				Account: sql.NullString{String: account, Valid: true},
			})
			if err != nil {
				return nil, fmt.Errorf("inserting old subject: %w", err)
			}
		}
	}
	return was, nil
}

// moveSubject has tokens of an account carry what those of a portal account did, unless
// they carry something already.
func moveSubject(ctx context.Context, q *sqlcgen.Queries, sector, sub, from string, to eid.AccountID, at time.Time) error {
	n, err := q.DeleteSubject(ctx, sqlcgen.DeleteSubjectParams{Sector: sector, Account: from, Sub: sub})
	if err != nil || n == 0 {
		return err
	}
	n, err = q.InsertSubject(ctx, sqlcgen.InsertSubjectParams{Sector: sector, Account: string(to), Sub: sub, CreatedAt: stamp(at)})
	if err != nil {
		return fmt.Errorf("moving subject: %w", err)
	}
	return auditSubject(ctx, q, to, at, subjectDetail{Sector: sector, From: from, Kept: n > 0})
}

// returnSubjects takes the old subjects of what a source calls a person from an account
// whose link was undone. What its tokens carried of them ends, and its next ones carry
// another.
func (db *DB) returnSubjects(ctx context.Context, q *sqlcgen.Queries, index []byte, account eid.AccountID, at time.Time) error {
	list, err := q.OldSubjectsOf(ctx, index)
	if err != nil {
		return fmt.Errorf("finding old subjects: %w", err)
	}
	for _, old := range list {
		if old.Account.String != string(account) {
			continue
		}
		if err := giveOldSubject(ctx, q, old.Sector, old.Sub, "", at); err != nil {
			return err
		}
		if err := db.dropSubject(ctx, q, old.Sector, old.Sub, string(account), at); err != nil {
			return err
		}
	}
	return nil
}

// dropSubject ends a subject for an account, if its tokens carried it, and tells those
// who know the account by it. Afterwards nothing that befalls the account concerns it.
func (db *DB) dropSubject(ctx context.Context, q *sqlcgen.Queries, sector, sub, account string, at time.Time) error {
	n, err := q.DeleteSubject(ctx, sqlcgen.DeleteSubjectParams{Sector: sector, Account: account, Sub: sub})
	if err != nil || n == 0 {
		return err
	}
	clients, err := q.GrantedUnder(ctx, sqlcgen.GrantedUnderParams{Account: account, Subject: sub, Since: stamp(at.Add(-store.MaxTTL - listedFor))})
	if err != nil {
		return fmt.Errorf("finding who knows the subject: %w", err)
	}
	notices := make([]eid.LogoutNotice, len(clients))
	for i, client := range clients {
		notices[i] = eid.LogoutNotice{ID: rand.Text(), Client: client, Subject: sub, CreatedAt: at}
	}
	if err := db.addLogouts(ctx, q, notices); err != nil {
		return err
	}
	if err := q.DeleteGrantedUnder(ctx, account, sub); err != nil {
		return fmt.Errorf("forgetting who knows the subject: %w", err)
	}
	return auditSubject(ctx, q, eid.AccountID(account), at, subjectDetail{Sector: sector, Ended: true})
}

func giveOldSubject(ctx context.Context, q *sqlcgen.Queries, sector, sub, account string, at time.Time) error {
	given := sqlcgen.GiveOldSubjectParams{Sector: sector, Sub: sub}
	if account != "" {
		given.Account, given.TakenAt = sql.NullString{String: account, Valid: true}, nullable(at)
	}
	if err := q.GiveOldSubject(ctx, given); err != nil {
		return fmt.Errorf("giving old subject: %w", err)
	}
	return nil
}

// subjectDetail is the detail of ActionSubjectMoved. The subject itself is not in it.
type subjectDetail struct {
	Sector string `json:"sector"`
	From   string `json:"from,omitempty"`  // the portal account that tokens carried it for
	Kept   bool   `json:"kept,omitempty"`  // tokens of the account carry it from now on
	Ended  bool   `json:"ended,omitempty"` // they do not any more
}

func auditSubject(ctx context.Context, q *sqlcgen.Queries, account eid.AccountID, at time.Time, d subjectDetail) error {
	detail, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("writing audit detail: %w", err)
	}
	return insertAudit(ctx, q, eid.AuditEntry{At: stamp(at), Actor: "system", Action: eid.ActionSubjectMoved, Account: account, Detail: detail})
}
