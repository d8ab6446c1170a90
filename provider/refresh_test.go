package provider_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/store/sqlstore"
	"eidgate/store/storetest"
)

// refreshing registers portal for refresh tokens, and for what else is said.
func refreshing(t *testing.T, change ...func(*eid.RelyingParty)) *world {
	t.Helper()
	w := newWorld(t)
	w.registerWith(func(portal *eid.RelyingParty) {
		portal.Refresh = true
		for _, f := range change {
			f(portal)
		}
	})
	return w
}

func asPortal(r *http.Request) { r.SetBasicAuth("portal", url.QueryEscape(clientSecret)) }

// refresh uses a refresh token as client portal, with changes to the form.
func (w *world) refresh(token string, changes ...string) tokens {
	w.t.Helper()
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
	for i := 0; i < len(changes); i += 2 {
		form.Set(changes[i], changes[i+1])
	}
	return w.token(form, func(r *http.Request) {
		if form.Get("client_id") == "" {
			asPortal(r)
		}
	})
}

// active reports whether an access token opens userinfo.
func (w *world) active(accessToken string) bool {
	w.t.Helper()
	status, _, _ := w.userinfo("Bearer " + accessToken)
	return status == http.StatusOK
}

// revoked are the reasons on record why tokens ended.
func (w *world) revoked() []string {
	w.t.Helper()
	rows, err := w.db.Audit(w.t.Context(), sqlstore.AuditFilter{Action: eid.ActionTokensRevoked, Limit: 1000})
	must(w.t, err)
	var why []string
	for _, row := range rows {
		var detail struct{ Why string }
		must(w.t, json.Unmarshal(row.Detail, &detail))
		if row.Account == "" || row.Client != "portal" || row.Ref == "" {
			w.t.Errorf("audit row lacks whose tokens ended: %+v", row)
		}
		why = append(why, detail.Why)
	}
	return why
}

func TestRefreshKeepsWhatWasGranted(t *testing.T) {
	w := refreshing(t)
	first := w.redeem(w.codeFor(numberLevel2, "acr_values", "LoA2"))
	if first.RefreshToken == "" {
		t.Fatalf("no refresh token: %d %s", first.status, first.Error)
	}
	last := first
	for i := range 3 {
		w.pass(11 * time.Minute)
		got := w.refresh(last.RefreshToken)
		if got.status != http.StatusOK || got.RefreshToken == "" || got.RefreshToken == last.RefreshToken || got.ExpiresIn != 600 {
			t.Fatalf("refresh %d: status %d %s, expires_in %d", i, got.status, got.Error, got.ExpiresIn)
		}
		if got.header.Get("Cache-Control") != "no-store" {
			t.Error("the answer may be cached")
		}
		for _, claim := range []string{"iss", "sub", "aud", "auth_time", "acr", "sid"} {
			if got.claims[claim] == nil || got.claims[claim] != first.claims[claim] {
				t.Errorf("refresh %d: %s = %v, want %v", i, claim, got.claims[claim], first.claims[claim])
			}
		}
		if amr, ok := got.claims["amr"].([]any); !ok || len(amr) != 2 {
			t.Errorf("refresh %d: amr = %v, want two methods", i, got.claims["amr"])
		}
		if got.claims["nonce"] != nil || got.claims["iat"] == first.claims["iat"] {
			t.Errorf("refresh %d: nonce %v, iat %v", i, got.claims["nonce"], got.claims["iat"])
		}
		if !w.active(got.AccessToken) || w.active(last.AccessToken) {
			t.Error("the new access token does not work, or the expired one does")
		}
		last = got
	}
	if why := w.revoked(); len(why) != 0 {
		t.Errorf("tokens ended: %v", why)
	}
}

func TestOnlyRegisteredClientsRefresh(t *testing.T) {
	w := newWorld(t)
	if got := w.redeem(w.codeFor(numberLevel1)); got.status != http.StatusOK || got.RefreshToken != "" {
		t.Errorf("status %d, refresh token given: %v", got.status, got.RefreshToken != "")
	}
	w = refreshing(t)
	got := w.redeem(w.codeFor(numberLevel1))
	w.register() // without refresh tokens from now on
	if again := w.refresh(got.RefreshToken); again.status != http.StatusBadRequest || again.Error != "unauthorized_client" {
		t.Errorf("registration withdrawn: %d %s, want 400 unauthorized_client", again.status, again.Error)
	}
}

