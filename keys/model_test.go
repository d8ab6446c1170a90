package keys

import (
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"pgregory.net/rapid"
)

// process is one replica of the model: a ring and its way to the store.
type process struct {
	ring   *Ring
	way    *line
	writes *crashing
	cut    time.Time // since when the store is out of reach; zero: it is not
}

// verifier is a relying party of the model that caches the JWKS for the full
// max-age.
type verifier struct {
	set     jose.JSONWebKeySet
	fetched time.Time
}

// issued is a token of the model.
type issued struct {
	token   string
	expires time.Time
}

// world is two replicas, a custody, a party that awaits keys, three verifiers, and the
// tokens between them.
type world struct {
	cfg       Config
	clock     *clock
	store     *memStore
	vault     *vault
	party     *parties
	processes []*process
	verifiers []*verifier
	tokens    []issued
}

func newWorld(t *testing.T, sealer *Sealer, rotateEvery time.Duration, custody string) *world {
	cfg := es256()
	cfg.Plans[0].RotateEvery, cfg.Plans[0].Custody = rotateEvery, custody
	w := &world{cfg: cfg, clock: newClock(), store: &memStore{}, vault: newVault("vault"), party: &parties{awaits: []string{"portal"}}}
	for range 2 {
		way := &line{Store: w.store}
		writes := &crashing{Store: way}
		ring, err := New(cfg, Deps{
			Store: writes, Sealer: sealer, Now: w.clock.now, Log: slog.New(slog.DiscardHandler), Custodies: []Custody{w.vault}, Fetches: w.party,
		})
		if err != nil {
			t.Fatal(err)
		}
		pass(t, ring)
		w.processes = append(w.processes, &process{ring: ring, way: way, writes: writes})
	}
	for range 3 {
		w.verifiers = append(w.verifiers, &verifier{})
	}
	return w
}

// pass lets time go by, with a turn of every process at its end.
func (w *world) pass(t *testing.T, d time.Duration) {
	w.clock.advance(d)
	for _, p := range w.processes {
		pass(t, p.ring)
	}
}

// cutFor is how long a process has been without the store.
func (w *world) cutFor(p *process) time.Duration {
	if p.cut.IsZero() {
		return 0
	}
	return w.clock.now().Sub(p.cut)
}

// record finds a key in the store.
func (w *world) record(kid string) Record {
	i := slices.IndexFunc(w.store.records, func(rec Record) bool { return rec.ID == kid })
	return w.store.records[i]
}

// hasty reports whether a key was let sign without waiting: the first, a forced one,
// or one that took the place of a revoked one.
func (w *world) hasty(kid string) bool {
	return slices.ContainsFunc(w.store.events, func(e Event) bool {
		return e.KeyID == kid && e.Action == ActionSigning &&
			(e.Forced || e.Reason == "revoke" || strings.HasPrefix(e.Reason, "first key") || e.Reason == "all were revoked")
	})
}

// sign issues a token, and checks who may sign.
func (w *world) sign(t *rapid.T, tt *testing.T, p *process) {
	token, err := p.ring.Snapshot().Sign(Tokens, ES256, "JWT", []byte("{}"))
	if w.cutFor(p) > w.cfg.JWKSMaxAge {
		if !errors.Is(err, ErrStale) {
			t.Fatalf("Sign() %s after the store went away = %v, want ErrStale", w.cutFor(p), err)
		}
		return
	}
	if err != nil {
		if !errors.Is(err, ErrCustody) && !errors.Is(err, ErrNoKey) {
			t.Fatalf("Sign() = %v, want nil, or an error of the custody", err)
		}
		if !w.vault.down && p.cut.IsZero() && p.writes.at == "" {
			pass(tt, p.ring) // its next poll
			_, err = p.ring.Snapshot().Sign(Tokens, ES256, "JWT", []byte("{}"))
			if err != nil {
				t.Fatalf("Sign() = %v after a poll with everything at hand, want nil", err)
			}
		}
		return
	}
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	kid := jws.Signatures[0].Protected.KeyID
	age := w.clock.now().Sub(w.record(kid).PublishedAt)
	switch hasty := w.hasty(kid); {
	case !hasty && age < w.cfg.standbyAge():
		t.Fatalf("%s signed %s after it was published, want at least %s", kid, age, w.cfg.standbyAge())
	case !hasty && !w.party.fetched[kid]:
		t.Fatalf("%s signed though a party awaits it and has not fetched it", kid)
	case hasty && age < w.cfg.standbyAge(): // caches may lack it: replicas alone have to know it
		w.verifies(t, token, kid)
		return
	}
	w.tokens = append(w.tokens, issued{token, w.clock.now().Add(w.cfg.TokenLifetime)})
}

