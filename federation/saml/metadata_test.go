package saml_test

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	crewjam "github.com/crewjam/saml"

	"eidgate/federation"
	"eidgate/federation/fedtest"
	"eidgate/federation/saml"
)

// bomb is 64 MB of blanks, packed, in base64.
func bomb(t *testing.T) string {
	t.Helper()
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	for range 64 {
		if _, err := w.Write(bytes.Repeat([]byte(" "), 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(packed.Bytes())
}

func TestKeyRollOver(t *testing.T) {
	b := newBench(t)
	for i := range 3 {
		if i > 0 {
			if err := b.idp.RollKey(i == 2); err != nil {
				t.Fatal(err)
			}
			b.clock.advance(time.Minute)
			b.theirs.advance(time.Minute)
		}
		if step, err := b.signIn(t, federation.Request{}); err != nil || step.Assertion == nil {
			t.Errorf("key %d: sign-in = %+v, %v, want an assertion", i, step, err)
		}
	}
}

// A flood of unknown keys causes one fetch a minute, and does not keep out those
// whose key is known.
func TestUnknownKeyFlood(t *testing.T) {
	b := newBench(t)
	if _, err := b.signIn(t, federation.Request{}); err != nil {
		t.Fatal(err)
	}
	b.idp.Misbehave(fedtest.SAMLFaults{Foreign: true})
	req, step := b.begin(t, federation.Request{})
	values := b.visit(t, browser(t), step, "two", "pw-2")
	flood := func() int {
		before := b.idp.Calls(fedtest.PathSAMLMetadata)
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if _, err := b.end(context.Background(), req, values); !errors.Is(err, federation.ErrUntrusted) {
					t.Errorf("Finish() = %v, want %v", err, federation.ErrUntrusted)
				}
			})
		}
		wg.Wait()
		return b.idp.Calls(fedtest.PathSAMLMetadata) - before
	}
	if got := flood(); got != 1 {
		t.Errorf("fetches = %d, want 1", got)
	}
	b.clock.advance(59 * time.Second)
	if got := flood(); got != 0 {
		t.Errorf("fetches within the minute = %d, want 0", got)
	}
	b.clock.advance(time.Second)
	if got := flood(); got != 1 {
		t.Errorf("fetches after a minute = %d, want 1", got)
	}
	b.theirs.advance(time.Minute)
	b.idp.Behave()
	if step, err := b.signIn(t, federation.Request{}); err != nil || step.Assertion == nil {
		t.Errorf("sign-in after the flood = %+v, %v, want an assertion", step, err)
	}
}

// Metadata are asked for once, and again when they are ten minutes old or when they
// said so.
func TestMetadataAreKept(t *testing.T) {
	b := newBench(t)
	b.idp.Misbehave(fedtest.SAMLFaults{Metadata: func(e *crewjam.EntityDescriptor) { e.CacheDuration = 3 * time.Minute }})
	for _, tt := range []struct {
		after time.Duration
		calls int
	}{{0, 1}, {2*time.Minute + 59*time.Second, 1}, {time.Second, 2}, {time.Minute, 2}, {10 * time.Minute, 3}} {
		b.clock.advance(tt.after)
		b.theirs.advance(tt.after)
		b.begin(t, federation.Request{})
		if got := b.idp.Calls(fedtest.PathSAMLMetadata); got != tt.calls {
			t.Errorf("calls %v later = %d, want %d", tt.after, got, tt.calls)
		}
	}
}

