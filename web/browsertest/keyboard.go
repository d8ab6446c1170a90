package browsertest

import (
	"context"
	"fmt"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// focus is where the keyboard is on a page.
type focus struct {
	Stop    int      `json:"stop"` // among those of the page, in its order, or outside
	ID      string   `json:"id"`
	Primary bool     `json:"primary"` // on the button that most people want
	Left    float64  `json:"left"`    // CSS pixels from the page's corner
	Top     float64  `json:"top"`
	Bottom  float64  `json:"bottom"`
	Faults  []string `json:"faults"`
}

// Keyboard opens a page, goes through it with the keyboard alone and tells what
// is in the way: a control that Tab passes by or cannot leave, an order other
// than the eye's, a focus that is not seen, a summary of errors or a skip link
// that leads nowhere. It ends on the primary button, if there is one, as ok says.
//
// The page is shown at a zoom of 400 %, where the least of it is in sight.
func Keyboard(ctx context.Context, address string) (faults []string, ok bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, thorough)
	defer cancel()
	if err := chromedp.Do(ctx, View{Width: 320, Height: 256}.show()); err != nil {
		return nil, false, err
	}
	// Out of the page and into it again the focus goes by way of the browser, which on a
	// busy machine takes longer than the key: a fault is what is one each time.
	for range 2 {
		if faults, err = walk(ctx, address); err != nil || len(faults) == 0 {
			break
		}
	}
	if err != nil {
		return nil, false, err
	}
	onto, err := toPrimary(ctx)
	return faults, onto, err
}

// walk opens the page and goes through it once.
func walk(ctx context.Context, address string) (faults []string, err error) {
	if err := Open(ctx, address); err != nil {
		return nil, err
	}
	if faults, err = summary(ctx); err == nil && len(faults) == 0 {
		faults, err = skip(ctx)
	}
	if err != nil {
		return nil, err
	}
	found, err := round(ctx)
	return append(faults, found...), err
}

// summary finds the focus of a new page: on the summary of a form's errors, if
// there is one, whose links lead to the fields.
func summary(ctx context.Context) ([]string, error) {
	fields, err := chromedp.Run(ctx, ask[[]string]("errors()"))
	if err != nil {
		return nil, err
	}
	at, err := chromedp.Run(ctx, ask[focus]("focus()"))
	if err != nil {
		return nil, err
	}
	if len(fields) == 0 {
		if at.ID != "" || at.Stop != outside {
			return []string{fmt.Sprintf("keyboard: a clean page begins with the focus on %q", at.ID)}, nil
		}
		return nil, nil
	}
	for deadline := time.Now().Add(Patience); at.ID == "" && time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		// autofocus comes with the first frame, which may be after the page's load
		if at, err = chromedp.Run(ctx, ask[focus]("focus()")); err != nil {
			return nil, err
		}
	}
	if at.ID != "loi" {
		return []string{fmt.Sprintf("keyboard: the focus begins on %q, want the summary of errors", at.ID)}, nil
	}
	faults := at.Faults
	for _, field := range fields {
		if _, err := press(ctx, tabKey()); err != nil { // onto the next link of the summary
			return nil, err
		}
		at, err := follow(ctx, field)
		if err != nil {
			return nil, err
		}
		if at.ID != field || field == "" {
			faults = append(faults, fmt.Sprintf("keyboard: the summary's link leads to %q, want %q", at.ID, field))
		}
		back := fmt.Sprintf("document.querySelector('#loi a[href=%q]').focus()", "#"+field)
		if err := chromedp.Do(ctx, chromedp.Evaluate[chromedp.Void](back)); err != nil {
			return nil, err
		}
	}
	return faults, nil
}

// skip takes the first stop of a page, which passes over what all pages share.
func skip(ctx context.Context) ([]string, error) {
	if err := chromedp.Do(ctx, chromedp.Evaluate[chromedp.Void]("document.querySelector('a').focus()")); err != nil {
		return nil, err
	}
	at, err := follow(ctx, "noi-dung")
	if err != nil {
		return nil, err
	}
	if at.ID != "noi-dung" {
		return []string{fmt.Sprintf("keyboard: the first link leads to %q, want the content", at.ID)}, nil
	}
	return nil, nil
}

