package ldap_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"eidgate/federation"
	"eidgate/federation/fedtest"
	"eidgate/federation/ldap"
)

func TestStartTLS(t *testing.T) {
	w := startWith(t, fedtest.StartLDAP(t, directory(false)), func(s *ldap.Settings) { s.StartTLS = true })
	if got := outcome(w.try("mot", password1)); got != first {
		t.Fatalf("StartTLS: %s, want %s", got, first)
	}
	w.server.Drop()
	for _, how := range []fedtest.LDAPBreakage{fedtest.LDAPSlow, fedtest.LDAPGarbage, fedtest.LDAPCuts, fedtest.LDAPBusy, fedtest.LDAPRefers} {
		w.server.Behave()
		w.server.Break(fedtest.OpExtended, how)
		w.server.Binds()
		_ = w.wantDown("StartTLS refused", "mot")
		if got := w.server.Binds(); len(got) > 0 {
			t.Errorf("bound as %v without TLS", got)
		}
	}
}

// TestCertificate: a directory whose certificate is not the expected one gets no
// password.
func TestCertificate(t *testing.T) {
	other := fedtest.StartLDAP(t, directory(true))
	for name, change := range map[string]func(*ldap.Settings){
		"roots of the system": func(s *ldap.Settings) { s.CA = "" },
		"another root":        func(s *ldap.Settings) { s.CA = other.CA() },
		"another name":        func(s *ldap.Settings) { s.URL = strings.Replace(s.URL, "127.0.0.1", "localhost", 1) },
	} {
		w := start(t)
		s := settings(w.server)
		change(&s)
		source, err := ldap.New("x", s, ldap.Deps{
			Dial: dialer(t, w.server.Address(), strings.Replace(w.server.Address(), "127.0.0.1", "localhost", 1)), Guesses: w.guesses,
		})
		if err != nil {
			t.Fatal(err)
		}
		w.source = source
		silent(t, w.wantDown(name, "mot"))
		if got := w.server.Binds(); len(got) > 0 {
			t.Errorf("%s: bound as %v", name, got)
		}
	}
}

// TestPlainOnLoopback is the one case without TLS.
func TestPlainOnLoopback(t *testing.T) {
	w := startWith(t, fedtest.StartLDAP(t, directory(false)))
	if got := outcome(w.try("mot", password1)); got != first {
		t.Errorf("plain on loopback: %s, want %s", got, first)
	}
}

func TestDialGuard(t *testing.T) {
	w := start(t)
	source, err := ldap.New("x", settings(w.server), ldap.Deps{Dial: dialer(t), Guesses: w.guesses})
	if err != nil {
		t.Fatal(err)
	}
	w.source = source
	if err := w.wantDown("guarded", "mot"); !errors.Is(err, federation.ErrForbiddenAddress) || w.server.Connections() != 0 {
		t.Errorf("%v, %d connections, want ErrForbiddenAddress and none", err, w.server.Connections())
	}
}

func TestUnreachable(t *testing.T) {
	w := start(t)
	s := settings(w.server)
	s.URL = "ldaps://127.0.0.1:1"
	source, err := ldap.New("x", s, ldap.Deps{Dial: dialer(t, "127.0.0.1:1"), Guesses: w.guesses})
	if err != nil {
		t.Fatal(err)
	}
	w.source = source
	_ = w.wantDown("nobody listens", "mot")
	s = settings(w.server)
	s.BindDN = "cn=another,dc=example,dc=vn"
	w.source = w.sourceOf("x", s)
	_ = w.wantDown("service account refused", "mot")
}

// TestPool: the service account's connection is kept, replaced when it died, and
// never one that a person was bound on.
func TestPool(t *testing.T) {
	w := start(t)
	for range 4 {
		if got := outcome(w.try("mot", password1)); got != first {
			t.Fatalf("%s, want %s", got, first)
		}
	}
	if got := w.server.Connections(); got != 1+4 {
		t.Errorf("%d connections, want one for the service account and one for each sign-in", got)
	}
	w.server.Drop()
	if got := outcome(w.try("mot", password1)); got != first {
		t.Errorf("after a restart of the directory: %s, want %s", got, first)
	}
	var wg sync.WaitGroup
	for range 24 {
		wg.Go(func() {
			if got := outcome(w.try("hai", "password 2")); got != second && got != "error" { // five at a time, then throttled
				t.Errorf("at the same time: %s, want %s", got, second)
			}
		})
	}
	wg.Wait()
	services := 0
	for _, dn := range w.server.Binds() {
		if dn == serviceDN {
			services++
		}
	}
	if services > 2+24 {
		t.Errorf("%d binds of the service account", services)
	}
}
