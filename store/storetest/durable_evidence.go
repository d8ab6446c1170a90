package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/audit"
	"eidgate/store/sqlstore"
)

// written writes n rows, a minute apart.
func (d desk) written(t *testing.T, n int, e eid.AuditEntry) {
	t.Helper()
	for range n {
		d.clock.Advance(time.Minute)
		e.At = d.clock.Now()
		must(t, d.Record(t.Context(), e))
	}
}

// sealed appends a checkpoint over all rows that have none, as a sealer does.
func (d desk) sealed(t *testing.T) audit.Head {
	t.Helper()
	ctx := t.Context()
	head, err := d.Head(ctx)
	must(t, err)
	rows, err := d.RowsAfter(ctx, head.Last, audit.MaxRows)
	must(t, err)
	c, next := followed(head, rows, d.clock.Now())
	must(t, d.Append(ctx, c, next))
	return next
}

// followed is what follows a head. What a signature is made of, stores do not ask.
func followed(head audit.Head, rows []audit.Row, at time.Time) (audit.Checkpoint, audit.Head) {
	jws := fmt.Sprintf("checkpoint.%d.%s", head.N+1, head.Hash)
	return audit.Checkpoint{N: head.N + 1, Hashes: audit.Entries(rows), JWS: jws},
		audit.Head{Log: "log", N: head.N + 1, Last: rows[len(rows)-1].ID, Hash: audit.Digest(jws), At: at}
}

// checkpoints sees that they are appended one after the other, with their head, and
// that of many who append one wins.
func (s durableSuite) checkpoints(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	head, err := d.Head(ctx)
	equal(t, "head before the first", head, audit.Head{})
	must(t, err)
	d.written(t, 3, eid.AuditEntry{Actor: "system", Action: "test.done", Detail: json.RawMessage(`{"a": "ž\u0000"}`)})
	first := d.sealed(t)
	got, err := d.Head(ctx)
	must(t, err)
	equal(t, "head", got, first)
	rows, err := d.RowsAfter(ctx, first.Last, 10)
	must(t, err)
	equal(t, "rows after the head", len(rows), 0)

	d.written(t, 2, eid.AuditEntry{Actor: "system", Action: "test.done"})
	if rows, err = d.RowsAfter(ctx, first.Last, 10); err != nil || len(rows) != 2 {
		t.Fatalf("RowsAfter() = %v, %v, want two", rows, err)
	}
	var group sync.WaitGroup
	won := make(chan error, 8)
	for range cap(won) {
		group.Go(func() {
			c, next := followed(first, rows, d.clock.Now())
			won <- d.Append(ctx, c, next)
		})
	}
	group.Wait()
	close(won)
	wins := 0
	for err := range won {
		if err == nil {
			wins++
		} else if !errors.Is(err, audit.ErrTaken) {
			t.Errorf("Append() beside others = %v, want %v", err, audit.ErrTaken)
		}
	}
	equal(t, "that were appended", wins, 1)
	list, err := d.Checkpoints(ctx, 0, 10)
	if err != nil || len(list) != 2 || list[0].N != 1 || list[1].N != 2 || string(list[1].Hashes) != string(audit.Entries(rows)) {
		t.Errorf("Checkpoints() = %v, %v, want both as they were appended", list, err)
	}
	list, err = d.Checkpoints(ctx, 1, 10)
	equal(t, "after the first", len(list), 1)
	must(t, err)

	known, err := d.Evidence().Known(ctx)
	must(t, err)
	equal(t, "highest number", known.LastN, int64(2))
	for at, want := range map[time.Time]int64{first.At: 1, first.At.Add(time.Microsecond): 2, d.clock.Now().Add(time.Hour): 3} {
		n, err := d.Evidence().Since(ctx, at)
		must(t, err)
		equal(t, "Since", n, want)
	}
	by, err := d.CheckpointBy(ctx, first.At)
	must(t, err)
	equal(t, "by the first's time", by.UTC(), first.At.UTC())
	by, err = d.CheckpointBy(ctx, first.At.Add(-time.Microsecond))
	must(t, err)
	equal(t, "before it", by.IsZero(), true)
}

// shipped sees that what a receiver has never goes back, and what waits is known.
func (s durableSuite) shipped(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	var times []time.Time
	for range 3 {
		d.written(t, 1, eid.AuditEntry{Actor: "system", Action: "test.done"})
		times = append(times, d.sealed(t).At)
	}
	for _, step := range []struct{ ship, has int64 }{{0, 0}, {2, 2}, {1, 2}, {3, 3}} {
		if step.ship > 0 {
			must(t, d.Ship(ctx, "a", step.ship))
		}
		n, err := d.Shipped(ctx, "a")
		must(t, err)
		equal(t, "shipped", n, step.has)
		var want time.Time
		if step.has < 3 {
			want = times[step.has]
		}
		at, err := d.Unshipped(ctx, "a")
		must(t, err)
		equal(t, "waits since", at.UTC(), want.UTC())
	}
	n, err := d.Shipped(ctx, "b")
	must(t, err)
	equal(t, "to another", n, int64(0))
}

