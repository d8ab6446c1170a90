package main_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"eidgate/web/browsertest"
)

const (
	phoneWidth  = 360 // CSS pixels
	phoneHeight = 800
	smallest    = 320 // width at which everything is still one column
	patience    = 30 * time.Second
)

// tab is a browser of one person: a phone of 360 by 800, without script.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu         sync.Mutex
	loads      int            // pages that arrived
	documents  map[string]int // status of each document asked for, by address
	complaints []string       // of the browser about our pages

	page    arrival
	screens []string // h1 of every page that arrived, in order
	shots   string   // directory of screenshots; empty: none
	taken   int      // screenshots so far
}

// arrival is the page that a person now looks at.
type arrival struct {
	URL    string   `json:"url"`
	Title  string   `json:"title"`
	H1     []string `json:"h1"`
	Text   string   `json:"text"`   // as seen
	Focus  string   `json:"focus"`  // id or name of the element that has it
	Faults []string `json:"faults"` // what no page of ours may have
}

// newTab opens a tab with an empty cookie jar. At the test's end the browser
// must have had nothing to complain about.
func newTab(chromium context.Context, t *testing.T) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(chromium, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	b := &tab{t: t, ctx: ctx, documents: map[string]int{}, shots: os.Getenv("EIDGATE_SCREENSHOTS")}
	must(t, chromedp.Listen(ctx, b.hear))
	b.do(
		browsertest.Call(audits.Enable, cdp.Empty{}),
		browsertest.Call(log.Enable, cdp.Empty{}),
		browsertest.Call(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}),
		browsertest.Call(emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}),
		chromedp.EmulateViewport(phoneWidth, phoneHeight, chromedp.EmulateMobile),
	)
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, c := range b.complaints {
			t.Error("browser:", c)
		}
		if t.Failed() {
			t.Logf("screens: %q\nnow at %s:\n%s", b.screens, b.page.URL, b.page.Text)
		}
	})
	return b
}

// hear notes what the browser reports.
func (b *tab) hear(ev any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	complain := func(format string, args ...any) { b.complaints = append(b.complaints, fmt.Sprintf(format, args...)) }
	switch ev := ev.(type) {
	case *page.EventLoadEventFired:
		b.loads++
	case *network.EventResponseReceived:
		if ev.Type == network.ResourceTypeDocument {
			b.documents[ev.Response.URL] = int(ev.Response.Status)
		} else if ev.Response.Status >= 400 {
			complain("%s answered %d", ev.Response.URL, ev.Response.Status)
		}
	case *network.EventLoadingFailed:
		if !ev.Canceled {
			complain("loading a %s failed: %s %s", ev.Type, ev.ErrorText, ev.BlockedReason)
		}
	case *log.EventEntryAdded:
		// The browser logs each refusal that we answer with its status.
		if ev.Entry.Source == log.EntrySourceNetwork && b.documents[ev.Entry.URL] >= 400 {
			return
		}
		complain("%s %s: %s (%s)", ev.Entry.Source, ev.Entry.Level, ev.Entry.Text, ev.Entry.URL)
	case *runtime.EventExceptionThrown:
		complain("exception: %v", ev.ExceptionDetails)
	case *runtime.EventConsoleAPICalled:
		complain("console.%s", ev.Type)
	case *audits.EventIssueAdded:
		if g := ev.Issue.Details.GenericIssueDetails; g != nil {
			if g.ErrorType == audits.GenericIssueErrorTypeNavigationEntryMarkedSkippable {
				return // Back skips a page that moves on by itself, as it should
			}
			complain("issue %s: %s", ev.Issue.Code, g.ErrorType)
			return
		}
		complain("issue %s", ev.Issue.Code)
	}
}

func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.t.Fatalf("at %q: %v", b.screens, err)
	}
}

// arriving does what leads to another page, and waits for it.
func (b *tab) arriving(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	before := b.loaded()
	b.do(actions...)
	b.until("a page arrives", func() bool { return b.loaded() > before })
	b.look()
}

func (b *tab) loaded() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.loads
}

// until polls for what the browser does in its own time.
func (b *tab) until(what string, holds func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.t.Fatalf("waiting until %s: not after %v; screens %q; browser %q", what, patience, b.screens, b.complaints)
		}
	}
}

