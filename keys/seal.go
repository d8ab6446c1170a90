package keys

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"sync/atomic"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Errors of sealing.
var (
	// ErrMasterKey reports a master key that is absent, exposed or malformed.
	ErrMasterKey = errors.New("master key")
	// ErrSealed reports a blob that the master key does not open for its
	// context: another master key sealed it, it was altered, or it was moved.
	ErrSealed = errors.New("sealed blob does not open")
)

// Sealer encrypts small secrets at rest under the master key. It is safe for
// concurrent use.
type Sealer struct{ set atomic.Pointer[sealing] }

// sealing is the keys of one master key.
type sealing struct {
	aead    tink.AEAD
	primary uint32
	ids     []uint32
}

// NewSealer reads a master key: a Tink AEAD keyset in cleartext JSON. Its primary
// key seals, all its keys open, so that a master key is replaced by adding one.
// Errors never repeat any part of the keyset.
func NewSealer(keysetJSON []byte) (*Sealer, error) {
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(keysetJSON)))
	if err != nil {
		return nil, fmt.Errorf("%w: not a Tink keyset in JSON", ErrMasterKey)
	}
	return sealerOf(handle)
}

// LoadSealer reads the master key from a file that nobody but its owner may
// access. Where createIfAbsent is set and there is no file, it makes one and
// warns; of several processes that start together all end with the same key.
func LoadSealer(path string, createIfAbsent bool, log *slog.Logger) (*Sealer, error) {
	master := MasterKey{File: path}
	ctx := context.Background() //nolint:forbidigo // a file in the clear asks nobody
	s, err := master.Load(ctx)
	if !createIfAbsent || !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	made, err := master.Create(ctx)
	if err != nil {
		return nil, fmt.Errorf("creating master key file: %w", err)
	}
	if made {
		log.Warn("master key created: back it up apart from the database, nothing sealed opens without it", "file", path)
	}
	return master.Load(ctx)
}

// sealerOf makes the sealer of a keyset.
func sealerOf(handle *keyset.Handle) (*Sealer, error) {
	primitive, err := aead.New(handle)
	if err != nil {
		return nil, fmt.Errorf("%w: the keyset holds no usable AEAD key", ErrMasterKey)
	}
	set := &sealing{aead: primitive}
	for i := range handle.Len() {
		entry, err := handle.Entry(i)
		if err != nil {
			return nil, fmt.Errorf("%w: the keyset cannot be read", ErrMasterKey)
		}
		if entry.IsPrimary() {
			set.primary = entry.KeyID()
		}
		if entry.KeyStatus() == keyset.Enabled {
			set.ids = append(set.ids, entry.KeyID())
		}
	}
	s := new(Sealer)
	s.set.Store(set)
	return s, nil
}

// Primary is the id of the key that seals.
func (s *Sealer) Primary() uint32 { return s.set.Load().primary }

// KeyIDs are those of the keys that open.
func (s *Sealer) KeyIDs() []uint32 { return slices.Clone(s.set.Load().ids) }

// Has reports whether a key is among those that open.
func (s *Sealer) Has(id uint32) bool { return slices.Contains(s.set.Load().ids, id) }

// SealedBy reads the id of the key that made sealed; false where nothing says so. It
// is the first five bytes that tell (Tink's wire format, output prefix TINK).
func SealedBy(sealed []byte) (id uint32, known bool) {
	if len(sealed) < 5 || sealed[0] != 1 {
		return 0, false
	}
	return binary.BigEndian.Uint32(sealed[1:5]), true
}

// Replace takes the keys of next in use, all at once, for what is sealed and opened
// from then on. It keeps the old ones, and says why, where next cannot open what they
// seal now.
func (s *Sealer) Replace(next *Sealer) error {
	const probe = "replacing the master key"
	sealed, err := s.Seal([]byte(probe), probe)
	if err != nil {
		return err
	}
	if _, err := next.Open(sealed, probe); err != nil {
		return fmt.Errorf("%w: the new one does not open what the one in use seals", ErrMasterKey)
	}
	s.set.Store(next.set.Load())
	return nil
}

// Seal encrypts plaintext. context names the row that will hold the result; Open
// wants the same, so that a blob moved to another row does not open.
func (s *Sealer) Seal(plaintext []byte, context string) ([]byte, error) {
	if context == "" {
		return nil, errors.New("sealing: no context given")
	}
	sealed, err := s.set.Load().aead.Encrypt(plaintext, []byte(context))
	if err != nil {
		return nil, fmt.Errorf("sealing for %s: %w", context, err)
	}
	return sealed, nil
}

// Open decrypts what Seal made for the same context, else returns ErrSealed.
func (s *Sealer) Open(sealed []byte, context string) ([]byte, error) {
	if context == "" {
		return nil, fmt.Errorf("%w: no context given", ErrSealed)
	}
	plaintext, err := s.set.Load().aead.Decrypt(sealed, []byte(context))
	if err != nil {
		return nil, fmt.Errorf("%w for %s", ErrSealed, context)
	}
	return plaintext, nil
}
