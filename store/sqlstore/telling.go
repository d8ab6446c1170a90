package sqlstore

import (
	"context"
	"errors"
	"fmt"

	"eidgate/eid"
	"eidgate/store/sqlstore/sqlcgen"
)

// Parties are told of a switched-off source and of a revoked key in the same way: an
// event for each goes through the party's subjects, a page at a time.
const (
	// settled is how long after a change its parties are told: by then no process makes
	// grants any more by what it remembered, nor signs with the key of before.
	settled = 2 * knownFor
	// tellingRoom is how many notices may wait for a party before more of these are
	// added: the others keep their room.
	tellingRoom = maxLogoutsWaiting / 2
)

// tellPage puts the notices of a page into the outbox and moves its event from the
// subject after to next, or ends it where next is empty. move reports how many events
// moved: none where somebody was faster, and then nothing is added.
func (db *DB) tellPage(ctx context.Context, after, next string, notices []eid.LogoutNotice,
	move func(q *sqlcgen.Queries) (int64, error),
) error {
	if next != "" && next <= after {
		return errors.New("telling a page of subjects: it would go back")
	}
	err := db.write(ctx, func(q *sqlcgen.Queries) error {
		n, err := move(q)
		if err != nil || n == 0 {
			return err
		}
		return db.addLogouts(ctx, q, notices)
	})
	if err != nil {
		return fmt.Errorf("telling a page of subjects: %w", err)
	}
	return nil
}
