package provider_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/federation/fedtest"
	"eidgate/provider"
	"eidgate/store"
	"eidgate/store/sqlstore"
)

// notice posts a logout token of the upstream provider, as the provider does.
func (w *world) notice(how fedtest.Signing, with ...fedtest.Tampering) page {
	w.t.Helper()
	token, err := w.upstream.LogoutToken("gateway", how, with...)
	must(w.t, err)
	return w.noticed("upstream", url.Values{"logout_token": {token}})
}

// noticed posts a form to the address of a source's notices.
func (w *world) noticed(source string, form url.Values) page {
	w.t.Helper()
	return w.noticedAt(w.server.URL+"/source/"+source+"/logout", form)
}

func (w *world) noticedAt(address string, form url.Values) page {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	must(w.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return (&agent{w: w, client: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}).do(r)
}

// sid is what the upstream provider calls its only session.
func (w *world) sid() string {
	w.t.Helper()
	sids := w.upstream.SIDs()
	if len(sids) != 1 {
		w.t.Fatalf("%d sessions upstream, want 1", len(sids))
	}
	return sids[0]
}

// bothSources registers the first party for either.
func (w *world) bothSources() {
	w.registerWith(func(rp *eid.RelyingParty) { rp.Sources = []string{"national", "upstream"} })
}

// heeded fails unless a notice was answered as one that was carried out.
func (w *world) heeded(p page) {
	w.t.Helper()
	if p.status != http.StatusOK || p.body != "" || p.header.Get("Cache-Control") != "no-store" || p.back != nil {
		w.t.Errorf("notice = %d %q %v, want an empty 200 that nobody keeps", p.status, p.body, p.header)
	}
}

func TestNoticeEndsTheSession(t *testing.T) {
	w := newWorld(t)
	w.notified()
	b, other := w.signedIn(numberLevel1)
	a, got := w.viaUpstream()
	w.bothSources()
	sid := w.sid()
	w.heeded(w.notice(fedtest.SignProperly, fedtest.Set("sid", sid)))
	a.dead(got)
	b.alive(other)
	rows, err := w.db.Audit(t.Context(), sqlstore.AuditFilter{Action: eid.ActionSessionEnded})
	must(t, err)
	if len(rows) != 1 || !strings.Contains(string(rows[0].Detail), `"why":"upstream_logout"`) || !strings.Contains(string(rows[0].Detail), `"source":"upstream"`) ||
		strings.Contains(string(rows[0].Detail), sid) {
		t.Errorf("audit = %v, want one row that says why and names the source", rows)
	}
	if w.outbox.count() != 1 {
		t.Errorf("%d notices to parties, want 1", w.outbox.count())
	}
	// Whether a session was known is told to nobody.
	w.heeded(w.notice(fedtest.SignProperly, fedtest.Set("sid", "unknown")))
	w.heeded(w.notice(fedtest.SignProperly, fedtest.Set("sub", "nobody")))
	// Who signs in anew afterwards is signed in.
	w.pass(time.Second)
	a, got = w.viaUpstream()
	a.alive(got)
	if strings.Contains(w.log.String(), sid) {
		t.Error("the log names the session at the source")
	}
}

// The trail goes on leading to the session when its cookie changes, and to the
// tokens of one that went idle.
func TestNoticeFollowsTheSession(t *testing.T) {
	w := newWorld(t)
	w.notified()
	for name, move := range map[string]func(a *agent){
		"another source": func(a *agent) {
			w.parties[0].Sources = []string{"national"}
			sources, err := w.db.Sources(t.Context())
			must(t, err)
			must(t, w.db.ApplyRegistrations(t.Context(), w.parties, sources, "file", "system"))
			before := a.cookie()
			p := a.signIn(w.authorizeURL("portal", "prompt", "login"), numberLevel2)
			if p.back == nil || !p.back.Query().Has("code") || a.cookie() == before {
				t.Fatalf("sign-in again = %d %v, want a code and another cookie", p.status, p.back)
			}
		},
		"gone idle": func(*agent) { w.pass(31 * time.Minute) },
	} {
		a, got := w.viaUpstream()
		sids := w.upstream.SIDs()
		move(a)
		for _, sid := range sids {
			w.heeded(w.notice(fedtest.SignProperly, fedtest.Set("sid", sid)))
		}
		if status, _, _ := w.userinfo("Bearer " + got.AccessToken); status != http.StatusUnauthorized {
			t.Errorf("%s: userinfo = %d, want 401", name, status)
		}
		if p := a.get(w.authorizeURL("portal", "prompt", "none")); p.back == nil || p.back.Query().Get("error") != "login_required" {
			t.Errorf("%s: prompt=none = %v, want login_required", name, p.back)
		}
		w.pass(time.Second)
	}
}

// A notice that names a person ends all of the sessions that the source gave, and
// none that another did.
func TestNoticeOfAPerson(t *testing.T) {
	w := newWorld(t)
	w.notified()
	c, third := w.signedIn(numberLevel2) // the same person, by another source
	a, first := w.viaUpstream()
	b, second := w.viaUpstream()
	w.bothSources()
	w.heeded(w.notice(fedtest.SignProperly, fedtest.Set("sub", "synthetic")))
	a.dead(first)
	b.dead(second)
	c.alive(third)
}

// More sessions than a trail holds: the notice ends the latest, and those that it
// would not find any more were ended before.
func TestTrailIsBounded(t *testing.T) {
	w := newWorld(t)
	w.notified()
	s := w.speaking(&spoken{})
	s.hear = func(federation.Incoming) (federation.Notice, error) {
		return federation.Notice{Subject: "synthetic"}, nil
	}
	type signedIn struct {
		*agent
		tokens
	}
	var all []signedIn
	for range 18 {
		a, got := w.viaSpoken()
		all = append(all, signedIn{a, got})
	}
	for i, one := range all {
		if status, _, _ := w.userinfo("Bearer " + one.AccessToken); (status == http.StatusOK) != (i >= 2) {
			t.Errorf("userinfo = %d for sign-in %d of 18 before the notice, want the first two ended", status, i+1)
		}
	}
	w.heeded(w.noticed("spoken", nil))
	for i, one := range all {
		if status, _, _ := w.userinfo("Bearer " + one.AccessToken); status != http.StatusUnauthorized {
			t.Errorf("userinfo = %d for sign-in %d of 18, want 401", status, i+1)
		}
	}
	rows, err := w.db.Audit(t.Context(), sqlstore.AuditFilter{Action: eid.ActionSessionEnded, Limit: 100})
	must(t, err)
	crowded := 0
	for _, row := range rows {
		if strings.Contains(string(row.Detail), `"why":"too_many"`) && strings.Contains(string(row.Detail), `"source":"spoken"`) && row.Actor == "system" {
			crowded++
		}
	}
	if len(rows) != 18 || crowded != 2 {
		t.Errorf("%d ends of sessions on record, %d of them for want of room; want 18 and 2", len(rows), crowded)
	}
}

// Whoever signs in again and again in one browser has one place in the trail, and
// pushes nobody out of it.
func TestTrailHoldsASessionOnce(t *testing.T) {
	w := newWorld(t)
	w.notified()
	s := w.speaking(&spoken{})
	s.hear = func(federation.Incoming) (federation.Notice, error) {
		return federation.Notice{Subject: "synthetic"}, nil
	}
	first, got := w.viaSpoken()
	again, _ := w.viaSpoken()
	for range 20 {
		w.pass(time.Second)
		p := again.get(w.authorizeURL("portal", "prompt", "login"))
		if p = again.get(w.server.URL + "/callback/spoken?" + url.Values{"state": {p.back.Query().Get("state")}}.Encode()); !again.landed(p) {
			t.Fatalf("sign-in again = %d %v, want the portal", p.status, p.back)
		}
	}
	first.alive(got)
	// Nor does it change who gives way: the first, once there is no room.
	var others []*agent
	for range 14 {
		a, _ := w.viaSpoken()
		others = append(others, a)
	}
	first.alive(got)
	w.viaSpoken()
	first.dead(got)
	for _, a := range append(others, again) {
		if p := a.get(w.authorizeURL("portal", "prompt", "none")); p.back == nil || !p.back.Query().Has("code") {
			t.Errorf("prompt=none = %v, want a code: the session lives", p.back)
		}
	}
	w.heeded(w.noticed("spoken", nil))
	if p := again.get(w.authorizeURL("portal", "prompt", "none")); p.back == nil || p.back.Query().Get("error") != "login_required" {
		t.Errorf("prompt=none = %v, want login_required", p.back)
	}
}

// Sign-ins of one person at the same time all find their place in the trail.
func TestTrailOfManyAtOnce(t *testing.T) {
	w := newWorld(t)
	w.notified()
	s := w.speaking(&spoken{})
	s.hear = func(federation.Incoming) (federation.Notice, error) {
		return federation.Notice{Subject: "synthetic"}, nil
	}
	w.viaSpoken() // consents, and gives way to the last of the others
	agents, states := make([]*agent, 16), make([]string, 16)
	for i := range agents {
		agents[i] = w.browser()
		states[i] = agents[i].sent()
	}
	silent := func(a *agent) url.Values { return a.get(w.authorizeURL("portal", "prompt", "none")).back.Query() }
	var wg sync.WaitGroup
	for i, a := range agents {
		wg.Go(func() { a.get(w.server.URL + "/callback/spoken?" + url.Values{"state": {states[i]}}.Encode()) })
	}
	wg.Wait()
	for i, a := range agents {
		if got := silent(a); !got.Has("code") {
			t.Errorf("prompt=none in browser %d = %v, want a code", i, got)
		}
	}
	w.heeded(w.noticed("spoken", nil))
	for i, a := range agents {
		if got := silent(a); got.Get("error") != "login_required" {
			t.Errorf("prompt=none in browser %d after the notice = %v, want login_required", i, got)
		}
	}
}

// A notice ends what was given to a portal for longer than the session lasts.
func TestNoticeAfterTheSession(t *testing.T) {
	w := newWorld(t)
	w.notifiedVia()
	_, got := w.viaUpstream()
	sid := w.sid()
	for range 3 { // beyond the absolute end of the session
		w.pass(5 * time.Hour)
		if got = w.refresh(got.RefreshToken); got.Error != "" {
			t.Fatalf("refresh = %d %s, want tokens", got.status, got.Error)
		}
	}
	w.heeded(w.notice(fedtest.SignProperly, fedtest.Set("sid", sid)))
	if again := w.refresh(got.RefreshToken); again.Error != "invalid_grant" {
		t.Errorf("refresh after the notice = %d %s, want invalid_grant", again.status, again.Error)
	}
	if w.active(got.AccessToken) {
		t.Error("userinfo is open after the notice")
	}
}

// Notices that came while the sign-in was under way leave no session, whichever
// of the two is first at each step.
func TestNoticeDuringSignIn(t *testing.T) {
	w := newWorld(t)
	w.notified()
	w.viaUpstream() // registers
	for name, named := range map[string]string{"session": "sid", "person": "sub"} {
		a := w.browser()
		before := w.upstream.SIDs()
		back := a.toCallback()
		value := "synthetic"
		if named == "sid" {
			for _, sid := range w.upstream.SIDs() {
				if !strings.Contains(strings.Join(before, " "), sid) {
					value = sid
				}
			}
		}
		w.heeded(w.notice(fedtest.SignProperly, fedtest.Set(named, value)))
		if p := a.get(back.String()); !expired(p) {
			t.Errorf("%s: callback after the notice = %d %v, want 400", name, p.status, p.back)
		}
		if p := a.get(w.authorizeURL("portal", "prompt", "none")); p.back == nil || p.back.Query().Get("error") != "login_required" {
			t.Errorf("%s: prompt=none = %v, want login_required", name, p.back)
		}
		w.pass(time.Second)
		if p := a.get(a.toCallback().String()); !a.landed(p) {
			t.Errorf("%s: a new sign-in = %d %v, want the portal", name, p.status, p.back)
		}
		w.pass(time.Second)
	}
	for range 6 {
		a := w.browser()
		back := a.toCallback()
		token, err := w.upstream.LogoutToken("gateway", fedtest.SignProperly, fedtest.Set("sub", "synthetic"))
		must(t, err)
		var wg sync.WaitGroup
		wg.Go(func() { a.get(back.String()) })
		wg.Go(func() { w.heeded(w.noticed("upstream", url.Values{"logout_token": {token}})) })
		wg.Wait()
		if p := a.get(w.authorizeURL("portal", "prompt", "none")); p.back == nil || p.back.Query().Get("error") != "login_required" {
			t.Errorf("at the same time: prompt=none = %v, want login_required", p.back)
		}
		w.pass(time.Second)
	}
}

// What is not a notice of the source ends nothing and leaves nothing behind.
func TestNoticeRefused(t *testing.T) {
	w := newWorld(t)
	w.notified()
	a, got := w.viaUpstream()
	sid := w.sid()
	w.notice(fedtest.SignForeignKey, fedtest.Set("sid", sid)) // fetches keys
	before := w.stateEntries()
	refused := func(name string, p page) {
		t.Helper()
		var answer struct{ Error string }
		if err := json.Unmarshal([]byte(p.body), &answer); err != nil || p.status != http.StatusBadRequest || answer.Error != "invalid_request" ||
			p.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: notice = %d %q, want 400 with an error that nobody keeps", name, p.status, p.body)
		}
	}
	for name, how := range map[string]fedtest.Signing{
		"none": fedtest.SignNone, "HS256": fedtest.SignHS256, "foreign key": fedtest.SignForeignKey,
		"unknown kid": fedtest.SignUnknownKID, "key in the header": fedtest.SignEmbeddedKey,
	} {
		refused(name, w.notice(how, fedtest.Set("sid", sid)))
	}
	for name, with := range map[string]fedtest.Tampering{
		"another audience": fedtest.Set("aud", "other"), "an ID token": fedtest.Set("nonce", "n"), "no event": fedtest.Without("events"),
		"expired": fedtest.Set("exp", 1), "no jti": fedtest.Without("jti"),
	} {
		refused(name, w.notice(fedtest.SignProperly, fedtest.Set("sid", sid), with))
	}
	refused("nothing", w.noticed("upstream", nil))
	refused("not a token", w.noticed("upstream", url.Values{"logout_token": {"x"}}))
	for i := range 100 {
		refused("flood", w.noticed("upstream", url.Values{"logout_token": {fmt.Sprintf("e30.e30.%d", i)}}))
	}
	if p := w.noticed("upstream", url.Values{"logout_token": {strings.Repeat("A", 65<<10)}}); p.status != http.StatusRequestEntityTooLarge {
		t.Errorf("a large notice = %d, want 413", p.status)
	}
	if p := w.browser().get(w.server.URL + "/source/upstream/logout?logout_token=x"); p.status != http.StatusBadRequest || !strings.Contains(p.body, "<html") {
		t.Errorf("a browser's notice = %d, want a page with 400", p.status)
	}
	for _, source := range []string{"national", "nowhere", "%2e%2e"} {
		if p := w.noticed(source, url.Values{"logout_token": {"x"}}); p.status != http.StatusNotFound {
			t.Errorf("notice of %s = %d, want 404", source, p.status)
		}
	}
	if n := w.stateEntries(); n != before {
		t.Errorf("%d entries were kept for strangers", n-before)
	}
	a.alive(got)
}

