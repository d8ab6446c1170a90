package main_test

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"eidgate/federation/fedtest"
)

// keptSources want their keys kept, and changed as fast as the configuration allows.
func keptSources(idp string) string {
	return fmt.Sprintf(`
  - id: saml-moi
    kind: saml
    reconcile: link
    name: Nguồn SAML
    provider: Nguồn SAML (giả định)
    may_assert: [1]
    grants_at_most: 1
    saml:
      issuer: %[1]s
      metadata_url: %[1]s
      managed_keys: {rotate_every: 3s, publish_for: 1s, keep_for: 1s, rsa_bits: 2048}
      acr: {"urn:vn:synthetic:loa:1": 1}
  - id: vneid-moi
    kind: vneid
    national: true
    name: VNeID
    provider: Bộ Công an (giả định)
    may_assert: [1]
    grants_at_most: 1
    vneid:
      dialect: encrypted
      authorize: https://vneid.example.vn/auth
      token: https://vneid.example.vn/token
      userinfo: https://vneid.example.vn/userinfo
      client_id: eidgate
      client_secret: synthetic-of-a-test
      managed_keys: {rsa_bits: 2048}
      levels: {"1": 1}
`, idp)
}

type shownKey struct {
	Use, KID, Alg, Stands, Confirm, SHA256, PEM string
}

// A gateway that runs makes the keys of a source when it is registered, changes them
// by their plan, and publishes what the source verifies requests by; operators see
// them, and nothing private.
func TestKeptKeys(t *testing.T) {
	t.Parallel()
	idp := fedtest.StartSAML(t, fedtest.SAMLConfig{People: []fedtest.SAMLPerson{{Person: fedtest.Person{Subject: "p-1", Login: "one", Password: "pw"}}}})
	at, err := url.Parse(idp.EntityID())
	must(t, err)
	short := []string{"  code: 60s\n", "  code: 60s\n  jwks_max_age: 2s\n"}
	s := startServed(t, short...)
	s.reload(t, append(short, "limits:", "outbound: {allow: ["+at.Host+"]}\nlimits:", "\nclients:", keptSources(idp.EntityID())+"\nclients:",
		"sources: [national]", "category: other\n    sources: [saml-moi]")...)
	shown := func(args ...string) []shownKey {
		t.Helper()
		exit, out, errs := run(t, append([]string{"sources", "key", "--config", s.file, "--json"}, args...)...)
		var list []shownKey
		if err := json.Unmarshal([]byte(out), &list); exit != 0 || err != nil {
			t.Fatalf("sources key: exit %d, %v, %s", exit, err, errs)
		}
		if strings.Contains(out, "PRIVATE") {
			t.Fatal("sources key prints a private key")
		}
		return list
	}
	entity := s.Issuer + "/source/saml-moi/metadata"
	accepted := func() {
		t.Helper()
		res, err := http.Get(entity)
		must(t, err)
		metadata, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		must(t, err)
		must(t, idp.Trust(metadata))
		jar, err := cookiejar.New(nil)
		must(t, err)
		p := s.Portals[0]
		res, err = (&http.Client{Jar: jar}).Get(s.Issuer + "/authorize?" + url.Values{
			"response_type": {"code"}, "client_id": {p.ClientID}, "redirect_uri": {p.RedirectURI}, "scope": {"openid"}, "state": {"s"}, "nonce": {"n"},
			"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
		}.Encode())
		must(t, err)
		defer res.Body.Close()
		page, err := io.ReadAll(res.Body)
		must(t, err)
		if res.StatusCode != http.StatusOK || !strings.Contains(string(page), fedtest.PathSAMLLogin) {
			t.Fatalf("the source answers %d %s, want its sign-in page", res.StatusCode, page)
		}
	}
	waitUntil(t, "the keys of the sources", func() bool {
		exit, _, _ := run(t, "sources", "key", "vneid-moi", "--config", s.file)
		return exit == 0
	})
	accepted()
	used := map[string]bool{}
	waitUntil(t, "three keys that sign", func() bool {
		accepted()
		for _, k := range shown("saml-moi") {
			if k.Use == "sign" && k.Stands == "in use" {
				used[k.KID] = true
			}
		}
		return len(used) >= 3
	})

	platform := shown("vneid-moi")
	if len(platform) != 2 || platform[0].Use != "decrypt" || platform[0].Stands != "in use" || platform[1].Stands != "next" ||
		!strings.Contains(platform[1].Confirm, "keys activate "+platform[1].KID) {
		t.Errorf("sources key vneid-moi = %+v, want one in use and one that waits to be activated", platform)
	}
	exit, out, errs := run(t, "sources", "key", "vneid-moi", "--config", s.file, "--kid", platform[1].KID)
	block, rest := pem.Decode([]byte(out))
	if exit != 0 || errs != "" || block == nil || block.Type != "PUBLIC KEY" || len(rest) > 0 {
		t.Fatalf("sources key --kid: exit %d, %q, %q, want a public key and nothing else", exit, out, errs)
	}
	if _, err := x509.ParsePKIXPublicKey(block.Bytes); err != nil {
		t.Errorf("sources key --kid: %v", err)
	}
	for _, args := range [][]string{{"vneid-moi", "--kid", "another"}, {"national"}, {"nobody"}} {
		if exit, _, errs := run(t, append([]string{"sources", "key", "--config", s.file}, args...)...); exit != 1 || errs == "" {
			t.Errorf("sources key %q: exit %d, %q, want 1 and why", args, exit, errs)
		}
	}
	if exit, out, _ := run(t, "sources", "show", "vneid-moi", "--config", s.file); exit != 0 || !strings.Contains(out, platform[0].KID) || !strings.Contains(out, "eidgate keys activate") {
		t.Errorf("sources show: exit %d, %s, want the keys", exit, out)
	}
	if log := s.log.String(); strings.Contains(log, "PRIVATE") || strings.Contains(log, "SAMLRequest") {
		t.Error("the log holds a key or a request")
	}
}
