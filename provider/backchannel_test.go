package provider_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"eidgate/eid"
	"eidgate/provider"
	"eidgate/store/storetest"
)

// signedIn is one person's browser with tokens of portal.
func (w *world) signedIn(number string) (*agent, tokens) {
	w.t.Helper()
	a := w.browser()
	p := a.signIn(w.authorizeURL("portal"), number)
	if p.back == nil || p.back.Query().Get("code") == "" {
		w.t.Fatalf("no code: status %d\n%s", p.status, p.body)
	}
	got := w.redeem(p.back.Query().Get("code"))
	if got.status != http.StatusOK {
		w.t.Fatalf("redeem = %d %s, want 200", got.status, got.Error)
	}
	return a, got
}

// also signs the browser in to native without a question.
func (a *agent) also() tokens {
	a.w.t.Helper()
	p := a.get(a.w.authorizeURL("native", "prompt", "none"))
	got := a.w.redeem(p.back.Query().Get("code"), "client_id", "native", "redirect_uri", "http://127.0.0.1:5555/cb")
	if got.status != http.StatusOK {
		a.w.t.Fatalf("redeem at native = %d %s, want 200", got.status, got.Error)
	}
	return got
}

// logout signs out with a right hint.
func (a *agent) logout(idToken string) page {
	a.w.t.Helper()
	return a.get(a.w.logoutURL("id_token_hint", idToken))
}

func (w *world) logoutURL(params ...string) string {
	q := url.Values{}
	for i := 0; i < len(params); i += 2 {
		q.Set(params[i], params[i+1])
	}
	return w.server.URL + "/logout?" + q.Encode()
}

func TestLogoutToken(t *testing.T) {
	w := newWorld(t)
	w.notified()
	w.run(w.provider)
	a, got := w.signedIn(numberLevel1)
	native := a.also()
	a.logout(got.IDToken)

	header, claims := w.openLogoutToken(w.told[0].next())
	if header.Algorithm != "RS256" || header.ExtraHeaders["typ"] != "logout+jwt" || header.KeyID == "" {
		t.Errorf("header = %+v, want RS256, typ logout+jwt and a kid", header)
	}
	if jti, _ := claims["jti"].(string); len(jti) < 16 {
		t.Errorf("jti = %q, want a random one", jti)
	}
	delete(claims, "jti")
	now := float64(w.clock().Unix())
	want := map[string]any{
		"iss": w.server.URL, "aud": "portal", "sub": got.claims["sub"], "sid": got.claims["sid"], "iat": now, "exp": now + 120,
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
	}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Errorf("claims of the logout token (-want +got):\n%s", diff)
	}

	header, claims = w.openLogoutToken(w.told[1].next())
	if header.Algorithm != "ES256" || claims["aud"] != "native" || claims["sid"] != native.claims["sid"] {
		t.Errorf("native was told %v, want its own sid under its own algorithm", claims)
	}
	if got.claims["sid"] == native.claims["sid"] {
		t.Error("two parties share a sid")
	}
	w.eventually("an empty outbox", func() bool { return w.outbox.count() == 0 })
	w.told[0].none()
}

func TestLogoutTokenIsNoHintAndNoAccessToken(t *testing.T) {
	w := newWorld(t)
	w.notified()
	w.run(w.provider)
	a, got := w.signedIn(numberLevel1)
	a.logout(got.IDToken)
	token := w.told[0].next()
	if status, _, _ := w.userinfo("Bearer " + token); status != http.StatusUnauthorized {
		t.Errorf("userinfo with a logout token = %d, want 401", status)
	}
	b, other := w.signedIn(numberLevel1)
	b.get(w.logoutURL("id_token_hint", token))
	if status, _, _ := w.userinfo("Bearer " + other.AccessToken); status != http.StatusOK {
		t.Errorf("userinfo = %d after a logout with a logout token for hint, want 200", status)
	}
}

func TestDeadPartyIsRetriedAndDelaysNobody(t *testing.T) {
	w := newWorld(t)
	w.notified()
	w.told[0].stuck.Store(true)
	w.run(w.provider)
	for range 12 { // more than one party may occupy
		a, got := w.signedIn(numberLevel1)
		a.also()
		a.logout(got.IDToken)
	}
	for range 12 {
		w.told[1].next()
	}
	first := w.told[0].next()
	w.told[0].stuck.Store(false)
	w.told[0].server.CloseClientConnections()
	w.eventually("the failure on record", func() bool {
		for _, h := range w.provider.LogoutHealth() {
			if h.Client == "portal" && !h.LastFailure.IsZero() {
				return true
			}
		}
		return false
	})
	seen := []string{first}
	for w.outbox.count() > 0 {
		w.pass(time.Second)
		select {
		case token := <-w.told[0].got:
			if slices.Contains(seen, token) {
				t.Error("a token was sent twice; its jti counts once")
			}
			seen = append(seen, token)
		case <-time.After(20 * time.Millisecond):
		}
	}
	w.eventually("the recovery on record", func() bool {
		return slices.ContainsFunc(w.provider.LogoutHealth(), func(h provider.PartyHealth) bool {
			return h.Client == "portal" && h.Failures == 0 && !h.LastSuccess.IsZero()
		})
	})
}

