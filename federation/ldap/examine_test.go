package ldap_test

import (
	"crypto/x509"
	"errors"
	"testing"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/federation/fedtest"
	"eidgate/federation/ldap"
)

func TestExamine(t *testing.T) {
	server := fedtest.StartLDAP(t, directory(true))
	dial := dialer(t, server.Address())
	sound := settings(server)
	if err := ldap.Examine(t.Context(), sound, dial); err != nil {
		t.Fatalf("Examine() = %v, want nil", err)
	}
	direct := sound
	direct.BindDN, direct.BindPassword, direct.BindAs = "", eid.Secret{}, "uid={login},"+base
	if err := ldap.Examine(t.Context(), direct, dial); err != nil {
		t.Errorf("without a service account: %v, want nil", err)
	}
	strange := sound
	strange.CA = ""
	var unknown x509.UnknownAuthorityError
	if err := ldap.Examine(t.Context(), strange, dial); !errors.As(err, &unknown) {
		t.Errorf("another authority: %v, want UnknownAuthorityError", err)
	}
	refused := sound
	refused.BindDN = "cn=another,dc=example,dc=vn"
	if err := ldap.Examine(t.Context(), refused, dial); !errors.Is(err, federation.ErrDown) {
		t.Errorf("service account refused: %v, want ErrDown", err)
	}
	server.TakeAnything()
	if err := ldap.Examine(t.Context(), sound, dial); !errors.Is(err, federation.ErrUntrusted) {
		t.Errorf("takes any password: %v, want ErrUntrusted", err)
	}
	w := startWith(t, server)
	if step, err := w.try("nobody", "x"); step.Assertion != nil || !errors.Is(err, federation.ErrUntrusted) {
		t.Errorf("sign-in there: %+v, %v, want ErrUntrusted", step, err)
	}
}
