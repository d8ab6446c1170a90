package main_test

import (
	"bytes"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// withoutRedis wants what needs no passing state to go on, and everything else to
// say 503 before a client gives up.
func (p *pair) withoutRedis(t *testing.T, what, authorize string) {
	t.Helper()
	for _, path := range []string{"/keys", "/.well-known/openid-configuration"} {
		if status, _ := p.status(t, path); status != http.StatusOK {
			t.Errorf("%s: %s = %d, want 200", what, path, status)
		}
	}
	status, page := p.status(t, strings.TrimPrefix(authorize, p.Issuer))
	if status != http.StatusServiceUnavailable || !strings.Contains(page, "<html") {
		t.Errorf("%s: authorize = %d, want a page of 503", what, status)
	}
	portal := p.portal("portal-1")
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {"AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
		"redirect_uri": {portal.RedirectURI}, "code_verifier": {"0123456789012345678901234567890123456789012"},
	}
	status, answer := p.token(t.Context(), portal, form)
	if status != http.StatusServiceUnavailable || answer["error"] == nil {
		t.Errorf("%s: token = %d %v, want 503 with an error in JSON", what, status, answer)
	}
}

// TestRedisAway takes Redis away in several ways from two processes under use.
func TestRedisAway(t *testing.T) {
	t.Parallel()
	d := startPair(t, "--appendonly", "yes", "--appendfsync", "always")
	portal, a := d.party(t, "portal-1"), d.browser(t)
	first := portal.signIn(a, d.account("002"))
	well := func() bool {
		status, _ := d.status(t, strings.TrimPrefix(portal.request().address, d.Issuer))
		other, _ := d.status(t, strings.TrimPrefix(portal.request().address, d.Issuer))
		return status < 500 && other < 500
	}
	authorize := portal.request().address

	d.redis.Kill()
	for range 4 {
		d.withoutRedis(t, "killed", authorize)
	}
	d.redis.Start()
	waitUntil(t, "both processes after a kill", well)
	if got := portal.silent(a); got.Subject != first.Subject {
		t.Error("the session has not outlived a restart of a Redis that loses nothing")
	}

	d.redis.Pause()
	for range 2 {
		d.withoutRedis(t, "paused", authorize)
	}
	d.redis.Resume()
	waitUntil(t, "both processes after a pause", well)
	used := portal.request("prompt", "none")
	answer := a.get(used.address)
	portal.redeem(used, answer)

	d.redis.CLI("CONFIG", "SET", "maxmemory", "1")
	d.withoutRedis(t, "full", authorize)
	d.redis.CLI("CONFIG", "SET", "maxmemory", "0")
	waitUntil(t, "both processes with room again", well)
	portal.silent(a)

	d.redis.CLI("FLUSHALL")
	r := portal.request("prompt", "none")
	portal.refused(r, a.get(r.address), "login_required")
	if _, err := portal.oauth.Exchange(portal.ctx, answer.back.Query().Get("code")); err == nil {
		t.Error("a code that was used is alive in an emptied Redis")
	}
	if _, err := portal.userinfo(first.access); err == nil {
		t.Error("an access token is alive in an emptied Redis")
	}
	if got := portal.signIn(a, d.account("002")); got.Subject != first.Subject {
		t.Errorf("sub = %s after Redis was emptied, want the same %s", got.Subject, first.Subject)
	}
}

// TestRedisRestored: a session that was ended after the backup stays ended.
func TestRedisRestored(t *testing.T) {
	t.Parallel()
	d := startPair(t)
	portal, a := d.party(t, "portal-1"), d.browser(t)
	portal.signIn(a, d.account("002"))
	r := portal.request("prompt", "none")
	code := portal.answer(r, a.get(r.address)).Get("code")
	d.redis.CLI("SAVE")
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {portal.RedirectURI}, "code_verifier": {r.verifier},
	}
	if status, answer := d.token(t.Context(), portal.portalReport, form); status != http.StatusOK {
		t.Fatalf("redeeming = %d %v", status, answer["error"])
	}
	d.redis.Kill()
	d.redis.Start() // reads the backup, in which the code is unused
	for done := 0; done < 2; {
		switch status, answer := d.token(t.Context(), portal.portalReport, form); {
		case status == http.StatusOK:
			t.Fatal("a code that was used is alive again after a backup was restored")
		case answer["error"] == "invalid_grant":
			done++
		}
	}
}

// TestStateCommands: an operator asks about Redis and ends all sessions.
func TestStateCommands(t *testing.T) {
	t.Parallel()
	d := startPair(t)
	portal, a := d.party(t, "portal-1"), d.browser(t)
	portal.signIn(a, d.account("002"))
	config := d.Dir + "/other.yaml"
	exit, out, stderr := run(t, "state", "check", "--config", config)
	if exit != 0 || !strings.Contains(out, "can use this Redis") || !strings.Contains(out, "appendonly yes") {
		t.Errorf("check: exit %d\n%s%s", exit, out, stderr)
	}
	if exit, out, _ = run(t, "state", "renew", "--config", config); exit != 2 || !strings.Contains(out, "Everybody signs in again") {
		t.Errorf("renew without --yes: exit %d\n%s", exit, out)
	}
	portal.silent(a)
	if exit, out, stderr = run(t, "state", "renew", "--config", config, "--yes"); exit != 0 || !strings.Contains(out, "epoch 2 begins") {
		t.Errorf("renew: exit %d\n%s%s", exit, out, stderr)
	}
	if exit, out, _ = run(t, "audit", "search", "--config", config, "--action", "state.renewed"); exit != 0 || !strings.Contains(out, "operator:") {
		t.Errorf("audit search: exit %d\n%s, want who renewed", exit, out)
	}
	for range 2 {
		r := portal.request("prompt", "none")
		portal.refused(r, a.get(r.address), "login_required")
	}
	d.redis.CLI("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
	if exit, out, _ = run(t, "state", "check", "--config", config); exit != 1 || !strings.Contains(out, "REFUSED") || !strings.Contains(out, "noeviction") {
		t.Errorf("check of a server that evicts: exit %d\n%s", exit, out)
	}
}

// TestServeRefusesRedisThatEvicts: and names the mend, and no password.
func TestServeRefusesRedisThatEvicts(t *testing.T) {
	t.Parallel()
	d := startPair(t, "--requirepass", "", "--maxmemory-policy", "noeviction")
	d.redis.CLI("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
	cmd := exec.CommandContext(t.Context(), binary, "serve", "--config", d.Dir+"/other.yaml")
	cmd.Env = append(os.Environ(), "EIDGATE_STATE=redis://:hunter2@"+d.redis.Addr, "EIDGATE_LISTEN=127.0.0.1:0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	d.redis.CLI("ACL", "SETUSER", "default", "on", "resetpass", ">hunter2")
	started := time.Now()
	if err := cmd.Run(); err == nil || time.Since(started) > 20*time.Second {
		t.Errorf("serve went on with a Redis that evicts: %v", err)
	}
	if text := stderr.String(); !strings.Contains(text, "maxmemory-policy noeviction") || strings.Contains(text, "hunter2") {
		t.Errorf("serve says %q, want the mend and no password", text)
	}
}
