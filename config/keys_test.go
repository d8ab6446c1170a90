package config

import (
	"os"
	"strings"
	"testing"
	"time"
)

func TestKeyPlans(t *testing.T) {
	k := Default().Keys
	k.Plans = []KeyPlan{
		{Purpose: "tokens", Algorithm: "RS256", RotateEvery: 24 * time.Hour},
		{Purpose: "logout", Algorithm: "ES256", Custody: "hsm"},
	}
	for _, want := range []KeyPlan{
		{"tokens", "RS256", 24 * time.Hour, ""},
		{"tokens", "ES256", k.RotateEvery, ""},
		{"logout", "ES256", k.RotateEvery, "hsm"},
		{"audit", "ES256", k.RotateEvery, ""},
	} {
		if got := k.For(want.Purpose, want.Algorithm); got != want {
			t.Errorf("For(%s, %s) = %+v, want %+v", want.Purpose, want.Algorithm, got, want)
		}
	}
}

// A client may register only what there are keys for.
func TestClientWithoutKeys(t *testing.T) {
	raw, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(raw), "id_token_alg: ES256", "id_token_alg: PS256", 1)
	if text == string(raw) {
		t.Fatal("the example has no client with id_token_alg: ES256")
	}
	if _, err := parse(example, []byte(text), nil); err == nil || !strings.Contains(err.Error(), "id_token_alg: no keys of this algorithm") {
		t.Errorf("parse() = %v, want a fault of id_token_alg", err)
	}
	text = strings.Replace(text, "algorithms: [ES256, RS256]", "algorithms: [ES256, PS256, RS256]", 1)
	if _, err := parse(example, []byte(text), nil); err != nil {
		t.Errorf("parse() with keys for it = %v, want nil", err)
	}
}