// A notice counts once; one that could not be carried out may come again.
func TestNoticeOnce(t *testing.T) {
	w := newWorld(t)
	w.notified()
	a, got := w.viaUpstream()
	token, err := w.upstream.LogoutToken("gateway", fedtest.SignProperly, fedtest.Set("sub", "synthetic"))
	must(t, err)
	form := url.Values{"logout_token": {token}}
	w.outbox.away.Store(true)
	if p := w.noticed("upstream", form); p.status != http.StatusServiceUnavailable || p.header.Get("Retry-After") == "" || p.header.Get("Cache-Control") != "no-store" {
		t.Errorf("notice while the outbox is away = %d, want 503 and Retry-After", p.status)
	}
	w.outbox.away.Store(false)
	w.heeded(w.noticed("upstream", form))
	a.dead(got)
	w.pass(time.Second)
	a, got = w.viaUpstream()
	if p := w.noticed("upstream", form); p.status != http.StatusBadRequest {
		t.Errorf("the same notice again = %d, want 400", p.status)
	}
	a.alive(got)
	// Of sixteen at once, one counts.
	token, err = w.upstream.LogoutToken("gateway", fedtest.SignProperly, fedtest.Set("sub", "synthetic"))
	must(t, err)
	var wg sync.WaitGroup
	var mu sync.Mutex
	count := map[int]int{}
	for range 16 {
		wg.Go(func() {
			p := w.noticed("upstream", url.Values{"logout_token": {token}})
			mu.Lock()
			defer mu.Unlock()
			count[p.status]++
		})
	}
	wg.Wait()
	if count[http.StatusOK] != 1 || count[http.StatusBadRequest] != 15 {
		t.Errorf("one notice sixteen times = %v, want 200 once and 400 else", count)
	}
	a.dead(got)
}

