package saml_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"

	"eidgate/federation"
	"eidgate/federation/saml"
)

func TestParseSettings(t *testing.T) {
	text := pairs(t)
	sound := func() map[string]any {
		return map[string]any{"issuer": "https://idp.example.vn", "metadata_url": "https://idp.example.vn/metadata",
			"keys": []string{text[0]}, "acr": map[string]int{loa1: 1}}
	}
	raw := func(change map[string]any) json.RawMessage {
		all := sound()
		for name, value := range change {
			all[name] = value
		}
		encoded, err := json.Marshal(all)
		if err != nil {
			t.Fatal(err)
		}
		return encoded
	}
	got, err := saml.ParseSettings(raw(nil))
	if err != nil || got.Binding != "redirect" || got.Signed != "assertion" || got.Comparison != "exact" || !strings.HasSuffix(got.NameIDFormat, ":persistent") {
		t.Errorf("ParseSettings() = %+v, %v, want the defaults", got, err)
	}
	for name, tt := range map[string]struct {
		change map[string]any
		want   string
	}{
		"issuer":              {map[string]any{"issuer": ""}, "issuer"},
		"metadata twice":      {map[string]any{"metadata": "<x/>"}, "one of metadata_url and metadata"},
		"metadata nowhere":    {map[string]any{"metadata_url": ""}, "one of metadata_url and metadata"},
		"metadata by http":    {map[string]any{"metadata_url": "http://idp.example.vn"}, "not https"},
		"metadata's cert":     {map[string]any{"metadata_cert": "x"}, "metadata_cert"},
		"no keys":             {map[string]any{"keys": []string{}}, "keys: 0"},
		"a broken key":        {map[string]any{"keys": []string{text[0], "x"}}, "keys[1]"},
		"binding":             {map[string]any{"binding": "soap"}, "binding"},
		"signed":              {map[string]any{"signed": "nothing"}, "signed"},
		"comparison":          {map[string]any{"comparison": "better"}, "comparison"},
		"transient":           {map[string]any{"name_id_format": "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"}, "name_id_format"},
		"no level":            {map[string]any{"acr": nil}, "acr"},
		"level 3":             {map[string]any{"acr": map[string]int{loa1: 3}}, "acr"},
		"level 0":             {map[string]any{"acr": map[string]int{loa1: 0}}, "acr"},
		"half of levels":      {map[string]any{"level_attribute": "x"}, "levels"},
		"the other half":      {map[string]any{"levels": map[string]int{"x": 1}}, "levels"},
		"request":             {map[string]any{"request_acr": map[string]string{"1": ""}}, "request_acr"},
		"amr":                 {map[string]any{"amr": map[string][]string{loa1: {"two words"}}}, "amr"},
		"kept, not certified": {map[string]any{"managed_keys": map[string]any{"rotate_every": 4e12, "publish_for": 1e12, "keep_for": 1e12, "algorithm": "RS256", "decryption": true, "rsa_bits": 2048}}, "certificates"},
		"kept, elliptic":      {map[string]any{"managed_keys": map[string]any{"rotate_every": 4e12, "publish_for": 1e12, "keep_for": 1e12, "algorithm": "ES256", "decryption": true, "rsa_bits": 2048, "years": 1}}, "algorithm"},
		"an unknown member":   {map[string]any{"allow_unsolicited": true}, "unknown member"},
	} {
		if _, err := saml.ParseSettings(raw(tt.change)); err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "BEGIN") {
			t.Errorf("%s: ParseSettings() = %v, want an error about %s and no key", name, err, tt.want)
		}
	}
}

