package keys

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// cachingVerifier fetches the JWKS over HTTP and keeps it for the full max-age.
type cachingVerifier struct {
	url     string
	maxAge  time.Duration
	clock   *clock
	set     jose.JSONWebKeySet
	fetched time.Time
}

func (v *cachingVerifier) refresh(t *testing.T) {
	if v.clock.now().Sub(v.fetched) <= v.maxAge {
		return
	}
	asked := v.clock.now()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, v.url, nil)
	if err != nil {
		t.Errorf("asking for the JWKS: %v", err)
		return
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Errorf("fetching the JWKS: %v", err)
		return
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Errorf("reading the JWKS: %v", err)
		return
	}
	v.set, v.fetched = parseJWKS(t, raw), asked
}

// Two processes rotate under load while verifiers cache the JWKS of either for
// the full max-age, on a clock that runs as fast as the processes keep up.
func TestRotationUnderLoad(t *testing.T) {
	const (
		keysToSign = 21
		signers    = 4
		verifiers  = 3
		step       = time.Second
	)
	cfg := es256()
	cfg.JWKSMaxAge, cfg.TokenLifetime, cfg.Skew, cfg.Poll = 3*time.Second, 4*time.Second, 2*time.Second, time.Millisecond
	store, sealer, c := &memStore{}, newSealer(t), newClock()
	ctx, stop := context.WithCancel(t.Context())
	var processes, signing, verifying sync.WaitGroup
	rings := make([]*Ring, 2)
	urls := make([]string, len(rings))
	for i := range rings {
		ring, _ := newRing(t, cfg, store, sealer, c)
		load(t, ring)
		rings[i] = ring
		processes.Go(func() {
			if err := ring.Run(ctx); err != nil {
				t.Errorf("Run() = %v, want nil", err)
			}
		})
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(ring.Snapshot().JWKS())
		}))
		defer srv.Close()
		urls[i] = srv.URL
	}

	tokens := make(chan issued, 64)
	for i := range signers {
		ring := rings[i%len(rings)]
		signing.Go(func() {
			for ctx.Err() == nil {
				expires := c.now().Add(cfg.TokenLifetime)
				token, err := ring.Snapshot().Sign(Tokens, ES256, "JWT", json.RawMessage(`{"sub":"synthetic"}`))
				if err != nil {
					t.Errorf("Sign() = %v, want nil", err)
					return
				}
				tokens <- issued{token, expires}
			}
		})
	}
	var verified, refused atomic.Int64
	var kids sync.Map
	for i := range verifiers {
		v := &cachingVerifier{url: urls[i%len(urls)], maxAge: cfg.JWKSMaxAge, clock: c}
		verifying.Go(func() {
			for tok := range tokens {
				v.refresh(t)
				ok := verifies(tok.token, v.set)
				switch {
				case ok:
					kids.Store(kidOf(t, tok.token), true)
					verified.Add(1)
				case !c.now().After(tok.expires):
					refused.Add(1)
				}
			}
		})
	}

	// Each second waits until both processes have read the store in it, as they
	// do in life, and each new key until a verifier has seen it.
	pass := func() {
		c.advance(step)
		for _, r := range rings {
			at := r.uptime()
			await(t, func() bool {
				r.mu.Lock()
				defer r.mu.Unlock()
				return time.Duration(r.confirmed.Load()) >= at
			})
		}
	}
	for i := range keysToSign - 1 {
		rot := rotate(t, rings[i%len(rings)], ES256)
		for c.now().Before(rot.At.Add(step)) {
			pass()
		}
		await(t, func() bool { _, seen := kids.Load(rot.To); return seen })
	}
	stop()
	signing.Wait()
	close(tokens)
	verifying.Wait()
	processes.Wait()

	signed := 0
	kids.Range(func(any, any) bool { signed++; return true })
	if signed != keysToSign {
		t.Errorf("%d keys signed, want %d", signed, keysToSign)
	}
	if refused.Load() != 0 || verified.Load() == 0 {
		t.Errorf("%d valid tokens refused and %d verified, want 0 and some", refused.Load(), verified.Load())
	}
	if got := len(store.in(ES256, Retired)); got < keysToSign/2 {
		t.Errorf("%d keys retired, want at least %d", got, keysToSign/2)
	}
	t.Logf("%d tokens verified", verified.Load())
}

// await looks every millisecond until done.
func await(t *testing.T, done func() bool) {
	t.Helper()
	for !done() {
		if t.Failed() || t.Context().Err() != nil {
			t.FailNow()
		}
		time.Sleep(time.Millisecond)
	}
}