// look reads the page that arrived, checks it and takes its picture.
func (b *tab) look() {
	b.t.Helper()
	b.page = b.read()
	b.screens = append(b.screens, strings.Join(b.page.H1, " / "))
	for _, fault := range b.page.Faults {
		b.t.Errorf("page %q: %s", b.page.H1, fault)
	}
	b.resize(smallest)
	for _, fault := range b.read().Faults {
		b.t.Errorf("page %q at %d: %s", b.page.H1, smallest, fault)
	}
	b.resize(phoneWidth)
	b.picture()
}

// resize gives the phone a width, as soon as a page is there to be resized.
func (b *tab) resize(width int64) {
	b.t.Helper()
	b.until("the page is resized", func() bool {
		ctx, cancel := context.WithTimeout(b.ctx, patience)
		defer cancel()
		err := chromedp.Do(ctx, chromedp.EmulateViewport(width, phoneHeight, chromedp.EmulateMobile))
		if err != nil && !isNavigating(err) {
			b.t.Fatalf("resizing %q: %v", b.screens, err)
		}
		return err == nil
	})
}

// read asks the page for what a person meets there. It runs although the page's
// own scripts may not. While the browser goes on to another page there is none to
// ask, so it asks again.
func (b *tab) read() arrival {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	for {
		a, err := chromedp.Run(ctx, chromedp.Evaluate[arrival](readPage))
		if err == nil {
			return a
		}
		if ctx.Err() != nil || !isNavigating(err) {
			b.t.Fatalf("reading the page after %q: %v", b.screens, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// isNavigating reports whether a command failed because the page it was for is
// gone or not there yet.
func isNavigating(err error) bool {
	for _, text := range []string{
		"Not attached to an active page", "Execution context was destroyed", "Cannot find context", "Inspected target navigated",
		"Cannot read properties of null", unfinished,
	} {
		if strings.Contains(err.Error(), text) {
			return true
		}
	}
	return false
}

// unfinished is said of a page whose end has not arrived: the load that was waited for
// was then that of a page before, which moved on by itself.
const unfinished = "the page is not all there yet"

const readPage = `(() => {
  if (document.readyState !== 'complete') throw new Error('` + unfinished + `');
  const faults = [], root = document.documentElement;
  const text = e => (e.innerText || '').trim().replace(/\s+/g, ' ');
  const named = e => e.id || e.name || text(e) || e.tagName;
  if (root.scrollWidth > screen.width) faults.push('scrolls sideways: ' + root.scrollWidth + ' of ' + screen.width);
  const h1 = [...document.querySelectorAll('h1')].map(text);
  if (h1.length !== 1 || !h1[0]) faults.push('want one h1, got ' + JSON.stringify(h1));
  if (!['vi', 'en'].includes(root.lang)) faults.push('lang is ' + root.lang);
  if (!document.title) faults.push('no title');
  for (const e of document.querySelectorAll('button:not([aria-hidden=true]), input:not([type=hidden]), select, textarea, summary, a.button')) {
    if (!e.checkVisibility()) continue; // for password managers, or shown by a script
    const box = e.getBoundingClientRect(), size = parseFloat(getComputedStyle(e).fontSize);
    if (box.height < 47.9) faults.push(named(e) + ' is ' + box.height + ' high');
    if (box.left < 0 || box.right > screen.width + .5) faults.push(named(e) + ' reaches over the edge');
    if (size < 16) faults.push(named(e) + ' has text of ' + size);
    if (e.tagName === 'INPUT' && !(e.labels && e.labels.length)) faults.push(named(e) + ' has no label');
  }
  const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
  for (const id of ids.filter((v, i) => ids.indexOf(v) !== i)) faults.push('id twice: ' + id);
  for (const e of document.querySelectorAll('[aria-describedby], [aria-labelledby]'))
    for (const id of ((e.getAttribute('aria-describedby') || '') + ' ' + (e.getAttribute('aria-labelledby') || '')).trim().split(/\s+/))
      if (!ids.includes(id)) faults.push(named(e) + ' points to #' + id + ', which is not there');
  const focus = document.activeElement;
  return {url: location.href, title: document.title, h1, text: document.body.innerText, faults,
    focus: focus && focus !== document.body ? named(focus) : ''};
})()`

// open types an address.
func (b *tab) open(address string) {
	b.t.Helper()
	b.arriving(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, page.Navigate, page.NavigateParams{URL: address})
		return err
	}))
}

// labelled finds a button or link by what it says, whole or in one of its parts.
func labelled(label string) chromedp.Search {
	return chromedp.Search(fmt.Sprintf(
		`//*[self::button or self::a][normalize-space(.)=%[1]q or .//span[normalize-space(.)=%[1]q]]`, label))
}

// press clicks a button or link and waits for the page behind it.
func (b *tab) press(label string) {
	b.t.Helper()
	b.arriving(chromedp.Click(labelled(label), chromedp.NodeVisible))
}

// fill types into a field that is still empty.
func (b *tab) fill(field, value string) {
	b.t.Helper()
	b.do(chromedp.SendKeys(chromedp.CSS("#"+field), value, chromedp.NodeVisible))
}

// clear empties a field.
func (b *tab) clear(field string) {
	b.t.Helper()
	b.do(chromedp.Focus(chromedp.CSS("#"+field)),
		chromedp.KeyEvent("a", chromedp.KeyModifiers(chromedp.ModifierCtrl)), chromedp.KeyEvent(kb.Backspace))
}

// value is what a field holds.
func (b *tab) value(field string) string {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Value(chromedp.CSS("#"+field)))
	must(b.t, err)
	return v
}

