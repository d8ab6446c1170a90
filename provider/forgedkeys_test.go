package provider_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"eidgate/eid"
)

// Headers that name a key by anything but the kid of a published one lead nowhere: no
// file, no query, no call.
func TestForgedKeysOfTokens(t *testing.T) {
	w := newWorld(t)
	w.registerWith(func(p *eid.RelyingParty) { p.Resources = []string{w.server.URL} })
	got := w.redeem(w.codeFor(numberLevel1, "resource", w.server.URL))
	if !w.active(got.AccessToken) {
		t.Fatal("the genuine token is not good")
	}
	attacker := newClientSigner(t)
	public := members{}
	must(t, json.Unmarshal(attacker.jwks(asItIs), &public))
	w.keys.publish([]byte(public.json(t)))
	jwk := public["keys"].([]any)[0]
	kid, url := kidOf(t, got.AccessToken), w.keys.server.URL
	payload := decoded(t, strings.Split(got.AccessToken, ".")[1])
	good := members{"alg": "RS256", "typ": "at+jwt", "kid": kid}
	_, plainHeader, plain := w.userinfo("Bearer x")
	for name, header := range map[string]members{
		"genuine kid":     good,
		"traversal":       good.with("kid", "../../../../../../dev/null"),
		"file":            good.with("kid", "file:///etc/passwd"),
		"SQL":             good.with("kid", "' OR 1=1 --"),
		"SQL union":       good.with("kid", "x' UNION SELECT sealed FROM signing_keys --"),
		"NUL":             good.with("kid", kid+"\x00"),
		"no kid":          good.with("kid", nil),
		"kid as a list":   good.with("kid", []string{kid}),
		"the attacker's":  good.with("kid", "RS256"),
		"jku":             good.with("jku", url),
		"jku and its kid": good.with("jku", url, "kid", "RS256"),
		"x5u":             good.with("x5u", url),
		"jwk":             good.with("jwk", jwk),
		"jwk and its kid": good.with("jwk", jwk, "kid", "RS256"),
		"x5c":             good.with("x5c", []string{"MIIB"}),
		"x5t":             good.with("x5t", "AAAA"),
		"crit":            good.with("crit", []string{"jku"}, "jku", url),
		"none":            good.with("alg", "none"),
		"HS256":           good.with("alg", "HS256"),
		"PS256":           good.with("alg", "PS256"),
		"ES256":           good.with("alg", "ES256", "kid", kid),
	} {
		token := attacker.sign(header, payload)
		status, h, body := w.userinfo("Bearer " + token)
		if status != http.StatusUnauthorized || h.Get("WWW-Authenticate") != plainHeader.Get("WWW-Authenticate") || body["error_description"] != plain["error_description"] {
			t.Errorf("%s: userinfo = %d %v, want the uniform 401", name, status, body)
		}
		if got := w.backChannel("/introspect", tokenForm(token), asPortal).body; got != `{"active":false}` {
			t.Errorf("%s: introspection = %s, want inactive", name, got)
		}
	}
	// The same headers over the genuine signature are no better.
	parts := strings.Split(got.AccessToken, ".")
	for name, header := range map[string]members{"jku": good.with("jku", url), "jwk": good.with("jwk", jwk), "x5u": good.with("x5u", url)} {
		if w.active(base64.RawURLEncoding.EncodeToString([]byte(header.json(t))) + "." + parts[1] + "." + parts[2]) {
			t.Errorf("%s: a changed header is accepted", name)
		}
	}
	if n := w.keys.asked(); n != 0 {
		t.Errorf("the address in a header was called %d times", n)
	}
}
