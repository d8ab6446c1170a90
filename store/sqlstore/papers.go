package sqlstore

import (
	"context"
	"fmt"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/notify"
	"eidgate/store/sqlstore/sqlcgen"
)

var _ accounts.PaperStore = (*DB)(nil)

// ReplaceIdentifier fills accounts.PaperStore.
func (db *DB) ReplaceIdentifier(ctx context.Context, id eid.AccountID, decide func(eid.Account) (accounts.PaperRecord, error)) error {
	return db.write(ctx, func(q *sqlcgen.Queries) error {
		a, err := db.account(ctx, q, string(id))
		if err != nil {
			return fmt.Errorf("finding account: %w", err)
		}
		r, err := decide(a)
		if err != nil {
			return err
		}
		if err := touch(ctx, q, id, r.At); err != nil {
			return err
		}
		n, err := q.EndIdentifier(ctx, nullable(r.At), string(id))
		if err := changed(n, err, "ending identifier"); err != nil {
			return err
		}
		if err := db.insertIdentifier(ctx, q, id, r.New, r.At); err != nil {
			return err
		}
		if err := db.tellEverywhere(ctx, q, notify.PaperRenewed, id, r.Entry.Ref); err != nil {
			return err
		}
		return insertAudit(ctx, q, r.Entry)
	})
}
