package openid_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/federation/fedtest"
	"eidgate/federation/openid"
)

// keyring are the gateway's own keys in these tests, RSA first.
type keyring struct{ sig, enc [2]eid.Secret }

// ownKeys are made once: RSA takes its time.
var ownKeys = sync.OnceValue(func() keyring {
	var ring keyring
	for _, pair := range []*[2]eid.Secret{&ring.sig, &ring.enc} {
		big, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic(err)
		}
		*pair = [2]eid.Secret{inPEM(big), inPEM(curve)}
	}
	return ring
})

func inPEM(key any) eid.Secret {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return eid.NewSecret(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
}

// published are the keys that a source with these settings publishes.
func published(t *testing.T, change func(*openid.Settings)) []jose.JSONWebKey {
	t.Helper()
	settings := openid.Settings{Issuer: "https://id.example.vn", ClientID: "g", ACR: map[string]eid.Level{loa1: eid.Level1}, UserInfo: true}
	change(&settings)
	src, err := openid.New(settings, openid.Deps{HTTP: newClient(t), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	kind, body, err := src.Publish("", "", "")
	if err != nil || kind != "application/jwk-set+json" {
		t.Fatalf("Publish() = %q, %v, want a key set", kind, err)
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(body, &set); err != nil {
		t.Fatal(err)
	}
	for _, key := range set.Keys {
		if !key.IsPublic() || key.KeyID == "" || strings.Contains(string(body), `"d"`) {
			t.Fatal("Publish() gives more than public keys, or keys without kid")
		}
	}
	return set.Keys
}

func publicKeys(t *testing.T, keys keyring) []jose.JSONWebKey {
	t.Helper()
	all := published(t, func(s *openid.Settings) { s.SigningKeys = keys.sig[:] })
	return append(all, published(t, func(s *openid.Settings) { s.SigningKeys, s.PSS = keys.sig[:1], true })...)
}

func publicKey(t *testing.T, key eid.Secret) *jose.JSONWebKey {
	t.Helper()
	all := published(t, func(s *openid.Settings) { s.EncryptionKeys = []eid.Secret{key} })
	if len(all) != 1 || all[0].Use != "enc" {
		t.Fatalf("Publish() = %d keys, want one to encrypt to", len(all))
	}
	return &all[0]
}

func TestPrivateKeyJWT(t *testing.T) {
	b, keys := newBench(t, jose.ES256), ownKeys()
	b.settings.ClientID, b.settings.ClientSecret = "keyed", eid.Secret{}
	for name, change := range map[string]func(*openid.Settings){
		"RS256":                   func(s *openid.Settings) { s.SigningKeys = keys.sig[:1] },
		"PS256":                   func(s *openid.Settings) { s.SigningKeys, s.PSS = keys.sig[:1], true },
		"ES256":                   func(s *openid.Settings) { s.SigningKeys = keys.sig[1:] },
		"the first of two":        func(s *openid.Settings) { s.SigningKeys = keys.sig[:] },
		"a provider that says so": func(*openid.Settings) {},
	} {
		t.Run(name, func(t *testing.T) {
			b.settings.SigningKeys, b.settings.PSS = keys.sig[1:], false
			change(&b.settings)
			if name == "a provider that says so" {
				b.provider.TamperDiscovery(fedtest.Set("token_endpoint_auth_methods_supported", []string{"private_key_jwt", "client_secret_basic"}))
			}
			b.renew(t)
			for range 2 { // an assertion counts once
				if step, err := b.signIn(t, federation.Request{}); err != nil || step.Assertion == nil {
					t.Errorf("sign-in = %+v, %v, want an assertion", step, err)
				}
			}
		})
	}
	t.Run("a key of somebody else", func(t *testing.T) {
		b.settings.SigningKeys = keys.enc[1:]
		b.renew(t)
		step, err := b.signIn(t, federation.Request{})
		refused(t, step, err, nil)
	})
}

func TestPublishNothing(t *testing.T) {
	b := newBench(t, jose.ES256)
	if kind, body, err := b.Publish("", "", ""); kind != "" || len(body) != 0 || err != nil {
		t.Errorf("Publish() = %q, %q, %v, want nothing", kind, body, err)
	}
}

func TestKeysRefused(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	wide, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys := ownKeys()
	five := []eid.Secret{keys.sig[0], keys.sig[0], keys.sig[0], keys.sig[0], keys.sig[0]}
	b := newBench(t, jose.ES256)
	for name, change := range map[string]func(*openid.Settings){
		"beside a secret": func(s *openid.Settings) { s.SigningKeys = keys.sig[:] },
		"not PEM":         func(s *openid.Settings) { s.EncryptionKeys = []eid.Secret{eid.NewSecret("hush")} },
		"not a key": func(s *openid.Settings) {
			s.EncryptionKeys = []eid.Secret{eid.NewSecret("-----BEGIN PRIVATE KEY-----\naHVzaA==\n-----END PRIVATE KEY-----\n")}
		},
		"short":              func(s *openid.Settings) { s.EncryptionKeys = []eid.Secret{inPEM(small)} },
		"another curve":      func(s *openid.Settings) { s.EncryptionKeys = []eid.Secret{inPEM(wide)} },
		"too many":           func(s *openid.Settings) { s.EncryptionKeys = five },
		"nothing to decrypt": func(s *openid.Settings) { s.EncryptionKeys, s.UserInfo = keys.enc[:], false },
		"essential nothing":  func(s *openid.Settings) { s.EssentialACR, s.RequestACR = true, nil },
	} {
		settings := b.settings
		settings.UserInfo = true
		change(&settings)
		_, err := openid.New(settings, openid.Deps{HTTP: newClient(t), Now: time.Now})
		if err == nil {
			t.Errorf("%s: New() = nil, want an error", name)
		} else if strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "aHVz") {
			t.Errorf("%s: error tells the key: %v", name, err)
		}
	}
}
