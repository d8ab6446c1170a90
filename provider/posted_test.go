package provider_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/store/sqlstore"
)

// crossSite posts a form as the page of another site does: without our cookies.
func (w *world) crossSite(address string, form url.Values) page {
	w.t.Helper()
	a := w.browser()
	a.stopped()
	a.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	must(w.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "https://id.example")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	r.Header.Set("Accept", "text/html")
	return a.do(r)
}

// follow goes where an answer of the gateway leads.
func (a *agent) follow(p page) page {
	a.w.t.Helper()
	if p.status != http.StatusSeeOther || p.back == nil {
		a.w.t.Fatalf("status %d, went to %v, want a redirect\n%s", p.status, p.back, p.body)
	}
	address, err := url.Parse(a.w.server.URL)
	must(a.w.t, err)
	return a.get(address.ResolveReference(p.back).String())
}

// landed reports whether a page is the end of a sign-in at the portal.
func (a *agent) landed(p page) bool {
	p = a.share(p)
	return p.back != nil && p.back.Query().Has("code")
}

func expired(p page) bool { return p.status == http.StatusBadRequest && p.back == nil }

// A provider's answer that is posted signs in as one in the address does.
func TestPostedAnswer(t *testing.T) {
	w := newWorld(t)
	w.viaUpstream() // registers
	a := w.browser()
	back := a.toCallback()
	at := w.server.URL + back.Path
	form := back.Query()
	code := form.Get("code")
	if state := form.Get("state"); len(state) > 80 {
		t.Errorf("state of %d bytes, want 80 at most", len(state))
	}
	// Nothing is there yet.
	early := at + "?" + url.Values{"state": {form.Get("state")}, "posted": {"1"}}.Encode()
	if p := a.get(early); !expired(p) {
		t.Errorf("asked for before it was posted = %d %v, want 400", p.status, p.back)
	}
	p := w.crossSite(at, form)
	if p.back == nil || strings.Contains(p.back.String(), code) || p.header.Get("Cache-Control") != "no-store" || len(p.header.Values("Set-Cookie")) > 0 {
		t.Fatalf("posted = %d %v %v, want a redirect that carries no code", p.status, p.back, p.header)
	}
	if strings.Contains(w.stateBytes(), code) {
		t.Error("the code lies open in the passing state")
	}
	// Once more, and with other fields: what came first stays.
	form.Set("code", "made-up")
	again := w.crossSite(at, form)
	if again.back == nil || again.back.String() != p.back.String() {
		t.Errorf("posted again = %d %v, want %v", again.status, again.back, p.back)
	}
	// Another browser has no part in it, whether it has a login of its own or not.
	other := w.browser()
	other.toCallback()
	for name, b := range map[string]*agent{"another browser": other, "a new browser": w.browser()} {
		if p := b.follow(p); !expired(p) {
			t.Errorf("%s: callback = %d %v, want 400", name, p.status, p.back)
		}
	}
	if got := a.follow(p); !a.landed(got) {
		t.Errorf("callback = %d %v, want the portal\n%s", got.status, got.back, got.body)
	}
	if got := a.follow(p); !expired(got) {
		t.Errorf("callback once more = %d %v, want 400", got.status, got.back)
	}
	if got := w.crossSite(at, form); !expired(got) {
		t.Errorf("posted once more = %d %v, want 400", got.status, got.back)
	}
	if log := w.log.String(); strings.Contains(log, code) || strings.Contains(log, form.Get("state")) {
		t.Error("the log tells the code or the state")
	}
}

