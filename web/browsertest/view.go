package browsertest

import (
	"context"
	"fmt"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// View is how a page is shown. The zero value shows nothing: it has no size.
type View struct {
	Width, Height int64 // CSS pixels; a phone where it is less than 600 wide
	Dark          bool  // prefers-color-scheme
	Forced        bool  // forced-colors, as contrast themes have them
	Big           bool  // the reader's own text size is 200 % (WCAG 2.2, 1.4.4)
	Spaced        bool  // the reader's own text spacing (WCAG 2.2, 1.4.12)
}

const (
	widestPhone = 600 // CSS pixels
	textSize    = 16  // CSS pixels, unless the reader sets another
)

func (v View) dark() View   { v.Dark = true; return v }
func (v View) forced() View { v.Forced = true; return v }
func (v View) big() View    { v.Big = true; return v }
func (v View) spaced() View { v.Spaced = true; return v }

// String names the view in failures.
func (v View) String() string {
	name := fmt.Sprintf("%d px", v.Width)
	for _, part := range []struct {
		set  bool
		name string
	}{{v.Dark, "dark"}, {v.Forced, "forced colours"}, {v.Big, "text of 200 %"}, {v.Spaced, "text spacing"}} {
		if part.set {
			name += ", " + part.name
		}
	}
	return name
}

// show sets the tab to the view. The page that is open follows.
func (v View) show() chromedp.Action[chromedp.Void] { return v.after(View{}) }

// after sets a tab that shows another view to this one. Whatever is set anew, the same
// or not, has the browser lay out and paint the page once more.
func (v View) after(last View) chromedp.Action[chromedp.Void] {
	first := last == View{}
	var steps []chromedp.Action[chromedp.Void]
	if first || v.Width != last.Width || v.Height != last.Height {
		viewport := chromedp.EmulateViewport(v.Width, v.Height)
		if v.Width < widestPhone {
			viewport = chromedp.EmulateViewport(v.Width, v.Height, chromedp.EmulateMobile, chromedp.EmulatePortrait)
		}
		steps = append(steps, viewport)
	}
	if first || v.Dark != last.Dark || v.Forced != last.Forced {
		scheme, forced := "light", "none"
		if v.Dark {
			scheme = "dark"
		}
		if v.Forced {
			forced = "active"
		}
		steps = append(steps, Call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme},
			{Name: "forced-colors", Value: forced},
			{Name: "prefers-reduced-motion", Value: "reduce"}, // nothing is looked at while it moves
		}}))
	}
	if first || v.Big != last.Big {
		size := int64(textSize)
		if v.Big {
			size *= 2
		}
		steps = append(steps, Call(page.SetFontSizes, page.SetFontSizesParams{FontSizes: &page.FontSizes{Standard: size, Fixed: size}}))
	}
	if first || v.Spaced != last.Spaced {
		steps = append(steps, chromedp.Evaluate[chromedp.Void](fmt.Sprintf("(%s).space(%t)", inspector, v.Spaced)))
	}
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := chromedp.Steps(steps...)(ctx, t)
		return err
	})
}
