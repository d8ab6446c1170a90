package cas_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/federation/cas"
	"eidgate/federation/fedtest"
)

const callback = "https://gateway.example.vn/callback/buu-dien"

// people are synthetic.
func people() []fedtest.Person {
	return []fedtest.Person{
		{Subject: "nguoi.mot", Login: "mot", Password: "mat khau 1", ACR: "cao", Attributes: map[string][]string{
			"maSo": {"001203000017"}, "hoTen": {"Nguyễn Thị Mẫu"}, "ngaySinh": {"01/02/2003"}, "cach": {"mat-khau"},
		}},
		{Subject: "nguoi.hai", Login: "hai", Password: "mat khau 2", ACR: "thap"},
	}
}

func settings(server string) cas.Settings {
	return cas.Settings{
		Server: server, LevelAttribute: "loa", Levels: map[string]eid.Level{"thap": eid.Level1, "cao": eid.Level2},
		MethodsAttribute: "cach", Methods: map[string][]string{"mat-khau": {"pwd"}},
		NumberAttribute: "maSo", NameAttribute: "hoTen", BirthDateAttribute: "ngaySinh",
	}
}

// world is a server, a source for it, and a browser.
type world struct {
	t       *testing.T
	server  *fedtest.CAS
	source  *cas.Source
	browser *http.Client
	now     time.Time
}

func start(t *testing.T, change ...func(*cas.Settings)) *world {
	t.Helper()
	w := &world{t: t, now: time.Now().Truncate(time.Second)}
	w.server = fedtest.StartCAS(t, fedtest.CASConfig{
		Title: "Bưu điện mẫu", Services: []string{"https://gateway.example.vn/"}, People: people(),
		Now: func() time.Time { return w.now },
	})
	s := settings(w.server.Server())
	for _, c := range change {
		c(&s)
	}
	host, err := url.Parse(w.server.Server())
	if err != nil {
		t.Fatal(err)
	}
	client, err := federation.HTTPClient([]string{host.Host})
	if err != nil {
		t.Fatal(err)
	}
	if w.source, err = cas.New(s, cas.Deps{HTTP: client}); err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	w.browser = &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return w
}

// begun is a sign-in on its way.
type begun struct {
	req    federation.Request
	values url.Values // that the browser brings back
}

var hidden = regexp.MustCompile(`name="request" value="([^"]+)"`)

// signIn walks from Begin through the server's page to the callback.
func (w *world) signIn(login, password string, change ...func(*federation.Request)) begun {
	w.t.Helper()
	b := begun{req: federation.Request{State: "state-of-" + login, Callback: callback, Level: eid.Level1, Now: w.now}}
	for _, c := range change {
		c(&b.req)
	}
	step, err := w.source.Begin(w.t.Context(), b.req)
	if err != nil || step.Redirect == "" {
		w.t.Fatalf("Begin() = %+v, %v, want a redirect", step, err)
	}
	b.req.Memory = step.Memory
	res, page := w.get(step.Redirect)
	if form := hidden.FindStringSubmatch(page); form != nil {
		res, _ = w.post(w.server.Server()+fedtest.PathCASLogin, url.Values{
			"request": {form[1]}, "username": {login}, "password": {password}, "action": {"login"},
		})
	}
	back, err := res.Location()
	if err != nil || !strings.HasPrefix(back.String(), b.req.Callback+"?") {
		w.t.Fatalf("the server leads to %v, %v, want the callback", back, err)
	}
	b.values = back.Query()
	return b
}

func (w *world) finish(b begun) (federation.Step, error) {
	return w.source.Finish(w.t.Context(), b.req, federation.Reply{Values: b.values})
}

func (w *world) get(address string) (*http.Response, string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.do(req)
}

func (w *world) post(address string, form url.Values) (*http.Response, string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return w.do(req)
}

func (w *world) do(req *http.Request) (*http.Response, string) {
	w.t.Helper()
	res, err := w.browser.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return res, string(body)
}

func fresh(req *federation.Request) { req.Fresh = true }

// silent fails where an error tells what nobody may know.
func silent(t *testing.T, err error, secrets ...string) {
	t.Helper()
	for _, secret := range append(secrets, fedtest.LeakedText) {
		if err != nil && secret != "" && strings.Contains(err.Error(), secret) {
			t.Errorf("the error %q tells %q", err, secret)
		}
	}
}
