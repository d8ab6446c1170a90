package provider_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/civil"
	"eidgate/federation"
	"eidgate/provider"
)

// transition is a crossroads whose legacy provider is the old accounts of the first
// party, which have to be verified by a day. The population registry knows everybody.
type transition struct {
	*crossroads
	verifyBy time.Time
}

func newTransition(t *testing.T) *transition {
	t.Helper()
	var people []civil.Person
	for _, p := range []person{thu, cau, nobody} {
		number, err := eid.ParsePersonalNumber(p.number)
		must(t, err)
		born, err := civil.ParseDate(p.said.BirthDate)
		must(t, err)
		people = append(people, civil.Person{Number: number, Name: p.said.Name, BirthDate: born})
	}
	w := newWorldWith(t, func(_ *provider.Config, d *provider.Deps) { d.Registry = civil.NewSynthetic(people) })
	tr := &transition{verifyBy: w.clock().AddDate(0, 0, 90)}
	tr.crossroads = crossroadsOf(t, w, func(old, _ *eid.Source) {
		old.Kind, old.Linking = federation.KindPortal, &eid.Linking{Cap: eid.Level1}
		old.Portal = &eid.Portal{Client: "portal", Sector: "portal", VerifyBy: tr.verifyBy, Unverified: true}
	})
	tr.links(sourceMPS, thu, eid.Level2)
	tr.links(sourceMPS, cau, eid.Level2)
	return tr
}

// imports brings old accounts, as files of one row each would. A login name is that of
// X; the person is as the portal knows them.
func (tr *transition) imports(login string, is person) {
	tr.t.Helper()
	number, err := eid.ParsePersonalNumber(is.number)
	must(tr.t, err)
	born, err := civil.ParseDate(is.said.BirthDate)
	must(tr.t, err)
	ctx, at := tr.t.Context(), accounts.Place{Source: sourceOld, Sector: "portal"}
	importer := accounts.NewImporter(tr.db, tr.clock)
	i, err := importer.Begin(ctx, accounts.Import{}, sourceOld, [32]byte([]byte((login + strings.Repeat(" ", 32))[:32])), false, "operator:test")
	must(tr.t, err)
	rows := []accounts.OldAccount{{Login: login, Number: number, Name: is.said.Name, BirthDate: born.String()}}
	staged, err := importer.Stage(ctx, at, rows, nil)
	must(tr.t, err)
	after := i
	after.Rows = len(rows)
	_, err = importer.Write(ctx, at, i, &after, staged)
	must(tr.t, err)
}

// state is where an old account stands.
func (tr *transition) state(login string) eid.ImportedState {
	tr.t.Helper()
	i, err := tr.db.Imported(tr.t.Context(), sourceOld, login)
	must(tr.t, err)
	return i.State
}

// comesOld signs in with an old account, in a browser of its own.
func (tr *transition) comesOld(x person, more ...string) (*agent, page) {
	tr.t.Helper()
	a := tr.browser()
	p := a.get(tr.asks("portal"))
	if p.at() == "" {
		p = a.submit(p, "source", sourceOld)
	}
	return a, a.proves(p, x, "1", more...)
}

// later goes on without verifying, and redeems.
func (tr *transition) later(a *agent, p page) tokens {
	tr.t.Helper()
	if strings.Contains(p.body, `value="later"`) {
		p = a.submit(p, "action", "later")
	}
	if p.code() == "" {
		tr.t.Fatalf("no code: %d, back %v\n%s", p.status, p.back, p.body)
	}
	return tr.redeem(p.code())
}

// verifies goes on from a page that leads to the national identity, and confirms.
func (tr *transition) verifies(a *agent, p page, action string, x, holder person, more ...string) page {
	tr.t.Helper()
	p = a.submit(p, "action", action)
	if p.at() == sourceOld { // the old side is proved anew
		p = a.proves(p, x, "1", more...)
	}
	p = a.proves(p, holder, "2")
	wantPage(tr.t, p, http.StatusOK, titleConfirmLink)
	return a.submit(p, "action", "link")
}

