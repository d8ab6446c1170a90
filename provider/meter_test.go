package provider_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/provider"
)

// recorder is a Meter that writes down what it is told.
type recorder struct {
	mu    sync.Mutex
	lines []string
	open  int // requests begun and not ended
}

var _ provider.Meter = (*recorder)(nil)

func (r *recorder) tell(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, fmt.Sprintf(format, args...))
}

func (r *recorder) count(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open += n
}

func (r *recorder) Begin(req *http.Request, route, _ string, trusted bool) (context.Context, func(int, string, string)) {
	r.count(1)
	return req.Context(), func(status int, client, refused string) {
		r.count(-1)
		r.tell("%s %s %d client=%s refused=%s trusted=%v", req.Method, route, status, client, refused, trusted)
	}
}

func (r *recorder) Entered(_ context.Context, stage string) { r.tell("stage %s", stage) }

func (r *recorder) Leveled(_ context.Context, client string, requested, granted eid.Level) {
	r.tell("level %s %d %d", client, requested, granted)
}

func (r *recorder) Finished(took time.Duration, silent bool) {
	r.tell("finished %v silent=%v", took, silent)
}

func (r *recorder) Asking(ctx context.Context, source, act string) (context.Context, func(string)) {
	return ctx, func(outcome string) { r.tell("source %s %s %s", source, act, outcome) }
}

// told takes what was written down since the last time.
func (r *recorder) told(t *testing.T) []string {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	lines := r.lines
	r.lines = nil
	if r.open != 0 {
		t.Errorf("%d requests are still open", r.open)
	}
	return lines
}

func wantTold(t *testing.T, got []string, want ...string) {
	t.Helper()
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("the meter was not told %q, but\n%s", line, strings.Join(got, "\n"))
		}
	}
}

func TestMeter(t *testing.T) {
	w := newWorld(t)
	a := w.browser()
	p := a.get(w.authorizeURL("portal"))
	w.pass(7 * time.Second)
	if p = a.share(a.submit(p, "personal_number", numberLevel2, "password", password)); p.back == nil {
		t.Fatalf("status %d, want a code", p.status)
	}
	w.redeem(p.back.Query().Get("code"))
	wantTold(t, w.meter.told(t), "stage begun", "stage source", "stage issue", "source national begin ok", "source national finish ok",
		"level portal 1 1", "finished 7s silent=false", "POST /token 200 client=portal refused= trusted=false")

	p = a.get(w.authorizeURL("portal", "prompt", "none"))
	if p.back == nil || p.back.Query().Get("code") == "" {
		t.Fatalf("status %d, want a code from the living session", p.status)
	}
	wantTold(t, w.meter.told(t), "stage begun", "stage issue", "level portal 1 1", "finished 0s silent=true",
		"GET /authorize 303 client=portal refused= trusted=false")

	// A holder of level 1 asks in vain for level 2.
	b := w.browser()
	b.signIn(w.authorizeURL("portal"), numberLevel1)
	w.meter.told(t)
	wantPage(t, b.get(w.authorizeURL("high")), http.StatusForbidden)
	wantTold(t, w.meter.told(t), "stage refuse", "level high 2 0", "GET /login 403 client=high refused=level_too_low trusted=false")
	wantError(t, b.get(w.authorizeURL("high", "prompt", "none")), "unmet_authentication_requirements")
	wantTold(t, w.meter.told(t), "level high 2 0", "GET /authorize 303 client=high refused=unmet_authentication_requirements trusted=false")

	c := w.browser()
	p = c.get(w.authorizeURL("portal"))
	c.submit(p, "personal_number", numberLevel2, "password", "wrong "+password)
	wantTold(t, w.meter.told(t), "source national finish problem", "POST /login 422 client=portal refused=problem.credentials trusted=false")
}

