package saml_test

import (
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	crewjam "github.com/crewjam/saml"
	"github.com/google/go-cmp/cmp"

	"eidgate/federation"
	"eidgate/federation/fedtest"
	"eidgate/federation/saml"
)

// arrive hands what a browser brings to the source's address to Hear.
func (b *bench) arrive(t testing.TB, address string) (federation.Notice, error) {
	t.Helper()
	at, query, _ := strings.Cut(address, "?")
	if at != slo {
		t.Fatalf("the provider sends to %s, want %s", at, slo)
	}
	return b.Hear(t.Context(), federation.Incoming{Address: slo, RawQuery: query, Now: b.clock.Now()})
}

// signedIn is an assertion of person two and the browser that brought it.
func (b *bench) signedIn(t *testing.T) (*federation.Assertion, *http.Client) {
	t.Helper()
	client := browser(t)
	req, step := b.begin(t, federation.Request{})
	got, err := b.end(t.Context(), req, b.visit(t, client, step, "two", "pw-2"))
	if err != nil {
		t.Fatal(err)
	}
	return got.Assertion, client
}

// index is the provider's own name for the session of an assertion.
func index(t *testing.T, a *federation.Assertion) string {
	t.Helper()
	var kept struct {
		Index string `json:"session_index"`
	}
	if err := json.Unmarshal(a.Logout, &kept); err != nil || kept.Index == "" {
		t.Fatalf("Logout = %s, %v, want a session's index", a.Logout, err)
	}
	return kept.Index
}

func TestLogoutThere(t *testing.T) {
	b := newBench(t)
	assertion, client := b.signedIn(t)
	to, err := b.Logout(t.Context(), federation.LogoutRequest{State: "back+/ =", Memory: assertion.Logout, Address: slo, Now: b.clock.Now()})
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Get(to)
	if body := read(t, res, err); res.StatusCode != http.StatusSeeOther {
		t.Fatalf("the provider answered %d %s, want a redirect", res.StatusCode, body)
	}
	notice, err := b.arrive(t, res.Header.Get("Location"))
	if diff := cmp.Diff(notice, federation.Notice{Return: "back+/ ="}); err != nil || diff != "" {
		t.Errorf("Hear() (-got +want):\n%s%v", diff, err)
	}
	// The answer is one to this state only.
	for _, change := range [][2]string{{"RelayState=back", "RelayState=else"}, {"RelayState=", "State="}} {
		if notice, err := b.arrive(t, strings.Replace(res.Header.Get("Location"), change[0], change[1], 1)); !errors.Is(err, federation.ErrUntrusted) {
			t.Errorf("Hear(%s) = %+v, %v, want %v", change[1], notice, err, federation.ErrUntrusted)
		}
	}
	// Over there it is over.
	_, step := b.begin(t, federation.Request{})
	res, err = client.Get(step.Redirect)
	if !strings.Contains(read(t, res, err), fedtest.PathSAMLLogin) {
		t.Error("the provider asks nobody to sign in after a logout")
	}
}

func TestNothingToLogOut(t *testing.T) {
	b := newBench(t)
	if to, err := b.Logout(t.Context(), federation.LogoutRequest{State: "s", Now: b.clock.Now()}); to != "" || err != nil {
		t.Errorf("Logout(nothing) = %q, %v, want nothing", to, err)
	}
	if to, err := b.Logout(t.Context(), federation.LogoutRequest{State: "s", Memory: []byte("{"), Now: b.clock.Now()}); to != "" || err == nil {
		t.Errorf("Logout(garbage) = %q, %v, want an error", to, err)
	}
	assertion, _ := b.signedIn(t)
	b.idp.Misbehave(fedtest.SAMLFaults{Metadata: func(e *crewjam.EntityDescriptor) { e.IDPSSODescriptors[0].SingleLogoutServices = nil }})
	b.renew(t)
	if to, err := b.Logout(t.Context(), federation.LogoutRequest{State: "s", Memory: assertion.Logout, Now: b.clock.Now()}); to != "" || err != nil {
		t.Errorf("Logout(no endpoint) = %q, %v, want nothing", to, err)
	}
}