func TestParseKeyPair(t *testing.T) {
	text := pairs(t)
	key, cert, _ := strings.Cut(text[0], "-----BEGIN CERTIFICATE")
	cert = "-----BEGIN CERTIFICATE" + cert
	otherKey, _, _ := strings.Cut(text[1], "-----BEGIN CERTIFICATE")
	elliptic := ellipticKey(t)
	for name, tt := range map[string]struct {
		text string
		ok   bool
	}{
		"both": {key + cert, true}, "the other way round": {cert + key, true},
		"no key": {cert, false}, "no certificate": {key, false}, "nothing": {"", false},
		"of another": {otherKey + cert, false}, "two keys": {key + otherKey + cert, false}, "two certificates": {key + cert + cert, false},
		"elliptic": {elliptic + cert, false}, "cut": {key[:200], false},
	} {
		pair, err := saml.ParseKeyPair([]byte(tt.text))
		if (err == nil) != tt.ok {
			t.Errorf("%s: ParseKeyPair() = %v, want ok %v", name, err, tt.ok)
		}
		if printed := fmt.Sprintf("%v %+v %#v %v", pair, pair, pair, slog.AnyValue(pair).Resolve()); printed != "[key] [key] [key] [key]" {
			t.Errorf("%s: a pair prints as %s", name, printed)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	b := newBench(t)
	for name, d := range map[string]saml.Deps{
		"no client": {Now: b.clock.Now, Entity: entity}, "no clock": {HTTP: b.http, Entity: entity}, "no address": {HTTP: b.http, Now: b.clock.Now},
	} {
		if _, err := saml.New(b.settings, d); err == nil {
			t.Errorf("%s: New() = nil, want an error", name)
		}
	}
	kept := b.settings
	kept.Managed = &federation.ManagedKeys{RotateEvery: time.Hour, PublishFor: time.Minute, KeepFor: time.Minute, Algorithm: "RS256", Decryption: true, RSABits: 2048, Years: 1}
	if _, err := saml.New(kept, saml.Deps{HTTP: b.http, Now: b.clock.Now, Entity: entity}); err == nil {
		t.Error("keys to be kept, and nobody who keeps them: New() = nil, want an error")
	}
	source, err := saml.New(kept, saml.Deps{HTTP: b.http, Now: b.clock.Now, Entity: entity, Keys: federation.KeyFiles{}})
	if err != nil {
		t.Fatal(err)
	}
	if source.CacheFor() != time.Minute {
		t.Errorf("CacheFor() = %s, want what is planned", source.CacheFor())
	}
	b.settings.Keys = nil
	if _, err := saml.New(b.settings, saml.Deps{HTTP: b.http, Now: b.clock.Now, Entity: entity}); err == nil {
		t.Error("no key: New() = nil, want an error")
	}
}

func ellipticKey(t *testing.T) string {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// signDocument signs a document by a key of its own and gives the certificate,
// and that of another key.
func signDocument(t *testing.T, document []byte) (signed []byte, cert, foreign *x509.Certificate) {
	t.Helper()
	var certs []*x509.Certificate
	var private any
	for i, text := range pairs(t) {
		for rest := []byte(text); ; {
			var block *pem.Block
			if block, rest = pem.Decode(rest); block == nil {
				break
			}
			var err error
			if block.Type == "CERTIFICATE" {
				var parsed *x509.Certificate
				if parsed, err = x509.ParseCertificate(block.Bytes); err == nil {
					certs = append(certs, parsed)
				}
			} else if i == 0 {
				private, err = x509.ParsePKCS8PrivateKey(block.Bytes)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	doc := etree.NewDocument()
	if err := doc.ReadFromBytes(document); err != nil {
		t.Fatal(err)
	}
	doc.Root().CreateAttr("ID", "id-metadata")
	signer, ok := private.(crypto.Signer)
	if !ok {
		t.Fatalf("key of type %T, want one that signs", private)
	}
	signing, err := dsig.NewSigningContext(signer, [][]byte{certs[0].Raw})
	if err != nil {
		t.Fatal(err)
	}
	signing.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	root, err := signing.SignEnveloped(doc.Root())
	if err != nil {
		t.Fatal(err)
	}
	signed, err = etree.NewDocumentWithRoot(root).WriteToBytes()
	if err != nil {
		t.Fatal(err)
	}
	return signed, certs[0], certs[1]
}