// A refresh token used before ends the family, the winner's tokens included.
func TestRefreshReuse(t *testing.T) {
	w := refreshing(t)
	first := w.redeem(w.codeFor(numberLevel1))
	second := w.refresh(first.RefreshToken)
	third := w.refresh(second.RefreshToken)
	if third.status != http.StatusOK {
		t.Fatalf("second refresh: %d %s", third.status, third.Error)
	}
	if got := w.refresh(first.RefreshToken); got.status != http.StatusBadRequest || got.Error != "invalid_grant" || got.AccessToken != "" {
		t.Errorf("reuse: %d %s, want 400 invalid_grant", got.status, got.Error)
	}
	if got := w.refresh(third.RefreshToken); got.Error != "invalid_grant" {
		t.Errorf("the winner after a reuse: %d %s, want invalid_grant", got.status, got.Error)
	}
	for name, token := range map[string]string{"first": first.AccessToken, "second": second.AccessToken, "third": third.AccessToken} {
		if w.active(token) {
			t.Errorf("the %s access token still works", name)
		}
	}
	if why := w.revoked(); len(why) != 1 || why[0] != "refresh_token_used_again" {
		t.Errorf("on record: %v, want one reuse", why)
	}
}

func (w *world) sixteen(token string) []tokens {
	var mu sync.Mutex
	var won []tokens
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			got := w.refresh(token)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case got.status == http.StatusOK:
				won = append(won, got)
			case got.Error != "invalid_grant":
				w.t.Errorf("status %d %s, want invalid_grant", got.status, got.Error)
			}
		})
	}
	wg.Wait()
	return won
}

// Of 16 uses of one refresh token at most one wins, and then the family is dead.
func TestOneRefreshTokenSixteenTimes(t *testing.T) {
	w := refreshing(t)
	for range 5 {
		first := w.redeem(w.codeFor(numberLevel1))
		won := w.sixteen(first.RefreshToken)
		if len(won) > 1 {
			t.Fatalf("%d uses got tokens", len(won))
		}
		for _, got := range append(won, first) {
			if w.active(got.AccessToken) {
				t.Error("an access token still works")
			}
			if again := w.refresh(got.RefreshToken); again.Error != "invalid_grant" {
				t.Errorf("refresh afterwards: %d %s", again.status, again.Error)
			}
		}
	}
	if why := w.revoked(); len(why) != 5 {
		t.Errorf("%d ends on record, want 5", len(why))
	}
}

// Within a registered grace the one before the last gives the same successor.
func TestRefreshGrace(t *testing.T) {
	w := refreshing(t, func(portal *eid.RelyingParty) { portal.RefreshGrace = 10 * time.Second })
	first := w.redeem(w.codeFor(numberLevel1))
	won := w.sixteen(first.RefreshToken)
	if len(won) != 16 {
		t.Fatalf("%d of 16 uses within the grace got tokens", len(won))
	}
	for _, got := range won {
		if got.RefreshToken != won[0].RefreshToken || !w.active(got.AccessToken) {
			t.Error("another successor, or an access token that does not work")
		}
	}
	w.pass(9 * time.Second)
	if got := w.refresh(first.RefreshToken); got.RefreshToken != won[0].RefreshToken {
		t.Errorf("after 9 s: %d %s, want the same successor", got.status, got.Error)
	}
	// The one before the one before the last has no grace.
	third := w.refresh(won[0].RefreshToken)
	if third.status != http.StatusOK {
		t.Fatalf("the successor: %d %s", third.status, third.Error)
	}
	if got := w.refresh(first.RefreshToken); got.Error != "invalid_grant" {
		t.Errorf("two before: %d %s, want invalid_grant", got.status, got.Error)
	}
	if got := w.refresh(third.RefreshToken); got.Error != "invalid_grant" || w.active(third.AccessToken) {
		t.Errorf("the family after that: %d %s, want it dead", got.status, got.Error)
	}
}

