package saml_test

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/xml"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	crewjam "github.com/crewjam/saml"
	"github.com/crewjam/saml/xmlenc"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/federation/fedtest"
	"eidgate/federation/saml"
)

func TestSignIn(t *testing.T) {
	for name, tt := range map[string]struct {
		settings func(*saml.Settings)
		faults   fedtest.SAMLFaults
	}{
		"redirect":              {},
		"post":                  {settings: func(s *saml.Settings) { s.Binding = saml.BindingPost }},
		"both signed":           {faults: fedtest.SAMLFaults{Sign: fedtest.SAMLSignsBoth}},
		"response signed":       {settings: responseSigned, faults: fedtest.SAMLFaults{Sign: fedtest.SAMLSignsResponse}},
		"both, response wanted": {settings: responseSigned, faults: fedtest.SAMLFaults{Sign: fedtest.SAMLSignsBoth}},
		"no key named":          {faults: fedtest.SAMLFaults{NoKeyInfo: true}},
		"RSA with SHA-512":      {faults: fedtest.SAMLFaults{Method: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"}},
		"AES-128-GCM":           {faults: fedtest.SAMLFaults{Encrypt: fedtest.GCM{Method: fedtest.AES128GCM}}},
		"AES-256-GCM, own mask": {faults: fedtest.SAMLFaults{Encrypt: fedtest.GCM{Method: fedtest.AES256GCM, Mask: true}}},
		"AES-128-CBC":           {faults: fedtest.SAMLFaults{Encrypt: oaep(xmlenc.AES128CBC)}},
		"AES-256-CBC":           {faults: fedtest.SAMLFaults{Encrypt: oaep(xmlenc.AES256CBC)}},
		"encrypted and signed around": {settings: responseSigned,
			faults: fedtest.SAMLFaults{Sign: fedtest.SAMLSignsResponse, Encrypt: oaep(xmlenc.AES256CBC)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			if tt.settings != nil {
				tt.settings(&b.settings)
				b.renew(t)
			}
			b.idp.Misbehave(tt.faults)
			req, step := b.begin(t, federation.Request{Level: eid.Level2})
			b.theirs.advance(7 * time.Second)
			b.clock.advance(9 * time.Second)
			got, err := b.end(t.Context(), req, b.visit(t, browser(t), step, "two", "pw-2"))
			if err != nil {
				t.Fatal(err)
			}
			want := federation.Step{Assertion: &federation.Assertion{
				Subject: "p-2", Level: eid.Level2, Methods: []string{"pwd", "otp"}, At: b.theirs.Now(), Anew: true,
				Person:    federation.Person{Number: "001203000002", Name: "Nguyễn Thị Giả Định", BirthDate: "02/09/2003"},
				OnceUntil: b.theirs.Now().Add(3 * time.Minute),
			}}
			ours := cmpopts.IgnoreFields(federation.Assertion{}, "Once", "Session", "Logout")
			if diff := cmp.Diff(got, want, ours); diff != "" {
				t.Errorf("Finish() (-got +want):\n%s", diff)
			}
			if a := got.Assertion; !strings.HasPrefix(a.Once, "id-") || len(a.Session) != 64 || len(a.Logout) == 0 {
				t.Errorf("Once %q, Session %q, Logout of %d bytes: want the assertion's ID, a SHA-256 and something", a.Once, a.Session, len(a.Logout))
			}
		})
	}
}

func responseSigned(s *saml.Settings) { s.Signed = saml.SignedResponse }

// oaep encrypts keys as xmlenc#rsa-oaep-mgf1p does by default.
func oaep(block xmlenc.BlockCipher) xmlenc.Encrypter {
	e := xmlenc.OAEP()
	e.BlockCipher, e.DigestMethod = block, xmlenc.SHA1
	return e
}

// authnRequest is what of a request the tests look at.
type authnRequest struct {
	ID          string `xml:",attr"`
	Destination string `xml:",attr"`
	ACS         string `xml:"AssertionConsumerServiceURL,attr"`
	Force       string `xml:"ForceAuthn,attr"`
	Issuer      string `xml:"Issuer"`
	Policy      struct {
		Format string `xml:",attr"`
	} `xml:"NameIDPolicy"`
	Requested requested `xml:"RequestedAuthnContext"`
}

type requested struct {
	Comparison string   `xml:",attr"`
	Contexts   []string `xml:"AuthnContextClassRef"`
}

func TestAuthnRequest(t *testing.T) {
	b := newBench(t)
	for name, tt := range map[string]struct {
		settings func(*saml.Settings)
		req      federation.Request
		want     authnRequest
	}{
		"level 1, or what is above": {req: federation.Request{Level: eid.Level1},
			want: authnRequest{Requested: requested{"exact", []string{loa1, loa2}}}},
		"level 2, fresh, hint kept back": {req: federation.Request{Level: eid.Level2, Fresh: true, Hint: eid.NewSecret("001203000001")},
			want: authnRequest{Requested: requested{"exact", []string{loa2}}, Force: "true"}},
		"at least level 1": {settings: func(s *saml.Settings) { s.Comparison = saml.ComparisonMinimum }, req: federation.Request{Level: eid.Level1},
			want: authnRequest{Requested: requested{"minimum", []string{loa1}}}},
		"nothing asked": {settings: func(s *saml.Settings) { s.RequestACR, s.NameIDFormat, s.SubjectAttribute = nil, "", "uid" },
			req: federation.Request{Level: eid.Level2}},
		"a name of its own": {settings: func(s *saml.Settings) { s.EntityID, s.RequestACR = "urn:vn:synthetic:gateway", nil },
			want: authnRequest{Issuer: "urn:vn:synthetic:gateway"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := *b
			if tt.settings != nil {
				tt.settings(&c.settings)
			}
			c.renew(t)
			req, step := c.begin(t, tt.req)
			u, err := url.Parse(step.Redirect)
			if err != nil {
				t.Fatal(err)
			}
			if got := u.Query().Get("RelayState"); got != req.State {
				t.Errorf("RelayState = %q, want %q", got, req.State)
			}
			packed, err := base64.StdEncoding.DecodeString(u.Query().Get("SAMLRequest"))
			if err != nil {
				t.Fatal(err)
			}
			raw, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
			if err != nil {
				t.Fatal(err)
			}
			var got authnRequest
			if err := xml.Unmarshal(raw, &got); err != nil {
				t.Fatal(err)
			}
			if len(got.ID) < 26 || !strings.Contains(string(req.Memory), got.ID) {
				t.Errorf("ID %q: want 128 bits at least, and kept", got.ID)
			}
			if strings.Contains(string(raw), "001203000001") {
				t.Error("the request holds the hint")
			}
			tt.want.ID, tt.want.ACS, tt.want.Policy.Format = got.ID, callback, c.settings.NameIDFormat
			tt.want.Destination = strings.TrimSuffix(c.idp.EntityID(), fedtest.PathSAMLMetadata) + fedtest.PathSAMLSignOn
			if tt.want.Issuer == "" {
				tt.want.Issuer = entity
			}
			if diff := cmp.Diff(got, tt.want); diff != "" {
				t.Errorf("request (-got +want):\n%s", diff)
			}
			// The provider checks the signature.
			c.visit(t, browser(t), step, "two", "pw-2")
		})
	}
}

func TestSubjectAndLevelFromAttributes(t *testing.T) {
	b := newBench(t, func(s *saml.Settings) {
		s.SubjectAttribute, s.NameIDFormat = "uid", ""
		s.LevelAttribute, s.Levels = "mucDo", map[string]eid.Level{"hai": eid.Level1}
	})
	step, err := b.signIn(t, federation.Request{})
	if err != nil || step.Assertion.Subject != "legacy-2" || step.Assertion.Level != eid.Level1 {
		t.Errorf("Finish() = %+v, %v, want legacy-2 at the lower of the two levels", step.Assertion, err)
	}
}

// A name without a format is one of no particular format.
func TestUnspecifiedName(t *testing.T) {
	unspecified := "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
	b := newBench(t, func(s *saml.Settings) { s.NameIDFormat = unspecified })
	for _, format := range []string{"", unspecified} {
		b.idp.Misbehave(fedtest.SAMLFaults{Assertion: func(a *crewjam.Assertion) { a.Subject.NameID.Format = format }})
		if step, err := b.signIn(t, federation.Request{}); err != nil || step.Assertion.Subject != "p-2" {
			t.Errorf("format %q: Finish() = %+v, %v, want p-2", format, step.Assertion, err)
		}
	}
}

func TestFreshSignInAtALivingSession(t *testing.T) {
	b := newBench(t)
	client := browser(t)
	req, step := b.begin(t, federation.Request{})
	if _, err := b.end(t.Context(), req, b.visit(t, client, step, "two", "pw-2")); err != nil {
		t.Fatal(err)
	}
	earlier := b.clock.Now()
	b.clock.advance(10 * time.Minute)
	b.theirs.advance(10 * time.Minute)

	// The provider's own session answers, and its age is told.
	req, step = b.begin(t, federation.Request{})
	values := b.visit(t, client, step, "", "")
	got, err := b.end(t.Context(), req, values)
	if err != nil || !got.Assertion.At.Equal(earlier) {
		t.Errorf("Finish() = %+v, %v, want an assertion of %v", got.Assertion, err, earlier)
	}
	// A fresh one is not what that session can answer.
	req, step = b.begin(t, federation.Request{Fresh: true})
	got, err = b.end(t.Context(), req, b.visit(t, client, step, "two", "pw-2"))
	if err != nil || !got.Assertion.At.Equal(b.clock.Now()) {
		t.Errorf("Finish(fresh) = %+v, %v, want an assertion of now", got.Assertion, err)
	}
}

// A provider whose clock differs by less than a minute is believed; what it says
// lies in the future is taken for now.
func TestClocksApart(t *testing.T) {
	for _, apart := range []time.Duration{-50 * time.Second, 50 * time.Second} {
		b := newBench(t)
		b.theirs.advance(apart)
		step, err := b.signIn(t, federation.Request{Fresh: true})
		if err != nil || step.Assertion.At.After(b.clock.Now()) {
			t.Errorf("%v apart: Finish() = %+v, %v, want an assertion not in the future", apart, step.Assertion, err)
		}
	}
	b := newBench(t)
	b.theirs.advance(-2 * time.Minute)
	step, err := b.signIn(t, federation.Request{})
	refused(t, step, err, federation.ErrUntrusted)
}

func TestOrigins(t *testing.T) {
	b := newBench(t)
	if got := b.Origins(); got != nil {
		t.Errorf("Origins() before the metadata = %v, want none", got)
	}
	b.begin(t, federation.Request{})
	if diff := cmp.Diff(b.Origins(), []string{strings.TrimSuffix(b.idp.EntityID(), fedtest.PathSAMLMetadata)}); diff != "" {
		t.Errorf("Origins() (-got +want):\n%s", diff)
	}
}

func TestCancelled(t *testing.T) {
	b := newBench(t)
	req, step := b.begin(t, federation.Request{})
	got, err := b.end(t.Context(), req, b.visit(t, browser(t), step, "", ""))
	refused(t, got, err, federation.ErrDenied)
}
