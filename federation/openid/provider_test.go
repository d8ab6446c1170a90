package openid_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"eidgate/federation"
	"eidgate/federation/fedtest"
	"eidgate/federation/openid"
)

func TestKeyRollOver(t *testing.T) {
	b := newBench(t, jose.ES256)
	for i := range 3 {
		if i > 0 {
			if err := b.provider.RollKey(true); err != nil {
				t.Fatal(err)
			}
			b.clock.advance(time.Minute)
			b.theirs.advance(time.Minute)
		}
		if step, err := b.signIn(t, federation.Request{}); err != nil || step.Assertion == nil {
			t.Errorf("key %d: sign-in = %+v, %v, want an assertion", i, step, err)
		}
	}
}

// A flood of unknown kids causes one fetch a minute, and does not keep out those
// whose key is known.
func TestUnknownKidFlood(t *testing.T) {
	b := newBench(t, jose.ES256)
	if _, err := b.signIn(t, federation.Request{}); err != nil {
		t.Fatal(err)
	}
	flood := func() (fetches int) {
		before := b.provider.Calls(fedtest.PathKeys)
		var wg sync.WaitGroup
		for range 30 {
			req, target := b.begin(t, federation.Request{})
			values := b.visit(t, target, "one", "pw-1")
			wg.Go(func() {
				if _, err := b.end(context.Background(), req, values); !errors.Is(err, federation.ErrUntrusted) {
					t.Errorf("Finish() = %v, want %v", err, federation.ErrUntrusted)
				}
			})
		}
		wg.Wait()
		return b.provider.Calls(fedtest.PathKeys) - before
	}
	b.provider.Sign(fedtest.SignUnknownKID)
	if got := flood(); got != 1 {
		t.Errorf("fetches = %d, want 1", got)
	}
	b.clock.advance(59 * time.Second)
	b.theirs.advance(59 * time.Second)
	if got := flood(); got != 0 {
		t.Errorf("fetches within the minute = %d, want 0", got)
	}
	b.clock.advance(time.Second)
	b.theirs.advance(time.Second)
	if got := flood(); got != 1 {
		t.Errorf("fetches after a minute = %d, want 1", got)
	}
	b.provider.Sign(fedtest.SignProperly)
	if step, err := b.signIn(t, federation.Request{}); err != nil || step.Assertion == nil {
		t.Errorf("sign-in after the flood = %+v, %v, want an assertion", step, err)
	}
}

func TestCachesAreUsed(t *testing.T) {
	b := newBench(t, jose.ES256)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := b.Begin(context.Background(), federation.Request{State: "s", Callback: callback}); err != nil {
				t.Errorf("Begin() = %v, want nil", err)
			}
		})
	}
	wg.Wait()
	for range 3 {
		if _, err := b.signIn(t, federation.Request{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{fedtest.PathDiscovery, fedtest.PathKeys} {
		if got := b.provider.Calls(path); got != 1 {
			t.Errorf("calls of %s = %d, want 1", path, got)
		}
	}
	b.clock.advance(10 * time.Minute)
	b.theirs.advance(10 * time.Minute)
	if _, err := b.signIn(t, federation.Request{}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{fedtest.PathDiscovery, fedtest.PathKeys} {
		if got := b.provider.Calls(path); got != 2 {
			t.Errorf("calls of %s after ten minutes = %d, want 2", path, got)
		}
	}
}

// One browser that goes away takes nobody else's fetch with it.
func TestFetchOutlivesItsFirstCaller(t *testing.T) {
	release := make(chan struct{})
	var calls atomic.Int64
	var issuer string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		<-release
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"issuer":"` + issuer + `","authorization_endpoint":"` + issuer + `/a","token_endpoint":"` +
			issuer + `/t","jwks_uri":"` + issuer + `/k","id_token_signing_alg_values_supported":["ES256"]}`))
	}))
	t.Cleanup(server.Close)
	issuer = server.URL
	b := newBench(t, jose.ES256)
	b.settings.Issuer = issuer
	src, err := openid.New(b.settings, openid.Deps{HTTP: server.Client(), Now: b.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	leaving, leave := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		_, err := src.Begin(leaving, federation.Request{State: "s", Callback: callback})
		gone <- err
	}()
	for calls.Load() == 0 { // the fetch is under way
		select {
		case err := <-gone:
			t.Fatalf("Begin() = %v before the provider answered", err)
		case <-time.After(time.Millisecond):
		}
	}
	stayed := make(chan error, 1)
	go func() {
		_, err := src.Begin(context.Background(), federation.Request{State: "s", Callback: callback})
		stayed <- err
	}()
	leave()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("Begin(leaving) = %v, want %v", err, context.Canceled)
	}
	close(release)
	if err := <-stayed; err != nil {
		t.Errorf("Begin(staying) = %v, want nil", err)
	}
	if got := calls.Load(); got != 1 {
		t.Errorf("fetches = %d, want 1", got)
	}
}

