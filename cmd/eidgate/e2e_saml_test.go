package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// samlSource is a source in the configuration, with the file of its key.
func samlSource(keyFile string) string {
	return fmt.Sprintf(`issuer: http://127.0.0.1:8400
data: data
sources:
  - id: saml-cu
    kind: saml
    name: Nguồn SAML
    provider: Nguồn SAML (giả định)
    may_assert: [1]
    grants_at_most: 1
    saml:
      issuer: https://idp.example.vn/metadata
      metadata_url: https://idp.example.vn/metadata
      key_files: [%s]
      acr: {"urn:vn:synthetic:loa:1": 1}
      amr: {"urn:vn:synthetic:loa:1": [pwd]}
      person: {number: soDinhDanh, name: hoTen, birth_date: ngaySinh}
`, keyFile)
}

func TestSourceKeypair(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(dir, "saml.pem")
	exit, out, errs := run(t, "sources", "keypair", "--out", key, "--name", "dangnhap.example.vn")
	if exit != 0 || errs != "" || !strings.Contains(out, "SHA-256 ") || strings.Contains(out, "BEGIN") {
		t.Fatalf("keypair: exit %d, %q, %q, want a fingerprint and no key", exit, out, errs)
	}
	first, err := os.ReadFile(key)
	must(t, err)
	info, err := os.Stat(key)
	must(t, err)
	if !strings.Contains(string(first), "PRIVATE KEY") || !strings.Contains(string(first), "CERTIFICATE") || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %o, want 600, and both PEM blocks", info.Mode().Perm())
	}
	if exit, _, errs := run(t, "sources", "keypair", "--out", key); exit != 1 || !strings.Contains(errs, "exists") {
		t.Errorf("keypair over a key: exit %d, %q, want a refusal", exit, errs)
	}
	if again, err := os.ReadFile(key); err != nil || string(again) != string(first) {
		t.Errorf("the key was replaced: %v", err)
	}
	for _, args := range [][]string{{}, {"--out", key, "--years", "0"}, {"--out", key, "--name", " "}, {"--out", key, "more"}} {
		if exit, _, errs := run(t, append([]string{"sources", "keypair"}, args...)...); exit != 2 {
			t.Errorf("%q: exit %d, %q, want 2", args, exit, errs)
		}
	}

	file := filepath.Join(dir, "eidgate.yaml")
	must(t, os.WriteFile(file, []byte(samlSource("saml.pem")), 0o600))
	if exit, out, errs := run(t, "check", "--config", file); exit != 0 || errs != "" {
		t.Errorf("check: exit %d, %q, %q, want ok without a warning", exit, out, errs)
	}
	if exit, out, errs := run(t, "config", "show", "--config", file); exit != 0 || strings.Contains(out+errs, "BEGIN") || !strings.Contains(out, "saml.pem") {
		t.Errorf("config show: exit %d, %q, %q, want the file's name and no key", exit, out, errs)
	}
	// A file that holds no key is told at check, by the source, without what it holds.
	must(t, os.WriteFile(filepath.Join(dir, "other.pem"), []byte("hunter2"), 0o600))
	must(t, os.WriteFile(file, []byte(samlSource("other.pem")), 0o600))
	if exit, _, errs := run(t, "check", "--config", file); exit != 1 || !strings.Contains(errs, "saml-cu") || !strings.Contains(errs, "keys[0]") || strings.Contains(errs, "hunter2") {
		t.Errorf("check: exit %d, %q, want a fault of the source's key", exit, errs)
	}
}