// TestReference: each answer carries the reference of its log line, each line of a
// refusal says why, and neither the line nor the meter repeats what was sent.
func TestReference(t *testing.T) {
	w := newWorld(t)
	const evil = "EVIL7777"
	form := func(kv ...string) string {
		v := url.Values{}
		for i := 0; i < len(kv); i += 2 {
			v.Set(kv[i], kv[i+1])
		}
		return v.Encode()
	}
	for _, tt := range []struct {
		name, method, path, body string
		status                   int
		told                     string
	}{
		{"unknown path", "GET", "/" + evil + "?q=" + evil, "", 404, "GET none 404 client= refused=not_found trusted=false"},
		{"unknown method", "PATCH", "/token", "", 405, "PATCH none 405 client= refused=method trusted=false"},
		{"unknown client", "GET", "/authorize?client_id=" + evil, "", 400, "GET /authorize 400 client= refused=unknown_client trusted=false"},
		{"redirect", "GET", "/authorize?client_id=portal&redirect_uri=https://" + evil, "", 400, "GET /authorize 400 client=portal refused=redirect_uri trusted=false"},
		{"query too large", "GET", "/authorize?q=" + strings.Repeat(evil, 4000), "", 414, "GET /authorize 414 client= refused=query trusted=false"},
		{"token without a client", "POST", "/token", form("grant_type", evil), 401, "POST /token 401 client= refused=invalid_client trusted=false"},
		{"token for another", "POST", "/token", form("client_id", "high", "grant_type", evil), 400, "POST /token 400 client=high refused=unsupported_grant_type trusted=false"},
		{"code that is none", "POST", "/token", form("client_id", "high", "grant_type", "authorization_code", "code", evil, "redirect_uri", "x", "code_verifier", evil), 400,
			"POST /token 400 client=high refused=invalid_grant trusted=false"},
		{"body too large", "POST", "/token", form("client_id", strings.Repeat(evil, 9000)), 413, "POST /token 413 client= refused=invalid_request trusted=false"},
		{"userinfo without a token", "GET", "/userinfo", "", 401, "GET /userinfo 401 client= refused=no_token trusted=false"},
		{"introspection by nobody", "POST", "/introspect", form("token", evil), 401, "POST /introspect 401 client= refused=invalid_client trusted=false"},
		{"revocation by nobody", "POST", "/revoke", form("token", evil), 401, "POST /revoke 401 client= refused=invalid_client trusted=false"},
		{"callback without a cookie", "GET", "/callback/" + evil + "?state=" + evil + "&code=" + evil, "", 400, "GET /callback/:source 400 client= refused=callback trusted=false"},
		{"page without a cookie", "GET", "/login?login=" + evil, "", 400, "GET /login 400 client= refused=no_cookie trusted=false"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.meter.told(t)
			before := len(w.log.String())
			req, err := http.NewRequestWithContext(t.Context(), tt.method, w.server.URL+tt.path, strings.NewReader(tt.body))
			must(t, err)
			if tt.body != "" {
				req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			}
			res, err := http.DefaultTransport.RoundTrip(req)
			must(t, err)
			must(t, res.Body.Close())
			if res.StatusCode != tt.status {
				t.Errorf("status = %d, want %d", res.StatusCode, tt.status)
			}
			ref := res.Header.Get("X-Request-Reference")
			if !regexp.MustCompile(`^[0-9A-Z]{4}-[0-9A-Z]{4}$`).MatchString(ref) {
				t.Errorf("X-Request-Reference = %q, want a reference", ref)
			}
			line := ""
			w.eventually("the log line", func() bool {
				line = w.log.String()[before:]
				return strings.Contains(line, "ref="+ref)
			})
			if !strings.Contains(line, "refused=") {
				t.Errorf("line %q says no reason", line)
			}
			told := w.meter.told(t)
			wantTold(t, told, tt.told)
			if all := line + strings.Join(told, "\n"); strings.Contains(all, evil) {
				t.Errorf("what was sent is repeated: %s", all)
			}
		})
	}
}

// TestHealthIsQuiet: health checks leave no line at the usual level of the log.
func TestHealthIsQuiet(t *testing.T) {
	w := newWorld(t)
	before := w.log.String()
	a := w.browser()
	for _, path := range []string{"/healthz", "/readyz"} {
		if p := a.get(w.server.URL + path); p.status != http.StatusOK {
			t.Errorf("GET %s = %d, want 200", path, p.status)
		}
	}
	if got := w.log.String(); got != before {
		t.Errorf("health checks were logged: %s", got[len(before):])
	}
	if got := len(w.meter.told(t)); got != 2 {
		t.Errorf("%d requests counted, want 2", got)
	}
}
