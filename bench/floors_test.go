package main

import (
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestFloor: the floor answers as it must, with three Redis commands for a flow.
func TestFloor(t *testing.T) {
	dir := t.TempDir()
	binary := filepath.Join(dir, "floor")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", binary, "./floor").CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	redis, err := startRedis(t.Context(), dir, "floor")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := redis.end(); err != nil {
			t.Error(err)
		}
	}()
	for _, alg := range algorithms {
		f, err := startFloor(t.Context(), dir, binary, alg, redis, 2, newTransport(1))
		if err != nil {
			t.Fatal(err)
		}
		before, err := redis.commands(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		const flows = 2 * verifyEvery
		for range flows {
			if _, err := f.party.flow(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		after, err := redis.commands(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		// The client's first connection says HELLO and its name.
		if got := after - before; got < 3*flows || got > 3*flows+6 {
			t.Errorf("%s: %d commands for %d flows, want three each", alg, got, flows)
		}
		if got := f.counts.verified.Load(); got != 2 {
			t.Errorf("%s: %d ID tokens verified, want 2", alg, got)
		}
		refusesAtFloor(t, f.party)
		if err := f.stop(); err != nil {
			t.Error(err)
		}
	}
}

// refusesAtFloor tries what must not work: a floor that skips checks would be no
// measure.
func refusesAtFloor(t *testing.T, p *party) {
	t.Helper()
	code := func() (asking, string) {
		a := p.ask()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.address, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Cookie", p.cookie+"="+p.sessions[0])
		got, err := do(p.http, r)
		if err != nil || got.status != http.StatusSeeOther {
			t.Fatalf("authorize = %v, %v", got, err)
		}
		to, err := url.Parse(got.header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		return a, to.Query().Get("code")
	}
	for _, tt := range []struct {
		name   string
		change func(url.Values, *party)
		status int
	}{
		{"another verifier", func(form url.Values, _ *party) { form.Set("code_verifier", strings.Repeat("x", 52)) }, http.StatusBadRequest},
		{"another redirect", func(form url.Values, _ *party) { form.Set("redirect_uri", redirectURI+"/x") }, http.StatusBadRequest},
		{"an unknown code", func(form url.Values, _ *party) { form.Set("code", "x") }, http.StatusBadRequest},
		{"another secret", func(_ url.Values, p *party) { p.secret = "x" }, http.StatusUnauthorized},
	} {
		a, text := code()
		form := url.Values{"grant_type": {"authorization_code"}, "code": {text}, "redirect_uri": {redirectURI}, "code_verifier": {a.verifier}}
		other := &party{issuer: p.issuer, id: p.id, secret: p.secret, http: p.http, counts: p.counts}
		tt.change(form, other)
		if got := statusOf(other.post(t.Context(), "/token", form, &tokens{})); got != tt.status {
			t.Errorf("%s: status %d, want %d", tt.name, got, tt.status)
		}
	}
	a, text := code()
	form := url.Values{"grant_type": {"authorization_code"}, "code": {text}, "redirect_uri": {redirectURI}, "code_verifier": {a.verifier}}
	for i, want := range []int{0, http.StatusBadRequest} { // a code counts once
		if got := statusOf(p.post(t.Context(), "/token", form, &tokens{})); got != want {
			t.Errorf("redeeming a code for time %d: status %d, want %d", i+1, got, want)
		}
	}
}

// statusOf is the wrong status that an error tells of, 0 for none.
func statusOf(err error) int {
	if wrong, ok := err.(*statusError); ok { //nolint:errorlint // made there
		return wrong.status
	}
	return 0
}
