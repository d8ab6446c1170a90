package keys

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"
)

// SealOpener is what the ring asks of a Sealer.
type SealOpener interface {
	Seal(plaintext []byte, context string) ([]byte, error)
	Open(sealed []byte, context string) ([]byte, error)
}

var _ SealOpener = (*Sealer)(nil)

// signer is an opened key.
type signer struct {
	id      string
	line    Line
	public  crypto.PublicKey
	private crypto.Signer // nil while its custody has not opened it
	custody string
	found   []byte // by what the custody finds it
	sealed  []byte // what it was opened from
}

// held is what a row seals for a key that is not in the row itself: with its public
// key a process can verify while the custody is away. In the archive it is what was
// public, with found until the custody has forgotten the private key.
type held struct {
	Public jose.JSONWebKey `json:"jwk"`
	Found  []byte          `json:"found,omitempty"`
}

// jwk is the JWK of the key, with public members only.
func (s *signer) jwk() jose.JSONWebKey { return publicJWK(s.id, s.line.Algorithm, s.public) }

func publicJWK(id string, alg Algorithm, public crypto.PublicKey) jose.JSONWebKey {
	jwk := jose.JSONWebKey{Key: public, KeyID: id, Algorithm: string(alg), Use: "sig"}
	if alg == RSA { // no algorithm of RFC 7518: the padding is not the key's to say
		jwk.Algorithm, jwk.Use = "", "enc"
	}
	return jwk
}

// newRecord makes a key that stands in no state yet. Where the custody is not the
// store, the private key stays behind if the record is not kept.
func newRecord(ctx context.Context, p Plan, rsaBits int, custody Custody, box SealOpener, now time.Time) (Record, crypto.Signer, error) {
	found, private, err := custody.Generate(ctx, p.Algorithm, rsaBits)
	if err != nil {
		return Record{}, nil, fmt.Errorf("making %s key: %w", p.Line(), err)
	}
	rec, err := describe(p, found, private, box, now)
	if err != nil {
		return Record{}, nil, errors.Join(err, custody.Destroy(ctx, p.Algorithm, found))
	}
	return rec, private, nil
}

// describe writes the record of a key that was just made.
func describe(p Plan, found []byte, private crypto.Signer, box SealOpener, now time.Time) (Record, error) {
	if err := fits(p.Algorithm, private.Public()); err != nil {
		return Record{}, err
	}
	id, err := thumbprint(private.Public())
	if err != nil {
		return Record{}, err
	}
	rec := Record{ID: id, Purpose: p.Purpose, Algorithm: p.Algorithm, Custody: p.Custody, State: Published}
	jwk := publicJWK(id, p.Algorithm, private.Public())
	if rec.Public, err = jwk.MarshalJSON(); err != nil {
		return Record{}, fmt.Errorf("encoding public %s key: %w", p.Line(), err)
	}
	plaintext := found
	if p.Custody != "" {
		if plaintext, err = json.Marshal(held{Public: jwk, Found: found}); err != nil {
			return Record{}, fmt.Errorf("encoding %s key: %w", p.Line(), err)
		}
	}
	if rec.Sealed, err = box.Seal(plaintext, rec.Context()); err != nil {
		return Record{}, err
	}
	if p.Certificate.CommonName != "" {
		rec.Certificate, err = certify(forAlgorithm(p.Algorithm, private), p.Algorithm, p.Certificate, now)
	}
	return rec, err
}

// open opens what a record seals and checks that the key is of the algorithm and the
// kid that the row states. It asks no custody: a key that lives in one is without its
// private part.
func open(rec Record, box SealOpener) (*signer, error) {
	plaintext, err := box.Open(rec.Sealed, rec.Context())
	if err != nil {
		return nil, err
	}
	key := &signer{id: rec.ID, line: rec.Line(), custody: rec.Custody, sealed: bytes.Clone(rec.Sealed)}
	if rec.Custody == "" && rec.State != Retired {
		if key.private, err = unpack(rec.Algorithm, plaintext); err != nil {
			return nil, fmt.Errorf("key %s: %w", rec.ID, err)
		}
		key.public = key.private.Public()
	} else {
		var h held
		if err := json.Unmarshal(plaintext, &h); err != nil || h.Public.Key == nil || !h.Public.IsPublic() {
			return nil, fmt.Errorf("key %s: what is sealed is no public key", rec.ID)
		}
		key.public, key.found = h.Public.Key, h.Found
	}
	return key, key.check(rec)
}

// check holds the key against its row.
func (s *signer) check(rec Record) error {
	if err := fits(rec.Algorithm, s.public); err != nil {
		return fmt.Errorf("key %s: %w", rec.ID, err)
	}
	id, err := thumbprint(s.public)
	if err != nil {
		return err
	}
	if id != rec.ID {
		return fmt.Errorf("key %s: the row holds another key, %s", rec.ID, id)
	}
	if len(rec.Certificate) > 0 {
		if err := certified(rec.Certificate, s.public); err != nil {
			return fmt.Errorf("key %s: %w", rec.ID, err)
		}
	}
	return nil
}

// archive seals the public part of a record that has retired, for what the record
// says now.
func archive(rec Record, opened *signer, keepFound bool, box SealOpener) (Record, error) {
	h := held{Public: opened.jwk()}
	if keepFound {
		h.Found = opened.found
	}
	plaintext, err := json.Marshal(h)
	if err != nil {
		return Record{}, fmt.Errorf("encoding archived key %s: %w", rec.ID, err)
	}
	rec.Sealed, err = box.Seal(plaintext, rec.Context())
	return rec, err
}

// jws makes a compact JWS.
func (s *signer) jws(typ string, payload []byte) (string, error) {
	var private any = s.private
	switch {
	case s.private == nil:
		return "", fmt.Errorf("%w: %s has not opened the key", ErrCustody, s.custody)
	case s.custody != "":
		private = cryptosigner.Opaque(forAlgorithm(s.line.Algorithm, s.private))
	}
	// Made anew each time: it costs half a microsecond, and go-jose does not
	// promise that a signer may be shared.
	js, err := jose.NewSigner(jose.SigningKey{
		Algorithm: jose.SignatureAlgorithm(s.line.Algorithm), Key: jose.JSONWebKey{Key: private, KeyID: s.id},
	}, (&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	if err != nil {
		return "", err
	}
	signed, err := js.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// forAlgorithm makes RSA-PSS signatures with salts as long as the hash, which RFC 7518
// §3.5 demands and cryptosigner and crypto/x509 leave to the key.
func forAlgorithm(alg Algorithm, private crypto.Signer) crypto.Signer {
	if alg != PS256 {
		return private
	}
	return salted{private}
}

type salted struct{ crypto.Signer }

func (s salted) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return s.Signer.Sign(rand, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: opts.HashFunc()})
}

// refusing is a key that cannot sign now.
type refusing struct {
	public crypto.PublicKey
	why    error
}

func (r refusing) Public() crypto.PublicKey { return r.public }

func (r refusing) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return nil, r.why }

// thumbprint is the kid of a key (RFC 7638 §3, SHA-256, base64url).
func thumbprint(public crypto.PublicKey) (string, error) {
	sum, err := (&jose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("computing kid: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}
