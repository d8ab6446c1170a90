package federation

import (
	"time"

	"eidgate/eid"
)

// Proves reports whether a source proves the national identity: the identity of the
// Ministry of Public Security, or the built-in account system.
func Proves(src *eid.Source) bool { return src.National || src.Kind == KindAccount }

// Provers are the sources where a holder may prove the national identity for a link,
// whatever service the sign-in is for: it has to be proved now, so that sources which
// may remember people are none of them. resting names those that do not answer now.
func Provers(sources []eid.Source, level eid.Level, resting []string, now time.Time) []Choice {
	var national []eid.Source
	for i := range sources {
		if Proves(&sources[i]) && !sources[i].Remembers {
			national = append(national, sources[i])
		}
	}
	return Choices(national, Anybody(national), Wanted{Level: level}, resting, now)
}

// Anybody is a service that takes these sources, and is no administrative portal: for
// what is asked of a source whatever service there is.
func Anybody(sources []eid.Source) *eid.RelyingParty {
	rp := &eid.RelyingParty{Category: eid.OtherCategory}
	for i := range sources {
		rp.Sources = append(rp.Sources, sources[i].ID)
	}
	return rp
}
