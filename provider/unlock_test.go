package provider_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/store/sqlstore"
	"eidgate/store/storetest"
)

// locksOf are the locks in force of a person.
func (w *world) locksOf(number string) []eid.Lock {
	w.t.Helper()
	a, err := w.db.Account(w.t.Context(), w.people[number])
	must(w.t, err)
	return a.Locks
}

func (w *world) selfLock(number string) {
	w.t.Helper()
	_, err := w.locks.Set(w.t.Context(), w.people[number], eid.LockSelf, storetest.Self())
	must(w.t, err)
	w.pass(time.Second) // what is proved counts from after it
}

const offersUnlock = `value="unlock"`

// TestRow30HolderUndoesTheOwnLock: the page that refuses offers it after the right
// password; the password alone undoes nothing where there is a second factor; with both
// the account is unlocked, signed in and the audit says how it was proved.
func TestRow30HolderUndoesTheOwnLock(t *testing.T) {
	w := newWorld(t)
	w.selfLock(numberLevel2)
	a := w.browser()
	p := a.signIn(w.authorizeURL("portal"), numberLevel2)
	wantPage(t, p, http.StatusForbidden, "Quý vị đã tự khóa tài khoản này.", offersUnlock)

	p = a.submit(p, "action", "unlock")
	wantPage(t, p, http.StatusOK, `name="password"`)
	wrong := a.submit(p, "personal_number", numberLevel2, "password", "sai mat khau")
	wantPage(t, wrong, http.StatusUnprocessableEntity, `name="password"`)
	p = a.submit(wrong, "personal_number", numberLevel2, "password", password)
	wantPage(t, p, http.StatusOK, `name="code"`)
	if len(w.locksOf(numberLevel2)) != 1 {
		t.Fatal("the password alone undid the lock")
	}
	bad := a.submit(p, "code", "000000")
	if len(w.locksOf(numberLevel2)) != 1 {
		t.Fatal("a wrong code undid the lock")
	}
	p = a.share(a.submit(bad, "code", w.code()))
	if p.back == nil || p.back.Query().Get("code") == "" {
		t.Fatalf("after every proof: %d, want a code", p.status)
	}
	if got := w.locksOf(numberLevel2); len(got) != 0 {
		t.Errorf("locks = %v, want none", got)
	}
	rows, err := w.db.Audit(t.Context(), sqlstore.AuditFilter{Account: w.people[numberLevel2], Action: eid.ActionAccountUnlocked})
	must(t, err)
	if len(rows) != 1 || rows[0].Actor != "holder" || rows[0].Ref == "" || !strings.Contains(string(rows[0].Detail), `"proof":"pwd otp"`) {
		t.Errorf("audit = %+v, want the end of the lock by pwd and otp", rows)
	}
}

// TestRow30OnlyTheOwnLock: another lock keeps the account locked, and offers nothing; one
// that comes while the holder proves stays.
func TestRow30OnlyTheOwnLock(t *testing.T) {
	for _, reason := range eid.LockReasons()[1:] {
		w := newWorld(t)
		act := storetest.Authority("QĐ-1")
		if reason == eid.LockTerms {
			act = storetest.Operator("BB-1")
		}
		lock := func() {
			_, err := w.locks.Set(t.Context(), w.people[numberLevel1], reason, act)
			must(t, err)
		}
		w.selfLock(numberLevel1)
		under := w.browser()
		offered := under.signIn(w.authorizeURL("portal"), numberLevel1)
		wantPage(t, offered, http.StatusForbidden, offersUnlock)
		form := under.submit(offered, "action", "unlock")
		lock()
		p := under.submit(form, "personal_number", numberLevel1, "password", password)
		if p.status != http.StatusForbidden || strings.Contains(p.body, offersUnlock) || len(w.locksOf(numberLevel1)) != 2 {
			t.Errorf("%s came meanwhile: %d with %d locks, want 403 without the offer, both in force", reason, p.status, len(w.locksOf(numberLevel1)))
		}
		both := w.browser()
		p = both.signIn(w.authorizeURL("portal"), numberLevel1)
		if p.status != http.StatusForbidden || strings.Contains(p.body, offersUnlock) {
			t.Errorf("%s beside: %d, want 403 without the offer", reason, p.status)
		}
		// Asked for all the same, it is no act of this page.
		both.submit(p, "action", "unlock")
		p = both.get(w.authorizeURL("portal"))
		p = both.submit(p, "action", "unlock", "personal_number", numberLevel1, "password", password)
		if len(w.locksOf(numberLevel1)) != 2 {
			t.Errorf("%s: a forged act left %d locks (%d), want both", reason, len(w.locksOf(numberLevel1)), p.status)
		}
	}
}

// TestUnlockWithPasswordAlone: who has no other factor proves that one, at this very
// sign-in; an offer does not outlive its login.
func TestUnlockWithPasswordAlone(t *testing.T) {
	w := newWorld(t)
	w.selfLock(numberLevel1)
	a := w.browser()
	offered := a.signIn(w.authorizeURL("portal"), numberLevel1)
	form := a.submit(offered, "action", "unlock")
	w.pass(11 * time.Minute)
	if p := a.submit(form, "personal_number", numberLevel1, "password", password); len(w.locksOf(numberLevel1)) != 1 {
		t.Errorf("a login that ended undid the lock: %d", p.status)
	}
	// A sign-in that did not ask for it undoes nothing.
	b := w.browser()
	offered = b.signIn(w.authorizeURL("portal"), numberLevel1)
	wantPage(t, offered, http.StatusForbidden, offersUnlock)
	if len(w.locksOf(numberLevel1)) != 1 {
		t.Error("a sign-in undid the lock")
	}
	form = b.submit(offered, "action", "unlock")
	p := b.share(b.submit(form, "personal_number", numberLevel1, "password", password))
	if p.back == nil || p.back.Query().Get("code") == "" || len(w.locksOf(numberLevel1)) != 0 {
		t.Errorf("after the proof: %d with %d locks, want a code and none", p.status, len(w.locksOf(numberLevel1)))
	}
}

// TestUnlockProvesOnePerson: proving somebody else's account undoes nothing of the first.
func TestUnlockProvesOnePerson(t *testing.T) {
	w := newWorld(t)
	w.selfLock(numberLevel2)
	a := w.browser()
	form := a.submit(a.signIn(w.authorizeURL("portal"), numberLevel2), "action", "unlock")
	a.submit(form, "personal_number", numberLevel1, "password", password)
	if len(w.locksOf(numberLevel2)) != 1 {
		t.Error("another's password undid the lock")
	}
}
