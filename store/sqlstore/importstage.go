package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/civil"
)

// stage is one run of StageImport. What is looked for is looked for at once, for all
// rows of a batch: a statement for each row would cost more than all else.
type stage struct {
	db     *DB
	at     accounts.Place
	rows   []accounts.OldAccount
	staged []accounts.StagedRow

	there    map[string]standingRow          // by id
	linked   map[string]eid.AccountID        // by subject_index
	persons  map[string]civil.Person         // by number_index; without the number
	subjects map[string]subjectRow           // by old sub
	inBatch  map[string]int                  // old subs of the rows before
	were     map[string]*accounts.OldAccount // opened, by id
}

// standingRow is an old account that is there.
type standingRow struct {
	content, sealed []byte
	state           eid.ImportedState
}

// subjectRow says who has an old sub: index is empty for one that was issued here.
type subjectRow struct {
	index []byte
	taken bool
}

// StageImport fills accounts.ImportStore. Two rows of the batch that state one old sub
// are told apart too: the second is refused.
func (db *DB) StageImport(ctx context.Context, at accounts.Place, rows []accounts.OldAccount,
	keep func(row *accounts.OldAccount, there accounts.OldAccount),
) ([]accounts.StagedRow, error) {
	s := stage{db: db, at: at, rows: rows, staged: make([]accounts.StagedRow, len(rows)), inBatch: make(map[string]int), were: make(map[string]*accounts.OldAccount)}
	for i := range rows {
		row := &s.staged[i]
		row.SubjectIndex = db.index.subject(at.Source, rows[i].Login)
		row.ID = base64.RawURLEncoding.EncodeToString(row.SubjectIndex)
	}
	if err := s.look(ctx, keep); err != nil {
		return nil, err
	}
	for i := range rows {
		if err := s.judge(i); err != nil {
			return nil, err
		}
	}
	return s.staged, nil
}

// look reads all that the rows may meet, on one snapshot.
func (s *stage) look(ctx context.Context, keep func(*accounts.OldAccount, accounts.OldAccount)) (err error) {
	ctx, done := s.db.meter.Transaction(ctx, kindRead)
	defer func() { done(err) }()
	tx, err := s.db.file.Reader.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return away(fmt.Errorf("beginning snapshot: %w", err))
	}
	defer func() { err = away(errors.Join(err, rollback(tx))) }()
	if err := s.lookThere(ctx, tx); err != nil {
		return fmt.Errorf("finding old accounts: %w", err)
	}
	for i := range s.rows {
		if err := s.prepare(i, keep); err != nil {
			return err
		}
	}
	if err := s.lookLinked(ctx, tx); err != nil {
		return fmt.Errorf("finding links: %w", err)
	}
	if err := s.lookPersons(ctx, tx); err != nil {
		return fmt.Errorf("matching numbers: %w", err)
	}
	if err := s.lookSubjects(ctx, tx); err != nil {
		return fmt.Errorf("finding old subjects: %w", err)
	}
	return nil
}

// prepare completes a row by what is there, and finds its keyed hashes.
func (s *stage) prepare(i int, keep func(*accounts.OldAccount, accounts.OldAccount)) error {
	row, staged := &s.rows[i], &s.staged[i]
	have, there := s.there[staged.ID]
	staged.Content = s.db.contentOf(row)
	if there && !bytes.Equal(staged.Content, have.content) {
		was, err := s.db.openOld(staged.ID, have.sealed)
		if err != nil {
			return err
		}
		s.were[staged.ID] = &was
		if keep != nil {
			keep(row, was)
		}
		// A hash that one of ours replaced stays replaced, however often it is imported.
		if len(was.Replaced) > 0 && !row.Password.IsZero() && bytes.Equal(s.db.index.oldPassword(row.Password.Reveal()), was.Replaced) {
			row.Password, row.Replaced = was.Password, was.Replaced
		}
		staged.Content = s.db.contentOf(row)
	}
	if !row.Number.IsZero() {
		staged.NumberIndex = s.db.index.identifier(eid.IdentifierOf(row.Number))
	}
	staged.Subject = row.Subject
	return nil
}

// judge says what becomes of a row, and seals one that is to be written.
func (s *stage) judge(i int) (err error) {
	row, staged := &s.rows[i], &s.staged[i]
	have, there := s.there[staged.ID]
	standing := accounts.OldStanding{State: have.state, Same: there && bytes.Equal(staged.Content, have.content), Linked: s.linked[string(staged.SubjectIndex)]}
	if was := s.were[staged.ID]; was != nil && was.Subject != row.Subject {
		if staged.Outdated = was.Subject; staged.Outdated != "" {
			standing.SubjectTaken = s.subjects[staged.Outdated].taken
		}
	}
	if row.Subject != "" {
		other, known := s.subjects[row.Subject]
		before, again := s.inBatch[row.Subject]
		standing.SubjectElsewhere = known && !bytes.Equal(other.index, staged.SubjectIndex) || again && before != i
		if known {
			staged.Subject = "" // it is there, and stays
		}
	}
	staged.Outcome, staged.Fault = standing.Judge()
	if staged.Outcome != accounts.RowNew && staged.Outcome != accounts.RowChanged {
		return nil
	}
	if row.Subject != "" {
		s.inBatch[row.Subject] = i
	}
	staged.State, staged.Match, staged.Was = eid.ImportedWaiting, s.match(i), have.sealed
	if standing.Linked != "" {
		staged.State, staged.Account = eid.ImportedVerified, standing.Linked
	}
	staged.Sealed, err = s.db.sealOld(staged.ID, row)
	return err
}

