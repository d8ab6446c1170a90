package provider_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"eidgate/eid"
	"eidgate/provider"
	"eidgate/store"
)

// outbox is the real one, away while its test says so. It counts what waits.
type outbox struct {
	provider.Outbox
	away atomic.Bool

	mu      sync.Mutex
	waiting map[string]bool
}

func (o *outbox) AddLogouts(ctx context.Context, notices []eid.LogoutNotice, entry eid.AuditEntry) error {
	if o.away.Load() {
		return store.ErrUnavailable
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, n := range notices {
		o.waiting[n.ID] = true
	}
	return o.Outbox.AddLogouts(ctx, notices, entry)
}

func (o *outbox) LogoutDelivered(ctx context.Context, id string) error {
	defer o.gone(id)
	return o.Outbox.LogoutDelivered(ctx, id)
}

func (o *outbox) LogoutFailed(ctx context.Context, id string, next time.Time) error {
	if next.IsZero() {
		defer o.gone(id)
	}
	return o.Outbox.LogoutFailed(ctx, id, next)
}

func (o *outbox) gone(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.waiting, id)
}

// count is how many notices wait.
func (o *outbox) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.waiting)
}

// receiver is a party's back-channel endpoint.
type receiver struct {
	t      testing.TB
	server *httptest.Server
	status atomic.Int64 // answered
	stuck  atomic.Bool  // takes the request and never answers
	got    chan string  // the logout tokens, as they come
}

func newReceiver(t testing.TB) *receiver {
	r := &receiver{t: t, got: make(chan string, 256)}
	r.status.Store(http.StatusOK)
	var bodies sync.WaitGroup
	closed := make(chan struct{})
	r.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		bodies.Add(1)
		defer bodies.Done()
		if req.Method != http.MethodPost || req.URL.RawQuery != "" {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		r.got <- req.PostFormValue("logout_token")
		if r.stuck.Load() {
			select {
			case <-closed:
			case <-req.Context().Done():
			}
			return
		}
		if status := int(r.status.Load()); status == http.StatusFound {
			http.Redirect(w, req, "/signed-in-page", status)
		} else {
			w.WriteHeader(status)
		}
	}))
	t.Cleanup(func() { close(closed); r.server.Close(); bodies.Wait() })
	return r
}

func (r *receiver) host() string { return strings.TrimPrefix(r.server.URL, "http://") }
func (r *receiver) uri() string  { return r.server.URL + "/backchannel" }

// next waits for a logout token.
func (r *receiver) next() string {
	r.t.Helper()
	select {
	case token := <-r.got:
		return token
	case <-time.After(20 * time.Second):
		r.t.Fatal("no logout token came")
		return ""
	}
}

// none fails if a token has come.
func (r *receiver) none() {
	r.t.Helper()
	select {
	case <-r.got:
		r.t.Error("a logout token came, want none")
	default:
	}
}

// notified registers the back channels: portal at the first receiver, native at
// the second.
func (w *world) notified() {
	w.tweak = func(parties []eid.RelyingParty) {
		parties[0].Logout = eid.Logout{
			PostLogoutRedirectURIs: []string{"https://portal.example.test/bye", "https://portal.example.test/bye?a=%2Fb"},
			BackchannelURI:         w.told[0].uri(),
		}
		parties[2].Logout = eid.Logout{BackchannelURI: w.told[1].uri()}
	}
	w.register()
}

// run delivers until the returned function is called, or the test ends.
func (w *world) run(p *provider.Provider) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("Run() = %v, want nil", err)
		}
	})
	w.t.Cleanup(stop)
	return stop
}

// eventually waits for what another goroutine is about to do.
func (w *world) eventually(what string, ok func() bool) {
	w.t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("%s did not come about", what)
		}
	}
}

// openLogoutToken verifies a token by the published keys and gives its header
// and claims.
func (w *world) openLogoutToken(token string) (jose.Header, map[string]any) {
	w.t.Helper()
	res, err := http.Get(w.server.URL + "/keys")
	must(w.t, err)
	defer func() { _ = res.Body.Close() }()
	var set jose.JSONWebKeySet
	must(w.t, json.NewDecoder(res.Body).Decode(&set))
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
	must(w.t, err)
	payload, err := jws.Verify(set)
	must(w.t, err)
	var claims map[string]any
	must(w.t, json.Unmarshal(payload, &claims))
	return jws.Signatures[0].Protected, claims
}