// Whatever the provider publishes, a sign-in fails as its doing, and works again
// afterwards.
func TestMetadataBroken(t *testing.T) {
	role := func(change func(*crewjam.IDPSSODescriptor)) fedtest.SAMLFaults {
		return fedtest.SAMLFaults{Metadata: func(e *crewjam.EntityDescriptor) { change(&e.IDPSSODescriptors[0]) }}
	}
	for name, tt := range map[string]struct {
		how    fedtest.Breakage
		faults fedtest.SAMLFaults
	}{
		"garbage":        {how: fedtest.Garbage},
		"100 MB":         {how: fedtest.Huge},
		"500":            {how: fedtest.Failing},
		"400":            {how: fedtest.Refusing},
		"another entity": {faults: fedtest.SAMLFaults{Metadata: func(e *crewjam.EntityDescriptor) { e.EntityID += "2" }}},
		"expired":        {faults: fedtest.SAMLFaults{Metadata: func(e *crewjam.EntityDescriptor) { e.ValidUntil = e.ValidUntil.Add(-49 * time.Hour) }}},
		"no role":        {faults: fedtest.SAMLFaults{Metadata: func(e *crewjam.EntityDescriptor) { e.IDPSSODescriptors = nil }}},
		"SAML 1.1": {faults: role(func(r *crewjam.IDPSSODescriptor) {
			r.ProtocolSupportEnumeration = "urn:oasis:names:tc:SAML:1.1:protocol"
		})},
		"no keys":         {faults: role(func(r *crewjam.IDPSSODescriptor) { r.KeyDescriptors = nil })},
		"keys to encrypt": {faults: role(func(r *crewjam.IDPSSODescriptor) { r.KeyDescriptors[0].Use = "encryption" })},
		"no endpoint":     {faults: role(func(r *crewjam.IDPSSODescriptor) { r.SingleSignOnServices = nil })},
		"not https":       {faults: role(func(r *crewjam.IDPSSODescriptor) { r.SingleSignOnServices[0].Location = "http://idp.example.vn/sso" })},
		"a script":        {faults: role(func(r *crewjam.IDPSSODescriptor) { r.SingleSignOnServices[0].Location = "javascript:alert(1)" })},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.idp.Break(tt.how)
			b.idp.Misbehave(tt.faults)
			step, err := b.Begin(t.Context(), federation.Request{State: "s", Callback: callback, Now: b.clock.Now()})
			if !errors.Is(err, federation.ErrDown) || step.Redirect != "" || strings.Contains(err.Error(), fedtest.LeakedText) {
				t.Errorf("Begin() = %+v, %v, want %v", step, err, federation.ErrDown)
			}
			b.idp.Behave()
			b.clock.advance(5 * time.Second) // until the next try
			b.theirs.advance(5 * time.Second)
			if step, err := b.signIn(t, federation.Request{}); err != nil || step.Assertion == nil {
				t.Errorf("sign-in afterwards = %+v, %v, want an assertion", step, err)
			}
		})
	}
}

// What was believed until a time is not afterwards, though nothing newer can be
// had.
func TestMetadataExpire(t *testing.T) {
	b := newBench(t)
	b.idp.Misbehave(fedtest.SAMLFaults{Metadata: func(e *crewjam.EntityDescriptor) { e.ValidUntil = b.theirs.Now().Add(5 * time.Minute) }})
	b.begin(t, federation.Request{})
	b.idp.Break(fedtest.Failing)
	b.clock.advance(5*time.Minute - time.Second)
	b.begin(t, federation.Request{})
	b.clock.advance(time.Second)
	if step, err := b.Begin(t.Context(), federation.Request{State: "s", Callback: callback, Now: b.clock.Now()}); !errors.Is(err, federation.ErrDown) {
		t.Errorf("Begin() = %+v, %v, want %v", step, err, federation.ErrDown)
	}
}

// fixed makes the source of a document in the settings.
func fixed(b *bench, document []byte, change ...func(*saml.Settings)) (*saml.Source, error) {
	settings := b.settings
	settings.MetadataURL, settings.Metadata = "", string(document)
	for _, c := range change {
		c(&settings)
	}
	return saml.New(settings, saml.Deps{HTTP: b.http, Now: b.clock.Now, Entity: entity})
}

