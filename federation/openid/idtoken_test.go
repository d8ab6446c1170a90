package openid_test

import (
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/federation/fedtest"
)

// Every claim wrong in turn, under the provider's own good signature.
func TestIDTokenRefused(t *testing.T) {
	b := newBench(t, jose.ES256)
	now := b.clock.Now()
	set, without := fedtest.Set, fedtest.Without
	tests := map[string][]fedtest.Tampering{
		"nonce wrong":                  {set("nonce", "other")},
		"nonce missing":                {without("nonce")},
		"nonce empty":                  {set("nonce", "")},
		"nonce a number":               {set("nonce", 1)},
		"iss wrong":                    {set("iss", "https://other.example")},
		"iss with a slash":             {set("iss", b.provider.Issuer()+"/")},
		"iss missing":                  {without("iss")},
		"aud wrong":                    {set("aud", "other")},
		"aud missing":                  {without("aud")},
		"aud empty":                    {set("aud", []string{})},
		"aud numbers":                  {set("aud", []int{1})},
		"aud number among":             {set("aud", []any{clientID, 1})},
		"aud null among":               {set("aud", []any{clientID, nil})},
		"aud number":                   {set("aud", 1)},
		"aud object":                   {set("aud", map[string]any{clientID: true})},
		"aud numbers and nothing else": {fedtest.Only("aud", []int{1})},
		"aud stranger beside":          {set("aud", []string{clientID, "other"}), set("azp", clientID)},
		"azp wrong":                    {set("azp", "other")},
		"azp missing of two":           {set("aud", []string{clientID, "trusted"})},
		"at_hash wrong":                {set("at_hash", "AAAAAAAAAAAAAAAAAAAAAA")},
		"at_hash empty":                {set("at_hash", "")},
		"at_hash number":               {set("at_hash", 1)},
		"exp past":                     {set("exp", now.Add(-time.Minute).Unix())},
		"exp missing":                  {without("exp")},
		"exp zero":                     {set("exp", 0)},
		"exp text":                     {set("exp", "never")},
		"exp enormous":                 {set("exp", 1e300)},
		"iat missing":                  {without("iat")},
		"iat ahead":                    {set("iat", now.Add(61*time.Second).Unix())},
		"iat before the sign-in":       {set("iat", now.Add(-61*time.Second).Unix())},
		"iat negative":                 {set("iat", -1)},
		"nbf ahead":                    {set("nbf", now.Add(61*time.Second).Unix())},
		"auth_time ahead":              {set("auth_time", now.Add(61*time.Second).Unix())},
		"sub missing":                  {without("sub")},
		"sub empty":                    {set("sub", "")},
		"sub number":                   {set("sub", 1)},
		"sub long":                     {set("sub", strings.Repeat("a", 256))},
		"sub with a line break":        {set("sub", "a\r\nb")},
		"acr missing":                  {without("acr")},
		"acr unknown":                  {set("acr", "urn:example:loa:3")},
		"acr empty":                    {set("acr", "")},
		"acr in capitals":              {set("acr", strings.ToUpper(loa1))},
		"acr two at once":              {set("acr", loa1+" "+loa2)},
		"acr list":                     {set("acr", []string{loa2})},
		"acr number":                   {set("acr", 2)},
		"acr in another case":          {without("acr"), set("ACR", loa2)},
	}
	b.settings.TrustedAudiences = []string{"trusted"}
	b.renew(t)
	for name, tampering := range tests {
		t.Run(name, func(t *testing.T) {
			b.provider.Tamper(tampering...)
			step, err := b.signIn(t, federation.Request{})
			refused(t, step, err, federation.ErrUntrusted, "urn:example:loa:3")
		})
	}
}

func TestIDTokenFresh(t *testing.T) {
	tests := map[string]fedtest.Tampering{
		"auth_time missing":           fedtest.Without("auth_time"),
		"auth_time of an old session": nil, // set below
	}
	for name, tampering := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, jose.ES256)
			if tampering == nil {
				tampering = fedtest.Set("auth_time", b.clock.Now().Add(-3*time.Second).Unix())
			}
			b.provider.Tamper(tampering)
			step, err := b.signIn(t, federation.Request{Fresh: true})
			refused(t, step, err, federation.ErrUntrusted)
		})
	}
}

// TestRememberedSession: whom the provider remembers did not authenticate anew.
func TestRememberedSession(t *testing.T) {
	for _, tt := range []struct {
		ago  time.Duration
		anew bool
	}{{0, true}, {3 * time.Second, false}, {time.Hour, false}} {
		b := newBench(t, jose.ES256)
		b.provider.Tamper(fedtest.Set("auth_time", b.clock.Now().Add(-tt.ago).Unix()))
		step, err := b.signIn(t, federation.Request{})
		if err != nil || step.Assertion == nil {
			t.Fatalf("Finish() = %v", err)
		}
		if step.Assertion.Anew != tt.anew {
			t.Errorf("authenticated %v ago: Anew = %v, want %v", tt.ago, step.Assertion.Anew, tt.anew)
		}
	}
}

