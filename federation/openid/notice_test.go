package openid_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/federation/fedtest"
)

// hear posts a logout token of the provider, changed and signed in some way.
func (b *bench) hear(t *testing.T, how fedtest.Signing, with ...fedtest.Tampering) (federation.Notice, error) {
	t.Helper()
	token, err := b.provider.LogoutToken(clientID, how, with...)
	if err != nil {
		t.Fatal(err)
	}
	return b.Hear(t.Context(), federation.Incoming{Form: url.Values{"logout_token": {token}}, Now: b.clock.Now()})
}

func TestHear(t *testing.T) {
	b := newBench(t, jose.ES256)
	now, set := b.clock.Now(), fedtest.Set
	until := now.Add(3 * time.Minute)
	for name, tt := range map[string]struct {
		with []fedtest.Tampering
		want federation.Notice
	}{
		"session":           {[]fedtest.Tampering{set("sid", "s")}, federation.Notice{Sessions: []string{"s"}, Until: until}},
		"person":            {[]fedtest.Tampering{set("sub", "u-1")}, federation.Notice{Subject: "u-1", Until: until}},
		"both":              {[]fedtest.Tampering{set("sid", "s"), set("sub", "u-1")}, federation.Notice{Sessions: []string{"s"}, Until: until}},
		"valid for a year":  {[]fedtest.Tampering{set("sid", "s"), set("exp", now.AddDate(1, 0, 0).Unix())}, federation.Notice{Sessions: []string{"s"}, Until: now.Add(11 * time.Minute)}},
		"audiences":         {[]fedtest.Tampering{set("sid", "s"), set("aud", []string{"x", clientID})}, federation.Notice{Sessions: []string{"s"}, Until: until}},
		"clocks apart":      {[]fedtest.Tampering{set("sid", "s"), set("iat", now.Add(59*time.Second).Unix())}, federation.Notice{Sessions: []string{"s"}, Until: until}},
		"another event too": {[]fedtest.Tampering{set("sid", "s"), set("events", map[string]any{fedtest.EventLogout: map[string]any{}, "x": 1})}, federation.Notice{Sessions: []string{"s"}, Until: until}},
	} {
		t.Run(name, func(t *testing.T) {
			tt.want.Once = "jti"
			got, err := b.hear(t, fedtest.SignProperly, append(tt.with, set("jti", "jti"))...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(got, tt.want); diff != "" {
				t.Errorf("Hear() (-got +want):\n%s", diff)
			}
		})
	}
}

func TestHearRefuses(t *testing.T) {
	b := newBench(t, jose.ES256)
	now, set, without := b.clock.Now(), fedtest.Set, fedtest.Without
	events := func(v any) fedtest.Tampering { return set("events", map[string]any{fedtest.EventLogout: v}) }
	for name, with := range map[string]fedtest.Tampering{
		"names nobody":           without("sid"),
		"empty session":          set("sid", ""),
		"session a number":       set("sid", 1),
		"session very long":      set("sid", strings.Repeat("s", 256)),
		"session of two lines":   set("sid", "a\nb"),
		"another issuer":         set("iss", "https://other.example"),
		"no issuer":              without("iss"),
		"another audience":       set("aud", "other"),
		"no audience":            without("aud"),
		"audience a number":      set("aud", 1),
		"no exp":                 without("exp"),
		"expired":                set("exp", now.Add(-time.Minute).Unix()),
		"no iat":                 without("iat"),
		"issued ahead":           set("iat", now.Add(61*time.Second).Unix()),
		"issued long ago":        set("iat", now.Add(-11*time.Minute).Unix()),
		"no jti":                 without("jti"),
		"jti very long":          set("jti", strings.Repeat("j", 256)),
		"no events":              without("events"),
		"another event":          set("events", map[string]any{"http://schemas.openid.net/event/other": map[string]any{}}),
		"events a list":          set("events", []string{fedtest.EventLogout}),
		"event not an object":    events(1),
		"event null":             events(nil),
		"event a list":           events([]int{}),
		"with a nonce":           set("nonce", "n"),
		"with an empty nonce":    set("nonce", ""),
		"with null for a nonce":  set("nonce", nil),
		"events in another case": func(c map[string]any) { c["Events"] = c["events"]; delete(c, "events") },
	} {
		t.Run(name, func(t *testing.T) {
			got, err := b.hear(t, fedtest.SignProperly, set("sid", "s"), with)
			if !errors.Is(err, federation.ErrUntrusted) || len(got.Sessions) > 0 || got.Subject != "" {
				t.Errorf("Hear() = %+v, %v, want %v", got, err, federation.ErrUntrusted)
			}
		})
	}
	for name, how := range map[string]fedtest.Signing{
		"none": fedtest.SignNone, "HS256": fedtest.SignHS256, "foreign key": fedtest.SignForeignKey,
		"unknown kid": fedtest.SignUnknownKID, "key in the header": fedtest.SignEmbeddedKey,
	} {
		if got, err := b.hear(t, how, set("sid", "s")); !errors.Is(err, federation.ErrUntrusted) {
			t.Errorf("%s: Hear() = %+v, %v, want %v", name, got, err, federation.ErrUntrusted)
		}
	}
	token, err := b.provider.LogoutToken(clientID, fedtest.SignProperly, set("sid", "s"))
	if err != nil {
		t.Fatal(err)
	}
	for name, in := range map[string]federation.Incoming{
		"nothing":      {},
		"in the query": {RawQuery: "logout_token=" + token},
		"twice":        {Form: url.Values{"logout_token": {token, token}}},
		"cut":          {Form: url.Values{"logout_token": {token[:len(token)-4]}}},
		"very long":    {Form: url.Values{"logout_token": {token + strings.Repeat("A", 65<<10)}}},
	} {
		in.Now = now
		if got, err := b.Hear(t.Context(), in); !errors.Is(err, federation.ErrUntrusted) {
			t.Errorf("%s: Hear() = %+v, %v, want %v", name, got, err, federation.ErrUntrusted)
		}
	}
}

// A logout token signs nobody in, and an ID token signs nobody out.
func TestTokensOfAnotherKind(t *testing.T) {
	b := newBench(t, jose.ES256)
	b.settings.ClientID, b.settings.ClientSecret = "keyed", eid.Secret{}
	keys := ownKeys()
	b.settings.SigningKeys = keys.sig[1:]
	b.renew(t)
	step, err := b.signIn(t, federation.Request{})
	if err != nil || step.Assertion.Session == "" || step.Assertion.Session != b.provider.SIDs()[0] {
		t.Fatalf("sign-in = %+v, %v, want the sid", step.Assertion, err)
	}
	b.provider.Tamper(fedtest.Without("nonce"), fedtest.Set("events", map[string]any{fedtest.EventLogout: map[string]any{}}), fedtest.Set("jti", "j"))
	step, err = b.signIn(t, federation.Request{Fresh: true})
	refused(t, step, err, federation.ErrUntrusted)
}

func TestHearWhileTheProviderIsAway(t *testing.T) {
	b := newBench(t, jose.ES256)
	b.provider.Break(fedtest.PathDiscovery, fedtest.Failing)
	if _, err := b.hear(t, fedtest.SignProperly, fedtest.Set("sid", "s")); !errors.Is(err, federation.ErrDown) {
		t.Errorf("Hear() = %v, want %v", err, federation.ErrDown)
	}
}
