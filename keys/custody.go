package keys

import (
	"context"
	"crypto"
	"errors"
)

// ErrCustody reports a custody that is out of reach or refused.
var ErrCustody = errors.New("custody of keys")

// Custody is where private keys live: the store, an HSM, a KMS. What it returns from
// Generate and Open signs on its own from then on; a Sign that cannot reach the custody
// fails within seconds and wraps ErrCustody. It is safe for concurrent use.
type Custody interface {
	// Name is kept in the records of its keys, such as pkcs11.
	Name() string
	// Generate makes a key pair. What it returns beside the key is all that Open
	// needs to find it again; the ring seals it.
	Generate(ctx context.Context, alg Algorithm, rsaBits int) (found []byte, _ crypto.Signer, err error)
	// Open finds a key that Generate made.
	Open(ctx context.Context, alg Algorithm, found []byte) (crypto.Signer, error)
	// Destroy forgets a private key for good. A key that is gone already is no error.
	Destroy(ctx context.Context, alg Algorithm, found []byte) error
}