// round presses Tab until it has been everywhere, and looks where it stops.
func round(ctx context.Context) (faults []string, err error) {
	stops, err := chromedp.Run(ctx, ask[[]string]("stops()"))
	if err != nil {
		return nil, err
	}
	met := map[int]bool{}
	last := focus{Stop: outside}
	for i := range 2*len(stops) + 2 {
		at, err := press(ctx, tabKey())
		if err != nil {
			return nil, err
		}
		if i > 0 && !follows(at.Stop, last.Stop, len(stops)) {
			faults = append(faults, fmt.Sprintf("keyboard: Tab goes from %s to %s", stop(stops, last), stop(stops, at)))
		}
		if met[at.Stop] {
			break
		}
		// The skip link lies over the head of the page, so that it has no place in the order of the eye.
		if at.Stop > 0 && last.Stop > 0 && at.Top < last.Bottom-1 && at.Left <= last.Left {
			faults = append(faults, fmt.Sprintf("keyboard: %s stands before %s, where Tab came from", stop(stops, at), stop(stops, last)))
		}
		met[at.Stop] = at.Stop != outside
		faults = append(faults, at.Faults...)
		last = at
	}
	for i, name := range stops {
		if !met[i] {
			faults = append(faults, "keyboard: Tab does not reach "+name)
		}
	}
	return faults, nil
}

// follows reports whether Tab goes on as the page does: from stop to stop, and
// after the last one to the first or out of the page.
func follows(at, last, stops int) bool {
	if last == stops-1 {
		return at == 0 || at == outside
	}
	return at == last+1
}

// outside is where the focus is on nothing of the page.
const outside = -1

func stop(stops []string, at focus) string {
	if at.Stop < 0 || at.Stop >= len(stops) {
		return "outside"
	}
	return stops[at.Stop]
}

// toPrimary presses Tab until the primary button has the focus.
func toPrimary(ctx context.Context) (bool, error) {
	stops, err := chromedp.Run(ctx, ask[[]string]("stops()"))
	if err != nil {
		return false, err
	}
	for range len(stops) + 2 {
		if at, err := press(ctx, tabKey()); err != nil || at.Primary {
			return err == nil, err
		}
	}
	return false, nil
}

// Keys as a keyboard sends them. chromedp.KeyEvent sends the character of Enter
// once more, to the field that a link may just have given the focus.

func tabKey() input.DispatchKeyEventParams {
	return input.DispatchKeyEventParams{Key: "Tab", Code: "Tab", WindowsVirtualKeyCode: 9}
}

func enterKey() input.DispatchKeyEventParams {
	return input.DispatchKeyEventParams{Key: "Enter", Code: "Enter", Text: "\r", WindowsVirtualKeyCode: 13}
}

// PressEnter makes an action of the key Enter.
func PressEnter() chromedp.Action[chromedp.Void] { return stroke(enterKey()) }

func stroke(key input.DispatchKeyEventParams) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		key.Type = input.DispatchKeyEventTypeKeyDown
		if _, err := cdp.Call(ctx, t, input.DispatchKeyEvent, key); err != nil {
			return err
		}
		key.Type, key.Text = input.DispatchKeyEventTypeKeyUp, ""
		_, err := cdp.Call(ctx, t, input.DispatchKeyEvent, key)
		return err
	})
}

// follow strikes Enter on a link to a place of the page and tells where the focus is
// once it came there. The browser goes there in a task of its own, after the key.
func follow(ctx context.Context, place string) (at focus, err error) {
	at, err = press(ctx, enterKey())
	for deadline := time.Now().Add(Patience); err == nil && at.ID != place && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
		at, err = chromedp.Run(ctx, ask[focus]("focus()"))
	}
	return at, err
}

// press strikes a key and tells where the focus is then.
func press(ctx context.Context, key input.DispatchKeyEventParams) (focus, error) {
	if err := chromedp.Do(ctx, stroke(key)); err != nil {
		return focus{}, err
	}
	return chromedp.Run(ctx, ask[focus]("focus()"))
}
