package keys

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

const (
	// maxKeyset bounds a master key's keyset, in bytes; one key takes about 300.
	maxKeyset = 64 << 10
	// maxKeysetKeys bounds the keys in it: one seals, the others are on their way out.
	maxKeysetKeys = 20
	// wrappedFor binds an encrypted keyset to what it is for.
	wrappedFor = "eidgate master keyset"
)

// MasterKey says where the keyset of the master key is kept.
type MasterKey struct {
	// File holds the keyset.
	File string
	// Text is the keyset itself, instead of a file: from the environment.
	Text string
	// Wrapping encrypts the keyset, under a key that never leaves a KMS; nil: the
	// keyset is in cleartext.
	Wrapping tink.AEADWithContext
}

// Load reads the keyset. The error wraps ErrMasterKey, and fs.ErrNotExist where there
// is no file; it repeats no part of the keyset.
func (m MasterKey) Load(ctx context.Context) (*Sealer, error) {
	handle, err := m.read(ctx)
	if err != nil {
		return nil, err
	}
	s, err := sealerOf(handle)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", m.place(), err)
	}
	return s, nil
}

// Create writes a keyset with one new key to the file, unless there is one: made is
// false then.
func (m MasterKey) Create(ctx context.Context) (made bool, err error) {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return false, fmt.Errorf("generating: %w", err)
	}
	text, err := m.encode(ctx, handle)
	if err != nil {
		return false, err
	}
	return createPrivate(m.File, text)
}

// Add puts a new key beside those of the keyset, which go on sealing, and returns its
// id. What comes out is written to the file to; empty is where it was read from.
func (m MasterKey) Add(ctx context.Context, to string) (id uint32, err error) {
	err = m.edit(ctx, to, func(manager *keyset.Manager, had *Sealer) error {
		if len(had.KeyIDs()) >= maxKeysetKeys {
			return fmt.Errorf("%w: it has %d keys already: remove some", ErrMasterKey, maxKeysetKeys)
		}
		id, err = manager.Add(aead.AES256GCMKeyTemplate())
		return err
	})
	return id, err
}

// Promote has a key of the keyset seal from now on.
func (m MasterKey) Promote(ctx context.Context, to string, id uint32) error {
	return m.edit(ctx, to, func(manager *keyset.Manager, had *Sealer) error {
		if !had.Has(id) {
			return fmt.Errorf("%w: it has no key %d", ErrMasterKey, id)
		}
		return manager.SetPrimary(id)
	})
}

// Remove takes a key out of the keyset for good. The one that seals stays.
func (m MasterKey) Remove(ctx context.Context, to string, id uint32) error {
	return m.edit(ctx, to, func(manager *keyset.Manager, had *Sealer) error {
		switch {
		case id == had.Primary():
			return fmt.Errorf("%w: key %d is the one that seals", ErrMasterKey, id)
		case !had.Has(id):
			return fmt.Errorf("%w: it has no key %d", ErrMasterKey, id)
		}
		return manager.Delete(id)
	})
}

// Writable reports whether the keyset can be changed where it is read from.
func (m MasterKey) Writable() bool { return m.Text == "" }

// edit writes a changed keyset, whole or not at all. What the old one seals, the new
// one opens.
func (m MasterKey) edit(ctx context.Context, to string, change func(*keyset.Manager, *Sealer) error) error {
	if to == "" && !m.Writable() {
		return fmt.Errorf("%w: it stands in the environment, which cannot be written: name a file to write to", ErrMasterKey)
	}
	write := func() ([]byte, error) {
		handle, err := m.read(ctx)
		if err != nil {
			return nil, err
		}
		had, err := sealerOf(handle)
		if err != nil {
			return nil, err
		}
		manager := keyset.NewManagerFromHandle(handle)
		if err := change(manager, had); err != nil {
			return nil, err
		}
		if handle, err = manager.Handle(); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrMasterKey, err)
		}
		next, err := sealerOf(handle)
		if err == nil {
			err = had.Replace(next)
		}
		if err != nil {
			return nil, err
		}
		return m.encode(ctx, handle)
	}
	if to == "" {
		return replacePrivate(m.File, write)
	}
	text, err := write()
	if err != nil {
		return err
	}
	made, err := createPrivate(to, text)
	if err == nil && !made {
		err = fmt.Errorf("%s is there already, and a master key is never overwritten", to)
	}
	return err
}

// read reads and decrypts the keyset.
func (m MasterKey) read(ctx context.Context) (*keyset.Handle, error) {
	text := []byte(m.Text)
	if m.Text == "" {
		var err error
		if text, err = readPrivate(m.File); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w: there is no file %s: put the one in place that sealed this store's keys: %w", ErrMasterKey, m.File, err)
		} else if err != nil {
			return nil, err
		}
	}
	if len(text) > maxKeyset {
		return nil, fmt.Errorf("%w: %s is longer than %d bytes", ErrMasterKey, m.place(), maxKeyset)
	}
	reader := keyset.NewJSONReader(bytes.NewReader(text))
	if m.Wrapping == nil {
		handle, err := insecurecleartextkeyset.Read(reader)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w: not a Tink keyset in JSON", m.place(), ErrMasterKey)
		}
		return handle, nil
	}
	kms := &heard{AEADWithContext: m.Wrapping}
	handle, err := keyset.ReadWithContext(ctx, reader, kms, []byte(wrappedFor))
	if kms.err != nil {
		return nil, fmt.Errorf("%w: decrypting %s: %w", ErrMasterKey, m.place(), kms.err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s is not a keyset that this KMS encrypted", ErrMasterKey, m.place())
	}
	return handle, nil
}

// heard keeps what a KMS says to decrypting: the library drops it.
type heard struct {
	tink.AEADWithContext
	err error
}

func (h *heard) DecryptWithContext(ctx context.Context, sealed, associated []byte) (plain []byte, err error) {
	plain, h.err = h.AEADWithContext.DecryptWithContext(ctx, sealed, associated)
	return plain, h.err
}

// encode writes the keyset as read reads it.
func (m MasterKey) encode(ctx context.Context, handle *keyset.Handle) ([]byte, error) {
	var text bytes.Buffer
	var err error
	if m.Wrapping == nil {
		err = insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&text))
	} else {
		err = handle.WriteWithContext(ctx, keyset.NewJSONWriter(&text), m.Wrapping, []byte(wrappedFor))
	}
	if err != nil {
		return nil, fmt.Errorf("writing the keyset: %w", err)
	}
	return text.Bytes(), nil
}

// place names where the keyset is, for errors.
func (m MasterKey) place() string {
	if m.Text != "" {
		return "the environment's master key"
	}
	return m.File
}

// readPrivate reads the file after a look at the permissions of what it opened.
func readPrivate(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMasterKey, err)
	}
	defer func() { _ = f.Close() }()
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
	text, err := io.ReadAll(io.LimitReader(f, maxKeyset+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMasterKey, err)
	}
	return text, nil
}
