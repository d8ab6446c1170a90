package vneid_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/federation/fedtest"
	"eidgate/federation/vneid"
)

func TestSignIn(t *testing.T) {
	type change func(*fedtest.VNeIDConfig, *vneid.Settings)
	for name, tt := range map[string]struct {
		dialect string
		change  change
	}{
		"A":                   {fedtest.DialectWSO2, nil},
		"A, secret in header": {fedtest.DialectWSO2, func(_ *fedtest.VNeIDConfig, s *vneid.Settings) { s.ClientAuth = vneid.Basic }},
		"A, PKCE":             {fedtest.DialectWSO2, func(_ *fedtest.VNeIDConfig, s *vneid.Settings) { s.PKCE = true }},
		"B":                   {fedtest.DialectSSO, nil},
		"C":                   {fedtest.DialectEncrypted, nil},
		"C, code too":         {fedtest.DialectEncrypted, func(c *fedtest.VNeIDConfig, _ *vneid.Settings) { c.SealCode = true }},
		"C, CBC, 128 bits": {fedtest.DialectEncrypted, func(c *fedtest.VNeIDConfig, s *vneid.Settings) {
			c.SealCode, c.CBC, c.AESBits = true, true, 128
			s.Cipher, s.AESBits = vneid.CBC, 128
		}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, tt.dialect, tt.change)
			for login, want := range map[string]federation.Assertion{
				"one": {Subject: "t-1", Level: eid.Level1, Person: federation.Person{Number: number1, Name: "Nguyễn Thị Một", BirthDate: "02/01/2003"}},
				"two": {Subject: "t-2", Level: eid.Level2, Person: federation.Person{Number: number2, Name: "Trần Văn Hai", BirthDate: "1905"}},
			} {
				step, err := b.signIn(t, login, "pw-"+want.Subject[2:])
				if err != nil {
					t.Fatal(err)
				}
				want.Methods, want.At = []string{"fed"}, b.now
				if tt.dialect == fedtest.DialectSSO {
					want.Logout = []byte(b.at.Logout)
				}
				if diff := cmp.Diff(step, federation.Step{Assertion: &want}); diff != "" {
					t.Errorf("Finish() (-got +want):\n%s", diff)
				}
			}
		})
	}
}

// A + that arrives as a blank is put back, whatever the base64 holds. So many
// sign-ins that some are sure to hold one.
func TestPlusInTheQuery(t *testing.T) {
	b := newBench(t, fedtest.DialectEncrypted, func(c *fedtest.VNeIDConfig, _ *vneid.Settings) { c.SealCode = true })
	b.platform.LeavePlus()
	blanks := 0
	for range 8 {
		req, target := b.begin(t, federation.Request{})
		values := b.visit(t, target, "two", "pw-2")
		blanks += strings.Count(values.Get("encrypt_key")+values.Get("code"), " ")
		if step, err := b.end(t.Context(), req, values); err != nil || step.Assertion == nil {
			t.Errorf("Finish() = %+v, %v, want an assertion", step, err)
		}
	}
	if blanks == 0 {
		t.Error("no + was lost on the way: nothing was shown")
	}
}

func TestAuthorizationRequest(t *testing.T) {
	plain := url.Values{"client_id": {clientID}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid"}}
	for name, tt := range map[string]struct {
		dialect string
		change  func(*vneid.Settings)
		req     federation.Request
		want    url.Values
	}{
		"A, level 2, hint kept back": {fedtest.DialectWSO2, nil,
			federation.Request{Level: eid.Level2, Hint: eid.NewSecret(number1)}, url.Values{"acr_values": {"LoA2"}}},
		"A, level 1": {fedtest.DialectWSO2, nil, federation.Request{Level: eid.Level1}, url.Values{"acr_values": {"LoA1"}}},
		"A, names of its own": {fedtest.DialectWSO2, func(s *vneid.Settings) {
			s.Parameters.Level, s.RequestLevels = "muc_do", map[eid.Level]string{eid.Level2: "hai"}
			s.Scopes, s.AuthorizeParameters = []string{"openid", "profile"}, map[string]string{"prompt": "login"}
		}, federation.Request{Level: eid.Level2}, url.Values{"muc_do": {"hai"}, "scope": {"openid profile"}, "prompt": {"login"}}},
		"B":     {fedtest.DialectSSO, nil, federation.Request{Level: eid.Level2, Language: "en"}, nil},
		"C":     {fedtest.DialectEncrypted, nil, federation.Request{Level: eid.Level2}, nil},
		"fresh": {fedtest.DialectSSO, func(s *vneid.Settings) { s.AsksEachTime = true }, federation.Request{Fresh: true}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, tt.dialect, func(_ *fedtest.VNeIDConfig, s *vneid.Settings) {
				if tt.change != nil {
					tt.change(s)
				}
			})
			req, target := b.begin(t, tt.req)
			address, query, _ := strings.Cut(target, "?")
			got, err := url.ParseQuery(query)
			if err != nil || address != b.at.Authorize {
				t.Errorf("redirect to %s, %v, want %s", address, err, b.at.Authorize)
			}
			want := url.Values{"state": {req.State}}
			for _, values := range []url.Values{plain, tt.want} {
				for name, value := range values {
					want[name] = value
				}
			}
			if diff := cmp.Diff(got, want); diff != "" {
				t.Errorf("parameters (-got +want):\n%s", diff)
			}
		})
	}
}

