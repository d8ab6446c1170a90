package sqlstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/store/sqlstore/sqlcgen"
)

// WriteImport fills accounts.ImportStore. It holds nobody's data but imported accounts',
// so that what is remembered of holders stays remembered.
func (db *DB) WriteImport(ctx context.Context, at accounts.Place, before accounts.Import, after *accounts.Import, rows []accounts.StagedRow) (accounts.Pressure, error) {
	var p accounts.Pressure
	var began time.Time
	counts, ended := after.Counts, false
	err := db.writeIn(ctx, kindWrite, func(tx *sql.Tx) error {
		began = time.Now()
		ctx := context.WithoutCancel(ctx) // that of the transaction ends it: no statement need watch for that
		w := importWrite{db: db, tx: tx, q: db.writer.WithTx(tx), at: at, now: stamp(after.UpdatedAt)}
		if err := w.insert(ctx, rows); err != nil {
			return err
		}
		for i := range rows {
			if rows[i].Outcome != accounts.RowChanged {
				continue
			}
			if err := w.change(ctx, &rows[i]); err != nil {
				return err
			}
		}
		contested, err := w.contest(ctx, rows)
		ended = w.ended
		if err != nil {
			return err
		}
		after.Counts.Contested += contested
		if p.Others, err = db.othersWrote(ctx, tx); err != nil {
			return err
		}
		err = advance(ctx, w.q, before, after)
		p.Worked = time.Since(began)
		return err
	})
	p.Held = time.Since(began)
	if ended {
		db.forgetHolders()
	}
	if err != nil {
		after.Counts = counts
		if ctx.Err() != nil { // statements then say only that the transaction is over
			err = fmt.Errorf("writing a batch: %w", ctx.Err())
		}
	}
	return p, err
}

// othersWrote reports whether any other connection committed since the last call.
func (db *DB) othersWrote(ctx context.Context, tx *sql.Tx) (bool, error) {
	var version int64
	if err := tx.QueryRowContext(ctx, "PRAGMA data_version").Scan(&version); err != nil {
		return false, fmt.Errorf("looking for other writers: %w", err)
	}
	return db.dataVersion.Swap(version) != version, nil
}

// importWrite is one transaction of an import.
type importWrite struct {
	db  *DB
	tx  *sql.Tx
	q   *sqlcgen.Queries
	at  accounts.Place
	now time.Time
	// ended: a link ended, which is remembered of holders.
	ended bool
}

// insert writes the accounts that are new, and old subs. What is there meanwhile makes
// the rows stale.
func (w *importWrite) insert(ctx context.Context, rows []accounts.StagedRow) (err error) {
	people, err := w.into(ctx, `INSERT INTO imported_accounts (id, source, number_index, content, sealed, state, matched, account, created_at, updated_at, verified_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, people.close()) }()
	subjects, err := w.into(ctx, `INSERT INTO old_subjects (sector, sub, source, subject_index, created_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, subjects.close()) }()
	for i := range rows {
		r := &rows[i]
		if r.Outcome == accounts.RowNew {
			verified := sql.NullTime{}
			if r.State == eid.ImportedVerified {
				verified = nullable(w.now)
			}
			err := people.add(ctx, r.ID, w.at.Source, r.NumberIndex, r.Content, r.Sealed, string(r.State), string(r.Match),
				sql.NullString{String: string(r.Account), Valid: r.Account != ""}, w.now, w.now, verified)
			if err != nil {
				return err
			}
		}
		if r.Subject != "" && (r.Outcome == accounts.RowNew || r.Outcome == accounts.RowChanged) {
			if err := subjects.add(ctx, w.at.Sector, r.Subject, w.at.Source, r.SubjectIndex, w.now); err != nil {
				return err
			}
		}
	}
	return nil
}

// insertion is a statement that inserts rows one by one. SQLite understands it once: to
// understand one of many rows costs more than to run one for each.
type insertion struct{ statement *sql.Stmt }

func (w *importWrite) into(ctx context.Context, query string) (insertion, error) {
	statement, err := w.tx.PrepareContext(ctx, query)
	if err != nil {
		return insertion{}, fmt.Errorf("preparing to insert old accounts: %w", err)
	}
	return insertion{statement}, nil
}

func (i insertion) add(ctx context.Context, row ...any) error {
	result, err := i.statement.ExecContext(ctx, row...)
	return exactly(result, err, 1, "inserting old accounts")
}

func (i insertion) close() error { return i.statement.Close() }

// change writes an account that is there with other details.
func (w *importWrite) change(ctx context.Context, r *accounts.StagedRow) error {
	result, err := w.tx.ExecContext(ctx, `UPDATE imported_accounts SET number_index = ?, content = ?, sealed = ?, matched = ?, updated_at = ?
		WHERE id = ? AND state = ? AND sealed = ?`,
		r.NumberIndex, r.Content, r.Sealed, string(r.Match), w.now, r.ID, string(eid.ImportedWaiting), r.Was)
	if err := exactly(result, err, 1, "changing old account"); err != nil {
		return err
	}
	if r.Outdated == "" {
		return nil
	}
	_, err = w.tx.ExecContext(ctx, `DELETE FROM old_subjects WHERE sector = ? AND sub = ? AND source = ? AND subject_index = ? AND account IS NULL`,
		w.at.Sector, r.Outdated, w.at.Source, r.SubjectIndex)
	if err != nil {
		return fmt.Errorf("removing old subject: %w", err)
	}
	return nil
}

