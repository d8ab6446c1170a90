package main_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/oauth2"
)

// TestReloadUnderRequests reloads twenty times, by signal and by change of the
// file, while holders and portals go on: not one request fails.
func TestReloadUnderRequests(t *testing.T) {
	t.Parallel()
	s := startServed(t)
	portal := s.party(t, "portal-1")
	signedIn := s.browser(t)
	portal.signIn(signedIn, s.account("002"))
	access := portal.signIn(s.browser(t), s.account("002")).access // a session keeps so many tokens
	var done, failed atomic.Int64
	stop := make(chan struct{})
	var clients sync.WaitGroup
	loop := func(once func() error) {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				done.Add(1)
				if err := once(); err != nil {
					failed.Add(1)
					t.Errorf("a request failed: %v", err)
				}
			}
		})
	}
	for _, path := range []string{"/keys", "/.well-known/openid-configuration", "/authorize?client_id=portal-1"} {
		loop(func() error {
			res, err := http.Get(s.Issuer + path)
			if err != nil {
				return err
			}
			defer res.Body.Close()
			if want := map[bool]int{false: 200, true: 400}[strings.Contains(path, "?")]; res.StatusCode != want {
				return fmt.Errorf("%s = %d, want %d", path, res.StatusCode, want)
			}
			return nil
		})
	}
	loop(func() error { _, err := portal.userinfo(access); return err })
	loop(func() error { portal.silent(signedIn); return nil }) // fails the test itself

	for i := range 20 {
		code := fmt.Sprintf("code: %ds", 40+i)
		line := s.after(t, live, func() {
			if i%5 == 4 { // nobody signals
				s.replace(t, s.text("code: 60s", code))
				return
			}
			s.write(t, s.text("code: 60s", code))
			s.hangup(t)
		})
		if !strings.Contains(line, `"changed":["lifetimes.code"]`) {
			t.Errorf("reload %d: log says %s, want that lifetimes.code changed", i, line)
		}
	}
	close(stop)
	clients.Wait()
	if failed.Load() != 0 || done.Load() < 100 {
		t.Errorf("%d of %d requests failed, want 0 of 100 or more", failed.Load(), done.Load())
	}
	if got := s.lines(refused); len(got) != 0 {
		t.Errorf("refused: %v, want nothing refused", got)
	}
}

// TestBadReloadKeepsTheOld goes through the ways in which a change fails.
func TestBadReloadKeepsTheOld(t *testing.T) {
	t.Parallel()
	s := startServed(t)
	portal := s.party(t, "portal-1")
	signedIn := s.browser(t)
	portal.signIn(signedIn, s.account("002"))
	good := s.text()
	text := func(content string) func() { return func() { s.write(t, content) } }
	for _, tt := range []struct {
		name string
		do   func()
		want string // in the log
	}{
		{"cut off in a word", text(good[:len(good)-4]), "incomplete UTF-8"},
		{"cut off before the clients", text(good[:strings.Index(good, "sources:")+2]), "line 8"},
		{"empty", text(""), "issuer: missing"},
		{"huge", text(good + strings.Repeat("#", 2<<20)), "longer than 1048576 bytes"},
		{"no YAML", text("\x00{[}"), "eidgate.yaml"},
		{"unknown key", text(good + "colour: red\n"), "colour: unknown key"},
		{"a secret misplaced", text(strings.Replace(good, "["+s.portal("portal-1").ClientSecret+"]", s.portal("portal-1").ClientSecret, 1)), "client_secrets: is text"},
		{"gone", func() { must(t, os.Remove(s.file)) }, "no such file"},
		{"a directory", func() { must(t, os.Mkdir(s.file, 0o700)) }, "a directory, want a file"},
		{"a pipe that nobody writes to", func() { must(t, os.Remove(s.file)); must(t, syscall.Mkfifo(s.file, 0o600)) }, "issuer: missing"},
		{"a link to itself", func() { must(t, os.Remove(s.file)); must(t, os.Symlink(s.file, s.file)) }, "too many levels"},
		{"two bounds", func() {
			must(t, os.Remove(s.file))
			text(s.text("code: 60s", "code: 61s", "guesses: 5", "guesses: 11"))()
		}, "limits.guesses: out of bounds"},
		{"another issuer", text(s.text("issuer: http://127", "issuer: http://localhost.127")), "issuer"},
		{"another listener", text(s.text("listen: 127.0.0.1", "listen: 127.0.0.2")), "listen: changed, and takes effect at a start only"},
		{"other data", text(s.text("data: ", "data: /nowhere")), "data: changed, and takes effect at a start only"},
		{"another size of keys", text(good + "keys: {rsa_bits: 3072}\n"), "keys.rsa_bits: changed, and takes effect at a start only"},
		{"another sector", text(s.text("sector: portal-1", "sector: other")), "sector of a relying party cannot change"},
	} {
		line := s.after(t, refused, func() { tt.do(); s.hangup(t) })
		if !strings.Contains(line, tt.want) {
			t.Errorf("%s: log says %s, want %q", tt.name, line, tt.want)
		}
		portal.silent(signedIn)
	}
	if line := s.reload(t); !strings.Contains(line, `"changed":[]`) {
		t.Errorf("after all: log says %s, want that nothing changed", line)
	}
}

