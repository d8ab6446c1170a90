package transit_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"

	"eidgate/keys"
	"eidgate/keys/transit"
	"eidgate/keys/transit/transittest"
)

// secret is the token of the tests; no error may hold it.
const secret = "s.token-of-the-tests"

// world is a server over TLS with a client of it.
type world struct {
	*transit.Client
	server *transittest.Server
	http   *httptest.Server
	cfg    transit.Config
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{server: transittest.New(secret)}
	w.http = httptest.NewTLSServer(w.server)
	t.Cleanup(w.http.Close)
	dir := t.TempDir()
	w.cfg = transit.Config{
		Address: w.http.URL, Mount: "transit", TokenFile: filepath.Join(dir, "token"), CAFile: filepath.Join(dir, "ca.pem"),
		Prefix: "eidgate", Timeout: 2 * time.Second,
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.http.Certificate().Raw})
	for name, text := range map[string][]byte{w.cfg.TokenFile: []byte(secret + "\n"), w.cfg.CAFile: ca} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.Client = w.client(t, func(*transit.Config) {})
	return w
}

// client is another one, of another configuration.
func (w *world) client(t *testing.T, change func(*transit.Config)) *transit.Client {
	t.Helper()
	cfg := w.cfg
	change(&cfg)
	c, err := transit.New(cfg)
	if err != nil {
		t.Fatalf("New() = %v", err)
	}
	return c
}

// signs reports whether a JWS of the signer verifies as what it says.
func signs(t *testing.T, alg keys.Algorithm, private crypto.Signer) error {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(alg), Key: cryptosigner.Opaque(private)}, nil)
	if err != nil {
		return err
	}
	jws, err := signer.Sign([]byte("payload"))
	if err != nil {
		return err
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		return err
	}
	parsed, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
	if err != nil {
		return err
	}
	payload, err := parsed.Verify(private.Public())
	if err == nil && !bytes.Equal(payload, []byte("payload")) {
		err = errors.New("another payload")
	}
	return err
}

func TestLifeOfAKey(t *testing.T) {
	for _, alg := range []keys.Algorithm{keys.ES256, keys.RS256, "PS256"} {
		t.Run(string(alg), func(t *testing.T) {
			w := newWorld(t)
			found, private, err := w.Generate(t.Context(), alg, 2048)
			if err != nil {
				t.Fatalf("Generate() = %v", err)
			}
			if err := signs(t, alg, private); err != nil {
				t.Errorf("signing after Generate() = %v", err)
			}
			opened, err := w.client(t, func(*transit.Config) {}).Open(t.Context(), alg, found)
			if err != nil {
				t.Fatalf("Open() = %v", err)
			}
			if equal := opened.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(private.Public()); !equal {
				t.Errorf("Open() has another public key")
			}
			if err := signs(t, alg, opened); err != nil {
				t.Errorf("signing after Open() = %v", err)
			}
			for range 2 { // gone already is no error
				if err := w.Destroy(t.Context(), alg, found); err != nil {
					t.Errorf("Destroy() = %v", err)
				}
			}
			if n, _, _ := w.server.Counts(); n != 0 {
				t.Errorf("keys after Destroy() = %d, want 0", n)
			}
			if err := signs(t, alg, opened); !errors.Is(err, keys.ErrCustody) {
				t.Errorf("signing after Destroy() = %v, want ErrCustody", err)
			}
		})
	}
}

// TestOneAlgorithm lets a key sign nothing but its algorithm.
func TestOneAlgorithm(t *testing.T) {
	w := newWorld(t)
	digest := sha256.Sum256([]byte("x"))
	pss := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthAuto, Hash: crypto.SHA256}
	for _, tt := range []struct {
		alg  keys.Algorithm
		opts crypto.SignerOpts
		ok   bool
	}{
		{keys.RS256, crypto.SHA256, true}, {keys.RS256, pss, false}, {keys.RS256, crypto.SHA1, false}, {keys.RS256, crypto.Hash(0), false}, {keys.RS256, nil, false},
		{"PS256", pss, true}, {"PS256", crypto.SHA256, false}, {keys.ES256, crypto.SHA256, true}, {keys.ES256, pss, false},
	} {
		_, private, err := w.Generate(t.Context(), tt.alg, 2048)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := private.Sign(rand.Reader, digest[:], tt.opts); (err == nil) != tt.ok {
			t.Errorf("Sign() with %s and %#v = %v, want ok %v", tt.alg, tt.opts, err, tt.ok)
		}
	}
}

