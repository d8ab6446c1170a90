package federation

import (
	"slices"
	"time"

	"eidgate/eid"
)

// Reason says why a source is shown and cannot be chosen.
type Reason string

// The reasons.
const (
	ReasonLevelTooLow Reason = "level_too_low" // below what the service needs
	ReasonOwnFloor    Reason = "own_floor"     // below what the holder allows
	ReasonNotYet      Reason = "not_yet"       // opens at Choice.At
	ReasonEnded       Reason = "ended"         // ended at Choice.At
)

// Choice is one source on the page where a holder chooses.
type Choice struct {
	Source eid.Source
	Usable bool
	// Why is set when Usable is false.
	Why Reason
	// Reach is the highest level this source can give now; LevelNone outside
	// its window.
	Reach eid.Level
	// At is when the window opens or ended, for ReasonNotYet and ReasonEnded.
	At time.Time
}

// Choices lists the sources that a service accepts, in its order. floor is what
// the request needs, ownFloor what the holder allows (LevelNone while the holder
// is unknown or never set one). Sources that the service does not accept, and
// those that never had a window, are not listed.
func Choices(sources []eid.Source, rp eid.RelyingParty, floor, ownFloor eid.Level, now time.Time) []Choice {
	var choices []Choice
	for _, id := range rp.Sources {
		i := slices.IndexFunc(sources, func(s eid.Source) bool { return s.ID == id })
		if i < 0 || sources[i].Window.From.IsZero() {
			continue
		}
		choices = append(choices, choose(sources[i], floor, ownFloor, now))
	}
	return choices
}

func choose(src eid.Source, floor, ownFloor eid.Level, now time.Time) Choice {
	c := Choice{Source: src, Reach: src.Reach(now)}
	switch w := src.Window; {
	case !w.Until.IsZero() && !now.Before(w.Until):
		c.Why, c.At = ReasonEnded, w.Until
	case now.Before(w.From):
		c.Why, c.At = ReasonNotYet, w.From
	case !c.Reach.Valid() || c.Reach < floor:
		c.Why = ReasonLevelTooLow
	case c.Reach < ownFloor:
		c.Why = ReasonOwnFloor
	default:
		c.Usable = true
	}
	return c
}
