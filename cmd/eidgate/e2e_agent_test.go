package main_test

import (
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// RoundTrip notes the reference of each answer of the gateway, so that the log
// can be held against them. Probes of the process have no line there.
func (d *demoRun) RoundTrip(r *http.Request) (*http.Response, error) {
	via := d.via
	if via == nil {
		via = http.DefaultTransport
	}
	res, err := via.RoundTrip(r)
	if probe := r.URL.Path == "/healthz" || r.URL.Path == "/readyz"; err == nil && r.URL.Host == d.Addr && !probe {
		d.mu.Lock()
		d.refs = append(d.refs, res.Header.Get("X-Request-Reference"))
		d.mu.Unlock()
	}
	return res, err
}

// agent is a browser without JavaScript: it keeps cookies and follows redirects
// among the gateway and its sources, and stops where a portal is next.
type agent struct {
	t      *testing.T
	d      *demoRun
	jar    http.CookieJar
	client *http.Client
	// header is sent with every request.
	header http.Header
	// asked stops at the page that asks whether data may be shared.
	asked bool
	// failing takes answers of 5xx, which a test of a fault expects.
	failing bool
}

func (d *demoRun) browser(t *testing.T) *agent {
	t.Helper()
	jar, err := cookiejar.New(nil)
	must(t, err)
	a := &agent{t: t, d: d, jar: jar, header: http.Header{}}
	a.client = &http.Client{
		Jar: jar, Transport: d, Timeout: 30 * time.Second,
		CheckRedirect: func(r *http.Request, _ []*http.Request) error {
			for _, p := range d.Portals {
				if strings.HasPrefix(r.URL.String(), p.URL+"/") {
					return http.ErrUseLastResponse
				}
			}
			return nil
		},
	}
	return a
}

// screen is an answer: a page, or a redirect to a portal.
type screen struct {
	status  int
	header  http.Header
	body    string
	address *url.URL // of the page
	back    *url.URL // where a redirect to a portal leads; nil for a page
}

func (p screen) ref() string { return p.header.Get("X-Request-Reference") }

// title is what the page's heading says.
func (p screen) title() string {
	m := heading.FindStringSubmatch(p.body)
	if m == nil {
		return ""
	}
	return html.UnescapeString(strings.TrimSpace(m[1]))
}

var (
	heading     = regexp.MustCompile(`(?s)<h1[^>]*>(.*?)</h1>`)
	formAction  = regexp.MustCompile(`<form method="post" action="([^"]*)"`)
	hiddenField = regexp.MustCompile(`<input type="hidden" name="([A-Za-z]+)" value="([^"]*)"`)
	shownRef    = regexp.MustCompile(`[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}`)
)

// hidden are the fields that the page's form carries.
func (p screen) hidden() url.Values {
	form := url.Values{}
	for _, m := range hiddenField.FindAllStringSubmatch(p.body, -1) {
		form.Set(m[1], html.UnescapeString(m[2]))
	}
	return form
}

// offers reports whether the page has a button or a field of this name and,
// where one is given, this value.
func (p screen) offers(name, value string) bool {
	if value == "" {
		return strings.Contains(p.body, ` name="`+name+`"`)
	}
	return strings.Contains(p.body, ` name="`+name+`" value="`+value+`"`)
}

func (a *agent) do(r *http.Request) screen {
	a.t.Helper()
	for name, values := range a.header {
		r.Header[name] = values
	}
	res, err := a.client.Do(r)
	must(a.t, err)
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	must(a.t, err)
	p := screen{status: res.StatusCode, header: res.Header, body: string(body), address: res.Request.URL}
	if location := res.Header.Get("Location"); location != "" {
		p.back, err = url.Parse(location)
		must(a.t, err)
	}
	if p.status >= http.StatusInternalServerError && !a.failing {
		a.t.Errorf("%s %s = %d:\n%s", r.Method, p.address.Path, p.status, a.d.stderr)
	}
	if ref := p.ref(); p.address.Host == a.d.Addr && strings.Contains(p.body, "Mã tra cứu") && !strings.Contains(p.body, ref) {
		a.t.Errorf("%s shows reference %q, want the header's %s", p.address.Path, shownRef.FindString(p.body), ref)
	}
	if f := p.hidden(); f.Get("csrf") != "" {
		a.d.keepSecret("csrf", f.Get("csrf"))
	}
	for _, c := range a.jar.Cookies(&url.URL{Scheme: "http", Host: a.d.Addr, Path: "/"}) {
		if _, secret, ok := strings.Cut(c.Value, "."); ok {
			a.d.keepSecret("cookie", secret)
		}
	}
	return p
}

func (a *agent) get(address string) screen {
	a.t.Helper()
	r, err := http.NewRequestWithContext(a.t.Context(), http.MethodGet, address, nil)
	must(a.t, err)
	return a.agree(a.do(r))
}

// agree shares the data where a page asks, unless the test watches that page.
func (a *agent) agree(p screen) screen {
	a.t.Helper()
	if a.asked || !p.offers("action", "share") {
		return p
	}
	return a.press(p, "action", "share")
}

// post sends a form as a page of the same origin does.
func (a *agent) post(address string, form url.Values, change ...func(*http.Request)) screen {
	a.t.Helper()
	r, err := http.NewRequestWithContext(a.t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	must(a.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", r.URL.Scheme+"://"+r.URL.Host)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, c := range change {
		c(r)
	}
	return a.agree(a.do(r))
}

// submit sends the form of a page with these fields: name, value, …
func (a *agent) submit(p screen, fields ...string) screen {
	a.t.Helper()
	form := p.hidden()
	m := formAction.FindStringSubmatch(p.body)
	if m == nil || len(form) == 0 {
		a.t.Fatalf("no form on the page %d %q (redirect to %v)", p.status, p.title(), p.back)
	}
	for i := 0; i < len(fields); i += 2 {
		if !p.offers(fields[i], "") {
			a.t.Fatalf("page %q has no %s", p.title(), fields[i])
		}
		form.Set(fields[i], fields[i+1])
	}
	to, err := p.address.Parse(html.UnescapeString(m[1]))
	must(a.t, err)
	return a.post(to.String(), form)
}

// press submits one of the page's buttons.
func (a *agent) press(p screen, name, value string) screen {
	a.t.Helper()
	if !p.offers(name, value) {
		a.t.Fatalf("page %q (%d, redirect to %v) has no button %s=%s", p.title(), p.status, p.back, name, value)
	}
	return a.submit(p, name, value)
}

// fill goes through the forms of the built-in account system, from the choice of
// a source on, until something else is shown.
func (a *agent) fill(p screen, who accountReport) screen {
	a.t.Helper()
	if p.offers("source", sourceNational) {
		p = a.press(p, "source", sourceNational)
	}
	if p.offers("personal_number", "") {
		p = a.submit(p, "personal_number", who.PersonalNumber, "password", who.Password)
	}
	if p.offers("code", "") && who.TOTPSecret != "" {
		p = a.submit(p, "code", a.d.code(who.TOTPSecret))
	}
	return p
}

// national asks for a sign-in and goes to the form of the built-in account system.
func (a *agent) national(r request) screen {
	a.t.Helper()
	return a.press(a.get(r.address), "source", sourceNational)
}

// legacy goes through the forms of a source that shows its own.
func (a *agent) legacy(p screen, source, username, password string) screen {
	a.t.Helper()
	if p.offers("source", source) {
		p = a.press(p, "source", source)
	}
	if p.offers("username", "") {
		p = a.submit(p, "username", username, "password", password, "action", "login")
	}
	if p.offers("SAMLResponse", "") {
		p = a.carry(p)
	}
	return p
}

// carry sends a form that one site made for another, as its page does by itself.
func (a *agent) carry(p screen) screen {
	a.t.Helper()
	m := formAction.FindStringSubmatch(p.body)
	if m == nil {
		a.t.Fatalf("no form on the page %d %q", p.status, p.title())
	}
	return a.post(html.UnescapeString(m[1]), p.hidden(), func(r *http.Request) {
		r.Header.Set("Origin", "null") // the page sends no referrer
		r.Header.Set("Sec-Fetch-Site", "same-site")
	})
}

// session is the gateway's cookie of this browser, "" without one.
func (a *agent) session() string {
	for _, c := range a.jar.Cookies(&url.URL{Scheme: "http", Host: a.d.Addr, Path: "/"}) {
		if c.Name == "eidgate" { // beside the device's
			return c.Value
		}
	}
	return ""
}

// Sources of the demo.
const (
	sourceNational = "national"
	sourceLegacy   = "legacy"
	sourceClosed   = "legacy-2022"
	sourceVNeID    = "vneid"
	sourceSAML     = "insurance"
	sourceCAS      = "post"
	sourceLDAP     = "library"
)

// setSession gives this browser a cookie of the gateway.
func (a *agent) setSession(value string) {
	a.jar.SetCookies(&url.URL{Scheme: "http", Host: a.d.Addr, Path: "/"}, []*http.Cookie{{Name: "eidgate", Value: value, Path: "/"}})
}

func withValue(form url.Values, name, value string) url.Values {
	form.Set(name, value)
	return form
}
