package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestEnvironment(t *testing.T) {
	c, err := Load(example, []string{
		"EIDGATE_ISSUER=https://other.example.vn",
		"EIDGATE_LIFETIMES__CODE=30s",
		"EIDGATE_KEYS__RSA_BITS=3072",
		"EIDGATE_OUTBOUND__ALLOW=127.0.0.1:1, [::1]:2",
		"EIDGATE_CONFIG=ignored by Load",
		"HOME=/nowhere",
		"EIDGATE_NO_EQUALS_SIGN",
	})
	if err != nil {
		t.Fatalf("Load() = %v", err)
	}
	if got, want := c.Issuer, "https://other.example.vn"; got != want {
		t.Errorf("issuer = %q, want %q", got, want)
	}
	if got, want := c.Lifetimes.Code, 30*time.Second; got != want {
		t.Errorf("code = %v, want %v", got, want)
	}
	if got, want := c.Lifetimes.Login, 10*time.Minute; got != want {
		t.Errorf("login = %v, want %v from the file", got, want)
	}
	if got, want := c.Keys.RSABits, 3072; got != want {
		t.Errorf("rsa_bits = %d, want %d", got, want)
	}
	if diff := cmp.Diff([]string{"127.0.0.1:1", "[::1]:2"}, c.Outbound.Allow); diff != "" {
		t.Errorf("outbound.allow (-want +got)\n%s", diff)
	}
}

func TestEnvironmentAlone(t *testing.T) {
	c, err := Load("", []string{"EIDGATE_ISSUER=http://localhost:8400", "EIDGATE_DATA=d", "EIDGATE_OUTBOUND__ALLOW="})
	if err != nil {
		t.Fatalf("Load() = %v", err)
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.MasterKeyFile, filepath.Join(dir, "d", "master.key"); got != want {
		t.Errorf("master_key_file = %q, want %q", got, want)
	}
	if len(c.Outbound.Allow) != 0 {
		t.Errorf("outbound.allow = %v, want none for an empty variable", c.Outbound.Allow)
	}
}

func TestEnvironmentFaults(t *testing.T) {
	for _, tt := range []struct{ entry, want string }{
		{"EIDGATE_ISUER=x", "EIDGATE_ISUER: unknown variable (did you mean EIDGATE_ISSUER?)"},
		{"EIDGATE_CLIENTS=[]", "EIDGATE_CLIENTS: unknown variable (remove it; clients and sources are set in the file)"},
		{"EIDGATE_KEYS=x", "EIDGATE_KEYS: unknown variable"},
		{"EIDGATE_lifetimes__code=1s", "EIDGATE_lifetimes__code: unknown variable (did you mean EIDGATE_LIFETIMES__CODE?)"},
		{"EIDGATE_LIFETIMES__CODE=soon", "EIDGATE_LIFETIMES__CODE: not a length of time"},
		{"EIDGATE_LIFETIMES__CODE=1h", "lifetimes.code: out of bounds (from 1s to 1m)"},
		// What the key ring refuses at start is refused here.
		{"EIDGATE_LIFETIMES__JWKS_MAX_AGE=1s", "lifetimes.jwks_max_age: out of bounds (from 2s to 24h)"},
		{"EIDGATE_LIFETIMES__JWKS_MAX_AGE=2500ms", "lifetimes.jwks_max_age: not in whole seconds (such as 10m)"},
		{"EIDGATE_KEYS__RSA_BITS=many", "EIDGATE_KEYS__RSA_BITS: is text (want a whole number)"},
		{"EIDGATE_LIMITS__GUESSES=99999999999", "EIDGATE_LIMITS__GUESSES: a number out of range"},
		{"EIDGATE_LISTEN=", "listen: not a host and port"},
	} {
		t.Run(tt.entry, func(t *testing.T) {
			_, err := Load(example, []string{tt.entry})
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("Load() = %v, want %q alone", err, tt.want)
			}
		})
	}
}

// write puts a configuration with one client and one openid source into a
// directory of the test.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "eidgate.yaml")
}

const withFiles = `
issuer: https://dangnhap.example.vn
data: state
sources:
  - id: legacy
    kind: openid
    reconcile: link
    name: Legacy
    provider: Legacy
    may_assert: [1]
    grants_at_most: 1
    openid: {issuer: "https://op.example.vn/oauth2/token", client_id: c, client_secret_file: upstream.txt, acr: {low: 1}}
clients:
  - id: app
    name: App
    url: https://app.example.vn/
    tier: other
    category: other
    auth_method: client_secret_basic
    client_secret_files: [old.txt, new.txt]
    redirect_uris: ["https://app.example.vn/cb"]
    scopes: [openid]
    sector: app.example.vn
    min_level: 1
    sources: [legacy]
`

func TestSecretFiles(t *testing.T) {
	const oldSecret, newSecret = "old-old-old-old-old-old-old-old-old", "new-new-new-new-new-new-new-new-new"
	path := write(t, map[string]string{
		"eidgate.yaml": withFiles,
		"old.txt":      oldSecret + "\n",
		"new.txt":      newSecret + "\r\n",
		"upstream.txt": "upstream",
	})
	c, err := Load(path, nil)
	if err != nil {
		t.Fatalf("Load() = %v", err)
	}
	if got, want := c.Data, filepath.Join(filepath.Dir(path), "state"); got != want {
		t.Errorf("data = %q, want %q", got, want)
	}
	if got := c.Sources[0].OpenID.ClientSecret.Reveal(); got != "upstream" {
		t.Errorf("upstream secret = %q, want the file's", got)
	}
	secrets := c.Clients[0].Secrets
	if len(secrets) != 2 || secrets[0].Reveal() != oldSecret || secrets[1].Reveal() != newSecret {
		t.Errorf("%d secrets, want the two of the files without line ends", len(secrets))
	}
}

