package web

import (
	"time"

	"eidgate/eid"
)

// LinkData is page "link": why an old account is linked, before its holder proves the
// national identity. Actions: ActionLink, ActionOtherSources, ActionCancel.
type LinkData struct {
	Common
	Source  Label  // whose account it is
	OldName string // what it is called there: a name, or a masked login name; may be empty
	// Overdue: the account is refused until it is verified. The page is the refusal.
	Overdue      bool
	Since        time.Time // Overdue: from when on; zero: no day is named
	OtherSources bool      // there are other ways to sign in
}

// LinkConfirmData is page "link_confirm": both sides, before they become one. Actions:
// ActionLink, ActionDecline, ActionNotMe.
type LinkConfirmData struct {
	Common
	Source       Label  // whose account the old one is
	OldName      string // what it is called there: a name, or a masked login name; may be empty
	National     Label  // the source that proved the national identity
	HolderName   string
	MaskedNumber string
	Cap          eid.Level // what the old account reaches then
	Until        time.Time // when the link ends; zero: when it is undone
	// Pending names what the page shows. Its form sends it as FieldLink, so that what is
	// confirmed is what was seen.
	Pending string
}

// StopsData is page "stops": an old account that stops on a date. Actions:
// ActionVerify, ActionLater, ActionCancel.
type StopsData struct {
	Common
	Source  Label
	OldName string    // as in LinkData
	On      time.Time // the first day that it is refused
}

// LinksData is page "links": the old accounts that are linked to the holder's. The
// switch of the language sends its form without FieldLink, which undoes nothing. Nobody
// who is signed out has a form.
type LinksData struct {
	Common
	SignedOut bool // nobody is signed in, so there is nothing to show
	Links     []LinkLine
	Undone    Label // the source whose link was undone just now; may be empty
}

// LinkLine is one link. Its button sends FieldLink with ActionUndo.
type LinkLine struct {
	ID     string
	Source Label
	Cap    eid.Level // what it reaches
	Since  time.Time
	Until  time.Time // zero: until it is undone
}

func (LinkData) page() string        { return "link" }
func (LinkConfirmData) page() string { return "link_confirm" }
func (StopsData) page() string       { return "stops" }
func (LinksData) page() string       { return "links" }
