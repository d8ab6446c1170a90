package main_test

import (
	"log/slog"
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
	casSubject    = "nguoi.mot"
	ldapSubject   = "6f1c9d4e-0001-4000-8000-000000000001"
	directoryBase = "ou=people,dc=example,dc=vn"
	directoryUser = "nguoi-thu-vien"
	directoryPass = "mat-khau-thu-vien"
	servicePass   = "mat-khau-tai-khoan-dich-vu"
)

// startLegacyServers serves the people of a demo beside a CAS server and a
// directory, whose one linked person is the demo's at level 2. grants is what both
// sources may assert.
func startLegacyServers(t *testing.T, may string) (*servedRun, *fedtest.CAS, *fedtest.LDAP) {
	t.Helper()
	cas := fedtest.StartCAS(t, fedtest.CASConfig{Title: "Bưu điện mẫu", Services: []string{"http://127.0.0.1:"}, People: []fedtest.Person{
		{Subject: casSubject, Login: directoryUser, Password: directoryPass, ACR: "cao"},
		{Subject: "nguoi.la", Login: "la", Password: "la", ACR: "cao"},
	}})
	const service = "cn=gateway,dc=example,dc=vn"
	dir := fedtest.StartLDAP(t, fedtest.LDAPConfig{Base: directoryBase, ServiceDN: service, ServicePassword: servicePass, Encrypted: true,
		People: []fedtest.Person{{Subject: ldapSubject, Login: directoryUser, Password: directoryPass, ACR: "cao", Attributes: map[string][]string{
			"employeeNumber": {"001203000017"},
		}}}})
	files := t.TempDir()
	must(t, os.WriteFile(filepath.Join(files, "ca.pem"), []byte(dir.CA()), 0o600))
	must(t, os.WriteFile(filepath.Join(files, "password"), []byte(servicePass+"\n"), 0o600))
	block := "outbound: {allow: [" + strings.TrimPrefix(cas.Server(), "http://") + ", " + dir.Address() + "]}\nsources:\n" +
		"  - {id: buu-dien, kind: cas, reconcile: link, name: Bưu điện mẫu, provider: Bưu điện, may_assert: " + may + ", grants_at_most: 2, window: {from: 2021-11-09},\n" +
		"     cas: {server: '" + cas.Server() + "', level_attribute: loa, levels: {thap: 1, cao: 2}}}\n" +
		"  - {id: thu-vien, kind: ldap, reconcile: link, name: Thư viện mẫu, name_en: Sample library, provider: Thư viện, may_assert: " + may + ", grants_at_most: 2, window: {from: 2021-11-09},\n" +
		"     ldap: {url: '" + dir.URL() + "', ca_file: " + filepath.Join(files, "ca.pem") + ", bind_dn: '" + service + "', bind_password_file: " + filepath.Join(files, "password") + ",\n" +
		"            base_dn: '" + directoryBase + "', filter: '(uid={login})', subject: entryUUID, level_attribute: loa, levels: {thap: 1, cao: 2}, number_attribute: employeeNumber}}\n"
	s := startServed(t, "sources:\n", block, "sources: [national]", "category: other\n    sources: [national, buu-dien, thu-vien]")
	sealer, err := keys.LoadSealer(filepath.Join(s.Dir, "master.key"), false, slog.New(slog.DiscardHandler))
	must(t, err)
	db, err := sqlstore.Open(t.Context(), sqlstore.Config{Path: filepath.Join(s.Dir, "eidgate.db")}, sealer, time.Now)
	must(t, err)
	defer db.Close()
	number, err := eid.ParsePersonalNumber(s.account("001").PersonalNumber)
	must(t, err)
	holder, err := db.AccountByIdentifier(t.Context(), eid.IdentifierOf(number))
	must(t, err)
	for source, subject := range map[string]string{"buu-dien": casSubject, "thu-vien": ldapSubject} {
		_, err = accounts.New(db, time.Now).Link(t.Context(), eid.Link{Account: holder.ID, Source: source, Cap: eid.Level2}, subject, "synthetic link of a test", "operator:test")
		must(t, err)
	}
	t.Cleanup(func() {
		for _, secret := range []string{directoryUser, directoryPass, servicePass, casSubject, ldapSubject, "001203000017", "ticket=", " ST-", "\"ST-", fedtest.LeakedText} {
			if strings.Contains(s.log.String(), secret) {
				t.Errorf("the log holds %q", secret)
			}
		}
	})
	return s, cas, dir
}

