package credential_test

import (
	"crypto/sha1"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"eidgate/eid/credential"
)

func TestLeakedFile(t *testing.T) {
	var lines []string
	for i := range 1000 {
		lines = append(lines, fmt.Sprintf("%X:%d", sha1.Sum(fmt.Appendf(nil, "leaked %d", i)), i*i))
	}
	slices.Sort(lines)
	for name, ending := range map[string]string{"unix": "\n", "windows": "\r\n"} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(strings.Join(lines, ending)), 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := credential.NewLeakedFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 1000 {
			if got, err := file.Leaked(t.Context(), sha1.Sum(fmt.Appendf(nil, "leaked %d", i))); !got || err != nil {
				t.Fatalf("%s: Leaked(%d) = %v, %v, want true", name, i, got, err)
			}
			if got, err := file.Leaked(t.Context(), sha1.Sum(fmt.Appendf(nil, "kept %d", i))); got || err != nil {
				t.Fatalf("%s: Leaked(another %d) = %v, %v, want false", name, i, got, err)
			}
		}
	}
}

func TestLeakedFileRefuses(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"empty": "", "no sums": "password\n123456\n", "one long line": strings.Repeat("a", 10_000)} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := credential.NewLeakedFile(path); err == nil {
			t.Errorf("NewLeakedFile(%s) = nil, want an error", name)
		}
	}
	if _, err := credential.NewLeakedFile(filepath.Join(dir, "missing")); err == nil {
		t.Error("NewLeakedFile(missing) = nil, want an error")
	}
}
