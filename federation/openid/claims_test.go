package openid

import (
	"testing"

	"github.com/go-jose/go-jose/v4/json"
	"pgregory.net/rapid"
)

// A member given twice would let one reader see one value and another the other.
func TestClaimsGivenTwice(t *testing.T) {
	for _, payload := range []string{
		`{"sub":"a","sub":"b"}`, `{"acr":"1","acr":"2"}`, `{"aud":["a"],"aud":["b"]}`,
	} {
		var claims idToken
		if err := json.Unmarshal([]byte(payload), &claims); err == nil {
			t.Errorf("Unmarshal(%s) = nil, want an error", payload)
		}
	}
	var claims idToken
	if err := json.Unmarshal([]byte(`{"SUB":"b","Acr":"2"}`), &claims); err != nil || claims.Subject != "" || claims.ACR != "" {
		t.Errorf("members in another case were read: %+v, %v", claims, err)
	}
}

// No payload of any shape panics a reader of claims.
func TestClaimsNeverPanic(t *testing.T) {
	names := []string{"iss", "sub", "aud", "azp", "exp", "iat", "nbf", "auth_time", "nonce", "at_hash", "acr", "amr"}
	values := []string{`1`, `-1`, `1e400`, `null`, `true`, `""`, `"a"`, `[]`, `[1]`, `[null]`, `[["a"]]`, `{}`, `{"a":[1]}`, `"\ud800"`}
	s := &Source{settings: Settings{Issuer: "a", ClientID: "a"}}
	rapid.Check(t, func(t *rapid.T) {
		payload := `{"` + rapid.SampledFrom(names).Draw(t, "name") + `":` + rapid.SampledFrom(values).Draw(t, "value")
		if rapid.Bool().Draw(t, "more") {
			payload += `,` + rapid.String().Draw(t, "rest")
		}
		payload += `}`
		var claims idToken
		if err := json.Unmarshal([]byte(payload), &claims); err != nil {
			return
		}
		if s.checkParties(claims) == nil {
			t.Errorf("claims %s name issuer, audience and subject all at once", payload)
		}
		if got := len(claims.methods()); got < 1 || got > maxMethods {
			t.Errorf("methods of %s = %d, want 1 to %d", payload, got, maxMethods)
		}
	})
}
