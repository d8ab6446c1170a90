package sqlstore

import (
	"context"
	"fmt"
	"time"
)

// PartyReach is how many people of a party something reaches.
type PartyReach struct {
	Client   string
	Subjects int // that the party was given
}

// SubjectsByParty counts the subjects that each party was given at since or later, by
// client. Those of the hour before may be among them.
func (db *DB) SubjectsByParty(ctx context.Context, since time.Time) ([]PartyReach, error) {
	rows, err := db.reader.SubjectsByParty(ctx, stamp(since.Add(-listedFor)))
	if err != nil {
		return nil, fmt.Errorf("counting subjects of parties: %w", away(err))
	}
	list := make([]PartyReach, 0, len(rows))
	for _, row := range rows {
		list = append(list, PartyReach{Client: row.Client, Subjects: int(row.Subjects)})
	}
	return list, nil
}
