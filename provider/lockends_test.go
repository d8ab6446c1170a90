package provider_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/store/storetest"
)

// TestLockEndsWhatWasGivenBefore: whoever has a session, a code or tokens of before a lock
// has nothing of it again once the lock is lifted, by the holder or by who set it.
func TestLockEndsWhatWasGivenBefore(t *testing.T) {
	for _, reason := range []eid.LockReason{eid.LockSelf, eid.LockAuthority} {
		w := newWorld(t)
		w.alsoRefreshing("portal")
		stolen := w.browser()
		got := w.redeem(stolen.signIn(w.authorizeURL("portal"), numberLevel1).code())
		unused := stolen.get(w.authorizeURL("portal", "prompt", "none")).code()
		waits := w.browser()
		form := waits.get(w.authorizeURL("portal"))
		if !w.active(got.AccessToken) || unused == "" {
			t.Fatal("nobody is signed in")
		}
		w.pass(time.Second)
		if reason == eid.LockSelf {
			w.selfLock(numberLevel1)
			a := w.browser()
			refused := a.signIn(w.authorizeURL("portal"), numberLevel1)
			offered := a.submit(refused, "action", "unlock")
			if says := "Sau khi Quý vị đăng nhập xong, tài khoản được mở khóa."; strings.Contains(form.body, says) || !strings.Contains(offered.body, says) {
				t.Errorf("%s: the sign-in that unlocks does not say so, or another one does", reason)
			}
			if p := a.submit(offered, "personal_number", numberLevel1, "password", password); !w.active(w.redeem(p.code()).AccessToken) {
				t.Errorf("%s: who undid it is not signed in: %d, %v", reason, p.status, p.back)
			}
		} else {
			l, err := w.locks.Set(t.Context(), w.people[numberLevel1], reason, storetest.Authority("QĐ-1"))
			must(t, err)
			w.pass(time.Second)
			must(t, w.locks.Lift(t.Context(), w.people[numberLevel1], l.ID, storetest.Authority("QĐ-2")))
		}
		if len(w.locksOf(numberLevel1)) != 0 {
			t.Fatalf("%s: it is locked still", reason)
		}
		if status, _, _ := w.userinfo("Bearer " + got.AccessToken); status != http.StatusUnauthorized {
			t.Errorf("%s: userinfo answers %d for a token of before, want 401", reason, status)
		}
		if w.backChannel("/introspect", url.Values{"token": {got.AccessToken}}, asPortal).json["active"] == true {
			t.Errorf("%s: a token of before is active", reason)
		}
		if again := w.refresh(got.RefreshToken); again.Error != "invalid_grant" {
			t.Errorf("%s: refreshing with a token of before: %d %s, want invalid_grant", reason, again.status, again.Error)
		}
		if late := w.redeem(unused); late.Error != "invalid_grant" {
			t.Errorf("%s: redeeming a code of before: %d %s, want invalid_grant", reason, late.status, late.Error)
		}
		if p := stolen.get(w.authorizeURL("portal", "prompt", "none")); p.back == nil || p.back.Query().Get("error") != "login_required" {
			t.Errorf("%s: the session of before answers %v, want login_required", reason, p.back)
		}
		// A form of before that proves all of it now is a sign-in of now.
		if p := waits.share(waits.submit(form, "personal_number", numberLevel1, "password", password)); p.code() == "" {
			t.Errorf("%s: signing in anew: %d, want a code", reason, p.status)
		}
	}
}
