package federation

import (
	"time"

	"eidgate/eid"
	"eidgate/eid/credential"
)

// ReachThrough is the highest level that an account could reach through one source
// at a service now: with all its factors at the account system, by its links
// anywhere else, and at the national source that it follows whatever that may say. That a source does not answer for the moment is no reason to say
// that there is no way.
func ReachThrough(src *eid.Source, rp *eid.RelyingParty, account *eid.Account, links []eid.Link, now time.Time) eid.Level {
	reach := Consider(src, rp, Wanted{}, now).Reach
	if account.ManagedBy != src.ID || !src.National { // whose word is what gives the account its level
		reach = min(reach, account.Level)
	}
	if src.Kind == KindAccount {
		return min(reach, carried(account.Factors))
	}
	best := eid.LevelNone
	for _, link := range links {
		if Counts(src, account, link, now) {
			best = max(best, min(reach, link.Cap))
		}
	}
	return best
}

// carried is what all enrolled factors together can carry.
func carried(factors []eid.Factor) eid.Level {
	methods := make([]string, len(factors))
	for i, f := range factors {
		methods[i] = string(f)
	}
	return credential.Carries(methods)
}

// Counts reports whether a link of an account counts at a source now. One of an
// account that stands for a portal's old one does so only while the portal lets such
// accounts in, by what is registered today.
func Counts(src *eid.Source, account *eid.Account, link eid.Link, now time.Time) bool {
	return link.Source == src.ID && link.Alive(now) && (!account.Unverified() || src.Portal.Admits(now))
}
