package federation

import (
	"errors"
	"fmt"
	"time"

	"eidgate/eid"
)

// ErrWindowClosed reports that the source may not be used at this time, by the gateway's
// clock.
var ErrWindowClosed = errors.New("window of the source is closed")

// maxAhead is how far in the future a source may date an authentication.
const maxAhead = 5 * time.Second

// Open returns nil while sign-ins through a source may be begun, else
// ErrWindowClosed. The end of a window is outside it.
func Open(src *eid.Source, now time.Time) error {
	if !src.Window.Open(now) {
		return fmt.Errorf("source %s: %w", src.ID, ErrWindowClosed)
	}
	return nil
}

// Believe says whether an assertion of a source may count now. It returns
// ErrWindowClosed when the source's window is not open any more, whenever the
// sign-in was begun, and ErrUntrusted for a level that the source may not
// assert, a time that is missing or more than 5 s ahead, and a person named in a
// way that is not the source's to use.
//
// Lowering to grants_at_most is a term of the grant: see eid.Source.Ceiling.
func Believe(src *eid.Source, a Assertion, now time.Time) error {
	if err := Open(src, now); err != nil {
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
