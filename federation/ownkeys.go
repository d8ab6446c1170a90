package federation

import (
	"crypto"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"

	"github.com/go-jose/go-jose/v4"
)

// ErrNoOwnKey reports a source for which no key of the gateway signs.
var ErrNoOwnKey = errors.New("no key of the gateway's signs for this source yet")

// Turn is where a key of the gateway's stands among those of one source. The zero
// value is none: such a key does nothing.
type Turn int

// The turns.
const (
	// Next is published, so that the other side knows the key before its turn. It opens,
	// and signs nothing.
	Next Turn = iota + 1
	// InUse signs, and is what the other side should encrypt to.
	InUse
	// Past still verifies what it signed, and opens. Nobody is to encrypt to it any more:
	// it is not published for that, so that whoever picks any of the keys that he has
	// cached never picks one that is about to go.
	Past
	// Fresh opens, and is published neither: another process of the gateway may not have
	// it yet.
	Fresh
)

// OwnKey is a private key of the gateway's at one source. It prints as nothing.
type OwnKey struct {
	ID          string // RFC 7638 thumbprint of the public key
	Turn        Turn
	Algorithm   string // of JWS (RFC 7518 §3.1); empty for keys that open
	Certificate []byte // X.509, DER; empty where the source needs none
	// Private is a crypto.Signer, or what opens: an *rsa.PrivateKey, or for ECDH an
	// *ecdsa.PrivateKey.
	Private Private
}

// Private is a private key, of which only the public half is told.
type Private interface{ Public() crypto.PublicKey }

// OwnKeys are the gateway's keys at one source. A source asks anew for each message,
// so that a change of keys is in force at once. The slices are the caller's.
type OwnKeys interface {
	// Signing gives the keys to sign with: the one InUse first, if there is one.
	Signing() []OwnKey
	// Decryption gives the keys that open: the one InUse first, if there is one.
	Decryption() []OwnKey
}

var (
	_ OwnKeys = KeyFiles{}
	_ OwnKeys = succession{}
)

// String tells nothing of the key.
func (OwnKey) String() string { return "[key]" }

// GoString tells nothing of the key.
func (OwnKey) GoString() string { return "[key]" }

// LogValue tells nothing of the key.
func (OwnKey) LogValue() slog.Value { return slog.StringValue("[key]") }

// SigningKey is the key that signs now, and its signer. The error is ErrNoOwnKey
// where none does.
func SigningKey(keys OwnKeys) (OwnKey, crypto.Signer, error) {
	for _, key := range keys.Signing() {
		if signer, ok := key.Private.(crypto.Signer); ok && key.Turn == InUse {
			return key, signer, nil
		}
	}
	return OwnKey{}, nil, ErrNoOwnKey
}

// EncryptionKeys are those that the other side may encrypt to: what is published.
func EncryptionKeys(keys OwnKeys) []OwnKey {
	var list []OwnKey
	for _, key := range keys.Decryption() {
		if key.Turn == InUse || key.Turn == Next {
			list = append(list, key)
		}
	}
	return list
}

// KeyFiles are keys that an operator gave in files and changes by hand: the first of
// each kind is in use, the others are next.
type KeyFiles struct{ Sign, Open []OwnKey }

// Signing gives the keys to sign with.
func (f KeyFiles) Signing() []OwnKey { return inTurn(f.Sign) }

// Decryption gives the keys that open.
func (f KeyFiles) Decryption() []OwnKey { return inTurn(f.Open) }

func inTurn(keys []OwnKey) []OwnKey {
	list := make([]OwnKey, len(keys))
	for i, key := range keys {
		key.Turn = Next
		if i == 0 {
			key.Turn = InUse
		}
		list[i] = key
	}
	return list
}

// Succeed joins keys that the gateway keeps with files that they take over from: a
// file is in use until one of the kept keys is, and past from then on. kept may be
// nil where there are files alone.
func Succeed(kept OwnKeys, files KeyFiles) OwnKeys {
	if kept == nil {
		return files
	}
	return succession{kept, files}
}

type succession struct {
	kept  OwnKeys
	files KeyFiles
}

func (s succession) Signing() []OwnKey    { return after(s.kept.Signing(), s.files.Signing()) }
func (s succession) Decryption() []OwnKey { return after(s.kept.Decryption(), s.files.Decryption()) }

func after(kept, files []OwnKey) []OwnKey {
	if len(kept) == 0 || kept[0].Turn != InUse {
		return append(files, kept...)
	}
	for i := range files {
		files[i].Turn = Past
	}
	return append(kept, files...)
}

// KeyID is the kid of a key: its thumbprint (RFC 7638, SHA-256, base64url).
func KeyID(public crypto.PublicKey) (string, error) {
	sum, err := (&jose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("computing the id of a key: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}