func TestMetadataInTheSettings(t *testing.T) {
	b := newBench(t)
	document := b.idp.Metadata()
	group := func(around string) []byte {
		return []byte(`<EntitiesDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" ` + around + `>` + string(document) +
			`<EntityDescriptor entityID="urn:x"/></EntitiesDescriptor>`)
	}
	past := b.clock.Now().Add(-time.Hour).Format(time.RFC3339)
	for name, tt := range map[string]struct {
		document []byte
		ok       bool
	}{
		"one":              {document, true},
		"among others":     {group(""), true},
		"an expired group": {group(`validUntil="` + past + `"`), false},
		"twice":            {bytes.Replace(group(""), []byte(`<EntityDescriptor entityID="urn:x"/>`), document, 1), false},
		"a type declared":  {append([]byte(`<!DOCTYPE x [<!ENTITY y "z">]>`), document...), false},
		"nothing":          {[]byte("<x/>"), false},
	} {
		t.Run(name, func(t *testing.T) {
			source, err := fixed(b, tt.document)
			if (err == nil) != tt.ok {
				t.Fatalf("New() = %v, want ok %v", err, tt.ok)
			}
			if !tt.ok {
				return
			}
			c := *b
			c.Source = source
			if step, err := c.signIn(t, federation.Request{}); err != nil || step.Assertion == nil {
				t.Errorf("sign-in = %+v, %v, want an assertion", step, err)
			}
		})
	}
	if got := b.idp.Calls(fedtest.PathSAMLMetadata); got != 0 {
		t.Errorf("calls = %d, want none", got)
	}
}

func TestSignedMetadata(t *testing.T) {
	b := newBench(t)
	signed, cert, foreign := signDocument(t, b.idp.Metadata())
	for name, tt := range map[string]struct {
		document []byte
		change   func(*saml.Settings)
		ok       bool
	}{
		"signed":            {signed, func(s *saml.Settings) { s.MetadataCert = cert }, true},
		"not signed":        {b.idp.Metadata(), func(s *saml.Settings) { s.MetadataCert = cert }, false},
		"by another":        {signed, func(s *saml.Settings) { s.MetadataCert = foreign }, false},
		"changed":           {bytes.Replace(signed, []byte("/saml/sso"), []byte("/evil/sso"), 1), func(s *saml.Settings) { s.MetadataCert = cert }, false},
		"signature not due": {signed, func(*saml.Settings) {}, true},
	} {
		if _, err := fixed(b, tt.document, tt.change); (err == nil) != tt.ok {
			t.Errorf("%s: New() = %v, want ok %v", name, err, tt.ok)
		}
	}
}

// The gateway's own metadata, read by another implementation.
func TestPublish(t *testing.T) {
	b := newBench(t)
	second, err := saml.ParseKeyPair([]byte(pairs(t)[1]))
	if err != nil {
		t.Fatal(err)
	}
	b.settings.Keys = append(b.settings.Keys, second)
	b.renew(t)
	kind, body, err := b.Publish(entity, callback, slo)
	if err != nil || kind != "application/samlmetadata+xml" {
		t.Fatalf("Publish() = %s, %v", kind, err)
	}
	var got crewjam.EntityDescriptor
	if err := xml.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	role := got.SPSSODescriptors[0]
	uses := map[string]int{}
	for _, key := range role.KeyDescriptors {
		uses[key.Use]++
	}
	if got.EntityID != entity || role.AuthnRequestsSigned == nil || !*role.AuthnRequestsSigned || role.WantAssertionsSigned == nil ||
		!*role.WantAssertionsSigned || uses["signing"] != 2 || uses["encryption"] != 2 || len(role.AssertionConsumerServices) != 1 ||
		role.AssertionConsumerServices[0].Location != callback || len(role.SingleLogoutServices) != 2 || role.SingleLogoutServices[1].Location != slo {
		t.Errorf("Publish() = %s, want entity, both keys for both uses, both flags and all addresses", body)
	}
	if strings.Contains(string(body), "PRIVATE") {
		t.Error("Publish() tells a private key")
	}
	// The provider encrypts for the key that does not sign yet.
	b.idp.Misbehave(fedtest.SAMLFaults{Encrypt: fedtest.GCM{Method: fedtest.AES256GCM}})
	if step, err := b.signIn(t, federation.Request{}); err != nil || step.Assertion == nil {
		t.Errorf("sign-in = %+v, %v, want an assertion", step, err)
	}
	// A key that was taken away reads nothing.
	keep := b.settings.Keys
	req, step := b.begin(t, federation.Request{})
	values := b.visit(t, browser(t), step, "two", "pw-2")
	b.settings.Keys = keep[:1]
	b.renew(t)
	gone, err := b.end(t.Context(), req, values)
	refused(t, gone, err, federation.ErrUntrusted)
}
