package provider_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/federation/fedtest"
)

// viaUpstream registers the first party for the upstream provider and signs in
// there. The browser follows redirects until the portal.
func (w *world) viaUpstream() (*agent, tokens) {
	w.t.Helper()
	w.registerWith(func(rp *eid.RelyingParty) { rp.Sources = []string{"upstream"} })
	w.linked("upstream")
	a := w.browser()
	a.toPortal()
	p := a.get(w.authorizeURL("portal"))
	p = a.share(a.post(w.upstream.Issuer()+fedtest.PathLogin, loginForm(p.body)))
	if p.back == nil || !p.back.Query().Has("code") {
		w.t.Fatalf("sign-in upstream: status %d, went to %v: %s", p.status, p.back, p.body)
	}
	return a, w.redeem(p.back.Query().Get("code"))
}

// loginForm fills in the upstream provider's page.
func loginForm(body string) url.Values {
	form := url.Values{}
	for _, field := range regexp.MustCompile(`name="(\w+)" value="([^"]*)"`).FindAllStringSubmatch(body, -1) {
		if field[2] != "cancel" {
			form.Set(field[1], field[2])
		}
	}
	form.Set("username", "nguoi-thu")
	form.Set("password", password)
	return form
}

// linked gives the person of the upstream provider an account.
func (w *world) linked(source string) {
	w.t.Helper()
	if _, err := w.db.LinkBySubject(w.t.Context(), source, "synthetic"); err == nil {
		return
	}
	_, err := w.accounts.Link(w.t.Context(), eid.Link{Account: w.people[numberLevel2], Source: source, Cap: eid.Level2},
		"synthetic", "synthetic evidence", "operator:test")
	must(w.t, err)
}

// remembered reports whether the upstream provider signs the browser in again
// without a password.
func (a *agent) remembered() bool {
	a.w.t.Helper()
	p := a.get(a.w.authorizeURL("portal"))
	return !strings.Contains(p.body, `name="username"`)
}

// stopped has the browser stop in front of what is not the gateway.
func (a *agent) stopped() {
	a.client.CheckRedirect = a.w.browser().client.CheckRedirect
}

// toPortal has it stop in front of the portal only.
func (a *agent) toPortal() {
	a.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if strings.HasSuffix(r.URL.Host, ".example.test") {
			return http.ErrUseLastResponse
		}
		return nil
	}
}

func TestLogoutUpstream(t *testing.T) {
	w := newWorld(t)
	w.notified()
	for name, logout := range map[string]func(a *agent, got tokens) page{
		"at once": func(a *agent, got tokens) page {
			return a.get(w.logoutURL("id_token_hint", got.IDToken, "post_logout_redirect_uri", bye, "state", "s"))
		},
		"confirmed": func(a *agent, _ tokens) page {
			p := a.get(w.logoutURL("client_id", "portal", "post_logout_redirect_uri", bye, "state", "s"))
			if csp := p.header.Get("Content-Security-Policy"); !strings.Contains(csp, w.upstream.Issuer()) {
				t.Errorf("Content-Security-Policy = %q, want form-action with %s", csp, w.upstream.Issuer())
			}
			return a.answer(p, "logout")
		},
	} {
		a, got := w.viaUpstream()
		if !a.remembered() {
			t.Fatalf("%s: the upstream provider forgot the session by itself", name)
		}
		p := logout(a, got)
		if p.back == nil || p.back.String() != bye+"?state=s" {
			t.Errorf("%s: logout = %d to %v, want %s?state=s\n%s", name, p.status, p.back, bye, p.body)
		}
		a.dead(got)
		if a.remembered() {
			t.Errorf("%s: the upstream session outlived the logout", name)
		}
	}
}

func TestLogoutUpstreamWithoutReturn(t *testing.T) {
	w := newWorld(t)
	w.notified()
	a, got := w.viaUpstream()
	p := a.logout(got.IDToken)
	if !signedOut(p) || !strings.Contains(p.body, "https://portal.example.test") || strings.Contains(p.body, "Nguồn ngoài thử") {
		t.Errorf("logout = %d %v, want the signed-out page with a way back and nothing left to do\n%s", p.status, p.back, p.body)
	}
	a.dead(got)
	if a.remembered() {
		t.Error("the upstream session outlived the logout")
	}
}

