//go:build interop

package interop_test

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

// browser keeps cookies, follows redirects and submits forms. It runs no script:
// it sends what a page's script would send at once.
type browser struct {
	t      *testing.T
	client *http.Client
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	must(t, err)
	return &browser{t: t, client: &http.Client{Jar: jar, Timeout: 30 * time.Second}}
}

// page is an answer that is no redirect.
type page struct {
	status  int
	address *url.URL
	body    string
	// where a redirect leads that was not followed
	location string
	// pages of the gateway gone through on the way, by their headings
	way []string
}

// at reports whether the page is of this origin.
func (p page) at(origin string) bool { return p.address.Scheme+"://"+p.address.Host == origin }

func (b *browser) do(r *http.Request) page {
	b.t.Helper()
	r.Header.Set("Accept", "text/html")
	r.Header.Set("User-Agent", "Mozilla/5.0 (interop)")
	res, err := b.client.Do(r)
	must(b.t, err)
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	must(b.t, err)
	p := page{status: res.StatusCode, address: res.Request.URL, body: string(body)}
	if to, err := res.Location(); err == nil {
		p.location = to.String()
	}
	return p
}

func (b *browser) get(address string) page {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, address, nil)
	must(b.t, err)
	return b.do(r)
}

// form is a form of a page.
type form struct {
	action, method string
	fields         url.Values // hidden ones
	inputs         map[string]bool
	buttons        []button
}

type button struct {
	name, value string
	primary     bool
}

var (
	formElement = regexp.MustCompile(`(?s)<form\b([^>]*)>(.*?)</form>`)
	control     = regexp.MustCompile(`<(input|button)\b([^>]*)>`)
	attribute   = regexp.MustCompile(`([a-z-]+)="([^"]*)"`)
	frame       = regexp.MustCompile(`<iframe\b[^>]*\bsrc="([^"]*)"`)
	link        = regexp.MustCompile(`<a\b([^>]*)>`)
	heading     = regexp.MustCompile(`(?s)<h1[^>]*>(.*?)</h1>`)
)

func attributes(s string) map[string]string {
	out := map[string]string{}
	for _, m := range attribute.FindAllStringSubmatch(s, -1) {
		out[m[1]] = html.UnescapeString(m[2])
	}
	return out
}

func (p page) forms() []form {
	var out []form
	for _, m := range formElement.FindAllStringSubmatch(p.body, -1) {
		head := attributes(m[1])
		f := form{action: head["action"], method: strings.ToUpper(head["method"]), fields: url.Values{}, inputs: map[string]bool{}}
		for _, c := range control.FindAllStringSubmatch(m[2], -1) {
			a := attributes(c[2])
			switch {
			case c[1] == "button":
				f.buttons = append(f.buttons, button{a["name"], a["value"], strings.Contains(" "+a["class"]+" ", " primary ")})
			case a["type"] == "hidden":
				f.fields.Add(a["name"], a["value"])
			default:
				f.inputs[a["name"]] = true
			}
		}
		out = append(out, f)
	}
	return out
}

func (b *browser) submit(p page, f form) page {
	b.t.Helper()
	to, err := p.address.Parse(f.action)
	must(b.t, err)
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, to.String(), strings.NewReader(f.fields.Encode()))
	must(b.t, err)
	site := "same-origin"
	if to.Host != p.address.Host {
		site = "cross-site"
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", p.address.Scheme+"://"+p.address.Host)
	r.Header.Set("Sec-Fetch-Site", site)
	if to.Hostname() == p.address.Hostname() {
		return b.do(r)
	}
	return b.across(r)
}

// across sends a form to another site: without cookies, as all here are Lax. They
// are back once the answer is a redirect.
func (b *browser) across(r *http.Request) page {
	b.t.Helper()
	outside := newBrowser(b.t)
	outside.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	p := outside.do(r)
	b.client.Jar.SetCookies(r.URL, outside.client.Jar.Cookies(r.URL))
	if p.location == "" {
		return p
	}
	return b.get(p.location)
}

// through goes through the gateway's pages as somebody who agrees to each, until
// a page of another origin or one that asks nothing more.
func (b *browser) through(p page, who *person) page {
	b.t.Helper()
	var way []string
	for range 12 {
		if !p.at(gw.issuer) {
			break
		}
		if m := heading.FindStringSubmatch(p.body); m != nil {
			way = append(way, html.UnescapeString(strings.TrimSpace(m[1])))
		}
		if f, ok := b.answer(p, who); ok {
			p = b.submit(p, f)
			continue
		}
		next := b.onward(p)
		if next == "" {
			break
		}
		p = b.get(next)
	}
	p.way = way
	return p
}

// answer fills in the form that goes on from a page.
func (b *browser) answer(p page, who *person) (form, bool) {
	b.t.Helper()
	for _, f := range p.forms() {
		if f.method != http.MethodPost {
			continue
		}
		to, err := p.address.Parse(f.action)
		must(b.t, err)
		if to.Host != p.address.Host { // form_post: the page's script sends it at once
			return f, true
		}
		switch {
		case f.inputs["personal_number"] && who != nil:
			f.fields.Set("personal_number", who.PersonalNumber)
			f.fields.Set("password", who.Password)
			return f, true
		case f.inputs["code"] && who != nil:
			code, err := who.code()
			must(b.t, err)
			f.fields.Set("code", code)
			return f, true
		case f.inputs["personal_number"], f.inputs["login_name"], f.inputs["code"]:
			return form{}, false
		}
		for _, button := range f.buttons {
			if button.primary || button.name == "source" {
				if button.name != "" {
					f.fields.Set(button.name, button.value)
				}
				return f, true
			}
		}
	}
	return form{}, false
}

// frames loads the page's frames, as a browser does: one of another site without
// cookies, since those of the gateway and of its parties are Lax.
func (b *browser) frames(p page) {
	b.t.Helper()
	for _, m := range frame.FindAllStringSubmatch(p.body, -1) {
		u, err := p.address.Parse(html.UnescapeString(m[1]))
		must(b.t, err)
		in := b
		if u.Hostname() != p.address.Hostname() {
			in = newBrowser(b.t)
		}
		in.get(u.String())
	}
}

// onward gives the link that leads on, if the page has one, its frames loaded.
func (b *browser) onward(p page) string {
	b.t.Helper()
	b.frames(p)
	for _, m := range link.FindAllStringSubmatch(p.body, -1) {
		if a := attributes(m[1]); strings.Contains(" "+a["class"]+" ", " primary ") {
			return b.resolve(p, a["href"])
		}
	}
	return ""
}

// forget drops a cookie.
func (b *browser) forget(origin, name string) {
	b.t.Helper()
	u, err := url.Parse(origin)
	must(b.t, err)
	b.client.Jar.SetCookies(u, []*http.Cookie{{Name: name, MaxAge: -1, Path: "/"}})
}

func (b *browser) resolve(p page, ref string) string {
	b.t.Helper()
	u, err := p.address.Parse(ref)
	must(b.t, err)
	return u.String()
}

// asksToSignIn reports whether the page is the gateway's and wants a person.
func (p page) asksToSignIn() bool {
	if !p.at(gw.issuer) {
		return false
	}
	for _, f := range p.forms() {
		if f.inputs["personal_number"] {
			return true
		}
		for _, b := range f.buttons {
			if b.name == "source" {
				return true
			}
		}
	}
	return false
}
