package saml_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	crewjam "github.com/crewjam/saml"
	"github.com/crewjam/saml/xmlenc"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/federation/fedtest"
	"eidgate/federation/saml"
)

// Whatever a provider, or somebody on the way, makes of an answer: nothing is
// believed of it, and the error tells nothing of it.
func TestForgedAnswers(t *testing.T) {
	b := newBench(t)
	for name, faults := range forgeries(b) {
		t.Run(name, func(t *testing.T) {
			b.idp.Misbehave(faults)
			step, err := b.signIn(t, federation.Request{Level: eid.Level2})
			refused(t, step, err, federation.ErrUntrusted)
		})
	}
	b.idp.Behave()
	if step, err := b.signIn(t, federation.Request{}); err != nil || step.Assertion == nil {
		t.Errorf("sign-in afterwards = %+v, %v, want an assertion", step, err)
	}
}

func forgeries(b *bench) map[string]fedtest.SAMLFaults {
	now := b.theirs.Now()
	assertion := func(change func(*crewjam.Assertion)) fedtest.SAMLFaults { return fedtest.SAMLFaults{Assertion: change} }
	response := func(change func(*crewjam.Response)) fedtest.SAMLFaults { return fedtest.SAMLFaults{Response: change} }
	confirmation := func(change func(*crewjam.SubjectConfirmationData)) fedtest.SAMLFaults {
		return assertion(func(a *crewjam.Assertion) { change(a.Subject.SubjectConfirmations[0].SubjectConfirmationData) })
	}
	document := func(change func(*etree.Element)) fedtest.SAMLFaults { return fedtest.SAMLFaults{Document: change} }
	all := map[string]fedtest.SAMLFaults{
		"nothing signed":         {Sign: fedtest.SAMLSignsNothing},
		"only the Response":      {Sign: fedtest.SAMLSignsResponse},
		"an attacker's key":      {Foreign: true},
		"an attacker's, unnamed": {Foreign: true, NoKeyInfo: true},
		"SHA-1":                  {Method: "http://www.w3.org/2000/09/xmldsig#rsa-sha1"},
		"RSA 1.5 for the key":    {Encrypt: xmlenc.PKCS1v15()},
		"encrypted, not signed":  {Sign: fedtest.SAMLSignsNothing, Encrypt: oaep(xmlenc.AES256CBC)},
		"SHA-1 under encryption": {Method: "http://www.w3.org/2000/09/xmldsig#rsa-sha1", Encrypt: oaep(xmlenc.AES256CBC)},
		"triple DES":             {Encrypt: oaep(xmlenc.TripleDES)},
		"level missing":          assertion(func(a *crewjam.Assertion) { a.AuthnStatements[0].AuthnContext.AuthnContextClassRef = nil }),
		"level unknown":          assertion(func(a *crewjam.Assertion) { a.AuthnStatements[0].AuthnContext.AuthnContextClassRef.Value = loa2 + "2" }),
		"level in capitals": assertion(func(a *crewjam.Assertion) {
			a.AuthnStatements[0].AuthnContext.AuthnContextClassRef.Value = strings.ToUpper(loa2)
		}),
		"two authentications": assertion(func(a *crewjam.Assertion) { a.AuthnStatements = append(a.AuthnStatements, a.AuthnStatements[0]) }),
		"none":                assertion(func(a *crewjam.Assertion) { a.AuthnStatements = nil }),
		"authenticated later": assertion(func(a *crewjam.Assertion) { a.AuthnStatements[0].AuthnInstant = now.Add(2 * time.Minute) }),
		"session over": assertion(func(a *crewjam.Assertion) {
			over := now.Add(-2 * time.Minute)
			a.AuthnStatements[0].SessionNotOnOrAfter = &over
		}),
		"another issuer":   assertion(func(a *crewjam.Assertion) { a.Issuer.Value += "/" }),
		"issued before":    assertion(func(a *crewjam.Assertion) { a.IssueInstant = now.Add(-2 * time.Minute) }),
		"issued later":     assertion(func(a *crewjam.Assertion) { a.IssueInstant = now.Add(2 * time.Minute) }),
		"another audience": assertion(func(a *crewjam.Assertion) { a.Conditions.AudienceRestrictions[0].Audience.Value = entity + "2" }),
		"no audience":      assertion(func(a *crewjam.Assertion) { a.Conditions.AudienceRestrictions = nil }),
		"one audience of two": assertion(func(a *crewjam.Assertion) {
			a.Conditions.AudienceRestrictions = append(a.Conditions.AudienceRestrictions, crewjam.AudienceRestriction{Audience: crewjam.Audience{Value: "urn:x"}})
		}),
		"not yet": assertion(func(a *crewjam.Assertion) { a.Conditions.NotBefore = now.Add(2 * time.Minute) }),
		"expired": assertion(func(a *crewjam.Assertion) { a.Conditions.NotOnOrAfter = now.Add(-time.Minute) }),
		"not to be passed on": assertion(func(a *crewjam.Assertion) {
			zero := 0
			a.Conditions.ProxyRestriction = &crewjam.ProxyRestriction{Count: &zero}
		}),
		"no conditions":      assertion(func(a *crewjam.Assertion) { a.Conditions = &crewjam.Conditions{} }),
		"another recipient":  confirmation(func(d *crewjam.SubjectConfirmationData) { d.Recipient = callback + "2" }),
		"no recipient":       confirmation(func(d *crewjam.SubjectConfirmationData) { d.Recipient = "" }),
		"to another request": confirmation(func(d *crewjam.SubjectConfirmationData) { d.InResponseTo = "_another" }),
		"to none":            confirmation(func(d *crewjam.SubjectConfirmationData) { d.InResponseTo = "" }),
		"confirmed no more":  confirmation(func(d *crewjam.SubjectConfirmationData) { d.NotOnOrAfter = now.Add(-time.Minute) }),
		"confirmed later":    confirmation(func(d *crewjam.SubjectConfirmationData) { d.NotBefore = now.Add(-time.Minute) }),
		"no confirmation":    assertion(func(a *crewjam.Assertion) { a.Subject.SubjectConfirmations = nil }),
		"holder of a key": assertion(func(a *crewjam.Assertion) {
			a.Subject.SubjectConfirmations[0].Method = "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"
		}),
		"sender vouches": assertion(func(a *crewjam.Assertion) {
			a.Subject.SubjectConfirmations[0].Method = "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"
		}),
		"nobody":             assertion(func(a *crewjam.Assertion) { a.Subject.NameID.Value = " " }),
		"an endless name":    assertion(func(a *crewjam.Assertion) { a.Subject.NameID.Value = strings.Repeat("x", 256) }),
		"a name with a line": assertion(func(a *crewjam.Assertion) { a.Subject.NameID.Value = "p-2\u2028admin" }),
		"a transient name": assertion(func(a *crewjam.Assertion) {
			a.Subject.NameID.Format = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
		}),
		"an e-mail for a name": assertion(func(a *crewjam.Assertion) {
			a.Subject.NameID.Format = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
		}),
		"a name for another":     assertion(func(a *crewjam.Assertion) { a.Subject.NameID.SPNameQualifier = entity + "2" }),
		"a name of another":      assertion(func(a *crewjam.Assertion) { a.Subject.NameID.NameQualifier = "urn:x" }),
		"no ID":                  {Sign: fedtest.SAMLSignsNothing, Assertion: func(a *crewjam.Assertion) { a.ID = "" }},
		"response to another":    response(func(r *crewjam.Response) { r.InResponseTo = "_another" }),
		"unsolicited":            response(func(r *crewjam.Response) { r.InResponseTo = "" }),
		"response elsewhere":     response(func(r *crewjam.Response) { r.Destination = callback + "/" }),
		"response of another":    response(func(r *crewjam.Response) { r.Issuer.Value = "urn:x" }),
		"response of old":        response(func(r *crewjam.Response) { r.IssueInstant = now.Add(-2 * time.Minute) }),
		"response of 1.1":        response(func(r *crewjam.Response) { r.Version = "1.1" }),
		"an unsigned error":      response(func(r *crewjam.Response) { r.Status.StatusCode.Value = crewjam.StatusResponder }),
		"signed, then elsewhere": {Sign: fedtest.SAMLSignsBoth, Response: func(r *crewjam.Response) { r.Destination = "" }},
		"changed subject":        document(func(root *etree.Element) { root.FindElement("//NameID").SetText("p-1") }),
		"changed level":          document(func(root *etree.Element) { root.FindElement("//AuthnContextClassRef").SetText(loa1) }),
		"changed signed Response": {Sign: fedtest.SAMLSignsBoth, Document: func(root *etree.Element) {
			root.CreateAttr("InResponseTo", root.SelectAttrValue("InResponseTo", "")+"x")
		}},
		"no assertion": document(func(root *etree.Element) { root.RemoveChild(root.SelectElement("Assertion")) }),
		"two assertions": document(func(root *etree.Element) {
			second := root.SelectElement("Assertion").Copy()
			second.CreateAttr("ID", "id-2")
			root.AddChild(second)
		}),
		"the same twice": document(func(root *etree.Element) { root.AddChild(root.SelectElement("Assertion").Copy()) }),
		"ID of the Response": document(func(root *etree.Element) {
			root.CreateAttr("ID", root.SelectElement("Assertion").SelectAttrValue("ID", ""))
		}),
		"a prefixed ID": document(func(root *etree.Element) { root.SelectElement("Assertion").CreateAttr("samlp:ID", "id-2") }),
		"two signatures": document(func(root *etree.Element) {
			a := root.SelectElement("Assertion")
			a.AddChild(a.SelectElement("Signature").Copy())
		}),
		"two references":       document(func(root *etree.Element) { r := root.FindElement("//Reference"); r.Parent().AddChild(r.Copy()) }),
		"reference to nothing": document(func(root *etree.Element) { root.FindElement("//Reference").CreateAttr("URI", "") }),
		"another root":         document(func(root *etree.Element) { root.Tag = "ArtifactResponse" }),
		"an assertion as root": document(func(root *etree.Element) { *root = *root.SelectElement("Assertion").Copy() }),
		"inclusive c14n": document(func(root *etree.Element) {
			root.FindElement("//CanonicalizationMethod").CreateAttr("Algorithm", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315")
		}),
		"XSLT": document(func(root *etree.Element) {
			root.FindElement("//Transforms").CreateElement("ds:Transform").CreateAttr("Algorithm", "http://www.w3.org/TR/1999/REC-xslt-19991116")
		}),
		"HMAC": document(func(root *etree.Element) {
			root.FindElement("//SignatureMethod").CreateAttr("Algorithm", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256")
		}),
		"digest by SHA-1": document(func(root *etree.Element) {
			root.FindElement("//DigestMethod").CreateAttr("Algorithm", "http://www.w3.org/2000/09/xmldsig#sha1")
		}),
		"garbage":   {Bytes: func([]byte) []byte { return []byte("\x00\xff{]" + fedtest.LeakedText) }},
		"nothing":   {Bytes: func([]byte) []byte { return nil }},
		"packed":    {Bytes: func(raw []byte) []byte { return append(raw, raw...) }},
		"too large": {Bytes: func(raw []byte) []byte { return append(raw, bytes.Repeat([]byte(" "), 256<<10)...) }},
		"too deep":  {Bytes: within("<samlp:Extensions>" + strings.Repeat("<x>", 40) + strings.Repeat("</x>", 40) + "</samlp:Extensions>")},
		"declared entities": {Bytes: func(raw []byte) []byte {
			return append([]byte(`<!DOCTYPE r [<!ENTITY who "p-1">]>`), bytes.Replace(raw, []byte("p-2"), []byte("&who;"), 1)...)
		}},
		"an external entity": {Bytes: func(raw []byte) []byte {
			return append([]byte(`<!DOCTYPE r SYSTEM "file:///etc/passwd">`), raw...)
		}},
		"an instruction": {Bytes: within(`<?php echo 1 ?>`)},
		"an attribute twice": {Bytes: func(raw []byte) []byte {
			return bytes.Replace(raw, []byte(` Version="2.0"`), []byte(` Version="2.0" Version="2.0"`), 1)
		}},
		"ambiguous prefixes": {Bytes: within(`<samlp:Extensions ::x="1"/>`)},
	}
	for variant := 1; variant <= 8; variant++ {
		sign := fedtest.SAMLSignsAssertion
		if variant < 3 {
			sign = fedtest.SAMLSignsBoth
		}
		all[fmt.Sprintf("wrapped %d", variant)] = fedtest.SAMLFaults{Sign: sign, Document: fedtest.Wrap(variant, "p-1")}
	}
	return all
}

// within puts a text behind the Response's first tag.
func within(text string) func([]byte) []byte {
	return func(raw []byte) []byte {
		at := bytes.IndexByte(raw, '>') + 1
		return append(append(bytes.Clone(raw[:at]), text...), raw[at:]...)
	}
}

// The same against a source that wants the Response signed.
func TestForgedResponses(t *testing.T) {
	b := newBench(t, responseSigned)
	for name, faults := range map[string]fedtest.SAMLFaults{
		"only the assertion": {},
		"nothing":            {Sign: fedtest.SAMLSignsNothing},
		"an attacker's key":  {Sign: fedtest.SAMLSignsResponse, Foreign: true},
		"SHA-1":              {Sign: fedtest.SAMLSignsResponse, Method: "http://www.w3.org/2000/09/xmldsig#rsa-sha1"},
		"changed assertion":  {Sign: fedtest.SAMLSignsResponse, Document: func(root *etree.Element) { root.FindElement("//NameID").SetText("p-1") }},
		"elsewhere":          {Sign: fedtest.SAMLSignsResponse, Response: func(r *crewjam.Response) { r.Destination = "" }},
		"unsolicited":        {Sign: fedtest.SAMLSignsResponse, Response: func(r *crewjam.Response) { r.InResponseTo = "" }},
		"changed ciphertext": {Sign: fedtest.SAMLSignsResponse, Encrypt: oaep(xmlenc.AES256CBC), Document: func(root *etree.Element) {
			value := root.FindElement("./EncryptedAssertion/EncryptedData/CipherData/CipherValue")
			text := []byte(value.Text())
			text[len(text)/2] ^= 1
			value.SetText(string(text))
		}},
		"wrapped 1": {Sign: fedtest.SAMLSignsBoth, Document: fedtest.Wrap(1, "p-1")},
		"wrapped 2": {Sign: fedtest.SAMLSignsBoth, Document: fedtest.Wrap(2, "p-1")},
		"wrapped 3": {Sign: fedtest.SAMLSignsBoth, Document: fedtest.Wrap(3, "p-1")},
		"wrapped 7": {Sign: fedtest.SAMLSignsBoth, Document: fedtest.Wrap(7, "p-1")},
	} {
		t.Run(name, func(t *testing.T) {
			b.idp.Misbehave(faults)
			step, err := b.signIn(t, federation.Request{})
			refused(t, step, err, federation.ErrUntrusted)
		})
	}
}

// The wrapped documents do hold the provider's untouched signature: it is the
// place of what is signed that gives them away, not a broken digest.
func TestWrappingKeepsTheSignature(t *testing.T) {
	b := newBench(t)
	for variant := 1; variant <= 8; variant++ {
		faults := fedtest.SAMLFaults{Sign: fedtest.SAMLSignsBoth}
		var before, after string
		faults.Document = func(root *etree.Element) {
			before = root.FindElement("./Assertion/Signature/SignatureValue").Text()
			fedtest.Wrap(variant, "p-1")(root)
			raw, err := etree.NewDocumentWithRoot(root.Copy()).WriteToString()
			if err != nil {
				t.Error(err)
			}
			after = raw
		}
		b.idp.Misbehave(faults)
		req, step := b.begin(t, federation.Request{})
		b.visit(t, browser(t), step, "two", "pw-2")
		if !strings.Contains(after, before) || !strings.Contains(after, "p-1") || !strings.Contains(after, "p-2") {
			t.Errorf("wrapping %d of %s holds signature, forgery and original: want all three", variant, req.State)
		}
	}
}

// CVE-2018-0489 and its kind: a comment cuts no name.
func TestCommentsCutNothing(t *testing.T) {
	b := newBench(t)
	b.idp.Misbehave(fedtest.SAMLFaults{Bytes: func(raw []byte) []byte {
		return bytes.Replace(raw, []byte(">p-2<"), []byte("><!-- x -->p<!-- y -->-2<!-- z --><"), 1)
	}})
	step, err := b.signIn(t, federation.Request{})
	if err != nil || step.Assertion.Subject != "p-2" {
		t.Errorf("Finish() = %+v, %v, want the whole name p-2", step.Assertion, err)
	}
}

func TestOneAnswerToOneSignIn(t *testing.T) {
	b := newBench(t)
	req, step := b.begin(t, federation.Request{})
	values := b.visit(t, browser(t), step, "two", "pw-2")
	with := func(name string, value ...string) url.Values {
		changed := url.Values{}
		for key := range values {
			changed[key] = values[key]
		}
		changed[name] = value
		return changed
	}
	for name, bad := range map[string]url.Values{
		"nothing":           {},
		"no state":          with("RelayState"),
		"another state":     with("RelayState", req.State+"x"),
		"two states":        with("RelayState", req.State, req.State),
		"two answers":       with("SAMLResponse", values.Get("SAMLResponse"), values.Get("SAMLResponse")),
		"no answer":         with("SAMLResponse"),
		"an artifact":       {"SAMLart": {"AAQ"}, "RelayState": {req.State}},
		"a request":         {"SAMLRequest": {values.Get("SAMLResponse")}, "RelayState": {req.State}},
		"endless":           with("SAMLResponse", strings.Repeat("A", 1<<20)),
		"not base64":        with("SAMLResponse", "%%%"),
		"by redirect, bare": with("SAMLResponse", base64.StdEncoding.EncodeToString([]byte("<a/>"))),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := b.end(t.Context(), req, bad)
			refused(t, got, err, federation.ErrUntrusted)
		})
	}
	// The answer to one sign-in is none to another, whoever has its state.
	other, _ := b.begin(t, federation.Request{})
	got, err := b.end(t.Context(), other, values)
	refused(t, got, err, federation.ErrUntrusted)

	first, err := b.end(t.Context(), req, values)
	if err != nil {
		t.Fatal(err)
	}
	// A second time it names itself the same: whoever took that refuses it.
	again, err := b.end(t.Context(), req, values)
	if err != nil || first.Assertion.Once == "" || again.Assertion.Once != first.Assertion.Once {
		t.Errorf("Once = %q, then %q, %v; want the same", first.Assertion.Once, again.Assertion.Once, err)
	}
	b.clock.advance(first.Assertion.OnceUntil.Sub(b.clock.Now()))
	got, err = b.end(t.Context(), req, values)
	refused(t, got, err, federation.ErrUntrusted)
}

