package browsertest

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
)

//go:embed inspect.js
var inspector string

// Page is what a page is held to.
type Page struct {
	Lang    string // of the document
	Scripts int    // that it may have
}

// Inspect looks at the page that is open and tells what is wrong with it, each
// finding under the view in which it shows. axe is AxeSource.
//
// A page is held to axe in light and dark, on a phone and a laptop; to what the
// reader may set: text of 200 %, a zoom of 400 % (1280 by 1024 become 320 by 256;
// WCAG 2.2, 1.4.10), text spacing, forced colours, no motion; and to the names
// that a screen reader hears.
func Inspect(ctx context.Context, axe string, p Page) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, thorough)
	defer cancel()
	phone, laptop, zoomed := View{Width: 360, Height: 800}, View{Width: 1280, Height: 800}, View{Width: 320, Height: 256}
	if err := chromedp.Do(ctx, phone.show(), chromedp.Evaluate[chromedp.Void](axe)); err != nil {
		return nil, fmt.Errorf("loading axe: %w", err)
	}
	text, err := chromedp.Run(ctx, ask[string]("text()"))
	if err != nil {
		return nil, err
	}
	shell, controls := ask[[]string](fmt.Sprintf("shell(%q, %d)", p.Lang, p.Scripts)), ask[[]string]("controls()")
	var faults []string
	last := phone
	for _, look := range []struct {
		at    View
		looks []chromedp.Action[[]string]
	}{
		{phone, []chromedp.Action[[]string]{shell, names, ask[[]string]("motion()"), controls, sound(phone, text), holdTo(everyRule)}},
		{phone.dark(), []chromedp.Action[[]string]{holdTo(looksOnly)}},
		{phone.big(), []chromedp.Action[[]string]{sound(phone, text)}},
		{phone.spaced(), []chromedp.Action[[]string]{sound(phone, text)}},
		{phone.forced(), []chromedp.Action[[]string]{ask[[]string]("borders()")}},
		{laptop, []chromedp.Action[[]string]{controls, sound(laptop, text), holdTo(looksOnly)}},
		{laptop.dark(), []chromedp.Action[[]string]{holdTo(everyRule)}},
		{laptop.big(), []chromedp.Action[[]string]{sound(laptop, text)}},
		{laptop.spaced(), []chromedp.Action[[]string]{sound(laptop, text)}},
		{zoomed, []chromedp.Action[[]string]{sound(zoomed, text)}},
		{zoomed.spaced(), []chromedp.Action[[]string]{sound(zoomed, text)}},
	} {
		found, err := see(ctx, last, look.at, look.looks)
		if err != nil {
			return nil, err
		}
		faults, last = append(faults, found...), look.at
	}
	return faults, nil
}

// see looks at the page in one view, after another.
func see(ctx context.Context, last, v View, looks []chromedp.Action[[]string]) (faults []string, err error) {
	if err := chromedp.Do(ctx, v.after(last)); err != nil {
		return nil, fmt.Errorf("showing %v: %w", v, err)
	}
	for _, look := range looks {
		found, err := chromedp.Run(ctx, look)
		if err != nil {
			return nil, fmt.Errorf("inspecting at %v: %w", v, err)
		}
		for _, fault := range found {
			faults = append(faults, fmt.Sprintf("%v: %s", v, fault))
		}
	}
	return faults, nil
}

// ask calls a function of the inspector.
func ask[T any](call string) chromedp.Action[T] {
	return chromedp.Evaluate[T](inspector + "." + call)
}

// What axe holds a page to. The document is the same in every view, so that all
// rules look at it in two opposite ones, and those about looks in each.
const (
	everyRule = "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']" // WCAG 2.2 AA
	looksOnly = "{type: 'rule', values: ['color-contrast', 'target-size', 'link-in-text-block', 'scrollable-region-focusable']}"
)

// holdTo runs axe. What it cannot decide it leaves to a person: here that is a
// fault, and the page is to be made plain.
//
// axe waits for timers, so that scripts run meanwhile. Those of the page were
// passed over when it was read, and stay so.
func holdTo(rules string) chromedp.Action[[]string] {
	return func(ctx context.Context, t *chromedp.Target) ([]string, error) {
		if _, err := scripts(true)(ctx, t); err != nil {
			return nil, err
		}
		found, err := chromedp.Evaluate[[]string](`axe.run(document, {runOnly: `+rules+`, rules: {'target-size': {enabled: true}},
		  resultTypes: ['violations', 'incomplete'], iframes: false, preload: false,
		}).then(found => [...found.violations, ...found.incomplete].flatMap(rule =>
		  rule.nodes.map(node => 'axe ' + rule.id + ': ' + node.target + ': ' + node.failureSummary.replace(/\s+/g, ' '))))`,
			chromedp.EvalAwaitPromise)(ctx, t)
		if err != nil {
			return nil, err
		}
		_, err = scripts(false)(ctx, t)
		return found, err
	}
}

// sound fails where something reaches over an edge, is cut off or covered, or
// where the view shows another text than the page has: nothing may be lost by it.
func sound(v View, text string) chromedp.Action[[]string] {
	return func(ctx context.Context, t *chromedp.Target) ([]string, error) {
		faults, err := ask[[]string](fmt.Sprintf("layout(%d)", v.Width))(ctx, t)
		if err != nil {
			return nil, err
		}
		got, err := ask[string]("text()")(ctx, t)
		if err == nil && got != text {
			faults = append(faults, fmt.Sprintf("shows %q, want %q", got, text))
		}
		return faults, err
	}
}

// names compares the name and role that the browser computes for each control
// with the label that is seen (WCAG 2.2, 2.5.3 and 4.1.2).
func names(ctx context.Context, t *chromedp.Target) ([]string, error) {
	want, err := ask[[]string]("labels()")(ctx, t)
	if err != nil {
		return nil, err
	}
	tree, err := chromedp.Call(ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		return nil, err
	}
	var got []string
	for _, node := range tree.Nodes {
		if node.Ignored {
			continue
		}
		role := value(node.Role)
		if slices.Contains([]string{"button", "link", "textbox", "radio", "checkbox", "combobox", "DisclosureTriangle"}, role) {
			got = append(got, role+" "+strings.Join(strings.Fields(value(node.Name)), " "))
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		return []string{fmt.Sprintf("accessible names are %q, want the labels %q", got, want)}, nil
	}
	return nil, nil
}

// value is a text of the accessibility tree.
func value(v *accessibility.Value) (text string) {
	if v != nil {
		_ = json.Unmarshal(v.Value, &text) // what is no text is no name
	}
	return text
}
