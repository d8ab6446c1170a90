package main_test

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// servedRun is `eidgate serve` on the data of a demo, with its people, from a
// configuration file that a test rewrites. The demo's portals do not run.
type servedRun struct {
	*demoRun

	file    string // the configuration
	program string // empty: the one that all tests share
	cmd     *exec.Cmd
	log     *syncBuffer
}

// startServed serves the people of a demo. Files that the configuration names go
// into its directory first.
func startServed(t *testing.T, change ...string) *servedRun {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	demo, err := launch([]string{"--data", data})
	must(t, err)
	if code := demo.terminate(); code != 0 {
		t.Fatalf("the demo ended with %d:\n%s", code, demo.stderr)
	}
	s := &servedRun{log: &syncBuffer{}, file: filepath.Join(t.TempDir(), "eidgate.yaml")}
	s.demoRun = &demoRun{
		report: demo.report, Addr: demo.Addr, Dir: data, stderr: s.log, steps: demo.steps, secrets: map[string][]string{},
	}
	s.write(t, s.text(change...))
	s.start(t)
	return s
}

// start starts the process and waits until it serves.
func (s *servedRun) start(t *testing.T) {
	t.Helper()
	s.cmd = exec.CommandContext(context.Background(), cmp.Or(s.program, binary), "serve", "--config", s.file)
	s.cmd.Stderr = s.log
	must(t, s.cmd.Start())
	exited := make(chan error, 1)
	go func() { exited <- s.cmd.Wait() }()
	t.Cleanup(func() {
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-exited:
			if err != nil {
				t.Errorf("serve ended with %v\n%s", err, s.log)
			}
		case <-time.After(35 * time.Second):
			_ = s.cmd.Process.Kill()
			t.Errorf("serve did not end")
		}
		for _, p := range s.Portals {
			if strings.Contains(s.log.String(), p.ClientSecret) {
				t.Errorf("the log holds the secret of %s", p.ClientID)
			}
		}
	})
	waitUntil(t, "the gateway", func() bool {
		res, err := http.Get(s.Issuer + "/readyz")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

// text is the configuration, with replacements: old, new, …
func (s *servedRun) text(change ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "issuer: %s\nlisten: %s\ndata: %s\nlifetimes:\n  code: 60s\nlimits:\n  guesses: 5\nsources:\n", s.Issuer, s.Addr, s.Dir)
	fmt.Fprintf(&b, "  - {id: national, kind: account, name: Tài khoản, provider: eidgate, may_assert: [1, 2], grants_at_most: 2, window: {from: 2021-11-09}}\nclients:\n")
	for _, p := range s.Portals {
		fmt.Fprintf(&b, `  - id: %s
    name: Cổng thử nghiệm
    url: %s
    tier: province
    auth_method: client_secret_basic
    client_secrets: [%s]
    redirect_uris: [%s]
    scopes: [openid, profile, email, phone, eid]
    sector: %s
    id_token_alg: ES256
    min_level: 1
    sources: [national]
    refresh: true
    consent: {purpose: Thử}
`, p.ClientID, p.URL, p.ClientSecret, p.RedirectURI, p.ClientID)
	}
	text := b.String()
	for i := 0; i < len(change); i += 2 {
		if !strings.Contains(text, change[i]) {
			panic("the configuration has no " + change[i])
		}
		text = strings.Replace(text, change[i], change[i+1], 1)
	}
	return text
}

// write writes the configuration as a plain program does: it empties the file first.
func (s *servedRun) write(t *testing.T, text string) {
	t.Helper()
	must(t, os.WriteFile(s.file, []byte(text), 0o600))
}

// replace writes it as an editor does: a new file takes the name.
func (s *servedRun) replace(t *testing.T, text string) {
	t.Helper()
	must(t, os.WriteFile(s.file+".new", []byte(text), 0o600))
	must(t, os.Rename(s.file+".new", s.file))
}

func (s *servedRun) hangup(t *testing.T) {
	t.Helper()
	must(t, s.cmd.Process.Signal(syscall.SIGHUP))
}

// lines are the lines of the log with a message.
func (s *servedRun) lines(message string) []string {
	return regexp.MustCompile(`(?m)^.*"msg":"`+message+`".*$`).FindAllString(s.log.String(), -1)
}

const (
	live    = "configuration live"
	refused = "configuration refused"
)

// after does something and waits for one more line with a message, which it gives.
func (s *servedRun) after(t *testing.T, message string, do func()) string {
	t.Helper()
	before := len(s.lines(message))
	do()
	waitUntil(t, message, func() bool { return len(s.lines(message)) > before })
	return s.lines(message)[before]
}

// reload takes a configuration into use.
func (s *servedRun) reload(t *testing.T, change ...string) string {
	t.Helper()
	return s.after(t, live, func() {
		s.write(t, s.text(change...))
		s.hangup(t)
	})
}
