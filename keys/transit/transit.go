// Package transit owns the gateway's keys in OpenBao or Vault: it speaks the HTTP API
// of their Transit engine, and private keys never leave it.
package transit

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"
	"time"

	"eidgate/keys"
)

// Config says where the Transit engine is. The operator's own configuration gives it:
// the address may be a private one.
type Config struct {
	Address   string        // such as https://bao.example.vn:8200
	Mount     string        // where the engine is mounted, such as transit
	Namespace string        // X-Vault-Namespace; empty: none
	TokenFile string        // read again at each call, so that it may change
	CAFile    string        // PEM; empty: the machine's authorities
	Prefix    string        // begins the names of our keys
	Timeout   time.Duration // of one call; making a key has ten times as long
}

// Client keeps keys in a Transit engine. It is safe for concurrent use.
type Client struct {
	cfg  Config
	base *url.URL
	http *http.Client
}

var _ keys.Custody = (*Client)(nil)

// maxCalls bounds the calls under way; more wait, for their own deadline at most.
const maxCalls = 32

// nameOf is what a name in a URL of ours may look like.
var nameOf = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$`)

// New checks the configuration. It calls nobody.
func New(cfg Config) (*Client, error) {
	base, err := url.Parse(cfg.Address)
	if err != nil || base.Scheme != "https" && base.Scheme != "http" || base.Host == "" || base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, errors.New("transit: the address is not https://host:port")
	}
	for _, part := range strings.Split(cfg.Mount, "/") {
		if !nameOf.MatchString(part) {
			return nil, errors.New("transit: the mount is not a path of names")
		}
	}
	if !nameOf.MatchString(cfg.Prefix) || cfg.TokenFile == "" || cfg.Timeout <= 0 {
		return nil, errors.New("transit: a prefix for names, a token's file and a timeout are needed")
	}
	transport, err := newTransport(cfg)
	if err != nil {
		return nil, err
	}
	return &Client{cfg: cfg, base: base, http: &http.Client{
		Transport: transport,
		// The token would go along: a server that is not the active one forwards by itself.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Name implements keys.Custody.
func (c *Client) Name() string { return "transit" }

// Generate implements keys.Custody: a key that can be neither exported nor backed up
// in the clear, under a name of its own. What finds it is that name.
func (c *Client) Generate(ctx context.Context, alg keys.Algorithm, rsaBits int) ([]byte, crypto.Signer, error) {
	kind, err := kindOf(alg, rsaBits)
	if err != nil {
		return nil, nil, err
	}
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand)
	name := c.cfg.Prefix + "-" + strings.ToLower(string(alg)) + "-" + hex.EncodeToString(random[:])
	err = c.call(ctx, http.MethodPost, path.Join(c.cfg.Mount, "keys", name), newKey{Type: kind}, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("making a %s key: %w", alg, err)
	}
	signer, err := c.Open(ctx, alg, []byte(name))
	if err != nil {
		return nil, nil, err
	}
	return []byte(name), signer, nil
}

// Open implements keys.Custody. It reads the public key, once.
func (c *Client) Open(ctx context.Context, alg keys.Algorithm, found []byte) (crypto.Signer, error) {
	name, err := c.named(found)
	if err != nil {
		return nil, err
	}
	var key keyInfo
	if err := c.call(ctx, http.MethodGet, path.Join(c.cfg.Mount, "keys", name), nil, &key); err != nil {
		return nil, fmt.Errorf("reading key %s: %w", name, err)
	}
	if key.Exportable || key.PlaintextBackup {
		return nil, fmt.Errorf("%w: key %s was made exportable: it may have been copied, revoke it", keys.ErrCustody, name)
	}
	public, err := key.public(alg)
	if err != nil {
		return nil, fmt.Errorf("%w: key %s: %w", keys.ErrCustody, name, err)
	}
	return keys.Checked(alg, &signer{client: c, name: name, alg: alg, public: public}), nil
}

// Destroy implements keys.Custody.
func (c *Client) Destroy(ctx context.Context, _ keys.Algorithm, found []byte) error {
	name, err := c.named(found)
	if err != nil {
		return err
	}
	at := path.Join(c.cfg.Mount, "keys", name)
	err = c.call(ctx, http.MethodPost, path.Join(at, "config"), map[string]bool{"deletion_allowed": true}, nil)
	if err == nil {
		err = c.call(ctx, http.MethodDelete, at, nil, nil)
	}
	if err == nil || errors.Is(err, errNotFound) {
		return nil
	}
	// The engine says 400 to the configuration of a key that it has not.
	if missing := c.call(ctx, http.MethodGet, at, nil, nil); errors.Is(missing, errNotFound) {
		return nil
	}
	return fmt.Errorf("destroying key %s: %w", name, err)
}

// Ping looks whether the server answers, is unsealed, and takes our token.
func (c *Client) Ping(ctx context.Context) error {
	return c.call(ctx, http.MethodGet, "auth/token/lookup-self", nil, nil)
}

// named reads what Generate returned.
func (c *Client) named(found []byte) (string, error) {
	name := string(found)
	if !nameOf.MatchString(name) || !strings.HasPrefix(name, c.cfg.Prefix+"-") {
		return "", fmt.Errorf("%w: not a key's name under the prefix %s", keys.ErrCustody, c.cfg.Prefix)
	}
	return name, nil
}

// newKey is the body of a request for a key.
type newKey struct {
	Type            string `json:"type"`
	Exportable      bool   `json:"exportable"`
	PlaintextBackup bool   `json:"allow_plaintext_backup"`
}

// keyInfo is what the engine tells of a key.
type keyInfo struct {
	Type            string                `json:"type"`
	Exportable      bool                  `json:"exportable"`
	PlaintextBackup bool                  `json:"allow_plaintext_backup"`
	Keys            map[string]keyVersion `json:"keys"`
}

type keyVersion struct {
	PublicKey string `json:"public_key"`
}

// firstVersion is the only one that counts: our keys are replaced, never rotated
// there, for a rotation there would sign under a kid that nobody published.
const firstVersion = 1

func (k keyInfo) public(alg keys.Algorithm) (crypto.PublicKey, error) {
	block, _ := pem.Decode([]byte(k.Keys[fmt.Sprint(firstVersion)].PublicKey))
	if block == nil {
		return nil, errors.New("its first version has no public key")
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, errors.New("its public key cannot be read")
	}
	switch public := public.(type) {
	case *rsa.PublicKey:
		if (alg == keys.RS256 || alg == keys.PS256) && public.N.BitLen() >= 2048 {
			return public, nil
		}
	case *ecdsa.PublicKey:
		if alg == keys.ES256 && public.Curve == elliptic.P256() {
			return public, nil
		}
	}
	return nil, fmt.Errorf("it is not one for %s", alg)
}

// kindOf is the engine's name for a key of an algorithm.
func kindOf(alg keys.Algorithm, rsaBits int) (string, error) {
	switch {
	case alg == keys.ES256:
		return "ecdsa-p256", nil
	case (alg == keys.RS256 || alg == keys.PS256) && (rsaBits == 2048 || rsaBits == 3072 || rsaBits == 4096):
		return fmt.Sprintf("rsa-%d", rsaBits), nil
	}
	return "", fmt.Errorf("no key of %s with %d bits is made here", alg, rsaBits)
}
