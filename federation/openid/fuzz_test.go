package openid

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"eidgate/eid"
	"eidgate/federation"
)

// canned answers every call of a fuzzed source without a socket.
type canned struct{ keys, kind, userinfo []byte }

func (c *canned) RoundTrip(r *http.Request) (*http.Response, error) {
	body, kind := c.keys, "application/json"
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		body = []byte(`{"issuer":"https://id.example","authorization_endpoint":"https://id.example/a","token_endpoint":"https://id.example/t",
			"jwks_uri":"https://id.example/k","userinfo_endpoint":"https://id.example/u","id_token_signing_alg_values_supported":["ES256"]}`)
	case "/u":
		body, kind = c.userinfo, string(c.kind)
	}
	return &http.Response{StatusCode: http.StatusOK, Request: r, Header: http.Header{"Content-Type": {kind}},
		Body: io.NopCloser(strings.NewReader(string(body)))}, nil
}

// fuzzed is a source, what its provider answers, and the provider's signature on
// whatever is fuzzed.
func fuzzed(f *testing.F) (*Source, *canned, func(payload []byte) string) {
	f.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	answers := &canned{}
	if answers.keys, err = json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Use: "sig"}}}); err != nil {
		f.Fatal(err)
	}
	s, err := New(Settings{Issuer: "https://id.example", ClientID: "g", ACR: map[string]eid.Level{"a": eid.Level1}, UserInfo: true,
		Person: PersonClaims{Number: "n", Name: "name", BirthDate: "birthdate"}},
		Deps{HTTP: &http.Client{Transport: answers}, Now: func() time.Time { return fuzzTime }})
	if err != nil {
		f.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "k"}}, nil)
	if err != nil {
		f.Fatal(err)
	}
	return s, answers, func(payload []byte) string {
		signed, err := signer.Sign(payload)
		if err != nil {
			f.Fatal(err)
		}
		text, err := signed.CompactSerialize()
		if err != nil {
			f.Fatal(err)
		}
		return text
	}
}

var fuzzTime = time.Unix(1_800_000_000, 0)

// alone is the one value of a member, as a strict reader sees it.
func alone(payload []byte, name string) any {
	var all map[string]any
	if json.Unmarshal(payload, &all) != nil {
		return nil
	}
	return all[name]
}

// Whatever the provider signs, only an ID token for this client and this sign-in
// is believed; and what it did not sign never is.
func FuzzIDToken(f *testing.F) {
	s, _, sign := fuzzed(f)
	for _, seed := range []string{
		`{"iss":"https://id.example","aud":"g","sub":"u","exp":1800000060,"iat":1800000000,"nonce":"n","acr":"a","sid":"s"}`,
		`{"iss":"https://id.example","aud":["g","h"],"azp":"g","sub":"u","exp":1800000060,"iat":1800000000,"nonce":"n"}`,
		`{"iss":"https://id.example","aud":"g","sub":"u","sub":"v","exp":1800000060,"iat":1800000000,"nonce":"n"}`,
		`{"iss":null,"aud":[null],"sub":{},"exp":"x"}`, `null`, `[]`, ``, `{"aud":[["g"]],"amr":[1]}`, "{\"sub\":\"\xff\"}",
	} {
		f.Add([]byte(seed))
	}
	m := memory{Issuer: "https://id.example", Nonce: "n", Started: fuzzTime}
	f.Fuzz(func(t *testing.T, payload []byte) {
		if _, err := s.verify(t.Context(), string(payload), "", m, fuzzTime); err == nil {
			t.Fatalf("verify(%q) = nil without a signature", payload)
		}
		got, err := s.verify(t.Context(), sign(payload), "", m, fuzzTime)
		if err != nil {
			return
		}
		if got.Subject == "" || got.Subject != alone(payload, "sub") || alone(payload, "iss") != "https://id.example" || alone(payload, "nonce") != "n" {
			t.Fatalf("verify(%q) = %+v, want what it says", payload, got)
		}
	})
}

// Whatever userinfo answers, it tells of the subject of the ID token, as text.
func FuzzUserInfo(f *testing.F) {
	s, answers, sign := fuzzed(f)
	for _, seed := range []string{
		`{"sub":"u","n":"001203000001","name":"A","birthdate":"2003"}`, `{"sub":"u","iss":"https://id.example","aud":"g","n":"1"}`,
		`{"sub":"u","sub":"v"}`, `{"sub":"u","n":1}`, `{"SUB":"u"}`, `null`, ``, `a.b.c`, `a.b.c.d.e`, `eyJhbGciOiJub25lIn0.e30.`,
	} {
		for kind := range 3 {
			f.Add(kind, []byte(seed))
		}
	}
	provider, err := s.metadata.Get(context.Background())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, kind int, body []byte) {
		answers.kind, answers.userinfo = []byte("application/json"), body
		switch kind {
		case 1:
			answers.kind = []byte("application/jwt")
		case 2:
			answers.kind, answers.userinfo = []byte("application/jwt"), []byte(sign(body))
		}
		person, err := s.askPerson(t.Context(), provider, "token", idToken{Subject: "u"}, fuzzTime)
		if err != nil {
			return
		}
		if alone(body, "sub") != "u" {
			t.Fatalf("userinfo %q is taken for that of u", body)
		}
		if n := alone(body, "n"); n != nil && person.Number != n {
			t.Fatalf("userinfo %q gives the number %q", body, person.Number)
		}
	})
}

// Whatever the provider signs, only a logout token for this client ends anything.
func FuzzLogoutToken(f *testing.F) {
	s, _, sign := fuzzed(f)
	const event = `"events":{"http://schemas.openid.net/event/backchannel-logout":{}}`
	for _, seed := range []string{
		`{"iss":"https://id.example","aud":"g","sid":"s","exp":1800000060,"iat":1800000000,"jti":"j",` + event + `}`,
		`{"iss":"https://id.example","aud":["g"],"sub":"u","exp":1800000060,"iat":1800000000,"jti":"j",` + event + `}`,
		`{"iss":"https://id.example","aud":"g","sid":"s","exp":1800000060,"iat":1800000000,"jti":"j","nonce":null,` + event + `}`,
		`{"events":[]}`, `{"events":{"http://schemas.openid.net/event/backchannel-logout":null}}`, `null`, ``,
	} {
		f.Add([]byte(seed))
	}
	hear := func(t *testing.T, token string) (federation.Notice, error) {
		return s.Hear(t.Context(), federation.Incoming{Form: url.Values{"logout_token": {token}}, Now: fuzzTime})
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		if _, err := hear(t, string(payload)); err == nil {
			t.Fatalf("Hear(%q) = nil without a signature", payload)
		}
		got, err := hear(t, sign(payload))
		if err != nil {
			return
		}
		if alone(payload, "iss") != "https://id.example" || got.Once == "" || got.Once != alone(payload, "jti") || alone(payload, "nonce") != nil ||
			len(got.Sessions) == 0 && got.Subject == "" {
			t.Fatalf("Hear(%q) = %+v, want what it says", payload, got)
		}
	})
}
