package vneid_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
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

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/federation/fedtest"
	"eidgate/federation/vneid"
)

const (
	callback    = "http://127.0.0.1:1/callback/vneid"
	afterLogout = "http://127.0.0.1:1/logout/done"
	clientID    = "gateway"
	secret      = "a secret/with+signs"
	number1     = "001203000001" // synthetic, as all numbers here
	number2     = "079305000002"
)

// privateKey is one key for all tests, since making one is slow.
var privateKey = sync.OnceValue(newKey)

func newKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

func inPEM(key *rsa.PrivateKey) eid.Secret {
	return eid.NewSecret(string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})))
}

// bench is a source and the platform that it speaks to.
type bench struct {
	*vneid.Source
	platform *fedtest.VNeID
	at       fedtest.VNeIDEndpoints
	settings vneid.Settings
	browser  *http.Client
	now      time.Time
}

// newBench makes both for a dialect. change may alter them before they are made.
func newBench(t *testing.T, dialect string, change func(*fedtest.VNeIDConfig, *vneid.Settings)) *bench {
	t.Helper()
	b := &bench{now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	cfg := fedtest.VNeIDConfig{
		Clients: []fedtest.Client{{ID: clientID, Secret: secret, RedirectURIs: []string{callback}, PostLogoutURIs: []string{afterLogout}}},
		People: []fedtest.Citizen{
			{Login: "one", Password: "pw-1", TechID: "t-1", Number: number1, Name: "Nguyễn Thị Một", BirthDate: "02/01/2003", Level: 1},
			{Login: "two", Password: "pw-2", TechID: "t-2", Number: number2, Name: "Trần Văn Hai", BirthDate: "1905", Level: 2},
			{Login: "firm", Password: "pw-3", TechID: "t-3", Name: "Công ty Giả Định", Level: 2, AccountType: 2},
		},
		SealTo: &privateKey().PublicKey,
	}
	b.settings = vneid.Settings{
		Dialect: vneid.Dialect(dialect), ClientID: clientID, ClientSecret: eid.NewSecret(secret),
		Levels: map[string]eid.Level{"1": eid.Level1, "2": eid.Level2},
	}
	if dialect == fedtest.DialectEncrypted {
		b.settings.DecryptionKeys = []eid.Secret{inPEM(privateKey())}
	}
	if change != nil {
		change(&cfg, &b.settings)
	}
	b.platform = fedtest.StartVNeID(t, cfg)
	b.at = b.platform.Endpoints(dialect)
	b.settings.Authorize, b.settings.Token, b.settings.UserInfo = b.at.Authorize, b.at.Token, b.at.UserInfo
	b.renew(t)
	b.forget(t)
	return b
}

// renew makes the source anew.
func (b *bench) renew(t *testing.T) {
	t.Helper()
	client, err := federation.HTTPClient([]string{strings.TrimPrefix(b.platform.Base(), "http://")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	if b.Source, err = vneid.New(b.settings, vneid.Deps{HTTP: client}); err != nil {
		t.Fatal(err)
	}
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
	req.State, req.Callback, req.Now = rand.Text(), callback, b.now
	step, err := b.Begin(t.Context(), req)
	if err != nil {
		t.Fatalf("Begin() = %v, want nil", err)
	}
	if step.Redirect == "" || step.Form != nil || step.Post != nil || step.Assertion != nil {
		t.Fatalf("Begin() = %+v, want a redirect", step)
	}
	req.Memory = step.Memory
	return req, step.Redirect
}

var hiddenRequest = regexp.MustCompile(`name="request" value="([A-Z0-9]+)"`)

// visit follows a redirect to the platform as a browser, signs in when a page asks
// for it, and returns the parameters that come back, read as the callback reads
// them. An empty login cancels.
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
		if res, err = b.browser.PostForm(b.platform.Base()+fedtest.PathLogin, form); err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
	}
	back := res.Header.Get("Location")
	raw, ok := strings.CutPrefix(back, callback+"?")
	if !ok {
		t.Fatalf("platform answered %d, want a redirect to the callback", res.StatusCode)
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// signIn runs a whole sign-in.
func (b *bench) signIn(t *testing.T, login, password string) (federation.Step, error) {
	t.Helper()
	req, target := b.begin(t, federation.Request{Level: eid.Level1})
	return b.end(t.Context(), req, b.visit(t, target, login, password))
}

func (b *bench) end(ctx context.Context, req federation.Request, values url.Values) (federation.Step, error) {
	req.State = rand.Text() // the login gives each step a new one
	return b.Finish(ctx, req, federation.Reply{Values: values})
}

// refused checks that a sign-in failed as wanted, none of the source's errors where
// want is nil, and that the error tells nothing.
func refused(t *testing.T, step federation.Step, err, want error, secrets ...string) {
	t.Helper()
	if step.Assertion != nil || step.Form != nil || step.Redirect != "" || step.Post != nil {
		t.Errorf("Finish() = %+v, want nothing", step)
	}
	if err == nil {
		t.Fatal("Finish() = nil, want an error")
	}
	for _, one := range []error{federation.ErrUntrusted, federation.ErrDenied, federation.ErrDown} {
		if errors.Is(err, one) != errors.Is(want, one) {
			t.Errorf("Finish() = %v, want %v", err, want)
		}
	}
	for _, text := range append(secrets, fedtest.LeakedText, secret, number1, number2, "t-1", "t-2", "Trần", "Giả") {
		if text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("error tells what it must not: %v", err)
		}
	}
}

func dialects() []string {
	return []string{fedtest.DialectWSO2, fedtest.DialectSSO, fedtest.DialectEncrypted}
}
