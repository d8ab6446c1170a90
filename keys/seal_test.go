package keys

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/mac"
)

func TestSealerOpensOnlyItsOwnContext(t *testing.T) {
	s := newSealer(t)
	sealed, err := s.Seal([]byte("secret"), "row 1")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Open(sealed, "row 1"); err != nil || string(got) != "secret" {
		t.Errorf("Open() = %q, %v, want secret, nil", got, err)
	}
	if bytes.Contains(sealed, []byte("secret")) {
		t.Error("the sealed blob contains the plaintext")
	}
	flipped := bytes.Clone(sealed)
	flipped[len(flipped)-1] ^= 1
	for _, tt := range []struct {
		name    string
		sealer  *Sealer
		sealed  []byte
		context string
	}{
		{"other row", s, sealed, "row 2"},
		{"no context", s, sealed, ""},
		{"one bit flipped", s, flipped, "row 1"},
		{"cut short", s, sealed[:len(sealed)-1], "row 1"},
		{"empty", s, nil, "row 1"},
		{"plaintext in its place", s, []byte("secret"), "row 1"},
		{"other master key", newSealer(t), sealed, "row 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := tt.sealer.Open(tt.sealed, tt.context); !errors.Is(err, ErrSealed) {
				t.Errorf("Open() = %q, %v, want ErrSealed", got, err)
			}
		})
	}
	if _, err := s.Seal([]byte("secret"), ""); err == nil {
		t.Error("Seal() without context = nil, want an error")
	}
	again, err := s.Seal([]byte("secret"), "row 1")
	if err != nil || bytes.Equal(again, sealed) {
		t.Errorf("Seal() twice gave the same blob (error %v): the nonce repeats", err)
	}
}

func TestMasterKeyReplacedByAdding(t *testing.T) {
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(masterKey(t))))
	if err != nil {
		t.Fatal(err)
	}
	old, err := NewSealer(jsonOf(t, handle))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := old.Seal([]byte("secret"), "row")
	if err != nil {
		t.Fatal(err)
	}
	manager := keyset.NewManagerFromHandle(handle)
	id, err := manager.Add(aead.AES256GCMKeyTemplate())
	if err != nil {
		t.Fatal(err)
	}
	if err := manager.SetPrimary(id); err != nil {
		t.Fatal(err)
	}
	both, err := manager.Handle()
	if err != nil {
		t.Fatal(err)
	}
	replaced, err := NewSealer(jsonOf(t, both))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := replaced.Open(sealed, "row"); err != nil || string(got) != "secret" {
		t.Errorf("Open() of an older blob = %q, %v, want secret, nil", got, err)
	}
	fresh, err := replaced.Seal([]byte("secret"), "row")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := old.Open(fresh, "row"); !errors.Is(err, ErrSealed) {
		t.Errorf("the replaced key opened a new blob: %v, want ErrSealed", err)
	}
}

func TestNewSealerRefuses(t *testing.T) {
	macHandle, err := keyset.NewHandle(mac.HMACSHA256Tag128KeyTemplate())
	if err != nil {
		t.Fatal(err)
	}
	good := string(masterKey(t))
	for _, tt := range []struct{ name, keyset string }{
		{"nothing", ""},
		{"not JSON", "c2VjcmV0LWtleS1tYXRlcmlhbA=="},
		{"empty object", "{}"},
		{"half a keyset", good[:len(good)/2]},
		{"a MAC key", string(jsonOf(t, macHandle))},
		{"damaged key material", strings.Replace(good, `"value":"`, `"value":"!`, 1)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := NewSealer([]byte(tt.keyset))
			if !errors.Is(err, ErrMasterKey) {
				t.Fatalf("NewSealer() error = %v, want ErrMasterKey", err)
			}
			if strings.Contains(err.Error(), "c2Vj") || strings.Contains(err.Error(), "value") {
				t.Errorf("the error repeats the keyset: %v", err)
			}
		})
	}
}

func TestLoadSealerCreatesOneFileForAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.json")
	logs := &logBuffer{}
	const processes = 8
	sealers := make([]*Sealer, processes)
	var wg sync.WaitGroup
	for i := range processes {
		wg.Go(func() {
			s, err := LoadSealer(path, true, logs.logger())
			if err != nil {
				t.Errorf("LoadSealer() error = %v, want nil", err)
				return
			}
			sealers[i] = s
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	sealed, err := sealers[0].Seal([]byte("secret"), "row")
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range sealers {
		if _, err := s.Open(sealed, "row"); err != nil {
			t.Errorf("process %d ended with another key: %v", i, err)
		}
	}
	if got := logs.count("level=WARN"); got != 1 {
		t.Errorf("%d warnings, want 1", got)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o600 {
		t.Errorf("mode = %04o, want 0600", got)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("the folder holds %d files, %v, want the key alone", len(left), err)
	}
}

func TestLoadSealerRefuses(t *testing.T) {
	write := func(content []byte, mode fs.FileMode) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tt := range []struct {
		name    string
		prepare func(*testing.T, string)
		create  bool
		want    string
	}{
		{"absent", func(*testing.T, string) {}, false, "put the one in place"},
		{"group may read", write(masterKey(t), 0o640), true, "chmod 600"},
		{"all may read", write(masterKey(t), 0o604), false, "chmod 600"},
		{"group may write", write(masterKey(t), 0o620), false, "chmod 600"},
		{"group may read what its owner may write", write(masterKey(t), 0o460), false, "chmod 600"},
		{"empty file is never replaced", write(nil, 0o600), true, "not a Tink keyset"},
		{"too long", write(make([]byte, maxKeyset+1), 0o600), false, "longer than"},
		{"a folder", func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, true, "not a regular file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "master.json")
			tt.prepare(t, path)
			_, err := LoadSealer(path, tt.create, slog.New(slog.DiscardHandler))
			if !errors.Is(err, ErrMasterKey) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("LoadSealer() error = %v, want ErrMasterKey saying %q", err, tt.want)
			}
		})
	}
	_, err := LoadSealer(filepath.Join(t.TempDir(), "no", "folder", "master.json"), true, slog.New(slog.DiscardHandler))
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("LoadSealer() in an absent folder = %v, want fs.ErrNotExist", err)
	}
}

func TestLoadSealerReadsReadOnlyFile(t *testing.T) {
	for _, mode := range []fs.FileMode{0o400, 0o440} { // a file, and a credential of systemd
		path := filepath.Join(t.TempDir(), "master.json")
		if err := os.WriteFile(path, masterKey(t), mode); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadSealer(path, false, slog.New(slog.DiscardHandler)); err != nil {
			t.Errorf("LoadSealer() of mode %04o: error = %v, want nil", mode, err)
		}
	}
}

func jsonOf(t *testing.T, handle *keyset.Handle) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&buf)); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}
