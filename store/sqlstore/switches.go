package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"eidgate/eid"
	"eidgate/store/sqlstore/sqlcgen"
)

// SwitchSource switches a registered source off or on, whatever registrations say,
// until the contrary is done. The audit row of entry, and where it goes off what
// parties are to be told, commit with it. It is in force in this process at once and
// in others within a second. eid.ErrNotFound when there is no such source,
// eid.ErrExists when it stands that way already.
func (db *DB) SwitchSource(ctx context.Context, id string, s eid.Switch, entry eid.AuditEntry) error {
	detail, err := json.Marshal(struct {
		Source string `json:"source"`
		Reason string `json:"reason"`
	}{id, s.Reason})
	if err != nil {
		return fmt.Errorf("writing audit detail: %w", err)
	}
	at := stamp(s.At)
	entry.Action, entry.At, entry.Detail = eid.ActionSourceOn, at, detail
	if s.Off {
		entry.Action = eid.ActionSourceOff
	}
	err = db.write(ctx, func(q *sqlcgen.Queries) error {
		off, err := q.SwitchOf(ctx, id)
		switch {
		case err != nil:
			return found(err)
		case off == s.Off:
			return eid.ErrExists
		}
		if err := q.PutSwitch(ctx, sqlcgen.PutSwitchParams{Source: id, Off: s.Off, Reason: s.Reason, At: at}); err != nil {
			return err
		}
		if s.Off {
			if err := q.InsertSwitchEvents(ctx, id, at); err != nil {
				return err
			}
		}
		return insertAudit(ctx, q, entry)
	})
	db.forget()
	if err != nil {
		return fmt.Errorf("switching source %s: %w", id, err)
	}
	return nil
}

// PendingSwitches returns parties that have to be told of a switched-off source,
// oldest first, save those for whom much waits already.
func (db *DB) PendingSwitches(ctx context.Context, limit int) ([]eid.SwitchEvent, error) {
	rows, err := db.reader.SwitchEvents(ctx, sqlcgen.SwitchEventsParams{
		Settled: stamp(db.now().Add(-settled)), Room: tellingRoom, Page: int64(max(limit, 0)),
	})
	if err != nil {
		return nil, fmt.Errorf("reading events of sources: %w", away(err))
	}
	var list []eid.SwitchEvent
	for _, row := range rows {
		list = append(list, eid.SwitchEvent{ID: row.ID, Source: row.Source, Client: row.Client, After: row.After, At: row.At})
	}
	return list, nil
}

// SubjectsThrough returns the subjects after event.After that the party was given
// through the source at since or later, in order, limit at most. Those of the hour
// before may be among them.
func (db *DB) SubjectsThrough(ctx context.Context, event eid.SwitchEvent, since time.Time, limit int) ([]string, error) {
	list, err := db.reader.SubjectsThrough(ctx, sqlcgen.SubjectsThroughParams{
		Source: event.Source, Client: event.Client, After: event.After, Since: stamp(since.Add(-listedFor)), Page: int64(max(limit, 0)),
	})
	if err != nil {
		return nil, fmt.Errorf("finding subjects through %s: %w", event.Source, away(err))
	}
	return list, nil
}

// PeopleThrough counts the subjects given through a source at since or later.
func (db *DB) PeopleThrough(ctx context.Context, source string, since time.Time) (int, error) {
	n, err := db.reader.CountThrough(ctx, source, stamp(since))
	if err != nil {
		return 0, fmt.Errorf("counting subjects through %s: %w", source, away(err))
	}
	return int(n), nil
}

// DispatchSwitch puts notices into the outbox, as AddLogouts does, and moves the
// event on to the subject next, or ends it where next is empty. An event that
// somebody else moved meanwhile adds nothing.
func (db *DB) DispatchSwitch(ctx context.Context, event eid.SwitchEvent, next string, notices []eid.LogoutNotice) error {
	return db.tellPage(ctx, event.After, next, notices, func(q *sqlcgen.Queries) (int64, error) {
		if next == "" {
			return q.DeleteSwitchEvent(ctx, event.ID, event.After)
		}
		return q.MoveSwitchEvent(ctx, sqlcgen.MoveSwitchEventParams{Next: next, ID: event.ID, After: event.After})
	})
}

// switches reads what operators did to sources, by their ids.
func switches(ctx context.Context, q *sqlcgen.Queries) (map[string]eid.Switch, error) {
	rows, err := q.Switches(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading switches of sources: %w", err)
	}
	all := make(map[string]eid.Switch, len(rows))
	for _, row := range rows {
		all[row.Source] = eid.Switch{Off: row.Off, Reason: row.Reason, At: row.At}
	}
	return all, nil
}
