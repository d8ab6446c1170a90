// Package notify owns what holders are told by message: which notices there are, what
// they say, and how they reach a mail server or a phone.
package notify

import (
	"slices"
	"time"

	"eidgate/eid"
)

// Kind is what a notice tells of. The zero value is none.
type Kind string

// The kinds that tell of links. Each is for one side of a link, and tells nothing of the
// other: an address that was declared may be somebody else's.
const (
	LinkMade         Kind = "link_made"         // to the holder: an old account was linked
	LinkEnded        Kind = "link_ended"        // to the holder: a link was undone
	OldLinked        Kind = "old_linked"        // to the old account: it was linked
	OldUnlinked      Kind = "old_unlinked"      // to the old account: it is not linked any more
	OldStops         Kind = "old_stops"         // to the old account: it stops unless it is verified
	ConflictAccepted Kind = "conflict_accepted" // to the holder: an officer lets the link be made
	ConflictRejected Kind = "conflict_rejected" // to the holder: an officer does not
)

// The kinds that bring a secret. Somebody waits for it.
const (
	Code          Kind = "code"           // to sign in, or to prove to be the holder
	Activation    Kind = "activation"     // a code to an address that somebody declared
	FirstPassword Kind = "first_password" // opens the choice of a password (Decision 34/2021, Art. 10)
)

// The kinds that tell of an account.
const (
	Activated            Kind = "activated"
	RegisteredAgain      Kind = "registered_again"      // somebody registered with the holder's number
	RegistrationAccepted Kind = "registration_accepted" // an officer found it right: it can be activated
	RegistrationRefused  Kind = "registration_refused"
	ApplicationRefused   Kind = "application_refused" // taken in at a counter, and not approved
	LevelRaised          Kind = "level_raised"
	PasswordChanged      Kind = "password_changed"
	Recovered            Kind = "recovered" // a new password without the old one
	FactorAdded          Kind = "factor_added"
	FactorRemoved        Kind = "factor_removed"
	PaperRenewed         Kind = "paper_renewed" // another passport is the login name
	Locked               Kind = "locked"
	Unlocked             Kind = "unlocked"
	LockDecided          Kind = "lock_decided" // an officer decided on a request
)

// Kinds lists them all.
func Kinds() []Kind {
	return []Kind{
		LinkMade, LinkEnded, OldLinked, OldUnlinked, OldStops, ConflictAccepted, ConflictRejected,
		Code, Activation, FirstPassword,
		Activated, RegisteredAgain, RegistrationAccepted, RegistrationRefused, ApplicationRefused, LevelRaised, PasswordChanged, Recovered,
		FactorAdded, FactorRemoved, PaperRenewed, Locked, Unlocked, LockDecided,
	}
}

func (k Kind) known() bool { return slices.Contains(Kinds(), k) }

// ToOldAccount reports whether a notice goes to the address that an old account had at
// its portal, and not to the one of the holder's national identity.
func (k Kind) ToOldAccount() bool { return k == OldLinked || k == OldUnlinked || k == OldStops }

// Urgent reports whether somebody waits for it, to type in what it brings. It goes ahead
// of all others.
func (k Kind) Urgent() bool { return k == Code || k == Activation || k == FirstPassword }

// OfLink reports whether it tells of a link. Those go by e-mail alone.
func (k Kind) OfLink() bool { return slices.Index(Kinds(), k) < slices.Index(Kinds(), Code) }

// Notice is one message to one address, as it waits in the outbox.
type Notice struct {
	ID        string
	Kind      Kind
	Channel   Channel
	Source    string     // where an old account is
	To        eid.Secret // the address; shown and logged nowhere
	Code      eid.Secret // of the urgent ones
	Stranger  bool       // see Post
	Ref       string     // what the holder was shown to ask with
	Language  string     // of the holder, such as vi; empty: it is not known
	Attempts  int        // begun before this one
	CreatedAt time.Time
	Until     time.Time // from when on it is not tried any more; of the urgent ones: counts any more
}

// TriedFor is how long a notice is tried.
const TriedFor = 3 * 24 * time.Hour