func TestLogoutFromThere(t *testing.T) {
	b := newBench(t)
	assertion, _ := b.signedIn(t)
	other, _ := b.signedIn(t)
	if assertion.Session == other.Session {
		t.Fatalf("two sessions have the name %q", other.Session)
	}
	for name, byPost := range map[string]bool{"redirect": false, "post": true} {
		t.Run(name, func(t *testing.T) {
			hear := func(index string) federation.Notice {
				in := federation.Incoming{Address: slo, Now: b.clock.Now()}
				var err error
				if byPost {
					in.Form, err = b.idp.LogoutByPost(entity, "p-2", index, "their state+")
				} else {
					var to string
					to, err = b.idp.LogoutByRedirect(entity, "p-2", index, "their state+")
					_, in.RawQuery, _ = strings.Cut(to, "?")
				}
				if err != nil {
					t.Fatal(err)
				}
				notice, err := b.Hear(t.Context(), in)
				if err != nil {
					t.Fatal(err)
				}
				return notice
			}
			one := hear(index(t, assertion))
			if diff := cmp.Diff(one.Sessions, []string{assertion.Session}); diff != "" || one.Subject != "" || one.Return != "" {
				t.Errorf("Hear(one session) = %+v, want that session only:\n%s", one, diff)
			}
			if !strings.HasPrefix(one.Once, "id-") || !one.Until.Equal(b.theirs.Now().Add(3*time.Minute)) {
				t.Errorf("Once %q until %v, want the request's ID until its end and a minute", one.Once, one.Until)
			}
			if one.Answer == nil || one.Answer.Redirect == "" {
				t.Fatalf("Answer = %+v, want a redirect", one.Answer)
			}
			res, err := browser(t).Get(one.Answer.Redirect)
			if body := read(t, res, err); body != "signed out\n" || !strings.Contains(one.Answer.Redirect, "RelayState=their+state%2B") {
				t.Errorf("the provider says %q to %s, want signed out, with its state", body, one.Answer.Redirect)
			}
			all := hear("")
			if all.Subject != "p-2" || len(all.Sessions) != 0 {
				t.Errorf("Hear(all sessions) = %+v, want those of the person", all)
			}
		})
	}
}

// The holder signs out at the provider's own page.
func TestLogoutByTheHolderThere(t *testing.T) {
	b := newBench(t)
	assertion, client := b.signedIn(t)
	res, err := client.Get(strings.TrimSuffix(b.idp.EntityID(), fedtest.PathSAMLMetadata) + fedtest.PathSAMLLogout)
	read(t, res, err)
	notice, err := b.arrive(t, res.Header.Get("Location"))
	if diff := cmp.Diff(notice.Sessions, []string{assertion.Session}); err != nil || diff != "" {
		t.Errorf("Hear() (-got +want):\n%s%v", diff, err)
	}
}

// Where an attribute is the subject, the name alone tells sessions.
func TestLogoutWithAnotherSubject(t *testing.T) {
	b := newBench(t, func(s *saml.Settings) { s.SubjectAttribute, s.NameIDFormat = "uid", "" })
	assertion, _ := b.signedIn(t)
	for _, index := range []string{"", "1", "another"} {
		to, err := b.idp.LogoutByRedirect(entity, "p-2", index, "")
		if err != nil {
			t.Fatal(err)
		}
		notice, err := b.arrive(t, to)
		if diff := cmp.Diff(notice.Sessions, []string{assertion.Session}); err != nil || diff != "" || notice.Subject != "" {
			t.Errorf("Hear(index %q) = %+v, %v, want the session", index, notice, err)
		}
	}
}