// TestMisbehaviour: each fails in time, wraps ErrCustody, says nothing secret, and is
// over when it is over.
func TestMisbehaviour(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(*world)
		undo func(*world)
	}{
		{"sealed", func(w *world) { w.server.Be(transittest.Sealed) }, nil},
		{"silent", func(w *world) { w.server.Be(transittest.Silent) }, nil},
		{"garbage", func(w *world) { w.server.Be(transittest.Garbage) }, nil},
		{"another key signs", func(w *world) { w.server.Be(transittest.Liar) }, nil},
		{"token revoked", func(w *world) { w.server.SetToken("s.another", 60) }, func(w *world) { w.server.SetToken(secret, 60) }},
		{"other namespace", func(w *world) { w.server.SetNamespace("eid") }, func(w *world) { w.server.SetNamespace("") }},
		{"no token", func(w *world) { _ = os.Rename(w.cfg.TokenFile, w.cfg.TokenFile+".away") }, func(w *world) { _ = os.Rename(w.cfg.TokenFile+".away", w.cfg.TokenFile) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			c := w.client(t, func(cfg *transit.Config) { cfg.Timeout = 200 * time.Millisecond })
			found, _, err := c.Generate(t.Context(), keys.ES256, 0)
			if err != nil {
				t.Fatal(err)
			}
			private, err := c.Open(t.Context(), keys.ES256, found)
			if err != nil {
				t.Fatal(err)
			}
			tt.do(w)
			err = signs(t, keys.ES256, private)
			if !errors.Is(err, keys.ErrCustody) || strings.Contains(err.Error(), secret) {
				t.Errorf("signing = %v, want ErrCustody and nothing secret", err)
			}
			t.Log(err)
			if tt.undo == nil {
				tt.undo = func(w *world) { w.server.Be(transittest.Well) }
			}
			tt.undo(w)
			if err := signs(t, keys.ES256, private); err != nil {
				t.Errorf("signing afterwards = %v", err)
			}
		})
	}
}

func TestAway(t *testing.T) {
	w := newWorld(t)
	found, private, err := w.Generate(t.Context(), keys.ES256, 0)
	if err != nil {
		t.Fatal(err)
	}
	w.http.Close()
	for what, err := range map[string]error{
		"Sign": signs(t, keys.ES256, private), "Ping": w.Ping(t.Context()), "Destroy": w.Destroy(t.Context(), keys.ES256, found),
	} {
		if !errors.Is(err, keys.ErrCustody) || strings.Contains(err.Error(), string(found)+"\"") {
			t.Errorf("%s() = %v, want ErrCustody", what, err)
		}
	}
	if private.Public() == nil {
		t.Error("Public() = nil, want the key: verifying goes on")
	}
}

// TestForgottenAndExported: what the server lost or gave away is never used.
func TestForgottenAndExported(t *testing.T) {
	w := newWorld(t)
	found, _, err := w.Generate(t.Context(), keys.ES256, 0)
	if err != nil {
		t.Fatal(err)
	}
	w.server.Export()
	if _, err := w.Open(t.Context(), keys.ES256, found); !errors.Is(err, keys.ErrCustody) || !strings.Contains(err.Error(), "exportable") {
		t.Errorf("Open() of an exportable key = %v, want a refusal", err)
	}
	w.server.Forget()
	if _, err := w.Open(t.Context(), keys.ES256, found); !errors.Is(err, keys.ErrCustody) {
		t.Errorf("Open() of a forgotten key = %v, want ErrCustody", err)
	}
	if n, _, _ := w.server.Counts(); n != 0 {
		t.Errorf("keys = %d, want none made in its place", n)
	}
}