// verifies checks that the replicas that reach the store take a token, or refuse it
// where its key was revoked.
func (w *world) verifies(t *rapid.T, token, kid string) {
	revoked := !w.record(kid).RevokedAt.IsZero()
	for i, p := range w.processes {
		if !p.cut.IsZero() {
			continue
		}
		_, _ = p.ring.step(t.Context(), false) // its next poll, whether it can write or not
		if _, err := p.ring.Snapshot().Verify(Tokens, token, "JWT"); (err == nil) == revoked {
			t.Fatalf("replica %d verifies a token of %s, revoked %v: %v", i, kid, revoked, err)
		}
		if signs := p.ring.Snapshot().signingID(Line{Tokens, ES256}); signs == kid && revoked {
			t.Fatalf("replica %d still signs with %s, which was revoked", i, kid)
		}
	}
}

// check verifies every living token at every replica and verifier. A verifier whose
// cache is too old fetches from one of the processes that still sign.
func (w *world) check(t *rapid.T, tt *testing.T, choose func(n int) int) {
	now := w.clock.now()
	w.tokens = slices.DeleteFunc(w.tokens, func(tok issued) bool { return now.After(tok.expires) })
	for _, tok := range w.tokens {
		w.verifies(t, tok.token, kidOf(tt, tok.token))
	}
	w.tokens = slices.DeleteFunc(w.tokens, func(tok issued) bool { return !w.record(kidOf(tt, tok.token)).RevokedAt.IsZero() })
	serving := slices.DeleteFunc(slices.Clone(w.processes), func(p *process) bool { return w.cutFor(p) > w.cfg.JWKSMaxAge })
	for i, v := range w.verifiers {
		if now.Sub(v.fetched) > w.cfg.JWKSMaxAge {
			if len(serving) == 0 {
				continue
			}
			raw := serving[choose(len(serving))].ring.Snapshot().JWKS()
			v.set, v.fetched = jose.JSONWebKeySet{}, now
			if err := json.Unmarshal(raw, &v.set); err != nil {
				t.Fatal(err)
			}
		}
		for _, tok := range w.tokens {
			if !verifies(tok.token, v.set) {
				t.Fatalf("verifier %d, with the JWKS of %s ago, refuses a token that lives %s more", i, now.Sub(v.fetched), tok.expires.Sub(now))
			}
		}
	}
	w.checkRows(t, tt)
}

// checkRows looks at what the store holds: never two that sign or stand by, and one of
// each wherever they could be made.
func (w *world) checkRows(t *rapid.T, tt *testing.T) {
	able := false
	for _, p := range w.processes {
		if p.cut.IsZero() && p.writes.at == "" {
			pass(tt, p.ring)
			able = true
		}
	}
	for _, rec := range w.store.records {
		key, err := open(rec, w.processes[0].ring.box)
		if err != nil || rec.State == Retired && key.private != nil {
			t.Fatalf("key %s is %s and opens to %+v, %v", rec.ID, rec.State, key, err)
		}
		if rec.State != Retired && !rec.RevokedAt.IsZero() {
			t.Fatalf("key %s is %s and revoked", rec.ID, rec.State)
		}
	}
	signing, standby := len(w.store.in(ES256, Signing)), len(w.store.in(ES256, Published))
	if signing > 1 || standby > 1 || able && !w.vault.down && (signing != 1 || standby != 1) {
		t.Fatalf("%d keys sign and %d stand by, want 1 and 1", signing, standby)
	}
}