// After the grace, or when the registration lost it, reuse is reuse. More than 10 s
// are 10 s.
func TestRefreshGraceEnds(t *testing.T) {
	for name, change := range map[string]func(*world){
		"too late":  func(w *world) { w.pass(11 * time.Second) },
		"withdrawn": func(w *world) { w.registerWith(func(portal *eid.RelyingParty) { portal.Refresh = true }) },
	} {
		t.Run(name, func(t *testing.T) {
			w := refreshing(t, func(portal *eid.RelyingParty) { portal.RefreshGrace = time.Hour })
			first := w.redeem(w.codeFor(numberLevel1))
			second := w.refresh(first.RefreshToken)
			change(w)
			if got := w.refresh(first.RefreshToken); got.Error != "invalid_grant" {
				t.Errorf("reuse: %d %s, want invalid_grant", got.status, got.Error)
			}
			if w.active(second.AccessToken) || w.refresh(second.RefreshToken).Error != "invalid_grant" {
				t.Error("the family lives on")
			}
		})
	}
}

func TestRefreshLifetimes(t *testing.T) {
	for _, tt := range []struct {
		name   string
		number string
		every  time.Duration
		lasts  time.Duration // used every so often, it works until then
	}{
		{"idle", numberLevel1, 8*time.Hour + time.Second, 0},
		{"absolute", numberLevel1, 7 * time.Hour, 30 * 24 * time.Hour},
		{"level 2", numberLevel2, 7 * time.Hour, 24 * time.Hour},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := refreshing(t)
			acr := map[string]string{numberLevel1: "LoA1", numberLevel2: "LoA2"}[tt.number]
			got := w.redeem(w.codeFor(tt.number, "acr_values", acr))
			start := w.clock()
			for {
				w.pass(tt.every)
				next := w.refresh(got.RefreshToken)
				age := w.clock().Sub(start)
				if next.status != http.StatusOK {
					if next.Error != "invalid_grant" || age <= tt.lasts-tt.every || age > tt.lasts+tt.every {
						t.Errorf("ended after %v with %s, want about %v and invalid_grant", age, next.Error, tt.lasts)
					}
					return
				}
				if age >= tt.lasts {
					t.Fatalf("still works after %v, want %v", age, tt.lasts)
				}
				got = next
			}
		})
	}
}

func TestRefreshScope(t *testing.T) {
	w := refreshing(t)
	first := w.redeem(w.codeFor(numberLevel1, "scope", "openid profile email"))
	for _, scope := range []string{"openid eid", "openid profile email phone", "profile", "openid offline_access", "OPENID"} {
		if got := w.refresh(first.RefreshToken, "scope", scope); got.status != http.StatusBadRequest || got.Error != "invalid_scope" {
			t.Errorf("scope %q: %d %s, want 400 invalid_scope", scope, got.status, got.Error)
		}
	}
	narrow := w.refresh(first.RefreshToken, "scope", "openid email")
	if narrow.status != http.StatusOK || narrow.Scope != "openid email" {
		t.Fatalf("narrowed: %d %s, scope %q", narrow.status, narrow.Error, narrow.Scope)
	}
	if _, _, claims := w.userinfo("Bearer " + narrow.AccessToken); claims["email"] == nil || claims["name"] != nil {
		t.Errorf("userinfo with the narrowed token = %v, want email without name", claims)
	}
	// Narrowing is for one token: the refresh token keeps what was granted.
	if wide := w.refresh(narrow.RefreshToken); wide.Scope != "openid profile email" {
		t.Errorf("afterwards: %d %s, scope %q", wide.status, wide.Error, wide.Scope)
	}
}

