package openid_test

import (
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

func TestSignIn(t *testing.T) {
	for _, alg := range []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256, jose.EdDSA} {
		t.Run(string(alg), func(t *testing.T) {
			b := newBench(t, alg)
			req, target := b.begin(t, federation.Request{Level: eid.Level2})
			b.theirs.advance(7 * time.Second)
			b.clock.advance(9 * time.Second)
			step, err := b.end(t.Context(), req, b.visit(t, target, "two", "pw-2"))
			if err != nil {
				t.Fatal(err)
			}
			want := federation.Step{Assertion: &federation.Assertion{
				Subject: "u-2", Level: eid.Level2, Methods: []string{"pwd", "otp"}, At: b.theirs.Now(), Anew: true}}
			if diff := cmp.Diff(step, want); diff != "" {
				t.Errorf("Finish() (-got +want):\n%s", diff)
			}
		})
	}
}

func TestAuthorizationRequest(t *testing.T) {
	b := newBench(t, jose.ES256)
	tests := map[string]struct {
		req  federation.Request
		want url.Values
	}{
		"level 1": {federation.Request{Level: eid.Level1}, url.Values{"acr_values": {loa1}}},
		"level 2, fresh, hint kept back": {
			federation.Request{Level: eid.Level2, Fresh: true, Hint: eid.NewSecret("001203000001")},
			url.Values{"acr_values": {loa2}, "prompt": {"login"}, "max_age": {"0"}}},
		"language": {federation.Request{Language: "en"}, url.Values{"ui_locales": {"en"}}},
		"no level": {federation.Request{}, url.Values{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			req, target := b.begin(t, tt.req)
			u, err := url.Parse(target)
			if err != nil {
				t.Fatal(err)
			}
			q := u.Query()
			if len(q.Get("nonce")) < 26 || len(q.Get("code_challenge")) != 43 {
				t.Errorf("nonce %q, code_challenge %q: want 128 bits at least and a SHA-256", q.Get("nonce"), q.Get("code_challenge"))
			}
			if !strings.Contains(string(req.Memory), q.Get("nonce")) {
				t.Error("Memory does not hold the nonce")
			}
			q.Del("nonce")
			q.Del("code_challenge")
			want := url.Values{"client_id": {clientID}, "redirect_uri": {callback}, "response_type": {"code"},
				"scope": {"openid profile"}, "state": {req.State}, "code_challenge_method": {"S256"}}
			for name, values := range tt.want {
				want[name] = values
			}
			if diff := cmp.Diff(q, want); diff != "" {
				t.Errorf("parameters (-got +want):\n%s", diff)
			}
		})
	}
}

func TestPublicClient(t *testing.T) {
	b := newBench(t, jose.ES256)
	b.settings.ClientID, b.settings.ClientSecret = "public", eid.Secret{}
	b.renew(t)
	if step, err := b.signIn(t, federation.Request{}); err != nil || step.Assertion == nil {
		t.Errorf("sign-in = %+v, %v, want an assertion", step, err)
	}
}

func TestSecretInTheForm(t *testing.T) {
	b := newBench(t, jose.ES256)
	b.provider.TamperDiscovery(fedtest.Set("token_endpoint_auth_methods_supported", []string{"client_secret_post"}))
	if step, err := b.signIn(t, federation.Request{}); err != nil || step.Assertion == nil {
		t.Errorf("sign-in = %+v, %v, want an assertion", step, err)
	}
}

func TestFreshSignInAtALivingSession(t *testing.T) {
	b := newBench(t, jose.ES256)
	if _, err := b.signIn(t, federation.Request{}); err != nil {
		t.Fatal(err)
	}
	earlier := b.clock.Now()
	b.clock.advance(10 * time.Minute)
	b.theirs.advance(10 * time.Minute)

	// The provider's own session answers, and its age is told.
	req, target := b.begin(t, federation.Request{})
	step, err := b.end(t.Context(), req, b.visit(t, target, "", ""))
	if err != nil || !step.Assertion.At.Equal(earlier) {
		t.Errorf("Finish() = %+v, %v, want an assertion of %v", step.Assertion, err, earlier)
	}
	step, err = b.signIn(t, federation.Request{Fresh: true})
	if err != nil || !step.Assertion.At.Equal(b.clock.Now()) {
		t.Errorf("Finish(fresh) = %+v, %v, want an assertion of now", step.Assertion, err)
	}
}

// A provider whose clock differs by less than a minute is believed; what it says
// lies in the future is taken for now.
func TestClocksApart(t *testing.T) {
	for _, apart := range []time.Duration{-50 * time.Second, 50 * time.Second} {
		b := newBench(t, jose.ES256)
		b.theirs.advance(apart)
		step, err := b.signIn(t, federation.Request{Fresh: true})
		if err != nil || step.Assertion.At.After(b.clock.Now()) {
			t.Errorf("%v apart: Finish() = %+v, %v, want an assertion not in the future", apart, step.Assertion, err)
		}
	}
	b := newBench(t, jose.ES256)
	b.theirs.advance(2 * time.Minute)
	step, err := b.signIn(t, federation.Request{})
	refused(t, step, err, federation.ErrUntrusted)
}

