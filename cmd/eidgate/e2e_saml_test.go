package main_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/federation/fedtest"
	"eidgate/federation/saml"
)

// samlSource is a source in the configuration, with the file of its key.
func samlSource(keyFile string) string {
	return fmt.Sprintf(`issuer: http://127.0.0.1:8400
data: data
sources:
  - id: saml-cu
    kind: saml
    reconcile: link
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

// A sign-in through a SAML source goes to the provider with a request that the
// provider takes for the gateway's: its metadata, as the gateway publishes them at
// its entityID, name the key and the address to answer at.
func TestSAMLRequest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	key := filepath.Join(dir, "saml.pem")
	if exit, _, errs := run(t, "sources", "keypair", "--out", key); exit != 0 {
		t.Fatalf("keypair: %s", errs)
	}
	idp := fedtest.StartSAML(t, fedtest.SAMLConfig{People: []fedtest.SAMLPerson{{Person: fedtest.Person{Subject: "p-1", Login: "one", Password: "pw"}}}})
	at, err := url.Parse(idp.EntityID())
	must(t, err)
	_, source, _ := strings.Cut(strings.ReplaceAll(samlSource(key), "https://idp.example.vn/metadata", idp.EntityID()), "sources:\n")
	s := startServed(t, "clients:\n", source+"outbound: {allow: ["+at.Host+"]}\nclients:\n", "sources: [national]", "category: other\n    sources: [saml-cu]")

	text, err := os.ReadFile(key)
	must(t, err)
	pair, err := saml.ParseKeyPair(text)
	must(t, err)
	entity := s.Issuer + "/source/saml-cu/metadata"
	same, err := saml.New(saml.Settings{
		Issuer: idp.EntityID(), MetadataURL: idp.EntityID(), Keys: []saml.KeyPair{pair}, Binding: saml.BindingRedirect, Signed: saml.SignedAssertion,
		Comparison: saml.ComparisonExact, ACR: map[string]eid.Level{"urn:vn:synthetic:loa:1": eid.Level1}, NameIDFormat: "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
	}, saml.Deps{HTTP: http.DefaultClient, Now: time.Now, Entity: entity})
	must(t, err)
	_, metadata, err := same.Publish(entity, s.Issuer+"/callback/saml-cu", s.Issuer+"/source/saml-cu/logout")
	must(t, err)
	must(t, idp.Trust(metadata))

	jar, err := cookiejar.New(nil)
	must(t, err)
	browser := &http.Client{Jar: jar}
	p := s.Portals[0]
	res, err := browser.Get(s.Issuer + "/authorize?" + url.Values{
		"response_type": {"code"}, "client_id": {p.ClientID}, "redirect_uri": {p.RedirectURI}, "scope": {"openid"}, "state": {"s"}, "nonce": {"n"},
		"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
	}.Encode())
	must(t, err)
	defer res.Body.Close()
	page, err := io.ReadAll(res.Body)
	must(t, err)
	if res.StatusCode != http.StatusOK || res.Request.URL.Host != at.Host || !strings.Contains(string(page), fedtest.PathSAMLLogin) {
		t.Errorf("the browser is at %s with %d %s, want the provider's sign-in page", res.Request.URL.Host, res.StatusCode, page)
	}
	if log := s.log.String(); strings.Contains(log, "SAMLRequest") || strings.Contains(log, "PRIVATE") {
		t.Errorf("the log holds a request or a key:\n%s", log)
	}
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
