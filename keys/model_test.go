package keys

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"pgregory.net/rapid"
)

// process is one replica of the model: a ring and its way to the store.
type process struct {
	ring *Ring
	way  *line
	cut  time.Time // since when the store is out of reach; zero: it is not
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

// world is two replicas, three verifiers and the tokens between them.
type world struct {
	cfg       Config
	clock     *clock
	store     *memStore
	processes []*process
	verifiers []*verifier
	tokens    []issued
	coldStart string // the kid that may sign without having waited
}

func newWorld(t *testing.T, sealer *Sealer, rotateEvery time.Duration) *world {
	cfg := es256()
	cfg.Plans[0].RotateEvery = rotateEvery
	w := &world{cfg: cfg, clock: newClock(), store: &memStore{}}
	for range 2 {
		way := &line{Store: w.store}
		ring, _ := newRing(t, cfg, way, sealer, w.clock)
		pass(t, ring)
		w.processes = append(w.processes, &process{ring: ring, way: way})
	}
	w.coldStart = w.store.in(ES256, Signing)[0].ID
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

// sign issues a token, and checks who may sign.
func (w *world) sign(t *rapid.T, p *process) {
	token, err := p.ring.Snapshot().Sign(Tokens, ES256, "JWT", []byte("{}"))
	if w.cutFor(p) > w.cfg.JWKSMaxAge {
		if !errors.Is(err, ErrStale) {
			t.Fatalf("Sign() %s after the store went away = %v, want ErrStale", w.cutFor(p), err)
		}
		return
	}
	if err != nil {
		t.Fatalf("Sign() = %v, want nil", err)
	}
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	kid := jws.Signatures[0].Protected.KeyID
	for _, rec := range w.store.records {
		age := w.clock.now().Sub(rec.PublishedAt)
		if rec.ID == kid && kid != w.coldStart && age < 2*w.cfg.JWKSMaxAge {
			t.Fatalf("%s signed %s after it was published, want at least %s", kid, age, 2*w.cfg.JWKSMaxAge)
		}
	}
	w.tokens = append(w.tokens, issued{token, w.clock.now().Add(w.cfg.TokenLifetime)})
}

// check verifies every living token at every verifier. A verifier whose cache is
// too old fetches from one of the processes that still sign.
func (w *world) check(t *rapid.T, choose func(n int) int) {
	now := w.clock.now()
	living := w.tokens[:0]
	for _, tok := range w.tokens {
		if !now.After(tok.expires) {
			living = append(living, tok)
		}
	}
	w.tokens = living
	var serving []*process
	for _, p := range w.processes {
		if w.cutFor(p) <= w.cfg.JWKSMaxAge {
			serving = append(serving, p)
		}
	}
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
	for _, rec := range w.store.records {
		key, err := open(rec, w.processes[0].ring.box)
		if err != nil || (rec.State == Retired) != (key.private == nil) {
			t.Fatalf("key %s is %s and opens to %+v, %v", rec.ID, rec.State, key, err)
		}
	}
	if signing, standby := w.store.in(ES256, Signing), w.store.in(ES256, Published); len(signing) != 1 || len(standby) != 1 {
		t.Fatalf("%d keys sign and %d stand by, want 1 and 1", len(signing), len(standby))
	}
}

// Whatever operators do, however time goes by and whichever process loses the
// store for a while, no valid token is ever refused.
func TestNoValidTokenIsEverRefused(t *testing.T) {
	sealer := newSealer(t)
	rapid.Check(t, func(rt *rapid.T) {
		every := rapid.SampledFrom([]time.Duration{0, es256().standbyAge(), time.Hour, 24 * time.Hour}).Draw(rt, "rotate every")
		w := newWorld(t, sealer, every)
		choose := func(n int) int { return rapid.IntRange(0, n-1).Draw(rt, "choice") }
		rt.Repeat(map[string]func(*rapid.T){
			"": func(rt *rapid.T) { w.check(rt, choose) },
			"sign": func(rt *rapid.T) {
				for _, p := range w.processes {
					w.sign(rt, p)
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
			"rotate": func(rt *rapid.T) {
				p := w.processes[choose(len(w.processes))]
				_, err := p.ring.Rotate(t.Context(), Tokens, ES256, "operator:synthetic", "test")
				if p.cut.IsZero() != (err == nil) {
					rt.Fatalf("Rotate() = %v with the store away: %v", err, !p.cut.IsZero())
				}
			},
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
		})
	})
}
