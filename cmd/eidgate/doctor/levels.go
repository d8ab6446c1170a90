package doctor

import (
	"slices"
	"time"

	"eidgate/eid"
	"eidgate/federation"
)

// ahead is how far what is planned is looked at.
const ahead = 30 * 24 * time.Hour

// Levels looks whether each client can be reached at its least level by a source that
// it accepts, now and as the planned windows and ceilings come.
func Levels(parties []eid.RelyingParty, sources []eid.Source, now time.Time) []Finding {
	const mend = "accept another source in its sources, or lengthen a window or raise a ceiling of one it accepts"
	var list []Finding
	for _, rp := range parties {
		for _, at := range moments(rp, sources, now) {
			if reach(rp, sources, at) >= rp.Levels.Minimum && rp.Levels.Minimum.Valid() {
				continue
			}
			if at.Equal(now) {
				list = append(list, fault(mend, "nobody can sign in to %s: none of its sources gives Level %s now", rp.ID, rp.Levels.Minimum))
			} else {
				list = append(list, warning(mend, "from %s on nobody can sign in to %s: none of its sources gives Level %s then", day(at), rp.ID, rp.Levels.Minimum))
			}
			break
		}
	}
	switch {
	case len(parties) == 0:
		list = append(list, warning("register portals under clients", "no client is registered: nobody can sign in anywhere"))
	case len(list) == 0:
		list = append(list, ok("each of %s can be reached at its level, now and for %d days", counted(len(parties), "client"), int(ahead.Hours()/24)))
	}
	return list
}

// moments are now and when something changes soon, in order.
func moments(rp eid.RelyingParty, sources []eid.Source, now time.Time) []time.Time {
	list := []time.Time{now}
	add := func(at time.Time) {
		if at.After(now) && at.Before(now.Add(ahead)) {
			list = append(list, at)
		}
	}
	if rp.NotReady != nil {
		add(rp.NotReady.From)
		add(rp.NotReady.Until)
	}
	for _, src := range sources {
		add(src.Window.From)
		add(src.Window.Until)
		for _, c := range src.GrantsAtMost {
			add(c.From)
		}
	}
	slices.SortFunc(list, time.Time.Compare)
	return list
}

func reach(rp eid.RelyingParty, sources []eid.Source, at time.Time) eid.Level {
	highest := eid.LevelNone
	for i := range sources {
		highest = max(highest, federation.Consider(&sources[i], &rp, federation.Wanted{}, at).Reach)
	}
	return highest
}