// TestRow35: accounts that a portal made before the national identity are brought in,
// and wait to be verified against it before a day. Until then they go on at Level 1;
// from that day on one that was not verified is refused everywhere, with the way to
// verify it, and one that was goes on without a break.
func TestRow35(t *testing.T) {
	tr := newTransition(t)
	tr.imports("old-thu", thu)
	tr.imports("old-cau", cau)
	for _, login := range []string{"old-thu", "old-cau"} {
		if got := tr.state(login); got != eid.ImportedWaiting {
			t.Errorf("%s is %s after the import, want %s", login, got, eid.ImportedWaiting)
		}
	}

	slow, p := tr.comesOld(thu)
	wantPage(t, p, http.StatusOK, "ngừng dùng từ "+tr.verifyBy.In(time.FixedZone("+07", 7*60*60)).Format("02/01/2006"))
	unverified := tr.later(slow, p)
	if unverified.claims["acr"] != acrLevel1 {
		t.Errorf("acr before it is verified = %v, want %s", unverified.claims["acr"], acrLevel1)
	}
	quick, p := tr.comesOld(cau)
	kept := tr.later(quick, p)
	// A week later one of the two verifies, and is who she was at the portal.
	tr.pass(8 * 24 * time.Hour)
	quick, p = tr.comesOld(cau)
	verified := tr.redeem(tr.verifies(quick, p, "verify", cau, cau).code())
	if verified.claims["sub"] != kept.claims["sub"] || tr.state("old-cau") != eid.ImportedVerified {
		t.Errorf("sub %v in state %s, want %v verified", verified.claims["sub"], tr.state("old-cau"), kept.claims["sub"])
	}
	if account, _ := tr.linkedTo(cau, ""); account != cau.account(tr.world) {
		t.Error("the old account is not linked to the national identity")
	}

	tr.pass(tr.verifyBy.Sub(tr.clock()) - 2*time.Minute)
	slow, p = tr.comesOld(thu)
	unverified = tr.later(slow, p)
	quick, p = tr.comesOld(cau)
	if p.code() == "" {
		t.Fatalf("the verified one is shown a page: %d\n%s", p.status, p.body)
	}
	verified = tr.redeem(p.code())
	for _, at := range []time.Duration{-time.Second, 0, time.Second} {
		tr.pass(tr.verifyBy.Add(at).Sub(tr.clock()))
		open := at < 0
		if got := tr.active(unverified.AccessToken); got != open {
			t.Errorf("%v: the unverified token is active %v, want %v", at, got, open)
		}
		if got := tr.backChannel("/introspect", tokenForm(unverified.AccessToken), asPortal).json["active"]; got != open {
			t.Errorf("%v: introspection of it says %v, want %v", at, got, open)
		}
		if got := tr.silent(slow, "portal"); got.Has("code") != open {
			t.Errorf("%v: its session gives %v, want a code %v", at, got, open)
		}
		if !tr.active(verified.AccessToken) || !tr.silent(quick, "portal").Has("code") {
			t.Errorf("%v: the verified one is interrupted", at)
		}
		if _, p := tr.comesOld(cau); p.code() == "" {
			t.Errorf("%v: the verified one is shown %d\n%s", at, p.status, p.body)
		}
	}
	if got := tr.refresh(unverified.RefreshToken); got.Error != "invalid_grant" {
		t.Errorf("refresh of the unverified one = %d %s, want invalid_grant", got.status, got.Error)
	}
	if got := tr.refresh(verified.RefreshToken); got.status != http.StatusOK {
		t.Errorf("refresh of the verified one = %d %s, want it to go on", got.status, got.Error)
	}

	slow, p = tr.comesOld(thu)
	wantPage(t, p, http.StatusOK, "Tài khoản cũ cần xác minh", "Việc cần làm", `value="link"`)
	first := unverified.claims["sub"]
	late := tr.redeem(tr.verifies(slow, p, "link", thu, thu).code())
	if late.claims["sub"] != first || tr.state("old-thu") != eid.ImportedVerified {
		t.Errorf("verified late: sub %v in state %s, want %v verified", late.claims["sub"], tr.state("old-thu"), first)
	}
}

// TestPrehijackImportedAccount: the first two ways, by an old account of a portal that
// has the victim's number, name and birth date, and whose password the attacker has.
func TestPrehijackImportedAccount(t *testing.T) {
	t.Run("classic-federated merge", func(t *testing.T) {
		tr := newTransition(t)
		const prepared = "old-cau-prepared"
		tr.imports(prepared, thu)
		more := []string{"another", "-prepared", "says", thu.name}
		a, p := tr.comesOld(cau, more...)
		hers := tr.later(a, p)
		if _, _, info := tr.userinfo("Bearer " + hers.AccessToken); info["name"] != nil || info["eid_personal_number"] != nil {
			t.Errorf("userinfo = %v, want nothing of the victim", info)
		}
		victim := tr.nationally(tr.browser(), thu)
		if victim.claims["sub"] == hers.claims["sub"] {
			t.Fatal("the victim landed in the prepared account")
		}
		tr.pass(8 * 24 * time.Hour)
		a, p = tr.comesOld(cau, more...)
		if again := tr.later(a, p); again.claims["sub"] != hers.claims["sub"] {
			t.Errorf("the prepared account is now %v", again.claims["sub"])
		}
		// Nor can she verify it as herself.
		tr.pass(8 * 24 * time.Hour)
		a, p = tr.comesOld(cau, more...)
		p = tr.verifies(a, p, "verify", cau, cau, more...)
		wantPage(t, p, http.StatusForbidden, saysConflict)
		if got := tr.state(prepared); got == eid.ImportedVerified {
			t.Error("the prepared account is verified")
		}
	})
	t.Run("unexpired session", func(t *testing.T) {
		tr := newTransition(t)
		tr.imports("old-thu", thu)
		victim, p := tr.comesOld(thu)   // who reads the page, while
		attacker, q := tr.comesOld(thu) // somebody else signs in with the password of then
		kept := tr.later(attacker, q)
		if !tr.active(kept.AccessToken) || !tr.silent(attacker, "portal").Has("code") {
			t.Fatal("there is nothing to end")
		}
		verified := tr.redeem(tr.verifies(victim, p, "verify", thu, thu).code())
		if tr.active(kept.AccessToken) || tr.refresh(kept.RefreshToken).Error != "invalid_grant" {
			t.Error("what the attacker got lives after the victim verified")
		}
		if got := tr.silent(attacker, "portal"); got.Has("code") {
			t.Errorf("the attacker's session gives %v after the victim verified", got)
		}
		if !tr.active(verified.AccessToken) {
			t.Error("the victim's token is dead")
		}
	})
}