// TestManyChanges makes a thousand quick changes, bad ones among them, and signals
// in between: the last one wins, and nothing stays open.
func TestManyChanges(t *testing.T) {
	t.Parallel()
	s := startServed(t)
	files := func() int {
		list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.cmd.Process.Pid))
		must(t, err)
		return len(list)
	}
	s.reload(t, "code: 60s", "code: 59s")
	before := files()
	for i := range 1000 {
		switch i % 3 {
		case 0:
			s.write(t, s.text("code: 60s", fmt.Sprintf("code: %ds", 10+i%40)))
		case 1:
			s.write(t, s.text()[:100])
		case 2:
			s.hangup(t)
		}
	}
	s.replace(t, s.text("guesses: 5", "guesses: 7"))
	waitUntil(t, "the last change", func() bool {
		lines := s.lines(live)
		return strings.Contains(lines[len(lines)-1], "limits.guesses")
	})
	if after := files(); after > before+8 {
		t.Errorf("%d files are open, want about %d as before", after, before)
	}
}

// TestReloadActsOnWhatLives: a minimum, a window, a ceiling and a removal act on
// new sign-ins, sessions and refreshes; what they leave alone goes on.
func TestReloadActsOnWhatLives(t *testing.T) {
	t.Parallel()
	s := startServed(t)
	one, two := s.party(t, "portal-1"), s.party(t, "portal-2")
	signedIn := s.browser(t)
	r := one.request()
	code := one.answer(r, signedIn.fill(signedIn.get(r.address), s.account("002"))).Get("code")
	set, err := one.oauth.Exchange(one.ctx, code, oauth2.VerifierOption(r.verifier))
	must(t, err)
	hint, _ := set.Extra("id_token").(string)
	refresh := func(p *party) error {
		next, err := p.oauth.TokenSource(p.ctx, &oauth2.Token{RefreshToken: set.RefreshToken}).Token()
		if err == nil {
			set = next
		}
		return err
	}
	must(t, refresh(one))

	// The other portal's minimum rises: this one notices nothing.
	const min1, min2 = "sector: portal-2\n    id_token_alg: ES256\n    min_level: 1", "sector: portal-2\n    id_token_alg: ES256\n    min_level: 2"
	if line := s.reload(t, min1, min2); !strings.Contains(line, `"changed":["clients[portal-2].min_level"]`) {
		t.Errorf("log says %s, want clients[portal-2].min_level", line)
	}
	one.silent(signedIn, "id_token_hint", hint)
	must(t, refresh(one))
	r = two.request("prompt", "none")
	if q := two.answer(r, signedIn.get(r.address)); q.Has("code") || q.Get("error") == "" {
		t.Errorf("the session at Level 1 gives %v at a portal that now wants Level 2, want an error", q)
	}
	loud := s.browser(t)
	two.signIn(loud, s.account("001")).wants(t, acr2, "pwd", "otp")

	// The ceiling falls: Level 2 is out of reach, in a living session too. Both
	// ends must agree, so the minimum falls with it.
	s.reload(t, "grants_at_most: 2", "grants_at_most: 1")
	if got := two.silent(loud); got.ACR != acr1 {
		t.Errorf("acr = %s under a ceiling of 1, want %s", got.ACR, acr1)
	}

	// The window has ended.
	s.reload(t, "window: {from: 2021-11-09}", "window: {from: 2021-11-09, until: 2023-01-01}")
	r = one.request("prompt", "none")
	if q := one.answer(r, signedIn.get(r.address)); q.Has("code") {
		t.Errorf("a session of an ended source gives a code")
	}
	if err := refresh(one); err == nil {
		t.Errorf("a refresh token of an ended source is answered")
	}
	s.reload(t)

	// A client that is gone from the file is refused everywhere.
	text := s.text()
	gone := text[:strings.Index(text, "  - id: portal-2")]
	if line := s.after(t, live, func() { s.write(t, gone); s.hangup(t) }); !strings.Contains(line, `"changed":["clients[portal-2]"]`) {
		t.Errorf("log says %s, want clients[portal-2]", line)
	}
	if p := loud.get(two.request().address); p.status != http.StatusBadRequest || p.back != nil {
		t.Errorf("a removed client: %d, %v, want 400 and no redirect", p.status, p.back)
	}
	_, err = two.oauth.Exchange(two.ctx, "no-code")
	if err == nil || !strings.Contains(err.Error(), "invalid_client") {
		t.Errorf("token for a removed client = %v, want invalid_client", err)
	}
	one.silent(signedIn)
}

