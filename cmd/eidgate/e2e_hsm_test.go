package main_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/oauth2"

	"eidgate/keys/pkcs11/softhsm"
	"eidgate/keys/transit/transittest"
)

// hsmBinary is the program built for PKCS #11, once.
var hsmBinary = sync.OnceValues(func() (string, error) {
	program := binary + "-hsm"
	build := exec.CommandContext(context.Background(), "go", "build", "-buildvcs=false", "-tags=nomsgpack,pkcs11", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=1")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building: %w\n%s", err, out)
	}
	return program, nil
})

// stop ends the process and waits until it has.
func (s *servedRun) stopServing(t *testing.T) {
	t.Helper()
	must(t, s.cmd.Process.Signal(syscall.SIGTERM))
	waitUntil(t, "the end of the gateway", func() bool {
		return s.cmd.Process.Signal(syscall.Signal(0)) != nil
	})
}

// signedIn is where the key that signs tokens with ES256 lives, and its kid.
func (s *servedRun) signing(t *testing.T) (custody, kid string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(s.Dir, "eidgate.db")+"?_pragma=busy_timeout(5000)")
	must(t, err)
	defer db.Close()
	must(t, db.QueryRowContext(t.Context(), "SELECT custody, id FROM signing_keys WHERE algorithm = 'ES256' AND state = 'signing'").Scan(&custody, &kid))
	return custody, kid
}

// movesTo rotates until a key of a custody signs, and none else in a first step:
// what was published before comes first.
func (s *servedRun) movesTo(t *testing.T, program, custody string) {
	t.Helper()
	for range 2 {
		_, from := s.signing(t)
		out, err := exec.CommandContext(t.Context(), program, "keys", "rotate", "--alg", "ES256", "--reason", "move", "--config", s.file).CombinedOutput()
		if err != nil {
			t.Fatalf("rotate: %v\n%s", err, out)
		}
		waitUntil(t, "the next key", func() bool { _, kid := s.signing(t); return kid != from })
	}
	if got, _ := s.signing(t); got != custody {
		t.Errorf("the signing key lives in %q, want %q", got, custody)
	}
}

// goesAway: while the custody is away nothing is signed and everything else goes on; it
// comes back by itself.
func (s *servedRun) goesAway(t *testing.T, portal *party, away func() (back func())) {
	t.Helper()
	holder := s.browser(t)
	held := portal.signIn(holder, s.account("002"))
	if _, kid := s.signing(t); kidOf(t, held.raw) != kid {
		t.Errorf("the token names key %s, want the one that signs, %s", kidOf(t, held.raw), kid)
	}
	back := away()
	r := portal.request()
	q := portal.answer(r, holder.get(r.address))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, portal.oauth.Endpoint.TokenURL, strings.NewReader(url.Values{
		"grant_type": {"authorization_code"}, "code": {q.Get("code")}, "redirect_uri": {portal.RedirectURI}, "code_verifier": {r.verifier},
	}.Encode()))
	must(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(portal.ClientID, portal.ClientSecret)
	res, err := http.DefaultClient.Do(req)
	must(t, err)
	_ = res.Body.Close()
	if res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("/token while the custody is away = %d, want 503", res.StatusCode)
	}
	if _, err := portal.userinfo(held.access); err != nil {
		t.Errorf("userinfo while the custody is away: %v", err)
	}
	if _, err := portal.verifier.Verify(t.Context(), held.raw); err != nil {
		t.Errorf("verifying while the custody is away: %v", err)
	}
	res, err = http.Get(s.Issuer + "/keys")
	must(t, err)
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("/keys while the custody is away = %d, want 200", res.StatusCode)
	}
	_, kid := s.signing(t)
	back()
	waitUntil(t, "signing again", func() bool {
		r := portal.request()
		got := holder.get(r.address)
		if got.back == nil || got.back.Query().Get("code") == "" {
			return false
		}
		set, err := portal.oauth.Exchange(portal.ctx, got.back.Query().Get("code"), oauth2.VerifierOption(r.verifier))
		if err != nil {
			return false
		}
		raw, _ := set.Extra("id_token").(string)
		_, err = portal.verifier.Verify(portal.ctx, raw)
		return err == nil && kidOf(t, raw) == kid
	})
}