// failingState is away once a notice was looked up, while its test says so.
type failingState struct {
	store.State
	fails, away atomic.Bool
}

func (s *failingState) Apply(ctx context.Context, slot string, ops ...store.Op) ([]store.Result, error) {
	if s.away.Load() {
		return nil, store.ErrUnavailable
	}
	if strings.HasPrefix(slot, "trail:") && s.fails.Load() {
		s.away.Store(true)
	}
	return s.State.Apply(ctx, slot, ops...)
}

// The store goes away while a notice is carried out, so that not even its mark can
// be taken back. Said again a little later, it is carried out.
func TestNoticeWhileTheStoreFails(t *testing.T) {
	state := &failingState{}
	w := newWorldWith(t, func(_ *provider.Config, d *provider.Deps) { state.State, d.State = d.State, state })
	w.notified()
	a, got := w.viaUpstream()
	token, err := w.upstream.LogoutToken("gateway", fedtest.SignProperly, fedtest.Set("sub", "synthetic"))
	must(t, err)
	form := url.Values{"logout_token": {token}}
	state.fails.Store(true)
	if p := w.noticed("upstream", form); p.status != http.StatusServiceUnavailable {
		t.Errorf("notice while the store goes away = %d, want 503", p.status)
	}
	state.fails.Store(false)
	state.away.Store(false)
	a.alive(got)
	w.pass(30 * time.Second)
	w.heeded(w.noticed("upstream", form))
	a.dead(got)
	w.pass(31 * time.Second)
	if p := w.noticed("upstream", form); p.status != http.StatusBadRequest {
		t.Errorf("the same notice again = %d, want 400", p.status)
	}
}

