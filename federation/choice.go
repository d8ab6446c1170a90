package federation

import (
	"slices"
	"time"

	"eidgate/eid"
)

// Reason says why a source cannot be used.
type Reason string

// The reasons, in the order in which they are given. The first four bar the source:
// nothing counts that was proved through it. The others keep a sign-in from being
// begun, and leave alone what was proved before.
const (
	ReasonNotAccepted Reason = "not_accepted"  // the service does not take it, at any time
	ReasonOff         Reason = "off"           // switched off by an operator
	ReasonEnded       Reason = "ended"         // ended at Choice.At
	ReasonNotYet      Reason = "not_yet"       // opens at Choice.At
	ReasonLevelTooLow Reason = "level_too_low" // below what the service needs
	ReasonOwnFloor    Reason = "own_floor"     // below what the holder allows
	ReasonMaintenance Reason = "maintenance"   // announced, until Choice.At
	ReasonDown        Reason = "down"          // it does not answer
)

// bars reports whether nothing counts that was proved through the source.
func (r Reason) bars() bool {
	return r == ReasonNotAccepted || r == ReasonOff || r == ReasonEnded || r == ReasonNotYet
}

// Choice is one source for one service at one time.
type Choice struct {
	Source eid.Source
	Usable bool
	// Why is set when Usable is false.
	Why Reason
	// Reach is the highest level that this source can give to the service now;
	// LevelNone where it is barred.
	Reach eid.Level
	// At is when it opens, ended, or is back from maintenance.
	At time.Time
}

// Stands reports whether what was proved through the source counts, whether or not
// a sign-in can be begun.
func (c Choice) Stands() bool { return !c.Why.bars() }

// Wanted is what a sign-in wants of a source. The zero value wants nothing.
type Wanted struct {
	Level    eid.Level // what the request needs
	OwnFloor eid.Level // what the holder allows; LevelNone while that is unknown
	Down     bool      // the source is known not to answer now
}

// Consider decides whether a service may use a source now, and why not. Nothing
// else decides: neither at a new sign-in nor for what was granted before.
func Consider(src *eid.Source, rp *eid.RelyingParty, want Wanted, now time.Time) Choice {
	c := Choice{Source: *src}
	w := rp.Accepts(src)
	switch {
	case w.From.IsZero():
		c.Why = ReasonNotAccepted
	case src.Switch.Off:
		c.Why = ReasonOff
	case !w.Until.IsZero() && !now.Before(w.Until):
		c.Why, c.At = ReasonEnded, w.Until
	case now.Before(w.From):
		c.Why, c.At = ReasonNotYet, w.From
	}
	if !c.Stands() {
		return c
	}
	c.Reach = src.Reach(now)
	maintained := src.Maintained(now)
	switch {
	case !c.Reach.Valid() || c.Reach < want.Level:
		c.Why = ReasonLevelTooLow
	case c.Reach < want.OwnFloor:
		c.Why = ReasonOwnFloor
	case !maintained.From.IsZero():
		c.Why, c.At = ReasonMaintenance, maintained.Until
	case want.Down:
		c.Why = ReasonDown
	default:
		c.Usable = true
	}
	return c
}

// Choices considers the sources that a service takes, in its order. down names those
// that do not answer now; want.Down is not looked at.
func Choices(sources []eid.Source, rp *eid.RelyingParty, want Wanted, down []string, now time.Time) []Choice {
	var choices []Choice
	for _, id := range rp.Sources {
		i := slices.IndexFunc(sources, func(s eid.Source) bool { return s.ID == id })
		if i < 0 {
			continue
		}
		want.Down = slices.Contains(down, id)
		if c := Consider(&sources[i], rp, want, now); c.Why != ReasonNotAccepted {
			choices = append(choices, c)
		}
	}
	return choices
}

// Supports is the highest level that a proof through a source can still carry at a
// service: what the source may grant today, and nothing where it is barred, where it
// never could state that level, or where the switch ended the proof.
func Supports(src *eid.Source, rp *eid.RelyingParty, p Proof, now time.Time) eid.Level {
	if !Consider(src, rp, Wanted{}, now).Stands() || !src.Trusts(p.Level) || Ended(src, p) {
		return eid.LevelNone
	}
	return src.Ceiling(now)
}

// Ended reports whether the switch of its source ended a proof.
func Ended(src *eid.Source, p Proof) bool { return src.Switch.Ended(p.given()) }
