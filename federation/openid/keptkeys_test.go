package openid_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/federation/openid"
)

// keptNow are keys that the gateway keeps, as they are at one moment.
type keptNow struct{ sign, open []federation.OwnKey }

func (k *keptNow) Signing() []federation.OwnKey    { return slices.Clone(k.sign) }
func (k *keptNow) Decryption() []federation.OwnKey { return slices.Clone(k.open) }

// elsewhere is a private key of which only signatures are to be had, as in an HSM.
type elsewhere struct{ crypto.Signer }

func (e elsewhere) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return e.Signer.Sign(rand, digest, opts)
}

// errAway is what signing says while a key is out of reach.
var errAway = errors.New("the custody is away")

type away struct{ crypto.Signer }

func (away) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return nil, errAway }

func keptKey(t *testing.T, turn federation.Turn) federation.OwnKey {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id, err := federation.KeyID(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	return federation.OwnKey{ID: id, Turn: turn, Algorithm: "ES256", Private: private}
}

// A source takes kept keys anew at each sign-in: the one in use signs, wherever it
// lives; a standby never does, whatever becomes of the one in use.
func TestKeptKeys(t *testing.T) {
	b := newBench(t, jose.ES256)
	inUse, next := keptKey(t, federation.InUse), keptKey(t, federation.Next)
	kept := &keptNow{sign: []federation.OwnKey{inUse, next}}
	b.settings.ClientID, b.settings.ClientSecret = "keyed", eid.Secret{}
	b.settings.Managed = &federation.ManagedKeys{RotateEvery: time.Hour, PublishFor: time.Minute, KeepFor: time.Minute, Algorithm: "ES256", RSABits: 2048}
	source := func() *openid.Source {
		t.Helper()
		s, err := openid.New(b.settings, openid.Deps{HTTP: newClient(t, b.provider.Issuer()[len("http://"):]), Now: b.clock.Now, Keys: kept})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	b.Source = source()
	know := func() {
		t.Helper()
		_, body, err := b.Publish("", "", "")
		if err != nil {
			t.Fatal(err)
		}
		var set jose.JSONWebKeySet
		if err := json.Unmarshal(body, &set); err != nil || len(set.Keys) != len(kept.sign) {
			t.Fatalf("Publish() = %s, %v, want %d keys", body, err, len(kept.sign))
		}
		b.provider.Rekey("keyed", set.Keys, nil)
	}
	fine := func(what string) {
		t.Helper()
		if step, err := b.signIn(t, federation.Request{}); err != nil || step.Assertion == nil {
			t.Errorf("%s: sign-in = %+v, %v, want an assertion", what, step, err)
		}
	}
	know()
	fine("in use")
	kept.sign[0].Private = elsewhere{inUse.Private.(crypto.Signer)}
	fine("in use, and elsewhere")
	kept.sign[0].Private = away{inUse.Private.(crypto.Signer)}
	step, err := b.signIn(t, federation.Request{})
	refused(t, step, err, nil)
	if !errors.Is(err, errAway) {
		t.Errorf("Finish() = %v, want %v", err, errAway)
	}
	kept.sign = []federation.OwnKey{next}
	step, err = b.signIn(t, federation.Request{})
	refused(t, step, err, nil)
	if !errors.Is(err, federation.ErrNoOwnKey) {
		t.Errorf("with a standby alone Finish() = %v, want %v", err, federation.ErrNoOwnKey)
	}
	next.Turn, inUse.Turn = federation.InUse, federation.Past
	kept.sign = []federation.OwnKey{next, inUse}
	fine("the standby took over")

	// Beside a secret the keys are published, and the secret counts.
	b.settings.ClientID, b.settings.ClientSecret = clientID, eid.NewSecret(secret)
	b.Source = source()
	know()
	fine("a secret beside kept keys")
	b.settings.Managed.Decryption = true
	if _, err := openid.New(b.settings, openid.Deps{HTTP: newClient(t), Now: b.clock.Now, Keys: kept}); err == nil {
		t.Error("keys that decrypt nothing: New() = nil, want an error")
	}
	b.settings.Managed.Decryption = false
	if _, err := openid.New(b.settings, openid.Deps{HTTP: newClient(t), Now: b.clock.Now}); err == nil {
		t.Error("keys to be kept, and nobody who keeps them: New() = nil, want an error")
	}
}