// A notice that a browser carries is answered to the source, by the same browser,
// after the end.
func TestNoticeByWayOfABrowser(t *testing.T) {
	w := newWorld(t)
	w.notified()
	s := w.speaking(&spoken{})
	for name, tt := range map[string]struct {
		answer federation.Step
		check  func(p page) bool
	}{
		"redirect": {federation.Step{Redirect: spokenOrigin + "/slo?SAMLResponse=x"}, func(p page) bool {
			return p.status == http.StatusSeeOther && p.back.String() == spokenOrigin+"/slo?SAMLResponse=x"
		}},
		"post": {federation.Step{Post: &federation.Post{Address: spokenOrigin + "/slo", Fields: map[string]string{"SAMLResponse": "x"}}}, func(p page) bool {
			return formAnswer(t, p, spokenOrigin+"/slo").Get("SAMLResponse") == "x"
		}},
	} {
		s.hear = func(in federation.Incoming) (federation.Notice, error) {
			if in.Address != w.server.URL+"/source/spoken/logout" || in.RawQuery != "SAMLRequest=a%2Bb" || in.Form != nil {
				t.Errorf("%s: Hear(%+v), want the request as it came", name, in)
			}
			return federation.Notice{Sessions: []string{"session-1"}, Answer: &tt.answer}, nil
		}
		a, got := w.viaSpoken()
		a.stopped()
		if p := a.get(w.server.URL + "/source/spoken/logout?SAMLRequest=a%2Bb"); !tt.check(p) {
			t.Errorf("%s: notice = %d %v", name, p.status, p.back)
		}
		a.dead(got)
		w.pass(time.Second)
	}
	s.hear = func(federation.Incoming) (federation.Notice, error) {
		return federation.Notice{Sessions: []string{"session-1"}, Answer: &federation.Step{Post: &federation.Post{Address: "https://evil.test/"}}}, nil
	}
	a, got := w.viaSpoken()
	if p := a.get(w.server.URL + "/source/spoken/logout"); p.status < 400 || strings.Contains(p.body+p.header.Get("Content-Security-Policy"), "evil.test") {
		t.Errorf("an answer to elsewhere = %d, want a refusal", p.status)
	}
	a.alive(got)
}

