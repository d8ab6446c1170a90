//go:build interop

package interop_test

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// SimpleSAMLphp is a SAML identity provider that takes requests by POST, encrypts
// its assertions and says the level in an attribute.

func TestSimpleSAMLphp(t *testing.T) {
	u := upstreamOf("simplesaml")
	startSimpleSAML(t, fetch(t, gw.issuer+"/source/"+u.id+"/metadata"))
	u.proves(t)
	u.told(t, func(_ *testing.T, b *browser) page {
		return b.get(gw.simpleSAML.origin + "/saml2/idp/initSLO.php?" + url.Values{"RelayState": {"/"}}.Encode())
	})
}

func simpleSAML(g *gateway) *provider { return g.simpleSAML }

func simpleSAMLSettings(g *gateway) map[string]any {
	entity := g.simpleSAML.origin + "/saml2/idp/metadata.php"
	return map[string]any{
		"issuer": entity, "metadata_url": entity, "key_files": []string{g.samlKeys}, "binding": "post",
		"level_attribute": "identityLevel", "levels": map[string]int{"1": 1, "2": 2},
		"person": map[string]string{"number": "personalNumber", "name": "cn", "birth_date": "birthDate"},
	}
}

// startSimpleSAML runs SimpleSAMLphp on PHP's own server, everything of it in one
// folder. metadata is the gateway's as a service provider.
func startSimpleSAML(t *testing.T, metadata string) {
	t.Helper()
	p := gw.simpleSAML
	for _, d := range []string{"sessions", "tmp"} {
		must(t, os.MkdirAll(filepath.Join(p.dir, d), 0o700))
	}
	must(t, os.WriteFile(filepath.Join(p.dir, "gateway.xml"), []byte(metadata), 0o600))
	values := map[string]any{"Dir": p.dir, "Origin": p.origin, "Salt": p.secret}
	for from, to := range map[string]string{
		"config.php": "config", "authsources.php": "config", "saml20-idp-hosted.php": "metadata",
	} {
		p.render(t, filepath.Join("simplesamlphp", from), filepath.Join(to, from), values)
	}
	people := map[string]map[string][]string{}
	for _, r := range residents() {
		one := map[string][]string{"uid": {r.Login}, "cn": {r.Name}, "personalNumber": {r.Number}, "birthDate": {r.Born}}
		if r.Level > 0 {
			one["identityLevel"] = []string{strconv.Itoa(r.Level)}
		}
		people[r.Login] = one
	}
	raw, err := json.Marshal(people)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(p.dir, "people.json"), raw, 0o600))
	startParty(t, p.listen, environment("SIMPLESAMLPHP_CONFIG_DIR="+filepath.Join(p.dir, "config"), "PHP_CLI_SERVER_WORKERS=3"),
		"php", "-S", p.listen, "-t", "/usr/share/simplesamlphp/www")
}
