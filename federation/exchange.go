package federation

import (
	"errors"
	"fmt"
	"time"

	"eidgate/eid"
)

// Errors of a source that may not be used, for the login to turn into pages.
var (
	// ErrWindowClosed: not at this time, by the gateway's clock, or not by this
	// service.
	ErrWindowClosed = errors.New("window of the source is closed")
	// ErrSwitchedOff: an operator switched it off.
	ErrSwitchedOff = errors.New("source is switched off")
)

// maxAhead is how far in the future a source may date an authentication.
const maxAhead = 5 * time.Second

// Admit returns nil while a sign-in of a service through a source, begun at a time,
// may go on, else ErrWindowClosed or ErrSwitchedOff: the latter also where the source
// was off for a while since. The end of a window is outside it. Announced maintenance
// is no hindrance to a sign-in that was begun before.
func Admit(src *eid.Source, rp *eid.RelyingParty, begun, now time.Time) error {
	switch c := Consider(src, rp, Wanted{}, now); {
	case c.Why == ReasonOff, c.Stands() && src.Switch.Ended(begun):
		return fmt.Errorf("source %s: %w", src.ID, ErrSwitchedOff)
	case c.Stands():
		return nil
	}
	return fmt.Errorf("source %s: %w", src.ID, ErrWindowClosed)
}

// Believe says whether an assertion of a source may count now at a service. It
// returns what Admit does for a sign-in that begins now, and ErrUntrusted for a
// level that the source may not assert, a time that is missing or more than 5 s
// ahead, and a person named in a way that is not the source's to use.
//
// Lowering to grants_at_most is a term of the grant: see Supports.
func Believe(src *eid.Source, rp *eid.RelyingParty, a Assertion, now time.Time) error {
	if err := Admit(src, rp, now, now); err != nil {
		return err
	}
	distrust := func(why string) error {
		return fmt.Errorf("source %s: %s: %w", src.ID, why, ErrUntrusted)
	}
	switch {
	case !src.Trusts(a.Level):
		return distrust(fmt.Sprintf("asserts level %d", a.Level))
	case a.At.IsZero():
		return distrust("gives no time of authentication")
	case a.At.After(now.Add(maxAhead)):
		return distrust("authentication lies in the future")
	case src.Kind == KindAccount && (a.Account == "" || a.Subject != ""):
		return distrust("names no account")
	case src.Kind != KindAccount && (a.Subject == "" || a.Account != ""):
		return distrust("names no subject of its own")
	}
	return nil
}