// Notices that say too much, or nothing, are refused whatever the source believes.
func TestNoticeWithinBounds(t *testing.T) {
	w := newWorld(t)
	w.notified()
	s := w.speaking(&spoken{})
	a, got := w.viaSpoken()
	for name, n := range map[string]federation.Notice{
		"nothing":           {},
		"an empty session":  {Sessions: []string{""}},
		"too many sessions": {Sessions: append(strings.Split(strings.Repeat("s ", 32), " ")[:32], "session-1")},
		"once, no end":      {Subject: "synthetic", Once: "o"},
		"once, past":        {Subject: "synthetic", Once: "o", Until: w.clock()},
		"once, for ever":    {Subject: "synthetic", Once: "o", Until: w.clock().AddDate(1, 0, 0)},
		"a return":          {Return: "https://evil.test/"},
	} {
		s.hear = func(federation.Incoming) (federation.Notice, error) { return n, nil }
		if p := w.noticed("spoken", nil); p.status != http.StatusBadRequest {
			t.Errorf("%s: notice = %d, want 400", name, p.status)
		}
	}
	a.alive(got)
	s.hear = func(federation.Incoming) (federation.Notice, error) {
		return federation.Notice{}, fmt.Errorf("%w: keys", federation.ErrDown)
	}
	if p := w.noticed("spoken", nil); p.status != http.StatusServiceUnavailable {
		t.Errorf("a source whose keys cannot be had = %d, want 503", p.status)
	}
}

