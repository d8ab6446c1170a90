package provider_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
)

// Begun with the password of before, finished with a right code after the password was
// changed: it is begun again, and the code opens nothing.
func TestBegunBeforeAChangeOfPassword(t *testing.T) {
	w := newWorld(t)
	a := w.browser()
	p := a.submit(a.get(w.authorizeURL("high")), "personal_number", numberLevel2, "password", password)
	if !strings.Contains(p.body, `name="code"`) {
		t.Fatalf("no code is asked for: status %d", p.status)
	}
	holder, err := w.db.Account(t.Context(), w.people[numberLevel2])
	must(t, err)
	hash, err := w.db.PasswordHash(t.Context(), holder.ID)
	must(t, err)
	w.pass(time.Second)
	act := accounts.Act{Actor: "holder", Ref: "r"}
	must(t, accounts.NewCredentials(w.db, w.clock).SetPassword(t.Context(), holder.ID, accounts.PasswordChange{Act: act, PasswordHash: hash, Expected: hash}))

	p = a.submit(p, "code", w.code())
	if p.back != nil || !strings.Contains(p.body, `name="personal_number"`) {
		t.Errorf("finished: status %d, back %v, want the first form again", p.status, p.back)
	}
	p = a.submit(p, "personal_number", numberLevel2, "password", password)
	if p = a.share(a.submit(p, "code", w.code())); p.back == nil || p.back.Query().Get("code") == "" {
		t.Errorf("begun again: status %d, back %v, want a code\n%s", p.status, p.back, p.body[strings.Index(p.body, "<main"):])
	}
}

// Somebody signed in to an account that its true holder then has renewed at a counter and
// activates: no session and no token of before comes back to life.
func TestRow22NothingOfBeforeARenewalComesBack(t *testing.T) {
	w := newWorld(t)
	impostor := w.browser()
	p := impostor.signIn(w.authorizeURL("portal"), numberLevel1)
	if p.back == nil {
		t.Fatalf("no sign-in: status %d", p.status)
	}
	got := w.redeem(p.back.Query().Get("code"))
	before, err := w.db.Account(t.Context(), w.people[numberLevel1])
	must(t, err)
	w.pass(time.Second)
	now := w.clock()
	enrolled, err := accounts.NewEnroller(w.db, w.clock).Enrol(t.Context(), accounts.Enrolment{
		Person: before.Person, Phone: eid.Contact{Value: "+84912345678"}, Level: eid.Level2, Replace: true,
		FirstPasswordHash: "$argon2id$first", FirstPasswordUntil: now.Add(time.Hour), Rules: "decree-69-2024", Actor: "officer:o", Ref: "r",
		Evidence: []eid.Evidence{
			{Kind: eid.EvidenceRegistry, Database: eid.Population, At: now}, {Kind: eid.EvidenceCard, Database: eid.CitizenCard, Officer: "o", At: now},
			{Kind: eid.EvidenceBiometric, Method: eid.Portrait, Database: eid.Population, Reference: "m", Officer: "o", At: now},
			{Kind: eid.EvidenceConfirmation, Officer: "o", At: now},
		},
	})
	must(t, err)
	if enrolled.Account != before.ID || !enrolled.Raised {
		t.Fatalf("Enrol() = %s, raised %t, want the account of before, raised", enrolled.Account, enrolled.Raised)
	}
	barred := func(when string) {
		t.Helper()
		if status, _, _ := w.userinfo("Bearer " + got.AccessToken); status != http.StatusUnauthorized {
			t.Errorf("%s: userinfo answers %d, want 401", when, status)
		}
		p := impostor.get(w.authorizeURL("portal", "prompt", "none"))
		if p.back == nil || p.back.Query().Get("error") != "login_required" {
			t.Errorf("%s: the session answers %v, want login_required", when, p.back)
		}
	}
	barred("while it waits")
	act := accounts.Act{Actor: "holder", Ref: "r"}
	must(t, accounts.NewCredentials(w.db, w.clock).Activate(t.Context(), before.ID, accounts.Activation{
		Act: act, PasswordHash: "$argon2id$own", Proved: "+84912345678", FirstPasswordHash: "$argon2id$first",
	}))
	barred("once it is activated")
}
