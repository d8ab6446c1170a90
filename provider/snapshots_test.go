package provider_test

import (
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/keys"
	"eidgate/provider"
)

// All tokens of one answer are of one moment: a key that is revoked between them
// would sign the one and not the other.
func TestOneSnapshotForAnAnswer(t *testing.T) {
	w := newWorld(t)
	w.registerWith(withResources)
	w.alsoRefreshing("portal")
	code := w.codeFor(numberLevel1, "resource", resourceTax, "scope", "openid email")
	before := w.snapshots.Load()
	got := w.redeem(code)
	if taken := w.snapshots.Load() - before; taken != 1 || got.IDToken == "" || strings.Count(got.AccessToken, ".") != 2 {
		t.Errorf("%d snapshots for the answer to a code, want 1", taken)
	}
	before = w.snapshots.Load()
	next := w.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {got.RefreshToken}}, func(r *http.Request) { r.SetBasicAuth("portal", clientSecret) })
	if taken := w.snapshots.Load() - before; taken != 1 || next.IDToken == "" || strings.Count(next.AccessToken, ".") != 2 {
		t.Errorf("%d snapshots for the answer to a refresh token, want 1", taken)
	}
}

// emptied is keys that can be gone: after an emergency no custody may be there to make
// others.
type emptied struct {
	provider.Signer

	none *keys.Ring
	gone atomic.Bool
}

// Snapshot implements provider.Signer.
func (e *emptied) Snapshot() *keys.Snapshot {
	if e.gone.Load() {
		return e.none.Snapshot()
	}
	return e.Signer.Snapshot()
}

// Where no key signs, clients are told to wait, and keep what they sent.
func TestNoKeySigns(t *testing.T) {
	var e *emptied
	w := newWorldWith(t, func(_ *provider.Config, d *provider.Deps) {
		none, err := keys.New(keys.DefaultConfig(), keys.Deps{Store: noKeys{}, Sealer: noKeys{}, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
		must(t, err)
		e = &emptied{Signer: d.Keys, none: none}
		d.Keys = e
	})
	w.alsoRefreshing("portal")
	got := w.redeem(w.codeFor(numberLevel1))
	refresh := func() tokens {
		t.Helper()
		return w.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {got.RefreshToken}}, func(r *http.Request) { r.SetBasicAuth("portal", clientSecret) })
	}
	e.gone.Store(true)
	if got := refresh(); got.status != http.StatusServiceUnavailable || got.Error != "temporarily_unavailable" {
		t.Errorf("without a key: %d %s, want 503 temporarily_unavailable", got.status, got.Error)
	}
	e.gone.Store(false)
	if got := refresh(); got.status != http.StatusOK {
		t.Errorf("with a key again: %d %s, want 200", got.status, got.Error)
	}
}

// noKeys is a store and a seal of nothing.
type noKeys struct {
	keys.Store
	keys.SealOpener
}

// What is signed by a key of another purpose, or as another kind of token, is not what
// it looks like, though its claims and its algorithm are right.
func TestTokensOfOtherPurposes(t *testing.T) {
	w, ring := keyed(t)
	w.registerWith(func(p *eid.RelyingParty) { p.Resources = []string{w.server.URL} })
	a, own := w.signedIn(numberLevel1)
	access := w.redeem(w.codeFor(numberLevel1, "resource", w.server.URL)).AccessToken
	idClaims, accessClaims := decoded(t, strings.Split(own.IDToken, ".")[1]), decoded(t, strings.Split(access, ".")[1])
	hinted := func(hint string) bool {
		t.Helper()
		p := a.get(w.authorizeURL("portal", "prompt", "none", "id_token_hint", hint))
		return p.back != nil && p.back.Query().Has("code")
	}
	if !hinted(own.IDToken) || !w.active(access) {
		t.Fatal("the genuine tokens are not good")
	}
	for _, tt := range []struct {
		purpose keys.Purpose
		alg     keys.Algorithm
		typ     string
		good    bool // as a hint, and with the other claims as an access token
	}{
		{keys.Tokens, keys.RS256, "JWT", true},
		{keys.Tokens, keys.RS256, "logout+jwt", false},
		{keys.Tokens, keys.RS256, "token-introspection+jwt", false},
		{keys.Tokens, keys.RS256, "jwt", false},
		{keys.LogoutTokens, keys.RS256, "JWT", false},
		{keys.LogoutTokens, keys.ES256, "JWT", false},
		{keys.LogoutTokens, keys.RS256, "logout+jwt", false},
		{keys.Checkpoints, keys.ES256, "JWT", false},
	} {
		sign := func(typ, claims string) string {
			t.Helper()
			token, err := ring.Snapshot().Sign(tt.purpose, tt.alg, typ, []byte(claims))
			must(t, err)
			return token
		}
		if got := hinted(sign(tt.typ, idClaims)); got != tt.good {
			t.Errorf("%s %s key, typ %s: taken as a hint %v, want %v", tt.purpose, tt.alg, tt.typ, got, tt.good)
		}
		if w.active(sign(tt.typ, accessClaims)) {
			t.Errorf("%s %s key, typ %s: taken as an access token", tt.purpose, tt.alg, tt.typ)
		}
		if got := w.active(sign("at+jwt", accessClaims)); got != (tt.purpose == keys.Tokens) {
			t.Errorf("%s %s key, typ at+jwt: taken as an access token %v", tt.purpose, tt.alg, got)
		}
	}
}
