//go:build interop

package interop_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const acr1 = "urn:vn:eid:level:1"

// upstream is a provider of another maker as a source of the gateway, with a
// relying party of its own that uses no other source.
type upstream struct {
	id, kind string                   // at the gateway
	provider func(*gateway) *provider // nil where the gateway itself asks for the password
	settings func(*gateway) map[string]any
	rp       *registration
	// reconcile is what has to agree with it; empty for the population registry.
	reconcile string
	// subject is what the source calls a resident, if not the login name.
	subject      func(*testing.T, *resident) string
	ownPasswords bool
	// for the report
	software, protocol, level, notes string
}

// upstreams are all sources of other makers, in the order of the report.
var upstreams = func() func() []*upstream {
	list := []*upstream{
		{
			id: "lemon-oidc", kind: "openid", provider: lemon, settings: lemonOpenID, reconcile: "link",
			software: "LemonLDAP::NG", protocol: "OpenID Connect", level: "`acr`",
			notes: "`acr: {loa-1: 1, loa-2: 2}`, from its levels of authentication; it tells of a logout by the front channel only, which the gateway does not hear",
		},
		{
			id: "lemon-saml", kind: "saml", provider: lemon, settings: lemonSAML,
			software: "LemonLDAP::NG", protocol: "SAML 2.0", level: "`AuthnContextClassRef`",
			notes: "`samlAuthnContextMapPassword` and `…PasswordProtectedTransport` name its levels of authentication; persistent NameIDs; a logout there comes in a frame of another site, without cookies of the gateway",
		},
		{
			id: "lemon-cas", kind: "cas", provider: lemon, settings: lemonCAS,
			software: "LemonLDAP::NG", protocol: "CAS 3", level: "attribute",
			notes: "`casAppMetaDataExportedVars` names the level, and `_lastAuthnUTime` as `authenticationDate`, without which the gateway believes no answer; `casBackChannelSingleLogout`",
		},
		{
			id: "simplesaml", kind: "saml", provider: simpleSAML, settings: simpleSAMLSettings,
			software: "SimpleSAMLphp", protocol: "SAML 2.0", level: "attribute",
			notes: "`binding: post`; assertions are signed and encrypted (`assertion.encryption`); `saml:AttributeNameID` makes persistent NameIDs",
		},
	}
	list = append(list, served()...)
	for _, u := range list {
		u.rp = library("at-"+u.id, "client_secret_basic", "query", "ES256")
		u.rp.sources = []string{u.id}
	}
	return func() []*upstream { return list }
}()

func upstreamOf(id string) *upstream {
	for _, u := range upstreams() {
		if u.id == id {
			return u
		}
	}
	panic("no source " + id)
}

// makeUpstreams gives the providers their addresses and keys.
func (g *gateway) makeUpstreams() (err error) {
	if g.lemon, err = newProvider(g.dir, "lemonldap"); err != nil {
		return err
	}
	g.lemon.renamed("localhost") // its cookie is for .localhost
	if g.simpleSAML, err = newProvider(g.dir, "simplesamlphp"); err != nil {
		return err
	}
	g.samlKeys = filepath.Join(g.dir, "saml.pem")
	cmd := exec.Command(filepath.Join(root, "bin", "eidgate"), "sources", "keypair", "--out", g.samlKeys, "--name", "gateway of a test")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("making the gateway's keys for SAML: %w\n%s", err, out)
	}
	return nil
}

// cancel gives up at a page of the gateway.
func (b *browser) cancel(p page) page {
	b.t.Helper()
	for _, f := range p.forms() {
		for _, button := range f.buttons {
			if button.value == "cancel" {
				f.fields.Set(button.name, button.value)
				return b.through(b.submit(p, f), nil)
			}
		}
	}
	b.t.Fatalf("%s = %d has nothing to cancel; pages before it: %q\n%.600s", p.address.Redacted(), p.status, p.way, p.body)
	return p
}

// link ties what the source calls a resident to the resident's account.
func (u *upstream) link(t *testing.T, who *resident) {
	t.Helper()
	raw, err := json.Marshal(map[string]any{
		"personal_number": who.Number, "source": u.id, "subject": u.subjectOf(t, who), "level": 2, "evidence": "synthetic person of a test",
	})
	must(t, err)
	cmd := exec.CommandContext(t.Context(), filepath.Join(root, "bin", "eidgate"),
		"accounts", "link", "--config", filepath.Join(gw.dir, "eidgate.yaml"), "--file", "-")
	cmd.Stdin = strings.NewReader(string(raw))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("linking %s at %s: %v\n%s", who.Login, u.id, err, out)
	}
}

