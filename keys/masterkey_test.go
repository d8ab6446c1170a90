package keys

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tink-crypto/tink-go/v2/tink"
)

// kms encrypts by turning bytes around, and can be away.
type kms struct{ away bool }

var _ tink.AEADWithContext = (*kms)(nil)

func (k *kms) EncryptWithContext(_ context.Context, plain, context []byte) ([]byte, error) {
	if k.away {
		return nil, fmt.Errorf("%w: away", ErrCustody)
	}
	turned := slices.Concat(plain, context)
	slices.Reverse(turned)
	return turned, nil
}

func (k *kms) DecryptWithContext(_ context.Context, sealed, context []byte) ([]byte, error) {
	if k.away {
		return nil, fmt.Errorf("%w: away", ErrCustody)
	}
	turned := slices.Clone(sealed)
	slices.Reverse(turned)
	plain, ok := strings.CutSuffix(string(turned), string(context))
	if !ok {
		return nil, fmt.Errorf("%w: not mine", ErrCustody)
	}
	return []byte(plain), nil
}

// TestMasterKeyIsReplaced goes the whole way: add, promote, remove, in a file in the
// clear and in one that a KMS encrypts.
func TestMasterKeyIsReplaced(t *testing.T) {
	for name, wrapping := range map[string]tink.AEADWithContext{"in the clear": nil, "encrypted": &kms{}} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			m := MasterKey{File: filepath.Join(t.TempDir(), "master.key"), Wrapping: wrapping}
			for _, want := range []bool{true, false} {
				if made, err := m.Create(ctx); err != nil || made != want {
					t.Fatalf("Create() = %v, %v, want %v", made, err, want)
				}
			}
			running, err := m.Load(ctx)
			if err != nil {
				t.Fatalf("Load() = %v", err)
			}
			first := running.Primary()
			sealed, err := running.Seal([]byte("secret"), "row")
			if err != nil {
				t.Fatal(err)
			}
			reload := func(t *testing.T) {
				t.Helper()
				next, err := m.Load(ctx)
				if err == nil {
					err = running.Replace(next)
				}
				if err != nil {
					t.Fatalf("Replace() = %v", err)
				}
			}
			second, err := m.Add(ctx, "")
			if err != nil {
				t.Fatalf("Add() = %v", err)
			}
			reload(t)
			if running.Primary() != first || !running.Has(second) {
				t.Errorf("after Add(): primary %d, keys %v, want %d beside %d", running.Primary(), running.KeyIDs(), first, second)
			}
			if err := m.Remove(ctx, "", first); !errors.Is(err, ErrMasterKey) {
				t.Errorf("Remove() of the one that seals = %v, want ErrMasterKey", err)
			}
			if err := m.Promote(ctx, "", second); err != nil {
				t.Fatalf("Promote() = %v", err)
			}
			reload(t)
			again, err := running.Seal([]byte("secret"), "row")
			if err != nil {
				t.Fatal(err)
			}
			for _, blob := range [][]byte{sealed, again} {
				if plain, err := running.Open(blob, "row"); err != nil || string(plain) != "secret" {
					t.Errorf("Open() = %q, %v, want secret", plain, err)
				}
			}
			for blob, want := range map[string]uint32{string(sealed): first, string(again): second} {
				if id, known := SealedBy([]byte(blob)); id != want || !known {
					t.Errorf("SealedBy() = %d, %v, want %d", id, known, want)
				}
			}
			if err := m.Remove(ctx, "", first); err != nil {
				t.Fatalf("Remove() = %v", err)
			}
			reload(t)
			if _, err := running.Open(sealed, "row"); !errors.Is(err, ErrSealed) {
				t.Errorf("Open() under the removed key = %v, want ErrSealed", err)
			}
		})
	}
}

// TestMasterKeyKeepsItsFile: owner's mode, links and the old text survive.
func TestMasterKeyKeepsItsFile(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	m := MasterKey{File: filepath.Join(dir, "real.key")}
	if _, err := m.Create(ctx); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(m.File, 0o440), os.Symlink("real.key", filepath.Join(dir, "master.key"))); err != nil {
		t.Fatal(err)
	}
	linked := MasterKey{File: filepath.Join(dir, "master.key")}
	if _, err := linked.Add(ctx, ""); err != nil {
		t.Fatalf("Add() through a link = %v", err)
	}
	info, err := os.Lstat(linked.File)
	if err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("Lstat() = %v, %v, want the link still", info, err)
	}
	if info, err = os.Stat(m.File); err != nil || info.Mode().Perm() != 0o440 {
		t.Errorf("mode = %v, %v, want 0440", info.Mode(), err)
	}
	before, err := os.ReadFile(m.File)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Promote(ctx, "", 1); !errors.Is(err, ErrMasterKey) {
		t.Errorf("Promote() of a key that is not there = %v, want ErrMasterKey", err)
	}
	if after, err := os.ReadFile(m.File); err != nil || string(after) != string(before) {
		t.Error("a refused change changed the file")
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("%d entries in the folder, want the file and its link", len(entries))
	}
}

