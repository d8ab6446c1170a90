package sqlstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"eidgate/eid"
	"eidgate/store/sqlstore/sqlcgen"
)

// Bounds of the outbox.
const (
	maxLogoutsWaiting = 10_000 // of one client; older ones make room
	maxLogoutsLeased  = 8      // of one client at a time
)

// Counters of notices that were never delivered.
const (
	CountLogoutsDropped = "logout.dropped"  // a newer one of the client needed the room
	CountLogoutsGivenUp = "logout.given_up" // LogoutFailed said so
)

// AddLogouts puts notices into the outbox, due at once, and the audit row on
// record, also without any notice. A notice without an ID or a time gets one;
// one with the ID of another that waits adds nothing.
func (db *DB) AddLogouts(ctx context.Context, notices []eid.LogoutNotice, entry eid.AuditEntry) error {
	err := db.write(ctx, func(q *sqlcgen.Queries) error {
		if err := db.addLogouts(ctx, q, notices); err != nil {
			return err
		}
		return insertAudit(ctx, q, entry)
	})
	if err != nil {
		return fmt.Errorf("adding logout notices: %w", err)
	}
	return nil
}

// ClaimLogouts leases notices that are due, limit at most: no other caller of
// any process gets one of them before now+lease, unless LogoutFailed made it due
// again. Clients take turns, and at most 8 notices of one are leased at a time,
// so that a dead client with thousands of them keeps nobody else's waiting.
func (db *DB) ClaimLogouts(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]eid.LogoutNotice, error) {
	if lease <= 0 || limit <= 0 {
		return nil, errors.New("claiming logout notices: no lease or no limit")
	}
	now = stamp(now)
	// Most calls find nothing. They take no write lock.
	waiting, err := db.reader.LogoutQueuesDue(ctx, now)
	if err != nil {
		return nil, fmt.Errorf("claiming logout notices: %w", away(err))
	}
	if len(waiting) == 0 {
		return nil, nil
	}
	var claimed []eid.LogoutNotice
	err = db.write(ctx, func(q *sqlcgen.Queries) error {
		due, err := logoutsDue(ctx, q, now, limit)
		if err != nil {
			return err
		}
		claimed = takeTurns(due, limit)
		served := map[string]bool{}
		for _, n := range claimed {
			if err := q.LeaseLogout(ctx, now.Add(lease), n.ID); err != nil {
				return fmt.Errorf("leasing: %w", err)
			}
			if served[n.Client] {
				continue
			}
			served[n.Client] = true
			if err := q.TakeTurn(ctx, n.Client); err != nil {
				return fmt.Errorf("taking turns: %w", err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("claiming logout notices: %w", err)
	}
	return claimed, nil
}

// LogoutDelivered removes a notice. One that is gone is no error: a slow
// delivery may outlive its lease.
func (db *DB) LogoutDelivered(ctx context.Context, id string) error {
	err := db.write(ctx, func(q *sqlcgen.Queries) error {
		_, err := q.DeleteLogout(ctx, id)
		return err
	})
	if err != nil {
		return fmt.Errorf("removing logout notice: %w", err)
	}
	return nil
}

// LogoutFailed counts an attempt at a notice and makes it due again at next, or
// with a zero next gives it up: it is removed and counted. One that is gone is
// no error.
func (db *DB) LogoutFailed(ctx context.Context, id string, next time.Time) error {
	err := db.write(ctx, func(q *sqlcgen.Queries) error {
		if !next.IsZero() {
			return q.DeferLogout(ctx, stamp(next), id)
		}
		n, err := q.DeleteLogout(ctx, id)
		if err != nil || n == 0 {
			return err
		}
		return db.count(ctx, q, CountLogoutsGivenUp, n)
	})
	if err != nil {
		return fmt.Errorf("deferring logout notice: %w", err)
	}
	return nil
}

func (db *DB) addLogouts(ctx context.Context, q *sqlcgen.Queries, notices []eid.LogoutNotice) error {
	clients := map[string]bool{}
	for _, n := range notices {
		// A logout token has a subject, a session or both (OpenID Connect
		// Back-Channel Logout §2.4).
		if n.Client == "" || n.Subject == "" && n.SID == "" {
			return errors.New("notice without client, or without subject and session")
		}
		if n.ID == "" {
			n.ID = rand.Text()
		}
		if n.CreatedAt.IsZero() {
			n.CreatedAt = db.now()
		}
		err := q.InsertLogout(ctx, sqlcgen.InsertLogoutParams{
			ID: n.ID, Client: n.Client, Subject: n.Subject, Sid: n.SID,
			DueAt: db.stamp(), CreatedAt: stamp(n.CreatedAt),
		})
		if err != nil {
			return fmt.Errorf("inserting notice: %w", err)
		}
		clients[n.Client] = true
	}
	for client := range clients {
		if err := q.InsertLogoutQueue(ctx, client); err != nil {
			return fmt.Errorf("inserting queue: %w", err)
		}
		if err := db.makeRoom(ctx, q, client); err != nil {
			return err
		}
	}
	return nil
}

func (db *DB) makeRoom(ctx context.Context, q *sqlcgen.Queries, client string) error {
	n, err := q.CountLogouts(ctx, client)
	if err != nil {
		return fmt.Errorf("counting notices: %w", err)
	}
	if n <= maxLogoutsWaiting {
		return nil
	}
	n, err = q.DropOldestLogouts(ctx, client, n-maxLogoutsWaiting)
	if err != nil {
		return fmt.Errorf("dropping old notices: %w", err)
	}
	return db.count(ctx, q, CountLogoutsDropped, n)
}

// logoutsDue lists what each client may have leased now, the client whose turn
// it is first. No more than limit clients are of use.
func logoutsDue(ctx context.Context, q *sqlcgen.Queries, now time.Time, limit int) ([][]eid.LogoutNotice, error) {
	clients, err := q.LogoutQueuesDue(ctx, now)
	if err != nil {
		return nil, fmt.Errorf("reading queues: %w", err)
	}
	var due [][]eid.LogoutNotice
	for _, client := range clients {
		if len(due) == limit {
			break
		}
		leased, err := q.LogoutsLeased(ctx, client, now)
		if err != nil {
			return nil, fmt.Errorf("counting leases: %w", err)
		}
		if leased >= maxLogoutsLeased {
			continue
		}
		rows, err := q.LogoutsDue(ctx, sqlcgen.LogoutsDueParams{Client: client, Now: now, Page: maxLogoutsLeased - leased})
		if err != nil {
			return nil, fmt.Errorf("reading notices: %w", err)
		}
		var list []eid.LogoutNotice
		for _, row := range rows {
			list = append(list, eid.LogoutNotice{
				ID: row.ID, Client: row.Client, Subject: row.Subject, SID: row.Sid,
				Attempts: int(row.Attempts), CreatedAt: row.CreatedAt,
			})
		}
		due = append(due, list)
	}
	return due, nil
}

// takeTurns takes one notice of each client, then a second of each, and so on.
func takeTurns(due [][]eid.LogoutNotice, limit int) []eid.LogoutNotice {
	var taken []eid.LogoutNotice
	for round := range maxLogoutsLeased {
		for _, list := range due {
			if round < len(list) && len(taken) < limit {
				taken = append(taken, list[round])
			}
		}
	}
	return taken
}
