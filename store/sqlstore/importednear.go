package sqlstore

import (
	"context"
	"errors"
	"fmt"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/store/sqlstore/sqlcgen"
)

// ImportedNear returns the old account of a login name at a source, or where nobody
// has it the one beside it, in the order of keyed hashes; eid.ErrNotFound where there
// is none. Each name takes the same look-ups.
func (db *DB) ImportedNear(ctx context.Context, source, login string) (accounts.Imported, error) {
	id, nearest := db.importedID(source, login), ""
	for _, state := range eid.ImportedStates() { // as the index is ordered
		near, err := db.reader.ImportedNear(ctx, sqlcgen.ImportedNearParams{Source: source, State: string(state), ID: id})
		switch err := found(err); {
		case errors.Is(err, eid.ErrNotFound):
		case err != nil:
			return accounts.Imported{}, fmt.Errorf("finding old account at %s: %w", source, err)
		case nearest == "" || near < nearest:
			nearest = near
		}
	}
	i, err := db.imported(ctx, db.reader, nearest)
	if err != nil {
		return accounts.Imported{}, fmt.Errorf("finding old account at %s: %w", source, err)
	}
	return i, nil
}
