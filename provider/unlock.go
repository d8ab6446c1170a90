package provider

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/federation"
)

// Locks lifts locks, as far as the rules in force let.
type Locks interface {
	Lift(ctx context.Context, id eid.AccountID, lockID string, act accounts.LockAct) error
}

// A holder who locked the account of their own undoes that at a sign-in (Decision
// 34/2021, Art. 11): the page that says why the sign-in is refused offers it, and then
// every factor that the account has is asked for. Whatever else the account is locked
// for, it stays.

// unlocksAt names the source where a holder may undo a lock of their own: the account
// system, or for who has no factor there the national source; "" where nobody may.
func unlocksAt(src *eid.Source, a *eid.Account) string {
	if a.SelfLocked() && (src.Kind == federation.KindAccount || src.National && len(a.Factors) == 0) {
		return src.ID
	}
	return ""
}

// wholeProof reports whether an assertion proves all that the account can prove at its
// source. The source asks for what there is; this sees that none was passed over.
func wholeProof(src *eid.Source, a *eid.Account, said federation.Assertion) bool {
	if src.Kind != federation.KindAccount {
		return true
	}
	carriage := src.Carries()
	return carriage.Carries(said.Methods) >= carriage.Reach(a)
}

// unlock lifts the holder's own locks, and gives the account as it is then.
func (p *Provider) unlock(ctx context.Context, a *eid.Account, said federation.Assertion, ref string) (eid.Account, error) {
	for _, l := range a.Locks {
		err := p.deps.Locks.Lift(ctx, a.ID, l.ID, accounts.LockAct{
			By: eid.ByHolder, Proof: strings.Join(said.Methods, " "), Actor: "holder", Ref: ref,
		})
		if err != nil && !errors.Is(err, eid.ErrNotFound) { // it ended meanwhile
			return eid.Account{}, fmt.Errorf("undoing a lock: %w", err)
		}
	}
	return p.deps.Accounts.Account(ctx, a.ID)
}
