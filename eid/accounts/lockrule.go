package accounts

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"eidgate/eid"
)

// What is decided here is pure: nothing else says who may lock and unlock.

// setting is the lock that an act puts in force, or why it does not.
func setting(rules *eid.RuleSet, a eid.Account, reason eid.LockReason, act LockAct, now time.Time) (LockSetting, error) {
	rule := rules.Lock(reason)
	switch {
	case a.Status == eid.Closed:
		return LockSetting{}, fmt.Errorf("%w: the account is closed", ErrNotAllowed)
	case !rule.MaySet(act.By) || act.Correction:
		return LockSetting{}, fmt.Errorf("%w: %s does not set a lock %q", ErrNotAllowed, party(act.By), reason)
	}
	if err := act.check(a.ID, rule.Document, false); err != nil {
		return LockSetting{}, err
	}
	if len(a.Locks) >= maxLocks {
		return LockSetting{}, fmt.Errorf("locks in force: %w", ErrNoRoom)
	}
	l := eid.Lock{ID: newID(), Reason: reason, SetBy: act.By, Requester: act.Requester, Client: act.Client, Document: act.Document, SetAt: now}
	for _, other := range a.Locks {
		if other.Reason == reason && other.SetBy == l.SetBy && other.Document == l.Document && sameRequester(other, act) {
			return LockSetting{}, fmt.Errorf("the same lock is in force: %w", eid.ErrExists)
		}
	}
	entry, err := act.entry(now, eid.ActionAccountLocked, a.ID, l)
	return LockSetting{Lock: l, Entry: entry}, err
}

// lifting is how an act ends a lock, or why it does not.
func lifting(rules *eid.RuleSet, id eid.AccountID, l eid.Lock, act LockAct, now time.Time) (Lift, error) {
	rule := rules.Lock(l.Reason)
	switch {
	case rule.Terminal():
		if !act.Correction || act.By != eid.ByAuthority {
			return Lift{}, ErrTerminal
		}
	case !rule.MayUndo(act.By) || act.Correction:
		return Lift{}, fmt.Errorf("%w: %s does not lift a lock %q", ErrNotAllowed, party(act.By), l.Reason)
	case rule.OwnRequester && (l.SetBy != act.By || !sameRequester(l, act)):
		return Lift{}, ErrOtherRequester
	}
	if err := act.check(id, rule.UndoDocument || act.Correction, rule.Remedy); err != nil {
		return Lift{}, err
	}
	entry, err := act.entry(now, eid.ActionAccountUnlocked, id, l)
	return Lift{At: now, By: act.By, Requester: act.Requester, Document: act.Document, Remedy: act.Remedy, Entry: entry}, err
}

// check sees that all is on record that has to be.
func (act *LockAct) check(id eid.AccountID, document, remedy bool) error {
	if act.Officer != "" && act.Officer == id {
		return ErrOwnAccount
	}
	var f faults
	holder := act.By == eid.ByHolder
	f.add(holder && act.Requester+act.Client != "", "a holder asks for nobody else")
	f.add(holder && act.Proof == "", "the holder's proof is missing")
	f.add(!holder && act.Actor == holderActor, "a holder is no "+party(act.By))
	f.add(!holder && act.Requester == "", "requester is missing")
	f.add((act.By == eid.ByServiceUser) != (act.request != ""), "a service user's wish is decided on as a request")
	f.add(act.By != eid.ByServiceUser && act.Client != "", "only a service user is a client")
	f.add(document && act.Document == "", "document is missing")
	f.add(remedy && act.Remedy == "", "remedy is missing")
	f.text("requester", act.Requester, 0, maxText)
	f.text("document", act.Document, 0, maxLong)
	f.text("proof", act.Proof, 0, maxText)
	f.text("remedy", act.Remedy, 0, maxLong)
	return f.err()
}

// holderActor is a holder in the audit.
const holderActor = "holder"

// lockDetail is the detail of an audit row. Requester and document stand with the lock.
type lockDetail struct {
	Lock      string         `json:"lock"`
	Reason    eid.LockReason `json:"reason"`
	By        eid.LockParty  `json:"by"`
	Proof     string         `json:"proof,omitempty"`
	Corrected bool           `json:"corrected,omitempty"`
	Request   string         `json:"request,omitempty"` // of a service user
}

func (act *LockAct) entry(now time.Time, action string, id eid.AccountID, l eid.Lock) (eid.AuditEntry, error) {
	e, err := entryOf(now, act.Actor, action, id, lockDetail{Lock: l.ID, Reason: l.Reason, By: act.By, Proof: act.Proof, Corrected: act.Correction, Request: act.request})
	e.Ref = act.Ref
	return e, err
}

// sameRequester reports whether an act comes from whoever asked for a lock: the same
// client, or on paper the same name, whatever its spaces and capitals.
func sameRequester(l eid.Lock, act LockAct) bool {
	if l.Client != "" || act.Client != "" {
		return l.Client == act.Client
	}
	return fold(l.Requester) == fold(act.Requester)
}

func fold(name string) string {
	return strings.ToLower(strings.Join(strings.Fields(norm.NFC.String(name)), " "))
}

// party is a party in words, for errors.
func party(p eid.LockParty) string {
	switch p {
	case eid.ByHolder:
		return "the holder"
	case eid.ByAuthority:
		return "an authority"
	case eid.ByServiceUser:
		return "a service user"
	case eid.ByOperator:
		return "an operator"
	case eid.ByRegistry:
		return "a registry"
	}
	return "nobody"
}