// contest has officers look at each of several accounts of the source that state one
// number, and counts them. Whichever of them is the person's, nobody signs in to it
// with its old password alone meanwhile.
func (w *importWrite) contest(ctx context.Context, rows []accounts.StagedRow) (int, error) {
	var numbers []string
	for i := range rows {
		if r := &rows[i]; len(r.NumberIndex) > 0 && (r.Outcome == accounts.RowNew || r.Outcome == accounts.RowChanged) {
			numbers = append(numbers, hex.EncodeToString(r.NumberIndex))
		}
	}
	var found []contested
	// Two are enough to know, however many there are. The cross join has the numbers lead:
	// by state most accounts of the source would be looked at.
	err := each(ctx, w.tx, `SELECT i.id, i.sealed FROM (SELECT DISTINCT unhex(value) AS number FROM json_each(?1)) n
		CROSS JOIN imported_accounts i INDEXED BY imported_by_number ON i.number_index = n.number AND i.source = ?2 AND i.state = ?3
		WHERE (SELECT count(*) FROM (SELECT 1 FROM imported_accounts o WHERE o.number_index = n.number AND o.source = ?2 AND o.state <> ?4 LIMIT 2)) = 2`,
		numbers, []any{w.at.Source, string(eid.ImportedWaiting), string(eid.ImportedRejected)},
		func(scan func(...any) error) error {
			var c contested
			err := scan(&c.id, &c.sealed)
			found = append(found, c)
			return err
		})
	if err != nil {
		return 0, fmt.Errorf("finding accounts that share a number: %w", err)
	}
	n := 0
	for _, c := range found {
		opened, err := w.open(ctx, c)
		if err != nil {
			return 0, err
		}
		if opened {
			n++
		}
	}
	return n, nil
}

// contested is an old account that shares its number.
type contested struct {
	id     string
	sealed []byte
}

// open opens the conflict of one of them, unless an officer has accepted this very one.
func (w *importWrite) open(ctx context.Context, c contested) (bool, error) {
	old, err := w.db.openOld(c.id, c.sealed)
	if err != nil {
		return false, err
	}
	id, subject := rand.Text(), w.db.index.subject(w.at.Source, old.Login)
	ref := id[:4] + "-" + id[4:8] // as those of sign-ins look
	sides, err := json.Marshal(accounts.ConflictSides{Legacy: accounts.ConflictSide{
		Source: w.at.Source, Subject: old.Login, Number: old.Number.Masked(), Name: old.Name, BirthDate: old.BirthDate, At: w.now,
	}})
	if err != nil {
		return false, fmt.Errorf("writing conflict: %w", err)
	}
	sealed, err := w.db.sealer.Seal(sides, conflictContext(id))
	if err != nil {
		return false, fmt.Errorf("sealing conflict: %w", err)
	}
	canonical := w.db.index.contradiction(w.at.Source, old.Login, old.Number.Reveal())
	_, err = w.tx.ExecContext(ctx, `INSERT INTO conflicts (id, kind, source, subject_index, canonical_index, sealed, ref, opened_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (canonical_index) DO NOTHING`,
		id, string(eid.ConflictRows), w.at.Source, subject, canonical, sealed, ref, w.now)
	if err != nil {
		return false, fmt.Errorf("inserting conflict: %w", err)
	}
	var decision string
	if err := w.tx.QueryRowContext(ctx, `SELECT decision FROM conflicts WHERE canonical_index = ?`, canonical).Scan(&decision); err != nil {
		return false, fmt.Errorf("reading conflict: %w", err)
	}
	if decision == string(eid.Accepted) {
		return false, nil
	}
	_, err = w.tx.ExecContext(ctx, `UPDATE imported_accounts SET state = ?, updated_at = ? WHERE id = ?`, string(eid.ImportedContested), w.now, c.id)
	if err != nil {
		return false, fmt.Errorf("marking old account: %w", err)
	}
	return true, w.endStandIn(ctx, subject)
}

// endStandIn ends the link of the account that stands for an old one, if there is one:
// who is in already goes on no longer than who comes now is let in.
func (w *importWrite) endStandIn(ctx context.Context, index []byte) error {
	row, err := w.q.LinkBySubject(ctx, index, nullable(w.now))
	link, err := perhaps(linkOf(sqlcgen.LinkRow(row)), err)
	if err != nil || link.ID == "" {
		return err
	}
	holder, err := w.db.account(ctx, w.q, string(link.Account))
	if err != nil {
		return fmt.Errorf("finding whom an old account is linked to: %w", err)
	}
	if !holder.Unverified() {
		return nil // somebody who proved both sides
	}
	if err := w.db.endLink(ctx, w.q, link, w.now); err != nil {
		return err
	}
	w.ended = true
	detail, err := json.Marshal(contestedDetail{Link: link.ID, Source: link.Source, Cap: link.Cap, Why: "contested"})
	if err != nil {
		return fmt.Errorf("writing audit detail: %w", err)
	}
	return insertAudit(ctx, w.q, eid.AuditEntry{At: w.now, Actor: "system", Action: accounts.ActionLinkEnded, Account: link.Account, Detail: detail})
}

// contestedDetail is the detail of a link that ends because its old account is contested.
type contestedDetail struct {
	Link   string    `json:"link"`
	Source string    `json:"source"`
	Cap    eid.Level `json:"cap"`
	Why    string    `json:"why"`
}

// exactly turns a statement that met other rows than were staged into accounts.ErrStale.
func exactly(result sql.Result, err error, want int, doing string) error {
	var n int64
	if err == nil {
		n, err = result.RowsAffected()
	}
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", doing, err)
	case n != int64(want):
		return fmt.Errorf("%s: %w", doing, accounts.ErrStale)
	}
	return nil
}
