//go:build interop

package interop_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/template"
	"time"
)

// Paths at Apache. The module answers all that begins with the first.
const (
	apacheCallback  = "/protected/redirect_uri"
	apacheSignedOut = "/signed-out.html"
)

// apacheInfo is what mod_auth_openidc says about a session (OIDCInfoHook).
type apacheInfo struct {
	AccessToken  string         `json:"access_token"`
	RefreshToken string         `json:"refresh_token"`
	IDToken      map[string]any `json:"id_token"`
	Userinfo     map[string]any `json:"userinfo"`
}

func TestModAuthOpenIDC(t *testing.T) {
	rp, row := gw.clients["mod-auth-openidc"], rowOf("mod-auth-openidc")
	startApache(t, rp)
	b, who := newBrowser(t), gw.somebody()
	protected := rp.origin + "/protected/"

	info := func(t *testing.T) apacheInfo {
		t.Helper()
		p := b.get(rp.origin + apacheCallback + "?info=json")
		var i apacheInfo
		if err := json.Unmarshal([]byte(p.body), &i); err != nil || p.status != http.StatusOK {
			t.Fatalf("session information = %d: %v\n%.600s", p.status, err, p.body)
		}
		return i
	}
	shown := func(t *testing.T, p page) {
		t.Helper()
		if !p.at(rp.origin) || p.status != http.StatusOK || !strings.Contains(p.body, "protected at Level 2") {
			t.Fatalf("%s = %d, want the protected page; pages before it: %q\n%.600s", p.address.Redacted(), p.status, p.way, p.body)
		}
	}

	var before apacheInfo
	row.step(t, &row.signIn, true, func(t *testing.T) {
		shown(t, b.through(b.get(protected), who)) // Require claim acr:… let it through
		before = info(t)
		if got := before.IDToken["acr"]; got != acr2 {
			t.Errorf("acr of the session = %v, want %s", got, acr2)
		}
	})
	row.step(t, &row.userinfo, true, func(t *testing.T) {
		if got, want := before.Userinfo["sub"], before.IDToken["sub"]; got != want || got == nil {
			t.Errorf("userinfo is of %v, want %v", got, want)
		}
	})
	row.step(t, &row.refresh, gw.offers.refresh(), func(t *testing.T) {
		shown(t, b.get(rp.origin+apacheCallback+"?"+url.Values{"refresh": {protected}, "access_token": {before.AccessToken}}.Encode()))
		after := info(t)
		if after.AccessToken == before.AccessToken || after.RefreshToken == before.RefreshToken {
			t.Errorf("refresh changed the access token: %v, the refresh token: %v; want both",
				after.AccessToken != before.AccessToken, after.RefreshToken != before.RefreshToken)
		}
	})
	row.step(t, &row.logout, gw.offers.logout(), func(t *testing.T) {
		p := b.through(b.get(rp.origin+apacheCallback+"?"+url.Values{"logout": {rp.origin + apacheSignedOut}}.Encode()), nil)
		if !p.at(rp.origin) || !strings.Contains(p.body, "signed out") {
			t.Fatalf("%s = %d, want %s; pages before it: %q\n%.600s", p.address.Redacted(), p.status, apacheSignedOut, p.way, p.body)
		}
		if p := b.get(protected); !p.asksToSignIn() {
			t.Errorf("the protected page after the logout = %d at %s, want the gateway's login", p.status, p.address.Redacted())
		}
	})
	row.step(t, &row.told, gw.offers.logout() && gw.offers.Backchannel, func(t *testing.T) {
		shown(t, b.through(b.get(protected), who))
		if p := b.through(b.get(gw.offers.EndSession), nil); len(p.way) < 2 {
			t.Fatalf("the gateway's own logout = %d after pages %q, want a question and a farewell", p.status, p.way)
		}
		// The gateway tells the module in a request of its own, soon.
		for deadline := time.Now().Add(startTime); !b.get(protected).asksToSignIn(); time.Sleep(100 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("the module's session lives %v after the logout at the gateway", startTime)
			}
		}
		time.Sleep(500 * time.Millisecond) // the gateway reads the module's answer and notes a refusal
		for line := range strings.Lines(gw.log.String()) {
			if strings.Contains(line, "not told of a logout") && strings.Contains(line, rp.id) {
				t.Errorf("the module refused the logout token: %s", line)
			}
		}
	})
}

// startApache runs Apache in the foreground, everything of it in one folder.
func startApache(t *testing.T, rp *registration) {
	t.Helper()
	dir := filepath.Join(gw.dir, "apache")
	for _, d := range []string{"", "htdocs", "htdocs/protected", "run"} {
		must(t, os.Mkdir(filepath.Join(dir, d), 0o755))
	}
	must(t, os.WriteFile(filepath.Join(dir, "htdocs", "protected", "index.html"), []byte("protected at Level 2\n"), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "htdocs", "signed-out.html"), []byte("signed out\n"), 0o644))

	text, err := template.ParseFiles(filepath.Join("apache", "apache2.conf"))
	must(t, err)
	conf := filepath.Join(dir, "apache2.conf")
	file, err := os.OpenFile(conf, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	must(t, err)
	must(t, text.Execute(file, map[string]any{
		"Dir": dir, "Listen": rp.addr(), "Root": os.Getuid() == 0,
		"Issuer": gw.issuer, "ClientID": rp.id, "ClientSecret": rp.secret, "Origin": rp.origin,
		"Callback": apacheCallback, "Passphrase": randomText(), "Scope": gw.scope(), "ACR": acr2,
		"ACRParameter": url.Values{"acr_values": {acr2}}.Encode(),
	}))
	must(t, file.Close())
	startParty(t, rp.addr(), environment(), "/usr/sbin/apache2", "-f", conf, "-DFOREGROUND")
}
