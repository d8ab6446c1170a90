package provider_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"eidgate/eid"
	"eidgate/web/browsertest"
)

// phone is a browser of 360 pixels without script.
type phone struct {
	t     *testing.T
	ctx   context.Context
	shots string // directory of screenshots; empty: none
	taken *int   // pictures so far
}

func newPhone(chromium context.Context, t *testing.T, taken *int) *phone {
	t.Helper()
	b := &phone{t: t, ctx: browsertest.NewTab(chromium, t), shots: os.Getenv("EIDGATE_SCREENSHOTS"), taken: taken}
	must(t, chromedp.Do(b.ctx, chromedp.EmulateViewport(360, 800, chromedp.EmulateMobile)))
	return b
}

// open goes to an address that leads to a page with a heading.
func (b *phone) open(address, heading string) {
	b.t.Helper()
	must(b.t, browsertest.Open(b.ctx, address))
	b.at(heading)
}

// press fills in fields by their names and presses a button, until a page with a
// heading is there.
func (b *phone) press(button, heading string, fields ...string) {
	b.t.Helper()
	var js strings.Builder
	for i := 0; i < len(fields); i += 2 {
		fmt.Fprintf(&js, "document.querySelector('[name=%s]').value = %q; ", fields[i], fields[i+1])
	}
	fmt.Fprintf(&js, "const b = [...document.querySelectorAll('main button')].find(b => b.innerText.includes(%q)); if (b) b.click(); !!b", button)
	found, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](js.String()))
	if err != nil || !found {
		b.t.Fatalf("no button %q, %v", button, err)
	}
	b.at(heading)
}

// at waits for a page with a heading, and holds it to what all pages are held to.
func (b *phone) at(heading string) {
	b.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		seen, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`(document.querySelector('h1') || document.documentElement).innerText + '|' + document.readyState`))
		if err == nil && strings.Contains(seen, heading) && strings.HasSuffix(seen, "|complete") {
			break
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("at %q, %v, want %q", seen, err, heading)
		}
	}
	wide, err := chromedp.Run(b.ctx, chromedp.Evaluate[int](`document.documentElement.scrollWidth`))
	if err != nil || wide > 360 {
		b.t.Errorf("%q is %d wide, %v, want 360 at most", heading, wide, err)
	}
	if b.shots != "" {
		shot, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(90))
		must(b.t, err)
		*b.taken++
		must(b.t, os.WriteFile(filepath.Join(b.shots, fmt.Sprintf("old-account-%s-%02d.png", strings.ReplaceAll(b.t.Name(), "/", "-"), *b.taken)), shot, 0o600))
	}
}

// TestOldAccountInChromium: the notice with another time, verifying at the next one in
// five screens, and after the day the refusal that is the way.
func TestOldAccountInChromium(t *testing.T) {
	chromium := browsertest.Start(t)
	for lang, say := range map[string][]string{
		"vi": {"Chọn tài khoản", "Tài khoản cũ", "Đăng nhập", titleStops, "Để sau", "Xác minh", titleConfirmLink, "Liên kết", titleVerify, "Đăng nhập bằng"},
		"en": {"Choose", "Old account", "Sign in", "stops on", "Later", "Verify", "Link these two accounts?", "Link", "Old account needs verifying", "Sign in with"},
	} {
		t.Run(lang, func(t *testing.T) {
			choose, tile, signIn, stops, later, verify, confirm, link, overdue := say[0], say[1], say[2], say[3], say[4], say[5], say[6], say[7], say[8]
			w, taken := newOldWorld(t), 0
			must(t, w.db.ApplyRegistrations(t.Context(), w.parties, w.englishNames(), "file", "system"))
			address := w.authorizeURL("portal", "scope", "openid", "ui_locales", lang)
			comes := func(heading string) *phone {
				b := newPhone(chromium, t, &taken)
				b.open(address, choose)
				b.press(tile, signIn)
				b.press(signIn, heading, "login_name", "mau.cu", "password", oldPassword)
				return b
			}
			b := comes(stops)
			w.leaves(b, later)
			w.pass(8 * 24 * time.Hour)
			b = comes(stops)
			b.press(verify, signIn)
			b.press(signIn, confirm, "personal_number", numberLevel1, "password", password)
			w.leaves(b, link)
			if w.state1() != eid.ImportedVerified {
				t.Errorf("state = %v, want verified", w.state1())
			}
			held, _ := w.linkOfOld("mau.cu")
			must(t, w.accounts.EndLink(t.Context(), held.ID, "operator:test"))
			w.pass(w.verifyBy.Sub(w.clock()))
			b = comes(overdue)
			b.press(say[9], signIn)
		})
	}
}

// leaves presses a button that leads back to the portal, which is not there.
func (w *oldWorld) leaves(b *phone, button string) {
	w.t.Helper()
	before := w.rows(eid.ActionGrantIssued)
	js := fmt.Sprintf("const b = [...document.querySelectorAll('main button')].find(b => b.innerText.includes(%q)); if (b) b.click(); !!b", button)
	found, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](js))
	if err != nil || !found {
		b.t.Fatalf("no button %q, %v", button, err)
	}
	for deadline := time.Now().Add(10 * time.Second); w.rows(eid.ActionGrantIssued) == before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.body.innerText`))
			b.t.Fatalf("%q leads not back to the portal\n%s", button, text)
		}
	}
}

// englishNames are the sources as they are registered, with names in English.
func (w *oldWorld) englishNames() []eid.Source {
	w.t.Helper()
	sources, err := w.db.Sources(w.t.Context())
	must(w.t, err)
	i := slices.IndexFunc(sources, func(s eid.Source) bool { return s.ID == "old" })
	sources[i].NameEN = "Old account of the test portal"
	return sources
}
