package main_test

import "testing"

// user finds a user of the old portal by what to type.
func (d *demoRun) user(t *testing.T, name string) signInReport {
	t.Helper()
	return d.at(t, sourceLegacy, name)
}

// at finds somebody who can sign in at a source by what to type.
func (d *demoRun) at(t *testing.T, source, name string) signInReport {
	t.Helper()
	for _, s := range d.Sources {
		for _, a := range s.Accounts {
			if s.ID == source && a.Username == name {
				return a
			}
		}
	}
	t.Fatalf("no user %s at %s", name, source)
	return signInReport{}
}

func TestLegacySignInAtLevel1(t *testing.T) {
	d := sharedDemo(t)
	portal, a, who := d.party(t, "portal-1"), d.browser(t), d.user(t, "nguoi-dung-cu")
	r := portal.request()
	got := portal.redeem(r, a.legacy(a.get(r.address), sourceLegacy, who.Username, who.Password))
	if got.ACR != acr1 {
		t.Errorf("acr = %s, want %s", got.ACR, acr1)
	}
	info, err := portal.userinfo(got.access)
	must(t, err)
	if info["eid_source"] != sourceLegacy || info["name"] != "Dương Thị Cũ" {
		t.Errorf("userinfo has source %v and name %v, want the linked holder through %s", info["eid_source"], info["name"], sourceLegacy)
	}
	// The holder was verified at level 1 only: no way leads to the second portal.
	portal2 := d.party(t, "portal-2")
	r = portal2.request()
	p := a.get(r.address)
	if p.status != 403 || p.title() != "Chưa đủ mức định danh" {
		t.Fatalf("page is %d %q, want the refusal", p.status, p.title())
	}
	portal2.refused(r, a.press(p, "action", "cancel"), "unmet_authentication_requirements")
	if again := portal.silent(a); again.Subject != got.Subject {
		t.Errorf("the refusal changed the session")
	}
}

// TestLegacyUserWhomNobodyKnows: at a source whose holders link nothing themselves.
func TestLegacyUserWhomNobodyKnows(t *testing.T) {
	d := sharedDemo(t)
	portal, a, who := d.party(t, "portal-1"), d.browser(t), d.at(t, sourceLDAP, "thu-vien-2")
	r := portal.request()
	p := a.through(a.get(r.address), sourceLDAP, who)
	if p.status != 403 || p.title() != "Chưa thể liên kết" {
		t.Fatalf("page is %d %q, want not linked", p.status, p.title())
	}
	// Another way may be tried in the same login.
	p = a.press(p, "action", "other_sources")
	portal.redeem(r, a.fill(p, d.account("002"))).wants(t, acr1, "pwd")

	a = d.browser(t)
	r = portal.request()
	p = a.through(a.get(r.address), sourceLDAP, who)
	portal.refused(r, a.press(p, "action", "cancel"), "access_denied")
}

// TestStepUpAfterLegacy: a session from the legacy provider rises only by the
// whole proof of the built-in account system. A one-time code alone says nothing
// of who gave the first factor elsewhere.
func TestStepUpAfterLegacy(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	portal1, portal2, a := d.party(t, "portal-1"), d.party(t, "portal-2"), d.browser(t)
	who, user := d.account("001"), d.user(t, "nguoi-dung-moi")
	r := portal1.request()
	first := portal1.redeem(r, a.legacy(a.get(r.address), sourceLegacy, user.Username, user.Password))
	if first.ACR != acr1 {
		t.Fatalf("acr = %s, want %s", first.ACR, acr1)
	}

	r = portal2.request()
	p := a.press(a.get(r.address), "action", "step_up")
	if !p.offers("password", "") || p.offers("code", "") {
		t.Fatalf("page is %q, want the form of the password", p.title())
	}
	for _, fields := range [][]string{
		{"code", d.code(who.TOTPSecret)},
		{"code", d.code(who.TOTPSecret), "personal_number", who.PersonalNumber},
		{"code", d.code(who.TOTPSecret), "personal_number", who.PersonalNumber, "password", "sai"},
	} {
		form := p.hidden()
		for i := 0; i < len(fields); i += 2 {
			form.Set(fields[i], fields[i+1])
		}
		if got := a.post(d.Issuer+"/login", form); got.back != nil || !got.offers("password", "") {
			t.Fatalf("a code without the password leads to %d %q, %v", got.status, got.title(), got.back)
		}
	}
	r2 := portal2.request("prompt", "none")
	portal2.refused(r2, a.get(r2.address), "interaction_required")

	p = a.submit(p, "personal_number", who.PersonalNumber, "password", who.Password)
	if p.back != nil || !p.offers("code", "") {
		t.Fatalf("after the password: %d %q, %v, want the code's form", p.status, p.title(), p.back)
	}
	// None of the codes above was evaluated, so none was used up.
	portal2.redeem(r, a.submit(p, "code", totpAt(who.TOTPSecret, d.now()))).wants(t, acr2, "pwd", "otp")
	if again := portal1.silent(a); again.Subject != first.Subject {
		t.Errorf("sub at the other portal = %s, want %s as before", again.Subject, first.Subject)
	}
}

func TestStepUpAsAnotherPersonChangesNothing(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	portal1, portal2, a := d.party(t, "portal-1"), d.party(t, "portal-2"), d.browser(t)
	user := d.user(t, "nguoi-dung-moi")
	r := portal1.request()
	first := portal1.redeem(r, a.legacy(a.get(r.address), sourceLegacy, user.Username, user.Password))

	r = portal2.request()
	p := a.fill(a.press(a.get(r.address), "action", "step_up"), d.account("005"))
	if p.title() != "Tài khoản này là của người khác" {
		t.Fatalf("page is %d %q, %v, want that it is somebody else", p.status, p.title(), p.back)
	}
	if again := portal1.silent(a); again.Subject != first.Subject || again.AuthTime != first.AuthTime {
		t.Errorf("the session changed: sub %s at %d, want %s at %d", again.Subject, again.AuthTime, first.Subject, first.AuthTime)
	}
	p = a.press(p, "action", "retry")
	got := portal2.redeem(r, a.fill(p, d.account("001")))
	got.wants(t, acr2, "pwd", "otp")
	if again := portal1.silent(a); again.Subject != first.Subject {
		t.Errorf("sub at the other portal = %s, want %s as before", again.Subject, first.Subject)
	}
}
