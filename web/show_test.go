package web

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"eidgate/web/browsertest"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// TestShowScript: a password that is being chosen can be seen and hidden again, and goes
// out as a password; where no script runs there is no box.
func TestShowScript(t *testing.T) {
	if n := len(showScript); n == 0 || n > 3<<10 {
		t.Errorf("the script has %d bytes, want at most 3 KiB", n)
	}
	if strings.Contains(string(showScript), "</") || strings.Contains(string(showScript), "<!--") {
		t.Error("the script holds what ends it")
	}
	p := newPages(t)
	server := httptest.NewServer(samplePages(p))
	defer server.Close()
	tab := browsertest.NewTab(browsertest.Start(t), t)
	look := func() []string {
		seen, err := chromedp.Run(tab, chromedp.Evaluate[[]string](`[String(document.querySelector('[data-show]').checkVisibility()), document.getElementById('new_password').type]`))
		must(t, err)
		return seen
	}
	expect := func(when, visible, kind string) {
		t.Helper()
		if got, want := look(), []string{visible, kind}; !slices.Equal(got, want) {
			t.Errorf("%s: box seen and kind of field = %q, want %q", when, got, want)
		}
	}
	pages := []string{"register_password", "recover-password", "new_password", "me-password"}
	looked := 0
	for _, s := range samples() {
		if !slices.Contains(pages, s.name) {
			continue
		}
		looked++
		run := func(scripts bool) {
			must(t, chromedp.Do(tab, browsertest.Call(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !scripts})))
			must(t, browsertest.Open(tab, server.URL+"/page/vi/"+s.name))
		}
		run(false)
		expect(s.name+" without script", "false", "password")
		run(true)
		expect(s.name, "true", "password")
		click := chromedp.Click(chromedp.CSS("#show"), chromedp.NodeVisible)
		must(t, chromedp.Do(tab, click))
		expect(s.name+" shown", "true", "text")
		must(t, chromedp.Do(tab, click))
		expect(s.name+" hidden again", "true", "password")
		must(t, chromedp.Do(tab, click, chromedp.Evaluate[chromedp.Void](`document.forms['bieu-mau'].dispatchEvent(new Event('submit'))`)))
		expect(s.name+" sent", "true", "password")
	}
	if looked != len(pages) {
		t.Errorf("%d pages looked at, want %d", looked, len(pages))
	}
}