// The browser is led past each source once, whatever the number of proofs.
func TestLogoutAtTwoSources(t *testing.T) {
	w := newWorld(t)
	w.notified()
	a, _ := w.viaUpstream()
	sources, err := w.db.Sources(t.Context())
	must(t, err)
	for _, src := range sources {
		if src.ID == "upstream" {
			src.ID = "second"
			sources = append(sources, src)
		}
	}
	w.parties[0].Sources = []string{"second"}
	must(t, w.db.ApplyRegistrations(t.Context(), w.parties, sources, "file", "system"))
	w.linked("second")
	p := a.share(a.get(w.authorizeURL("portal")))
	if p.back == nil || !p.back.Query().Has("code") {
		t.Fatalf("sign-in at the second source: status %d, went to %v: %s", p.status, p.back, p.body)
	}
	got := w.redeem(p.back.Query().Get("code"))
	p = a.get(w.logoutURL("id_token_hint", got.IDToken, "post_logout_redirect_uri", bye, "state", "s"))
	if p.back == nil || p.back.String() != bye+"?state=s" || w.upstream.Calls(fedtest.PathLogout) != 2 {
		t.Errorf("logout = %d to %v past %d sources, want %s?state=s past 2", p.status, p.back, w.upstream.Calls(fedtest.PathLogout), bye)
	}
	a.dead(got)
}

// The frames of the parties load first; then the browser goes upstream.
func TestLogoutUpstreamAfterFrames(t *testing.T) {
	w := newWorld(t)
	w.tweak = func(parties []eid.RelyingParty) {
		parties[0].Logout = eid.Logout{PostLogoutRedirectURIs: []string{bye}, FrontchannelURI: "https://portal.example.test/out"}
	}
	a, got := w.viaUpstream()
	p := a.get(w.logoutURL("id_token_hint", got.IDToken, "post_logout_redirect_uri", bye))
	_, next, ok := strings.Cut(p.header.Get("Refresh"), "url=")
	if !ok || !strings.HasPrefix(next, w.upstream.Issuer()+fedtest.PathLogout+"?") {
		t.Fatalf("Refresh = %q, want %s%s", p.header.Get("Refresh"), w.upstream.Issuer(), fedtest.PathLogout)
	}
	if p = a.get(next); p.back == nil || p.back.String() != bye {
		t.Errorf("after the frames = %d %v, want %s", p.status, p.back, bye)
	}
}

// A source that cannot end its session delays nothing. The holder is told.
func TestLogoutUpstreamImpossible(t *testing.T) {
	w := newWorld(t)
	w.notified()
	for name, breaks := range map[string]func(){
		"no endpoint":  func() { w.upstream.TamperDiscovery(fedtest.Without("end_session_endpoint")) },
		"plain http":   func() { w.upstream.TamperDiscovery(fedtest.Set("end_session_endpoint", "http://id.example/logout")) },
		"script":       func() { w.upstream.TamperDiscovery(fedtest.Set("end_session_endpoint", "javascript:alert(1)")) },
		"with user":    func() { w.upstream.TamperDiscovery(fedtest.Set("end_session_endpoint", "https://u@id.example/logout")) },
		"away":         func() { w.upstream.Break(fedtest.PathDiscovery, fedtest.Failing) },
		"answers late": func() { w.upstream.Break(fedtest.PathDiscovery, fedtest.Slow) },
	} {
		for _, confirm := range []bool{false, true} {
			for _, uri := range []string{bye, ""} {
				if name == "answers late" && (confirm || uri != "") {
					continue // once is enough: it takes its time
				}
				w.upstream.Behave()
				w.pass(10 * time.Minute) // what is cached is old
				a, got := w.viaUpstream()
				for range 4 { // until what is cached is too old to be used
					w.pass(20 * time.Minute)
					if p := a.get(w.authorizeURL("portal", "prompt", "none")); p.back == nil || !p.back.Query().Has("code") {
						t.Fatalf("%s: the session did not live on: %v", name, p.back)
					}
				}
				breaks()
				a.stopped()
				params := []string{"id_token_hint", got.IDToken}
				if confirm {
					params = []string{"client_id", "portal"}
				}
				if uri != "" {
					params = append(params, "post_logout_redirect_uri", uri)
				}
				p := a.get(w.logoutURL(params...))
				if confirm {
					p = a.answer(p, "logout")
				}
				switch {
				case uri != "" && (p.back == nil || p.back.String() != uri):
					t.Errorf("%s: logout = %d %v, want %s", name, p.status, p.back, uri)
				case uri == "" && (!signedOut(p) || !strings.Contains(p.body, "Nguồn ngoài thử")):
					t.Errorf("%s: logout = %d %v, want the signed-out page that names the source\n%s", name, p.status, p.back, p.body)
				}
				if p := a.get(w.authorizeURL("portal", "prompt", "none")); p.back == nil || p.back.Query().Get("error") != "login_required" {
					t.Errorf("%s: prompt=none = %v after the logout, want login_required", name, p.back)
				}
			}
		}
	}
}

// The local end is complete before the browser leaves, whatever happens there.
func TestLogoutUpstreamNeverReturns(t *testing.T) {
	w := newWorld(t)
	w.notified()
	a, got := w.viaUpstream()
	w.upstream.Break(fedtest.PathLogout, fedtest.Failing)
	p := a.get(w.logoutURL("id_token_hint", got.IDToken, "post_logout_redirect_uri", bye))
	if p.status != http.StatusInternalServerError || w.upstream.Calls(fedtest.PathLogout) != 1 {
		t.Errorf("logout = %d, want the failing page of the source", p.status)
	}
	a.dead(got)
}

