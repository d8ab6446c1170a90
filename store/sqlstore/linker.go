package sqlstore

import (
	"context"
	"errors"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
)

var _ accounts.LinkerStore = (*DB)(nil)

// Settle fills accounts.LinkerStore.
func (db *DB) Settle(ctx context.Context, q accounts.LinkQuestion, decide func(accounts.LinkStanding) (accounts.Settlement, error)) error {
	return errors.New("not yet")
}

// OpenConflicts fills accounts.LinkerStore.
func (db *DB) OpenConflicts(ctx context.Context, account eid.AccountID, list []accounts.ConflictRecord, since time.Time, most int) ([]eid.Conflict, error) {
	return nil, errors.New("not yet")
}
