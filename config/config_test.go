package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"eidgate/eid"
)

const example = "../eidgate.example.yaml"

// TestBroken loads every broken configuration of testdata and wants exactly the
// faults in the file beside it.
func TestBroken(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 10 {
		t.Fatalf("%d broken configurations, want ten or more", len(files))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			want, err := os.ReadFile(strings.TrimSuffix(file, ".yaml") + ".faults")
			if err != nil {
				t.Fatal(err)
			}
			c, err := Load(file, nil)
			if err == nil {
				t.Fatalf("Load(%s) = %+v, want faults", file, c)
			}
			if diff := cmp.Diff(string(want), err.Error()+"\n"); diff != "" {
				t.Errorf("Load(%s): faults (-want +got)\n%s", file, diff)
			}
			for _, secret := range []string{"hunter2", "1234567890"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("Load(%s) shows a secret: %v", file, err)
				}
			}
		})
	}
}

func TestFaultsAreTyped(t *testing.T) {
	_, err := Load("testdata/unknown-keys.yaml", nil)
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) || len(joined.Unwrap()) != 3 {
		t.Fatalf("Load() = %v, want three joined faults", err)
	}
	for _, e := range joined.Unwrap() {
		var fault *Fault
		if !errors.As(e, &fault) || fault.Path == "" || fault.Problem == "" {
			t.Errorf("fault %v, want a *Fault with a path and a problem", e)
		}
	}
}

func TestExample(t *testing.T) {
	c, err := Load(example, nil)
	if err != nil {
		t.Fatalf("Load(%s) = %v", example, err)
	}
	// The example says that it shows the defaults.
	want := Default()
	if got := c.Lifetimes; got != want.Lifetimes {
		t.Errorf("lifetimes = %+v, want the defaults %+v", got, want.Lifetimes)
	}
	if !cmp.Equal(c.Keys, want.Keys) || c.Limits != want.Limits || c.ACR != want.ACR {
		t.Errorf("keys, limits, acr = %+v, %+v, %+v, want the defaults", c.Keys, c.Limits, c.ACR)
	}
	if c.Listen != want.Listen || c.Data != want.Data || c.MasterKeyFile != want.Data+"/master.key" {
		t.Errorf("listen, data, master_key_file = %q, %q, %q, want the defaults", c.Listen, c.Data, c.MasterKeyFile)
	}
	if got := c.Vocabulary(); got != eid.StandardVocabulary() {
		t.Errorf("Vocabulary() = %v, want the standard one", got)
	}
	if err := c.Check(); err != nil {
		t.Errorf("Check() = %v after Load", err)
	}
}

func TestDefaultNeedsAnIssuerOnly(t *testing.T) {
	c := Default()
	if err := c.Check(); err == nil || !strings.HasPrefix(err.Error(), "issuer: ") || strings.Contains(err.Error(), "\n") {
		t.Errorf("Default().Check() = %v, want a fault of the issuer alone", err)
	}
	c.Issuer = "http://127.0.0.1:8400"
	if err := c.Check(); err != nil {
		t.Errorf("Check() = %v with an issuer on loopback", err)
	}
}

func TestRelyingParties(t *testing.T) {
	c, err := Load(example, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := c.RelyingParties()
	want := []eid.RelyingParty{{
		ID:         "cong-dvc-dien-bien",
		Name:       "Cổng dịch vụ công tỉnh Điện Biên",
		NameEN:     "Điện Biên public services portal",
		URL:        "https://dichvucong.dienbien.example.vn/",
		Tier:       "province",
		Category:   eid.Administrative,
		AuthMethod: eid.AuthSecretBasic,
		// printf %s example-only-replace-with-openssl-rand-hex-32 | openssl dgst -sha256 -binary | basenc --base64url
		SecretHashes: []string{"SiZduxiAPvF62ndh882uHaVHDCGtH0MZm7uIBJZuzQ4"},
		RedirectURIs: []string{"https://dichvucong.dienbien.example.vn/oidc/callback"},
		Scopes:       []string{"openid", "profile", "eid"},
		Sector:       "dichvucong.dienbien.example.vn",
		IDTokenAlg:   "ES256",
		Levels: eid.LevelPolicy{
			Minimum:  eid.Level2,
			Defaults: []string{"LoA2"},
			Aliases:  map[string]eid.Level{"LoA1": eid.Level1, "LoA2": eid.Level2},
		},
		Sources: []string{"tai-khoan", "dinh-danh-cu"},
		SourceDecisions: map[string]eid.Decision{
			"dinh-danh-cu": {Reference: "12/QĐ-UBND (ví dụ)", Date: time.Date(2021, 12, 1, 0, 0, 0, 0, vietnam())},
		},
		NotReady: &eid.NotReady{
			Decision: "34/2021/QĐ-TTg, giai đoạn chuyển tiếp", SignIn: true,
			From: decision34(), Until: time.Date(2023, 1, 1, 0, 0, 0, 0, vietnam()),
		},
		Refresh: true,
		Consent: eid.Consent{
			Purpose: "Giải quyết thủ tục hành chính trực tuyến", PurposeEN: "Handling administrative procedures online",
			LegalBasis: "Nghị định 61/2018/NĐ-CP (ví dụ)", LegalBasisEN: "Decree 61/2018/NĐ-CP (example)",
		},
		Logout: eid.Logout{
			PostLogoutRedirectURIs: []string{"https://dichvucong.dienbien.example.vn/"},
			BackchannelURI:         "https://dichvucong.dienbien.example.vn/oidc/backchannel",
			FrontchannelURI:        "https://dichvucong.dienbien.example.vn/oidc/frontchannel",
			FrontchannelSession:    true,
		},
		AwaitKeyFetch: true,
		KeyFetchFrom:  []netip.Prefix{netip.MustParsePrefix("203.0.113.7/32"), netip.MustParsePrefix("203.0.113.64/28")},
	}, {
		ID:           "ung-dung-tra-cuu",
		Name:         "Ứng dụng tra cứu",
		URL:          "https://tracuu.example.vn/",
		Tier:         "other",
		Category:     eid.OtherCategory,
		AuthMethod:   eid.AuthNone,
		SecretHashes: []string{},
		Native:       true,
		RedirectURIs: []string{"http://127.0.0.1/callback"},
		Scopes:       []string{"openid"},
		Sector:       "tracuu.example.vn",
		IDTokenAlg:   "RS256",
		Levels:       eid.LevelPolicy{Minimum: eid.Level1},
		Sources:      []string{"tai-khoan"},
		Origins:      []string{"https://tracuu.example.vn"},
	}, {
		ID:           "cong-bo-thu",
		Name:         "Cổng dịch vụ công bộ (ví dụ)",
		URL:          "https://dichvucong.bo.example.vn/",
		Tier:         "ministry",
		Category:     eid.Administrative,
		AuthMethod:   eid.AuthPrivateKeyJWT,
		SecretHashes: []string{},
		RedirectURIs: []string{"https://dichvucong.bo.example.vn/oidc/callback"},
		Scopes:       []string{"openid", "profile", "email", "phone", "address", "eid"},
		Sector:       "dichvucong.bo.example.vn",
		IDTokenAlg:   "RS256",
		Levels:       eid.LevelPolicy{Minimum: eid.Level2},
		Sources:      []string{"tai-khoan"},
		JWKS: json.RawMessage(`{"keys":[{"use":"sig","kty":"EC","kid":"2026-01","crv":"P-256","alg":"ES256",` +
			`"x":"F7hE34VhOvC8isTnD1PVPFdO3tYUceG8QkTKkJGKM9Y","y":"2ffancNQuEHVG0tqzjt_aoex3UyotS5zd6C-mA1_IUs"}]}`),
		Resources:   []string{"https://api.bo.example.vn"},
		UserinfoAlg: "ES256",
	}}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("RelyingParties() (-want +got)\n%s", diff)
	}
}

