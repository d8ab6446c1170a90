//go:build interop

package interop_test

import (
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/keys"
	"eidgate/store/sqlstore"
)

const acr1 = "urn:vn:eid:level:1"

// upstream is a source of the gateway that a program of another maker is.
type upstream struct {
	id, name string
	kind     string         // in the configuration; its block has the same name
	settings map[string]any // that block
	origin   string         // of its own pages; empty where the gateway shows the form
	calls    string         // the address that the gateway calls
	row      sourceRow
}

// makeUpstreams gives the sources of other makers their addresses, secrets and
// settings.
func (g *gateway) makeUpstreams() (err error) {
	if g.authority, err = newAuthority(g.dir); err != nil {
		return err
	}
	if g.openLDAP, err = openLDAP(); err != nil {
		return err
	}
	if g.samba, err = samba(); err != nil {
		return err
	}
	if g.oidcProvider, err = newOpenIDProvider(g.issuer); err != nil {
		return err
	}
	g.upstreams = []*upstream{g.oidcProvider.upstream}
	return nil
}

// registrations are all relying parties: those of the report, and one for each
// source that takes people from there alone.
func (g *gateway) registrations() []*registration {
	list := slices.Clone(parties())
	for _, u := range g.upstreams {
		list = append(list, u.portal())
	}
	return list
}

// portal is the relying party of a source.
func (u *upstream) portal() *registration {
	r := library("via-"+u.id, "client_secret_basic", "query", "ES256")
	r.source = u.id
	return r
}

// subjects are what a source calls the residents, in their order.
type subjects []string

// link tells the gateway, as its operator does, whom a source means.
func (g *gateway) link(t *testing.T, u *upstream, known subjects) {
	t.Helper()
	data := filepath.Join(g.dir, "data")
	sealer, err := keys.LoadSealer(filepath.Join(data, "master.key"), false, slog.New(slog.NewTextHandler(io.Discard, nil)))
	must(t, err)
	db, err := sqlstore.Open(t.Context(), sqlstore.Config{Path: filepath.Join(data, "eidgate.db")}, sealer, time.Now)
	must(t, err)
	for i, who := range residents() {
		number, err := eid.ParsePersonalNumber(who.Number)
		must(t, err)
		holder, err := db.AccountByIdentifier(t.Context(), eid.IdentifierOf(number))
		must(t, err)
		_, err = accounts.New(db, time.Now).Link(t.Context(), eid.Link{Account: holder.ID, Source: u.id, Cap: eid.Level2},
			known[i], "synthetic link of a test", "operator:test")
		must(t, err)
	}
	must(t, db.Close())
}

// driveSource signs residents in through the gateway at a source that runs, and
// out again. The relying party is openid-client, which compares the level.
func driveSource(t *testing.T, u *upstream) {
	rp, row := gw.clients[u.portal().id], &u.row
	startParty(t, rp.addr(), environment(
		"RP_ORIGIN="+rp.origin, "RP_ISSUER="+gw.issuer, "RP_CLIENT_ID="+rp.id, "RP_CLIENT_SECRET="+rp.secret,
		"RP_AUTH_METHOD="+rp.method, "RP_RESPONSE_MODE="+rp.mode, "RP_ID_TOKEN_ALG="+rp.alg, "RP_SCOPE="+gw.scope(), "RP_ACR="+acr2,
	), node("openid-client.mjs")...)
	login := rp.origin + "/login"
	two, one, none := residents()[0], residents()[1], residents()[2]
	b := u.browser(t)

	row.step(t, "sign-in", &row.signIn, func(t *testing.T) {
		a := b.through(b.get(login), two.person()).answer(t, rp.origin, http.StatusOK)
		if a.ACR != acr2 || a.Subject == "" {
			t.Errorf("signed in with %+v, want acr %s and a subject", a, acr2)
		}
	})
	row.step(t, "level", &row.level, func(t *testing.T) {
		// Who has Level 1 at the source has no more here, though the account has.
		lower := u.browser(t)
		a := lower.through(lower.get(login+"?acr="+acr1), one.person()).answer(t, rp.origin, http.StatusOK)
		if a.ACR != acr1 {
			t.Errorf("signed in with %+v, want acr %s", a, acr1)
		}
		a = lower.cancel(lower.get(login)).answer(t, rp.origin, http.StatusBadRequest)
		if a.Error != "access_denied" {
			t.Errorf("a step-up that a person at Level 1 gives up = %+v, want access_denied", a)
		}
		// Of whom the source says no level, nothing is believed.
		if p := u.try(t, login+"?acr="+acr1, none.person()); !p.at(gw.issuer) || p.status != http.StatusForbidden {
			t.Errorf("a person without a level = %d at %s, want the gateway's refusal\n%.600s", p.status, p.address.Redacted(), p.body)
		}
	})
	row.step(t, "refusal", &row.refusal, func(t *testing.T) {
		for name, who := range map[string]*person{
			"wrong password":  {Login: two.Login, Password: two.Password + "x"},
			"no password":     {Login: two.Login},
			"unknown name":    {Login: "nobody", Password: two.Password},
			"name of a query": {Login: "*)(" + two.Login + "=*", Password: two.Password},
		} {
			if p := u.try(t, login, who); !p.wantsPerson() || p.at(rp.origin) {
				t.Errorf("%s: %d at %s, want the form again\n%.600s", name, p.status, p.address.Redacted(), p.body)
			}
		}
	})
	row.step(t, "logout", &row.logout, func(t *testing.T) {
		if a := b.through(b.get(rp.origin+"/logout"), nil).answer(t, rp.origin, http.StatusOK); !a.SignedOut {
			t.Errorf("after the logout = %+v, want the return with its state", a)
		}
		if a := b.through(b.get(login+"?prompt=none"), nil).answer(t, rp.origin, http.StatusBadRequest); a.Error != "login_required" {
			t.Errorf("prompt=none after the logout = %+v, want login_required", a)
		}
		// Nor does the source remember the person.
		if p := b.through(b.get(login), nil); !p.wantsPerson() || p.at(rp.origin) {
			t.Errorf("a sign-in after the logout = %d at %s, want the form of the source", p.status, p.address.Redacted())
		}
	})
}

// try sends the form of the source once, in a browser of its own.
func (u *upstream) try(t *testing.T, login string, who *person) page {
	t.Helper()
	b := u.browser(t)
	p := b.through(b.get(login), nil)
	f, ok := b.answer(p, who)
	if !ok {
		t.Fatalf("%d at %s, want the form of the source\n%.600s", p.status, p.address.Redacted(), p.body)
	}
	return b.submit(p, f)
}

// browser goes through the source's own pages too.
func (u *upstream) browser(t *testing.T) *browser {
	b := newBrowser(t)
	b.source = u.origin
	return b
}
