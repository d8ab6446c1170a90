package provider_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/store/storetest"
)

func lockForm(subject, document string) url.Values {
	return url.Values{"subject": {subject}, "document": {document}, "reason": {"nghi ngờ gian lận"}}
}

// TestRow31ServiceUserIsToldAndUndoes: a party asks for a lock of its own subject and is
// told how that stands; nothing is locked until an officer says so, then everything is,
// and the party alone has it undone, the same way.
func TestRow31ServiceUserIsToldAndUndoes(t *testing.T) {
	w := newWorld(t)
	w.notified()
	w.addParty("other", func(*eid.RelyingParty) {})
	w.run(w.provider)
	a, got := w.signedIn(numberLevel1)
	requests := storetest.Requests(t, w.db, w.clock)
	decided := accounts.LockDecision{Why: "đã kiểm tra công văn", Actor: "operator:A"}
	sub := got.claims["sub"].(string)

	asked := w.backChannel("/lock-requests", lockForm(sub, "CV-7"), asPortal)
	if asked.status != http.StatusAccepted || asked.json["status"] != "waiting" || asked.json["act"] != "lock" || asked.json["due_at"] == nil {
		t.Fatalf("POST /lock-requests = %d %s, want one that waits", asked.status, asked.body)
	}
	id := asked.json["id"].(string)
	if again := w.backChannel("/lock-requests", lockForm(sub, "CV-7"), asPortal); again.json["id"] != id {
		t.Errorf("asked again: %s, want the same request", again.body)
	}
	if p := a.get(w.authorizeURL("portal", "prompt", "none")); p.back == nil || p.back.Query().Get("code") == "" {
		t.Errorf("while it waits: %d, want the session to go on", p.status)
	}
	_, err := requests.Accept(t.Context(), id, decided)
	must(t, err)
	if now := w.backChannel("/lock-requests", url.Values{"id": {id}}, asPortal); now.status != http.StatusOK || now.json["status"] != "accepted" || now.json["decided_at"] == nil {
		t.Errorf("its status = %d %s, want accepted", now.status, now.body)
	}
	if strings.Contains(w.backChannel("/lock-requests", url.Values{"id": {id}}, asPortal).body, "công văn") {
		t.Error("the party reads the officer's words")
	}
	if _, claims := w.openLogoutToken(w.told[0].next()); claims["sub"] != sub {
		t.Errorf("logout token for %v, want %s", claims["sub"], sub)
	}
	wantError(t, a.get(w.authorizeURL("portal", "prompt", "none")), "login_required")
	wantPage(t, w.browser().signIn(w.authorizeURL("portal"), numberLevel1), http.StatusForbidden, "Tài khoản đang bị khóa")

	undo := url.Values{"undo": {id}, "document": {"CV-8"}, "reason": {"đã làm rõ"}}
	if p := w.backChannel("/lock-requests", undo, as("other")); p.status != http.StatusBadRequest {
		t.Errorf("another asks for its end: %d %s, want 400", p.status, p.body)
	}
	end := w.backChannel("/lock-requests", undo, asPortal)
	if end.status != http.StatusAccepted || end.json["act"] != "unlock" {
		t.Fatalf("asking for its end = %d %s, want one that waits", end.status, end.body)
	}
	_, err = requests.Accept(t.Context(), end.json["id"].(string), decided)
	must(t, err)
	w.pass(time.Second) // what is proved counts from after the lock
	if p := w.browser().signIn(w.authorizeURL("portal"), numberLevel1); p.back == nil || p.back.Query().Get("code") == "" {
		t.Errorf("sign-in after its end = %d, want a code", p.status)
	}
	for _, secret := range []string{"CV-7", "gian lận"} {
		if strings.Contains(w.log.String(), secret) {
			t.Errorf("the log tells %q", secret)
		}
	}
}

