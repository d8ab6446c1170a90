package demo

import (
	"context"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/chromedp/chromedp"

	"eidgate/eid"
	"eidgate/web/browsertest"
)

// TestAccessible holds every page of a portal to what the gateway's own pages
// are held to, in both languages.
func TestAccessible(t *testing.T) {
	axe, err := browsertest.AxeSource(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	chromium := browsertest.Start(t)
	f := newFakeProvider(t)
	f.acr = eid.StandardVocabulary().Level2
	green := startPortal(t, f, func(c *Config) { c.TitleEN = "Trial portal" })
	wine := startPortal(t, f, func(c *Config) {
		c.Name, c.Title, c.TitleEN, c.MinLevel = "8402", "Cổng thử nghiệm, mức 2", "Trial portal, Level 2", eid.Level2
	})
	away := httptest.NewServer(nil) // a provider that is no more
	away.Close()
	cut := startPortal(t, f, func(c *Config) { c.Name, c.Issuer = "8403", away.URL })

	for _, l := range []lang{vietnamese, english} {
		desk := &desk{t, browsertest.NewTab(chromium, t), axe, l}
		if l == english {
			for _, portal := range []string{green, wine, cut} {
				desk.open(portal)
				desk.press("form[action='/language'] button")
			}
		}
		f.editAnswer = nil
		desk.inspect("home", green)
		desk.inspect("home of Level 2", wine)
		desk.inspect("wrong request", green+"/login?acr=9")
		desk.inspect("not found", green+"/nowhere")
		desk.inspect("no login", green+"/callback?state=foreign&code=x")
		desk.inspect("gateway away", cut+"/login")
		for _, code := range []string{"access_denied", "unmet_authentication_requirements", "server_error"} {
			f.editAnswer = func(q url.Values) {
				q.Del("code")
				q.Set("error", code)
				q.Set("error_description", "a-long-word-of-the-provider-without-any-room-to-break-it-in-two")
			}
			desk.open(green + "/login?acr=2+1")
			desk.inspect("refused: "+code, green)
		}
		f.editAnswer = nil
		desk.open(wine + "/login?acr=2&essential=1")
		desk.inspect("signed in", wine)
		desk.inspect("service of Level 2", wine+servicePath)
		f.editAnswer = func(q url.Values) { q.Del("code"); q.Set("error", "access_denied") }
		desk.open(wine + "/login")
		desk.inspect("refused, still signed in", wine)
		desk.press("form[action='/logout'] button")
		desk.inspectHere("signed out")
	}
}

// desk is a tab and what its pages are held to.
type desk struct {
	t   *testing.T
	ctx context.Context
	axe string
	in  lang
}

func (d *desk) open(address string) {
	d.t.Helper()
	if err := browsertest.Open(d.ctx, address); err != nil {
		d.t.Fatalf("opening %s: %v", address, err)
	}
}

// press clicks a button and waits for the page behind it.
func (d *desk) press(button string) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.ctx, browsertest.Patience)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, chromedp.Click(chromedp.CSS(button), chromedp.NodeVisible)); err != nil {
		d.t.Fatalf("pressing %s: %v", button, err)
	}
}

// inspect opens a page, looks at it and goes through it with the keyboard.
func (d *desk) inspect(name, address string) {
	d.t.Helper()
	d.open(address)
	d.inspectHere(name)
	found, _, err := browsertest.Keyboard(d.ctx, address)
	if err != nil {
		d.t.Fatalf("%s/%s with the keyboard: %v", d.in, name, err)
	}
	d.report(name, found)
}

// inspectHere looks at a page that a form led to.
func (d *desk) inspectHere(name string) {
	d.t.Helper()
	faults, err := browsertest.Inspect(d.ctx, d.axe, browsertest.Page{Lang: string(d.in)})
	if err != nil {
		d.t.Fatalf("inspecting %s/%s: %v", d.in, name, err)
	}
	d.report(name, faults)
}

func (d *desk) report(name string, faults []string) {
	d.t.Helper()
	for _, fault := range faults {
		d.t.Errorf("%s/%s: %s", d.in, name, fault)
	}
}
