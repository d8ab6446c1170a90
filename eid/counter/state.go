package counter

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"eidgate/eid"
)

// Errors of acts at a counter, for callers to test with errors.Is. Besides them an act
// returns eid.ErrNotFound (also for an application of another office), eid.ErrExists,
// civil.ErrDown and ErrInvalid of package accounts.
var (
	// ErrTask: the officer may not do that.
	ErrTask = errors.New("not the officer's task")
	// ErrOwn: it is about the officer, or about somebody whom they declared.
	ErrOwn = errors.New("officer's own application")
	// ErrSameOfficer: who approves has taken it in or changed it.
	ErrSameOfficer = errors.New("another officer has to approve")
	// ErrStatus: it does not stand where that can be done.
	ErrStatus = errors.New("application does not stand so")
	// ErrStale: somebody changed it since it was shown.
	ErrStale = errors.New("application changed meanwhile")
	// ErrNotShown: what is confirmed is not what was read back.
	ErrNotShown = errors.New("not what was read back")
	// ErrReason: a reason is missing or too long.
	ErrReason = errors.New("reason is missing or too long")
	// ErrTooMany: a bound of the counter is reached.
	ErrTooMany = errors.New("too many")
)

// ObstacleError carries what keeps an application from going on.
type ObstacleError struct{ Obstacles []Obstacle }

func (e *ObstacleError) Error() string {
	if len(e.Obstacles) == 0 {
		return "application cannot go on"
	}
	return "application cannot go on: " + string(e.Obstacles[0].Kind)
}

// Status is where an application stands. The zero value is none.
type Status string

// The states of an application.
const (
	StatusSubmitted  Status = "submitted"
	StatusProcessing Status = "processing"
	StatusConfirmed  Status = "confirmed" // by the person; it waits for approval
	StatusApproved   Status = "approved"
	StatusRejected   Status = "rejected"
	StatusWithdrawn  Status = "withdrawn"
)

// Open reports whether it is not decided yet.
func (s Status) Open() bool {
	return s == StatusSubmitted || s == StatusProcessing || s == StatusConfirmed
}

// Act is what is done with an application.
type Act string

// The acts.
const (
	ActAmend    Act = "amend" // intake, papers
	ActMatch    Act = "match"
	ActReadBack Act = "read_back"
	ActConfirm  Act = "confirm"
	ActWithdraw Act = "withdraw"
	ActApprove  Act = "approve"
	ActReturn   Act = "return"
	ActReject   Act = "reject"
)

// next is where an act leads from a status.
func (s Status) next(act Act) (Status, bool) {
	if !s.Open() {
		return "", false
	}
	confirmed := s == StatusConfirmed
	switch act {
	case ActAmend, ActMatch, ActReadBack:
		return StatusProcessing, !confirmed
	case ActConfirm:
		return StatusConfirmed, s == StatusProcessing
	case ActApprove:
		return StatusApproved, confirmed
	case ActReturn:
		return StatusProcessing, confirmed
	case ActReject:
		return StatusRejected, true
	case ActWithdraw:
		return StatusWithdrawn, true
	}
	return "", false
}

// task is what an officer needs for an act.
func (s Status) task(act Act) eid.Task {
	if act == ActApprove || act == ActReturn || act == ActReject && s == StatusConfirmed {
		return eid.TaskApprove
	}
	return eid.TaskIntake
}

// move decides whether an officer may do something with an application now, and gives
// it as it stands then. own reports whether it concerns the officer. It is the one place
// that says so, and is pure.
func move(a Application, act Act, by eid.Officer, own bool, rules *eid.RuleSet, now time.Time) (Application, error) {
	to, ok := a.Status.next(act)
	switch task := a.Status.task(act); {
	case by.Account == "" || a.Office == "" || by.Office != a.Office:
		return a, eid.ErrNotFound
	case !slices.Contains(by.Tasks, task):
		return a, ErrTask
	case own:
		return a, ErrOwn
	case !ok:
		return a, ErrStatus
	case task == eid.TaskApprove && a.needsSecond(rules) && a.tookIn(by.Account):
		return a, ErrSameOfficer
	}
	switch act {
	case ActConfirm:
		if a.Shown == 0 || a.Shown != a.Revision {
			return a, ErrNotShown
		}
		if obstacles := a.Obstacles(rules, now); len(obstacles) > 0 {
			return a, &ObstacleError{obstacles}
		}
		a.Confirmed = Confirmation{At: now, Officer: by.Account, Revision: a.Revision}
	case ActApprove:
		// Of the person's word nothing counts but what was said to this very content: it is
		// one revision after what was read back, and nothing came in between.
		if a.Confirmed.At.IsZero() || a.Confirmed.Revision != a.Shown || a.Revision != a.Shown+1 {
			return a, ErrNotShown
		}
		if obstacles := a.Obstacles(rules, now); len(obstacles) > 0 {
			return a, &ObstacleError{obstacles}
		}
	case ActAmend, ActMatch, ActReturn:
		a.Shown, a.Confirmed = 0, Confirmation{}
	case ActReadBack:
		a.Shown, a.Confirmed = a.Revision+1, Confirmation{}
	case ActReject, ActWithdraw:
	}
	if task := a.Status.task(act); task == eid.TaskIntake && !a.tookIn(by.Account) {
		a.Officers = append(slices.Clone(a.Officers), by.Account)
	}
	if !to.Open() {
		a.Decision = Decision{By: by.Account, At: now}
	}
	a.Status, a.Revision, a.UpdatedAt = to, a.Revision+1, now
	return a, nil
}

// needsSecond reports whether another officer approves: where the rules say so, and
// always where a doubt was left.
func (a *Application) needsSecond(rules *eid.RuleSet) bool {
	return rules.Level(a.Level).SecondOfficer || len(a.Doubts()) > 0
}

// tookIn reports whether an officer took it in or changed it.
func (a *Application) tookIn(officer eid.AccountID) bool { return slices.Contains(a.Officers, officer) }

// maxReason is the longest reason, in characters.
const maxReason = 500

func checkReason(reason string) error {
	if strings.TrimSpace(reason) == "" || utf8.RuneCountInString(reason) > maxReason || !utf8.ValidString(reason) {
		return fmt.Errorf("%w: at most %d characters", ErrReason, maxReason)
	}
	return nil
}
