package main_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/federation/fedtest"
	"eidgate/keys"
	"eidgate/store/sqlstore"
)

const (
	vneidPerson = "079203900001" // synthetic
	vneidSecret = "vneid-secret-of-a-test"
)

// TestVNeIDSignIn: a portal signs a person in through each dialect, at the level
// that VNeID says and no other, and hears nothing of how.
func TestVNeIDSignIn(t *testing.T) {
	t.Parallel()
	s := startServed(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	keyFile := filepath.Join(t.TempDir(), "vneid.pem")
	must(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}), 0o600))
	citizen := fedtest.Citizen{Login: vneidPerson, Password: "pw-vneid", TechID: "tech-001", Number: vneidPerson, Name: "Người Giả Định", BirthDate: "01/02/2003", Level: 2}
	lower := citizen
	lower.Login, lower.Level = "079203900002", 1
	platform := fedtest.StartVNeID(t, fedtest.VNeIDConfig{
		Clients: []fedtest.Client{{ID: "eidgate", Secret: vneidSecret, RedirectURIs: []string{s.Issuer + "/callback/vneid"}, PostLogoutURIs: []string{s.Issuer + "/logout/done"}}},
		People:  []fedtest.Citizen{citizen, lower}, SealTo: &key.PublicKey, SealCode: true,
	})
	platform.LeavePlus()
	s.linkVNeID(t)

	for _, dialect := range []string{fedtest.DialectWSO2, fedtest.DialectSSO, fedtest.DialectEncrypted} {
		t.Run(dialect, func(t *testing.T) {
			at, more := platform.Endpoints(dialect), ""
			if dialect == fedtest.DialectEncrypted {
				more = ", decryption_key_files: [" + keyFile + "]"
			}
			s.reload(t, "limits:", "outbound: {allow: [\""+strings.TrimPrefix(platform.Base(), "http://")+"\"]}\nlimits:",
				"sources: [national]", "sources: [vneid]", "\nclients:", fmt.Sprintf(`
  - id: vneid
    kind: vneid
    national: true
    name: VNeID
    provider: Bộ Công an (giả định)
    may_assert: [1, 2]
    grants_at_most: 2
    vneid: {dialect: %s, authorize: "%s", token: "%s", userinfo: "%s", client_id: eidgate, client_secret: %s, levels: {"1": 1, "2": 2}, pkce: true%s}
clients:`, dialect, at.Authorize, at.Token, at.UserInfo, vneidSecret, more))
			portal := s.party(t, s.Portals[0].ClientID)

			a := s.browser(t)
			r := portal.request("acr_values", acr2)
			page := a.get(r.address)
			if !strings.Contains(page.body, "bản mô phỏng") {
				t.Fatalf("page is %q, want that of the stand-in, which says what it is", page.title())
			}
			got := portal.redeem(r, a.submit(page, "username", vneidPerson, "password", citizen.Password, "action", "login"))
			got.wants(t, acr2, "fed")
			info, err := portal.userinfo(got.access)
			must(t, err)
			if info["eid_source"] != "vneid" {
				t.Errorf("eid_source = %v, want vneid", info["eid_source"])
			}

			// The same person at Level 1 there is no more here, whatever was asked.
			a = s.browser(t)
			r = portal.request("acr_values", acr1+" "+acr2)
			low := portal.redeem(r, a.submit(a.get(r.address), "username", lower.Login, "password", lower.Password, "action", "login"))
			if low.wants(t, acr1, "fed"); low.Subject != got.Subject {
				t.Errorf("sub = %s, want %s: one person", low.Subject, got.Subject)
			}

			// Nothing says how old a sign-in there is: who wants a fresh one is told that it
			// cannot be had here, and sent nowhere.
			r = portal.request("prompt", "login")
			if p := a.get(r.address); p.back != nil || p.offers("username", "") || !p.offers("source", "vneid") {
				t.Errorf("a fresh sign-in leads to %d %q, %v, want the choice of sources", p.status, p.title(), p.back)
			}

			// A level that nobody registered gives none, and no code to the portal.
			platform.Tamper(fedtest.Set("loAs", "3"), fedtest.Set("accountLevel", 3))
			a = s.browser(t)
			r = portal.request("acr_values", acr1)
			if p := a.submit(a.get(r.address), "username", vneidPerson, "password", citizen.Password, "action", "login"); p.back != nil || p.status < 400 {
				t.Errorf("unknown level leads to %d %q, %v, want a refusal", p.status, p.title(), p.back)
			}
			platform.Tamper()
		})
	}
	log := s.log.String()
	for _, secret := range []string{vneidPerson, vneidSecret, lower.Login, "tech-001", "Giả Định", "encrypt_key", url.QueryEscape(citizen.Name)} {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds %s", secret)
		}
	}
}

// linkVNeID links the synthetic person of VNeID to the holder at level 2.
func (s *servedRun) linkVNeID(t *testing.T) {
	t.Helper()
	sealer, err := keys.LoadSealer(filepath.Join(s.Dir, "master.key"), false, slog.New(slog.DiscardHandler))
	must(t, err)
	db, err := sqlstore.Open(t.Context(), sqlstore.Config{Path: filepath.Join(s.Dir, "eidgate.db")}, sealer, time.Now)
	must(t, err)
	number, err := eid.ParsePersonalNumber(s.account("001").PersonalNumber)
	must(t, err)
	holder, err := db.AccountByIdentifier(t.Context(), eid.IdentifierOf(number))
	must(t, err)
	_, err = accounts.New(db, time.Now).Link(t.Context(), eid.Link{Account: holder.ID, Source: "vneid", Cap: eid.Level2},
		"tech-001", "synthetic link of a test", "operator:test")
	must(t, err)
	must(t, db.Close())
}