// Whatever an endpoint does, the sign-in fails within its bounds, tells nothing
// of it, and works again afterwards.
func TestEndpointsBroken(t *testing.T) {
	b := newBench(t, jose.ES256)
	for _, path := range []string{fedtest.PathDiscovery, fedtest.PathKeys, fedtest.PathToken} {
		for name, how := range map[string]fedtest.Breakage{
			"garbage": fedtest.Garbage, "100 MB": fedtest.Huge, "500": fedtest.Failing,
			"refusing": fedtest.Refusing, "redirects away": fedtest.Redirects,
		} {
			t.Run(path+" "+name, func(t *testing.T) {
				b.renew(t)
				b.provider.RedirectTo("http://localhost:1/inner")
				b.provider.Break(path, how)
				req := federation.Request{State: "s", Callback: callback, Now: b.clock.Now()}
				var step federation.Step
				var err error
				if path == fedtest.PathDiscovery {
					step, err = b.Begin(t.Context(), req)
				} else {
					step, err = b.signIn(t, req)
				}
				refused(t, step, err, nil)
				b.provider.Behave()
				b.clock.advance(5 * time.Second) // until the next try
				b.theirs.advance(5 * time.Second)
				if step, err := b.signIn(t, federation.Request{}); err != nil || step.Assertion == nil {
					t.Errorf("sign-in afterwards = %+v, %v, want an assertion", step, err)
				}
			})
		}
	}
}

// Some providers answer 500 to a code that a browser made up. That is not the
// provider being away, or one browser could cut it off for everybody.
func TestStumblingOverACodeIsNotBeingAway(t *testing.T) {
	b := newBench(t, jose.ES256)
	b.provider.Break(fedtest.PathToken, fedtest.Failing)
	if _, err := b.signIn(t, federation.Request{}); err == nil || errors.Is(err, federation.ErrDown) {
		t.Errorf("Finish() = %v, want an error other than %v", err, federation.ErrDown)
	}
}

func TestSlowProviderIsLeft(t *testing.T) {
	b := newBench(t, jose.ES256)
	b.provider.Break(fedtest.PathDiscovery, fedtest.Slow)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := b.Begin(ctx, federation.Request{State: "s", Callback: callback}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Begin() = %v, want %v", err, context.DeadlineExceeded)
	}
}

// A failing provider is not called for every browser that comes by, and known
// metadata and keys serve while it is away.
func TestProviderAway(t *testing.T) {
	b := newBench(t, jose.ES256)
	b.provider.Break(fedtest.PathDiscovery, fedtest.Failing)
	for range 5 {
		if _, err := b.Begin(t.Context(), federation.Request{State: "s", Callback: callback}); err == nil {
			t.Error("Begin() = nil, want an error")
		}
	}
	if got := b.provider.Calls(fedtest.PathDiscovery); got != 1 {
		t.Errorf("calls of a failing provider = %d, want 1", got)
	}
	b.provider.Behave()
	b.clock.advance(5 * time.Second)
	b.theirs.advance(5 * time.Second)
	if _, err := b.signIn(t, federation.Request{}); err != nil {
		t.Fatal(err)
	}
	b.provider.Break(fedtest.PathDiscovery, fedtest.Failing)
	b.provider.Break(fedtest.PathKeys, fedtest.Garbage)
	b.clock.advance(59 * time.Minute)
	b.theirs.advance(59 * time.Minute)
	if _, err := b.signIn(t, federation.Request{}); err != nil {
		t.Errorf("sign-in with what was known = %v, want nil", err)
	}
	b.clock.advance(time.Minute)
	if _, err := b.Begin(t.Context(), federation.Request{State: "s", Callback: callback}); err == nil {
		t.Error("Begin() with what was known an hour ago = nil, want an error")
	}
}