// Each term of the grant is checked again at each use; below it the family ends.
func TestRefreshChecksEveryTerm(t *testing.T) {
	sources := func(w *world, change func(*eid.Source)) {
		all, err := w.db.Sources(t.Context())
		must(t, err)
		for i := range all {
			if all[i].ID == "national" {
				change(&all[i])
			}
		}
		must(t, w.db.ApplyRegistrations(t.Context(), w.parties, all, "file", "system"))
	}
	for name, change := range map[string]func(*world){
		"lock": func(w *world) {
			_, err := w.locks.Set(t.Context(), w.people[numberLevel2], eid.LockSelf, storetest.Self())
			must(t, err)
		},
		"credentials": func(w *world) {
			id := w.people[numberLevel2]
			hash, err := w.db.PasswordHash(t.Context(), id)
			must(t, err)
			must(t, accounts.NewCredentials(w.db, w.clock).SetPassword(t.Context(), id, accounts.PasswordChange{
				Act: accounts.Act{Actor: "holder"}, PasswordHash: hash, Expected: hash,
			}))
		},
		"window": func(w *world) { sources(w, func(s *eid.Source) { s.Window.Until = w.clock() }) },
		"ceiling": func(w *world) {
			sources(w, func(s *eid.Source) {
				s.GrantsAtMost = append(s.GrantsAtMost, eid.Ceiling{From: w.clock(), Level: eid.Level1})
			})
		},
		"distrust": func(w *world) { sources(w, func(s *eid.Source) { s.MayAssert = []eid.Level{eid.Level1} }) },
		"source of the party": func(w *world) {
			w.registerWith(func(p *eid.RelyingParty) { p.Refresh, p.Sources = true, []string{"upstream"} })
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := refreshing(t)
			got := w.redeem(w.codeFor(numberLevel2, "acr_values", "LoA2"))
			change(w)
			if again := w.refresh(got.RefreshToken); again.status != http.StatusBadRequest || again.Error != "invalid_grant" {
				t.Errorf("%d %s, want 400 invalid_grant", again.status, again.Error)
			}
			w.registerWith(func(p *eid.RelyingParty) { p.Refresh = true }) // as it was, where that helps
			if again := w.refresh(got.RefreshToken); again.Error != "invalid_grant" || w.active(got.AccessToken) {
				t.Errorf("the family lives on: %d %s", again.status, again.Error)
			}
			if why := w.revoked(); len(why) != 1 || why[0] != "terms_no_longer_hold" {
				t.Errorf("on record: %v", why)
			}
		})
	}
}

// A grant at level 1 does not outlive a registered minimum of 2.
func TestRefreshBelowTheMinimum(t *testing.T) {
	w := refreshing(t)
	got := w.redeem(w.codeFor(numberLevel1))
	w.registerWith(func(p *eid.RelyingParty) { p.Refresh, p.Levels.Minimum = true, eid.Level2 })
	if again := w.refresh(got.RefreshToken); again.Error != "invalid_grant" {
		t.Errorf("%d %s, want invalid_grant", again.status, again.Error)
	}
}

func TestForeignAndForgedRefreshTokens(t *testing.T) {
	w := refreshing(t)
	w.registerWith(func(p *eid.RelyingParty) { p.Refresh = true })
	got := w.redeem(w.codeFor(numberLevel1))
	half := len(got.RefreshToken) - 43
	for name, token := range map[string]string{
		"empty part": "", "garbage": "x", "an access token": got.AccessToken, "an id token": got.IDToken, "cut": got.RefreshToken[:half],
		"guessed family": got.RefreshToken[:17] + strings.Repeat("A", 86), "long": strings.Repeat("a", 9000),
		"another slot": strings.Repeat("A", 16) + got.RefreshToken[16:], "unusual bits": got.RefreshToken + "A",
	} {
		again := w.refresh(token)
		if again.status != http.StatusBadRequest || again.Error != "invalid_grant" && again.Error != "invalid_request" {
			t.Errorf("%s: %d %s", name, again.status, again.Error)
		}
	}
	if !w.active(got.AccessToken) {
		t.Fatal("guessing ended the family")
	}
	// In another client's hands it has leaked.
	w.alsoRefreshing("high")
	if again := w.refresh(got.RefreshToken, "client_id", "high"); again.Error != "invalid_grant" {
		t.Errorf("another client: %d %s, want invalid_grant", again.status, again.Error)
	}
	if w.active(got.AccessToken) || w.refresh(got.RefreshToken).Error != "invalid_grant" {
		t.Error("a leaked token's family lives on")
	}
	if why := w.revoked(); len(why) != 1 || why[0] != "refresh_token_of_another_client" {
		t.Errorf("on record: %v", why)
	}
	// Nor is a refresh token an access token.
	fresh := w.redeem(w.codeFor(numberLevel1))
	if w.active(fresh.RefreshToken) {
		t.Error("a refresh token opens userinfo")
	}
}

