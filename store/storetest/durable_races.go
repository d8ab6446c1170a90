package storetest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/keys"
)

func (s durableSuite) races(t *testing.T) {
	t.Run("accounts of one identifier", s.raceAccounts)
	t.Run("activations of one account", s.raceActivations)
	t.Run("links of one subject", s.raceLinks)
	t.Run("lifts of one lock", s.raceLifts)
	t.Run("secrets of one sector", s.raceSecrets)
	t.Run("subjects of one account", s.raceSubjects)
	t.Run("key updates", s.raceKeys)
	t.Run("claims of logouts", s.raceClaims)
	t.Run("dispatches of one event", s.raceDispatches)
	t.Run("consents given and withdrawn", s.raceConsents)
	t.Run("enrolments of one number", s.raceEnrolments)
	t.Run("first sign-ins of one person", s.raceArrivals)
}

// oneWins sees that f succeeds once and else fails with want.
func oneWins(t *testing.T, want error, f func(i int) error) {
	t.Helper()
	var wins atomic.Int64
	race(racers, func(i int) {
		switch err := f(i); {
		case err == nil:
			wins.Add(1)
		case !errors.Is(err, want):
			t.Errorf("a loser got %v, want %v", err, want)
		}
	})
	if got := wins.Load(); got != 1 {
		t.Errorf("%d won, want 1", got)
	}
}

func (s durableSuite) raceAccounts(t *testing.T) {
	d := s.desk(t)
	n := Citizen(t, numberA)
	oneWins(t, eid.ErrExists, func(int) error {
		_, err := d.accounts.Create(t.Context(), n, "system")
		return err
	})
	var seen int64
	equal(t, "audit", d.actions(t, &seen), []string{eid.ActionAccountCreated})
}

func (s durableSuite) raceLinks(t *testing.T) {
	d := s.desk(t)
	link := eid.Link{Account: d.person(t, numberA), Source: "legacy", Cap: eid.Level1}
	oneWins(t, eid.ErrExists, func(int) error {
		_, err := d.accounts.Link(t.Context(), link, "subject", "evidence", "system")
		return err
	})
}

func (s durableSuite) raceLifts(t *testing.T) {
	d := s.desk(t)
	id := d.person(t, numberA)
	lock, err := d.locking.Set(t.Context(), id, eid.LockSelf, Self())
	must(t, err)
	oneWins(t, eid.ErrNotFound, func(int) error {
		return d.locking.Lift(t.Context(), id, lock.ID, Self())
	})
}

func (s durableSuite) raceSecrets(t *testing.T) {
	d := s.desk(t)
	var mu sync.Mutex
	secrets := map[string]int{}
	race(racers, func(int) {
		secret, err := d.SectorSecret(t.Context(), "sector")
		if err != nil {
			t.Errorf("SectorSecret(): %v", err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		secrets[string(secret)]++
	})
	if len(secrets) != 1 {
		t.Errorf("%d secrets, want 1", len(secrets))
	}
}

func (s durableSuite) raceSubjects(t *testing.T) {
	d := s.desk(t)
	g := eid.Grant{ID: "g", Account: d.person(t, numberA), Client: "portal"}
	var wins atomic.Int64
	race(racers, func(i int) {
		if d.RecordGrant(t.Context(), "sector", fmt.Sprint("sub-", i), g, grantEntry(d.clock.Now())) == nil {
			wins.Add(1)
		}
	})
	if got := wins.Load(); got != 1 {
		t.Errorf("%d subjects of one account and sector, want 1", got)
	}
}

// raceKeys adds one key each: an update that missed another would lose it.
func (s durableSuite) raceKeys(t *testing.T) {
	d := s.desk(t)
	race(racers, func(int) {
		err := d.UpdateKeys(t.Context(), func(current []keys.Record) (keys.Update, error) {
			id := fmt.Sprint("kid-", len(current))
			return keys.Update{Put: []keys.Record{{ID: id, Purpose: keys.Tokens, Algorithm: keys.ES256, State: keys.Published}}}, nil
		})
		if err != nil {
			t.Errorf("UpdateKeys(): %v", err)
		}
	})
	list, err := d.Keys(t.Context())
	must(t, err)
	if len(list) != racers {
		t.Errorf("%d keys, want %d", len(list), racers)
	}
}

func (s durableSuite) raceClaims(t *testing.T) {
	d := s.desk(t)
	var notices []eid.LogoutNotice
	for i := range 6 * racers {
		notices = append(notices, notice(fmt.Sprint("portal-", i%racers), fmt.Sprint("sid-", i)))
	}
	must(t, d.AddLogouts(t.Context(), notices, logoutEntry(d.clock.Now())))
	var mu sync.Mutex
	times := map[string]int{}
	race(racers, func(int) {
		for {
			claimed, err := d.ClaimLogouts(t.Context(), d.clock.Now(), time.Minute, 5)
			if err != nil {
				t.Errorf("ClaimLogouts(): %v", err)
			}
			if len(claimed) == 0 {
				return
			}
			mu.Lock()
			for _, n := range claimed {
				times[n.SID]++
			}
			mu.Unlock()
		}
	})
	for _, n := range notices {
		if times[n.SID] != 1 {
			t.Errorf("%s was claimed %d times, want 1", n.SID, times[n.SID])
		}
	}
}

func (s durableSuite) raceDispatches(t *testing.T) {
	d := s.desk(t)
	_, err := d.locking.Set(t.Context(), d.person(t, numberA), eid.LockSelf, Self())
	must(t, err)
	events, err := d.PendingEvents(t.Context(), 1)
	must(t, err)
	race(racers, func(i int) {
		n := notice("portal", fmt.Sprint("sid-", i))
		if err := d.DispatchEvent(t.Context(), events[0].ID, []eid.LogoutNotice{n}); err != nil {
			t.Errorf("DispatchEvent(): %v", err)
		}
	})
	if got := d.claim(t, racers); len(got) != 1 {
		t.Errorf("%d notices of one event, want 1", len(got))
	}
}

// raceConsents sees that the consent in force is the one that the audit tells of
// last.
func (s durableSuite) raceConsents(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	c := eid.ConsentGiven{
		Account: d.person(t, numberA), Client: "portal", Claims: []string{"name"},
		GivenAt: d.clock.Now(), Until: d.clock.Now().Add(time.Hour),
	}
	var seen int64
	d.actions(t, &seen)
	race(racers, func(i int) {
		var err error
		if i%2 == 0 {
			err = d.GiveConsent(ctx, c, consentEntry(d.clock.Now(), eid.ActionConsentGiven))
		} else {
			err = d.WithdrawConsent(ctx, c.Account, c.Client, consentEntry(d.clock.Now(), eid.ActionConsentEnded))
		}
		if err != nil && !errors.Is(err, eid.ErrNotFound) {
			t.Errorf("racer %d: %v", i, err)
		}
	})
	acts := d.actions(t, &seen)
	if len(acts) < racers/2 {
		t.Fatalf("%d acts on record, want those of %d that gave", len(acts), racers/2)
	}
	var want error
	if acts[len(acts)-1] == eid.ActionConsentEnded {
		want = eid.ErrNotFound
	}
	_, err := d.Consent(ctx, c.Account, c.Client)
	wantErr(t, "Consent() after "+acts[len(acts)-1], err, want)
}
