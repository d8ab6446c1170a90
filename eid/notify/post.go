package notify

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"eidgate/eid"
)

// Post is a message to be sent.
type Post struct {
	Kind    Kind
	Channel Channel
	To      eid.Secret // a phone number or an e-mail address
	Code    eid.Secret // what the urgent kinds bring; none beside the others
	// Stranger: whoever asked for the code has shown nothing, neither a password nor a mark
	// of an earlier sign-in. Such codes have a part of an address's and of an hour's room.
	Stranger bool
	Ref      string // what the holder was shown to ask with; may be empty
	Language string // vi or en; empty: it is not known
	// Until is when the message is of no use any more: it is not sent later. With a code it
	// is when the code ends. Zero: after TriedFor, but a code always has its end.
	Until time.Time
}

// Poster takes messages to be sent. It waits for no mail server and no gateway.
type Poster interface {
	// Post takes all of them or none. A nil error promises no delivery: an address that had
	// enough messages is left in peace, and an hour's messages have their bound; both are
	// counted for operators, and callers answer as if all had gone. An error that wraps
	// ErrRefused is about what was posted: an address that no message can be sent to, or a
	// channel on which nobody sends.
	Post(ctx context.Context, posts ...Post) error
}

// Bounds of a post.
const (
	maxCode = 64 // characters
	maxRef  = 64
)

// Check tells what is wrong with a post at a time. It looks at everything but the address.
func (p *Post) Check(now time.Time) error {
	code := p.Code.Reveal()
	var wrong string
	switch {
	case !p.Kind.known():
		wrong = "no such kind"
	case p.Kind.OfLink():
		wrong = "told with the link"
	case p.Kind.Urgent() != (code != ""):
		wrong = "a code where none belongs, or none"
	case len(code) > maxCode || strings.ContainsFunc(code, func(r rune) bool { return !alphanumeric(r) && r != '-' }):
		wrong = "a code that is no plain word"
	case p.Kind.Urgent() && p.Until.IsZero():
		wrong = "a code without an end"
	case !p.Until.IsZero() && !p.Until.After(now):
		wrong = "over already"
	case len(p.Ref) > maxRef || strings.ContainsFunc(p.Ref, func(r rune) bool { return !alphanumeric(r) && !strings.ContainsRune("-_.", r) }):
		wrong = "a reference that is no plain word"
	default:
		return nil
	}
	return fmt.Errorf("posting %q: %w", p.Kind, errors.New(wrong))
}

func alphanumeric(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
}
