package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const longSecret = "hidden-hidden-hidden-hidden-hidden-hidden"

// named is a configuration that only names its secrets.
const named = `
issuer: https://dangnhap.example.vn
master_key_file: credential:master.key
sources:
  - id: legacy
    kind: openid
    reconcile: link
    name: Legacy
    provider: Legacy
    may_assert: [1]
    grants_at_most: 1
    openid: {issuer: "https://op.example.vn", client_id: c, client_secret: "env:UPSTREAM", acr: {low: 1}}
clients:
  - id: app
    name: App
    url: https://app.example.vn/
    tier: other
    category: other
    auth_method: client_secret_basic
    client_secret_files: ["credential:app", "credential:app-next"]
    redirect_uris: ["https://app.example.vn/cb"]
    scopes: [openid]
    sector: app.example.vn
    min_level: 1
    sources: [legacy]
`

func TestSecretsByName(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"app": longSecret + "1\n", "app-next": longSecret + "2"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o440); err != nil {
			t.Fatal(err)
		}
	}
	c, err := parse("/etc/eidgate/eidgate.yaml", []byte(named), []string{"UPSTREAM=from=the environment", "CREDENTIALS_DIRECTORY=" + dir})
	if err != nil {
		t.Fatalf("Load() = %v", err)
	}
	if got, want := c.MasterKeyFile, filepath.Join(dir, "master.key"); got != want {
		t.Errorf("master_key_file = %q, want %q", got, want)
	}
	if got := c.Sources[0].OpenID.ClientSecret.Reveal(); got != "from=the environment" {
		t.Errorf("upstream secret = %q, want the variable's", got)
	}
	if got := c.Clients[0].Secrets; len(got) != 2 || got[0].Reveal() != longSecret+"1" || got[1].Reveal() != longSecret+"2" {
		t.Errorf("%d client secrets, want the two credentials", len(got))
	}
	if got, want := c.Files(), []string{filepath.Join(dir, "app"), filepath.Join(dir, "app-next")}; !slices.Equal(got, want) {
		t.Errorf("Files() = %v, want %v", got, want)
	}
}

func TestSecretsByNameFaults(t *testing.T) {
	const variable, credential = `client_secret: "env:UPSTREAM"`, `"credential:app"`
	inSource, inClient := "sources[0].openid.client_secret: ", "clients[0].client_secret_files[0]: "
	for _, tt := range []struct {
		name     string
		old, new string
		environ  []string
		want     string
	}{
		{"variable not set", "", "", nil, inSource + "names a variable that is not set"},
		{"variable empty", "", "", []string{"UPSTREAM="}, inSource + "names a variable that is not set"},
		{"no name of a variable", variable, `client_secret: "env:hidden-1"`, []string{"hidden-1=x"}, inSource + "names no variable after env:"},
		{"no name at all", variable, `client_secret: "env:"`, nil, inSource + "names no variable after env:"},
		{"variable of the gateway's own", variable, `client_secret: "env:EIDGATE_HIDDEN"`, []string{"EIDGATE_HIDDEN=x"}, "EIDGATE_HIDDEN: unknown variable"},
		{"no credentials", "", "", []string{"UPSTREAM=x"}, inClient + "a credential, and systemd gave none"},
		{"relative credentials", "", "", []string{"UPSTREAM=x", "CREDENTIALS_DIRECTORY=."}, inClient + "a credential, and systemd gave none"},
		{"credential not there", "", "", []string{"UPSTREAM=x", "CREDENTIALS_DIRECTORY=/nowhere"}, inClient + "no such file"},
		{"credential outside", credential, `"credential:../hidden"`, []string{"UPSTREAM=x", "CREDENTIALS_DIRECTORY=/run"}, inClient + "not a credential's name"},
		{"credential of dots", credential, `"credential:.."`, []string{"UPSTREAM=x", "CREDENTIALS_DIRECTORY=/run"}, inClient + "not a credential's name"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := named
			if tt.old != "" {
				text = strings.Replace(named, tt.old, tt.new, 1)
			}
			_, err := parse("eidgate.yaml", []byte(text), tt.environ)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hidden") {
				t.Errorf("Load() = %v, want %q and no name", err, tt.want)
			}
		})
	}
}