func TestSecretFileFaults(t *testing.T) {
	const long = "hidden-hidden-hidden-hidden-hidden-hidden"
	for _, tt := range []struct {
		name string
		file string // of old.txt
		want string
	}{
		{"short", "hidden", "clients[0].client_secret_files[0]: shorter than 32 characters"},
		{"two lines", long + "\n" + long, "clients[0].client_secret_files[0]: shorter than 32 characters, or not visible ASCII"},
		{"same as the other", "new-" + long, "clients[0].client_secret_files[1]: given twice"},
		{"huge", strings.Repeat(long, 1000), "clients[0].client_secret_files[0]: longer than 4096 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := write(t, map[string]string{
				"eidgate.yaml": withFiles, "old.txt": tt.file, "new.txt": "new-" + long, "upstream.txt": long,
			})
			_, err := Load(path, nil)
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) || strings.Contains(err.Error(), "hidden") {
				t.Errorf("Load() = %v, want %q and no secret", err, tt.want)
			}
		})
	}
}

func TestFileFaults(t *testing.T) {
	dir := t.TempDir()
	huge := filepath.Join(dir, "huge.yaml")
	if err := os.WriteFile(huge, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(dir, "missing.yaml")
	for path, want := range map[string]string{
		missing: missing + ": no such file or directory",
		dir:     dir + ": a directory, want a file",
		huge:    fmt.Sprintf("%s: longer than %d bytes", huge, maxFile),
	} {
		var fault *Fault
		if _, err := Load(path, nil); !errors.As(err, &fault) || err.Error() != want {
			t.Errorf("Load(%s) = %v, want %q", path, err, want)
		}
	}
}

// TestAddresses goes through the tricks that are tried on redirect addresses.
func TestAddresses(t *testing.T) {
	for _, tt := range []struct {
		uri string
		ok  bool
	}{
		{"https://portal.example.vn/cb", true},
		{"https://portal.example.vn/cb?from=eidgate", true},
		{"https://portal.example.vn:8443/cb", true},
		{"http://127.0.0.1:8401/cb", true},
		{"http://[::1]:8401/cb", true},
		{"http://portal.localhost:8401/cb", true},
		{"http://localhost.evil.example/cb", false},
		{"http://127.0.0.1.evil.example/cb", false},
		{"http://127.1/cb", false},
		{"http://portal.example.vn/cb", false},
		{"https:portal.example.vn/cb", false},
		{"https:///cb", false},
		{"//portal.example.vn/cb", false},
		{"javascript:alert(1)", false},
		{"com.example.app:/cb", false},
		{"https://portal.example.vn/cb#", false},
		{"https://@portal.example.vn/cb", false},
		{"https://portal.example.vn:/cb", false},
		{"https://portal.example.vn:0/cb", false},
		{"https://portal.example.vn:99999/cb", false},
		{"https://portal.example.vn/%2e%2e/cb", false},
		{"https://portal.example.vn/c b", false},
		{"https://portal.example.vn/cb\r\nX: y", false},
		{"https://cổng.example.vn/cb", false},
		{"https://portal.example.vn/%zz", false},
		{"", false},
	} {
		f := new(faults)
		checkAddress(f, "uri", tt.uri, address{query: true})
		if got := f.err() == nil; got != tt.ok {
			t.Errorf("checkAddress(%q) = %v, want ok %v", tt.uri, f.err(), tt.ok)
		}
	}
}

// FuzzLoad feeds any bytes in: no panic, and faults are faults with a path.
func FuzzLoad(f *testing.F) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range append(files, example) {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	for _, seed := range []string{
		"a: &a [*a]", "<<: {issuer: x}", "? {a: b}\n: c", "issuer: !!binary aGk=", "issuer: !!int x", "- 1",
		"\xff\xfe", "keys__rsa_bits: 1", "\"\": 1", "clients: [[[[]]]]", "sources: {0: 1}", "keys: {rsa_bits: 1e400}",
		"lifetimes: {code: 9999999999h}", "clients: [{acr_aliases: {~: 1}}]", "sources: [{grants_at_most: [1, {level: 2}]}]",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := parse("fuzz.yaml", raw, []string{"EIDGATE_KEYS__RSA_BITS=2048"})
		if (c == nil) == (err == nil) {
			t.Fatalf("parse() = %v, %v, want one of the two", c, err)
		}
		if err == nil {
			return
		}
		list := []error{err}
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			list = joined.Unwrap()
		}
		for _, e := range list {
			var fault *Fault
			if !errors.As(e, &fault) || fault.Path == "" || fault.Problem == "" {
				t.Errorf("parse() gave %v, want a *Fault with a path", e)
			}
		}
	})
}

// TestLoadWithoutAFile says that none was named, where the environment does not
// speak for itself.
func TestLoadWithoutAFile(t *testing.T) {
	for name, tt := range map[string]struct {
		path    string
		environ []string
		said    bool
	}{
		"nothing":                  {said: true},
		"a variable with a fault":  {environ: []string{"EIDGATE_ISSUER=http://portal.example.test"}, said: true},
		"the environment is whole": {environ: []string{"EIDGATE_ISSUER=http://localhost:8400"}},
		"a file with a fault":      {path: "testdata/acr.yaml"},
	} {
		_, err := Load(tt.path, tt.environ)
		if got := err != nil && strings.Contains(err.Error(), "no configuration file was named"); got != tt.said {
			t.Errorf("%s: Load() = %v, want a word about the missing file: %v", name, err, tt.said)
		}
	}
}
