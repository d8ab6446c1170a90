package main_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

// TestClosesAtTheEndOfTransition: the window of 2021 and 2022 is half-open.
func TestClosesAtTheEndOfTransition(t *testing.T) {
	t.Parallel()
	const end = "2023-01-01T00:00:00+07:00"
	at, err := time.Parse(time.RFC3339, end)
	must(t, err)

	after := startDemo(t, "--at", end)
	portal, a := after.party(t, "portal-1"), after.browser(t)
	p := a.get(portal.request().address)
	// The national sources are left; windows of the others begin later.
	if p.offers("source", sourceClosed) || p.offers("source", sourceSAML) || !p.offers("source", sourceNational) || !p.offers("source", sourceVNeID) {
		t.Errorf("at the end the page is %q, want the sources that are open", p.title())
	}
	forced := a.post(after.Issuer+"/login", withValue(p.hidden(), "source", sourceClosed))
	if forced.address.Host != after.Addr || forced.back != nil {
		t.Errorf("a forced choice of the closed source leads to %v", forced.address)
	}
	portal.signIn(a, after.account("002")).wants(t, acr1, "pwd")

	// Shortly before, the source is open: one sign-in ends in time, another
	// begins in time and comes back after the end.
	d := startDemo(t, "--at", at.Add(-15*time.Second).Format(time.RFC3339))
	for _, s := range d.Sources {
		if s.ID == sourceClosed && !s.Open {
			t.Errorf("the document says that %s is closed before its end", s.ID)
		}
	}
	portal, user := d.party(t, "portal-1"), d.user(t, "nguoi-dung-cu")
	inTime, late := d.browser(t), d.browser(t)
	r1, r2 := portal.request(), portal.request()
	got := portal.redeem(r1, inTime.legacy(inTime.get(r1.address), sourceClosed, user.Username, user.Password))
	if got.ACR != acr1 {
		t.Errorf("acr = %s, want %s", got.ACR, acr1)
	}
	form := late.press(late.get(r2.address), "source", sourceClosed)
	if !d.now().Before(at) {
		t.Fatalf("the machine was too slow: the window ended before the sign-ins began")
	}
	waitUntil(t, "the end of the window on the gateway's clock", func() bool {
		return !d.browser(t).get(portal.request().address).offers("source", sourceClosed)
	})
	p = late.legacy(form, sourceClosed, user.Username, user.Password)
	if p.back != nil || p.title() != "Cách đăng nhập này đã ngừng" || !strings.Contains(p.body, "01/01/2023") && !strings.Contains(p.body, "giai đoạn") {
		t.Fatalf("page is %d %q, %v, want that the source has ended", p.status, p.title(), p.back)
	}
	portal.refused(r2, late.press(p, "action", "cancel"), "access_denied")
	// The proof of a closed source counts nothing, and its token opens nothing.
	r := portal.request("prompt", "none")
	portal.refused(r, inTime.get(r.address), "login_required")
	if _, err := portal.userinfo(got.access); err == nil {
		t.Errorf("userinfo answers though the source has ended")
	}
}

func TestRestartKeepsSessionsKeysSubjectsAndCodes(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	d := startDemo(t, "--data", dir)
	portal1, portal2, a := d.party(t, "portal-1"), d.party(t, "portal-2"), d.browser(t)
	first := portal2.signIn(a, d.account("001"))
	sub1 := portal1.silent(a).Subject
	set := fetchKeys(t, d)
	unused := portal2.request("prompt", "none")
	redirect := a.get(unused.address)
	cookie := a.session()
	for _, problem := range d.stop() {
		t.Error(problem)
	}

	d2 := startDemo(t, "--data", dir, "--addr", d.Addr)
	if got, want := kids(fetchKeys(t, d2)), kids(set); !slices.Equal(got, want) {
		t.Errorf("keys after the restart are %v, want %v", got, want)
	}
	again1, again2, b := d2.party(t, "portal-1"), d2.party(t, "portal-2"), d2.browser(t)
	b.setSession(cookie)
	if got := again2.silent(b); got.Subject != first.Subject || got.AuthTime != first.AuthTime || got.ACR != acr2 {
		t.Errorf("the session after the restart gives %s, %d, %s, want %s, %d, %s",
			got.Subject, got.AuthTime, got.ACR, first.Subject, first.AuthTime, acr2)
	}
	if got := again1.silent(b).Subject; got != sub1 {
		t.Errorf("sub = %s, want %s", got, sub1)
	}
	// A code from before still counts, once.
	if got := again2.redeem(unused, redirect); got.Subject != first.Subject {
		t.Errorf("sub = %s, want %s", got.Subject, first.Subject)
	}
	if _, err := again2.oauth.Exchange(again2.ctx, redirect.back.Query().Get("code")); err == nil {
		t.Errorf("a code counts twice over a restart")
	}
	if _, err := again2.userinfo(first.access); err != nil {
		t.Errorf("an access token of before the restart: %v", err)
	}
}

