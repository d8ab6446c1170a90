package saml_test

import (
	"context"
	"errors"
	"html"
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
	"eidgate/federation/saml"
)

const (
	callback = "https://dangnhap.example.vn/callback/legacy"
	entity   = "https://dangnhap.example.vn/source/legacy/metadata"
	slo      = "https://dangnhap.example.vn/source/legacy/logout"

	loa1 = "urn:vn:synthetic:loa:1"
	loa2 = "urn:vn:synthetic:loa:2"
)

// pemPairs are key pairs for all tests: making them takes longer than a test.
var pemPairs = sync.OnceValues(func() (texts [2]string, err error) {
	for i := range texts {
		pem, _, err := saml.NewKeyPair("Synthetic gateway", time.Now(), 24*time.Hour)
		if err != nil {
			return texts, err
		}
		texts[i] = string(pem)
	}
	return texts, nil
})

func pairs(t testing.TB) [2]string {
	t.Helper()
	texts, err := pemPairs()
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

// bench is a source of ours and an identity provider that trusts it.
type bench struct {
	*saml.Source
	idp      *fedtest.SAML
	clock    *clock
	theirs   *clock
	settings saml.Settings
	http     *http.Client
}

// clock is a time that tests move.
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

// newBench starts a provider with synthetic people: one at level 1, two at 2.
func newBench(t testing.TB, change ...func(*saml.Settings)) *bench {
	t.Helper()
	start := time.Now().UTC().Truncate(time.Second)
	b := &bench{clock: &clock{now: start}, theirs: &clock{now: start}}
	b.idp = fedtest.StartSAML(t, fedtest.SAMLConfig{Now: b.theirs.Now, People: []fedtest.SAMLPerson{
		{Person: fedtest.Person{Subject: "p-1", Login: "one", Password: "pw-1", ACR: loa1}},
		{Person: fedtest.Person{Subject: "p-2", Login: "two", Password: "pw-2", ACR: loa2}, Attributes: map[string]string{
			"soDinhDanh": "001203000002", "hoTen": "Nguyễn Thị Giả Định", "ngaySinh": "02/09/2003", "uid": "legacy-2", "mucDo": "hai",
		}},
	}})
	text := pairs(t)
	pair, err := saml.ParseKeyPair([]byte(text[0]))
	if err != nil {
		t.Fatal(err)
	}
	b.settings = saml.Settings{
		Issuer: b.idp.EntityID(), MetadataURL: b.idp.EntityID(), Keys: []saml.KeyPair{pair},
		Binding: saml.BindingRedirect, Signed: saml.SignedAssertion, Comparison: saml.ComparisonExact,
		ACR:          map[string]eid.Level{loa1: eid.Level1, loa2: eid.Level2},
		RequestACR:   map[eid.Level]string{eid.Level1: loa1, eid.Level2: loa2},
		Methods:      map[string][]string{loa2: {"pwd", "otp"}},
		NameIDFormat: "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
		Person:       saml.PersonAttributes{Number: "soDinhDanh", Name: "hoTen", BirthDate: "ngaySinh"},
	}
	for _, c := range change {
		c(&b.settings)
	}
	if b.http, err = federation.HTTPClient([]string{strings.TrimPrefix(b.idp.EntityID()[:strings.Index(b.idp.EntityID(), "/saml")], "http://")}); err != nil {
		t.Fatal(err)
	}
	b.renew(t)
	return b
}

// renew makes the source anew and has the provider read its metadata.
func (b *bench) renew(t testing.TB) {
	t.Helper()
	source, err := saml.New(b.settings, saml.Deps{HTTP: b.http, Now: b.clock.Now, Entity: entity})
	if err != nil {
		t.Fatal(err)
	}
	b.Source = source
	_, metadata, err := source.Publish(entity, callback, slo)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.idp.Trust(metadata); err != nil {
		t.Fatal(err)
	}
}

// begin starts a sign-in and gives the request to finish it with.
func (b *bench) begin(t testing.TB, req federation.Request) (federation.Request, federation.Step) {
	t.Helper()
	req.State, req.Callback, req.Now = "slot.state+/ =", callback, b.clock.Now()
	step, err := b.Begin(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	req.Memory = step.Memory
	return req, step
}

var (
	hidden = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)
	action = regexp.MustCompile(`<form method="post" action="([^"]+)"`)
)

// browser keeps the provider's cookies.
func browser(t testing.TB) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// visit goes where a step leads, signs in there, and gives the form that the
// provider sends back.
func (b *bench) visit(t testing.TB, client *http.Client, step federation.Step, login, password string) url.Values {
	t.Helper()
	var res *http.Response
	var err error
	if step.Post != nil {
		form := url.Values{}
		for name, value := range step.Post.Fields {
			form.Set(name, value)
		}
		res, err = client.PostForm(step.Post.Address, form)
	} else {
		res, err = client.Get(step.Redirect)
	}
	page := read(t, res, err)
	if strings.Contains(page, fedtest.PathSAMLLogin) {
		form := url.Values{"username": {login}, "password": {password}}
		if login == "" {
			form = url.Values{"action": {"cancel"}}
		}
		for _, field := range hidden.FindAllStringSubmatch(page, -1) {
			form.Set(field[1], html.UnescapeString(field[2]))
		}
		at := strings.TrimSuffix(b.idp.EntityID(), fedtest.PathSAMLMetadata)
		res, err = client.PostForm(at+fedtest.PathSAMLLogin, form)
		page = read(t, res, err)
	}
	to := action.FindStringSubmatch(page)
	if to == nil || html.UnescapeString(to[1]) != callback {
		t.Fatalf("the provider answered %.300s, want a form to %s", page, callback)
	}
	values := url.Values{}
	for _, field := range hidden.FindAllStringSubmatch(page, -1) {
		values.Set(field[1], html.UnescapeString(field[2]))
	}
	return values
}

func read(t testing.TB, res *http.Response, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func (b *bench) end(ctx context.Context, req federation.Request, values url.Values) (federation.Step, error) {
	req.Now = b.clock.Now()
	return b.Finish(ctx, req, federation.Reply{Values: values})
}

// signIn signs person two in, in a new browser.
func (b *bench) signIn(t testing.TB, req federation.Request) (federation.Step, error) {
	t.Helper()
	req, step := b.begin(t, req)
	return b.end(t.Context(), req, b.visit(t, browser(t), step, "two", "pw-2"))
}

// refused checks that nothing came of a sign-in, for this reason, and that the
// error tells nothing of the answer.
func refused(t testing.TB, step federation.Step, err, want error) {
	t.Helper()
	if err == nil || step.Assertion != nil || want != nil && !errors.Is(err, want) {
		t.Errorf("Finish() = %+v, %v, want %v", step, err, want)
		return
	}
	for _, secret := range []string{"p-2", "p-1", "001203000002", "Nguyễn", "legacy-2", fedtest.LeakedText, "slot.state", "BEGIN"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("error %q tells of %q", err, secret)
		}
	}
}
