package accounts

import (
	"context"
	"fmt"
	"time"

	"eidgate/eid"
)

// evidenceUnverified is the evidence of the link of an account that stands for a
// portal's old one.
const evidenceUnverified = "password of the portal's old account; the population registry knows its holder as the portal does"

// Unverified is somebody who signed in to a portal's old account that nobody has
// verified yet. That the population registry agrees with the portal about its holder
// is for the caller to know.
type Unverified struct {
	Source eid.Source // as it is registered now
	Login  string
	Ref    string // of the request
}

// AdmitUnverified lets somebody in to an old account until it has to be verified. At
// the first sign-in an account is made that stands for it: it has the login name in
// place of a number, so that it is in nobody's way and no national identity leads to
// it, nothing is known of its holder, and its level is 1. Its link ends when the old
// account has to be verified. Of several sign-ins at once one makes both.
func (r *Registrar) AdmitUnverified(ctx context.Context, u Unverified) (Admission, error) {
	now := r.now().UTC().Truncate(time.Microsecond)
	if !u.Source.Portal.Admits(now) {
		return Admission{}, nil
	}
	link := eid.Link{ID: newID(), Source: u.Source.ID, Cap: eid.Level1, Expires: u.Source.Portal.VerifyBy.UTC().Truncate(time.Microsecond)}
	who := eid.NewIdentifier(eid.KindPortalAccount, u.Source.ID, u.Login)
	var got Admission
	err := r.store.Arrive(ctx, who, u.Source.ID, u.Login, func(s Standing) (a Arrival, err error) {
		if got = judgeUnverified(s); got.Outcome != Admitted || got.Link != "" {
			return Arrival{}, nil
		}
		if got.Account == "" {
			got.Account, a.Retired = eid.AccountID(newID()), s.Account.ID
			person := eid.Person{Type: eid.PortalAccount, Identifier: who}
			a.Account = Record{CreatedAt: now, Account: eid.Account{ID: got.Account, Person: person, Level: eid.Level1, Status: eid.Active, UpdatedAt: now}}
			detail := created{SubjectType: eid.PortalAccount, Level: eid.Level1, Status: eid.Active, Source: u.Source.ID}
			if err := a.add(now, eid.ActionAccountCreated, got.Account, u.Ref, detail); err != nil {
				return Arrival{}, err
			}
		}
		link.Account, got.Link = got.Account, link.ID
		if err := checkLink(link, u.Login, evidenceUnverified, now); err != nil {
			return Arrival{}, err
		}
		a.Link = LinkRecord{Link: link, Subject: u.Login, Evidence: evidenceUnverified, CreatedAt: now}
		err = a.add(now, eid.ActionLinkCreated, got.Account, u.Ref, linkDetail{Link: link.ID, Source: link.Source, Cap: link.Cap})
		return a, err
	})
	if err != nil {
		return Admission{}, fmt.Errorf("letting in an old account at %s: %w", u.Source.ID, err)
	}
	return got, nil
}

// judgeUnverified decides about an old account that stands so. Who verified it
// meanwhile has its link. One that stood for it before it was verified, and that was
// undone, does not do so again: its subjects went with the link.
func judgeUnverified(s Standing) Admission {
	switch held := &s.Account; {
	case s.Link.ID != "" && s.Link.Account != held.ID:
		return Admission{Outcome: Admitted, Account: s.Link.Account, Link: s.Link.ID}
	case s.Imported != eid.ImportedWaiting:
		return Admission{}
	case held.Status == eid.Closed:
		return Admission{Outcome: Admitted}
	case held.ID != "" && held.Usable() != nil:
		return Admission{Outcome: Barred, Account: held.ID}
	case s.Link.ID != "":
		return Admission{Outcome: Admitted, Account: held.ID, Link: s.Link.ID}
	default:
		return Admission{Outcome: Admitted, Account: held.ID}
	}
}