// TestReloadOfTheLogLevel: the log of a running gateway says more, then less. The
// line of a reload shows where either level shows it.
func TestReloadOfTheLogLevel(t *testing.T) {
	t.Parallel()
	s := startServed(t)
	level := func(name string) {
		t.Helper()
		s.reload(t, "lifetimes:", "log: {level: "+name+"}\nlifetimes:")
	}
	// On one connection the second answer comes when the first request is over.
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
	defer client.CloseIdleConnections()
	// asked counts the lines of a page that is not there and of a health check, up
	// to the refusal of a level that there is not. It changes nothing.
	asked := func() (debug, info int) {
		t.Helper()
		before := s.log.String()
		s.after(t, refused, func() {
			for _, path := range []string{"/nowhere", "/healthz"} {
				res, err := client.Get(s.Issuer + path)
				must(t, err)
				_, err = io.Copy(io.Discard, res.Body)
				must(t, err)
				must(t, res.Body.Close())
			}
			s.write(t, s.text("lifetimes:", "log: {level: loud}\nlifetimes:"))
			s.hangup(t)
		})
		lines := strings.TrimPrefix(s.log.String(), before)
		return strings.Count(lines, `"level":"DEBUG"`), strings.Count(lines, `"level":"INFO"`)
	}
	for _, tt := range []struct {
		name        string
		debug, info int
	}{{"debug", 1, 1}, {"error", 0, 0}, {"debug", 1, 1}, {"info", 0, 1}, {"warn", 0, 0}, {"info", 0, 1}} {
		level(tt.name)
		for range 2 {
			if debug, info := asked(); debug != tt.debug || info != tt.info {
				t.Errorf("at %s: %d lines at debug, %d at info, want %d, %d", tt.name, debug, info, tt.debug, tt.info)
			}
		}
	}
}

// TestReloadThroughLinks swaps the directory that Kubernetes' ..data points to,
// with the configuration and a secret in it. Nobody signals.
func TestReloadThroughLinks(t *testing.T) {
	t.Parallel()
	s := startServed(t)
	portal := s.party(t, "portal-1")
	dir := filepath.Dir(s.file)
	volume := func(name, secret, text string) {
		t.Helper()
		must(t, os.Mkdir(filepath.Join(dir, name), 0o700))
		must(t, os.WriteFile(filepath.Join(dir, name, "eidgate.yaml"), []byte(text), 0o600))
		must(t, os.WriteFile(filepath.Join(dir, name, "secret"), []byte(secret+"\n"), 0o600))
		must(t, os.Symlink(name, filepath.Join(dir, "..data_tmp")))
		must(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	}
	withFile := s.text("client_secrets: ["+portal.ClientSecret+"]", "client_secret_files: [secret]")
	must(t, os.Symlink("..data/secret", filepath.Join(dir, "secret")))
	s.after(t, live, func() {
		volume("v1", portal.ClientSecret, withFile)
		must(t, os.Symlink("..data/eidgate.yaml", s.file+".new"))
		must(t, os.Rename(s.file+".new", s.file))
	})
	portal.signIn(s.browser(t), s.account("002"))

	const secret = "another-secret-another-secret-another-secret"
	if line := s.after(t, live, func() { volume("v2", secret, withFile) }); !strings.Contains(line, `"changed":["clients[portal-1].client_secrets"]`) || strings.Contains(line, secret) {
		t.Errorf("log says %s, want that the secret changed and not which it is", line)
	}
	try := func() error {
		_, err := portal.oauth.Exchange(portal.ctx, "no-code")
		return err
	}
	if err := try(); err == nil || !strings.Contains(err.Error(), "invalid_client") {
		t.Errorf("the old secret: %v, want invalid_client", err)
	}
	portal.oauth.ClientSecret = secret
	if err := try(); err == nil || !strings.Contains(err.Error(), "invalid_grant") {
		t.Errorf("the new secret: %v, want invalid_grant", err)
	}
	// The secret's file alone changes, and is named before it is there.
	line := s.after(t, refused, func() { must(t, os.Remove(filepath.Join(dir, "secret"))) })
	if !strings.Contains(line, "clients[0].client_secret_files[0]: no such file or directory") {
		t.Errorf("log says %s, want the file by its key", line)
	}
	s.after(t, live, func() { must(t, os.WriteFile(filepath.Join(dir, "secret"), []byte(portal.ClientSecret), 0o600)) })
	portal.oauth.ClientSecret = portal.ClientSecret
	portal.signIn(s.browser(t), s.account("002"))
}

// TestHangupWhileStopping: the signal never ends the process, not even while the
// last requests end.
func TestHangupWhileStopping(t *testing.T) {
	t.Parallel()
	s := startServed(t)
	s.hangup(t)
	must(t, s.cmd.Process.Signal(syscall.SIGTERM))
	waitUntil(t, "draining", func() bool {
		res, err := http.Get(s.Issuer + "/readyz")
		if err != nil {
			return true
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusServiceUnavailable
	})
	for range 20 {
		s.hangup(t)
	}
	// startServed wants exit code 0.
}