// What is no YAML is refused without a word of it: it may be a secret.
func TestSyntaxFaultsHideValues(t *testing.T) {
	for name, value := range map[string]string{
		"alias":   "*" + longSecret,
		"escape":  `"` + longSecret + `\q"`,
		"quote":   `"` + longSecret,
		"tag":     "!<" + longSecret,
		"mapping": longSecret + ": a: b",
		"percent": "%" + longSecret,
		"at":      "@" + longSecret,
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(named, `"env:UPSTREAM"`, value, 1)
			_, err := parse("/etc/eidgate/eidgate.yaml", []byte(text), []string{"CREDENTIALS_DIRECTORY=" + t.TempDir()})
			if err == nil || strings.Contains(err.Error(), longSecret) {
				t.Errorf("Load() = %v, want an error without the value", err)
			}
		})
	}
}

func TestExposed(t *testing.T) {
	path := write(t, map[string]string{
		"eidgate.yaml": withFiles, "old.txt": longSecret, "new.txt": longSecret + "2", "upstream.txt": longSecret,
	})
	c, err := Load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Exposed(); len(got) != 0 {
		t.Errorf("Exposed() = %v, want none", got)
	}
	open := filepath.Join(filepath.Dir(path), "new.txt")
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	got := c.Exposed()
	if len(got) != 1 || got[0].Path != "clients[0].client_secret_files[1]" || got[0].Remedy != "chmod o= "+open {
		t.Errorf("Exposed() = %v, want the file that everybody may read, with its mend", got)
	}
}

// Files that hold no clients' secrets are found beside the configuration as well; what they
// held is not shown, and a list of leaks is no secret.
func TestFilesOfOtherBlocks(t *testing.T) {
	path := write(t, map[string]string{
		"eidgate.yaml": withFiles + `
account_system: {passwords: {leaked_file: leaks.txt}}
notify:
  smtp: {address: "mail.example.vn:587", username: u, password_file: smtp.txt, from: a@example.vn}
  sms: {smpp: {address: "smsc.example.vn:3550", system_id: s, source: S, password_file: smpp.txt}}
registries: {population: {url: "https://dan-cu.example.vn", token_file: token.txt}}
`,
		"old.txt": longSecret, "new.txt": longSecret + "2", "upstream.txt": longSecret, "smtp.txt": "hidden", "smpp.txt": "hidden", "token.txt": "hidden", "leaks.txt": "",
	})
	c, err := Load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	leaks := filepath.Join(filepath.Dir(path), "leaks.txt")
	if got := c.AccountSystem.Passwords.LeakedFile; got != leaks {
		t.Errorf("leaked_file = %q, want %q", got, leaks)
	}
	if err := os.Chmod(leaks, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := c.Exposed(); len(got) != 0 {
		t.Errorf("Exposed() = %v, want none", got)
	}
	text, err := Show(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "[redacted]") || strings.Contains(string(text), "hidden") {
		t.Errorf("Show() shows what files hold beside their names:\n%s", text)
	}
}

func TestShow(t *testing.T) {
	path := write(t, map[string]string{
		"eidgate.yaml": withFiles, "old.txt": longSecret, "new.txt": longSecret + "2", "upstream.txt": longSecret,
	})
	text, err := Show(path, []string{"EIDGATE_LIFETIMES__CODE=50s"})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"issuer: https://dangnhap.example.vn # file\n", "  code: 50s # EIDGATE_LIFETIMES__CODE\n", "  login: 10m # default\n", "clients: # file\n",
		"client_secret_files: [" + filepath.Dir(path) + "/old.txt",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("Show() lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "hidden") || strings.Contains(string(text), "client_secrets:") {
		t.Errorf("Show() shows secrets:\n%s", text)
	}
	// What is shown is a configuration of the right shape, and means the same.
	text, err = Show(example, nil)
	if err != nil {
		t.Fatal(err)
	}
	f := new(faults)
	tree, err := (&parser{f}).Unmarshal(text)
	if err != nil || f.err() != nil {
		t.Fatalf("reading what is shown: %v, %v", err, f.err())
	}
	if err := compiled(t).Validate(asJSON(t, tree)); err != nil {
		t.Errorf("what is shown: %v", err)
	}
	if strings.Contains(string(text), "example-only") {
		t.Errorf("Show() shows secrets:\n%s", text)
	}
	shownConfig, err := parse(example, []byte(strings.ReplaceAll(string(text), "[redacted]", longSecret)), nil)
	if err != nil {
		t.Fatalf("loading what is shown: %v", err)
	}
	loaded, err := Load(example, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := shownConfig.Version(), loaded.Version(); got != want {
		t.Errorf("version of what is shown = %s, want %s", got, want)
	}
}
