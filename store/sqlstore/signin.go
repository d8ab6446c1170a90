package sqlstore

import (
	"context"
	"fmt"

	"eidgate/eid"
)

// AccountOfSubject returns the account that a sector knows by a subject, or
// eid.ErrNotFound.
func (db *DB) AccountOfSubject(ctx context.Context, sector, subject string) (eid.AccountID, error) {
	id, err := db.reader.SubjectOwner(ctx, sector, subject)
	if err = found(err); err != nil {
		return "", fmt.Errorf("finding account of subject: %w", err)
	}
	return eid.AccountID(id), nil
}
