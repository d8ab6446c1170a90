package provider_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/keys"
	"eidgate/provider"
)

// keyed makes a world and gives the ring of its keys.
func keyed(t *testing.T) (w *world, ring *keys.Ring) {
	t.Helper()
	w = newWorldWith(t, func(_ *provider.Config, d *provider.Deps) { ring = d.Keys.(countedKeys).Ring })
	return w, ring
}

// revokeKey takes the key that signs tokens with an algorithm out of service, as a
// revocation does: its standby signs, and parties are told.
func (w *world) revokeKey(ring *keys.Ring, alg keys.Algorithm) (kid string) {
	w.t.Helper()
	i := slices.IndexFunc(ring.Known(), func(k keys.Info) bool {
		return k.Purpose == keys.Tokens && k.Algorithm == alg && k.State == keys.Signing
	})
	kid = ring.Known()[i].ID
	_, err := ring.Revoke(w.t.Context(), kid, "operator:A", "thử")
	must(w.t, err)
	return kid
}

// decoded is the text of a part of a token.
func decoded(t *testing.T, part string) string {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(part)
	must(t, err)
	return string(raw)
}

// kidOf is the kid in a token's header.
func kidOf(t *testing.T, token string) string {
	t.Helper()
	var header struct {
		ID string `json:"kid"`
	}
	must(t, json.Unmarshal([]byte(decoded(t, strings.Split(token, ".")[0])), &header))
	return header.ID
}

// TestRevokedKey: where the gateway is asked, nothing that the revoked key signed
// counts. Grants and sessions do not hang on keys: they go on.
func TestRevokedKey(t *testing.T) {
	w, ring := keyed(t)
	w.registerWith(func(p *eid.RelyingParty) {
		p.Refresh, p.Resources = true, []string{w.server.URL, resourceTax}
		p.Logout.PostLogoutRedirectURIs = []string{bye}
	})
	w.addParty(resourceTax, func(p *eid.RelyingParty) { p.Resources = nil })
	a, opaque := w.signedIn(numberLevel1)
	elliptic := a.also()
	here := w.redeem(w.codeFor(numberLevel1, "resource", w.server.URL))
	tax := w.redeem(w.codeFor(numberLevel1, "resource", resourceTax))
	introspected := func(token string, as func(*http.Request)) string {
		t.Helper()
		return w.backChannel("/introspect", tokenForm(token), as).body
	}
	if !w.active(here.AccessToken) || !strings.Contains(introspected(tax.AccessToken, as(resourceTax)), `"active":true`) {
		t.Fatal("the tokens are not good before the revocation")
	}
	if p := a.get(w.authorizeURL("portal", "prompt", "none", "id_token_hint", opaque.IDToken)); !p.back.Query().Has("code") {
		t.Fatalf("a hint before the revocation: %v, want a code", p.back)
	}
	kid := w.revokeKey(ring, keys.RS256)
	for name, token := range map[string]string{"ID token": opaque.IDToken, "access token": here.AccessToken} {
		if got := kidOf(t, token); got != kid {
			t.Fatalf("the %s names the key %s, want %s", name, got, kid)
		}
	}

	// Userinfo and introspection answer as to what never was a token.
	status, header, body := w.userinfo("Bearer " + here.AccessToken)
	_, plainHeader, plain := w.userinfo("Bearer x")
	if status != http.StatusUnauthorized || header.Get("WWW-Authenticate") != plainHeader.Get("WWW-Authenticate") || body["error_description"] != plain["error_description"] {
		t.Errorf("userinfo = %d %v, want the uniform 401", status, body)
	}
	for name, caller := range map[string]func(*http.Request){"client": asPortal, "resource": as(resourceTax)} {
		if got, want := introspected(tax.AccessToken, caller), introspected("x", caller); got != want || want != `{"active":false}` {
			t.Errorf("introspection by the %s = %s, want %s", name, got, want)
		}
	}
	// A hint at authorize is refused as any that is no ID token of ours: the party asked
	// for a certain person. Without it the session goes on.
	for _, prompt := range []string{"", "none"} {
		forged := a.get(w.authorizeURL("portal", "prompt", prompt, "id_token_hint", "x")).back.Query()
		got := a.get(w.authorizeURL("portal", "prompt", prompt, "id_token_hint", opaque.IDToken)).back.Query()
		if got.Get("error") != "invalid_request" || got.Encode() != forged.Encode() {
			t.Errorf("prompt=%s with the hint: %v, want %v", prompt, got, forged)
		}
	}
	if p := a.get(w.authorizeURL("native", "prompt", "none", "id_token_hint", elliptic.IDToken)); !p.back.Query().Has("code") {
		t.Errorf("a hint under a key of another algorithm: %v, want a code", p.back)
	}
	// At logout it proves nothing: the holder is asked, and the session lives.
	p := a.get(w.logoutURL("id_token_hint", opaque.IDToken, "post_logout_redirect_uri", bye))
	if p.status != http.StatusOK || p.back != nil || !strings.Contains(p.body, "/logout/confirm") {
		t.Errorf("logout with the hint: %d %v, want the question", p.status, p.back)
	}
	a.alive(opaque)
	// Revoking such a token is no error (RFC 7009 §2.2), and ends nothing.
	if got := w.backChannel("/revoke", tokenForm(here.AccessToken), asPortal); got.status != http.StatusOK {
		t.Errorf("revocation = %d, want 200", got.status)
	}

	// What does not rest on the signature goes on, and signs with the next key.
	if got := introspected(opaque.AccessToken, asPortal); !strings.Contains(got, `"active":true`) {
		t.Errorf("introspection of an opaque token = %s, want active", got)
	}
	for name, family := range map[string]tokens{"opaque": opaque, "here": here} {
		next := w.refresh(family.RefreshToken)
		if next.status != http.StatusOK || !w.active(next.AccessToken) || kidOf(t, next.IDToken) == kid {
			t.Errorf("refresh of %s = %d %s, want tokens of the next key", name, next.status, next.Error)
			continue
		}
		if _, claims := w.verifyJWT(next.IDToken); claims["sub"] != family.claims["sub"] {
			t.Errorf("refresh of %s is about %v", name, claims["sub"])
		}
	}
}

// Parties whose ID tokens the key signed hear of it, of each subject; others do not.
func TestRevokedKeyTellsParties(t *testing.T) {
	w, ring := keyed(t)
	w.notified()
	w.run(w.provider)
	a, got := w.signedIn(numberLevel1)
	a.also() // native: ES256
	kid := w.revokeKey(ring, keys.RS256)
	w.pass(2 * time.Second)
	header, claims := w.openLogoutToken(w.told[0].next())
	if claims["sub"] != got.claims["sub"] || claims["sid"] != nil || header.KeyID == kid {
		t.Errorf("portal was told %v under %s, want the subject %v and no sid", claims, header.KeyID, got.claims["sub"])
	}
	w.eventually("an empty outbox", func() bool {
		list, err := w.db.PendingRevocations(t.Context(), 10)
		must(t, err)
		return len(list) == 0 && w.outbox.count() == 0
	})
	w.told[0].none()
	w.told[1].none()
}
