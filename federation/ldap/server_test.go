package ldap_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/federation/fedtest"
	"eidgate/federation/ldap"
	"eidgate/store/statestore"
)

const (
	base       = "ou=people,dc=example,dc=vn"
	serviceDN  = "cn=gateway,dc=example,dc=vn"
	servicePwd = "service secret"
	password1  = "mật khẩu một"
	groupHigh  = "cn=da-xac-minh,ou=groups,dc=example,dc=vn"
)

// people are synthetic.
func people() []fedtest.Person {
	return []fedtest.Person{
		{Subject: "6f1c9d4e-0001-4000-8000-000000000001", Login: "mot", Password: password1, ACR: "cao", Name: "Nguyễn Thị Mẫu", Email: "mot@example.vn",
			Attributes: map[string][]string{
				"employeeNumber": {"001203000017"}, "birthDate": {"01/02/2003"}, "memberOf": {"cn=khac,dc=example,dc=vn", groupHigh},
				"objectGUID":        {"\x33\x22\x11\x00\x55\x44\x77\x66\x88\x99\xaa\xbb\xcc\xdd\xee\xff"},
				"userPrincipalName": {"mot@ad.example.vn"},
			}},
		{Subject: "6f1c9d4e-0002-4000-8000-000000000002", Login: "hai", Password: "password 2", ACR: "thap", Name: "Trần Văn Mẫu", Email: "hai@example.vn"},
	}
}

// world is a directory and a source for it.
type world struct {
	t       *testing.T
	server  *fedtest.LDAP
	source  *ldap.Source
	guesses *federation.Guesses
	now     time.Time
}

// start serves a directory with TLS. change sees the settings before the source is
// made.
func start(t *testing.T, change ...func(*ldap.Settings)) *world {
	t.Helper()
	return startWith(t, fedtest.StartLDAP(t, directory(true)), change...)
}

func directory(encrypted bool) fedtest.LDAPConfig {
	return fedtest.LDAPConfig{Base: base, ServiceDN: serviceDN, ServicePassword: servicePwd, People: people(), Encrypted: encrypted}
}

func startWith(t *testing.T, server *fedtest.LDAP, change ...func(*ldap.Settings)) *world {
	t.Helper()
	w := &world{t: t, server: server, now: time.Now(), guesses: counter(t)}
	s := settings(server)
	for _, c := range change {
		c(&s)
	}
	w.source = w.sourceOf("thu-vien", s)
	return w
}

func settings(server *fedtest.LDAP) ldap.Settings {
	return ldap.Settings{
		URL: server.URL(), CA: server.CA(), BindDN: serviceDN, BindPassword: eid.NewSecret(servicePwd), BaseDN: base,
		Filter: "(|(uid={login})(mail={login}))", Subject: "entryUUID",
		LevelAttribute: "loa", Levels: map[string]eid.Level{"thap": eid.Level1, "cao": eid.Level2},
		NumberAttribute: "employeeNumber", NameAttribute: "cn", BirthDateAttribute: "birthDate",
	}
}

func (w *world) sourceOf(id string, s ldap.Settings) *ldap.Source {
	w.t.Helper()
	source, err := ldap.New(id, s, ldap.Deps{Dial: dialer(w.t, w.server.Address()), Guesses: w.guesses})
	if err != nil {
		w.t.Fatal(err)
	}
	return source
}

// dialer is the gateway's own, which may call these addresses beside public ones.
func dialer(t *testing.T, allow ...string) func(context.Context, string, string) (net.Conn, error) {
	t.Helper()
	d, err := federation.ParseDestinations(allow)
	if err != nil {
		t.Fatal(err)
	}
	return federation.NewOutbound(d).DialContext
}

// state holds the counters of all tests; each hides them under a key of its own.
var state *statestore.Store

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "eidgate-ldap-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if state, err = statestore.Open(context.Background(), statestore.Config{Path: filepath.Join(dir, "state.db")}, time.Now); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = state.Close() }()
	return m.Run()
}

func counter(t testing.TB) *federation.Guesses {
	t.Helper()
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	g, err := federation.NewGuesses(federation.GuessLimits{}, state, key)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// try sends the form from an address of its own.
func (w *world) try(name, password string) (federation.Step, error) {
	return w.tryValues(url.Values{federation.FieldLoginName: {name}, federation.FieldPassword: {password}})
}

func (w *world) tryValues(values url.Values) (federation.Step, error) {
	return w.source.Finish(w.t.Context(), w.request(), federation.Reply{Values: values})
}

func (w *world) request() federation.Request {
	return federation.Request{Level: eid.Level1, Now: w.now, Address: netip.MustParseAddr("192.0.2.7")}
}

// outcome puts an answer into words.
func outcome(step federation.Step, err error) string {
	switch {
	case err != nil:
		return "error"
	case step.Assertion != nil:
		return fmt.Sprintf("%s at level %d", step.Assertion.Subject[strings.LastIndexByte(step.Assertion.Subject, '-')+1:], step.Assertion.Level)
	case step.Form != nil:
		return step.Form.Problem
	}
	return "nothing"
}

const (
	first  = "000000000001 at level 2"
	second = "000000000002 at level 1"
	wrong  = federation.ProblemWrongLogin
)

// silent fails where an error tells what nobody may know.
func silent(t *testing.T, err error, secrets ...string) {
	t.Helper()
	for _, secret := range append(secrets, fedtest.LeakedText, servicePwd, password1, "001203000017") {
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("the error %q tells %q", err, secret)
		}
	}
}
