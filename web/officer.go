package web

import (
	"time"

	"eidgate/eid"
)

// StoppedData is page "stopped": nobody is signed in at a page of ours, why, and the way
// on. Its link is read, not posted, for the sign-in may lead to other places.
type StoppedData struct {
	Common
	Why   string // one of the Stopped constants
	Again string // address of the page to go on to, which signs in first
	Kept  bool   // what was typed there comes back
}

// Why a sign-in to a page of ours stopped.
const (
	StoppedEnded     = "ended"     // it ended meanwhile; what was posted was not done
	StoppedExpired   = "expired"   // the answer is of a sign-in that this browser no longer knows
	StoppedCancelled = "cancelled" // the holder went back
	StoppedLevel     = "level"     // the page needs more than this account or sign-in has
)

// StoppedReasons lists them all.
func StoppedReasons() []string {
	return []string{StoppedEnded, StoppedExpired, StoppedCancelled, StoppedLevel}
}

func (StoppedData) page() string { return "stopped" }

// OfficerDeniedData is page "officer_denied": somebody is signed in who may not be here.
type OfficerDeniedData struct {
	Common
	Why     string // one of the Denied constants
	SignOut Hidden
}

// Why a page of officers is not for somebody.
const (
	DeniedNoOfficer = "no_officer" // an operator has not named them
	DeniedTask      = "no_task"    // an officer, for other tasks
)

// OfficerTodoData is page "officer_todo": what waits, the nearest deadline first.
type OfficerTodoData struct {
	Common
	Office  string
	Lines   []OfficerLine
	New     bool   // may take in applications
	Locks   bool   // may set and lift locks
	Search  string // reference that was searched for
	Done    string // message id: what was done just now
	More    bool   // there may be more than the list shows
	None    bool   // nothing has that reference
	SignOut Hidden
}

// OfficerLine is one thing that waits. It shows nothing of a person.
type OfficerLine struct {
	Kind string // one of OfficerKinds
	Ref  string // that the person was given
	Path string // of its page
	Due  time.Time
	Late bool
}

// OfficerKinds are what waits: applications by their state, registrations in the app, and
// requests for locks.
func OfficerKinds() []string {
	return []string{"submitted", "processing", "confirmed", "confirmed_own", "review", "lock_request"}
}

// OfficerData is page "officer": one thing to work on and what can be done with it. Parts that are
// empty are left out; they come in the order of the fields.
type OfficerData struct {
	Common
	Title     string          // message id
	Intro     string          // message id
	Done      string          // message id: what was done just now
	Notice    string          // message id: why nothing was done
	Obstacles []string        // message ids: what keeps it from going on
	Facts     []OfficerFact   // about it
	Compare   []OfficerSides  // what was said, and what a registry holds
	Lists     []OfficerList   // what belongs to it
	Fields    []OfficerField  // to fill in
	Buttons   []OfficerButton // what can be done
	Hidden    []Param         // fields of the form beside
	Links     []OfficerLink   // to pages beside
	Back      string          // path of the page before
	Faults    []FieldProblem
}

// Problems are what is wrong with the fields.
func (d OfficerData) Problems() []FieldProblem { return d.Faults }

// Typed reports whether there is a field where Enter sends the form.
func (d OfficerData) Typed() bool { return len(d.Fields) > 0 }

// OfficerFact is a name and a value.
type OfficerFact struct {
	Name  string // message id
	Value string
	Word  string // message id, in place of Value
	Level eid.Level
	Date  time.Time
	// Country is a code (ISO 3166-1 alpha-3), shown by its name.
	Country string
}

// OfficerSides is one field as it was said and as a registry holds it.
type OfficerSides struct {
	Name       string // message id
	Said, Held string
	Country    bool // both are alpha-3, and shown by name
	Differs    bool
}

// OfficerList is a part with entries of its own.
type OfficerList struct {
	Title string // message id
	None  string // message id, where it is empty
	Lines []OfficerEntry
	Add   string // path of the page that adds one; empty: none can be added
	More  string // message id of that
	Next  bool   // that is what to do next
}

// OfficerEntry is one of them.
type OfficerEntry struct {
	Word   string // message id of its kind
	Text   string
	Notes  []OfficerFact
	Remove string // value of FieldAction that takes it out; empty: it stays
	Label  string // message id of that button
}

// OfficerField is a field to fill in: a text, or one of Choices.
type OfficerField struct {
	Name    string // of the field
	Label   string // message id; empty: officer.field.NAME
	Value   string // what was typed
	Hint    string // message id
	Mode    string // inputmode; empty: text
	Choices []OfficerChoice
}

// OfficerChoice is one of a few.
type OfficerChoice struct {
	Value string
	Word  string // message id
	On    bool
}

// OfficerLink leads to a page beside.
type OfficerLink struct{ Path, Word string }

// OfficerButton does something.
type OfficerButton struct {
	Action string // value of FieldAction; empty: none
	Word   string // message id
	Kind   string // primary, second or plain
}

// OfficerCheckData is page "officer_check": a citizen reads what was taken in. It holds
// no note of an officer.
type OfficerCheckData struct {
	Common
	Facts   []OfficerFact
	Lists   []OfficerList
	Hidden  []Param
	Further string // message id: what happens once it is confirmed
}

func (OfficerDeniedData) page() string { return "officer_denied" }
func (OfficerTodoData) page() string   { return "officer_todo" }
func (OfficerData) page() string       { return "officer" }
func (OfficerCheckData) page() string  { return "officer_check" }
