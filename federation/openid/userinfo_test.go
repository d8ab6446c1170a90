package openid_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/federation/fedtest"
	"eidgate/federation/openid"
)

// asksUserInfo has the bench ask for userinfo, as one of the provider's clients.
func (b *bench) asksUserInfo(t *testing.T, client string) {
	t.Helper()
	keys := ownKeys()
	b.settings.ClientID, b.settings.UserInfo, b.settings.EncryptionKeys = client, true, keys.enc[:]
	b.settings.Person = openid.PersonClaims{Number: "so_dinh_danh", Name: "name", BirthDate: "birthdate"}
	b.renew(t)
}

var whole = federation.Person{Number: "001203000001", Name: "Người Giả Định", BirthDate: "2003-02-01"}

func TestUserInfo(t *testing.T) {
	b := newBench(t, jose.ES256)
	for _, client := range []string{clientID, "signed", "sealed-rsa", "sealed-ec", "both"} {
		t.Run(client, func(t *testing.T) {
			b.asksUserInfo(t, client)
			step, err := b.signIn(t, federation.Request{})
			if err != nil || step.Assertion == nil || step.Assertion.Person != whole {
				t.Errorf("sign-in = %v, want an assertion of the whole person", err)
			}
		})
	}
}

// What is not asked at userinfo is taken from the ID token; a claim that is not
// there stays empty.
func TestPersonOfTheIDToken(t *testing.T) {
	b := newBench(t, jose.ES256)
	b.settings.Person = openid.PersonClaims{Number: "so_dinh_danh", Name: "name", BirthDate: "birthdate"}
	b.renew(t)
	b.provider.Tamper(fedtest.Set("name", "Tên Khác"), fedtest.Set("birthdate", nil))
	step, err := b.signIn(t, federation.Request{})
	if err != nil || step.Assertion.Person != (federation.Person{Name: "Tên Khác"}) {
		t.Errorf("sign-in = %v, want the name alone", err)
	}
	if got := b.provider.Calls(fedtest.PathUserInfo); got != 0 {
		t.Errorf("userinfo was asked %d times, want 0", got)
	}
}

func TestUserInfoRefused(t *testing.T) {
	b := newBench(t, jose.ES256)
	set, without := fedtest.Set, fedtest.Without
	for name, tt := range map[string]struct {
		client    string
		tampering fedtest.Tampering
		signing   fedtest.Signing
	}{
		"another person":         {clientID, set("sub", "u-2"), 0},
		"nobody":                 {clientID, without("sub"), 0},
		"empty subject":          {clientID, set("sub", ""), 0},
		"signed, sub a number":   {"signed", set("sub", 1), 0},
		"number as a number":     {clientID, set("so_dinh_danh", 1203000001), 0},
		"name a list":            {clientID, set("name", []string{"a"}), 0},
		"name very long":         {clientID, set("name", strings.Repeat("a", 256)), 0},
		"name of two lines":      {clientID, set("name", "a\r\nb"), 0},
		"signed, another issuer": {"signed", set("iss", "https://other.example"), 0},
		"signed, no issuer":      {"signed", without("iss"), 0},
		"signed, other audience": {"signed", set("aud", "other"), 0},
		"signed, no audience":    {"signed", without("aud"), 0},
		"signed, expired":        {"signed", set("exp", 1), 0},
		"signed, other person":   {"signed", set("sub", "u-2"), 0},
		"none":                   {"signed", nil, fedtest.SignNone},
		"HS256":                  {"signed", nil, fedtest.SignHS256},
		"foreign key":            {"signed", nil, fedtest.SignForeignKey},
		"key in the header":      {"signed", nil, fedtest.SignEmbeddedKey},
		"foreign key inside":     {"both", nil, fedtest.SignForeignKey},
		"none inside":            {"both", nil, fedtest.SignNone},
		"sealed, other person":   {"sealed-ec", set("sub", "u-2"), 0},
		"sealed otherwise":       {"weak", nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b.asksUserInfo(t, tt.client)
			b.provider.Behave()
			if tt.tampering != nil {
				b.provider.TamperUserInfo(tt.tampering)
			}
			b.provider.SignUserInfo(tt.signing)
			step, err := b.signIn(t, federation.Request{})
			refused(t, step, err, federation.ErrUntrusted, "001203000001", "Người")
		})
	}
	t.Run("sealed to a key that is gone", func(t *testing.T) {
		b.provider.Behave()
		b.asksUserInfo(t, "sealed-ec")
		b.settings.EncryptionKeys = b.settings.EncryptionKeys[:1]
		b.renew(t)
		step, err := b.signIn(t, federation.Request{})
		refused(t, step, err, federation.ErrUntrusted)
	})
}

func TestUserInfoBroken(t *testing.T) {
	b := newBench(t, jose.ES256)
	b.asksUserInfo(t, clientID)
	for name, how := range map[string]fedtest.Breakage{
		"garbage": fedtest.Garbage, "100 MB": fedtest.Huge, "500": fedtest.Failing, "refusing": fedtest.Refusing, "redirects away": fedtest.Redirects,
	} {
		t.Run(name, func(t *testing.T) {
			b.provider.RedirectTo("http://localhost:1/inner")
			b.provider.Break(fedtest.PathUserInfo, how)
			step, err := b.signIn(t, federation.Request{})
			refused(t, step, err, nil)
		})
	}
	b.provider.Behave()
	b.provider.TamperDiscovery(fedtest.Without("userinfo_endpoint"))
	b.renew(t)
	step, err := b.signIn(t, federation.Request{})
	refused(t, step, err, federation.ErrDown)
	b.provider.TamperDiscovery()
	b.renew(t)
	if step, err := b.signIn(t, federation.Request{}); err != nil || step.Assertion == nil {
		t.Errorf("sign-in afterwards = %v, want an assertion", err)
	}
}

// The essential form asks for the one value, and not for the wish as well.
func TestEssentialACR(t *testing.T) {
	b := newBench(t, jose.ES256)
	b.settings.EssentialACR = true
	b.renew(t)
	_, target := b.begin(t, federation.Request{Level: eid.Level2})
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"id_token":{"acr":{"essential":true,"values":["` + loa2 + `"]}}}`
	if got := u.Query(); got.Get("claims") != want || got.Has("acr_values") {
		t.Errorf("claims = %q, acr_values %q, want %s alone", got.Get("claims"), got["acr_values"], want)
	}
	if step, err := b.signIn(t, federation.Request{}); err != nil || step.Assertion == nil || errors.Is(err, federation.ErrUntrusted) {
		t.Errorf("sign-in = %+v, %v, want an assertion", step, err)
	}
}
