package main_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// sent is one answer of a flood.
type sent struct {
	status int
	header http.Header
	body   string
}

// visitor is a browser that takes refusals as they come.
func visitor(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	must(t, err)
	return &http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}}
}

func send(t *testing.T, client *http.Client, r *http.Request) sent {
	t.Helper()
	res, err := client.Do(r)
	if err != nil {
		t.Error(err)
		return sent{}
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Error(err)
	}
	return sent{res.StatusCode, res.Header, string(body)}
}

func (d *demoRun) request(t *testing.T, method, address, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	must(t, err)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return r
}

// guess opens the form of a new sign-in and returns what sends a guess from it.
func (d *demoRun) guess(t *testing.T, portal *party) func(number, password string) sent {
	t.Helper()
	client := visitor(t)
	page := screen{body: send(t, client, d.request(t, http.MethodGet, portal.request().address, "")).body}
	pick := page.hidden()
	pick.Set("source", sourceNational)
	page = screen{body: send(t, client, d.request(t, http.MethodPost, d.Issuer+"/login", pick.Encode())).body}
	return func(number, password string) sent {
		form := page.hidden()
		form.Set("personal_number", number)
		form.Set("password", password)
		return send(t, client, d.request(t, http.MethodPost, d.Issuer+"/login", form.Encode()))
	}
}

// One password over many numbers is evaluated a few times; who signed in on this
// device before is let in all the same.
func TestSprayIsThrottled(t *testing.T) {
	d := startDemo(t)
	portal, holder := d.party(t, "portal-1"), d.browser(t)
	portal.signIn(holder, d.account("002"))
	guess := d.guess(t, portal)
	count := map[int]int{}
	for i := range 60 {
		count[guess(fmt.Sprintf("001203%06d", 500_000+i), "Matkhau@123").status]++
	}
	if count[http.StatusUnprocessableEntity] != 20 || count[http.StatusTooManyRequests] != 40 {
		t.Errorf("answers = %v, want 20 evaluated, 40 throttled", count)
	}
	for i := range 10 {
		guess(d.account("002").PersonalNumber, fmt.Sprint("a guess ", i))
	}
	r := portal.request("prompt", "login")
	portal.redeem(r, holder.fill(holder.get(r.address), d.account("002")))
}

// Many more sign-ins at once than can be evaluated: each is answered, the rest is
// told to try again, and the gateway is what it was afterwards.
func TestSurge(t *testing.T) {
	d := startDemo(t)
	portal := d.party(t, "portal-1")
	guesses := make([]func(string, string) sent, 120)
	for i := range guesses {
		guesses[i] = d.guess(t, portal)
	}
	var mu sync.Mutex
	count := map[int]int{}
	var group sync.WaitGroup
	for i, guess := range guesses {
		group.Go(func() {
			got := guess(fmt.Sprintf("001203%06d", 600_000+i), fmt.Sprint("a guess ", i))
			if got.status == http.StatusServiceUnavailable && (got.header.Get("Retry-After") == "" || !strings.Contains(got.body, fmt.Sprintf("600 %03d", i))) {
				t.Errorf("a shed sign-in has Retry-After %q and not the number", got.header.Get("Retry-After"))
			}
			mu.Lock()
			defer mu.Unlock()
			count[got.status]++
		})
	}
	group.Wait()
	// How many are shed depends on the machine.
	if count[http.StatusUnprocessableEntity] == 0 || count[http.StatusUnprocessableEntity]+count[http.StatusServiceUnavailable] != len(guesses) {
		t.Errorf("answers = %v, want some evaluated, the rest shed", count)
	}
	t.Logf("answers of the surge: %v", count)
	portal.signIn(d.browser(t), d.account("002"))
}

// Floods that bring nothing: unknown clients, garbage, connections that say
// nothing. Whoever signs in meanwhile is served.
func TestFloods(t *testing.T) {
	d := startDemo(t)
	portal := d.party(t, "portal-1")
	for range 500 {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", d.Addr)
		must(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		_, err = io.WriteString(conn, "POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\nx")
		must(t, err)
	}
	var group sync.WaitGroup
	for worker := range 16 {
		client := visitor(t)
		group.Go(func() {
			for i := range 30 {
				path := []string{
					"/authorize?client_id=" + url.QueryEscape(fmt.Sprint("nobody ", worker, i)),
					"/authorize?" + strings.Repeat("&;%zz=", 500), "/token", "/authorize?x=" + strings.Repeat("x", 17_000),
				}[i%4]
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.Issuer+path, nil)
				if err != nil {
					t.Error(err)
					return
				}
				r.Header.Set("Cookie", "eidgate="+strings.Repeat("x", 20_000))
				if got := send(t, client, r); got.status < 400 || got.status == http.StatusInternalServerError {
					t.Errorf("%.40s = %d", path, got.status)
				}
			}
		})
	}
	portal.signIn(d.browser(t), d.account("002"))
	group.Wait()
	portal.signIn(d.browser(t), d.account("003"))
	if got := d.browser(t).get(d.Issuer + "/readyz"); got.status != http.StatusOK {
		t.Errorf("readyz = %d", got.status)
	}
}
