package openid_test

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/federation/fedtest"
	"eidgate/federation/openid"
)

const (
	callback = "http://127.0.0.1:1/callback/post"
	clientID = "gateway"
	secret   = "a secret/with+signs"
	loa1     = "urn:example:loa:1"
	loa2     = "urn:example:loa:2"
)

// clock is the time of a test, for both sides unless one is set apart.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// bench is a source and its provider.
type bench struct {
	*openid.Source
	provider *fedtest.OpenID
	clock    *clock // the gateway's
	theirs   *clock // the provider's
	settings openid.Settings
	browser  *http.Client
}

func newBench(t *testing.T, alg jose.SignatureAlgorithm) *bench {
	t.Helper()
	keys := ownKeys()
	start := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	b := &bench{clock: &clock{now: start}, theirs: &clock{now: start}}
	b.provider = fedtest.StartOpenID(t, fedtest.Config{
		Alg: alg, Now: b.theirs.Now, Title: "Synthetic provider",
		Clients: []fedtest.Client{
			{ID: clientID, Secret: secret, RedirectURIs: []string{callback}, PostLogoutURIs: []string{afterLogout}},
			{ID: "public", RedirectURIs: []string{callback}},
			{ID: "keyed", RedirectURIs: []string{callback}, Keys: publicKeys(t, keys), Backchannel: true},
			{ID: "signed", Secret: secret, RedirectURIs: []string{callback}, SignUserInfo: true},
			{ID: "sealed-rsa", Secret: secret, RedirectURIs: []string{callback}, EncryptUserInfo: publicKey(t, keys.enc[0])},
			{ID: "sealed-ec", Secret: secret, RedirectURIs: []string{callback}, EncryptUserInfo: publicKey(t, keys.enc[1]), Encryption: jose.A256GCM},
			{ID: "both", Secret: secret, RedirectURIs: []string{callback}, SignUserInfo: true, EncryptUserInfo: publicKey(t, keys.enc[1])},
			{ID: "weak", Secret: secret, RedirectURIs: []string{callback}, EncryptUserInfo: publicKey(t, keys.enc[1]), Encryption: jose.A128CBC_HS256},
		},
		People: []fedtest.Person{
			{Subject: "u-1", Login: "one", Password: "pw-1", ACR: loa1, Name: "Người Giả Định",
				Claims: map[string]any{"so_dinh_danh": "001203000001", "birthdate": "2003-02-01"}},
			{Subject: "u-2", Login: "two", Password: "pw-2", ACR: loa2, AMR: []string{"pwd", "otp"}},
		},
	})
	b.settings = openid.Settings{
		Issuer: b.provider.Issuer(), ClientID: clientID, ClientSecret: eid.NewSecret(secret), Scopes: []string{"profile"},
		ACR:        map[string]eid.Level{loa1: eid.Level1, loa2: eid.Level2},
		RequestACR: map[eid.Level]string{eid.Level1: loa1, eid.Level2: loa2},
	}
	b.renew(t)
	b.forget(t)
	return b
}

// renew makes the source anew, with empty caches.
func (b *bench) renew(t *testing.T) {
	t.Helper()
	var err error
	client := newClient(t, strings.TrimPrefix(b.provider.Issuer(), "http://"))
	if b.Source, err = openid.New(b.settings, openid.Deps{HTTP: client, Now: b.clock.Now}); err != nil {
		t.Fatal(err)
	}
}

// newClient makes the client that sources call with.
func newClient(t *testing.T, allow ...string) *http.Client {
	t.Helper()
	client, err := federation.HTTPClient(allow)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// forget gives the browser an empty cookie jar.
func (b *bench) forget(t *testing.T) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b.browser = &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// begin starts a sign-in and returns the request for its end.
func (b *bench) begin(t *testing.T, req federation.Request) (federation.Request, string) {
	t.Helper()
	req.State, req.Callback, req.Now = rand.Text(), callback, b.clock.Now()
	step, err := b.Begin(t.Context(), req)
	if err != nil {
		t.Fatalf("Begin() = %v, want nil", err)
	}
	if step.Redirect == "" || step.Form != nil || step.Assertion != nil {
		t.Fatalf("Begin() = %+v, want a redirect", step)
	}
	req.Memory = step.Memory
	return req, step.Redirect
}

var hiddenRequest = regexp.MustCompile(`name="request" value="([A-Z0-9]+)"`)

// visit follows a redirect to the provider as a browser, signs in when a page
// asks for it, and returns the parameters that come back. An empty login cancels.
func (b *bench) visit(t *testing.T, target, login, password string) url.Values {
	t.Helper()
	res, err := b.browser.Get(target)
	if err != nil {
		t.Fatal(err)
	}
	page, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	if found := hiddenRequest.FindSubmatch(page); found != nil {
		form := url.Values{"request": {string(found[1])}, "username": {login}, "password": {password}, "action": {"login"}}
		if login == "" {
			form.Set("action", "cancel")
		}
		if res, err = b.browser.PostForm(b.provider.Issuer()+fedtest.PathLogin, form); err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
	}
	back, err := res.Location()
	if err != nil || !strings.HasPrefix(back.String(), callback+"?") {
		t.Fatalf("provider answered %d, %v, want a redirect to the callback", res.StatusCode, err)
	}
	return back.Query()
}

// signIn runs a whole sign-in of the Level 1 person.
func (b *bench) signIn(t *testing.T, req federation.Request) (federation.Step, error) {
	t.Helper()
	req, target := b.begin(t, req)
	values := b.visit(t, target, "one", "pw-1")
	return b.end(t.Context(), req, values)
}

func (b *bench) end(ctx context.Context, req federation.Request, values url.Values) (federation.Step, error) {
	req.Now = b.clock.Now()
	req.State = rand.Text() // the login gives each step a new one
	return b.Finish(ctx, req, federation.Reply{Values: values})
}

// refused checks that a sign-in failed as wanted and that the error tells nothing.
func refused(t *testing.T, step federation.Step, err, want error, secrets ...string) {
	t.Helper()
	if step.Assertion != nil || step.Form != nil || step.Redirect != "" {
		t.Errorf("Finish() = %+v, want nothing", step)
	}
	switch {
	case err == nil:
		t.Fatalf("Finish() = nil, want an error")
	case want != nil && !errors.Is(err, want):
		t.Errorf("Finish() = %v, want %v", err, want)
	case want == nil && (errors.Is(err, federation.ErrUntrusted) || errors.Is(err, federation.ErrDenied)):
		t.Errorf("Finish() = %v, want a failure of the source", err)
	}
	for _, text := range append(secrets, fedtest.LeakedText, secret) {
		if text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("error tells what it must not: %v", err)
		}
	}
}