// back presses the browser's Back button.
func (b *tab) back() {
	b.t.Helper()
	history := func() (h page.GetNavigationHistoryResult) {
		b.until("the history is known", func() (ok bool) {
			var err error
			h, err = chromedp.Call(b.ctx, page.GetNavigationHistory, cdp.Empty{})
			if err != nil && !isNavigating(err) {
				b.t.Fatalf("reading the history: %v", err)
			}
			return err == nil
		})
		return h
	}
	h := history()
	to := h.Entries[h.CurrentIndex-1]
	b.do(browsertest.Call(page.NavigateToHistoryEntry, page.NavigateToHistoryEntryParams{EntryID: to.ID}))
	b.until("the page before is back", func() bool {
		if history().CurrentIndex != h.CurrentIndex-1 {
			return false
		}
		done, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](`document.readyState === "complete"`))
		return err == nil && done
	})
	b.look()
}

// at fails unless the page has this heading.
func (b *tab) at(heading string) {
	b.t.Helper()
	if !slices.Equal(b.page.H1, []string{heading}) {
		b.t.Fatalf("h1 = %q, want %q; screens %q", b.page.H1, heading, b.screens)
	}
}

// sees reports texts that are missing from the page.
func (b *tab) sees(texts ...string) {
	b.t.Helper()
	seen := strings.Join(strings.Fields(b.page.Text), " ")
	for _, text := range texts {
		if !strings.Contains(seen, text) {
			b.t.Errorf("page %q does not say %q", b.page.H1, text)
		}
	}
}

// misses reports texts that the page shows and must not.
func (b *tab) misses(texts ...string) {
	b.t.Helper()
	for _, text := range texts {
		if strings.Contains(b.page.Text, text) {
			b.t.Errorf("page %q says %q", b.page.H1, text)
		}
	}
}

// status is the HTTP status of the page.
func (b *tab) status() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	address, _, _ := strings.Cut(b.page.URL, "#")
	return b.documents[address]
}

// picture writes the whole page as it looks in the light and in the dark.
func (b *tab) picture() {
	b.t.Helper()
	if b.shots == "" {
		return
	}
	b.taken++
	must(b.t, os.MkdirAll(b.shots, 0o755))
	name := strings.NewReplacer("TestBrowser/", "", "/", "-", "_", "-").Replace(b.t.Name())
	for _, scheme := range []string{"light", "dark"} {
		b.scheme(scheme)
		image, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
		must(b.t, err)
		file := fmt.Sprintf("%s-%02d-%s.png", name, b.taken, scheme)
		must(b.t, os.WriteFile(filepath.Join(b.shots, file), image, 0o644))
	}
	b.scheme("light")
}

func (b *tab) scheme(name string) {
	b.t.Helper()
	b.do(browsertest.Call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: name},
			{Name: "prefers-reduced-motion", Value: "reduce"}, // no picture of a transition
		},
	}))
}
