package admin

import (
	"slices"
	"testing"
	"time"

	"eidgate/eid/counter"
	"eidgate/web"
)

// What came in the way at the approval is named as it is then, whatever was found before.
func TestAnAccountInTheWayIsNamed(t *testing.T) {
	a := counter.Application{Findings: counter.Findings{Stands: counter.StandsFree}}
	for stands, want := range map[counter.Standing]string{
		counter.StandsLocked: "officer.obstacle.account.locked", counter.StandsManaged: "officer.obstacle.account.managed",
		counter.StandsClosed: "officer.obstacle.account.closed", counter.StandsHigher: "officer.obstacle.account.higher",
	} {
		got := obstacleWords(&a, []counter.Obstacle{{Kind: counter.ObstacleAccount, Stands: stands}})
		if !slices.Equal(got, []string{want}) {
			t.Errorf("obstacleWords(%s) = %v, want %s", stands, got, want)
		}
	}
}

// That an approval unlocks is said while there is one to come, and of no other account.
func TestAnUnlockingIsSaidBeforeTheApproval(t *testing.T) {
	locked := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	says := func(f web.OfficerFact) bool { return f.Word == "officer.account.own_lock" }
	for _, tt := range []struct {
		status counter.Status
		lock   time.Time
		want   bool
	}{
		{counter.StatusProcessing, locked, true}, {counter.StatusConfirmed, locked, true}, {counter.StatusConfirmed, time.Time{}, false},
		{counter.StatusApproved, locked, false}, {counter.StatusRejected, locked, false}, {counter.StatusWithdrawn, locked, false},
	} {
		a := counter.Application{Status: tt.status, Findings: counter.Findings{OwnLock: tt.lock}}
		if got := slices.ContainsFunc((&Pages{}).factsOf(&a), says); got != tt.want {
			t.Errorf("%s, locked %v: said %t, want %t", tt.status, tt.lock, got, tt.want)
		}
	}
}