// What does not say when people authenticated cannot give a sign-in that has to
// be fresh, unless it is registered as asking each time.
func TestFresh(t *testing.T) {
	b := newBench(t, fedtest.DialectWSO2, func(c *fedtest.VNeIDConfig, _ *vneid.Settings) { c.Remember = true })
	step, err := b.Begin(t.Context(), federation.Request{State: "s", Callback: callback, Fresh: true, Now: b.now})
	refused(t, step, err, nil)

	// A session that it remembers is told to be no younger than what is known.
	if _, err := b.signIn(t, "two", "pw-2"); err != nil {
		t.Fatal(err)
	}
	req, target := b.begin(t, federation.Request{})
	values := b.visit(t, target, "", "")
	req.Now = b.now.Add(time.Minute)
	if step, err = b.end(t.Context(), req, values); err != nil || !step.Assertion.At.Equal(b.now) {
		t.Errorf("Finish() = %+v, %v, want an assertion of %v", step.Assertion, err, b.now)
	}

	b.settings.AsksEachTime = true
	b.renew(t)
	b.forget(t)
	req, target = b.begin(t, federation.Request{Fresh: true})
	values = b.visit(t, target, "two", "pw-2")
	req.Now = b.now.Add(time.Minute)
	if step, err = b.end(t.Context(), req, values); err != nil || !step.Assertion.At.Equal(req.Now) {
		t.Errorf("Finish(asks each time) = %+v, %v, want an assertion of %v", step.Assertion, err, req.Now)
	}
}

func TestCancelled(t *testing.T) {
	for _, dialect := range dialects() {
		b := newBench(t, dialect, nil)
		step, err := b.signIn(t, "", "")
		refused(t, step, err, federation.ErrDenied)
	}
}

// The answer's parameters, each wrong in turn. None but a sound answer reaches the
// token endpoint.
func TestAnswerRefused(t *testing.T) {
	b := newBench(t, fedtest.DialectEncrypted, func(c *fedtest.VNeIDConfig, _ *vneid.Settings) { c.SealCode = true })
	for name, tt := range map[string]struct {
		change func(url.Values)
		want   error
	}{
		"no state":             {func(v url.Values) { v.Del("state") }, federation.ErrUntrusted},
		"another state":        {func(v url.Values) { v.Set("state", "other") }, federation.ErrUntrusted},
		"state twice":          {func(v url.Values) { v.Add("state", v.Get("state")) }, federation.ErrUntrusted},
		"code twice":           {func(v url.Values) { v.Add("code", "other") }, federation.ErrUntrusted},
		"key twice":            {func(v url.Values) { v.Add("encrypt_key", v.Get("encrypt_key")) }, federation.ErrUntrusted},
		"no code":              {func(v url.Values) { v.Del("code") }, federation.ErrUntrusted},
		"code too long":        {func(v url.Values) { v.Set("code", strings.Repeat("A", 4097)) }, federation.ErrUntrusted},
		"key too long":         {func(v url.Values) { v.Set("encrypt_key", strings.Repeat("A", 1025)) }, federation.ErrUntrusted},
		"denied, no state":     {func(v url.Values) { v.Set("error", "access_denied"); v.Del("state") }, federation.ErrUntrusted},
		"error of a standard":  {func(v url.Values) { v.Set("error", "server_error") }, nil},
		"error with a message": {func(v url.Values) { v.Set("error", fedtest.LeakedText) }, nil},
		"error and code":       {func(v url.Values) { v.Set("error", "") }, nil},
		"nothing":              {func(v url.Values) { clear(v) }, federation.ErrUntrusted},
	} {
		t.Run(name, func(t *testing.T) {
			req, target := b.begin(t, federation.Request{})
			values := b.visit(t, target, "one", "pw-1")
			code := values.Get("code")
			before := b.platform.Calls(b.at.Token)
			tt.change(values)
			step, err := b.end(t.Context(), req, values)
			refused(t, step, err, tt.want, code)
			if n := b.platform.Calls(b.at.Token) - before; n != 0 {
				t.Errorf("token endpoint called %d times, want 0", n)
			}
		})
	}
}