func TestLockRequestsAreRefused(t *testing.T) {
	w := newWorld(t)
	w.addParty("other", func(*eid.RelyingParty) {})
	_, got := w.signedIn(numberLevel1)
	sub := got.claims["sub"].(string)
	made := w.backChannel("/lock-requests", lockForm(sub, "CV-7"), asPortal).json["id"].(string)
	with := func(change func(url.Values)) url.Values {
		f := lockForm(sub, "CV-9")
		change(f)
		return f
	}
	for _, tt := range []struct {
		name   string
		form   url.Values
		change func(*http.Request)
		status int
		want   string
	}{
		{"nobody", lockForm(sub, "d"), func(*http.Request) {}, 401, "invalid_client"},
		{"wrong secret", lockForm(sub, "d"), func(r *http.Request) { r.SetBasicAuth("portal", "x") }, 401, "invalid_client"},
		{"public client", with(func(f url.Values) { f.Set("client_id", "high") }), func(*http.Request) {}, 401, "invalid_client"},
		{"bearer", lockForm(sub, "d"), func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+got.AccessToken) }, 401, "invalid_client"},
		{"another's subject", lockForm(sub, "d"), as("other"), 400, "invalid_request"},
		{"unknown subject", lockForm("nobody", "d"), asPortal, 400, "invalid_request"},
		{"a personal number", lockForm(numberLevel1, "d"), asPortal, 400, "invalid_request"},
		{"long subject", lockForm(strings.Repeat("x", 256), "d"), asPortal, 400, "invalid_request"},
		{"no subject", with(func(f url.Values) { f.Del("subject") }), asPortal, 400, "invalid_request"},
		{"no document", with(func(f url.Values) { f.Del("document") }), asPortal, 400, "invalid_request"},
		{"no reason", with(func(f url.Values) { f.Del("reason") }), asPortal, 400, "invalid_request"},
		{"long reason", with(func(f url.Values) { f.Set("reason", strings.Repeat("x", 501)) }), asPortal, 400, "invalid_request"},
		{"CRLF", with(func(f url.Values) { f.Set("document", "d\r\nx") }), asPortal, 400, "invalid_request"},
		{"subject twice", with(func(f url.Values) { f.Add("subject", sub) }), asPortal, 400, "invalid_request"},
		{"subject and undo", with(func(f url.Values) { f.Set("undo", made) }), asPortal, 400, "invalid_request"},
		{"the end of what waits", url.Values{"undo": {made}, "document": {"d"}, "reason": {"r"}}, asPortal, 400, "invalid_request"},
		{"the end of nothing", url.Values{"undo": {"none"}, "document": {"d"}, "reason": {"r"}}, asPortal, 400, "invalid_request"},
		{"another's request", url.Values{"id": {made}}, as("other"), 400, "invalid_request"},
		{"no request", url.Values{"id": {"none"}}, asPortal, 400, "invalid_request"},
	} {
		if a := w.backChannel("/lock-requests", tt.form, tt.change); a.status != tt.status || a.json["error"] != tt.want {
			t.Errorf("%s: %d %s, want %d %s", tt.name, a.status, a.body, tt.status, tt.want)
		}
	}
	unknown, foreign := w.backChannel("/lock-requests", lockForm("nobody", "d"), asPortal), w.backChannel("/lock-requests", lockForm(sub, "d"), as("other"))
	if unknown.body != foreign.body {
		t.Errorf("an unknown subject and another sector's: %s and %s, want the same", unknown.body, foreign.body)
	}
	if p := w.browser().get(w.server.URL + "/lock-requests"); p.status != http.StatusMethodNotAllowed {
		t.Errorf("GET /lock-requests = %d, want 405", p.status)
	}
	list, err := storetest.Requests(t, w.db, w.clock).List(t.Context(), accounts.LockRequestFilter{})
	must(t, err)
	if len(list) != 1 {
		t.Errorf("%d requests wait, want the first alone", len(list))
	}
	a, err := w.db.Account(t.Context(), w.people[numberLevel1])
	must(t, err)
	if len(a.Locks) != 0 {
		t.Errorf("locks = %v, want none before a decision", a.Locks)
	}
	var last answer
	for range 150 {
		if last = w.backChannel("/lock-requests", url.Values{"id": {made}}, asPortal); last.status != http.StatusOK {
			break
		}
	}
	if last.status != http.StatusTooManyRequests || last.header.Get("Retry-After") == "" {
		t.Errorf("asked without end: %d, want 429 with Retry-After", last.status)
	}
}

// TestEachLockIsInForce: whatever the reason, what was given before is worth nothing, and
// what began before does not finish.
func TestEachLockIsInForce(t *testing.T) {
	acts := map[eid.LockReason]accounts.LockAct{
		eid.LockSelf: storetest.Self(), eid.LockAuthority: storetest.Authority("QĐ-000"), eid.LockTerms: storetest.Operator("BB-000"),
		eid.LockNumber: storetest.Authority("QĐ-000"), eid.LockDeath: storetest.Authority("QĐ-000"),
	}
	w := newWorld(t)
	w.notified()
	back := w.tweak
	w.tweak = func(parties []eid.RelyingParty) { back(parties); parties[0].Refresh = true }
	w.register()
	w.run(w.provider)
	lift := storetest.Authority("QĐ-001")
	for _, reason := range eid.LockReasons() {
		a, got := w.signedIn(numberLevel1)
		late := w.browser()
		form := late.get(w.authorizeURL("portal"))
		l, err := w.locks.Set(t.Context(), w.people[numberLevel1], reason, acts[reason])
		must(t, err)
		if status, _, _ := w.userinfo("Bearer " + got.AccessToken); status != http.StatusUnauthorized {
			t.Errorf("%s: userinfo = %d, want 401", reason, status)
		}
		if p := w.backChannel("/introspect", tokenForm(got.AccessToken), asPortal); p.json["active"] != false {
			t.Errorf("%s: introspection = %s, want inactive", reason, p.body)
		}
		if p := w.refresh(got.RefreshToken); p.status != http.StatusBadRequest || p.Error != "invalid_grant" {
			t.Errorf("%s: refresh = %d %s, want invalid_grant", reason, p.status, p.Error)
		}
		wantError(t, a.get(w.authorizeURL("portal", "prompt", "none")), "login_required")
		p := late.submit(form, "personal_number", numberLevel1, "password", password)
		if p.status != http.StatusForbidden || strings.Contains(p.body, "QĐ-000") || strings.Contains(p.body, "cơ quan giả định") {
			t.Errorf("%s: what began before it = %d, want the page of a locked account, without requester and document", reason, p.status)
		}
		if _, claims := w.openLogoutToken(w.told[0].next()); claims["sub"] != got.claims["sub"] {
			t.Errorf("%s: logout token for %v, want %v", reason, claims["sub"], got.claims["sub"])
		}
		end := map[eid.LockReason]accounts.LockAct{eid.LockSelf: storetest.Self(), eid.LockTerms: storetest.Operator("BB-001")}[reason]
		if end.By == "" {
			end = lift
			end.Correction = reason.Terminal()
		}
		must(t, w.locks.Lift(t.Context(), w.people[numberLevel1], l.ID, end))
		w.pass(time.Second) // what is proved counts from after the lock
	}
}
