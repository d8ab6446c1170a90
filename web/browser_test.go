package web

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"eidgate/web/browsertest"
)

// TestBrowser looks at every page in every state and language in Chromium, under
// its real headers: nothing of what ux.md asks of all pages may be missing.
func TestBrowser(t *testing.T) {
	axe, err := browsertest.AxeSource(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p := newPages(t)
	chromium := browsertest.Start(t)
	desks := make(chan *desk, min(runtime.GOMAXPROCS(0), 3))
	for range cap(desks) {
		desks <- newDesk(chromium, t, p)
	}
	for _, lang := range served() {
		for _, s := range shown() {
			t.Run(lang+"/"+s.name, func(t *testing.T) {
				t.Parallel()
				d := <-desks
				defer func() { desks <- d }()
				d.inspect(t, axe, lang, s)
			})
		}
	}
}

// shown are the samples and the one page that has a writer of its own.
func shown() []sample {
	return append(samples(), sample{name: formPostSample})
}

const formPostSample = "form_post"

// desk is a tab and the gateway's pages for it: what it posts is seen.
type desk struct {
	ctx    context.Context
	server *httptest.Server
	posts  chan url.Values

	mu    sync.Mutex
	hosts []string // that pages asked, other than the server
}

func newDesk(chromium context.Context, t *testing.T, p *Pages) *desk {
	d := &desk{ctx: browsertest.NewTab(chromium, t), posts: make(chan url.Values, 1)}
	pages := samplePages(p)
	pages.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm() // the values tell
		d.posts <- r.PostForm
		_, _ = io.WriteString(w, "<!doctype html><title>posted</title>")
	})
	d.server = httptest.NewServer(pages)
	t.Cleanup(d.server.Close)
	must(t, chromedp.Listen(d.ctx, d.hear))
	// The frames of a sample lead to portals that are not there.
	must(t, chromedp.Do(d.ctx, browsertest.Call(network.SetBlockedURLs, network.SetBlockedURLsParams{
		URLPatterns: []*network.BlockPattern{{URLPattern: "http://127.0.0.1:8401/*", Block: true}},
	})))
	return d
}

// samplePages serves every sample at /page/LANGUAGE/NAME, as the gateway would.
func samplePages(p *Pages) *http.ServeMux {
	pages := map[string]Page{}
	for _, s := range samples() {
		pages[s.name] = s.page
	}
	mux := http.NewServeMux()
	mux.Handle("GET /assets/", p.Assets())
	mux.HandleFunc("GET /page/{lang}/{name}", func(w http.ResponseWriter, r *http.Request) {
		if page, ok := pages[r.PathValue("name")]; ok {
			page.Refresh, page.Language = "", r.PathValue("lang") // a refresh would take it away
			p.Render(w, r, page)
			return
		}
		p.RenderFormPost(w, r, FormPost{Language: r.PathValue("lang"), Action: "http://" + r.Host + "/cb", Params: []Param{{"code", "sample"}, {"state", hostile}}})
	})
	return mux
}

// hear notes the hosts that a page needs besides its own.
func (d *desk) hear(ev any) {
	request, ok := ev.(*network.EventRequestWillBeSent)
	if !ok || strings.HasPrefix(request.Request.URL, d.server.URL+"/") || strings.HasPrefix(request.Request.URL, "data:") {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hosts = append(d.hosts, originOf(request.Request.URL))
}

func (d *desk) foreign() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	hosts := d.hosts
	d.hosts = nil
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

func (d *desk) inspect(t *testing.T, axe, lang string, s sample) {
	d.foreign()
	address := fmt.Sprintf("%s/page/%s/%s", d.server.URL, lang, s.name)
	if err := browsertest.Open(d.ctx, address); err != nil {
		t.Fatalf("opening: %v", err)
	}
	expected := browsertest.Page{Lang: lang}
	if scripted(s) {
		expected.Scripts = 1
	}
	// Scripts do not run here: what one would show is looked at as well.
	must(t, chromedp.Do(d.ctx, chromedp.Evaluate[chromedp.Void](`document.querySelectorAll('[data-passkey], [data-show]').forEach(box => box.hidden = false)`)))
	faults, err := browsertest.Inspect(d.ctx, axe, expected)
	if err != nil {
		t.Fatalf("inspecting: %v", err)
	}
	if lang == defaultLanguage { // the controls are the same in all
		found, primary, err := browsertest.Keyboard(d.ctx, address)
		if err != nil {
			t.Fatalf("with the keyboard: %v", err)
		}
		faults = append(faults, found...)
		if primary {
			d.enter(t)
		}
	}
	for _, fault := range faults {
		t.Error(fault)
	}
	if got := d.foreign(); !slices.Equal(got, s.page.FrameSrc) {
		t.Errorf("page asks %q, want %q", got, s.page.FrameSrc)
	}
}

// enter presses Enter on the button that has the focus.
func (d *desk) enter(t *testing.T) {
	t.Helper()
	want, err := chromedp.Run(d.ctx, chromedp.Evaluate[map[string]string](`({[document.activeElement.name]: document.activeElement.value})`))
	must(t, err)
	ctx, cancel := context.WithTimeout(d.ctx, browsertest.Patience)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, browsertest.PressEnter()); err != nil {
		t.Fatalf("Enter on the primary button leads nowhere: %v", err)
	}
	form := <-d.posts
	for name, value := range want {
		if name != "" && form.Get(name) != value {
			t.Errorf("Enter on the primary button sends %s=%q, want %q", name, form.Get(name), value)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
