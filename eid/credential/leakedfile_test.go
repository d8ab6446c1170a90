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

// What has the file's name counts from when it has it; what is no list never does, and
// nothing is judged by a file that was overwritten with something else.
func TestLeakedFileIsReplaced(t *testing.T) {
	dir := t.TempDir()
	path, beside := filepath.Join(dir, "list"), filepath.Join(dir, "next")
	one, two := sha1.Sum([]byte("one")), sha1.Sum([]byte("two"))
	write := func(at string, text string) {
		t.Helper()
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rename := func(text string) {
		t.Helper()
		write(beside, text)
		if err := os.Rename(beside, path); err != nil {
			t.Fatal(err)
		}
	}
	write(path, fmt.Sprintf("%X:1\n", one))
	file, err := credential.NewLeakedFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name     string
		change   func()
		one, two bool
		fails    bool
	}{
		{"at first", func() {}, true, false, false},
		{"another list", func() { rename(fmt.Sprintf("%X:1\n", two)) }, false, true, false},
		{"no list", func() { rename("password\n") }, false, true, false},
		{"gone", func() { _ = os.Remove(path) }, false, true, false},
		{"back", func() { rename(fmt.Sprintf("%X:1\n", one)) }, true, false, false},
		{"emptied", func() { write(path, "") }, false, false, true},
		{"written over", func() { write(path, fmt.Sprintf("%X:1\n", two)) }, false, true, false},
	} {
		step.change()
		gotOne, errOne := file.Leaked(t.Context(), one)
		gotTwo, errTwo := file.Leaked(t.Context(), two)
		if gotOne != step.one || gotTwo != step.two || (errOne != nil) != step.fails || (errTwo != nil) != step.fails {
			t.Errorf("%s: Leaked() = %t, %v and %t, %v, want %t and %t, errors: %t", step.name, gotOne, errOne, gotTwo, errTwo, step.one, step.two, step.fails)
		}
	}
}