func TestCASAndLDAP(t *testing.T) {
	t.Parallel()
	s, cas, dir := startLegacyServers(t, "[1, 2]")
	portal := s.party(t, "portal-1")

	a := s.browser(t)
	r := portal.request()
	portal.redeem(r, a.legacy(a.get(r.address), "buu-dien", directoryUser, directoryPass)).wants(t, acr2, "fed")
	a = s.browser(t)
	r = portal.request()
	if p := a.legacy(a.get(r.address), "buu-dien", "la", "la"); p.status != 403 || p.title() != "Chưa thể liên kết" {
		t.Errorf("somebody whom nobody knows: %d %q, want not linked", p.status, p.title())
	}

	a = s.browser(t)
	r = portal.request()
	p := a.press(a.get(r.address), "source", "thu-vien")
	if p.title() != "Đăng nhập bằng Thư viện mẫu" {
		t.Fatalf("page is %d %q, want the form of the directory", p.status, p.title())
	}
	p = a.submit(p, "login_name", directoryUser, "password", "sai")
	if p.status != 422 || !strings.Contains(p.body, "Tên đăng nhập hoặc mật khẩu chưa đúng.") || !strings.Contains(p.body, `value="`+directoryUser+`"`) {
		t.Fatalf("wrong password: %d %q, want the form again with the name", p.status, p.title())
	}
	english := a.submit(p, "login_name", directoryUser, "password", "sai", "language", "en")
	if english.title() != `Sign in with Sample library` || !strings.Contains(english.body, "The login name or the password is not right.") ||
		!strings.Contains(english.body, `value="`+directoryUser+`"`) {
		t.Errorf("in English: %q, want the problem and the name again", english.title())
	}
	portal.redeem(r, a.submit(p, "login_name", directoryUser, "password", directoryPass)).wants(t, acr2, "pwd")

	_, found, _ := run(t, "doctor", "--config", s.file)
	if !strings.Contains(found, "answers, and refuses who does not exist") {
		t.Errorf("doctor says of the directory:\n%s", found)
	}

	// A source that is away suffers alone.
	cas.Break(fedtest.PathCASValidate, fedtest.Garbage)
	dir.Break(fedtest.OpBind, fedtest.LDAPGarbage)
	a = s.browser(t)
	r = portal.request()
	p = a.legacy(a.get(r.address), "buu-dien", directoryUser, directoryPass)
	if !strings.Contains(p.body, "Bưu điện mẫu chưa đăng nhập được") {
		t.Errorf("CAS talks garbage: %d %q, want the choice again", p.status, p.title())
	}
	p = a.submit(a.press(p, "source", "thu-vien"), "login_name", directoryUser, "password", directoryPass)
	if !strings.Contains(p.body, "Thư viện mẫu chưa đăng nhập được") {
		t.Errorf("LDAP talks garbage: %d %q, want the choice again", p.status, p.title())
	}
	portal.redeem(r, a.fill(a.press(p, "source", "national"), s.account("002"))).wants(t, acr1, "pwd")

	// Guesses end, whoever asks.
	dir.Behave()
	a = s.browser(t)
	p = a.press(a.get(portal.request().address), "source", "thu-vien")
	for range 5 {
		p = a.submit(p, "login_name", "nobody", "password", "sai")
	}
	if p = a.submit(p, "login_name", "nobody", "password", "sai"); p.status != 429 && !strings.Contains(p.title(), "Thử lại sau") {
		t.Errorf("the sixth guess: %d %q, want to try later", p.status, p.title())
	}
}

// TestCASAndLDAPAssertTooMuch: a level that a source may not assert gives nothing.
func TestCASAndLDAPAssertTooMuch(t *testing.T) {
	t.Parallel()
	s, _, _ := startLegacyServers(t, "[1]")
	portal := s.party(t, "portal-1")
	for source, sign := range map[string]func(a *agent, p screen) screen{
		"buu-dien": func(a *agent, p screen) screen { return a.legacy(p, "buu-dien", directoryUser, directoryPass) },
		"thu-vien": func(a *agent, p screen) screen {
			return a.submit(a.press(p, "source", "thu-vien"), "login_name", directoryUser, "password", directoryPass)
		},
	} {
		a := s.browser(t)
		if p := sign(a, a.get(portal.request().address)); p.status != 403 || !strings.HasPrefix(p.title(), "Chưa xác nhận được kết quả") {
			t.Errorf("%s asserts level 2: %d %q, want a refusal", source, p.status, p.title())
		}
	}
}
