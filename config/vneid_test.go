package config

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"eidgate/eid"
	"eidgate/federation/vneid"
)

const withVNeID = `
issuer: https://dangnhap.example.vn
sources:
  - id: vneid
    kind: vneid
    national: true
    name: VNeID
    provider: Bộ Công an
    may_assert: [1, 2]
    grants_at_most: 2
    vneid:
      dialect: encrypted
      authorize: https://id.example.vn/authorize
      token: https://id.example.vn/token
      userinfo: https://id.example.vn/userinfo
      logout: https://id.example.vn/logout
      client_id: eidgate
      client_secret: "env:VNEID"
      client_auth: basic
      scopes: [openid, profile]
      authorize_parameters: {ui: app}
      pkce: true
      levels: {1: 1, LoA2: 2}
      request_levels: {2: LoA2}
      citizens: ["1", "4"]
      asks_each_time: true
      claims: {subject: maDinhDanh, methods: amr}
      parameters: {code_key: khoa, data_key: k}
      decryption_key_files: [new.pem, old.pem]
      cipher: cbc
      aes_bits: 128
`

// What the file says is what the package of the protocol reads, every key of it.
func TestVNeID(t *testing.T) {
	files := map[string]string{"eidgate.yaml": withVNeID}
	for _, name := range []string{"new.pem", "old.pem"} {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	}
	path := write(t, files)
	environ := []string{"VNEID=hidden-secret"}
	c, err := Load(path, environ)
	if err != nil {
		t.Fatal(err)
	}
	sources, err := c.FederationSources()
	if err != nil {
		t.Fatal(err)
	}
	s, err := vneid.ParseSettings(sources[0].Settings)
	if err != nil {
		t.Fatal(err)
	}
	if sources[0].Kind != "vneid" || !sources[0].National {
		t.Errorf("source = %+v, want a national one of kind vneid", sources[0])
	}
	for _, tt := range []struct{ got, want any }{
		{s.Dialect, vneid.Encrypted}, {s.Authorize, "https://id.example.vn/authorize"}, {s.Token, "https://id.example.vn/token"},
		{s.UserInfo, "https://id.example.vn/userinfo"}, {s.Logout, "https://id.example.vn/logout"}, {s.ClientID, "eidgate"},
		{s.ClientSecret.Reveal(), "hidden-secret"}, {s.ClientAuth, vneid.Basic}, {strings.Join(s.Scopes, " "), "openid profile"},
		{s.AuthorizeParameters["ui"], "app"}, {s.PKCE, true}, {s.Levels["1"], eid.Level1}, {s.Levels["LoA2"], eid.Level2},
		{s.RequestLevels[eid.Level2], "LoA2"}, {strings.Join(s.Citizens, " "), "1 4"}, {s.AsksEachTime, true},
		{s.Claims.Subject, "maDinhDanh"}, {s.Claims.Methods, "amr"}, {s.Claims.Level, "accountLevel"},
		{s.Parameters.CodeKey, "khoa"}, {s.Parameters.DataKey, "k"}, {s.Parameters.Code, "code"}, {len(s.DecryptionKeys), 2},
		{s.DecryptionKeys[0].Reveal(), strings.TrimSpace(files["new.pem"])}, {s.Cipher, vneid.CBC}, {s.AESBits, 128},
	} {
		if tt.got != tt.want {
			t.Errorf("setting = %v, want %v", tt.got, tt.want)
		}
	}
	dir := filepath.Dir(path)
	if got, want := c.Files(), []string{filepath.Join(dir, "new.pem"), filepath.Join(dir, "old.pem")}; !slices.Equal(got, want) {
		t.Errorf("Files() = %v, want %v", got, want)
	}
	shown, err := Show(path, environ)
	if err != nil {
		t.Fatal(err)
	}
	for _, hidden := range []string{"hidden-secret", "PRIVATE KEY", "decryption_keys"} {
		if strings.Contains(string(shown), hidden) {
			t.Errorf("Show() tells %s", hidden)
		}
	}
	for _, said := range []string{"subject: maDinhDanh", "new.pem", "dialect: encrypted"} {
		if !strings.Contains(string(shown), said) {
			t.Errorf("Show() does not say %s", said)
		}
	}
}

// TestProvision: the national identity alone makes accounts, and at its own word.
func TestProvision(t *testing.T) {
	const national = "    national: true\n"
	for _, tt := range []struct {
		name, with, fault string
		accepted          bool
	}{
		{name: "said nothing", with: national, accepted: false},
		{name: "national", with: national + "    provision: true\n", accepted: true},
		{name: "legacy", with: "    reconcile: link\n    provision: true\n", fault: "sources[0].provision: not for a legacy provider"},
		{name: "compared", with: national + "    reconcile: registry\n    provision: true\n", fault: "sources[0].provision: given beside reconcile"},
		{name: "account system", with: national + "    provision: true\n  - {id: own, kind: account, name: A, provider: B, may_assert: [1], grants_at_most: 1, provision: true}\n", fault: "provision: not for the built-in account system"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(withVNeID, national, "", 1)
			text = strings.Replace(strings.Split(text, "      scopes:")[0], "dialect: encrypted", "dialect: sso", 1) + "      levels: {1: 1, 2: 2}\n"
			at := strings.Index(text, "    vneid:\n")
			own := strings.Index(tt.with, "  - ")
			with, after := tt.with, ""
			if own >= 0 {
				with, after = tt.with[:own], tt.with[own:]
			}
			c, err := Load(write(t, map[string]string{"eidgate.yaml": text[:at] + with + text[at:] + after}), []string{"VNEID=hidden-secret"})
			if tt.fault != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fault) {
					t.Errorf("Load() = %v, want %q", err, tt.fault)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			sources, err := c.FederationSources()
			if err != nil || sources[0].Provision != tt.accepted {
				t.Errorf("provision = %v, %v; want %v", sources[0].Provision, err, tt.accepted)
			}
		})
	}
}
