//go:build interop

package interop_test

import (
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"text/template"

	"github.com/zitadel/passwap/argon2"
)

func TestOpenLDAP(t *testing.T) {
	d := gw.servers.openLDAP
	startOpenLDAP(t, d)
	d.proves(t)
	for _, id := range []string{"openldap", "openldap-starttls"} {
		t.Run(id, upstreamOf(id).proves)
	}
}

func openLDAP(g *gateway) *directory { return g.servers.openLDAP }

func overTLS(g *gateway) map[string]any {
	return g.servers.openLDAP.settings(g, "ldaps://"+g.servers.openLDAP.addr)
}

func overStartTLS(g *gateway) map[string]any {
	s := g.servers.openLDAP.settings(g, "ldap://"+g.servers.openLDAP.plain)
	s["start_tls"] = true
	return s
}

// newOpenLDAP is slapd as startOpenLDAP sets it up.
func newOpenLDAP() (*directory, error) {
	d := &directory{
		base: "ou=people,dc=vidu,dc=example", service: "cn=eidgate,ou=services,dc=vidu,dc=example", servicePassword: randomText(),
		login: "uid", filter: "(uid={login})", subject: "entryUUID", number: "eidNumber", name: "cn", born: "eidBirthDate", level: "eidLevel",
		levels: map[string]int{"1": 1, "2": 2}, warns: true,
	}
	var err error
	if d.addr, err = freeAddr(1); err != nil {
		return nil, err
	}
	d.plain, err = freeAddr(1)
	return d, err
}

// startOpenLDAP fills a database and serves it, everything of it in one folder.
func startOpenLDAP(t *testing.T, d *directory) {
	t.Helper()
	dir := filepath.Join(gw.dir, "openldap")
	must(t, os.MkdirAll(filepath.Join(dir, "data"), 0o700))
	schema, err := filepath.Abs(filepath.Join("openldap", "eid.schema"))
	must(t, err)
	conf := fill(t, dir, filepath.Join("openldap", "slapd.conf"), map[string]any{
		"Schema": schema, "Data": filepath.Join(dir, "data"), "Certificate": gw.servers.authority.certificate, "Key": gw.servers.authority.key,
	})
	people := fill(t, dir, filepath.Join("openldap", "people.ldif"), map[string]any{
		"ServicePassword": d.servicePassword, "Residents": everybody(),
	})
	add := exec.CommandContext(gw.ctx, "/usr/sbin/slapadd", "-f", conf, "-l", people)
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("slapadd: %v\n%s", err, out)
	}
	startParty(t, d.addr, environment(), "/usr/sbin/slapd", "-f", conf, "-h", "ldaps://"+d.addr+" ldap://"+d.plain, "-d", "stats")
}

// fill writes a template with its values into a folder.
func fill(t *testing.T, dir, name string, values map[string]any) string {
	t.Helper()
	text, err := template.New(filepath.Base(name)).Funcs(template.FuncMap{
		"base64": func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
		"hash": func(password string) (string, error) {
			hash, err := argon2.NewArgon2id(argon2.Params{Time: 1, Memory: 8 << 10, Threads: 1, KeyLen: 32, SaltLen: 16}, nil).Hash(password)
			return "{ARGON2}" + hash, err
		},
	}).ParseFiles(name)
	must(t, err)
	var out strings.Builder
	must(t, text.Execute(&out, values))
	path := filepath.Join(dir, filepath.Base(name))
	must(t, os.WriteFile(path, []byte(out.String()), 0o600))
	return path
}
