package ldap_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/federation/fedtest"
	"eidgate/federation/ldap"
)

func TestSignIn(t *testing.T) {
	w := start(t)
	step, err := w.try(" MOT ", password1)
	want := &federation.Assertion{
		Subject: "6f1c9d4e-0001-4000-8000-000000000001", Level: eid.Level2, Methods: []string{"pwd"}, At: w.now, Anew: true,
		Person: federation.Person{Number: "001203000017", Name: "Nguyễn Thị Mẫu", BirthDate: "01/02/2003"},
	}
	if diff := cmp.Diff(step.Assertion, want); err != nil || diff != "" {
		t.Fatalf("Finish() = %v, differs: %s", err, diff)
	}
	if got := w.server.Binds(); !cmp.Equal(got, []string{serviceDN, "uid=mot," + base}) {
		t.Errorf("bound as %v, want the service account and the person", got)
	}
	for _, tt := range []struct{ name, password, want string }{
		{"hai@example.vn", "password 2", second},
		{"hai", "password 2", second},
		{"hai", password1, wrong},
		{"mot", password1 + " ", wrong},
		{"nobody", password1, wrong},
	} {
		step, err := w.try(tt.name, tt.password)
		if got := outcome(step, err); got != tt.want {
			t.Errorf("%s: %s, %v, want %s", tt.name, got, err, tt.want)
		}
		if step.Form != nil && !cmp.Equal(step.Form.Fields, map[string]string{federation.FieldLoginName: tt.name}) {
			t.Errorf("%s: form shows %v again, want the name alone", tt.name, step.Form.Fields)
		}
	}
}

// TestSameWork: who has the name, nobody and two people cost the directory the same,
// and are answered the same.
func TestSameWork(t *testing.T) {
	type cost struct{ searches, binds, connections int }
	measure := func(prepare func(*fedtest.LDAP), name string) (cost, string) {
		w := start(t)
		if _, err := w.try("hai", "password 2"); err != nil { // opens the service account's connection
			t.Fatal(err)
		}
		prepare(w.server)
		w.server.Binds()
		before := cost{w.server.Searches(), 0, w.server.Connections()}
		step, err := w.try(name, "a wrong password")
		got := outcome(step, err)
		return cost{w.server.Searches() - before.searches, len(w.server.Binds()), w.server.Connections() - before.connections}, got
	}
	for name, tt := range map[string]struct {
		name    string
		prepare func(*fedtest.LDAP)
	}{
		"known":        {"mot", func(*fedtest.LDAP) {}},
		"unknown":      {"nobody", func(*fedtest.LDAP) {}},
		"two matches":  {"mot", func(s *fedtest.LDAP) { s.TwoMatches() }},
		"locked":       {"mot", func(s *fedtest.LDAP) { s.Refuse("mot", 49, "data 775") }},
		"no such DN":   {"mot", func(s *fedtest.LDAP) { s.Refuse("mot", 32, "") }},
		"must change":  {"mot", func(s *fedtest.LDAP) { s.MustChange("mot") }},
		"filter in it": {"*)(uid=*", func(*fedtest.LDAP) {}},
	} {
		if got, answer := measure(tt.prepare, tt.name); got != (cost{1, 1, 1}) || answer != wrong {
			t.Errorf("%s: %+v, answer %s, want one search, one bind, one connection, %s", name, got, answer, wrong)
		}
	}
}

// TestRefusedWithRightPassword: the password alone is not enough.
func TestRefusedWithRightPassword(t *testing.T) {
	for name, prepare := range map[string]func(*fedtest.LDAP){
		"two matches":        func(s *fedtest.LDAP) { s.TwoMatches() },
		"expired, AD":        func(s *fedtest.LDAP) { s.Refuse("mot", 49, "80090308: LdapErr: DSID-0C09, data 532, v4563") },
		"disabled, AD":       func(s *fedtest.LDAP) { s.Refuse("mot", 49, "80090308: LdapErr: DSID-0C09, data 533, v4563") },
		"to be changed, AD":  func(s *fedtest.LDAP) { s.Refuse("mot", 49, "80090308: LdapErr: DSID-0C09, data 773, v4563") },
		"locked, AD":         func(s *fedtest.LDAP) { s.Refuse("mot", 49, "80090308: LdapErr: DSID-0C09, data 775, v4563") },
		"locked, 389":        func(s *fedtest.LDAP) { s.Refuse("mot", 19, "Exceed password retry limit") },
		"deactivated, 389":   func(s *fedtest.LDAP) { s.Refuse("mot", 53, "Account inactivated") },
		"to be changed, RFC": func(s *fedtest.LDAP) { s.MustChange("mot") },
	} {
		w := start(t)
		prepare(w.server)
		if got := outcome(w.try("mot", password1)); got != wrong {
			t.Errorf("%s: %s, want %s", name, got, wrong)
		}
	}
}

