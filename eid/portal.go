package eid

import "time"

// Linking is what a legacy provider's registration says of links that holders make
// themselves, by proving both sides in one sign-in.
type Linking struct {
	// Cap is the most that grants through such a link reach; the level of the national
	// identity that was proved beside it lowers it.
	Cap Level `json:"cap"`
	// Lasts is how long such a link counts; zero: until it is undone.
	Lasts time.Duration `json:"lasts,omitempty"`
}

// Portal is what a source of a portal's own old accounts says of them (Decision
// 34/2021, transition).
type Portal struct {
	Client string `json:"client"` // whose accounts they are
	Sector string `json:"sector"` // the only one whose parties accept them
	// VerifyBy is from when on an account that was not verified is refused.
	VerifyBy time.Time `json:"verify_by"`
	// Unverified lets those in before VerifyBy whom the population registry knows as
	// the portal does, at Level1 at most.
	Unverified bool `json:"unverified,omitempty"`
}

// Admits reports whether accounts that nobody has verified are let in at t. None are
// where there is no portal.
func (p *Portal) Admits(t time.Time) bool {
	return p != nil && p.Unverified && t.Before(p.VerifyBy)
}

// OldSubjects is what a party that brought its old subjects wants done with them.
// The zero value is nothing.
type OldSubjects string

// What is done with old subjects.
const (
	// KeepSubjects: tokens carry the old subject of a person who has one.
	KeepSubjects OldSubjects = "keep"
	// MapSubjects: tokens carry the new one, and the party is told which is which.
	MapSubjects OldSubjects = "map"
)

// PortalAccount is the subject type of an account that stands for a portal's own
// old account until its holder has verified it. It has no personal number, tells no
// claim, and no national identity leads to it.
const PortalAccount SubjectType = "portal_account"

// KindPortalAccount is the kind of a PortalAccount's identifier: the id of the source
// in place of the country, and the login name there.
const KindPortalAccount IdentifierKind = "portal_account"

// Unverified reports whether the account stands for a portal's old one.
func (a *Account) Unverified() bool { return a.Person.Type == PortalAccount }

// ImportedState is where an imported account stands. The zero value is none.
type ImportedState string

// The states of imported accounts. That VerifyBy has passed is no state: it follows
// from the time.
const (
	ImportedWaiting   ImportedState = "waiting"   // not verified
	ImportedContested ImportedState = "contested" // an officer has to look: see Conflict
	ImportedVerified  ImportedState = "verified"  // linked to a national identity
	ImportedRejected  ImportedState = "rejected"  // by an officer: it is nobody's
)

// ImportedStates lists them, in the order in which people meet them.
func ImportedStates() []ImportedState {
	return []ImportedState{ImportedWaiting, ImportedContested, ImportedVerified, ImportedRejected}
}

// ImportedMatch is what the accounts in use say of an imported one. It links nothing.
type ImportedMatch string

// The matches.
const (
	MatchNoNumber ImportedMatch = "no_number" // the portal knew no personal number
	MatchUnknown  ImportedMatch = "unknown"   // no account has the number
	MatchAgrees   ImportedMatch = "agrees"    // one has, and is of that name and birth date as far as both are known
	MatchDiffers  ImportedMatch = "differs"   // one has, and is of another name or birth date
)

// ConflictKind is why a link was not made.
type ConflictKind string

// The kinds of conflict.
const (
	ConflictOtherNumber ConflictKind = "other_number" // the old account has the personal number of somebody else
	ConflictDetails     ConflictKind = "details"      // names or birth dates differ
	ConflictLinked      ConflictKind = "linked"       // the old account is linked to another person
	ConflictSecond      ConflictKind = "second"       // the person has another account linked at that source
	ConflictFormer      ConflictKind = "former"       // the old account was linked to another person before
	ConflictRows        ConflictKind = "rows"         // rows of the import contradict each other
)

// ConflictKinds lists them all.
func ConflictKinds() []ConflictKind {
	return []ConflictKind{ConflictOtherNumber, ConflictDetails, ConflictLinked, ConflictSecond, ConflictFormer, ConflictRows}
}

// Conflict is a link that waits for an officer. An accepted one lets this very link be
// made when its holder next proves both sides; none is made without them.
type Conflict struct {
	ID       string
	Kind     ConflictKind
	Source   string
	Account  AccountID // the national side; empty for ConflictRows
	Other    AccountID // the other person's account, where there is one
	OpenedAt time.Time
	Ref      string // of the sign-in, as the holder was shown it
	// ProposedBy and ProposedAt are of the first of the two officers who let a link be.
	ProposedBy string
	ProposedAt time.Time
	Decision   Ruling
	DecidedAt  time.Time
	DecidedBy  string
	Why        string
}
