//go:build interop

// Real relying parties against the built gateway: `make interop`. Each test
// drives one of them as a browser does and writes its row of docs/interop.md.
package interop_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

var (
	// root is the top of the repository: tests run in their own folder.
	root = filepath.Join("..")
	gw   *gateway
)

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	flag.Parse() //nolint:revive // main of this test
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 4*time.Minute)
	defer cancel()

	dir, err := os.MkdirTemp("", "eidgate-interop-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	// Apache's workers run as another user; what is secret below has modes of its own.
	if err := os.Chmod(dir, 0o711); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if gw, err = startGateway(ctx, dir); err != nil {
		fmt.Fprintln(os.Stderr, "starting the gateway:", err)
		return 1
	}
	code := m.Run()
	if err := gw.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stopping the gateway:", err)
		code = 1
	}
	if err := gw.keptQuiet(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if code != 0 {
		fmt.Fprintf(os.Stderr, "the gateway's log:\n%s", gw.log)
	}
	if flag.Lookup("test.run").Value.String() == "" {
		if err := writeReport(filepath.Join(root, "docs", "interop.md")); err != nil {
			fmt.Fprintln(os.Stderr, "writing docs/interop.md:", err)
			code = 1
		}
	}
	return code
}

// must stops a test at what should never fail.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