// TestNothingAsked: what cannot be a name or a password never reaches the directory,
// which takes a bind without a password for a success.
func TestNothingAsked(t *testing.T) {
	w := start(t)
	long := strings.Repeat("a", 257)
	for name, tt := range map[string]struct {
		values url.Values
		want   string
	}{
		"empty password": {url.Values{"login_name": {"mot"}, "password": {""}}, federation.ProblemPasswordMissing},
		"no password":    {url.Values{"login_name": {"mot"}}, federation.ProblemPasswordMissing},
		"two passwords":  {url.Values{"login_name": {"mot"}, "password": {password1, ""}}, federation.ProblemPasswordMissing},
		"no name":        {url.Values{"password": {password1}}, federation.ProblemLoginMissing},
		"spaces":         {url.Values{"login_name": {"  "}, "password": {password1}}, federation.ProblemLoginMissing},
		"two names":      {url.Values{"login_name": {"mot", "hai"}, "password": {password1}}, federation.ProblemLoginMissing},
		"NUL":            {url.Values{"login_name": {"mot\x00"}, "password": {password1}}, wrong},
		"new line":       {url.Values{"login_name": {"mot\nhai"}, "password": {password1}}, wrong},
		"invisible":      {url.Values{"login_name": {"mo\u200bt"}, "password": {password1}}, wrong},
		"not UTF-8":      {url.Values{"login_name": {"mot\xff"}, "password": {password1}}, wrong},
		"long":           {url.Values{"login_name": {long}, "password": {password1}}, wrong},
		"long password":  {url.Values{"login_name": {"mot"}, "password": {strings.Repeat(long, 4)}}, wrong},
	} {
		step, err := w.tryValues(tt.values)
		if got := outcome(step, err); got != tt.want {
			t.Errorf("%s: %s, %v, want %s", name, got, err, tt.want)
		}
		if shown := step.Form.Fields[federation.FieldLoginName]; strings.ContainsAny(shown, "\x00\n") || len(shown) > 256 {
			t.Errorf("%s: form shows %q again", name, shown)
		}
	}
	if w.server.Connections() != 0 {
		t.Errorf("%d connections, want none", w.server.Connections())
	}
	if got := outcome(w.try("mot", password1)); got != first {
		t.Errorf("afterwards: %s, want %s: none of it counts as a guess", got, first)
	}
}

