package main_test

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"

	"eidgate/store/storetest"
)

// raceRounds is how often each race is run, sixteen at a time over two processes.
const raceRounds = 50

// TestTwoProcessesRace: what counts once counts once, whichever process is asked.
func TestTwoProcessesRace(t *testing.T) {
	t.Parallel()
	d := startPair(t)
	portal, a := d.party(t, "portal-1"), d.browser(t)
	portal.signIn(a, d.account("002"))
	// redeem gives the form that redeems a new code.
	redeem := func() url.Values {
		r := portal.request("prompt", "none")
		q := portal.answer(r, a.get(r.address))
		if q.Get("code") == "" {
			t.Fatalf("answer is %s, want a code", q.Get("error"))
		}
		return url.Values{
			"grant_type": {"authorization_code"}, "code": {q.Get("code")},
			"redirect_uri": {portal.RedirectURI}, "code_verifier": {r.verifier},
		}
	}
	// race sends one form sixteen times and counts the answers by error, "" for 200.
	race := func(client portalReport, form url.Values) map[string]int64 {
		counts := map[string]*atomic.Int64{"": {}, "invalid_grant": {}, "invalid_client": {}, "other": {}}
		at16(func() {
			status, answer := d.token(t.Context(), client, form)
			name, _ := answer["error"].(string)
			if counts[name] == nil || name == "" && status != http.StatusOK {
				t.Errorf("an answer of the race is %d %v", status, answer["error"])
				name = "other"
			}
			counts[name].Add(1)
		})
		totals := map[string]int64{}
		for name, n := range counts {
			totals[name] = n.Load()
		}
		return totals
	}
	t.Run("one code", func(t *testing.T) {
		for round := range raceRounds {
			if got := race(portal.portalReport, redeem()); got[""] > 1 || got[""]+got["invalid_grant"] != 16 {
				t.Fatalf("round %d: answers %v, want one 200 at most and invalid_grant for the rest", round, got)
			}
		}
	})
	t.Run("one refresh token", func(t *testing.T) {
		for round := range raceRounds {
			status, answer := d.token(t.Context(), portal.portalReport, redeem())
			refresh, _ := answer["refresh_token"].(string)
			if status != http.StatusOK || refresh == "" {
				t.Fatalf("round %d: redeeming gives %d %v", round, status, answer["error"])
			}
			form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}
			if got := race(portal.portalReport, form); got[""] > 1 || got[""]+got["invalid_grant"] != 16 {
				t.Fatalf("round %d: answers %v, want one 200 at most and invalid_grant for the rest", round, got)
			}
		}
	})
	t.Run("one client assertion", func(t *testing.T) {
		for round := range raceRounds {
			form := url.Values{
				"grant_type": {"authorization_code"}, "code": {"AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
				"redirect_uri": {portal.RedirectURI}, "code_verifier": {"0123456789012345678901234567890123456789012"}, "client_id": {"keyed"},
				"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {d.assertion(t)},
			}
			// Whoever is authenticated learns that the code is none.
			if got := race(portalReport{}, form); got["invalid_grant"] != 1 || got["invalid_client"] != 15 {
				t.Fatalf("round %d: answers %v, want one client that is let in", round, got)
			}
		}
	})
}

// TestTwoProcessesShareOneTimeCodes: a TOTP code is one process's or the other's.
func TestTwoProcessesShareOneTimeCodes(t *testing.T) {
	t.Parallel()
	d := startPair(t)
	portal, who := d.party(t, "portal-2"), d.account("001")
	type attempt struct {
		a *agent
		p screen
	}
	attempts := make(chan attempt, 16)
	for range 16 {
		a := d.browser(t)
		attempts <- attempt{a, a.submit(a.get(portal.request().address), "personal_number", who.PersonalNumber, "password", who.Password)}
	}
	code := d.code(who.TOTPSecret)
	var won atomic.Int32
	at16(func() {
		at := <-attempts
		form := at.p.hidden()
		form.Set("code", code)
		if got := at.a.post(d.Issuer+"/login", form); got.back != nil && got.back.Query().Has("code") {
			won.Add(1)
		}
	})
	if won.Load() != 1 {
		t.Errorf("%d sign-ins by one code, want one", won.Load())
	}
}

// TestSignInOverTwoProcesses begins at one process and ends at the other.
func TestSignInOverTwoProcesses(t *testing.T) {
	t.Parallel()
	d := startPair(t)
	portal, a := d.party(t, "portal-2"), d.browser(t)
	r := portal.request()
	d.only.Store(1)
	p := a.get(r.address)
	d.only.Store(2)
	got := portal.redeem(r, a.fill(p, d.account("001")))
	got.wants(t, acr2, "pwd", "otp")
	d.only.Store(1)
	if _, err := portal.userinfo(got.access); err != nil {
		t.Errorf("userinfo at the first process: %v", err)
	}
	if again := portal.silent(a); again.Subject != got.Subject {
		t.Errorf("sub = %s at the first process, want %s", again.Subject, got.Subject)
	}
}

// TestTwoProcessesStartTogether on a directory that is not there yet: one set of
// keys, one database.
func TestTwoProcessesStartTogether(t *testing.T) {
	t.Parallel()
	server := storetest.StartRedis(t)
	for range 3 {
		data := filepath.Join(t.TempDir(), "data")
		var addrs [2]string
		for i := range addrs {
			addrs[i] = storetest.FreeAddr(t)
			var log syncBuffer
			cmd := exec.CommandContext(t.Context(), binary, "serve")
			cmd.Env = append(os.Environ(), "EIDGATE_ISSUER=http://127.0.0.1:8400", "EIDGATE_DATA="+data,
				"EIDGATE_LISTEN="+addrs[i], "EIDGATE_STATE=redis://"+server.Addr)
			cmd.Stderr = &log
			must(t, cmd.Start())
			t.Cleanup(func() {
				_ = cmd.Wait() // the test's context killed it
				if t.Failed() {
					t.Logf("log:\n%s", &log)
				}
			})
		}
		var sets [2]string
		for i, addr := range addrs {
			waitUntil(t, "process "+itoa(i+1), func() bool {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/keys", nil)
				must(t, err)
				res, err := http.DefaultClient.Do(r)
				if err != nil {
					return false
				}
				defer func() { _ = res.Body.Close() }()
				raw, err := io.ReadAll(res.Body)
				sets[i] = string(raw)
				return err == nil && res.StatusCode == http.StatusOK
			})
		}
		if sets[0] != sets[1] {
			t.Errorf("the processes publish different keys:\n%s\n%s", sets[0], sets[1])
		}
	}
}
