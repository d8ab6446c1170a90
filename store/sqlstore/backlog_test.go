package sqlstore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/store"
	"eidgate/store/sqlstore"
)

func TestBacklog(t *testing.T) {
	path, s, now := migrated(t), sealer(t), time.Now().UTC().Truncate(time.Microsecond)
	db := open(t, path, s, func() time.Time { return now })
	if got, err := db.Backlog(t.Context()); err != nil || got != (sqlstore.Backlog{}) {
		t.Errorf("Backlog() of an empty database = %+v, %v, want nothing", got, err)
	}
	notices := []eid.LogoutNotice{
		{Client: "a", SID: "1", CreatedAt: now.Add(-time.Minute)}, {Client: "b", SID: "2", CreatedAt: now.Add(-time.Hour)}, {Client: "b", SID: "3"},
	}
	entry := eid.AuditEntry{At: now, Actor: "holder", Action: "session.ended"}
	if err := db.AddLogouts(t.Context(), notices, entry); err != nil {
		t.Fatal(err)
	}
	got, err := db.Backlog(t.Context())
	if err != nil || got.Notices != 3 || !got.Oldest.Equal(now.Add(-time.Hour)) || got.AuditRows != 1 {
		t.Errorf("Backlog() = %+v, %v, want 3 notices, the oldest of an hour ago, and 1 audit row", got, err)
	}
}

// tally is a Meter that writes down what it is told.
type tally []string

func (m *tally) Transaction(ctx context.Context, kind string) (context.Context, func(error)) {
	return ctx, func(err error) {
		*m = append(*m, fmt.Sprintf("%s %v %v", kind, err == nil, errors.Is(err, store.ErrUnavailable)))
	}
}

func TestTransactionsAreTold(t *testing.T) {
	var told tally
	now := time.Now()
	db, err := sqlstore.Open(t.Context(), sqlstore.Config{Path: migrated(t), Meter: &told}, sealer(t), func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	told = nil
	entry := eid.AuditEntry{At: now, Actor: "holder", Action: "session.ended"}
	if err := db.Record(t.Context(), entry); err != nil {
		t.Fatal(err)
	}
	if err := db.Record(t.Context(), eid.AuditEntry{}); err == nil {
		t.Error("Record() of nothing = nil, want an error")
	}
	if err := db.Count(t.Context(), "c"); err != nil {
		t.Fatal(err)
	}
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	if err := db.Record(late, entry); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Record() too late = %v, want ErrUnavailable", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	want := []string{"audit true false", "audit false false", "audit true false", "audit false true"}
	if !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}