func TestForgottenSignIn(t *testing.T) {
	b := newBench(t)
	req, step := b.begin(t, federation.Request{})
	values := b.visit(t, browser(t), step, "two", "pw-2")
	for _, memory := range []string{"", "{}", strings.Replace(string(req.Memory), "127.0.0.1", "127.0.0.2", 1)} {
		req.Memory = []byte(memory)
		got, err := b.end(t.Context(), req, values)
		refused(t, got, err, nil)
	}
}

// Asked for a new authentication, an old one does not do, whatever the clocks say.
func TestStaleAuthentication(t *testing.T) {
	b := newBench(t)
	b.idp.Misbehave(fedtest.SAMLFaults{Assertion: func(a *crewjam.Assertion) {
		a.AuthnStatements[0].AuthnInstant = a.IssueInstant.Add(-30 * time.Second)
	}})
	step, err := b.signIn(t, federation.Request{Fresh: true})
	refused(t, step, err, federation.ErrUntrusted)
	if step, err := b.signIn(t, federation.Request{}); err != nil || step.Assertion == nil {
		t.Errorf("not fresh: Finish() = %+v, %v, want an assertion", step, err)
	}
}

func TestLevelFromAttributeRefused(t *testing.T) {
	b := newBench(t, func(s *saml.Settings) {
		s.ACR, s.LevelAttribute, s.Levels = nil, "mucDo", map[string]eid.Level{"hai": eid.Level2}
	})
	set := func(values ...string) func(*crewjam.Assertion) {
		return func(a *crewjam.Assertion) {
			for i := range a.AttributeStatements[0].Attributes {
				if attribute := &a.AttributeStatements[0].Attributes[i]; attribute.Name == "mucDo" {
					attribute.Values = nil
					for _, value := range values {
						attribute.Values = append(attribute.Values, crewjam.AttributeValue{Type: "xs:string", Value: value})
					}
				}
			}
		}
	}
	for name, change := range map[string]func(*crewjam.Assertion){
		"missing": func(a *crewjam.Assertion) { a.AttributeStatements = nil },
		"empty":   set(""), "no value": set(), "two values": set("hai", "hai"), "unknown": set("HAI"),
	} {
		t.Run(name, func(t *testing.T) {
			b.idp.Misbehave(fedtest.SAMLFaults{Assertion: change})
			step, err := b.signIn(t, federation.Request{})
			refused(t, step, err, federation.ErrUntrusted)
		})
	}
	b.idp.Misbehave(fedtest.SAMLFaults{Assertion: set(" hai ")})
	if step, err := b.signIn(t, federation.Request{}); err != nil || step.Assertion.Level != eid.Level2 {
		t.Errorf("Finish() = %+v, %v, want level 2", step.Assertion, err)
	}
}