// What is posted by strangers is not kept: their states are none of ours.
func TestStrangersPost(t *testing.T) {
	w := newWorld(t)
	w.viaUpstream() // registers
	a := w.browser()
	back := a.toCallback()
	state := back.Query().Get("state")
	used := w.browser()
	usedBack := used.toCallback()
	if p := used.get(usedBack.String()); !used.landed(p) {
		t.Fatalf("callback = %d, want the portal", p.status)
	}
	cookie := strings.SplitN(a.cookie(), "=", 2)
	before := w.stateEntries()
	for name, form := range map[string]url.Values{
		"none":             {"code": {"c"}},
		"empty":            {"state": {""}},
		"made up":          {"state": {randomHandle() + "~" + strings.Repeat("A", 19)}},
		"without its mark": {"RelayState": {strings.SplitN(state, "~", 2)[0]}},
		"another slot":     {"state": {"AAAAAAAAAAAAAAAA" + state[16:]}},
		"one letter more":  {"state": {state + "A"}},
		"the cookie":       {"state": {cookie[len(cookie)-1]}},
		"used":             usedBack.Query(),
		"given twice":      {"state": {state, state}},
		"very long":        {"state": {strings.Repeat("A", 60<<10)}},
		"relay, not ours":  {"RelayState": {"x"}, "state": {state}},
	} {
		if p := w.crossSite(w.server.URL+"/callback/upstream", form); !expired(p) {
			t.Errorf("%s: posted = %d %v, want 400", name, p.status, p.back)
		}
	}
	if n := w.stateEntries(); n != before {
		t.Errorf("%d entries were kept for strangers", n-before)
	}
	// The sign-in was none the worse for it.
	if p := a.get(back.String()); !a.landed(p) {
		t.Errorf("callback = %d %v, want the portal", p.status, p.back)
	}
}

// A state belongs to one source, whichever way its answer comes.
func TestPostedToAnotherSource(t *testing.T) {
	w := newWorld(t)
	w.viaUpstream() // registers
	a := w.browser()
	form := a.toCallback().Query()
	if p := a.follow(w.crossSite(w.server.URL+"/callback/national", form)); !expired(p) {
		t.Errorf("callback of another source = %d %v, want 400", p.status, p.back)
	}
}

func TestPostedSizes(t *testing.T) {
	w := newWorld(t)
	var got atomic.Int64
	s := w.speaking(&spoken{})
	s.finish = func(reply federation.Reply) (federation.Step, error) {
		got.Store(int64(len(reply.Values.Get("SAMLResponse"))))
		return federation.Step{}, federation.ErrDenied
	}
	for _, size := range []int{1, 70 << 10, 400 << 10, 600 << 10} {
		got.Store(0)
		a := w.browser()
		form := url.Values{"RelayState": {a.sent()}, "SAMLResponse": {strings.Repeat("A", size)}}
		p := w.crossSite(w.server.URL+"/callback/spoken", form)
		if size > 512<<10 {
			if p.status != http.StatusRequestEntityTooLarge {
				t.Errorf("%d bytes: posted = %d, want 413", size, p.status)
			}
			continue
		}
		a.follow(p)
		if got.Load() != int64(size) {
			t.Errorf("%d bytes: the source gets %d of them", size, got.Load())
		}
	}
	// Of large ones one address sends so many; small ones pass all the same.
	busy := 0
	for range 80 {
		p := w.crossSite(w.server.URL+"/callback/spoken", url.Values{"SAMLResponse": {strings.Repeat("A", 70<<10)}})
		if p.status == http.StatusServiceUnavailable {
			busy++
		}
	}
	a := w.browser()
	p := w.crossSite(w.server.URL+"/callback/spoken", url.Values{"RelayState": {a.sent()}, "SAMLResponse": {"A"}})
	if busy == 0 || p.status != http.StatusSeeOther {
		t.Errorf("%d of 80 large posts found no room, then a small one = %d, want some, and 303", busy, p.status)
	}
}

