package storetest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/keys"
)

func (s durableSuite) races(t *testing.T) {
	t.Run("accounts of one identifier", s.raceAccounts)
	t.Run("links of one subject", s.raceLinks)
	t.Run("lifts of one lock", s.raceLifts)
	t.Run("secrets of one sector", s.raceSecrets)
	t.Run("subjects of one account", s.raceSubjects)
	t.Run("key updates", s.raceKeys)
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
	lock, err := d.accounts.Lock(t.Context(), id, eid.LockSelf, "", "", "holder")
	must(t, err)
	oneWins(t, eid.ErrNotFound, func(int) error {
		return d.accounts.Unlock(t.Context(), id, lock.ID, accounts.Correction{}, "holder")
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
			return keys.Update{Put: []keys.Record{{ID: id, Algorithm: keys.ES256, State: keys.Published}}}, nil
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