// TestTwoOperatorsAtOnce: no key that somebody was told of is lost.
func TestTwoOperatorsAtOnce(t *testing.T) {
	m := MasterKey{File: filepath.Join(t.TempDir(), "master.key")}
	if _, err := m.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	ids := make([]uint32, 10)
	for i := range ids {
		wait.Go(func() {
			id, err := m.Add(t.Context(), "")
			if err != nil {
				t.Errorf("Add() = %v", err)
			}
			ids[i] = id
		})
	}
	wait.Wait()
	s, err := m.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if !s.Has(id) {
			t.Errorf("key %d is lost", id)
		}
	}
}

func TestMasterKeyOfTheEnvironment(t *testing.T) {
	ctx := t.Context()
	m := MasterKey{Text: string(masterKey(t))}
	had, err := m.Load(ctx)
	if err != nil {
		t.Fatalf("Load() = %v", err)
	}
	if _, err := m.Add(ctx, ""); !errors.Is(err, ErrMasterKey) {
		t.Errorf("Add() in place = %v, want ErrMasterKey", err)
	}
	to := filepath.Join(t.TempDir(), "next.key")
	id, err := m.Add(ctx, to)
	if err != nil {
		t.Fatalf("Add() to a file = %v", err)
	}
	next, err := MasterKey{File: to}.Load(ctx)
	if err != nil || !next.Has(id) || next.Primary() != had.Primary() {
		t.Errorf("the file holds %v, %v, want the old key and %d", next, err, id)
	}
	if _, err := m.Add(ctx, to); err == nil {
		t.Error("Add() over a file = nil, want a refusal")
	}
	for _, text := range []string{"x", strings.Repeat(" ", maxKeyset+1)} {
		if _, err := (MasterKey{Text: text}).Load(ctx); !errors.Is(err, ErrMasterKey) {
			t.Errorf("Load() of %d bytes = %v, want ErrMasterKey", len(text), err)
		}
	}
}

// TestMasterKeyInKMS: away is a refusal that says so, and what is not for it another.
func TestMasterKeyInKMS(t *testing.T) {
	ctx, k := t.Context(), &kms{}
	m := MasterKey{File: filepath.Join(t.TempDir(), "master.key"), Wrapping: k}
	if _, err := m.Create(ctx); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(m.File)
	if err != nil || !strings.Contains(string(raw), "encryptedKeyset") || strings.Contains(string(raw), "keyMaterialType") {
		t.Errorf("the file holds %s, want an encrypted keyset", raw)
	}
	if _, err := (MasterKey{File: m.File}).Load(ctx); !errors.Is(err, ErrMasterKey) {
		t.Errorf("Load() without the KMS = %v, want ErrMasterKey", err)
	}
	k.away = true
	if _, err := m.Load(ctx); !errors.Is(err, ErrMasterKey) || !errors.Is(err, ErrCustody) {
		t.Errorf("Load() while the KMS is away = %v, want ErrMasterKey and ErrCustody", err)
	}
	if _, err := m.Add(ctx, ""); !errors.Is(err, ErrCustody) {
		t.Errorf("Add() while the KMS is away = %v, want ErrCustody", err)
	}
	k.away = false
	if _, err := m.Load(ctx); err != nil {
		t.Errorf("Load() afterwards = %v", err)
	}
	plain := MasterKey{File: filepath.Join(t.TempDir(), "clear.key")}
	if _, err := plain.Create(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := (MasterKey{File: plain.File, Wrapping: k}).Load(ctx); !errors.Is(err, ErrMasterKey) {
		t.Errorf("Load() of a keyset in the clear = %v, want ErrMasterKey", err)
	}
}

// TestReplaceKeepsTheOld: another master key never takes the place of the one in use.
func TestReplaceKeepsTheOld(t *testing.T) {
	running, other := sealerOfTest(t), sealerOfTest(t)
	sealed, err := running.Seal([]byte("secret"), "row")
	if err != nil {
		t.Fatal(err)
	}
	if err := running.Replace(other); !errors.Is(err, ErrMasterKey) {
		t.Errorf("Replace() = %v, want ErrMasterKey", err)
	}
	if _, err := running.Open(sealed, "row"); err != nil {
		t.Errorf("Open() afterwards = %v", err)
	}
}

func sealerOfTest(t *testing.T) *Sealer {
	t.Helper()
	s, err := NewSealer(masterKey(t))
	if err != nil {
		t.Fatal(err)
	}
	return s
}
