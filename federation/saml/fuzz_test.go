package saml_test

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/crewjam/saml/xmlenc"
	"github.com/google/go-cmp/cmp"

	"eidgate/federation"
	"eidgate/federation/fedtest"
)

// edit cuts bytes out of a document and puts others there. Fuzzers edit what their
// own process signed: the keys of another would end every try at the signature.
func edit(document []byte, at, cut uint, insert []byte) []byte {
	at = min(at, uint(len(document)))
	cut = min(cut, uint(len(document))-at)
	return slices.Concat(document[:at], insert, document[at+cut:])
}

// FuzzResponse changes what a provider signed. Whatever is believed of it is what
// the provider said.
func FuzzResponse(f *testing.F) {
	b := newBench(f)
	type answered struct {
		req  federation.Request
		raw  []byte
		want *federation.Assertion
	}
	var all []answered
	for _, faults := range []fedtest.SAMLFaults{
		{}, {Sign: fedtest.SAMLSignsBoth}, {Encrypt: oaep(xmlenc.AES128CBC)}, {Encrypt: fedtest.GCM{Method: fedtest.AES256GCM}},
	} {
		b.idp.Misbehave(faults)
		req, step := b.begin(f, federation.Request{})
		values := b.visit(f, browser(f), step, "two", "pw-2")
		got, err := b.end(f.Context(), req, values)
		if err != nil {
			f.Fatal(err)
		}
		raw, err := base64.StdEncoding.DecodeString(values.Get("SAMLResponse"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint(len(all)), uint(0), uint(0), []byte(nil))
		f.Add(uint(len(all)), uint(len(raw)/2), uint(1), []byte("<!-- -->"))
		f.Add(uint(len(all)), uint(len(raw)/2), uint(len(raw)), []byte(nil))
		all = append(all, answered{req, raw, got.Assertion})
	}
	const everything = 1 << 20
	f.Add(uint(0), uint(0), uint(everything), []byte(`<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"/>`))
	f.Add(uint(0), uint(0), uint(0), []byte(`<!DOCTYPE r [<!ENTITY x "y">]>`))
	f.Add(uint(0), uint(0), uint(everything), []byte(strings.Repeat("<a>", 100)))
	b.idp.Behave()
	f.Fuzz(func(t *testing.T, which, at, cut uint, insert []byte) {
		a := all[which%uint(len(all))]
		values := url.Values{"SAMLResponse": {base64.StdEncoding.EncodeToString(edit(a.raw, at, cut, insert))}, "RelayState": {a.req.State}}
		step, err := b.end(t.Context(), a.req, values)
		if err != nil {
			return
		}
		if diff := cmp.Diff(step.Assertion, a.want); diff != "" {
			t.Errorf("believed what nobody signed (-got +want):\n%s", diff)
		}
	})
}

// FuzzLogout changes signed logouts, in a query and in a form.
func FuzzLogout(f *testing.F) {
	b := newBench(f)
	to, err := b.idp.LogoutByRedirect(entity, "p-2", "1", "state")
	if err != nil {
		f.Fatal(err)
	}
	_, query, _ := strings.Cut(to, "?")
	form, err := b.idp.LogoutByPost(entity, "p-2", "1", "state")
	if err != nil {
		f.Fatal(err)
	}
	raw, err := base64.StdEncoding.DecodeString(form.Get("SAMLRequest"))
	if err != nil {
		f.Fatal(err)
	}
	want, err := b.arrive(f, to)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint(0), uint(0), []byte(nil))
	f.Add(uint(4), uint(7), []byte("Response"))
	f.Add(uint(len(raw)/2), uint(len(raw)), []byte("%zz&SigAlg=&Signature=="))
	f.Fuzz(func(t *testing.T, at, cut uint, insert []byte) {
		posted := base64.StdEncoding.EncodeToString(edit(raw, at, cut, insert))
		for _, in := range []federation.Incoming{
			{RawQuery: string(edit([]byte(query), at, cut, insert))},
			{Form: url.Values{"SAMLRequest": {posted}}}, {Form: url.Values{"SAMLResponse": {posted}}},
		} {
			in.Address, in.Now = slo, b.clock.Now()
			notice, err := b.Hear(t.Context(), in)
			if err == nil && (!cmp.Equal(notice.Sessions, want.Sessions) || notice.Return != "") {
				t.Errorf("Hear() = %+v, want the session of the one that was signed", notice)
			}
		}
	})
}

// FuzzMetadata reads what a provider publishes.
func FuzzMetadata(f *testing.F) {
	b := newBench(f)
	f.Add(b.idp.Metadata())
	f.Add([]byte(`<EntitiesDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" cacheDuration="P1Y2M3DT4H5M6.7S"/>`))
	f.Add([]byte(`<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="` + b.idp.EntityID() + `" validUntil="x"/>`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		source, err := fixed(b, raw)
		if err != nil {
			return
		}
		step, err := source.Begin(t.Context(), federation.Request{State: "s", Callback: callback, Now: b.clock.Now()})
		if err != nil {
			return // expired meanwhile
		}
		if u, err := url.Parse(step.Redirect); step.Post == nil && (err != nil || u.Scheme != "https" && !strings.HasPrefix(u.Host, "127.0.0.1") && u.Hostname() != "localhost" && !strings.HasSuffix(u.Hostname(), ".localhost") && u.Hostname() != "::1") {
			t.Errorf("Begin() leads to %s", step.Redirect)
		}
	})
}