// fetchKeys reads the JWKS.
func fetchKeys(t *testing.T, d *demoRun) jose.JSONWebKeySet {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.Issuer+"/keys", nil)
	must(t, err)
	res, err := d.RoundTrip(r)
	must(t, err)
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	must(t, err)
	var set jose.JSONWebKeySet
	must(t, json.Unmarshal(raw, &set))
	for _, k := range set.Keys {
		if !k.IsPublic() {
			t.Errorf("key %s of the JWKS is not public", k.KeyID)
		}
	}
	return set
}

func kids(set jose.JSONWebKeySet) []string {
	var ids []string
	for _, k := range set.Keys {
		ids = append(ids, k.KeyID)
	}
	slices.Sort(ids)
	return ids
}

// verifies reports whether an ID token verifies with a key set that a portal
// cached, at a time.
func (p *party) verifies(set jose.JSONWebKeySet, raw string, now func() time.Time) error {
	keys := &oidc.StaticKeySet{}
	for _, k := range set.Keys {
		keys.PublicKeys = append(keys.PublicKeys, k.Key)
	}
	verifier := oidc.NewVerifier(p.d.Issuer, keys, &oidc.Config{
		ClientID: p.ClientID, SupportedSigningAlgs: []string{oidc.RS256, oidc.ES256}, Now: now,
	})
	_, err := verifier.Verify(context.WithoutCancel(p.ctx), raw)
	return err
}

func kidOf(t *testing.T, raw string) string {
	t.Helper()
	parsed, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
	must(t, err)
	return parsed.Signatures[0].Header.KeyID
}

// TestRotateSchedulesAYoungStandby: portals may not have fetched it yet, so the
// old key goes on signing.
func TestRotateSchedulesAYoungStandby(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	portal, a := d.party(t, "portal-1"), d.browser(t)
	before := portal.signIn(a, d.account("002"))
	cached := fetchKeys(t, d)
	if len(cached.Keys) != 8 {
		t.Errorf("JWKS has %d keys, want one that signs and one standby of each algorithm, for tokens and for logout tokens", len(cached.Keys))
	}
	exit, out, stderr := run(t, "keys", "rotate", "--data", d.Dir, "--alg", "ES256", "--reason", "a test")
	if exit != 0 || !strings.HasPrefix(out, "scheduled: ES256 key ") || !strings.Contains(out, kidOf(t, before.raw)+" signs until then") {
		t.Fatalf("rotate: exit %d, %q, %q, want it scheduled", exit, out, stderr)
	}
	after := portal.silent(a)
	if kidOf(t, after.raw) != kidOf(t, before.raw) {
		t.Errorf("another key signs already")
	}
	for _, raw := range []string{before.raw, after.raw} {
		if err := portal.verifies(cached, raw, d.now); err != nil {
			t.Errorf("with the cached key set: %v", err)
		}
	}
	exit, out, _ = run(t, "keys", "list", "--data", d.Dir)
	if exit != 0 || strings.Count(out, "signing") < 2 || strings.Count(out, "published") < 2 {
		t.Errorf("list: exit %d\n%s", exit, out)
	}
	for _, secret := range []string{"PRIVATE", `"d"`} {
		if strings.Contains(out, secret) {
			t.Errorf("list shows %s", secret)
		}
	}
}

// TestRotateBreaksNoToken: the data were made long ago by the gateway's clock, so
// every portal knows the standby.
func TestRotateBreaksNoToken(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	d := startDemo(t, "--data", dir, "--at", time.Now().Add(-time.Hour).Format(time.RFC3339))
	cached := fetchKeys(t, d)
	for _, problem := range d.stop() {
		t.Error(problem)
	}
	d = startDemo(t, "--data", dir, "--addr", d.Addr)
	if got, want := kids(fetchKeys(t, d)), kids(cached); !slices.Equal(got, want) {
		t.Fatalf("keys are %v, want %v", got, want)
	}
	for id, alg := range map[string]string{"portal-1": "ES256", "portal-2": "RS256"} {
		portal, a := d.party(t, id), d.browser(t)
		before := portal.signIn(a, d.account("001"))
		exit, out, stderr := run(t, "keys", "rotate", "--data", dir, "--alg", alg, "--reason", "a test")
		if exit != 0 || !strings.HasPrefix(out, "rotated: "+alg) {
			t.Fatalf("rotate: exit %d, %q, %q, want it done", exit, out, stderr)
		}
		var after tokens
		waitUntil(t, "the gateway to follow", func() bool {
			after = portal.silent(a)
			return kidOf(t, after.raw) != kidOf(t, before.raw)
		})
		if err := portal.verifies(cached, after.raw, d.now); err != nil {
			t.Errorf("%s: a new token with the key set cached before the rotation: %v", alg, err)
		}
		if err := portal.verifies(fetchKeys(t, d), before.raw, d.now); err != nil {
			t.Errorf("%s: an old token with the key set of now: %v", alg, err)
		}
	}
}
