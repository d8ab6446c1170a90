package provider_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"eidgate/provider"
)

// In a surge whoever finds no room is asked to send the same form again: the
// number stays, nothing was counted, evaluated or kept, and nothing tells a known
// number from an unknown one. Who signed in from this browser before is let in.
func TestSurgeAsksAgain(t *testing.T) {
	w := newWorld(t)
	a := w.browser()
	form := a.get(w.authorizeURL("portal"))
	home := w.browser()
	home.signIn(w.authorizeURL("portal"), numberLevel1)
	again := home.get(w.authorizeURL("portal", "prompt", "login"))
	var leave []func()
	for i := range 100_000 {
		l, err := w.passwords.Admit(fmt.Sprint("somebody ", i), false)
		if err != nil {
			break
		}
		leave = append(leave, l)
	}
	before, evaluated := w.stateEntries(), w.passwords.Evaluations()
	seen := map[string]bool{}
	for _, number := range []string{numberLevel1, numberLevel2, "001090000777"} {
		for range 10 { // more than the guesses of a number
			p := a.submit(form, "personal_number", number, "password", password)
			if p.status != http.StatusServiceUnavailable || p.header.Get("Retry-After") != "5" {
				t.Fatalf("status = %d, Retry-After %q, want 503, 5", p.status, p.header.Get("Retry-After"))
			}
			shown := number[:3] + " " + number[3:6] + " " + number[6:9] + " " + number[9:]
			if !strings.Contains(p.body, shown) || strings.Contains(p.body, password) {
				t.Errorf("the page does not show the number again, or shows the password:\n%s", p.body)
			}
			seen[strings.ReplaceAll(strings.ReplaceAll(p.body, shown, ""), p.header.Get("X-Request-Reference"), "")] = true
		}
	}
	if len(seen) != 1 {
		t.Errorf("%d different pages, want one for known and unknown numbers", len(seen))
	}
	if n := w.stateEntries(); n != before || w.passwords.Evaluations() != evaluated {
		t.Errorf("%d entries kept, %d evaluations, want none", n-before, w.passwords.Evaluations()-evaluated)
	}
	if p := home.share(home.submit(again, "personal_number", numberLevel1, "password", password)); p.back == nil || p.back.Query().Get("code") == "" {
		t.Errorf("a device that was signed in with gets %d, want a code", p.status)
	}
	for _, l := range leave {
		l()
	}
	if p := a.share(a.submit(form, "personal_number", numberLevel1, "password", password)); p.back == nil || p.back.Query().Get("code") == "" {
		t.Errorf("after the surge the same form gives %d", p.status)
	}
}

// A device that was signed in with is not locked out by strangers, wherever they
// claim to be; the cookie names nobody and is for the server alone.
func TestDeviceCookie(t *testing.T) {
	w := newWorldWith(t, func(cfg *provider.Config, _ *provider.Deps) { cfg.Proxies = nil })
	holder := w.browser()
	var mark *http.Cookie
	holder.client.Transport = watching{func(res *http.Response) {
		for _, c := range res.Cookies() {
			if c.Name == "eidgate-device" {
				mark = c
			}
		}
	}}
	if p := holder.signIn(w.authorizeURL("portal"), numberLevel1); p.back == nil {
		t.Fatalf("sign-in ends with %d", p.status)
	}
	if mark == nil || !mark.HttpOnly || mark.SameSite != http.SameSiteLaxMode || mark.MaxAge != 365*24*3600 || strings.Contains(mark.Value, numberLevel1) {
		t.Fatalf("the cookie of the device is %v", mark)
	}
	stranger := w.browser()
	evaluated := w.passwords.Evaluations()
	form := stranger.get(w.authorizeURL("portal"))
	for i := range 30 {
		stranger.submit(form, "personal_number", numberLevel1, "password", fmt.Sprint("guess ", i))
	}
	if n := w.passwords.Evaluations() - evaluated; n != 5 {
		t.Errorf("%d guesses of a stranger were evaluated, want 5", n)
	}
	p := holder.get(w.authorizeURL("portal", "prompt", "login"))
	p = holder.share(holder.submit(p, "personal_number", numberLevel1, "password", password))
	if p.back == nil || p.back.Query().Get("code") == "" {
		t.Errorf("the holder's own device gets %d:\n%s", p.status, p.body)
	}
	if p := w.browser().signIn(w.authorizeURL("portal"), numberLevel1); p.status != http.StatusTooManyRequests {
		t.Errorf("an unknown device gets %d, want %d", p.status, http.StatusTooManyRequests)
	}
	if p := holder.get(w.authorizeURL("portal")); p.back == nil {
		t.Errorf("the living session gets %d", p.status)
	}
}

// watching shows each answer to a test.
type watching struct{ see func(*http.Response) }

func (w watching) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(r)
	if err == nil {
		w.see(res)
	}
	return res, err
}

// Made-up addresses in X-Forwarded-For do not escape the limit of the address that
// really sends, and one password is tried a few times at whatever numbers.
func TestSprayWithForgedAddresses(t *testing.T) {
	w := newWorld(t)
	a := w.browser()
	form := a.get(w.authorizeURL("portal"))
	evaluated, throttled := w.passwords.Evaluations(), 0
	for i := range 60 {
		a.client.Transport = from(fmt.Sprint("198.51.100.", i))
		p := a.submit(form, "personal_number", fmt.Sprintf("001203%06d", i), "password", "Matkhau@123")
		if p.status == http.StatusTooManyRequests {
			throttled++
		}
	}
	if n := w.passwords.Evaluations() - evaluated; n != 20 || throttled != 40 {
		t.Errorf("evaluated %d, throttled %d, want 20, 40", n, throttled)
	}
}

// from claims to forward a request of this address.
type from string

func (f from) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Header.Set("X-Forwarded-For", string(f))
	return http.DefaultTransport.RoundTrip(r)
}
