package main

import (
	"context"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/pquerna/otp/totp"
)

// browser keeps cookies and follows redirects up to the party.
type browser struct {
	jar    http.CookieJar
	client *http.Client
}

// newBrowser is a browser without a past.
func newBrowser(transport http.RoundTripper) (*browser, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	return &browser{jar: jar, client: &http.Client{
		Jar: jar, Transport: transport, Timeout: 30 * time.Second,
		CheckRedirect: func(r *http.Request, _ []*http.Request) error {
			if strings.HasPrefix(r.URL.String(), redirectURI+"?") {
				return http.ErrUseLastResponse
			}
			return nil
		},
	}}, nil
}

// cookie is the value of a cookie that this browser holds for an address.
func (b *browser) cookie(address, name string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	for _, c := range b.jar.Cookies(u) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// page is what a browser shows, or the redirect to the party.
type page struct {
	address  *url.URL
	body     string
	location string
}

var (
	formAction  = regexp.MustCompile(`<form method="post" action="([^"]*)"`)
	hiddenField = regexp.MustCompile(`<input type="hidden" name="([a-z]+)" value="([^"]*)"`)
)

func (p *page) offers(field string) bool { return strings.Contains(p.body, ` name="`+field+`"`) }

func (b *browser) do(r *http.Request) (*page, error) {
	got, err := do(b.client, r)
	if err != nil {
		return nil, err
	}
	if got.status >= http.StatusBadRequest {
		got.body = nil // a page would fill the screen
		return nil, got.wrong()
	}
	return &page{address: got.address, body: string(got.body), location: got.header.Get("Location")}, nil
}

func (b *browser) get(ctx context.Context, address string) (*page, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	return b.do(r)
}

// submit sends the form of a page with these fields.
func (b *browser) submit(ctx context.Context, p *page, fields map[string]string) (*page, error) {
	action := formAction.FindStringSubmatch(p.body)
	if action == nil {
		return nil, fmt.Errorf("no form on %s", p.address.Path)
	}
	to, err := p.address.Parse(html.UnescapeString(action[1]))
	if err != nil {
		return nil, err
	}
	form := url.Values{}
	for _, m := range hiddenField.FindAllStringSubmatch(p.body, -1) {
		form.Set(m[1], html.UnescapeString(m[2]))
	}
	for name, value := range fields {
		form.Set(name, value)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", to.Scheme+"://"+to.Host)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.do(r)
}

// signIn goes through every page of a sign-in, the upstream provider's and the
// consent's included, until a redirect leads to the party.
func (b *browser) signIn(ctx context.Context, address string, who person) (location string, err error) {
	p, err := b.get(ctx, address)
	for range 8 {
		switch {
		case err != nil:
			return "", err
		case p.location != "":
			return p.location, nil
		case p.offers("personal_number"):
			p, err = b.submit(ctx, p, map[string]string{"personal_number": who.number, "password": password})
		case p.offers("code"):
			var code string
			if code, err = totp.GenerateCode(who.totp, time.Now()); err == nil {
				p, err = b.submit(ctx, p, map[string]string{"code": code})
			}
		case p.offers("username"):
			p, err = b.submit(ctx, p, map[string]string{"username": who.upstream, "password": password, "action": "login"})
		case strings.Contains(p.body, ` name="action" value="share"`):
			p, err = b.submit(ctx, p, map[string]string{"action": "share"})
		default:
			return "", fmt.Errorf("no way on from the page at %s", p.address.Path)
		}
	}
	return "", errors.New("the sign-in does not end")
}