// A page posts on to the source, to its own origin alone.
func TestStepPost(t *testing.T) {
	w := newWorld(t)
	s := w.speaking(&spoken{})
	for name, tt := range map[string]struct {
		address string
		posts   bool
	}{
		"its own origin": {spokenOrigin + "/sso?a=1", true},
		"another host":   {"https://spoken.example.evil.test/sso", false},
		"another scheme": {"http://spoken.example/sso", false},
		"script":         {"javascript:alert(1)", false},
		"relative":       {"/sso", false},
		"with a user":    {"https://spoken.example@evil.test/sso", false},
	} {
		var state string
		s.begin = func(req federation.Request) (federation.Step, error) {
			state = req.State
			return federation.Step{Post: &federation.Post{Address: tt.address, Fields: map[string]string{"SAMLRequest": `<"&>`, "RelayState": req.State}}}, nil
		}
		a := w.browser()
		p := a.get(w.authorizeURL("portal"))
		if !tt.posts {
			if strings.Contains(p.body, `action="`+tt.address) || strings.Contains(p.body, "SAMLRequest") || strings.Contains(p.header.Get("Content-Security-Policy"), "evil") {
				t.Errorf("%s: the page posts to %s", name, tt.address)
			}
			continue
		}
		fields := formAnswer(t, p, tt.address)
		if fields.Get("SAMLRequest") != `<"&>` || fields.Get("RelayState") != state || len(fields) != 2 {
			t.Errorf("%s: the form carries %v", name, fields)
		}
		if csp := p.header.Get("Content-Security-Policy"); !strings.Contains(csp, "form-action "+spokenOrigin+";") {
			t.Errorf("%s: Content-Security-Policy = %q, want form-action with %s alone", name, csp, spokenOrigin)
		}
		if !strings.Contains(p.body, "<button") || p.header.Get("Referrer-Policy") != "no-referrer" || !strings.Contains(p.body, "Nguồn ngoài thử") {
			t.Errorf("%s: the page has no button, or tells where it comes from, or not where it goes\n%s", name, p.body)
		}
		if got := a.follow(w.crossSite(w.server.URL+"/callback/spoken", url.Values{"RelayState": {state}, "SAMLResponse": {"x"}})); !a.landed(got) {
			t.Errorf("%s: callback = %d %v, want the portal", name, got.status, got.back)
		}
	}
}

// An assertion that counts once does so over all replicas, whoever brings it.
func TestSourceAssertionCountsOnce(t *testing.T) {
	w := newWorld(t)
	s := w.speaking(&spoken{})
	s.finish = func(federation.Reply) (federation.Step, error) {
		a := states(federation.Request{Now: w.clock()})
		a.Once, a.OnceUntil = "assertion-1", w.clock().Add(5*time.Minute)
		return federation.Step{Assertion: a}, nil
	}
	replica := httptest.NewServer(w.build().Handler())
	t.Cleanup(replica.Close)
	var landed atomic.Int64
	var wg sync.WaitGroup
	for i := range 16 {
		a := w.browser()
		at := fmt.Sprintf("%s/callback/spoken?%s", []string{w.server.URL, replica.URL}[i%2], url.Values{"state": {a.sent()}}.Encode())
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at, nil)
		must(t, err)
		a.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		wg.Go(func() {
			res, err := a.client.Do(r)
			if err != nil {
				t.Error(err)
				return
			}
			_ = res.Body.Close()
			for _, cookie := range res.Cookies() {
				if cookie.Name == "eidgate" && cookie.Value != "" {
					landed.Add(1) // the session has its proof
				}
			}
		})
	}
	wg.Wait()
	if landed.Load() != 1 {
		t.Errorf("%d of 16 sign-ins by one assertion succeed, want 1", landed.Load())
	}
	rows, err := w.db.Audit(t.Context(), sqlstore.AuditFilter{Action: eid.ActionSourceDistrust, Limit: 100})
	must(t, err)
	if len(rows) != 15 {
		t.Errorf("%d rows of distrust, want 15", len(rows))
	}
	for name, until := range map[string]time.Time{"without an end": {}, "past its end": w.clock(), "for ever": w.clock().AddDate(1, 0, 0)} {
		s.finish = func(federation.Reply) (federation.Step, error) {
			a := states(federation.Request{Now: w.clock()})
			a.Once, a.OnceUntil = name, until
			return federation.Step{Assertion: a}, nil
		}
		a := w.browser()
		if p := a.get(w.server.URL + "/callback/spoken?" + url.Values{"state": {a.sent()}}.Encode()); p.status != http.StatusForbidden {
			t.Errorf("%s: callback = %d, want a refusal", name, p.status)
		}
	}
	if strings.Contains(w.log.String(), "assertion-1") {
		t.Error("the log names the assertion")
	}
}
