//go:build pkcs11

package pkcs11_test

import (
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThalesGroup/crypto11"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"

	"eidgate/keys"
)

// signs reports whether a JWS of the signer verifies as what it says.
func signs(alg keys.Algorithm, private crypto.Signer) error {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(alg), Key: cryptosigner.Opaque(private)}, nil)
	if err != nil {
		return err
	}
	jws, err := signer.Sign([]byte("payload"))
	if err != nil {
		return err
	}
	_, err = jws.Verify(private.Public())
	return err
}

func TestLifeOfAKey(t *testing.T) {
	h := newHSM(t)
	for _, alg := range []keys.Algorithm{keys.ES256, keys.RS256, "PS256"} {
		t.Run(string(alg), func(t *testing.T) {
			found, private, err := h.Generate(t.Context(), alg, 2048)
			if err != nil {
				t.Fatalf("Generate() = %v", err)
			}
			if err := signs(alg, private); err != nil {
				t.Errorf("signing after Generate() = %v", err)
			}
			opened, err := h.token(t, time.Now).Open(t.Context(), alg, found)
			if err != nil {
				t.Fatalf("Open() = %v", err)
			}
			if !opened.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(private.Public()) {
				t.Error("Open() has another public key")
			}
			if err := signs(alg, opened); err != nil {
				t.Errorf("signing after Open() = %v", err)
			}
			for range 2 { // gone already is no error
				if err := h.Destroy(t.Context(), alg, found); err != nil {
					t.Errorf("Destroy() = %v", err)
				}
			}
			if err := signs(alg, opened); !errors.Is(err, keys.ErrCustody) {
				t.Errorf("signing after Destroy() = %v, want ErrCustody", err)
			}
		})
	}
}

// TestOneAlgorithm lets a key sign nothing but its algorithm, and decrypt nothing.
func TestOneAlgorithm(t *testing.T) {
	h := newHSM(t)
	digest := sha256.Sum256([]byte("x"))
	_, private, err := h.Generate(t.Context(), keys.RS256, 2048)
	check(t, err)
	for _, opts := range []crypto.SignerOpts{nil, crypto.SHA1, crypto.Hash(0), &rsa.PSSOptions{Hash: crypto.SHA256}} {
		if _, err := private.Sign(rand.Reader, digest[:], opts); err == nil {
			t.Errorf("Sign(%#v) = nil, want a refusal", opts)
		}
	}
	if _, decrypts := private.(crypto.Decrypter); decrypts {
		t.Error("a signing key decrypts")
	}
}

// TestAwayAndBack: verifying goes on, signing refuses, and it comes back by itself.
func TestAwayAndBack(t *testing.T) {
	h := newHSM(t)
	found, private, err := h.Generate(t.Context(), keys.ES256, 0)
	check(t, err)
	over, err := h.soft.Away()
	check(t, err)
	for what, err := range map[string]error{
		"Sign": signs(keys.ES256, private), "Ping": h.Ping(t.Context()), "Destroy": h.Destroy(t.Context(), keys.ES256, found),
	} {
		if !errors.Is(err, keys.ErrCustody) {
			t.Errorf("%s() = %v, want ErrCustody", what, err)
		}
	}
	if _, err := h.token(t, time.Now).Open(t.Context(), keys.ES256, found); !errors.Is(err, keys.ErrCustody) {
		t.Errorf("Open() = %v, want ErrCustody", err)
	}
	if private.Public() == nil {
		t.Error("Public() = nil, want the key")
	}
	over()
	comesBack(t, private)
}

// TestHang: calls that never return cost their callers a deadline and this process a
// bounded number of threads.
func TestHang(t *testing.T) {
	h := newHSM(t)
	_, private, err := h.Generate(t.Context(), keys.ES256, 0)
	check(t, err)
	over, err := h.soft.Hang()
	check(t, err)
	var wait sync.WaitGroup
	for range 40 { // more than there are slots
		wait.Go(func() {
			if err := signs(keys.ES256, private); !errors.Is(err, keys.ErrCustody) {
				t.Errorf("signing = %v, want ErrCustody", err)
			}
		})
	}
	wait.Wait()
	over()
	comesBack(t, private)
}

// TestSessionsLost: somebody closes our sessions at the module.
func TestSessionsLost(t *testing.T) {
	h := newHSM(t)
	_, private, err := h.Generate(t.Context(), keys.ES256, 0)
	check(t, err)
	other, err := crypto11.Configure(&crypto11.Config{Path: h.cfg.Module, TokenLabel: h.cfg.Token, Pin: pin})
	check(t, err)
	closeSessions(t, h)
	if err := signs(keys.ES256, private); err != nil {
		t.Errorf("signing = %v, want a new login", err)
	}
	_ = other.Close()
}

func comesBack(t *testing.T, private crypto.Signer) {
	t.Helper()
	var err error
	for range 100 {
		if err = signs(keys.ES256, private); err == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("signing afterwards = %v", err)
}

// TestWrongPIN tries a wrong PIN once and no more, so that the token is not locked, and
// says nothing of it.
func TestWrongPIN(t *testing.T) {
	h := newHSM(t)
	check(t, os.WriteFile(h.cfg.PINFile, []byte("wrong-pin"), 0o600))
	clock := time.Now()
	token := h.token(t, func() time.Time { return clock })
	for i := range 30 {
		clock = clock.Add(time.Minute)
		err := token.Ping(t.Context())
		if !errors.Is(err, keys.ErrCustody) || strings.Contains(err.Error(), "wrong-pin") || i > 0 && !strings.Contains(err.Error(), "write another") {
			t.Fatalf("Ping() = %v, want ErrCustody, and no second try", err)
		}
	}
	check(t, os.WriteFile(h.cfg.PINFile, []byte(pin), 0o600))
	clock = clock.Add(time.Minute)
	if err := token.Ping(t.Context()); err != nil {
		t.Errorf("Ping() with the right PIN = %v", err)
	}
}

// TestOpenRefuses keeps to labels of ours, to the algorithm, and to keys that never
// could leave the token.
func TestOpenRefuses(t *testing.T) {
	h := newHSM(t)
	found, _, err := h.Generate(t.Context(), keys.ES256, 0)
	check(t, err)
	for _, label := range []string{"", "other-1", "eidgate-none", "eidgate-\x00", strings.Repeat("eidgate-", 20)} {
		if _, err := h.Open(t.Context(), keys.ES256, []byte(label)); !errors.Is(err, keys.ErrCustody) {
			t.Errorf("Open(%q) = %v, want ErrCustody", label, err)
		}
	}
	if _, err := h.Open(t.Context(), keys.RS256, found); !errors.Is(err, keys.ErrCustody) {
		t.Errorf("Open() for RS256 of an ES256 key = %v, want ErrCustody", err)
	}
	c, err := crypto11.Configure(&crypto11.Config{Path: h.cfg.Module, TokenLabel: h.cfg.Token, Pin: pin})
	check(t, err)
	defer c.Close()
	public, err := crypto11.NewAttributeSetWithIDAndLabel([]byte{1}, []byte("eidgate-loose"))
	check(t, err)
	private := public.Copy()
	check(t, private.Set(crypto11.CkaExtractable, true))
	_, err = c.GenerateECDSAKeyPairWithAttributes(public, private, elliptic.P256())
	check(t, err)
	if _, err := h.Open(t.Context(), keys.ES256, []byte("eidgate-loose")); !errors.Is(err, keys.ErrCustody) || !strings.Contains(err.Error(), "leave the token") {
		t.Errorf("Open() of an extractable key = %v, want a refusal", err)
	}
}
