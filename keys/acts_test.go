package keys

import (
	"context"
	"crypto"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// parties awaits keys and fetches them.
type parties struct {
	mu      sync.Mutex
	awaits  []string
	fetched map[string]bool // by kid, all of them
	err     error
}

func (p *parties) Lacking(_ context.Context, _ Algorithm, kid string) ([]string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil || p.fetched[kid] {
		return nil, p.err
	}
	return p.awaits, nil
}

func (p *parties) fetch(kid string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fetched == nil {
		p.fetched = map[string]bool{}
	}
	p.fetched[kid] = true
}

// awaited makes a loaded ring for which parties await keys.
func awaited(t testing.TB, cfg Config, p *parties) (*Ring, *memStore, *clock, *logBuffer) {
	t.Helper()
	store, c, logs := &memStore{}, newClock(), &logBuffer{}
	r, err := New(cfg, Deps{Store: store, Sealer: newSealer(t), Now: c.now, Log: logs.logger(), Fetches: p})
	if err != nil {
		t.Fatal(err)
	}
	load(t, r)
	return r, store, c, logs
}

func TestRotationWaitsForFetches(t *testing.T) {
	cfg := es256()
	cfg.Plans[0].RotateEvery = 24 * time.Hour
	p := &parties{awaits: []string{"portal-a", "portal-b"}}
	r, store, c, logs := awaited(t, cfg, p)
	first, standby := store.in(ES256, Signing)[0].ID, store.in(ES256, Published)[0].ID
	due := r.time().Add(24 * time.Hour)
	c.advance(48 * time.Hour)
	for range 3 {
		pass(t, r)
	}
	if got := kidOf(t, sign(t, r.Snapshot(), ES256)); got != first {
		t.Fatalf("%s signs before the parties have fetched it, want %s", got, first)
	}
	for _, info := range r.Known() {
		if info.Waits != WaitsForFetches || !info.Overdue || !info.NextAt.Equal(due) || len(info.Lacking) != 2 {
			t.Errorf("Known() = %+v, want one that waits for two fetches since %s", info, due)
		}
	}
	if got := logs.count("rotation waits beyond its date"); got != 1 {
		t.Errorf("%d warnings, want 1", got)
	}
	p.err = errAway // who cannot be asked has not fetched
	p.fetch(standby)
	pass(t, r)
	if got := r.Snapshot().signingID(Line{Tokens, ES256}); got != first {
		t.Errorf("%s signs while nobody can be asked, want %s", got, first)
	}
	p.err = nil
	pass(t, r)
	if got := kidOf(t, sign(t, r.Snapshot(), ES256)); got != standby {
		t.Errorf("%s signs when all have fetched, want %s", got, standby)
	}
}

func TestActivate(t *testing.T) {
	type act struct{ ready, fetched, force bool }
	for name, tt := range map[string]struct {
		act     act
		want    error
		says    string
		forced  bool
		lacking []string
	}{
		"known everywhere":         {act: act{ready: true, fetched: true}},
		"caches lack it":           {act: act{fetched: true}, want: ErrNotReady, says: "caches may lack"},
		"a party lacks it":         {act: act{ready: true}, want: ErrNotReady, says: "not fetched by portal"},
		"both lack it":             {act: act{}, want: ErrNotReady, says: "portal"},
		"forced":                   {act: act{force: true}, forced: true, lacking: []string{"portal"}},
		"forced, though not to be": {act: act{ready: true, fetched: true, force: true}, forced: true},
	} {
		t.Run(name, func(t *testing.T) {
			p := &parties{awaits: []string{"portal"}}
			r, store, c, _ := awaited(t, es256(), p)
			first, standby := store.in(ES256, Signing)[0].ID, store.in(ES256, Published)[0]
			ready := standby.PublishedAt.Add(r.cfg.standbyAge())
			if tt.act.ready {
				c.advance(r.cfg.standbyAge())
			}
			if tt.act.fetched {
				p.fetch(standby.ID)
			}
			store.events = nil
			rot, err := r.Activate(t.Context(), Tokens, ES256, "operator:synthetic", "test", tt.act.force)
			if tt.want != nil {
				if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) || len(store.events) != 0 {
					t.Errorf("Activate() = %v with events %v, want %v that says %q", err, store.events, tt.want, tt.says)
				}
				return
			}
			want := Rotation{Purpose: Tokens, Algorithm: ES256, From: first, To: standby.ID, At: r.time(), Lacking: tt.lacking}
			if diff := cmp.Diff(want, rot); err != nil || diff != "" {
				t.Errorf("Activate() = %v (-want +got):\n%s", err, diff)
			}
			e := store.events[1]
			if e.Action != ActionSigning || e.Forced != tt.forced || !cmp.Equal(e.Lacking, tt.lacking) || e.Ready.Equal(ready) == tt.act.ready {
				t.Errorf("event = %+v, want forced %v, lacking %v, ready at %s if that is to come", e, tt.forced, tt.lacking, ready)
			}
			if len(store.in(ES256, Published)) != 1 {
				t.Error("no standby after the activation")
			}
		})
	}
	r, _, _ := loaded(t, es256())
	if _, err := r.Activate(t.Context(), Tokens, ES256, "operator:synthetic", "", true); err == nil {
		t.Error("a forced Activate() without a reason = nil, want an error")
	}
}

