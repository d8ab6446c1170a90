package federation_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/federation/fedtest"
	"eidgate/federation/openid"
)

// fakeSource does what a test says.
type fakeSource struct {
	mu     sync.Mutex
	begun  int
	begin  func(ctx context.Context) error
	finish error
}

func (f *fakeSource) Begin(ctx context.Context, _ federation.Request) (federation.Step, error) {
	f.mu.Lock()
	f.begun++
	begin := f.begin
	f.mu.Unlock()
	if begin == nil {
		return federation.Step{Redirect: "https://id.example.test/"}, nil
	}
	return federation.Step{}, begin(ctx)
}

func (f *fakeSource) Finish(context.Context, federation.Request, federation.Reply) (federation.Step, error) {
	return federation.Step{}, f.finish
}

func (f *fakeSource) does(begin func(ctx context.Context) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.begin = begin
}

func (f *fakeSource) calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.begun
}

// leading is a source with pages of its own.
type leading struct{ fakeSource }

func (*leading) Origins() []string { return []string{"https://id.example.test"} }

// registered are the sources of a test.
type registered []eid.Source

func (r registered) Sources(context.Context) ([]eid.Source, error) { return r, nil }

// opened gives a source as the registry hands it out.
func opened(t *testing.T, source federation.Source, calls int) (federation.Source, *federation.Registry) {
	t.Helper()
	registry := federation.NewRegistry(registered{}, func(eid.Source) (federation.Source, error) { return source, nil }, calls)
	guarded, err := registry.Open(t.Context(), eid.Source{ID: "upstream", Kind: federation.KindOpenID})
	if err != nil {
		t.Fatal(err)
	}
	return guarded, registry
}

func TestSourceHasItsPlaces(t *testing.T) {
	fake := &fakeSource{}
	inside, release := make(chan struct{}), make(chan struct{})
	fake.does(func(context.Context) error {
		inside <- struct{}{}
		<-release
		return nil
	})
	source, registry := opened(t, fake, 3)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() { _, _ = source.Begin(context.Background(), federation.Request{}) })
		<-inside
	}
	for range 5 {
		if _, err := source.Begin(t.Context(), federation.Request{}); !errors.Is(err, federation.ErrBusy) {
			t.Errorf("Begin() = %v, want %v", err, federation.ErrBusy)
		}
	}
	if got, want := registry.Health()["upstream"], (federation.Health{Running: 3, Refused: 5}); got != want {
		t.Errorf("Health() = %+v, want %+v", got, want)
	}
	close(release)
	wg.Wait()
	fake.does(nil)
	if _, err := source.Begin(t.Context(), federation.Request{}); err != nil || registry.Health()["upstream"].Running != 0 {
		t.Errorf("afterwards Begin() = %v, %+v", err, registry.Health())
	}
}

func TestDeadSourceIsLeftAlone(t *testing.T) {
	fake := &fakeSource{}
	fake.does(func(context.Context) error { return federation.ErrDown })
	source, registry := opened(t, fake, 0)
	for range 100 {
		if _, err := source.Begin(t.Context(), federation.Request{}); !errors.Is(err, federation.ErrDown) {
			t.Fatalf("Begin() = %v, want %v", err, federation.ErrDown)
		}
	}
	if n := fake.calls(); n > 10 || !registry.Health()["upstream"].Down {
		t.Errorf("%d calls, %+v, want 10 at most and a source that is down", n, registry.Health())
	}
}

// What browsers cause does not cut a source off for others.
func TestNotTheSourcesFault(t *testing.T) {
	left, leave := context.WithCancel(t.Context())
	leave()
	for name, tt := range map[string]struct {
		ctx context.Context
		err error
	}{
		"declined":         {t.Context(), federation.ErrDenied},
		"not believed":     {t.Context(), federation.ErrUntrusted},
		"a code made up":   {t.Context(), errors.New("redeeming the code: status 400")},
		"the browser left": {left, federation.ErrDown},
	} {
		t.Run(name, func(t *testing.T) {
			fake := &fakeSource{finish: tt.err}
			source, registry := opened(t, fake, 0)
			for range 50 {
				if _, err := source.Finish(tt.ctx, federation.Request{}, federation.Reply{}); !errors.Is(err, tt.err) {
					t.Fatalf("Finish() = %v, want %v", err, tt.err)
				}
			}
			if _, err := source.Begin(t.Context(), federation.Request{}); err != nil || registry.Health()["upstream"].Down {
				t.Errorf("Begin() = %v, %+v, want a source that is asked", err, registry.Health())
			}
		})
	}
}