// CAS posts its notices to the address that takes tickets back, and with the state
// that stood there.
func TestNoticeAtTheCallback(t *testing.T) {
	w := newWorld(t)
	w.notified()
	s := w.speaking(&spoken{})
	s.hear = func(in federation.Incoming) (federation.Notice, error) {
		if in.Form.Get("logoutRequest") != "<ST-1>" {
			return federation.Notice{}, federation.ErrUntrusted
		}
		return federation.Notice{Sessions: []string{"session-1"}}, nil
	}
	a, got := w.viaSpoken()
	w.heeded(w.noticedAt(w.server.URL+"/callback/spoken?state=x", url.Values{"logoutRequest": {"<ST-1>"}}))
	a.dead(got)
	// A browser that carries one, and is to go nowhere, is told so.
	if p := w.crossSite(w.server.URL+"/callback/spoken", url.Values{"logoutRequest": {"<ST-1>"}}); !signedOut(p) {
		t.Errorf("a browser's notice = %d, want the signed-out page", p.status)
	}
}

// What a source wants again at its logout is kept sealed, and given back with the
// rest. Its answer leads on.
func TestLogoutMemory(t *testing.T) {
	w := newWorld(t)
	w.notified()
	s := w.speaking(&spoken{})
	s.finish = func(federation.Reply) (federation.Step, error) {
		a := states(federation.Request{Now: w.clock()})
		a.Logout = []byte("a name identifier of the person")
		return federation.Step{Assertion: a}, nil
	}
	a, got := w.viaSpoken()
	if strings.Contains(w.stateBytes(), "identifier of the person") {
		t.Error("what the source wants again lies open in the passing state")
	}
	a.stopped()
	p := a.get(w.logoutURL("id_token_hint", got.IDToken, "post_logout_redirect_uri", bye))
	if p.back == nil || originIs(p.back) != spokenOrigin || len(s.logouts) != 1 {
		t.Fatalf("logout = %d %v, want the source", p.status, p.back)
	}
	req := s.logouts[0]
	if string(req.Memory) != "a name identifier of the person" || req.Address != w.server.URL+"/source/spoken/logout" || !req.Now.Equal(w.clock()) {
		t.Errorf("Logout(%+v), want the memory, the address and the time", req)
	}
	// The source's answer comes by post, from its own pages.
	s.hear = func(federation.Incoming) (federation.Notice, error) {
		return federation.Notice{Return: req.State}, nil
	}
	p = w.crossSite(w.server.URL+"/source/spoken/logout", url.Values{"SAMLResponse": {"x"}})
	if p.back == nil || p.back.Path != "/logout/done" {
		t.Fatalf("answer = %d %v, want the way on", p.status, p.back)
	}
	if stranger := w.browser().follow(p); !signedOut(stranger) {
		t.Errorf("another browser goes on to %v", stranger.back)
	}
	if p = a.follow(p); p.back == nil || p.back.String() != bye {
		t.Errorf("after the answer = %d %v, want %s", p.status, p.back, bye)
	}
	a.dead(got)
	// More than may be kept fails the sign-in: nothing is cut.
	s.finish = func(federation.Reply) (federation.Step, error) {
		a := states(federation.Request{Now: w.clock()})
		a.Logout = make([]byte, 2<<10+1)
		return federation.Step{Assertion: a}, nil
	}
	b := w.browser()
	if p := b.get(w.server.URL + "/callback/spoken?" + url.Values{"state": {b.sent()}}.Encode()); p.status != http.StatusInternalServerError {
		t.Errorf("too much to keep = %d, want 500", p.status)
	}
}

func originIs(u *url.URL) string { return u.Scheme + "://" + u.Host }

func TestPublished(t *testing.T) {
	w := newWorld(t)
	w.notified()
	w.speaking(&spoken{})
	base := w.server.URL + "/source/spoken"
	p := w.browser().get(base + "/metadata")
	want := base + "/metadata " + w.server.URL + "/callback/spoken " + base + "/logout"
	if p.status != http.StatusOK || p.body != want || p.header.Get("Content-Type") != "application/samlmetadata+xml" || p.header.Get("Cache-Control") != "public, max-age=3600" {
		t.Errorf("metadata = %d %q %v, want %q", p.status, p.body, p.header, want)
	}
	for _, source := range []string{"upstream", "national", "nowhere"} { // upstream has no keys of ours
		if p := w.browser().get(w.server.URL + "/source/" + source + "/metadata"); p.status != http.StatusNotFound {
			t.Errorf("metadata of %s = %d, want 404", source, p.status)
		}
	}
	r, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodPost, base+"/metadata", nil)
	must(t, err)
	if p := w.browser().do(r); p.status != http.StatusMethodNotAllowed {
		t.Errorf("POST metadata = %d, want 405", p.status)
	}
}