// TestMovingToAnHSM takes a running installation from keys in the database to keys in an
// HSM, by rotation, and then takes the HSM away.
func TestMovingToAnHSM(t *testing.T) {
	t.Parallel()
	built, err := hsmBinary()
	must(t, err)
	soft, err := softhsm.New(t.Context(), t.TempDir())
	must(t, err)
	program := filepath.Join(t.TempDir(), "eidgate")
	script := "#!/bin/sh\nexec env " + strings.Join(soft.Env, " ") + " " + built + " \"$@\"\n"
	must(t, os.WriteFile(program, []byte(script), 0o700))
	s := startServed(t, "lifetimes:", "lifetimes:\n  jwks_max_age: 2s")
	portal := s.party(t, "portal-1")
	portal.signIn(s.browser(t), s.account("002"))
	s.stopServing(t)
	s.write(t, s.text("lifetimes:", fmt.Sprintf(`custody: {pkcs11: {module: %s, token: %s, pin_file: %s}}
keys: {plans: [{purpose: tokens, algorithm: ES256, custody: pkcs11}]}
lifetimes:
  jwks_max_age: 2s`, soft.Module, soft.Token, soft.PINFile)))
	for _, words := range [][]string{{"check"}, {"serve"}, {"doctor"}} {
		exit, stdout, stderr := run(t, append(words, "--config", s.file)...)
		if exit != 1 || !strings.Contains(strings.Join(strings.Fields(stdout+stderr), " "), "make build TAGS=pkcs11") {
			t.Errorf("%v of a build without PKCS #11 = %d, %s%s, want that it says so", words, exit, stdout, stderr)
		}
	}
	s.program = program
	s.start(t)
	if custody, _ := s.signing(t); custody != "" {
		t.Errorf("after the start the signing key lives in %q, want the database still", custody)
	}
	s.movesTo(t, program, "pkcs11")
	s.goesAway(t, portal, func() func() {
		back, err := soft.Away()
		must(t, err)
		return back
	})
	out, err := exec.CommandContext(t.Context(), program, "doctor", "--config", s.file).CombinedOutput()
	if !strings.Contains(string(out), "custody.pkcs11") || !strings.Contains(string(out), "takes our credential") {
		t.Errorf("doctor = %v, %s, want that the token answers", err, out)
	}
	if strings.Contains(s.log.String(), softhsm.PIN) || strings.Contains(string(out), softhsm.PIN) {
		t.Error("the PIN is shown")
	}
}

// TestMovingToTransit does the same with a Transit engine.
func TestMovingToTransit(t *testing.T) {
	t.Parallel()
	const token = "s.token-of-the-tests"
	server := transittest.New(token)
	bao := httptest.NewServer(server)
	t.Cleanup(bao.Close)
	tokenFile := filepath.Join(t.TempDir(), "token")
	must(t, os.WriteFile(tokenFile, []byte(token), 0o600))
	s := startServed(t, "lifetimes:", fmt.Sprintf(`custody: {transit: {address: %q, token_file: %s, timeout: 500ms}}
keys: {plans: [{purpose: tokens, algorithm: ES256, custody: transit}]}
lifetimes:
  jwks_max_age: 2s`, bao.URL, tokenFile))
	portal := s.party(t, "portal-1")
	s.movesTo(t, binary, "transit")
	for _, mood := range []transittest.Mood{transittest.Sealed, transittest.Silent} {
		s.goesAway(t, portal, func() func() {
			server.Be(mood)
			return func() { server.Be(transittest.Well) }
		})
	}
	if strings.Contains(s.log.String(), token) {
		t.Error("the log holds the token")
	}
}