// A source that takes too long failed, whatever its error says: nobody takes the
// end of its time for a fault of ours.
func TestSourceThatHangs(t *testing.T) {
	fake := &fakeSource{}
	fake.does(func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	})
	source, _ := opened(t, fake, 0)
	_, err := source.Begin(t.Context(), federation.Request{})
	if !errors.Is(err, federation.ErrDown) || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Begin() = %v, want %v alone", err, federation.ErrDown)
	}
}

func TestAs(t *testing.T) {
	plain, _ := opened(t, &fakeSource{}, 0)
	if _, ok := federation.As[federation.Redirector](plain); ok {
		t.Error("a source without pages is taken for one that leads to some")
	}
	wrapped, _ := opened(t, &leading{}, 0)
	if r, ok := federation.As[federation.Redirector](wrapped); !ok || len(r.Origins()) != 1 {
		t.Error("a source with pages of its own is not found behind its guard")
	}
	if _, ok := federation.As[federation.LogoutSource](wrapped); ok {
		t.Error("a source without a logout is taken for one with it")
	}
}

// Three providers, one hangs, one answers garbage, one is sound: the first two
// fail alone, and are called a few times whoever asks.
func TestTroubleStaysWithItsSource(t *testing.T) {
	providers := map[string]*fedtest.OpenID{}
	var allow []string
	var sources registered
	for _, id := range []string{"slow", "garbage", "sound"} {
		p := fedtest.StartOpenID(t, fedtest.Config{Alg: jose.ES256, Clients: []fedtest.Client{{
			ID: "gateway", Secret: strings.Repeat("s", 32), RedirectURIs: []string{"https://gateway.example.test/callback/" + id}}},
			People: []fedtest.Person{{Subject: "synthetic", Login: "nguoi-thu", Password: "synthetic", ACR: "one"}}})
		providers[id] = p
		u, err := url.Parse(p.Issuer())
		if err != nil {
			t.Fatal(err)
		}
		allow = append(allow, u.Host)
		settings, err := json.Marshal(map[string]any{"issuer": p.Issuer(), "client_id": "gateway", "client_secret": strings.Repeat("s", 32),
			"acr": map[string]int{"one": 1}})
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, eid.Source{ID: id, Kind: federation.KindOpenID, Settings: settings})
	}
	providers["slow"].Break(fedtest.PathDiscovery, fedtest.Slow)
	providers["garbage"].Break(fedtest.PathDiscovery, fedtest.Garbage)
	client, err := federation.HTTPClient(allow)
	if err != nil {
		t.Fatal(err)
	}
	registry := federation.NewRegistry(sources, func(src eid.Source) (federation.Source, error) {
		settings, err := openid.ParseSettings(src.Settings)
		if err != nil {
			return nil, err
		}
		return openid.New(settings, openid.Deps{HTTP: client, Now: time.Now})
	}, 8)
	var mu sync.Mutex
	outcomes := map[string]map[string]int{"slow": {}, "garbage": {}, "sound": {}}
	var wg sync.WaitGroup
	for range 30 {
		for _, src := range sources {
			wg.Go(func() {
				source, err := registry.Open(context.Background(), src)
				if err == nil {
					_, err = source.Begin(context.Background(), federation.Request{State: "s", Callback: "https://gateway.example.test/callback/" + src.ID, Now: time.Now()})
				}
				outcome := "redirect"
				switch {
				case errors.Is(err, federation.ErrDown):
					outcome = "down"
				case errors.Is(err, federation.ErrBusy):
					outcome = "busy"
				case err != nil:
					outcome = err.Error()
				}
				mu.Lock()
				defer mu.Unlock()
				outcomes[src.ID][outcome]++
			})
		}
	}
	wg.Wait()
	if o := outcomes["slow"]; o["down"] != 8 || o["busy"] != 22 {
		t.Errorf("slow: %v, want 8 that waited, 22 without a place", o)
	}
	if o := outcomes["garbage"]; o["down"]+o["busy"] != 30 {
		t.Errorf("garbage: %v, want nothing but failures", o)
	}
	if o := outcomes["sound"]; o["redirect"]+o["busy"] != 30 || o["redirect"] < 8 {
		t.Errorf("sound: %v, want redirects, as far as there were places", o)
	}
	for id, p := range providers {
		if n := p.Calls(fedtest.PathDiscovery); n > 2 {
			t.Errorf("%s was called %d times, want 2 at most", id, n)
		}
	}
}
