package sqlstore

import (
	"context"
	"fmt"

	"eidgate/eid"
	"eidgate/store/sqlitefile"
)

// Documents returns the papers of an account that were not ended, one of a kind at
// most, by kind. Those that expired are among them: see eid.Document.Valid. They are
// read anew each time, for their numbers are secret and nothing keeps them.
func (db *DB) Documents(ctx context.Context, account eid.AccountID) ([]eid.Document, error) {
	ctx, err := sqlitefile.Short(ctx)
	if err != nil {
		return nil, fmt.Errorf("finding documents: %w", err)
	}
	rows, err := db.reader.Documents(ctx, string(account))
	if err != nil {
		return nil, fmt.Errorf("finding documents: %w", away(err))
	}
	list := make([]eid.Document, 0, len(rows))
	for _, row := range rows {
		number, err := db.sealer.Open(row.Sealed, documentContext(row.ID))
		if err != nil {
			return nil, fmt.Errorf("opening document: %w", err)
		}
		list = append(list, eid.Document{
			ID: row.ID, Kind: eid.DocumentKind(row.Kind), Number: eid.NewSecret(string(number)), Issuer: row.Issuer,
			ExpiresOn: row.ExpiresOn, VerifiedAt: row.VerifiedAt, VerifiedBy: eid.AccountID(row.VerifiedBy),
		})
	}
	return list, nil
}
