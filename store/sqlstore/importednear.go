package sqlstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/store/sqlstore/sqlcgen"
)

// ImportedNear returns the old account of a login name at a source, or where nobody
// has it another one of the source, which a keyed hash of the name picks among all;
// eid.ErrNotFound where there is none. Each name takes the same look-ups.
func (db *DB) ImportedNear(ctx context.Context, source, login string) (accounts.Imported, error) {
	id, err := db.importedBeside(ctx, source, db.index.subject(source, login))
	if err != nil {
		return accounts.Imported{}, fmt.Errorf("finding old account at %s: %w", source, err)
	}
	own := db.importedID(source, login)
	switch _, err := db.reader.ImportedState(ctx, own); {
	case err == nil:
		id = own
	case !errors.Is(found(err), eid.ErrNotFound):
		return accounts.Imported{}, fmt.Errorf("finding old account at %s: %w", source, away(err))
	}
	i, err := db.imported(ctx, db.reader, id)
	if err != nil {
		return accounts.Imported{}, fmt.Errorf("finding old account at %s: %w", source, err)
	}
	return i, nil
}

// importedBeside gives the id of an old account of a source; empty where there is none.
func (db *DB) importedBeside(ctx context.Context, source string, hash []byte) (string, error) {
	var first, last int64
	for _, state := range eid.ImportedStates() { // as the index is ordered
		from, err := db.reader.ImportedFirst(ctx, source, string(state))
		if errors.Is(found(err), eid.ErrNotFound) {
			continue
		}
		if err != nil {
			return "", away(err)
		}
		to, err := db.reader.ImportedLast(ctx, source, string(state))
		if err != nil {
			return "", away(err)
		}
		if first == 0 || from < first {
			first = from
		}
		last = max(last, to)
	}
	at := first + int64(binary.BigEndian.Uint64(hash)%uint64(last-first+1))
	var near sqlcgen.ImportedFromRow
	for _, state := range eid.ImportedStates() {
		next, err := db.reader.ImportedFrom(ctx, sqlcgen.ImportedFromParams{Source: source, State: string(state), Seq: at})
		switch err := found(err); {
		case errors.Is(err, eid.ErrNotFound):
		case err != nil:
			return "", err
		case near.Seq == 0 || next.Seq < near.Seq:
			near = next
		}
	}
	return near.ID, nil
}