func TestWhatCountsAsDelivered(t *testing.T) {
	for _, test := range []struct {
		status    int
		delivered bool
	}{
		{http.StatusOK, true}, {http.StatusNoContent, true},
		{http.StatusFound, false}, {http.StatusBadRequest, false}, {http.StatusInternalServerError, false}, {http.StatusNotFound, false},
	} {
		w := newWorld(t)
		w.notified()
		w.told[0].status.Store(int64(test.status))
		w.run(w.provider)
		a, got := w.signedIn(numberLevel1)
		a.logout(got.IDToken)
		w.told[0].next()
		failures := -1
		w.eventually("the outcome", func() bool {
			for _, h := range w.provider.LogoutHealth() {
				failures = h.Failures
			}
			return failures >= 0
		})
		if (failures == 0) != test.delivered {
			t.Errorf("answer %d: %d failures, want delivered = %v", test.status, failures, test.delivered)
		}
		if test.delivered {
			w.eventually("an empty outbox", func() bool { return w.outbox.count() == 0 })
		} else if w.outbox.count() != 1 {
			t.Errorf("answer %d: the notice is gone, want it kept", test.status)
		}
	}
}

func TestNoticesSurviveARestart(t *testing.T) {
	w := newWorld(t)
	w.notified()
	w.told[0].status.Store(http.StatusServiceUnavailable)
	stop := w.run(w.provider)
	a, got := w.signedIn(numberLevel1)
	a.logout(got.IDToken)
	w.told[0].next()
	stop()
	w.told[0].status.Store(http.StatusOK)
	w.pass(time.Minute)
	w.run(w.build())
	_, claims := w.openLogoutToken(w.told[0].next())
	if claims["sid"] != got.claims["sid"] {
		t.Errorf("sid = %v after the restart, want %v", claims["sid"], got.claims["sid"])
	}
	w.eventually("an empty outbox", func() bool { return w.outbox.count() == 0 })
}

// A process that dies in the middle of a call holds a lease, which ends.
func TestLeaseEnds(t *testing.T) {
	w := newWorld(t)
	w.notified()
	a, got := w.signedIn(numberLevel1)
	a.logout(got.IDToken)
	if notices, err := w.db.ClaimLogouts(t.Context(), w.clock(), 30*time.Second, 8); err != nil || len(notices) != 1 {
		t.Fatalf("ClaimLogouts() = %v, %v, want one", notices, err)
	}
	w.run(w.provider)
	w.told[0].none()
	w.pass(31 * time.Second)
	w.told[0].next()
}

func TestTwoProcessesTellOnce(t *testing.T) {
	w := newWorld(t)
	w.notified()
	const sessions = 20
	for range sessions {
		a, got := w.signedIn(numberLevel1)
		a.logout(got.IDToken)
	}
	w.run(w.provider)
	w.run(w.build())
	seen := map[any]bool{}
	for range sessions {
		_, claims := w.openLogoutToken(w.told[0].next())
		if seen[claims["sid"]] {
			t.Errorf("sid %v was told twice", claims["sid"])
		}
		seen[claims["sid"]] = true
	}
	w.eventually("an empty outbox", func() bool { return w.outbox.count() == 0 })
	w.told[0].none()
}

func TestNoticeIsGivenUpAfterADay(t *testing.T) {
	w := newWorld(t)
	w.notified()
	w.told[0].status.Store(http.StatusInternalServerError)
	a, got := w.signedIn(numberLevel1)
	a.logout(got.IDToken)
	w.pass(24 * time.Hour)
	w.run(w.provider)
	w.told[0].next()
	w.eventually("an empty outbox", func() bool { return w.outbox.count() == 0 })
	w.told[0].none()
}

func TestBackchannelReachesNoInnerAddress(t *testing.T) {
	w := newWorld(t)
	inner := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("an inner address was called") }))
	t.Cleanup(inner.Close)
	w.registerWith(func(rp *eid.RelyingParty) { rp.Logout.BackchannelURI = inner.URL + "/" })
	w.run(w.provider)
	a, got := w.signedIn(numberLevel1)
	a.logout(got.IDToken)
	w.eventually("the refusal", func() bool { return len(w.provider.LogoutHealth()) == 1 })
	if h := w.provider.LogoutHealth()[0]; h.Failures != 1 || !h.LastSuccess.IsZero() {
		t.Errorf("health = %+v, want a failure", h)
	}
}

func TestLockTellsParties(t *testing.T) {
	w := newWorld(t)
	w.notified()
	w.run(w.provider)
	a, got := w.signedIn(numberLevel1)
	a.also()
	_, err := w.locks.Set(t.Context(), w.people[numberLevel1], eid.LockSelf, storetest.Self())
	must(t, err)
	if status, _, _ := w.userinfo("Bearer " + got.AccessToken); status != http.StatusUnauthorized {
		t.Errorf("userinfo = %d after the lock, want 401", status)
	}
	_, claims := w.openLogoutToken(w.told[0].next())
	if _, has := claims["sid"]; has || claims["sub"] != got.claims["sub"] {
		t.Errorf("portal was told %v, want the subject %v and no sid: all sessions end", claims, got.claims["sub"])
	}
	w.told[1].next()
	w.eventually("no event left", func() bool {
		events, err := w.db.PendingEvents(t.Context(), 10)
		must(t, err)
		return len(events) == 0
	})
}

func TestEndedLinkTellsParties(t *testing.T) {
	w := newWorld(t)
	w.notified()
	w.run(w.provider)
	link, err := w.accounts.Link(t.Context(), eid.Link{Account: w.people[numberLevel1], Source: "upstream", Cap: eid.Level1}, "synthetic", "evidence", "operator:test")
	must(t, err)
	_, got := w.signedIn(numberLevel1)
	must(t, w.accounts.EndLink(t.Context(), link.ID, "operator:test"))
	_, claims := w.openLogoutToken(w.told[0].next())
	if claims["sub"] != got.claims["sub"] {
		t.Errorf("portal was told of %v, want %v", claims["sub"], got.claims["sub"])
	}
}
