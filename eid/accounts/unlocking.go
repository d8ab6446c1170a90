package accounts

import (
	"slices"
	"time"

	"eidgate/eid"
)

// Unlocking is how a holder undoes at a counter what they locked (Decision 34/2021,
// Art. 11): the proof is that a biometric of theirs matched and that they said, after
// the lock, that what was taken in is right.
type Unlocking struct {
	Rules   *eid.RuleSet  // of the day on which the locks end
	Proof   string        // the record of the counter
	Officer eid.AccountID // who approves
}

// LockLift is a lock that ends with something else, and how.
type LockLift struct {
	Lock string // its ID
	Lift
}

// unlocking ends every lock that an account has, or returns an *eid.LockedError of the
// first one that stays: an enrolment goes past none.
func (e Enrolment) unlocking(held eid.Account, now time.Time) ([]LockLift, error) {
	for _, l := range held.Locks {
		if !e.undoes(l) {
			return nil, &eid.LockedError{Lock: l}
		}
	}
	var list []LockLift
	for _, l := range held.Locks {
		lift, err := lifting(e.Unlock.Rules, held.ID, l, LockAct{
			By: eid.ByHolder, Proof: e.Unlock.Proof, Officer: e.Unlock.Officer, Actor: e.Actor, Ref: e.Ref,
		}, now)
		if err != nil {
			return nil, err
		}
		list = append(list, LockLift{Lock: l.ID, Lift: lift})
	}
	return list, nil
}

// undoes reports whether a lock ends with an enrolment.
func (e Enrolment) undoes(l eid.Lock) bool {
	return e.Unlock != nil && e.Unlock.Rules.HolderUndoes(l) &&
		e.provedAfter(l.SetAt, eid.EvidenceBiometric) && e.provedAfter(l.SetAt, eid.EvidenceConfirmation)
}

// provedAfter reports whether there is evidence of a kind that is younger than a lock:
// what was proved before it does not count any more (eid.Account.SessionsFrom).
func (e Enrolment) provedAfter(set time.Time, kind eid.EvidenceKind) bool {
	return slices.ContainsFunc(e.Evidence, func(ev eid.Evidence) bool { return ev.Kind == kind && ev.At.After(set) })
}
