package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
)

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "eidgate-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary = filepath.Join(dir, "eidgate")
	build := exec.CommandContext(context.Background(), "go", "build", "-buildvcs=false", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building: %v\n%s", err, out)
		return 1
	}
	code := m.Run()
	for _, problem := range stopShared() {
		fmt.Fprintln(os.Stderr, "FAIL: the shared demo:", problem)
		code = 1
	}
	return code
}

// report is the JSON document that a demo prints.
type report struct {
	Messages string          `json:"messages"` // the page of SMS and letters
	Issuer   string          `json:"issuer"`
	Data     string          `json:"data"`
	Metrics  string          `json:"metrics"`
	Portals  []portalReport  `json:"portals"`
	Accounts []accountReport `json:"accounts"`
	Sources  []sourceReport  `json:"sources"`
}

type portalReport struct {
	Name         string `json:"name"`
	URL          string `json:"url"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	RedirectURI  string `json:"redirect_uri"`
	MinLevel     int    `json:"min_level"`
}

type accountReport struct {
	PersonalNumber string `json:"personal_number"`
	Password       string `json:"password"`
	TOTPSecret     string `json:"totp_secret"`
	Level          int    `json:"level"`
	Status         string `json:"status"`
	Note           string `json:"note"`
}

type sourceReport struct {
	ID       string         `json:"id"`
	Kind     string         `json:"kind"`
	Open     bool           `json:"open"`
	Accounts []signInReport `json:"accounts"`
}

type signInReport struct {
	Username string `json:"username"`
	Password string `json:"password"`
	Note     string `json:"note"`
}

// demoRun is one `eidgate demo` process.
type demoRun struct {
	report

	Addr  string        // of the gateway, host and port
	Dir   string        // its data directory
	Ready time.Duration // from the start of the process to its document

	cmd    *exec.Cmd
	stdout *syncBuffer
	stderr *syncBuffer
	exited chan struct{}
	err    error // of the process, once exited is closed
	stop   func() []string
	via    http.RoundTripper // how the gateway is reached; nil: as any server

	mu      sync.Mutex
	steps   map[string]bool     // one-time codes used: secret and step
	codes   []string            // those codes
	clock   time.Duration       // the gateway's clock ahead of ours
	secrets map[string][]string // texts that no log and no database may hold, by kind
	tokens  []issued            // token sets that parties were given
	refs    []string            // references of the gateway's answers
}

// startDemo runs a demo with flags on ports of its own, in a new data directory
// unless the flags name one. At the test's end it is stopped, and what it
// printed and stored is inspected.
func startDemo(t *testing.T, flags ...string) *demoRun {
	t.Helper()
	if !slices.Contains(flags, "--data") {
		flags = append(flags, "--data", filepath.Join(t.TempDir(), "data"))
	}
	d, err := launch(flags)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, problem := range d.stop() {
			t.Error(problem)
		}
	})
	t.Logf("ready after %v at %s", d.Ready.Round(time.Millisecond), d.Addr)
	return d
}

// shared is one demo for all tests that leave nothing behind that another could
// stumble over. Its data lives beside the binary.
var shared = sync.OnceValues(func() (*demoRun, error) {
	return launch([]string{"--data", filepath.Join(filepath.Dir(binary), "shared")})
})

var sharedUsed sync.Once

func sharedDemo(t *testing.T) *demoRun {
	t.Helper()
	d, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	sharedUsed.Do(func() { t.Logf("shared demo: ready after %v at %s", d.Ready.Round(time.Millisecond), d.Addr) })
	return d
}

// stopShared stops the shared demo, if a test used it.
func stopShared() []string {
	used := true
	sharedUsed.Do(func() { used = false })
	if !used {
		return nil
	}
	d, err := shared()
	if err != nil {
		return []string{err.Error()}
	}
	return d.stop()
}

// launch starts a demo and waits for its document.
func launch(flags []string) (*demoRun, error) {
	d := &demoRun{
		stdout: &syncBuffer{}, stderr: &syncBuffer{}, exited: make(chan struct{}), steps: map[string]bool{}, secrets: map[string][]string{},
	}
	if i := slices.Index(flags, "--at"); i >= 0 {
		at, err := time.Parse(time.RFC3339, flags[i+1])
		if err != nil {
			return nil, err
		}
		d.clock = time.Until(at)
	}
	if i := slices.Index(flags, "--addr"); i >= 0 {
		d.Addr = flags[i+1]
	} else {
		d.Addr = freeBlock()
		flags = append(flags, "--addr", d.Addr)
	}
	d.Dir = flags[slices.Index(flags, "--data")+1]
	d.cmd = exec.CommandContext(context.Background(), binary, append([]string{"demo", "--json"}, flags...)...)
	d.cmd.Stdout, d.cmd.Stderr = d.stdout, d.stderr
	started := time.Now()
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		d.err = d.cmd.Wait()
		close(d.exited)
	}()
	d.stop = sync.OnceValue(d.stopAndInspect)
	deadline := time.After(30 * time.Second)
	for {
		if json.Unmarshal(d.stdout.Bytes(), &d.report) == nil {
			d.Ready = time.Since(started)
			return d, nil
		}
		select {
		case <-d.exited:
			return nil, fmt.Errorf("demo ended before it was ready: %w\n%s", errors.Join(d.err), d.stderr.Bytes())
		case <-deadline:
			_ = d.cmd.Process.Kill()
			return nil, fmt.Errorf("demo not ready after 30 s:\n%s", d.stderr.Bytes())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// terminate asks the process to stop and returns its exit code, -1 if it had to
// be killed.
func (d *demoRun) terminate() int {
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-d.exited:
	case <-time.After(35 * time.Second):
		_ = d.cmd.Process.Kill()
		<-d.exited
		return -1
	}
	return d.cmd.ProcessState.ExitCode()
}

// now is the gateway's clock.
func (d *demoRun) now() time.Time { return time.Now().Add(d.clock) }

// account finds a synthetic person by the end of the personal number: "001" is
// the one to begin with.
func (d *demoRun) account(tail string) accountReport {
	for _, a := range d.Accounts {
		if strings.HasSuffix(a.PersonalNumber, tail) {
			return a
		}
	}
	panic("no account " + tail)
}

// portal finds a portal by its client id.
func (d *demoRun) portal(id string) portalReport {
	for _, p := range d.Portals {
		if p.ClientID == id {
			return p
		}
	}
	panic("no portal " + id)
}

// code is a one-time code that this run has not used yet: each counts once. The
// gateway takes the neighbours of the present one too, so there are three in
// half a minute; when they are used up the next half minute is waited for.
func (d *demoRun) code(secret string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	for {
		now := d.now()
		step := now.Unix() / 30
		candidates := []int64{step, step + 1}
		if now.Unix()%30 < 25 { // the one before is about to end otherwise
			candidates = append(candidates, step-1)
		}
		for _, s := range candidates {
			if key := fmt.Sprint(secret, s); !d.steps[key] {
				d.steps[key] = true
				code := totpAt(secret, time.Unix(s*30, 0))
				d.codes = append(d.codes, code)
				return code
			}
		}
		time.Sleep(time.Unix((step+1)*30, 0).Sub(now))
	}
}

func totpAt(secret string, at time.Time) string {
	code, err := totp.GenerateCode(secret, at)
	if err != nil {
		panic(err) // secrets of the demo are well formed
	}
	return code
}

var (
	blockMu   sync.Mutex
	nextBlock = 20000 + 5*(os.Getpid()%2300)
)

// freeBlock is an address of loopback whose port and the next four are free.
func freeBlock() string {
	blockMu.Lock()
	defer blockMu.Unlock()
	for {
		first := nextBlock
		if nextBlock += 5; nextBlock > 32000 {
			nextBlock = 20000
		}
		free := true
		for i := range 5 {
			l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(first+i)))
			if err != nil {
				free = false
				break
			}
			_ = l.Close()
		}
		if free {
			return net.JoinHostPort("127.0.0.1", strconv.Itoa(first))
		}
	}
}

// run runs the binary to its end.
func run(t *testing.T, args ...string) (exit int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// syncBuffer collects what a process prints.
type syncBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// Bytes is a copy of everything so far.
func (b *syncBuffer) Bytes() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Clone(b.text.Bytes())
}

func (b *syncBuffer) String() string { return string(b.Bytes()) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