// TestOpenRefuses keeps to names of ours and to the algorithm.
func TestOpenRefuses(t *testing.T) {
	w := newWorld(t)
	found, _, err := w.Generate(t.Context(), keys.ES256, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "other-es256-1", "eidgate-../../sys/seal", "eidgate-a/config", "eidgate-a?x", strings.Repeat("eidgate-", 20)} {
		if _, err := w.Open(t.Context(), keys.ES256, []byte(name)); err == nil {
			t.Errorf("Open(%q) = nil, want a refusal", name)
		}
	}
	if _, err := w.Open(t.Context(), keys.RS256, found); !errors.Is(err, keys.ErrCustody) {
		t.Errorf("Open() for RS256 of an ES256 key = %v, want ErrCustody", err)
	}
}

// TestNoRedirect keeps the token from whoever the server points to.
func TestNoRedirect(t *testing.T) {
	var got []string
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = append(got, r.Header.Get("X-Vault-Token")) }))
	defer thief.Close()
	pointing := httptest.NewServer(http.RedirectHandler(thief.URL, http.StatusTemporaryRedirect))
	defer pointing.Close()
	w := newWorld(t)
	c := w.client(t, func(cfg *transit.Config) { cfg.Address = pointing.URL })
	if err := c.Ping(t.Context()); !errors.Is(err, keys.ErrCustody) || len(got) > 0 {
		t.Errorf("Ping() = %v, and %d requests followed, want ErrCustody and none", err, len(got))
	}
}

func TestTokenFileIsReadAgain(t *testing.T) {
	w := newWorld(t)
	w.server.SetToken("s.next", 3600)
	if err := w.Ping(t.Context()); err == nil {
		t.Fatal("Ping() with the old token = nil, want a refusal")
	}
	if err := os.WriteFile(w.cfg.TokenFile, []byte("s.next"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := w.Ping(t.Context()); err != nil {
		t.Errorf("Ping() with the next token = %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	w := newWorld(t)
	for name, change := range map[string]func(*transit.Config){
		"no address":       func(c *transit.Config) { c.Address = "" },
		"another scheme":   func(c *transit.Config) { c.Address = "ldap://bao" },
		"password":         func(c *transit.Config) { c.Address = "https://u:p@bao" },
		"mount upwards":    func(c *transit.Config) { c.Mount = "../sys" },
		"no mount":         func(c *transit.Config) { c.Mount = "" },
		"prefix of a path": func(c *transit.Config) { c.Prefix = "a/b" },
		"no token":         func(c *transit.Config) { c.TokenFile = "" },
		"no time":          func(c *transit.Config) { c.Timeout = 0 },
		"no authorities":   func(c *transit.Config) { c.CAFile = w.cfg.TokenFile },
	} {
		cfg := w.cfg
		change(&cfg)
		if _, err := transit.New(cfg); err == nil || strings.Contains(err.Error(), "u:p") {
			t.Errorf("%s: New() = %v, want an error", name, err)
		}
	}
}

// TestWrapping encrypts what only the same engine, key and context decrypt.
func TestWrapping(t *testing.T) {
	w := newWorld(t)
	wrapping, err := w.Wrapping("eidgate-master")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wrapping.EncryptWithContext(t.Context(), []byte("x"), nil); err == nil {
		t.Error("encrypting under a key that is not there = nil, want an error")
	}
	for range 2 {
		if err := wrapping.Make(t.Context()); err != nil {
			t.Fatalf("Make() = %v", err)
		}
	}
	sealed, err := wrapping.EncryptWithContext(t.Context(), []byte("keyset"), []byte("context"))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := wrapping.DecryptWithContext(t.Context(), sealed, []byte("context")); err != nil || string(plain) != "keyset" {
		t.Errorf("DecryptWithContext() = %q, %v, want keyset", plain, err)
	}
	if _, err := wrapping.DecryptWithContext(t.Context(), sealed, []byte("another")); !errors.Is(err, keys.ErrCustody) {
		t.Errorf("DecryptWithContext() for another context = %v, want ErrCustody", err)
	}
	if _, err := w.Wrapping("../x"); err == nil {
		t.Error("Wrapping(../x) = nil, want a refusal")
	}
}