// start runs the relying party, which asks for a level.
func (u *upstream) start(t *testing.T, acr string) {
	t.Helper()
	startParty(t, u.rp.addr(), u.rp.environment(acr), node("openid-client.mjs")...)
}

// signIn goes to the relying party and through the pages of the gateway and the
// provider as somebody who answers each.
func (u *upstream) signIn(b *browser, who *resident) page {
	b.t.Helper()
	return u.through(b, b.get(u.rp.origin+"/login"), who)
}

// through goes on until a page that asks nothing that can be answered.
func (u *upstream) through(b *browser, p page, who *resident) page {
	b.t.Helper()
	var way []string
	for range 8 {
		p = b.through(p, nil)
		way = append(way, p.way...)
		if !u.shows(p) {
			break
		}
		b.frames(p)
		f, ok := u.answer(p, who)
		if !ok {
			break
		}
		p = b.submit(p, f)
	}
	p.way = way
	return p
}

// answer fills in the form of a provider's page: who and a password, or one that
// the page's script sends at once.
func (u *upstream) answer(p page, who *resident) (form, bool) {
	for _, f := range p.forms() {
		if f.method != http.MethodPost {
			continue
		}
		for _, name := range []string{"user", "username", "login_name"} {
			if f.inputs[name] && f.inputs["password"] {
				if who == nil {
					return form{}, false
				}
				f.fields.Set(name, who.Login)
				f.fields.Set("password", u.passwordOf(who))
				return f, true
			}
		}
		for _, name := range []string{"SAMLResponse", "SAMLRequest", "confirm"} {
			if f.fields.Has(name) {
				return f, true
			}
		}
		if f.fields.Has("xsrf") { // oidc-provider asks whether to sign out
			f.fields.Set("logout", "yes")
			return f, true
		}
	}
	return form{}, false
}

// asksToSignIn reports whether the page is the provider's and wants a person.
func (u *upstream) asksToSignIn(p page) bool {
	_, somebody := u.answer(p, &resident{})
	_, nobody := u.answer(p, nil)
	return u.shows(p) && somebody && !nobody
}

// shows reports whether a page is one where the source asks people.
func (u *upstream) shows(p page) bool {
	if u.provider == nil {
		return p.at(gw.issuer)
	}
	return p.at(u.provider(gw).origin)
}

// try answers the source's form once.
func (u *upstream) try(t *testing.T, login, password string) page {
	t.Helper()
	b := newBrowser(t)
	p := u.through(b, b.get(u.rp.origin+"/login"), nil)
	f, ok := u.answer(p, &resident{Login: login})
	if !ok {
		t.Fatalf("%s = %d, want the form of the source; pages before it: %q\n%.600s", p.address.Redacted(), p.status, p.way, p.body)
	}
	f.fields.Set("password", password)
	return b.submit(p, f)
}

