package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"eidgate/eid"
	"eidgate/eid/notify"
	"eidgate/store/sqlstore/sqlcgen"
)

var _ notify.Ledger = (*DB)(nil)

// stopsPage is how many old accounts one look goes over.
const stopsPage = 200

// StopsWaiting fills notify.Ledger.
func (db *DB) StopsWaiting(ctx context.Context) (int, error) {
	n, err := db.reader.CountWaitingNotices(ctx, true)
	if err != nil {
		return 0, fmt.Errorf("counting notices: %w", away(err))
	}
	return int(n), nil
}

// TellStops fills notify.Ledger. A page is read beside everybody who writes; those who
// are due are looked at again where they are queued.
func (db *DB) TellStops(ctx context.Context, s notify.Stops, after string) (next string, told int, err error) {
	state, id := cursor(after)
	rows, err := db.reader.OldAccountsToNotify(ctx, sqlcgen.OldAccountsToNotifyParams{Source: s.Source, State: string(state), After: id, Page: stopsPage})
	if err != nil {
		return after, 0, fmt.Errorf("reading old accounts: %w", away(err))
	}
	var due []string
	for _, row := range rows {
		if stopsDue(s, row.NotifiedAt, row.UnreachableAt, row.UpdatedAt) {
			due = append(due, row.ID)
		}
	}
	if len(due) > 0 {
		err = db.writeAs(ctx, kindWrite, func(q *sqlcgen.Queries) error {
			told = 0
			for _, id := range due {
				queued, err := db.tellStop(ctx, q, s, id)
				if err != nil {
					return err
				}
				if queued {
					told++
				}
			}
			return nil
		})
		if err != nil {
			return after, 0, fmt.Errorf("queueing notices of %s: %w", s.Source, err)
		}
	}
	switch {
	case len(rows) == stopsPage:
		return string(state) + "/" + rows[len(rows)-1].ID, told, nil
	case state == eid.ImportedWaiting:
		return string(eid.ImportedContested) + "/", told, nil
	}
	return "", told, nil
}

// cursor reads where a pass stands: first those that wait, then the contested ones.
func cursor(after string) (eid.ImportedState, string) {
	state, id, found := strings.Cut(after, "/")
	if !found {
		return eid.ImportedWaiting, ""
	}
	return eid.ImportedState(state), id
}

// stopsDue: nothing was tried since the day of the notice. A row that an import changed
// may have an address now.
func stopsDue(s notify.Stops, notified, unreachable sql.NullTime, updated time.Time) bool {
	if notified.Valid && !notified.Time.Before(s.Since) {
		return false
	}
	return !unreachable.Valid || unreachable.Time.Before(s.Since) || unreachable.Time.Before(updated)
}

// tellStop queues the notice to one old account. Several accounts with one address, as
// an office gives it for many people, get one together.
func (db *DB) tellStop(ctx context.Context, q *sqlcgen.Queries, s notify.Stops, id string) (bool, error) {
	row, err := q.ImportedToNotify(ctx, id)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if !unverified(row.State) || !stopsDue(s, row.NotifiedAt, row.UnreachableAt, row.UpdatedAt) {
		return false, nil // meanwhile
	}
	now := nullable(db.now())
	old, err := db.openOld(id, row.Sealed)
	if err != nil {
		return false, q.UnreachableImported(ctx, now, id)
	}
	to, err := notify.ParseMailbox(old.Email)
	if err != nil {
		return false, q.UnreachableImported(ctx, now, id)
	}
	there, err := q.NoticeForAddress(ctx, sqlcgen.NoticeForAddressParams{
		AddressIndex: db.index.address(to.Address), Kind: string(notify.OldStops), Source: s.Source, Since: stamp(s.Since),
	})
	switch {
	case err == nil: // it goes out even where one of them is verified before
		err = q.NoticeForSeveral(ctx, there)
	case errors.Is(err, sql.ErrNoRows):
		until := db.now().Add(notify.TriedFor)
		if s.Until.Before(until) {
			until = s.Until
		}
		err = db.insertNotice(ctx, q, notify.Notice{Kind: notify.OldStops, Channel: notify.Email, Source: s.Source, To: eid.NewSecret(to.Address), Until: until}, id, true)
	}
	if err != nil {
		return false, err
	}
	return there == "", q.NotifiedImported(ctx, now, id)
}

// NoticesOf is how far the notices of one source came.
type NoticesOf struct {
	Accounts    int64 // that stop unless they are verified
	Told        int64 // of these: at least once, or the notice is on its way
	Unreachable int64 // of these: there is no address
	Kinds       []NoticesOfKind
}

// NoticesOfKind counts notices that wait, went in the last 30 days, or were given up in
// the last 90.
type NoticesOfKind struct {
	Kind                   notify.Kind
	Waiting, Sent, GivenUp int64
}

// NoticesOf counts. It reads every old account of the source.
func (db *DB) NoticesOf(ctx context.Context, source string) (NoticesOf, error) {
	var all NoticesOf
	err := db.read(ctx, func(q *sqlcgen.Queries) error {
		row, err := q.CountNotified(ctx, source)
		if err != nil {
			return err
		}
		all = NoticesOf{Accounts: row.Accounts, Told: row.Told, Unreachable: row.Unreachable}
		kinds, err := q.CountNoticesOf(ctx, source)
		for _, k := range kinds {
			all.Kinds = append(all.Kinds, NoticesOfKind{notify.Kind(k.Kind), k.Waiting, k.Sent, k.GivenUp})
		}
		return err
	})
	if err != nil {
		return NoticesOf{}, fmt.Errorf("counting notices of %s: %w", source, err)
	}
	return all, nil
}

// NoticesBy counts the notices of one kind on one channel, as NoticesOfKind does, and says
// since when the oldest waits; zero where none does.
type NoticesBy struct {
	Channel notify.Channel
	NoticesOfKind
	Oldest time.Time
}

// AllNotices counts the notices of every kind, on every channel. It reads every row that
// is kept.
func (db *DB) AllNotices(ctx context.Context) ([]NoticesBy, error) {
	var all []NoticesBy
	err := db.read(ctx, func(q *sqlcgen.Queries) error {
		all = nil
		rows, err := q.CountNotices(ctx)
		if err != nil {
			return err
		}
		for _, row := range rows {
			n := NoticesBy{Channel: notify.Channel(row.Channel), NoticesOfKind: NoticesOfKind{notify.Kind(row.Kind), row.Waiting, row.Sent, row.GivenUp}}
			if n.Waiting > 0 {
				if n.Oldest, err = q.OldestNoticeOf(ctx, row.Kind, row.Channel); err != nil {
					return err
				}
			}
			all = append(all, n)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("counting notices: %w", err)
	}
	return all, nil
}
