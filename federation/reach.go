package federation

import (
	"slices"
	"time"

	"eidgate/eid"
)

// ReachThrough is the highest level that an account could reach through one source
// at a service now: with all its factors at the account system, by its links
// anywhere else, and at the national source that it follows whatever that may say. That a source does not answer for the moment is no reason to say
// that there is no way.
func ReachThrough(src *eid.Source, rp *eid.RelyingParty, account *eid.Account, links []eid.Link, now time.Time) eid.Level {
	reach := Consider(src, rp, Wanted{}, now).Reach
	if !follows(account, src) {
		reach = min(reach, account.Level)
	}
	if src.Kind == KindAccount {
		return min(reach, src.Carries().Reach(account))
	}
	best := eid.LevelNone
	for _, link := range links {
		if Counts(src, account, link, now) {
			best = max(best, min(reach, link.Cap))
		}
	}
	return best
}

// Provisions reports whether a source brings people who have no account yet, and
// links those who have one by their number. A legacy provider never does, whatever is
// registered, nor does a source that something else has to agree with.
func Provisions(src *eid.Source) bool {
	return src.Provision && src.National && !src.Reconcile && src.Kind != KindAccount
}

// ReachUnlinked is the highest level that an account could reach now at a source that
// it has no link at, and that would make one at the first sign-in. Whether the holder
// is known there is not known here, so that no plan counts on it.
func ReachUnlinked(src *eid.Source, rp *eid.RelyingParty, account *eid.Account, links []eid.Link, now time.Time) eid.Level {
	linked := func(l eid.Link) bool { return l.Source == src.ID && l.Alive(now) }
	if !Provisions(src) || account.Person.Identifier.Kind() != eid.KindPersonalNumber || slices.ContainsFunc(links, linked) {
		return eid.LevelNone
	}
	reach := Consider(src, rp, Wanted{}, now).Reach
	if !follows(account, src) {
		reach = min(reach, account.Level)
	}
	return reach
}

// follows reports whether the word of a source is what gives an account its level.
func follows(account *eid.Account, src *eid.Source) bool {
	return src.National && account.ManagedBy == src.ID
}

// Counts reports whether a link of an account counts at a source now. One of an
// account that stands for a portal's old one does so only while the portal lets such
// accounts in, by what is registered today.
func Counts(src *eid.Source, account *eid.Account, link eid.Link, now time.Time) bool {
	return link.Source == src.ID && link.Alive(now) && (!account.Unverified() || src.Portal.Admits(now))
}