func TestAnswerByPost(t *testing.T) {
	b := newBench(t)
	b.idp.Misbehave(fedtest.SAMLFaults{Metadata: func(e *crewjam.EntityDescriptor) {
		post := &e.IDPSSODescriptors[0].SingleLogoutServices[1]
		post.ResponseLocation = post.Location + "/done"
		e.IDPSSODescriptors[0].SingleLogoutServices = []crewjam.Endpoint{*post}
	}})
	to, err := b.idp.LogoutByRedirect(entity, "p-2", "1", "")
	if err != nil {
		t.Fatal(err)
	}
	notice, err := b.arrive(t, to)
	if err != nil || notice.Answer == nil || notice.Answer.Post == nil || !strings.HasSuffix(notice.Answer.Post.Address, fedtest.PathSAMLLogout+"/done") {
		t.Fatalf("Hear() = %+v, %v, want a form to the address for answers", notice, err)
	}
	raw, err := base64.StdEncoding.DecodeString(notice.Answer.Post.Fields["SAMLResponse"])
	if err != nil {
		t.Fatal(err)
	}
	var answer crewjam.LogoutResponse
	if err := xml.Unmarshal(raw, &answer); err != nil || answer.Status.StatusCode.Value != crewjam.StatusSuccess || !strings.Contains(string(raw), "SignatureValue") {
		t.Errorf("answer = %s, %v, want a signed success", raw, err)
	}
}

func TestForgedLogouts(t *testing.T) {
	b := newBench(t)
	b.signedIn(t)
	logout := func(change func(*crewjam.LogoutRequest)) fedtest.SAMLFaults {
		return fedtest.SAMLFaults{Logout: change}
	}
	past := b.theirs.Now().Add(-2 * time.Minute)
	for name, faults := range map[string]fedtest.SAMLFaults{
		"unsigned":           {Sign: fedtest.SAMLSignsNothing},
		"an attacker's key":  {Foreign: true},
		"SHA-1":              {Method: "http://www.w3.org/2000/09/xmldsig#rsa-sha1"},
		"elsewhere":          {Logout: func(r *crewjam.LogoutRequest) { r.Destination = slo + "2" }},
		"another issuer":     logout(func(r *crewjam.LogoutRequest) { r.Issuer.Value = "urn:x" }),
		"expired":            logout(func(r *crewjam.LogoutRequest) { r.NotOnOrAfter = &past }),
		"old":                logout(func(r *crewjam.LogoutRequest) { r.NotOnOrAfter, r.IssueInstant = nil, past.Add(-5*time.Minute) }),
		"of tomorrow":        logout(func(r *crewjam.LogoutRequest) { r.IssueInstant = r.IssueInstant.Add(2 * time.Minute) }),
		"nobody":             logout(func(r *crewjam.LogoutRequest) { r.NameID = &crewjam.NameID{} }),
		"of another service": logout(func(r *crewjam.LogoutRequest) { r.NameID.SPNameQualifier = "urn:x" }),
		"a transient name":   logout(func(r *crewjam.LogoutRequest) { r.NameID.Format = string(crewjam.TransientNameIDFormat) }),
	} {
		t.Run(name, func(t *testing.T) {
			b.idp.Misbehave(faults)
			to, err := b.idp.LogoutByRedirect(entity, "p-2", "1", "")
			if err != nil {
				t.Fatal(err)
			}
			_, query, _ := strings.Cut(to, "?")
			form, err := b.idp.LogoutByPost(entity, "p-2", "1", "")
			if err != nil {
				t.Fatal(err)
			}
			for _, in := range []federation.Incoming{{RawQuery: query}, {Form: form}} {
				in.Address, in.Now = slo, b.clock.Now()
				notice, err := b.Hear(t.Context(), in)
				if diff := cmp.Diff(notice, federation.Notice{}); !errors.Is(err, federation.ErrUntrusted) || diff != "" {
					t.Errorf("Hear() = %+v, %v, want nothing, %v", notice, err, federation.ErrUntrusted)
				}
			}
		})
	}
}

