package audit

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// PublicKey is a key that signed checkpoints, as files hold it.
type PublicKey struct {
	JWK     json.RawMessage `json:"jwk"` // RFC 7517, public
	From    time.Time       `json:"from,omitzero"`
	Until   time.Time       `json:"until,omitzero"`
	Revoked time.Time       `json:"revoked,omitzero"`
}

// KeySet verifies by a list of public keys. It is safe for concurrent use.
type KeySet struct {
	keys map[string]trusted
}

type trusted struct {
	Key
	public jose.JSONWebKey
}

var _ Verifier = (*KeySet)(nil)

// errSignature is the one error for a checkpoint that does not verify.
var (
	errSignature = errors.New("its signature is not good")
	errKey       = errors.New("its key is not known")
)

// maxKeys bounds a key set; one key a month for 80 years.
const maxKeys = 1000

// NewKeySet takes the keys, each by its thumbprint (RFC 7638), whatever kid it says.
func NewKeySet(list []PublicKey) (*KeySet, error) {
	if len(list) > maxKeys {
		return nil, fmt.Errorf("%d keys of checkpoints: want %d at most", len(list), maxKeys)
	}
	set := &KeySet{keys: map[string]trusted{}}
	for n, k := range list {
		var jwk jose.JSONWebKey
		if err := json.Unmarshal(k.JWK, &jwk); err != nil || !jwk.IsPublic() || !jwk.Valid() {
			return nil, fmt.Errorf("key %d of the checkpoints is no public JWK", n+1)
		}
		sum, err := jwk.Thumbprint(crypto.SHA256)
		if err != nil {
			return nil, fmt.Errorf("key %d of the checkpoints: %w", n+1, err)
		}
		id := base64.RawURLEncoding.EncodeToString(sum)
		set.keys[id] = trusted{Key{id, k.From, k.Until, k.Revoked}, jwk}
	}
	return set, nil
}

// Verify fills Verifier. Keys that the header carries or points to are never used.
func (s *KeySet) Verify(jws string) ([]byte, Key, error) {
	if len(jws) > maxJWS {
		return nil, Key{}, errSignature
	}
	signed, err := jose.ParseSignedCompact(jws, []jose.SignatureAlgorithm{jose.ES256, jose.RS256, jose.PS256})
	if err != nil || len(signed.Signatures) != 1 {
		return nil, Key{}, errSignature
	}
	header := signed.Signatures[0].Protected
	key, ok := s.keys[header.KeyID]
	if !ok {
		return nil, Key{}, errKey
	}
	if typ, _ := header.ExtraHeaders[jose.HeaderType].(string); typ != Typ {
		return nil, Key{}, errSignature
	}
	payload, err := signed.Verify(key.public.Key)
	if err != nil {
		return nil, Key{}, errSignature
	}
	return payload, key.Key, nil
}

// maxJWS bounds a checkpoint's signed text, in bytes; it takes about 700.
const maxJWS = 8 << 10

// IDs are the thumbprints of the keys (RFC 7638), in any order.
func (s *KeySet) IDs() iter.Seq[string] { return maps.Keys(s.keys) }