func TestConfirmedLines(t *testing.T) {
	cfg := es256()
	source := Plan{Purpose: SourceSigning("ministry"), Algorithm: RS256, RotateEvery: 24 * time.Hour, PublishFor: time.Hour, Confirm: true,
		Certificate: Certificate{CommonName: "synthetic", Years: 2}}
	r, store, c := loaded(t, cfg)
	if err := r.Plan([]Plan{source}); err != nil {
		t.Fatal(err)
	}
	load(t, r)
	list := r.Snapshot().Keys(source.Purpose)
	if len(list) != 2 || list[0].State != Signing || len(list[0].Certificate) == 0 || list[0].Signer == nil || list[0].Decrypter != nil {
		t.Fatalf("Keys() = %+v, want two that sign, with certificates", list)
	}
	c.advance(30 * 24 * time.Hour)
	load(t, r)
	if got := r.Snapshot().Keys(source.Purpose); got[0].ID != list[0].ID {
		t.Errorf("%s signs though nobody activated it, want %s", got[0].ID, list[0].ID)
	}
	for _, info := range r.Known() {
		if info.Purpose == source.Purpose && (info.Waits != WaitsForOperator || !info.Overdue) {
			t.Errorf("Known() = %+v, want one that waits for an operator", info)
		}
	}
	if _, err := r.Rotate(t.Context(), source.Purpose, RS256, "operator:synthetic", "test"); !errors.Is(err, ErrNotReady) {
		t.Errorf("Rotate() = %v, want ErrNotReady", err)
	}
	if _, err := r.Activate(t.Context(), source.Purpose, RS256, "operator:synthetic", "test", false); err != nil {
		t.Errorf("Activate() = %v, want nil", err)
	}
	if got := r.Snapshot().Keys(source.Purpose); got[0].ID != list[1].ID || len(got) != 3 {
		t.Errorf("Keys() = %+v, want %s first of three", got, list[1].ID)
	}
	if strings.Contains(string(r.Snapshot().JWKS()), list[1].ID) {
		t.Error("the JWKS names a key of a source")
	}
	token, err := r.Snapshot().Sign(source.Purpose, RS256, "JWT", []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	for _, purpose := range []Purpose{Tokens, LogoutTokens, SourceSigning("other"), ""} {
		if _, err := r.Snapshot().Verify(purpose, token, "JWT"); !errors.Is(err, ErrToken) {
			t.Errorf("Verify(%q) of another purpose's token = %v, want ErrToken", purpose, err)
		}
	}
	// Unplanned: the keys stay as they are, and come back.
	before := len(store.records)
	if err := r.Plan(nil); err != nil {
		t.Fatal(err)
	}
	c.advance(24 * time.Hour)
	load(t, r)
	if got := r.Snapshot().Keys(source.Purpose); len(got) < 2 || got[0].ID != list[1].ID || len(store.records) != before {
		t.Errorf("Keys() of a line that is not planned = %+v, want those of before", got)
	}
	if err := r.Plan([]Plan{source}); err != nil {
		t.Fatal(err)
	}
	load(t, r)
	if got := r.Snapshot().Keys(source.Purpose); got[0].ID != list[1].ID {
		t.Errorf("%s signs when planned again, want %s", got[0].ID, list[1].ID)
	}
}

// The first key of a line that succeeds others waits as a standby does.
func TestSucceedingLine(t *testing.T) {
	for _, confirm := range []bool{false, true} {
		r, _, c := loaded(t, es256())
		purpose := SourceDecryption("ministry")
		if err := r.Plan([]Plan{{Purpose: purpose, Algorithm: RSA, PublishFor: time.Hour, Succeeds: true, Confirm: confirm}}); err != nil {
			t.Fatal(err)
		}
		load(t, r)
		if got := r.Snapshot().Keys(purpose); len(got) != 1 || got[0].State != Published || got[0].Decrypter == nil || got[0].Signer != nil {
			t.Fatalf("Keys() = %+v, want one standby that opens", got)
		}
		c.advance(time.Hour)
		load(t, r)
		if confirm {
			if got := r.Snapshot().Keys(purpose)[0].State; got != Published {
				t.Errorf("state = %s before anybody confirmed, want published", got)
			}
			if _, err := r.Activate(t.Context(), purpose, RSA, "operator:synthetic", "test", false); err != nil {
				t.Errorf("Activate() = %v, want nil", err)
			}
		}
		if got := r.Snapshot().Keys(purpose); len(got) != 2 || got[0].State != Signing {
			t.Errorf("confirm %v: Keys() = %+v, want one that leads and a standby", confirm, got)
		}
		if _, err := r.Snapshot().Sign(purpose, RSA, "JWT", nil); !errors.Is(err, ErrNoKey) {
			t.Errorf("Sign() with a key that decrypts = %v, want ErrNoKey", err)
		}
	}
}

func TestRevoke(t *testing.T) {
	for name, tt := range map[string]struct {
		choose func(*memStore) string
		parts  bool // parties are told
		stays  bool // the key that signs
	}{
		"the one that signs": {choose: func(s *memStore) string { return s.in(ES256, Signing)[0].ID }, parts: true},
		"the standby":        {choose: func(s *memStore) string { return s.in(ES256, Published)[0].ID }, stays: true},
		"one that verifies":  {choose: func(s *memStore) string { return s.in(ES256, Verifying)[0].ID }, parts: true, stays: true},
		"one that retired":   {choose: func(s *memStore) string { return s.in(ES256, Retired)[0].ID }, parts: true, stays: true},
	} {
		t.Run(name, func(t *testing.T) {
			r, store, c := loaded(t, es256())
			tokens := map[string]string{}
			tokenOf := func() { tok := sign(t, r.Snapshot(), ES256); tokens[kidOf(t, tok)] = tok }
			for range 2 { // one retired, one verifying
				tokenOf()
				c.advance(r.cfg.standbyAge() + r.cfg.verifyAge())
				load(t, r)
				rotate(t, r, ES256)
				load(t, r)
			}
			tokenOf()
			kid, signs := tt.choose(store), store.in(ES256, Signing)[0].ID
			started := r.records(t)[kid].SigningAt
			other, _ := newRing(t, es256(), store, r.box.(*Sealer), c)
			load(t, other)
			store.revoked = nil
			first, err := r.Revoke(t.Context(), kid, "operator:synthetic", "leaked")
			if err != nil {
				t.Fatal(err)
			}
			c.advance(time.Second)
			second, err := other.Revoke(t.Context(), kid, "operator:second", "leaked too")
			if diff := cmp.Diff(first, second); err != nil || diff != "" {
				t.Errorf("a second Revoke() = %v (-first +second):\n%s", err, diff)
			}
			for _, p := range []*Ring{r, other} {
				load(t, p)
				if tok := tokens[kid]; tok != "" {
					if _, err := p.Snapshot().Verify(Tokens, tok, "JWT"); !errors.Is(err, ErrToken) {
						t.Errorf("Verify() of a revoked key's token = %v, want ErrToken", err)
					}
				}
				if got := p.Snapshot().signingID(Line{Tokens, ES256}); (got == signs) != tt.stays || got != first.Signing {
					t.Errorf("%s signs, want the same as before: %v, and as told: %s", got, tt.stays, first.Signing)
				}
				if strings.Contains(string(p.Snapshot().JWKS()), kid) {
					t.Error("the JWKS names a revoked key")
				}
			}
			rec := r.records(t)[kid]
			if rec.State != Retired || rec.RevokedAt.IsZero() || rec.RetiredAt.IsZero() || len(store.in(ES256, Published)) != 1 {
				t.Errorf("record = %+v with %d standbys, want it retired and revoked, and 1", rec, len(store.in(ES256, Published)))
			}
			var want []RevokedKey
			if tt.parts {
				want = []RevokedKey{{ID: kid, Since: started}}
			}
			if diff := cmp.Diff(want, store.revoked); diff != "" {
				t.Errorf("parties to be told (-want +got):\n%s", diff)
			}
			archive, err := r.Archive(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range archive {
				if !k.Authentic {
					t.Errorf("archived %+v, want it authentic", k)
				}
			}
			if tok := tokens[kid]; tok != "" {
				if v, err := archive.Verify(tok); err != nil || v.Why(0) != "its key was revoked" {
					t.Errorf("archive says %q, %v, want that the key was revoked", v.Why(0), err)
				}
			}
		})
	}
	r, _, _ := loaded(t, es256())
	for _, kid := range []string{"", "unknown", "' OR 1=1 --"} {
		if _, err := r.Revoke(t.Context(), kid, "operator:synthetic", "test"); !errors.Is(err, ErrNoKey) {
			t.Errorf("Revoke(%q) = %v, want ErrNoKey", kid, err)
		}
	}
	if _, err := r.Revoke(t.Context(), r.Snapshot().signingID(Line{Tokens, ES256}), "operator:synthetic", ""); err == nil {
		t.Error("Revoke() without a reason = nil, want an error")
	}
}

// records reads the store, by kid.
func (r *Ring) records(t testing.TB) map[string]Record {
	t.Helper()
	list, err := r.read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	byID := map[string]Record{}
	for _, rec := range list {
		byID[rec.ID] = rec
	}
	return byID
}

func TestRevokeLine(t *testing.T) {
	r, store, _ := loaded(t, DefaultConfig())
	before := r.Snapshot()
	rev, err := r.RevokeLine(t.Context(), Tokens, ES256, "operator:synthetic", "HSM stolen")
	if err != nil {
		t.Fatal(err)
	}
	if len(rev.Revoked) != 2 || rev.Signing == "" || rev.Standby == "" || len(store.revoked) != 1 {
		t.Errorf("RevokeLine() = %+v with %d keys to tell of, want two revoked, two new, one to tell of", rev, len(store.revoked))
	}
	if got := kidOf(t, sign(t, r.Snapshot(), ES256)); got != rev.Signing || before.set.known[got] != nil {
		t.Errorf("signed with %s, want the fresh key %s", got, rev.Signing)
	}
	for _, l := range []Line{{Tokens, RS256}, {LogoutTokens, ES256}, {Checkpoints, ES256}} {
		if got, want := r.Snapshot().signingID(l), before.signingID(l); got != want {
			t.Errorf("%s: %s signs, want %s: another line was revoked", l, got, want)
		}
	}
	if _, err := r.RevokeLine(t.Context(), "", ES256, "operator:synthetic", "test"); !errors.Is(err, ErrNoKey) {
		t.Errorf("RevokeLine() of no line = %v, want ErrNoKey", err)
	}
}

// In an emergency a key goes, whether another can be made or not.
func TestRevokeWithTheCustodyAway(t *testing.T) {
	cfg, store, box, c, v := inCustody(t, ES256)
	r, _ := custodyRing(t, cfg, store, box, c, v)
	load(t, r)
	broken := &halfway{Custody: v, generate: ErrCustody}
	r.custodies["vault"] = broken
	standby := store.in(ES256, Published)[0].ID
	rev, err := r.Revoke(t.Context(), r.Snapshot().signingID(Line{Tokens, ES256}), "operator:synthetic", "test")
	if err != nil || rev.Signing != standby || rev.Standby != "" {
		t.Fatalf("Revoke() = %+v, %v, want %s to sign and no standby", rev, err, standby)
	}
	rev, err = r.Revoke(t.Context(), standby, "operator:synthetic", "test")
	if err != nil || rev.Signing != "" {
		t.Fatalf("Revoke() of the last = %+v, %v, want none that signs", rev, err)
	}
	pass(t, r)
	if _, err := r.Snapshot().Sign(Tokens, ES256, "JWT", []byte("{}")); !errors.Is(err, ErrNoKey) {
		t.Errorf("Sign() = %v, want ErrNoKey", err)
	}
	broken.generate = nil
	pass(t, r)
	sign(t, r.Snapshot(), ES256)
	if len(store.in(ES256, Signing)) != 1 || len(store.in(ES256, Published)) != 1 {
		t.Errorf("keys = %+v, want one that signs and one that stands by", store.records)
	}
}

// hanging is a custody that answers when it is let go, whatever its caller says.
type hanging struct {
	Custody

	until chan struct{}
}

func (h hanging) Generate(ctx context.Context, alg Algorithm, bits int) ([]byte, crypto.Signer, error) {
	<-h.until
	return h.Custody.Generate(ctx, alg, bits)
}

// An emergency does not wait for a custody that hangs.
func TestRevokeWithACustodyThatHangs(t *testing.T) {
	cfg, store, box, c, v := inCustody(t, ES256)
	r, _ := custodyRing(t, cfg, store, box, c, v)
	load(t, r)
	revoked, standby := r.Snapshot().signingID(Line{Tokens, ES256}), store.in(ES256, Published)[0].ID
	h := hanging{v, make(chan struct{})}
	r.custodies["vault"] = h
	var rev Revocation
	done := make(chan error)
	go func() {
		var err error
		rev, err = r.Revoke(t.Context(), revoked, "operator:synthetic", "test")
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil || rev.Signing != standby || rev.Standby != "" {
			t.Errorf("Revoke() = %+v, %v, want %s to sign and no standby yet", rev, err, standby)
		}
	case <-time.After(20 * time.Second):
		t.Error("Revoke() waits for the custody")
		close(h.until)
		t.Fatal(<-done)
	}
	close(h.until)
	await(t, func() bool {
		pass(t, r)
		return len(store.in(ES256, Published)) == 1
	})
}

// A retired key that lives again was put there by somebody else.
func TestRetiredKeyDoesNotComeBack(t *testing.T) {
	r, store, _ := loaded(t, es256())
	old := store.in(ES256, Signing)[0]
	if _, err := r.Revoke(t.Context(), old.ID, "operator:synthetic", "test"); err != nil {
		t.Fatal(err)
	}
	store.edit(func(records []Record) []Record {
		for i := range records {
			if records[i].ID == old.ID {
				records[i] = old
				records[i].State = Verifying
			}
		}
		return records
	})
	if err := r.Load(t.Context()); err == nil || !strings.Contains(err.Error(), "had retired") {
		t.Errorf("Load() = %v, want an error that says that it had retired", err)
	}
	if strings.Contains(string(r.Snapshot().JWKS()), old.ID) {
		t.Error("the JWKS names the revoked key again")
	}
}
