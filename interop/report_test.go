//go:build interop

package interop_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// row is a line of the report: what one relying party did.
type row struct {
	signIn, userinfo, refresh, again, logout, told string
}

// rows are by client id; each test writes its own.
var rows = map[string]*row{}

func rowOf(id string) *row {
	rows[id] = &row{again: "–", told: "–"}
	return rows[id]
}

// notOffered notes that the gateway does not do what this relying party needs.
func (r *row) notOffered() {
	for _, cell := range []*string{&r.signIn, &r.userinfo, &r.refresh, &r.again, &r.logout} {
		*cell = "not offered"
	}
}

// step runs one step as a test of its own and notes how it ended. Nothing is run
// after a step that failed.
func (r *row) step(t *testing.T, cell *string, offered bool, run func(*testing.T)) {
	t.Helper()
	name := map[*string]string{
		&r.signIn: "sign-in", &r.userinfo: "userinfo", &r.refresh: "refresh", &r.again: "again", &r.logout: "logout", &r.told: "told",
	}[cell]
	switch {
	case !offered:
		*cell = "not offered"
	case t.Failed():
		*cell = "not reached"
	case t.Run(name, run):
		*cell = "yes"
	default:
		*cell = "**failed**"
	}
}

// about says what a relying party is and what its configuration needs.
var about = map[string]struct{ software, notes string }{
	"openid-client-basic": {"openid-client", "`allowInsecureRequests`, for http on loopback"},
	"openid-client-key":   {"openid-client", "`PrivateKeyJwt` with an EC key that is registered as `jwks`; `response_mode=form_post`"},
	"oauth4webapi-public": {"oauth4webapi", "a public client; `allowInsecureRequests`, for http on loopback"},
	"oauth4webapi-post":   {"oauth4webapi", ""},
	"authlib-basic":       {"Authlib", "Flask integration; `code_challenge_method: S256`; the `acr` of the ID token is compared by the application"},
	"authlib-post":        {"Authlib", "`token_endpoint_auth_method: client_secret_post`; Authlib 1.2 looks for errors in a query only, so the application reads `error` of a form post"},
	"mod-auth-openidc":    {"mod_auth_openidc", "`OIDCPKCEMethod S256`; `OIDCAuthRequestParams acr_values=…`; `Require claim acr:" + acr2 + "`; the redirect URI has `Require valid-user` of its own, or logout tokens are answered 401"},
	"oauth2-proxy": {
		"oauth2-proxy",
		"`--code-challenge-method=S256`; `--acr-values`, and the application checks `acr` in the ID token it is passed; " +
			"`--oidc-email-claim=sub`; signs out through `rd`, without an ID token, so that the gateway asks first",
	},
}

// writeReport writes versions and results.
func writeReport(path string) error {
	var out strings.Builder
	out.WriteString(`# Relying parties that were tried

Written by ` + "`make interop`" + `, which runs each of these programs as a relying party of the built gateway on loopback, with PKCE S256, and
signs a synthetic person in at Level 2. Every step is driven through a browser's requests. *Not offered*: the gateway's discovery
document does not have it. A dash: not in this software, or not tried.

| software | client authentication | response | ID token | sign-in at Level 2 | userinfo | refresh | again | logout | told |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
`)
	for _, rp := range parties() {
		r := rows[rp.id]
		if r == nil {
			return fmt.Errorf("%s was not run", rp.id)
		}
		fmt.Fprintf(&out, "| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n",
			about[rp.id].software, rp.method, rp.mode, rp.alg, r.signIn, r.userinfo, r.refresh, r.again, r.logout, r.told)
	}
	out.WriteString(`
## What each step means
- **sign-in at Level 2**: the relying party asks with ` + "`acr_values`" + `, the person gives password and one-time code, the relying party
  verifies the ID token's signature, nonce and ` + "`acr`" + ` and opens a session of its own.
- **userinfo**: its subject is the ID token's.
- **refresh**: the library parties refresh twice; each time the access token and the refresh token are others and ` + "`acr`" + ` stays Level 2.
- **again**: a second sign-in in the same browser, with ` + "`prompt=none`" + `, asks nothing.
- **logout**: the relying party ends its session and sends the browser to the end-session endpoint. Afterwards ` + "`prompt=none`" + ` answers
  ` + "`login_required`" + `, or the protected page leads to the login again.
- **told**: the person signs out at the gateway; the relying party's session ends by a back-channel logout token.

## What had to be configured
`)
	for _, rp := range parties() {
		if notes := about[rp.id].notes; notes != "" {
			fmt.Fprintf(&out, "- `%s`: %s.\n", rp.id, notes)
		}
	}
	if err := writeSources(&out); err != nil {
		return err
	}
	out.WriteString("\n## Versions\n| software | version |\n| --- | --- |\n")
	for _, v := range versions() {
		fmt.Fprintf(&out, "| %s | %s |\n", v[0], v[1])
	}
	return os.WriteFile(path, []byte(out.String()), 0o644)
}

// versions asks each program itself, or the package manager.
func versions() [][2]string {
	list := [][2]string{
		{"openid-client", npmVersion("openid-client")},
		{"oauth4webapi", npmVersion("oauth4webapi")},
		{"Authlib", debianVersion("python3-authlib")},
		{"Flask", debianVersion("python3-flask")},
		{"Apache", debianVersion("apache2-bin")},
		{"mod_auth_openidc", debianVersion("libapache2-mod-auth-openidc")},
		{"oauth2-proxy", proxyVersion()},
		{"LemonLDAP::NG", debianVersion("liblemonldap-ng-portal-perl")},
		{"Lasso", debianVersion("liblasso-perl")},
		{"Starman", debianVersion("starman")},
		{"SimpleSAMLphp", debianVersion("simplesamlphp")},
		{"PHP", output("php", "-r", "echo PHP_VERSION;")},
		{"OpenLDAP", debianVersion("slapd")},
		{"Samba", debianVersion("samba-ad-dc")},
		{"oidc-provider", npmVersion("oidc-provider")},
		{"Node.js", output("node", "--version")},
		{"Python", strings.TrimPrefix(output("/usr/bin/python3", "--version"), "Python ")},
		{"Go", strings.TrimPrefix(runtime.Version(), "go")},
	}
	return list
}

func npmVersion(name string) string {
	raw, err := os.ReadFile(filepath.Join("node", "node_modules", name, "package.json"))
	var p struct {
		Version string `json:"version"`
	}
	if err == nil {
		err = json.Unmarshal(raw, &p)
	}
	if err != nil {
		return "unknown"
	}
	return p.Version
}

func debianVersion(name string) string {
	return output("dpkg-query", "-W", "-f", "${Version} (Debian)", name)
}

// proxyVersion is that of the module the binary was built from: a build from the
// module proxy has no version stamp of its own.
func proxyVersion() string {
	for line := range strings.Lines(output("go", "version", "-m", filepath.Join(root, "bin", "oauth2-proxy"))) {
		if f := strings.Fields(line); len(f) >= 3 && strings.HasPrefix(f[1], "github.com/oauth2-proxy/oauth2-proxy/") && f[0] != "path" {
			return f[2]
		}
	}
	return "unknown"
}

func output(name string, args ...string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

func randomText() string { return rand.Text() + rand.Text() }
