package keys

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

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

// maxKeyset bounds a master key file, in bytes; one key takes about 300.
const maxKeyset = 64 << 10

// Sealer encrypts small secrets at rest under the master key. It is safe for
// concurrent use.
type Sealer struct{ aead tink.AEAD }

// NewSealer reads a master key: a Tink AEAD keyset in cleartext JSON. Its primary
// key seals, all its keys open, so that a master key is replaced by adding one.
// Errors never repeat any part of the keyset.
func NewSealer(keysetJSON []byte) (*Sealer, error) {
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(keysetJSON)))
	if err != nil {
		return nil, fmt.Errorf("%w: not a Tink keyset in JSON", ErrMasterKey)
	}
	primitive, err := aead.New(handle)
	if err != nil {
		return nil, fmt.Errorf("%w: the keyset holds no usable AEAD key", ErrMasterKey)
	}
	return &Sealer{primitive}, nil
}

// LoadSealer reads the master key from a file that nobody but its owner may
// access. Where createIfAbsent is set and there is no file, it makes one and
// warns; of several processes that start together all end with the same key.
func LoadSealer(path string, createIfAbsent bool, log *slog.Logger) (*Sealer, error) {
	keysetJSON, err := readMasterKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		if !createIfAbsent {
			return nil, fmt.Errorf("%w: there is no file %s: put the one in place that sealed this store's keys", ErrMasterKey, path)
		}
		made, createErr := createMasterKey(path)
		if createErr != nil {
			return nil, fmt.Errorf("creating master key file: %w", createErr)
		}
		if made {
			log.Warn("master key created: back it up apart from the database, nothing sealed opens without it", "file", path)
		}
		keysetJSON, err = readMasterKey(path)
	}
	if err != nil {
		return nil, err
	}
	s, err := NewSealer(keysetJSON)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return s, nil
}

// Seal encrypts plaintext. context names the row that will hold the result; Open
// wants the same, so that a blob moved to another row does not open.
func (s *Sealer) Seal(plaintext []byte, context string) ([]byte, error) {
	if context == "" {
		return nil, errors.New("sealing: no context given")
	}
	sealed, err := s.aead.Encrypt(plaintext, []byte(context))
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
	plaintext, err := s.aead.Decrypt(sealed, []byte(context))
	if err != nil {
		return nil, fmt.Errorf("%w for %s", ErrSealed, context)
	}
	return plaintext, nil
}

// readMasterKey reads the file after a look at the permissions of what it opened.
func readMasterKey(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMasterKey, err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrMasterKey, err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%w: %s is not a regular file", ErrMasterKey, path)
	// 0440 is what systemd and Kubernetes make of a secret for one service.
	case info.Mode().Perm()&0o077 != 0 && info.Mode().Perm() != 0o440:
		return nil, fmt.Errorf("%w: others may access %s (mode %04o): run chmod 600 %[2]s", ErrMasterKey, path, info.Mode().Perm())
	}
	keysetJSON, err := io.ReadAll(io.LimitReader(f, maxKeyset+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMasterKey, err)
	}
	if len(keysetJSON) > maxKeyset {
		return nil, fmt.Errorf("%w: %s is longer than %d bytes", ErrMasterKey, path, maxKeyset)
	}
	return keysetJSON, nil
}

// createMasterKey writes a new keyset beside path and links it into place: a link
// fails where the name is taken, so the first process wins, and no reader ever
// sees half a file. made is false when another was first.
func createMasterKey(path string) (made bool, err error) {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return false, fmt.Errorf("generating: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".master-key-*") // O_EXCL, mode 0600
	if err != nil {
		return false, err
	}
	defer os.Remove(f.Name())
	err = insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(f))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return false, err
	}
	switch err := os.Link(f.Name(), path); {
	case errors.Is(err, fs.ErrExist):
		return false, nil
	case err != nil:
		return false, err
	}
	return true, syncDir(filepath.Dir(path))
}

// syncDir makes a new name in dir survive a crash.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
