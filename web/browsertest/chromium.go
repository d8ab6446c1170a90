// Package browsertest owns the Chromium of tests and what is looked for on a
// page there: what axe finds, what the eye, the keyboard and the screen reader
// would stumble over.
package browsertest

import (
	"context"
	"fmt"
	"os/exec"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// Patience is how long a test waits for what the browser does in its own time.
const Patience = 10 * time.Second

// thorough is how long all that is looked for on one page may take.
const thorough = time.Minute

// T is what this package needs of a test.
type T interface {
	Helper()
	Cleanup(func())
	Context() context.Context
	TempDir() string
	Fatalf(format string, args ...any)
}

// Program is the path of Chromium. Its build without windows is the same browser at two
// thirds of the processor time.
func Program() (string, error) {
	if path, err := exec.LookPath("chromium-headless-shell"); err == nil {
		return path, nil
	}
	path, err := exec.LookPath("chromium")
	if err != nil {
		return "", fmt.Errorf("no browser for these tests: install Debian's package chromium-headless-shell or chromium: %w", err)
	}
	return path, nil
}

// Start runs one headless browser until the test ends. Pages are opened in tabs
// of it: NewTab.
func Start(t T) context.Context {
	t.Helper()
	path, err := Program()
	if err != nil {
		t.Fatalf("%v", err)
	}
	// The browser outlives the test's own context: it is closed in the end, not cut off.
	allocator, cancel := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()),
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("headless", true), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("hide-scrollbars", true), chromedp.Env("LANG=vi_VN.UTF-8"), chromedp.Flag("accept-lang", "vi-VN,vi"))
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // it is gone either way
		cancel()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("starting %s: %v", path, err)
	}
	return ctx
}

// NewTab opens a tab with an empty cookie jar, in which no page may run a
// script. It closes when the test ends.
func NewTab(chromium context.Context, t T) context.Context {
	t.Helper()
	ctx, cancel := chromedp.NewContext(chromium, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx,
		scripts(false),
		Call(emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}),
	); err != nil {
		t.Fatalf("opening a tab: %v", err)
	}
	return ctx
}

// scripts lets the scripts of pages run or not.
func scripts(run bool) chromedp.Action[chromedp.Void] {
	return Call(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !run})
}

// Call makes an action of a protocol command without an answer.
func Call[P any](cmd cdp.Command[P, cdp.Empty], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, cmd, params)
		return err
	})
}

// Open goes to an address and waits until the page and all it needs are there.
func Open(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	_, err := chromedp.RunResponse(ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, page.Navigate, page.NavigateParams{URL: address})
		return err
	}))
	return err
}