// act lets an operator do something at a process, and looks at what was said.
func (w *world) act(t *rapid.T, p *process, what string) {
	var err error
	switch signing := w.store.in(ES256, Signing); what {
	case "rotate":
		_, err = p.ring.Rotate(t.Context(), Tokens, ES256, "operator:synthetic", what)
	case "activate":
		_, err = p.ring.Activate(t.Context(), Tokens, ES256, "operator:synthetic", what, false)
	case "force":
		_, err = p.ring.Activate(t.Context(), Tokens, ES256, "operator:synthetic", what, true)
	case "revoke":
		if len(signing) > 0 {
			_, err = p.ring.Revoke(t.Context(), signing[0].ID, "operator:synthetic", what)
		}
	case "revoke line":
		_, err = p.ring.RevokeLine(t.Context(), Tokens, ES256, "operator:synthetic", "revoke")
	}
	switch {
	case err == nil || !p.cut.IsZero() || p.writes.at != "" || w.vault.down:
	case what == "activate" && errors.Is(err, ErrNotReady):
	default:
		t.Fatalf("%s = %v with everything at hand, want nil", what, err)
	}
}

// Whatever operators do, however time goes by, whichever process loses the store, dies
// in a write or finds the custody away, no valid token is ever refused, and none of a
// revoked key is taken.
func TestNoValidTokenIsEverRefused(t *testing.T) {
	sealer := newSealer(t)
	rapid.Check(t, func(rt *rapid.T) {
		every := rapid.SampledFrom([]time.Duration{0, es256().standbyAge(), time.Hour, 24 * time.Hour}).Draw(rt, "rotate every")
		custody := rapid.SampledFrom([]string{"", "vault"}).Draw(rt, "custody")
		w := newWorld(t, sealer, every, custody)
		choose := func(n int) int { return rapid.IntRange(0, n-1).Draw(rt, "choice") }
		rt.Repeat(map[string]func(*rapid.T){
			"": func(rt *rapid.T) { w.check(rt, t, choose) },
			"sign": func(rt *rapid.T) {
				for _, p := range w.processes {
					w.sign(rt, t, p)
				}
			},
			"seconds pass": func(rt *rapid.T) {
				w.pass(t, time.Duration(rapid.IntRange(1, 60).Draw(rt, "seconds"))*time.Second)
			},
			"minutes pass": func(rt *rapid.T) {
				w.pass(t, time.Duration(rapid.IntRange(1, 21).Draw(rt, "minutes"))*time.Minute)
			},
			"hours pass": func(rt *rapid.T) {
				w.pass(t, time.Duration(rapid.IntRange(1, 100).Draw(rt, "hours"))*time.Hour)
			},
			"an operator acts": func(rt *rapid.T) {
				what := rapid.SampledFrom([]string{"rotate", "rotate", "activate", "force", "revoke", "revoke line"}).Draw(rt, "act")
				w.act(rt, w.processes[choose(len(w.processes))], what)
			},
			"the party fetches": func(*rapid.T) {
				for _, rec := range w.store.in(ES256, Published) {
					w.party.fetch(rec.ID)
				}
			},
			"lose or find the custody": func(*rapid.T) { w.vault.set(!w.vault.down) },
			"lose or find the store": func(*rapid.T) {
				p := w.processes[choose(len(w.processes))]
				if p.cut.IsZero() {
					p.cut = w.clock.now()
					p.way.set(true)
					return
				}
				p.cut = time.Time{}
				p.way.set(false)
				pass(t, p.ring)
			},
			"writes fail or not": func(rt *rapid.T) {
				p := w.processes[choose(len(w.processes))]
				p.writes.at = rapid.SampledFrom([]string{"", "", "before", "within", "after"}).Draw(rt, "at")
			},
		})
	})
}
