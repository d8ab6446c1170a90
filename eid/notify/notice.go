// Package notify owns what holders are told by message: which notices there are, what
// they say, and how they reach a mail server.
package notify

import (
	"time"

	"eidgate/eid"
)

// Kind is what a notice tells of. The zero value is none.
type Kind string

// The kinds. Each is for one side of a link, and tells nothing of the other: an address
// that was declared may be somebody else's.
const (
	LinkMade         Kind = "link_made"         // to the holder: an old account was linked
	LinkEnded        Kind = "link_ended"        // to the holder: a link was undone
	OldLinked        Kind = "old_linked"        // to the old account: it was linked
	OldUnlinked      Kind = "old_unlinked"      // to the old account: it is not linked any more
	OldStops         Kind = "old_stops"         // to the old account: it stops unless it is verified
	ConflictAccepted Kind = "conflict_accepted" // to the holder: an officer lets the link be made
	ConflictRejected Kind = "conflict_rejected" // to the holder: an officer does not
)

// Kinds lists them all.
func Kinds() []Kind {
	return []Kind{LinkMade, LinkEnded, OldLinked, OldUnlinked, OldStops, ConflictAccepted, ConflictRejected}
}

// ToOldAccount reports whether a notice goes to the address that an old account had at
// its portal, and not to the one of the holder's national identity.
func (k Kind) ToOldAccount() bool { return k == OldLinked || k == OldUnlinked || k == OldStops }

// Notice is one message to one address, as it waits in the outbox.
type Notice struct {
	ID        string
	Kind      Kind
	Source    string     // where the old account is
	To        eid.Secret // the address; shown and logged nowhere
	Ref       string     // of the sign-in that led to a conflict, as its holder was shown it
	Attempts  int        // begun before this one
	CreatedAt time.Time
	Until     time.Time // from when on it is not tried any more
}

// TriedFor is how long a notice is tried.
const TriedFor = 3 * 24 * time.Hour