// proves goes with the source through every step of its row.
func (u *upstream) proves(t *testing.T) {
	t.Helper()
	row := sourceRowOf(u.id)
	second, first, none := residents()[0], residents()[1], residents()[2]
	for _, who := range residents() {
		u.link(t, who)
	}
	row.step(t, &row.signIn, func(t *testing.T) {
		u.start(t, acr2)
		a := u.signIn(newBrowser(t), second).answer(t, u.rp.origin, http.StatusOK)
		if a.ACR != acr2 || a.Subject == "" {
			t.Errorf("signed in with %+v, want acr %s and a subject", a, acr2)
		}
	})
	row.step(t, &row.level, func(t *testing.T) {
		t.Run("1", func(t *testing.T) {
			u.start(t, acr1)
			if a := u.signIn(newBrowser(t), first).answer(t, u.rp.origin, http.StatusOK); a.ACR != acr1 {
				t.Errorf("acr of somebody at Level 1 = %s, want %s", a.ACR, acr1)
			}
		})
		t.Run("2", func(t *testing.T) {
			u.start(t, acr2)
			b := newBrowser(t)
			refused := u.signIn(b, first) // the source was asked for 2 and said 1: it is not asked again
			a := b.cancel(refused).answer(t, u.rp.origin, http.StatusBadRequest)
			if a.Error != "unmet_authentication_requirements" {
				t.Errorf("somebody at Level 1 where Level 2 is asked for = %+v after %q, want unmet_authentication_requirements", a, refused.way)
			}
		})
	})
	row.step(t, &row.refusal, func(t *testing.T) {
		u.start(t, acr1)
		if p := u.signIn(newBrowser(t), none); !p.at(gw.issuer) {
			t.Errorf("somebody without a level = %d at %s after %q, want a page of the gateway", p.status, p.address.Redacted(), p.way)
		}
		for name, typed := range map[string][2]string{
			"a wrong password":      {second.Login, u.passwordOf(second) + "x"},
			"no password":           {second.Login, ""},
			"an unknown name":       {"nobody", u.passwordOf(second)},
			"a filter for a name":   {"*)(|(uid=" + second.Login, u.passwordOf(second)},
			"another's distinction": {second.Login + ")(cn=*", u.passwordOf(second)},
		} {
			if p := u.try(t, typed[0], typed[1]); !u.asksToSignIn(p) {
				t.Errorf("%s = %d at %s, want the source's form again", name, p.status, p.address.Redacted())
			}
		}
		if u.kind == "ldap" {
			for _, who := range turnedAway() {
				if p := u.try(t, who.Login, who.Password); !u.asksToSignIn(p) {
					t.Errorf("somebody who is %s = %d at %s, want the form again", who.State, p.status, p.address.Redacted())
				}
			}
		}
	})
	row.step(t, &row.logout, func(t *testing.T) {
		u.start(t, acr2)
		b := newBrowser(t)
		u.signIn(b, second).answer(t, u.rp.origin, http.StatusOK)
		if u.kind != "ldap" { // a directory remembers nobody
			b.forget(gw.issuer, "eidgate")
			u.signIn(b, nil).answer(t, u.rp.origin, http.StatusOK) // the provider remembers, until now
		}
		if a := u.through(b, b.get(u.rp.origin+"/logout"), nil).answer(t, u.rp.origin, http.StatusOK); !a.SignedOut {
			t.Errorf("after the logout = %+v, want the return with its state", a)
		}
		if p := u.through(b, b.get(u.rp.origin+"/login"), nil); !u.asksToSignIn(p) {
			t.Errorf("after the logout the sign-in leads to %s = %d after %q, want the provider's login", p.address.Redacted(), p.status, p.way)
		}
	})
}

// told signs the person out at the provider and looks whether the gateway's own
// session ended.
func (u *upstream) told(t *testing.T, signOut func(*testing.T, *browser) page) {
	t.Helper()
	row := sourceRowOf(u.id)
	row.step(t, &row.told, func(t *testing.T) {
		u.start(t, acr2)
		b := newBrowser(t)
		u.signIn(b, residents()[0]).answer(t, u.rp.origin, http.StatusOK)
		if a := b.through(b.get(u.rp.origin+"/login?prompt=none"), nil).answer(t, u.rp.origin, http.StatusOK); a.ACR != acr2 {
			t.Fatalf("prompt=none before the logout = %+v, want acr %s", a, acr2)
		}
		p := u.through(b, signOut(t, b), nil)
		if a := b.through(b.get(u.rp.origin+"/login?prompt=none"), nil).answer(t, u.rp.origin, http.StatusBadRequest); a.Error != "login_required" {
			t.Errorf("prompt=none after the logout at the provider (%d at %s) = %+v, want login_required", p.status, p.address.Redacted(), a)
		}
	})
}

// describe is how the gateway's configuration declares the source.
func (u *upstream) describe(g *gateway) map[string]any {
	d := map[string]any{
		"id": u.id, "kind": u.kind, "name": "Nguồn thử nghiệm " + u.id, "provider": "nhà cung cấp giả định",
		"window": map[string]any{"from": "2021-11-09"}, "may_assert": []int{1, 2}, "grants_at_most": 2,
		u.kind: u.settings(g),
	}
	if u.reconcile != "" {
		d["reconcile"] = u.reconcile
	}
	return d
}

// registry writes the file of the population registry, which knows the residents.
func (g *gateway) registry() (string, error) {
	var people []map[string]string
	for _, r := range residents() {
		people = append(people, map[string]string{"number": r.Number, "name": r.Name, "birth_date": r.Born})
	}
	raw, err := json.Marshal(people)
	if err != nil {
		return "", err
	}
	path := filepath.Join(g.dir, "registry.json")
	return path, os.WriteFile(path, raw, 0o600)
}