// A code used again ends the refresh tokens that it gave, late as it may be.
func TestCodeReplayEndsRefreshTokens(t *testing.T) {
	w := refreshing(t)
	code := w.codeFor(numberLevel1)
	first := w.redeem(code)
	second := w.refresh(first.RefreshToken)
	w.pass(time.Hour)
	if got := w.redeem(code); got.Error != "invalid_grant" {
		t.Fatalf("replay: %d %s", got.status, got.Error)
	}
	if got := w.refresh(second.RefreshToken); got.Error != "invalid_grant" {
		t.Errorf("refresh after the replay: %d %s, want invalid_grant", got.status, got.Error)
	}
}

// Of 16 redemptions of one code none keeps a refresh token.
func TestOneCodeSixteenTimesWithRefresh(t *testing.T) {
	w := refreshing(t)
	for range 5 {
		code := w.codeFor(numberLevel1)
		var mu sync.Mutex
		var won []tokens
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				if got := w.redeem(code); got.status == http.StatusOK {
					mu.Lock()
					defer mu.Unlock()
					won = append(won, got)
				}
			})
		}
		wg.Wait()
		if len(won) > 1 {
			t.Fatalf("%d calls got tokens", len(won))
		}
		for _, got := range won {
			if w.active(got.AccessToken) || w.refresh(got.RefreshToken).Error != "invalid_grant" {
				t.Error("the winner keeps its tokens")
			}
		}
	}
}

// Whoever ends a session deletes the families on its list: all tokens die with
// that one key, also those that refreshing gave.
func TestTheFamilyIsWhatTokensAreWorth(t *testing.T) {
	w := refreshing(t)
	code := w.codeFor(numberLevel1)
	first := w.redeem(code)
	second := w.refresh(first.RefreshToken)
	w.deleteFamily(code)
	if w.active(first.AccessToken) || w.active(second.AccessToken) {
		t.Error("an access token outlives its family")
	}
	if got := w.refresh(second.RefreshToken); got.Error != "invalid_grant" {
		t.Errorf("refresh without a family: %d %s, want invalid_grant", got.status, got.Error)
	}
}

// A refresh token survives a restart, and nothing of it is in the store.
func TestNoTokenIsInTheStore(t *testing.T) {
	w := refreshing(t, func(portal *eid.RelyingParty) { portal.RefreshGrace = 10 * time.Second })
	first := w.redeem(w.codeFor(numberLevel1))
	second := w.refresh(first.RefreshToken)
	raw := w.stateBytes()
	for name, token := range map[string]string{
		"first refresh token": first.RefreshToken, "second refresh token": second.RefreshToken,
		"first access token": first.AccessToken, "second access token": second.AccessToken,
	} {
		if secret := token[len(token)-43:]; strings.Contains(raw, secret) {
			t.Errorf("the secret of the %s is in the store", name)
		}
	}
}

// What is registered when a code is redeemed decides whether a refresh token is
// given, and a code that was given before has none to give.
func TestRefreshRegisteredMeanwhile(t *testing.T) {
	for name, before := range map[string]bool{"registered since": false, "no longer registered": true} {
		w := newWorld(t)
		w.registerWith(func(portal *eid.RelyingParty) { portal.Refresh = before })
		code := w.codeFor(numberLevel1)
		w.registerWith(func(portal *eid.RelyingParty) { portal.Refresh = !before })
		got := w.redeem(code)
		if got.status != http.StatusOK || got.RefreshToken != "" || !w.active(got.AccessToken) {
			t.Errorf("%s: %d with refresh token %t, want tokens without one", name, got.status, got.RefreshToken != "")
		}
	}
}