func TestAnswerOfAnotherSignIn(t *testing.T) {
	for _, dialect := range dialects() {
		b := newBench(t, dialect, func(_ *fedtest.VNeIDConfig, s *vneid.Settings) { s.PKCE = true })
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
}

// A token of somebody else speaks of somebody else: no part of an answer is
// taken from anywhere but userinfo, so no level comes to another person.
func TestTokenForAnotherCode(t *testing.T) {
	for _, dialect := range dialects() {
		b := newBench(t, dialect, nil)
		b.platform.GiveTokenOf("one")
		step, err := b.signIn(t, "two", "pw-2")
		if err != nil || step.Assertion.Subject != "t-1" || step.Assertion.Level != eid.Level1 || step.Assertion.Person.Number != number1 {
			t.Errorf("%s: Finish() = %+v, %v, want all of it to be of the token's person", dialect, step.Assertion, err)
		}
	}
}

func TestMemoryRefused(t *testing.T) {
	b := newBench(t, fedtest.DialectSSO, func(_ *fedtest.VNeIDConfig, s *vneid.Settings) { s.PKCE = true })
	req, target := b.begin(t, federation.Request{})
	values := b.visit(t, target, "one", "pw-1")
	for name, memory := range map[string]string{
		"none":             "",
		"malformed":        "{",
		"empty":            "{}",
		"another platform": strings.Replace(string(req.Memory), "http://", "https://", 1),
		"no verifier":      strings.Replace(string(req.Memory), "verifier", "vérifier", 1),
	} {
		t.Run(name, func(t *testing.T) {
			req := req
			req.Memory = []byte(memory)
			step, err := b.end(t.Context(), req, values)
			refused(t, step, err, nil)
		})
	}
}

// Whatever an endpoint does, the sign-in fails within its bounds, tells nothing of
// it, and works again afterwards.
func TestEndpointsBroken(t *testing.T) {
	for _, dialect := range dialects() {
		b := newBench(t, dialect, nil)
		for _, address := range []string{b.at.Token, b.at.UserInfo} {
			for name, tt := range map[string]struct {
				how  fedtest.Breakage
				want error
			}{
				"garbage":        {fedtest.Garbage, federation.ErrDown},
				"100 MB":         {fedtest.Huge, federation.ErrDown},
				"redirects away": {fedtest.Redirects, federation.ErrDown},
				// These may be the browser's doing: see call.
				"500":      {fedtest.Failing, nil},
				"refusing": {fedtest.Refusing, nil},
			} {
				t.Run(dialect+" "+name, func(t *testing.T) {
					b.platform.RedirectTo("http://localhost:1/inner")
					b.platform.Break(address, tt.how)
					step, err := b.signIn(t, "one", "pw-1")
					refused(t, step, err, tt.want)
					b.platform.Behave()
					if step, err := b.signIn(t, "one", "pw-1"); err != nil || step.Assertion == nil {
						t.Errorf("sign-in afterwards = %+v, %v, want an assertion", step, err)
					}
				})
			}
		}
	}
}

func TestSlowPlatformIsLeft(t *testing.T) {
	b := newBench(t, fedtest.DialectSSO, func(_ *fedtest.VNeIDConfig, s *vneid.Settings) { s.AsksEachTime = true })
	b.platform.Break(b.at.UserInfo, fedtest.Slow)
	req, target := b.begin(t, federation.Request{})
	values := b.visit(t, target, "one", "pw-1")
	client, err := federation.HTTPClient([]string{strings.TrimPrefix(b.platform.Base(), "http://")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	client.Timeout = 50 * time.Millisecond
	source, err := vneid.New(b.settings, vneid.Deps{HTTP: client})
	if err != nil {
		t.Fatal(err)
	}
	step, err := source.Finish(t.Context(), req, federation.Reply{Values: values})
	refused(t, step, err, federation.ErrDown)
}

// Only what is registered is called, and no answer leads the gateway inward.
func TestInnerAddressesBlocked(t *testing.T) {
	var reached atomic.Int64
	inner := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	t.Cleanup(inner.Close)
	b := newBench(t, fedtest.DialectSSO, nil)
	b.platform.RedirectTo(inner.URL)
	b.platform.Break(b.at.UserInfo, fedtest.Redirects)
	step, err := b.signIn(t, "one", "pw-1")
	refused(t, step, err, federation.ErrDown)
	b.platform.Behave()
	b.settings.UserInfo = inner.URL // which outbound.allow does not list
	b.renew(t)
	step, err = b.signIn(t, "one", "pw-1")
	if refused(t, step, err, federation.ErrDown); !errors.Is(err, federation.ErrForbiddenAddress) {
		t.Errorf("Finish() = %v, want %v", err, federation.ErrForbiddenAddress)
	}
	if got := reached.Load(); got != 0 {
		t.Errorf("inner server reached %d times, want 0", got)
	}
}

func TestOrigins(t *testing.T) {
	b := newBench(t, fedtest.DialectSSO, func(_ *fedtest.VNeIDConfig, s *vneid.Settings) { s.Origins = []string{"https://app.example.vn"} })
	if diff := cmp.Diff(b.Origins(), []string{b.platform.Base(), "https://app.example.vn"}); diff != "" {
		t.Errorf("Origins() (-got +want):\n%s", diff)
	}
}