// TestNamesAreValues: what has a meaning in a filter or a DN has none in a name.
func TestNamesAreValues(t *testing.T) {
	names := []string{"*", "m*t", "mot)(uid=*", "*)(uid=*))(|(uid=*", `mot\2a`, `mot\`, "(mot)", "mot)(&", "mot,ou=people", "mot+cn=x", `uid=mot`, "#mot", "=mot"}
	w := start(t)
	for _, name := range names {
		if got := outcome(w.try(name, password1)); got != wrong {
			t.Errorf("search for %q: %s, want %s", name, got, wrong)
		}
	}
	w = start(t, func(s *ldap.Settings) {
		s.BindDN, s.BindPassword, s.BindAs, s.Filter = "", eid.Secret{}, "uid={login},"+base, ""
	})
	for _, name := range names {
		if got := outcome(w.try(name, password1)); got != wrong {
			t.Errorf("bind as %q: %s, want %s", name, got, wrong)
		}
	}
	for _, dn := range w.server.Binds() {
		if strings.EqualFold(dn, "uid=mot,"+base) {
			t.Errorf("bound as %s, which nobody typed", dn)
		}
	}
}

func TestDirectBind(t *testing.T) {
	byDN := func(s *ldap.Settings) {
		s.BindDN, s.BindPassword, s.BindAs, s.Filter = "", eid.Secret{}, "uid={login},"+base, ""
	}
	byUPN := func(s *ldap.Settings) {
		s.BindDN, s.BindPassword, s.BindAs, s.Filter = "", eid.Secret{}, "{login}@ad.example.vn", "(userPrincipalName={login}@ad.example.vn)"
	}
	w := start(t, byDN)
	for name, tt := range map[string]struct{ name, password, want string }{
		"right": {"mot", password1, first}, "other": {"hai", "password 2", second},
		"wrong": {"mot", "x", wrong}, "unknown": {"nobody", "x", wrong},
	} {
		if got := outcome(w.try(tt.name, tt.password)); got != tt.want {
			t.Errorf("by DN, %s: %s, want %s", name, got, tt.want)
		}
	}
	w.server.Elsewhere("uid=hai," + base)
	if step, err := w.try("mot", password1); step.Assertion != nil || !errors.Is(err, federation.ErrUntrusted) {
		t.Errorf("bound as one, found another: %+v, %v, want ErrUntrusted", step, err)
	}

	w = start(t, byUPN)
	if got := outcome(w.try("mot", password1)); got != first {
		t.Errorf("by UPN: %s, want %s", got, first)
	}
	if got := outcome(w.try("hai", "password 2")); got != wrong {
		t.Errorf("by UPN, who has none: %s, want %s", got, wrong)
	}
	w.server.Elsewhere("uid=hai," + base)
	if step, err := w.try("mot", password1); step.Assertion != nil || !errors.Is(err, federation.ErrUntrusted) {
		t.Errorf("by UPN, found another: %+v, %v, want ErrUntrusted", step, err)
	}
}

// TestEntryRefused: the password is right, and the entry does not say what the
// gateway believes.
func TestEntryRefused(t *testing.T) {
	set := func(name string, values ...string) func(map[string][]string) {
		return func(attributes map[string][]string) { attributes[name] = values }
	}
	byGroup := func(s *ldap.Settings) {
		s.LevelAttribute, s.Levels = "", nil
		s.Groups = map[string]eid.Level{"CN=Da-Xac-Minh, OU=groups,DC=example,DC=vn": eid.Level2, "cn=moi,ou=groups,dc=example,dc=vn": eid.Level1}
	}
	byGUID := func(s *ldap.Settings) { s.Subject = "objectGUID" }
	for name, tt := range map[string]struct {
		settings func(*ldap.Settings)
		tamper   func(map[string][]string)
		want     string
	}{
		"level missing":      {nil, set("loa"), "error"},
		"level unknown":      {nil, set("loa", "2"), "error"},
		"level in capitals":  {nil, set("loa", "CAO"), "error"},
		"two levels":         {nil, set("loa", "thap", "cao"), "error"},
		"lower":              {nil, set("loa", "thap"), "000000000001 at level 1"},
		"no subject":         {nil, set("entryUUID"), "error"},
		"empty subject":      {nil, set("entryUUID", ""), "error"},
		"two subjects":       {nil, set("entryUUID", "a", "b"), "error"},
		"odd subject":        {nil, set("entryUUID", "a\nb"), "error"},
		"long subject":       {nil, set("entryUUID", strings.Repeat("a", 256)), "error"},
		"two names":          {nil, set("cn", "A", "B"), first}, // they decide nothing
		"group":              {byGroup, set("x"), first},
		"lower group":        {byGroup, set("memberOf", "cn=moi,ou=groups,dc=example,dc=vn"), "000000000001 at level 1"},
		"no group":           {byGroup, set("memberOf"), "error"},
		"other group":        {byGroup, set("memberOf", "cn=da-xac-minh,ou=groups,dc=example,dc=com", "cn=da-xac-minh", "not a DN"), "error"},
		"below the group":    {byGroup, set("memberOf", "cn=x,"+groupHigh), "error"},
		"GUID":               {byGUID, set("x"), "8899aabbccddeeff at level 2"},
		"GUID of 15 bytes":   {byGUID, set("objectGUID", "123456789012345"), "error"},
		"GUID written out":   {byGUID, set("objectGUID", "00112233-4455-6677-8899-aabbccddeeff"), "error"},
		"fixed level":        {func(s *ldap.Settings) { s.LevelAttribute, s.Levels, s.Level = "", nil, eid.Level1 }, set("loa"), "000000000001 at level 1"},
		"no attribute asked": {func(s *ldap.Settings) { s.NumberAttribute = "" }, set("x"), first},
	} {
		w := start(t, func(s *ldap.Settings) {
			if tt.settings != nil {
				tt.settings(s)
			}
		})
		w.server.TamperAttributes(tt.tamper)
		step, err := w.try("mot", password1)
		got := outcome(step, err)
		if name == "GUID" && step.Assertion != nil {
			if step.Assertion.Subject != "00112233-4455-6677-8899-aabbccddeeff" {
				t.Errorf("GUID: subject %s, want as Active Directory writes it", step.Assertion.Subject)
			}
			continue
		}
		if got != tt.want || err != nil && !errors.Is(err, federation.ErrUntrusted) {
			t.Errorf("%s: %s, %v, want %s", name, got, err, tt.want)
		}
		silent(t, err)
	}
}

func TestEntryElsewhere(t *testing.T) {
	for _, dn := range []string{"", "uid=mot", "uid=mot,dc=evil", "not a DN", "uid=mot," + base + ",dc=evil"} {
		w := start(t)
		w.server.Elsewhere(dn)
		step, err := w.try("mot", password1)
		if dn == "" { // the fault is off
			if got := outcome(step, err); got != first {
				t.Errorf("without the fault: %s, want %s", got, first)
			}
			continue
		}
		if step.Assertion != nil || !errors.Is(err, federation.ErrUntrusted) {
			t.Errorf("entry at %q: %+v, %v, want ErrUntrusted", dn, step, err)
		}
	}
}

func TestDirectoryFails(t *testing.T) {
	type op = struct {
		name string
		how  fedtest.LDAPBreakage
	}
	for _, how := range []op{
		{"slow", fedtest.LDAPSlow}, {"garbage", fedtest.LDAPGarbage}, {"100 MB", fedtest.LDAPHuge}, {"cuts", fedtest.LDAPCuts},
		{"refers", fedtest.LDAPRefers}, {"busy", fedtest.LDAPBusy},
	} {
		for _, name := range []string{"mot", "nobody"} {
			w := start(t)
			if _, err := w.try("hai", "password 2"); err != nil {
				t.Fatal(err)
			}
			w.server.Break(fedtest.OpSearch, how.how)
			silent(t, w.wantDown(how.name+" search, "+name, name))
			w.server.Behave()
			w.server.Break(fedtest.OpBind, how.how)
			silent(t, w.wantDown(how.name+" bind, "+name, name))
			w.server.Behave()
			if got := outcome(w.try("mot", password1)); got != first {
				t.Errorf("%s: afterwards %s, want %s", how.name, got, first)
			}
		}
	}
}

// TestSearchResults: what comes of the name that was typed is nobody, and cuts nothing
// off; the rest is the directory's own trouble.
func TestSearchResults(t *testing.T) {
	for code, want := range map[int64]string{4: wrong, 18: wrong, 19: wrong, 21: wrong, 1: "error", 3: "error", 11: "error", 32: "error", 50: "error", 52: "error", 80: "error"} {
		w := start(t)
		w.server.AnswerSearch(code)
		step, err := w.try("mot", password1)
		if got := outcome(step, err); got != want || err != nil && !errors.Is(err, federation.ErrDown) {
			t.Errorf("result %d: %s, %v, want %s", code, got, err, want)
		}
		silent(t, err)
	}
}

// wantDown tries once, not waiting long.
func (w *world) wantDown(what, name string) error {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 300*time.Millisecond)
	defer cancel()
	step, err := w.source.Finish(ctx, w.request(), federation.Reply{Values: url.Values{"login_name": {name}, "password": {password1}}})
	if step.Assertion != nil || !errors.Is(err, federation.ErrDown) {
		w.t.Errorf("%s: %+v, %v, want ErrDown", what, step, err)
	}
	return err
}

func TestBegin(t *testing.T) {
	w := start(t)
	for hint, want := range map[string]string{"": "", "mot": "mot", "001203000017": "", "a\nb": "", strings.Repeat("a", 300): ""} {
		step, err := w.source.Begin(t.Context(), federation.Request{Hint: eid.NewSecret(hint)})
		if err != nil || step.Form == nil || step.Form.Page != federation.PageLogin || step.Form.Problem != "" || step.Form.Fields[federation.FieldLoginName] != want {
			t.Errorf("Begin(hint %.12q) = %+v, %v, want the form with %q", hint, step.Form, err, want)
		}
	}
	if w.server.Connections() != 0 {
		t.Error("Begin calls the directory")
	}
}