func TestIDTokenAccepted(t *testing.T) {
	b := newBench(t, jose.ES256)
	b.settings.TrustedAudiences = []string{"trusted"}
	b.renew(t)
	now := b.clock.Now()
	many := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i"}
	set, without := fedtest.Set, fedtest.Without
	tests := map[string]struct {
		tampering []fedtest.Tampering
		methods   []string
		level     eid.Level
	}{
		"plain":                  {nil, []string{"pwd"}, eid.Level1},
		"asserts level 2":        {[]fedtest.Tampering{set("acr", loa2)}, []string{"pwd"}, eid.Level2}, // believing it is federation.Believe's part
		"without at_hash":        {[]fedtest.Tampering{without("at_hash")}, []string{"pwd"}, eid.Level1},
		"without auth_time":      {[]fedtest.Tampering{without("auth_time")}, []string{"pwd"}, eid.Level1},
		"aud as a list":          {[]fedtest.Tampering{set("aud", []string{clientID})}, []string{"pwd"}, eid.Level1},
		"aud trusted beside":     {[]fedtest.Tampering{set("aud", []string{"trusted", clientID}), set("azp", clientID)}, []string{"pwd"}, eid.Level1},
		"exp just past":          {[]fedtest.Tampering{set("exp", now.Add(-59*time.Second).Unix())}, []string{"pwd"}, eid.Level1},
		"fraction of a second":   {[]fedtest.Tampering{set("iat", float64(now.Unix())+0.5)}, []string{"pwd"}, eid.Level1},
		"unknown claims":         {[]fedtest.Tampering{set("x", map[string]any{"y": []int{1}})}, []string{"pwd"}, eid.Level1},
		"amr missing":            {[]fedtest.Tampering{without("amr")}, []string{"fed"}, eid.Level1},
		"amr empty":              {[]fedtest.Tampering{set("amr", []string{})}, []string{"fed"}, eid.Level1},
		"amr text":               {[]fedtest.Tampering{set("amr", "pwd")}, []string{"fed"}, eid.Level1},
		"amr numbers":            {[]fedtest.Tampering{set("amr", []int{1})}, []string{"fed"}, eid.Level1},
		"amr too many":           {[]fedtest.Tampering{set("amr", many)}, []string{"fed"}, eid.Level1},
		"amr eight":              {[]fedtest.Tampering{set("amr", many[:8])}, many[:8], eid.Level1},
		"amr with markup":        {[]fedtest.Tampering{set("amr", []string{"pwd", "<b>"})}, []string{"fed"}, eid.Level1},
		"amr with a line break":  {[]fedtest.Tampering{set("amr", []string{"pwd\n"})}, []string{"fed"}, eid.Level1},
		"amr very long":          {[]fedtest.Tampering{set("amr", []string{strings.Repeat("a", 33)})}, []string{"fed"}, eid.Level1},
		"amr in capitals, twice": {[]fedtest.Tampering{set("amr", []string{"PWD", "PWD"})}, []string{"fed"}, eid.Level1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b.provider.Tamper(tt.tampering...)
			step, err := b.signIn(t, federation.Request{})
			if err != nil {
				t.Fatal(err)
			}
			want := &federation.Assertion{Subject: "u-1", Level: tt.level, Methods: tt.methods, At: now, Anew: name != "without auth_time"}
			if diff := cmp.Diff(step.Assertion, want); diff != "" {
				t.Errorf("Finish() (-got +want):\n%s", diff)
			}
		})
	}
}

func TestSignatureRefused(t *testing.T) {
	for name, how := range map[string]fedtest.Signing{
		"none":                    fedtest.SignNone,
		"HS256 by the public key": fedtest.SignHS256,
		"foreign key, known kid":  fedtest.SignForeignKey,
		"foreign key, other kid":  fedtest.SignUnknownKID,
		"key in the header":       fedtest.SignEmbeddedKey,
	} {
		for _, alg := range []jose.SignatureAlgorithm{jose.RS256, jose.ES256} {
			t.Run(name+", "+string(alg), func(t *testing.T) {
				b := newBench(t, alg)
				// Not even when the provider itself offers them.
				b.provider.TamperDiscovery(fedtest.Set("id_token_signing_alg_values_supported",
					[]string{"none", "HS256", string(alg)}))
				b.provider.Sign(how)
				step, err := b.signIn(t, federation.Request{})
				refused(t, step, err, federation.ErrUntrusted)
			})
		}
	}
}