func TestFederationSources(t *testing.T) {
	c, err := Load(example, nil)
	if err != nil {
		t.Fatal(err)
	}
	sources, err := c.FederationSources()
	if err != nil {
		t.Fatal(err)
	}
	account, legacy := sources[0], sources[1]

	// Dates without a time are midnight in Việt Nam, seven hours before UTC's.
	edge := time.Date(2021, 11, 8, 17, 0, 0, 0, time.UTC)
	for _, s := range sources {
		if s.Window.Open(edge.Add(-time.Second)) || !s.Window.Open(edge) {
			t.Errorf("source %s: window %v, want it to open at %v", s.ID, s.Window, edge)
		}
	}
	end := time.Date(2022, 12, 31, 17, 0, 0, 0, time.UTC)
	if legacy.Window.Open(end) || !legacy.Window.Open(end.Add(-time.Second)) {
		t.Errorf("legacy window %v, want it to close at %v", legacy.Window, end)
	}
	if !account.Window.Open(end.AddDate(100, 0, 0)) {
		t.Errorf("account window %v closes, want no end", account.Window)
	}
	drop := time.Date(2022, 10, 19, 17, 0, 0, 0, time.UTC)
	if before, after := legacy.Ceiling(drop.Add(-time.Second)), legacy.Ceiling(drop); before != eid.Level2 || after != eid.Level1 {
		t.Errorf("legacy ceiling around %v = %v, %v, want 2, 1", drop, before, after)
	}
	if got := account.Ceiling(edge); got != eid.Level2 {
		t.Errorf("account ceiling = %v, want 2 on any day", got)
	}
	if account.Settings != nil {
		t.Errorf("account settings = %s, want none", account.Settings)
	}

	const want = `{"issuer":"https://id.buuchinh.example.vn","client_id":"eidgate",` +
		`"client_secret":"example-only-replace-with-the-real-one","scopes":["profile"],` +
		`"acr":{"urn:example:high":2,"urn:example:low":1},` +
		`"request_acr":{"1":"urn:example:low","2":"urn:example:high"}}`
	if got := string(legacy.Settings); got != want {
		t.Errorf("legacy settings = %s, want %s", got, want)
	}
}

func TestVersion(t *testing.T) {
	load := func() *Config {
		t.Helper()
		c, err := Load(example, nil)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	a, b := load(), load()
	if a.Version() != b.Version() || len(a.Version()) != 12 {
		t.Errorf("Version() = %q and %q, want the same twelve digits", a.Version(), b.Version())
	}
	b.Clients[0].Secrets[0] = eid.NewSecret("another-secret-another-secret-another")
	if a.Version() != b.Version() {
		t.Errorf("Version() depends on a secret")
	}
	b.Clients[2].JWKS = ""
	if a.Version() == b.Version() {
		t.Errorf("Version() = %q for two key sets", a.Version())
	}
	b = load()
	b.Clients[0].MinLevel = eid.Level1
	if a.Version() == b.Version() {
		t.Errorf("Version() = %q for two minimum levels", a.Version())
	}
}

func TestSecretsStayHidden(t *testing.T) {
	c, err := Load(example, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{
		fmt.Sprintf("%v %+v %#v %s", c, *c, c.Clients, c.Clients[0].Secrets),
		fmt.Sprintf("%+v %#v %q", *c.Sources[1].OpenID, *c.Sources[1].OpenID, c.Sources[1].OpenID.ClientSecret),
		string(raw),
	} {
		if strings.Contains(shown, "example-only") {
			t.Errorf("a secret is shown in %s", shown)
		}
	}
}
