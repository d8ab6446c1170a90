package storetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/keys"
	"eidgate/store/sqlstore"
)

// secrets sees that a secret is made once for each name, and that a sector and a
// secret of one name are two.
func (s durableSuite) secrets(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	seen := map[string]string{}
	for kind, get := range map[string]func(context.Context, string) ([]byte, error){
		"SectorSecret": d.SectorSecret, "Secret": d.Secret,
	} {
		for _, name := range []string{"https://a.example", "https://b.example"} {
			first, err := get(ctx, name)
			must(t, err)
			again, err := get(ctx, name)
			must(t, err)
			if len(first) != 32 || !bytes.Equal(first, again) {
				t.Errorf("%s(%s): %d bytes, the same again: %v; want 32, true", kind, name, len(first), bytes.Equal(first, again))
			}
			if other := seen[string(first)]; other != "" {
				t.Errorf("%s(%s) is %s", kind, name, other)
			}
			seen[string(first)] = kind + " of " + name
		}
		if _, err := get(ctx, ""); err == nil {
			t.Errorf("%s() of no name gave one", kind)
		}
	}
}

func grantEntry(at time.Time) eid.AuditEntry {
	return eid.AuditEntry{At: at, Actor: "holder", Action: eid.ActionGrantIssued, Ref: "ref-1"}
}

func (s durableSuite) grants(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	id, other := d.person(t, numberA), d.person(t, numberB)
	pending := Citizen(t, "999190000003")
	pending.Status = eid.PendingActivation
	asleep, err := d.accounts.Create(ctx, pending, "system")
	must(t, err)
	var seen int64
	d.actions(t, &seen)

	grant := eid.Grant{
		ID: "g1", Account: id, Client: "portal",
		Terms: eid.Terms{Account: eid.Level2}, ACR: eid.ACRValue{Name: "LoA2", Level: eid.Level2},
		AMR: []string{"pwd", "otp"}, AuthTime: d.clock.Now(), IssuedAt: d.clock.Now(), Source: "account",
	}
	entry := grantEntry(d.clock.Now())
	must(t, d.RecordGrant(ctx, "sector", "sub-1", grant, entry))
	must(t, d.RecordGrant(ctx, "sector", "sub-1", grant, entry))
	must(t, d.RecordGrant(ctx, "elsewhere", "sub-1", grant, entry))
	equal(t, "audit", d.actions(t, &seen), []string{eid.ActionGrantIssued, eid.ActionGrantIssued, eid.ActionGrantIssued})

	rows, err := d.Audit(ctx, sqlstore.AuditFilter{Action: eid.ActionGrantIssued, Limit: 1})
	must(t, err)
	var back eid.Grant
	must(t, json.Unmarshal(rows[0].Detail, &back))
	equal(t, "grant in the audit", back, grant)
	if row := rows[0]; row.Account != id || row.Client != "portal" || row.Ref != "ref-1" || !row.At.Equal(entry.At) {
		t.Errorf("audit row = %+v, want the grant's account and client", row)
	}

	wantErr(t, "another subject of the account", d.RecordGrant(ctx, "sector", "sub-2", grant, entry), eid.ErrSubject)
	for account, want := range map[eid.AccountID]error{
		other: eid.ErrSubject, asleep: eid.ErrNotActivated, "nobody": eid.ErrNotFound,
	} {
		g := grant
		g.Account = account
		wantErr(t, "RecordGrant()", d.RecordGrant(ctx, "sector", "sub-1", g, entry), want)
	}
	_, err = d.locking.Set(ctx, id, eid.LockSelf, Self())
	must(t, err)
	wantErr(t, "RecordGrant() after a lock", d.RecordGrant(ctx, "sector", "sub-1", grant, entry), eid.ErrLocked)
	if d.RecordGrant(ctx, "", "sub", grant, entry) == nil || d.RecordGrant(ctx, "sector", "", grant, entry) == nil {
		t.Error("RecordGrant() without sector or subject gave no error")
	}
	grant.Client = ""
	if d.RecordGrant(ctx, "sector", "sub-1", grant, entry) == nil {
		t.Error("RecordGrant() to no client gave no error")
	}
	equal(t, "audit of refused grants", d.actions(t, &seen), []string{eid.ActionAccountLocked})
}