// The signature of a query is over its bytes; whatever else is in it is not read.
func TestTamperedQueries(t *testing.T) {
	b := newBench(t)
	b.signedIn(t)
	to, err := b.idp.LogoutByRedirect(entity, "p-2", "1", "state")
	if err != nil {
		t.Fatal(err)
	}
	_, query, _ := strings.Cut(to, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	without := func(name string) string {
		rest := url.Values{}
		for key := range values {
			if key != name {
				rest[key] = values[key]
			}
		}
		return rest.Encode()
	}
	form, err := b.idp.LogoutByPost(entity, "p-2", "1", "")
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"nothing":           "",
		"no signature":      without("Signature"),
		"no algorithm":      without("SigAlg"),
		"no message":        without("SAMLRequest"),
		"no state":          without("RelayState"),
		"another state":     strings.Replace(query, "RelayState=state", "RelayState=other", 1),
		"SHA-1":             strings.Replace(query, "rsa-sha256", "rsa-sha1", 1),
		"twice":             query + "&SAMLRequest=" + url.QueryEscape(values.Get("SAMLRequest")),
		"two states":        query + "&RelayState=state",
		"request as answer": strings.Replace(query, "SAMLRequest=", "SAMLResponse=", 1),
		"both":              query + "&SAMLResponse=x",
		"a bomb":            "SAMLRequest=" + url.QueryEscape(bomb(t)) + "&SigAlg=" + url.QueryEscape(values.Get("SigAlg")) + "&Signature=AAAA",
	} {
		t.Run(name, func(t *testing.T) {
			notice, err := b.Hear(t.Context(), federation.Incoming{Address: slo, RawQuery: bad, Now: b.clock.Now()})
			if !errors.Is(err, federation.ErrUntrusted) {
				t.Errorf("Hear() = %+v, %v, want %v", notice, err, federation.ErrUntrusted)
			}
		})
	}
	for name, bad := range map[string]url.Values{
		"empty": {}, "twice": {"SAMLRequest": {form.Get("SAMLRequest"), form.Get("SAMLRequest")}},
		"as an answer": {"SAMLResponse": form["SAMLRequest"]}, "both": {"SAMLResponse": form["SAMLRequest"], "SAMLRequest": form["SAMLRequest"]},
		"CAS": {"logoutRequest": {"<x/>"}}, "endless": {"SAMLRequest": {strings.Repeat("A", 1<<20)}}, "two states": {"SAMLRequest": form["SAMLRequest"], "RelayState": {"a", "b"}},
	} {
		t.Run("posted "+name, func(t *testing.T) {
			notice, err := b.Hear(t.Context(), federation.Incoming{Address: slo, Form: bad, Now: b.clock.Now()})
			if !errors.Is(err, federation.ErrUntrusted) {
				t.Errorf("Hear() = %+v, %v, want %v", notice, err, federation.ErrUntrusted)
			}
		})
	}
	// An assertion's own signature makes no logout of it.
	req, step := b.begin(t, federation.Request{})
	answer := b.visit(t, browser(t), step, "two", "pw-2")
	for _, name := range []string{"SAMLRequest", "SAMLResponse"} {
		in := federation.Incoming{Address: slo, Form: url.Values{name: {assertionAlone(t, answer.Get("SAMLResponse"))}, "RelayState": {req.State}}, Now: b.clock.Now()}
		if notice, err := b.Hear(t.Context(), in); !errors.Is(err, federation.ErrUntrusted) {
			t.Errorf("Hear(an assertion as %s) = %+v, %v, want %v", name, notice, err, federation.ErrUntrusted)
		}
	}
	if notice, err := b.arrive(t, to+"&utm=1"); err != nil || len(notice.Sessions) != 1 {
		t.Errorf("Hear(with a parameter of nobody's) = %+v, %v, want the session", notice, err)
	}
}

// assertionAlone is the assertion of a Response, with the namespaces it needs.
func assertionAlone(t *testing.T, response string) string {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(response)
	if err != nil {
		t.Fatal(err)
	}
	doc := etree.NewDocument()
	if err := doc.ReadFromBytes(raw); err != nil {
		t.Fatal(err)
	}
	alone := doc.Root().SelectElement("Assertion").Copy()
	alone.CreateAttr("xmlns:saml", "urn:oasis:names:tc:SAML:2.0:assertion")
	if raw, err = etree.NewDocumentWithRoot(alone).WriteToBytes(); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(raw)
}