func TestMetadataRefused(t *testing.T) {
	b := newBench(t, jose.ES256)
	for name, tampering := range map[string]fedtest.Tampering{
		"another issuer":          fedtest.Set("issuer", "https://other.example"),
		"issuer with a slash":     fedtest.Set("issuer", b.provider.Issuer()+"/"),
		"no issuer":               fedtest.Without("issuer"),
		"no token endpoint":       fedtest.Without("token_endpoint"),
		"token endpoint in clear": fedtest.Set("token_endpoint", "http://other.example/token"),
		"keys in a file":          fedtest.Set("jwks_uri", "file:///etc/passwd"),
		"script as authorize":     fedtest.Set("authorization_endpoint", "javascript:alert(1)"),
		"user in the URL":         fedtest.Set("authorization_endpoint", "https://a:b@other.example/"),
		"none and HMAC only":      fedtest.Set("id_token_signing_alg_values_supported", []string{"none", "HS256"}),
		"wrong types":             fedtest.Set("token_endpoint", []int{1}),
	} {
		t.Run(name, func(t *testing.T) {
			b.renew(t)
			b.provider.TamperDiscovery(tampering)
			step, err := b.Begin(t.Context(), federation.Request{State: "s", Callback: callback})
			refused(t, step, err, nil)
		})
	}
}

// The provider's metadata cannot make the gateway call inward.
func TestInnerAddressesBlocked(t *testing.T) {
	var reached atomic.Int64
	inner := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	t.Cleanup(inner.Close)
	b := newBench(t, jose.ES256)
	for _, member := range []string{"jwks_uri", "token_endpoint"} {
		b.renew(t)
		b.provider.TamperDiscovery(fedtest.Set(member, inner.URL))
		step, err := b.signIn(t, federation.Request{})
		refused(t, step, err, federation.ErrForbiddenAddress)
	}
	b.provider.TamperDiscovery()
	b.renew(t)
	b.provider.RedirectTo(inner.URL)
	b.provider.Break(fedtest.PathKeys, fedtest.Redirects)
	step, err := b.signIn(t, federation.Request{})
	refused(t, step, err, federation.ErrRedirected)
	if got := reached.Load(); got != 0 {
		t.Errorf("inner server reached %d times, want 0", got)
	}
}

func TestParseSettings(t *testing.T) {
	const sound = `{"issuer":"https://id.example.vn","client_id":"g","client_secret":"hush","scopes":["profile"],
		"acr":{"a":1,"b":2},"request_acr":{"2":"b"}}`
	s, err := openid.ParseSettings([]byte(sound))
	if err != nil || s.ACR["b"] != 2 || s.RequestACR[2] != "b" || s.ClientSecret.Reveal() != "hush" {
		t.Errorf("ParseSettings() = %+v, %v, want the settings", s, err)
	}
	for name, change := range map[string][2]string{
		"http":              {"https://id", "http://id"},
		"http, look-alike":  {"https://id.example.vn", "http://localhost.example.vn"},
		"query":             {"example.vn", "example.vn?x=1"},
		"fragment":          {"example.vn", "example.vn#x"},
		"user":              {"https://", "https://hush@"},
		"relative":          {"https://id.example.vn", "/id"},
		"no client":         {`"client_id":"g"`, `"client_id":""`},
		"level 3":           {`"b":2`, `"b":3`},
		"level 0":           {`"b":2`, `"b":0`},
		"empty acr":         {`"b":2`, `"":2`},
		"no acr":            {`{"a":1,"b":2}`, `{}`},
		"acr by name":       {`"a":1`, `"a":"1"`},
		"request level 3":   {`{"2":"b"}`, `{"3":"b"}`},
		"request nothing":   {`{"2":"b"}`, `{"2":""}`},
		"unknown member":    {`"scopes"`, `"insecure_skip_verify":true,"scopes"`},
		"two scopes in one": {`["profile"]`, `["profile email"]`},
		"secret of a type":  {`"hush"`, `["hush"]`},
		"cut":               {`"acr"`, `"acr`},
	} {
		t.Run(name, func(t *testing.T) {
			raw := strings.Replace(sound, change[0], change[1], 1)
			_, err := openid.ParseSettings([]byte(raw))
			if err == nil {
				t.Fatal("ParseSettings() = nil, want an error")
			}
			if strings.Contains(err.Error(), "hush") {
				t.Errorf("error tells the secret: %v", err)
			}
		})
	}
}