// match holds what the portal says against the account that has the number. What only
// one side knows says nothing.
func (s *stage) match(i int) eid.ImportedMatch {
	row := &s.rows[i]
	if row.Number.IsZero() {
		return eid.MatchNoNumber
	}
	held, known := s.persons[string(s.staged[i].NumberIndex)]
	if !known {
		return eid.MatchUnknown
	}
	held.Number = row.Number
	said := held
	if row.Name != "" {
		said.Name = row.Name
	}
	if born, err := civil.ParseDate(row.BirthDate); err == nil {
		said.BirthDate = born
	}
	if civil.Judge(said, held) != civil.Match {
		return eid.MatchDiffers
	}
	return eid.MatchAgrees
}

// contentOf is a keyed hash of all that a portal says, to tell a row that says the
// same. A hash of ours counts as the one that it replaced.
func (db *DB) contentOf(o *accounts.OldAccount) []byte {
	password := ""
	switch {
	case len(o.Replaced) > 0:
		password = string(o.Replaced)
	case !o.Password.IsZero():
		password = string(db.index.oldPassword(o.Password.Reveal()))
	}
	return db.index.sum("imported", o.Login, o.Number.Reveal(), o.Name, o.BirthDate, o.Phone, o.Email, password, o.Subject)
}

func (s *stage) lookThere(ctx context.Context, tx *sql.Tx) error {
	s.there = make(map[string]standingRow)
	ids := make([]string, len(s.staged))
	for i := range s.staged {
		ids[i] = s.staged[i].ID
	}
	return each(ctx, tx, `SELECT id, content, sealed, state FROM imported_accounts WHERE id IN (SELECT value FROM json_each(?))`, ids, nil,
		func(scan func(...any) error) error {
			var id, state string
			var row standingRow
			if err := scan(&id, &row.content, &row.sealed, &state); err != nil {
				return err
			}
			row.state = eid.ImportedState(state)
			s.there[id] = row
			return nil
		})
}

// lookLinked finds people whom an operator linked before the file came.
func (s *stage) lookLinked(ctx context.Context, tx *sql.Tx) error {
	s.linked = make(map[string]eid.AccountID)
	var list []string
	for i := range s.staged {
		if _, there := s.there[s.staged[i].ID]; !there {
			list = append(list, hex.EncodeToString(s.staged[i].SubjectIndex))
		}
	}
	return each(ctx, tx, `SELECT l.subject_index, l.account FROM links l JOIN accounts a ON a.id = l.account
		WHERE l.subject_index IN (SELECT unhex(value) FROM json_each(?)) AND l.ended_at IS NULL
		AND (l.expires_at IS NULL OR l.expires_at > ?) AND a.subject_type <> ?`, list, []any{nullable(s.db.now()), string(eid.PortalAccount)},
		func(scan func(...any) error) error {
			var index []byte
			var account string
			err := scan(&index, &account)
			s.linked[string(index)] = eid.AccountID(account)
			return err
		})
}

func (s *stage) lookPersons(ctx context.Context, tx *sql.Tx) error {
	s.persons = make(map[string]civil.Person)
	var list []string
	for i := range s.staged {
		if len(s.staged[i].NumberIndex) > 0 {
			list = append(list, hex.EncodeToString(s.staged[i].NumberIndex))
		}
	}
	return each(ctx, tx, `SELECT i.blind_index, a.name, a.birth_date FROM identifiers i JOIN accounts a ON a.id = i.account
		WHERE i.blind_index IN (SELECT unhex(value) FROM json_each(?)) AND i.ended_at IS NULL`, list, nil,
		func(scan func(...any) error) error {
			var index []byte
			var name, birthDate string
			if err := scan(&index, &name, &birthDate); err != nil {
				return err
			}
			born, err := civil.ParseDate(birthDate)
			if err != nil {
				born = civil.Date{} // it matches no date
			}
			s.persons[string(index)] = civil.Person{Name: name, BirthDate: born}
			return nil
		})
}

// lookSubjects finds who has the old subs of the rows, and those that they had before.
func (s *stage) lookSubjects(ctx context.Context, tx *sql.Tx) error {
	s.subjects = make(map[string]subjectRow)
	var list []string
	for i := range s.rows {
		if s.rows[i].Subject != "" {
			list = append(list, s.rows[i].Subject)
		}
		if was := s.were[s.staged[i].ID]; was != nil && was.Subject != "" {
			list = append(list, was.Subject)
		}
	}
	// The second of two rows of one sub counts, and old_subjects comes second.
	return each(ctx, tx, `SELECT sub, NULL, 1 FROM subjects WHERE sub IN (SELECT value FROM json_each(?1)) AND sector = ?2
		UNION ALL SELECT sub, subject_index, account IS NOT NULL FROM old_subjects WHERE sub IN (SELECT value FROM json_each(?1)) AND sector = ?2`,
		list, []any{s.at.Sector},
		func(scan func(...any) error) error {
			var sub string
			var row subjectRow
			err := scan(&sub, &row.index, &row.taken)
			s.subjects[sub] = row
			return err
		})
}

// each runs a query whose first argument is a list, and gives its rows one by one.
func each(ctx context.Context, tx *sql.Tx, query string, list []string, args []any, row func(scan func(...any) error) error) (err error) {
	if len(list) == 0 {
		return nil
	}
	texts, err := json.Marshal(list)
	if err != nil {
		return err
	}
	rows, err := tx.QueryContext(ctx, query, append([]any{string(texts)}, args...)...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