func TestOrigins(t *testing.T) {
	b := newBench(t, jose.ES256)
	b.provider.TamperDiscovery(fedtest.Set("authorization_endpoint", "https://pages.example.vn:8443/authorize?x=1"))
	if diff := cmp.Diff(b.Origins(), []string{b.provider.Issuer()}); diff != "" {
		t.Errorf("Origins() before discovery (-got +want):\n%s", diff)
	}
	b.begin(t, federation.Request{})
	if diff := cmp.Diff(b.Origins(), []string{b.provider.Issuer(), "https://pages.example.vn:8443"}); diff != "" {
		t.Errorf("Origins() (-got +want):\n%s", diff)
	}
}

func TestCancelled(t *testing.T) {
	b := newBench(t, jose.ES256)
	req, target := b.begin(t, federation.Request{})
	step, err := b.end(t.Context(), req, b.visit(t, target, "", ""))
	refused(t, step, err, federation.ErrDenied)
}

// The answer's parameters, each wrong in turn. None but a sound answer reaches
// the token endpoint.
func TestAnswerRefused(t *testing.T) {
	b := newBench(t, jose.ES256)
	tests := map[string]struct {
		change func(url.Values)
		want   error
	}{
		"no state":             {func(v url.Values) { v.Del("state") }, federation.ErrUntrusted},
		"another state":        {func(v url.Values) { v.Set("state", "other") }, federation.ErrUntrusted},
		"state twice":          {func(v url.Values) { v.Add("state", v.Get("state")) }, federation.ErrUntrusted},
		"code twice":           {func(v url.Values) { v.Add("code", "other") }, federation.ErrUntrusted},
		"no code":              {func(v url.Values) { v.Del("code") }, federation.ErrUntrusted},
		"no iss":               {func(v url.Values) { v.Del("iss") }, federation.ErrUntrusted},
		"another iss":          {func(v url.Values) { v.Set("iss", "https://mixed-up.example") }, federation.ErrUntrusted},
		"iss twice":            {func(v url.Values) { v.Add("iss", "https://mixed-up.example") }, federation.ErrUntrusted},
		"denied, another iss":  {func(v url.Values) { v.Set("error", "access_denied"); v.Set("iss", "https://x.example") }, federation.ErrUntrusted},
		"denied, no state":     {func(v url.Values) { v.Set("error", "access_denied"); v.Del("state") }, federation.ErrUntrusted},
		"error of a standard":  {func(v url.Values) { v.Set("error", "server_error") }, nil},
		"error with a message": {func(v url.Values) { v.Set("error", fedtest.LeakedText) }, nil},
		"error and code":       {func(v url.Values) { v.Set("error", "") }, nil},
		"nothing":              {func(v url.Values) { clear(v) }, federation.ErrUntrusted},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			req, target := b.begin(t, federation.Request{})
			values := b.visit(t, target, "one", "pw-1")
			code := values.Get("code")
			before := b.provider.Calls(fedtest.PathToken)
			tt.change(values)
			step, err := b.end(t.Context(), req, values)
			refused(t, step, err, tt.want, code)
			if n := b.provider.Calls(fedtest.PathToken) - before; n != 0 {
				t.Errorf("token endpoint called %d times, want 0", n)
			}
		})
	}
}

func TestAnswerOfAnotherSignIn(t *testing.T) {
	b := newBench(t, jose.ES256)
	mine, target := b.begin(t, federation.Request{})
	other, otherTarget := b.begin(t, federation.Request{})
	stolen := b.visit(t, otherTarget, "two", "pw-2")

	// Another browser's whole answer: its state is not ours.
	step, err := b.end(t.Context(), mine, stolen)
	refused(t, step, err, federation.ErrUntrusted)

	// Another sign-in's code under our state: its verifier is not ours.
	values := b.visit(t, target, "one", "pw-1")
	values.Set("code", stolen.Get("code"))
	step, err = b.end(t.Context(), mine, values)
	refused(t, step, err, nil, stolen.Get("code"))

	// A code counts once.
	values = b.visit(t, otherTarget, "two", "pw-2")
	if _, err := b.end(t.Context(), other, values); err != nil {
		t.Fatal(err)
	}
	step, err = b.end(t.Context(), other, values)
	refused(t, step, err, nil, values.Get("code"))
}

func TestMemoryRefused(t *testing.T) {
	b := newBench(t, jose.ES256)
	req, target := b.begin(t, federation.Request{})
	values := b.visit(t, target, "one", "pw-1")
	for name, memory := range map[string][]byte{
		"none":            nil,
		"malformed":       []byte("{"),
		"empty":           []byte("{}"),
		"another issuer":  []byte(strings.Replace(string(req.Memory), "http://", "https://", 1)),
		"without a state": []byte(`{"issuer":"` + b.provider.Issuer() + `","verifier":"v","nonce":"n"}`),
	} {
		t.Run(name, func(t *testing.T) {
			req := req
			req.Memory = memory
			if step, err := b.end(t.Context(), req, values); err == nil || step.Assertion != nil {
				t.Errorf("Finish() = %+v, %v, want an error", step, err)
			}
		})
	}
}