// A subject that is an attribute comes once and whole; the NameID may be transient
// then.
func TestSubjectFromAttributeRefused(t *testing.T) {
	b := newBench(t, func(s *saml.Settings) { s.SubjectAttribute, s.NameIDFormat = "uid", "" })
	attribute := func(a *crewjam.Assertion) *crewjam.Attribute {
		attributes := a.AttributeStatements[0].Attributes
		return &attributes[len(attributes)-1] // uid, by the alphabet
	}
	for name, change := range map[string]func(*crewjam.Assertion){
		"missing": func(a *crewjam.Assertion) { a.AttributeStatements = nil },
		"twice": func(a *crewjam.Assertion) {
			at := attribute(a)
			at.Values = append(at.Values, crewjam.AttributeValue{Type: "xs:string", Value: "legacy-1"})
		},
		"in two statements": func(a *crewjam.Assertion) {
			a.AttributeStatements = append(a.AttributeStatements, a.AttributeStatements[0])
		},
		"empty": func(a *crewjam.Assertion) { attribute(a).Values[0].Value = "" },
	} {
		t.Run(name, func(t *testing.T) {
			b.idp.Misbehave(fedtest.SAMLFaults{Assertion: change})
			step, err := b.signIn(t, federation.Request{})
			refused(t, step, err, federation.ErrUntrusted)
		})
	}
	b.idp.Misbehave(fedtest.SAMLFaults{Assertion: func(a *crewjam.Assertion) {
		a.Subject.NameID.Format = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
	}})
	if step, err := b.signIn(t, federation.Request{}); err != nil || step.Assertion.Subject != "legacy-2" {
		t.Errorf("Finish() = %+v, %v, want legacy-2", step.Assertion, err)
	}
}

func TestSignedErrors(t *testing.T) {
	b := newBench(t)
	for code, want := range map[string]error{
		crewjam.StatusAuthnFailed:     federation.ErrDenied,
		crewjam.StatusRequestDenied:   federation.ErrDenied,
		crewjam.StatusNoAuthnContext:  nil, // an error of no kind: it may be tried again
		"urn:x:" + fedtest.LeakedText: nil,
	} {
		b.idp.Misbehave(fedtest.SAMLFaults{Sign: fedtest.SAMLSignsBoth, Response: func(r *crewjam.Response) {
			r.Status.StatusCode = crewjam.StatusCode{Value: crewjam.StatusResponder, StatusCode: &crewjam.StatusCode{Value: code}}
		}})
		step, err := b.signIn(t, federation.Request{})
		refused(t, step, err, want)
	}
	b.idp.Misbehave(fedtest.SAMLFaults{Sign: fedtest.SAMLSignsNothing})
	req, step := b.begin(t, federation.Request{})
	got, err := b.end(t.Context(), req, b.visit(t, browser(t), step, "", ""))
	refused(t, got, err, federation.ErrUntrusted)
}