// A state leads on once, and in the browser that it was made for.
func TestLogoutReturnState(t *testing.T) {
	w := newWorld(t)
	w.notified()
	a, got := w.viaUpstream()
	a.stopped()
	p := a.get(w.logoutURL("id_token_hint", got.IDToken, "post_logout_redirect_uri", bye))
	if p.back == nil || "http://"+p.back.Host != w.upstream.Issuer() {
		t.Fatalf("logout = %d %v, want %s", p.status, p.back, w.upstream.Issuer())
	}
	state := p.back.Query().Get("state")
	done := func(query string) string { return w.server.URL + "/logout/done?" + query }
	made := strings.Repeat("A", len(state))
	for name, query := range map[string]string{
		"none": "", "made up": "state=" + made, "short": "state=x", "twice": "state=" + state + "&state=" + state, "malformed": "state=" + state + "&%zz",
		"page and address": "state=" + made + "&next=https://evil.example/&post_logout_redirect_uri=https://evil.example/",
	} {
		if p := a.get(done(query)); !signedOut(p) || strings.Contains(p.body, "evil") {
			t.Errorf("%s: return = %d %v, want the signed-out page", name, p.status, p.back)
		}
	}
	other, theirs := w.viaUpstream()
	other.logout(theirs.IDToken)
	for name, b := range map[string]*agent{"another browser": other, "a new browser": w.browser()} {
		if p := b.get(done("state=" + state)); !signedOut(p) {
			t.Errorf("%s: return = %d %v, want the signed-out page", name, p.status, p.back)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodHead, done("state="+state), nil)
	must(t, err)
	if p := a.do(r); p.status != http.StatusOK || p.back != nil {
		t.Errorf("HEAD = %d %v, want 200: it uses nothing up", p.status, p.back)
	}
	if p := a.get(done("state=" + state)); p.back == nil || p.back.String() != bye {
		t.Errorf("return = %d %v, want %s", p.status, p.back, bye)
	}
	if p := a.get(done("state=" + state)); !signedOut(p) {
		t.Errorf("return once more = %d %v, want the signed-out page", p.status, p.back)
	}

	a, got = w.viaUpstream()
	a.stopped()
	p = a.get(w.logoutURL("id_token_hint", got.IDToken, "post_logout_redirect_uri", bye))
	w.pass(11 * time.Minute)
	if p := a.get(done("state=" + p.back.Query().Get("state"))); !signedOut(p) {
		t.Errorf("return too late = %d %v, want the signed-out page", p.status, p.back)
	}
}

// The endpoint is where browsers go: the gateway calls it never, and nothing in
// its address or in the request changes where it leads back to.
func TestLogoutEndpointElsewhere(t *testing.T) {
	w := newWorld(t)
	w.notified()
	var calls atomic.Int64
	inner := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	t.Cleanup(inner.Close)
	w.upstream.TamperDiscovery(fedtest.Set("end_session_endpoint",
		inner.URL+"/out?keep=1&client_id=x&state=x&post_logout_redirect_uri=https://evil.example/&id_token_hint=x"))
	a, got := w.viaUpstream()
	a.stopped()
	p := a.get(w.logoutURL("id_token_hint", got.IDToken, "post_logout_redirect_uri", bye))
	if p.back == nil || "http://"+p.back.Host+p.back.Path != inner.URL+"/out" || calls.Load() != 0 {
		t.Fatalf("logout = %d %v after %d calls, want %s/out and none", p.status, p.back, calls.Load(), inner.URL)
	}
	q := p.back.Query()
	if len(q["state"]) != 1 || len(q.Get("state")) != 43 {
		t.Errorf("state = %q, want one of 256 bits", q["state"])
	}
	q.Del("state")
	want := url.Values{"keep": {"1"}, "client_id": {"gateway"}, "post_logout_redirect_uri": {w.server.URL + "/logout/done"}}
	if q.Encode() != want.Encode() {
		t.Errorf("parameters = %v, want %v", q, want)
	}
	if strings.Contains(p.back.String(), "portal") {
		t.Errorf("%s tells the source which service it was", p.back)
	}
}

// Where the page that was confirmed could not allow a source, its form does not
// lead there: the browser would refuse the redirect and stay.
func TestLogoutConfirmedLeadsOnlyWhereThePageMay(t *testing.T) {
	w := newWorld(t)
	w.notified()
	w.upstream.TamperDiscovery(fedtest.Without("end_session_endpoint"))
	a, got := w.viaUpstream()
	p := a.get(w.logoutURL("client_id", "portal", "post_logout_redirect_uri", bye))
	w.upstream.Behave()
	w.pass(11 * time.Minute)
	a.stopped()
	if p = a.answer(p, "logout"); p.back == nil || p.back.String() != bye {
		t.Errorf("confirmed = %d %v, want %s", p.status, p.back, bye)
	}
	a.toPortal()
	a.dead(got)
}