// holdsAndPruning sees that old rows of old checkpoints go, and no others, and that
// holds keep what they are on until they are lifted.
func (s durableSuite) holdsAndPruning(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	for _, account := range []eid.AccountID{"a", "b"} {
		d.written(t, 3, eid.AuditEntry{Actor: "holder", Action: "test.done", Account: account, Client: "p-" + string(account)})
	}
	d.sealed(t)
	d.clock.Advance(24 * time.Hour)
	before := d.clock.Now()
	d.written(t, 2, eid.AuditEntry{Actor: "holder", Action: "test.done", Account: "c"})
	d.sealed(t)
	prune := func(limit int) int {
		t.Helper()
		n, _, err := d.Prune(ctx, audit.Pruning{Before: before, Years: 5, Law: "law"}, -1<<63, limit, eid.AuditEntry{At: d.clock.Now(), Actor: "system", Action: audit.ActionPruned})
		must(t, err)
		return n
	}
	act := func(action string) eid.AuditEntry {
		return eid.AuditEntry{At: d.clock.Now(), Actor: "operator:A", Action: action}
	}
	lift := func(id string) error {
		return d.LiftHold(ctx, id, "operator:B", d.clock.Now(), func(audit.Hold) (eid.AuditEntry, error) { return act(audit.ActionHoldLifted), nil })
	}
	for _, h := range []audit.Hold{{ID: "h1", Kind: audit.HoldAccount, Value: "a"}, {ID: "h2", Kind: audit.HoldClient, Value: "p-b"}, {ID: "h3", Kind: audit.HoldAll}} {
		h.Reason, h.SetBy, h.SetAt = "r", "operator:A", d.clock.Now()
		must(t, d.AddHold(ctx, h, act(audit.ActionHeld)))
	}
	equal(t, "under a hold on all", prune(100), 0)
	must(t, lift("h3"))
	equal(t, "under one on each", prune(100), 0)
	must(t, lift("h2"))
	equal(t, "a page", prune(2), 2)
	equal(t, "the rest of b", prune(100), 1)
	must(t, lift("h1"))
	equal(t, "a", prune(100), 3)
	equal(t, "again", prune(100), 0)
	equal(t, "lifting again", errors.Is(lift("h1"), eid.ErrNotFound), true)
	inForce, err := d.Holds(ctx, false)
	must(t, err)
	all, err := d.Holds(ctx, true)
	must(t, err)
	equal(t, "holds in force", len(inForce), 0)
	if len(all) != 3 || all[0].LiftedBy != "operator:B" || all[0].LiftedAt.IsZero() {
		t.Errorf("Holds() = %+v, want three that B lifted", all)
	}
	told, err := d.Evidence().Prunings(ctx, 0)
	must(t, err)
	went := 0
	for _, r := range told {
		var p audit.Pruning
		must(t, json.Unmarshal([]byte(r.Detail), &p))
		went += p.Rows
	}
	equal(t, "rows that prunings tell of", went, 6)
	left := d.found(ctx, t, sqlstore.AuditSearch{Action: "test.done"})
	equal(t, "rows that are left", len(left), 2)
}

func (d desk) found(ctx context.Context, t *testing.T, s sqlstore.AuditSearch) []audit.Row {
	t.Helper()
	rows, err := d.Evidence().Search(ctx, s)
	must(t, err)
	return rows
}

// search sees that every condition counts, values are values whatever they hold, and
// pages follow each other.
func (s durableSuite) search(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	const hostile = "a' OR '1'='1\x00%_\"\\\u202e"
	start := d.clock.Now()
	d.written(t, 3, eid.AuditEntry{Actor: "holder", Action: eid.ActionGrantIssued, Account: "a", Client: "p", Ref: "r1", Detail: json.RawMessage(`{"kid":"k1"}`)})
	d.written(t, 2, eid.AuditEntry{Actor: hostile, Action: audit.ActionLookedUp, Account: "a", Ref: "r2"})
	d.written(t, 1, eid.AuditEntry{Actor: "system", Action: "test.done", Client: "q"})
	for name, tt := range map[string]struct {
		search sqlstore.AuditSearch
		want   int
	}{
		"all":            {sqlstore.AuditSearch{}, 6},
		"account":        {sqlstore.AuditSearch{Account: "a"}, 5},
		"client":         {sqlstore.AuditSearch{Client: "p"}, 3},
		"action":         {sqlstore.AuditSearch{Action: audit.ActionLookedUp}, 2},
		"ref":            {sqlstore.AuditSearch{Ref: "r1"}, 3},
		"kid":            {sqlstore.AuditSearch{Kid: "k1"}, 3},
		"another kid":    {sqlstore.AuditSearch{Kid: "k"}, 0},
		"hostile actor":  {sqlstore.AuditSearch{Actor: hostile}, 2},
		"hostile client": {sqlstore.AuditSearch{Client: "' OR 1=1 --"}, 0},
		"a pattern":      {sqlstore.AuditSearch{Client: "%"}, 0},
		"since, until":   {sqlstore.AuditSearch{Since: start.Add(2 * time.Minute), Until: start.Add(4 * time.Minute)}, 2},
		"both":           {sqlstore.AuditSearch{Account: "a", Client: "q"}, 0},
		"a page":         {sqlstore.AuditSearch{Limit: 4}, 4},
	} {
		equal(t, name, len(d.found(ctx, t, tt.search)), tt.want)
	}
	page := d.found(ctx, t, sqlstore.AuditSearch{Limit: 4})
	equal(t, "the next page", len(d.found(ctx, t, sqlstore.AuditSearch{After: page[3].ID})), 2)
	equal(t, "an actor as it was written", d.found(ctx, t, sqlstore.AuditSearch{Action: audit.ActionLookedUp})[0].Actor, hostile)
	history, err := d.History(ctx, "a", 0, 4)
	must(t, err)
	equal(t, "history", len(history), 4)
	equal(t, "newest first", history[0].Action, audit.ActionLookedUp)
	if history, err = d.History(ctx, "a", history[3].ID, 4); err != nil || len(history) != 1 {
		t.Errorf("History() of before = %v, %v, want the oldest row", history, err)
	}
	if err := d.Record(ctx, eid.AuditEntry{At: start, Actor: "a\xff", Action: "test.done"}); err == nil {
		t.Error("Record() of what is no UTF-8: no error")
	}
}