func (s durableSuite) keys(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	now := d.clock.Now()
	first := keys.Record{
		ID: "kid-1", Purpose: keys.Tokens, Algorithm: keys.ES256, State: keys.Published, Sealed: []byte{1, 2}, Public: json.RawMessage(`{"kty":"EC"}`),
		PublishedAt: now,
	}
	put := func(put []keys.Record, events ...keys.Event) error {
		return d.UpdateKeys(ctx, func([]keys.Record) (keys.Update, error) {
			return keys.Update{Put: put, Events: events}, nil
		})
	}
	must(t, put([]keys.Record{first}, keys.Event{Action: keys.ActionPublished, KeyID: "kid-1", Actor: "system", Reason: "start"}))
	got, err := d.Keys(ctx)
	wantErr(t, "Keys()", err, nil)
	equal(t, "Keys()", got, []keys.Record{first})

	whole := keys.Record{
		ID: "kid-1", Purpose: keys.Tokens, Algorithm: keys.ES256, State: keys.Retired, Public: json.RawMessage(`{"kty":"EC"}`),
		PublishedAt: now, ActivateAt: now.Add(1 * time.Hour), SigningAt: now.Add(2 * time.Hour),
		VerifyingAt: now.Add(3 * time.Hour), RetireAt: now.Add(4 * time.Hour), RetiredAt: now.Add(5 * time.Hour),
	}
	must(t, put([]keys.Record{whole}, keys.Event{Action: keys.ActionRetired, KeyID: "kid-1", Actor: "operator:A"}))
	got, err = d.Keys(ctx)
	wantErr(t, "Keys()", err, nil)
	equal(t, "Keys() of a replaced record", got, []keys.Record{whole})

	refused := errors.New("refused")
	err = d.UpdateKeys(ctx, func(current []keys.Record) (keys.Update, error) {
		equal(t, "current records", current, []keys.Record{whole})
		return keys.Update{Put: []keys.Record{{ID: "kid-2"}}}, refused
	})
	wantErr(t, "UpdateKeys()", err, refused)
	// An event without an actor cannot be audited: its change is not made.
	if put([]keys.Record{{ID: "kid-3"}}, keys.Event{Action: keys.ActionPublished}) == nil {
		t.Error("UpdateKeys() with an event of nobody gave no error")
	}
	got, err = d.Keys(ctx)
	wantErr(t, "Keys()", err, nil)
	equal(t, "Keys() after refusals", got, []keys.Record{whole})
	var seen int64
	equal(t, "audit", d.actions(t, &seen), []string{keys.ActionPublished, keys.ActionRetired})
}

// oneSigningKey sees that the store itself lets one key of an algorithm sign, in
// the order that an update puts them.
func (s durableSuite) oneSigningKey(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	put := func(put ...keys.Record) error {
		return d.UpdateKeys(ctx, func([]keys.Record) (keys.Update, error) { return keys.Update{Put: put}, nil })
	}
	key := func(id string, a keys.Algorithm, state keys.State) keys.Record {
		return keys.Record{ID: id, Purpose: keys.Tokens, Algorithm: a, State: state, PublishedAt: d.clock.Now()}
	}
	must(t, put(key("a", keys.ES256, keys.Signing), key("b", keys.ES256, keys.Published), key("r", keys.RS256, keys.Signing)))
	if put(key("b", keys.ES256, keys.Signing)) == nil {
		t.Error("a second signing key of an algorithm was written")
	}
	must(t, put(key("a", keys.ES256, keys.Verifying), key("b", keys.ES256, keys.Signing)))
	list, err := d.Keys(ctx)
	must(t, err)
	states := map[string]keys.State{}
	for _, r := range list {
		states[r.ID] = r.State
	}
	equal(t, "states", states, map[string]keys.State{"a": keys.Verifying, "b": keys.Signing, "r": keys.Signing})
}

func (s durableSuite) audit(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	hanoi := time.FixedZone("+07", 7*60*60)
	entry := eid.AuditEntry{
		At: time.Date(2026, 3, 1, 8, 0, 0, 123456789, hanoi), Actor: "client:portal", Action: eid.ActionSignedIn,
		Account: "a", Client: "portal", Ref: "ref", Detail: json.RawMessage(`{"n":1}`),
	}
	stored := entry
	stored.At = time.Date(2026, 3, 1, 1, 0, 0, 123456000, time.UTC)
	bare := eid.AuditEntry{At: d.clock.Now(), Actor: "system", Action: eid.ActionSignInFailed}
	must(t, d.Record(ctx, entry, bare))
	bare.Detail = json.RawMessage(`{}`)

	rows, err := d.Audit(ctx, sqlstore.AuditFilter{})
	must(t, err)
	equal(t, "Audit()", rows, []sqlstore.AuditRow{{ID: rows[0].ID, AuditEntry: stored}, {ID: rows[1].ID, AuditEntry: bare}})
	for _, tt := range []struct {
		name   string
		filter sqlstore.AuditFilter
		want   []sqlstore.AuditRow
	}{
		{"by action", sqlstore.AuditFilter{Action: eid.ActionSignedIn}, rows[:1]},
		{"by account", sqlstore.AuditFilter{Account: "a"}, rows[:1]},
		{"after", sqlstore.AuditFilter{After: rows[0].ID}, rows[1:]},
		{"first page", sqlstore.AuditFilter{Limit: 1}, rows[:1]},
		{"negative page", sqlstore.AuditFilter{Limit: -1}, rows},
		{"none", sqlstore.AuditFilter{Action: "' OR 1=1 --"}, nil},
	} {
		got, err := d.Audit(ctx, tt.filter)
		wantErr(t, tt.name, err, nil)
		equal(t, tt.name, got, tt.want)
	}
	for name, bad := range map[string]eid.AuditEntry{
		"no time":  {Actor: "system", Action: "x.y"},
		"no actor": {At: entry.At, Action: "x.y"},
		"no act":   {At: entry.At, Actor: "system"},
		"no JSON":  {At: entry.At, Actor: "system", Action: "x.y", Detail: json.RawMessage(`{`)},
	} {
		if err := d.Record(ctx, entry, bad); err == nil {
			t.Errorf("%s: Record() gave no error", name)
		}
	}
	after, err := d.Audit(ctx, sqlstore.AuditFilter{})
	must(t, err)
	equal(t, "rows after refused ones", len(after), len(rows))
}
