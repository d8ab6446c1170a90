package web

import (
	"slices"
	"time"

	"eidgate/eid"
)

// HistoryData is page "history": how the account was used, newest first.
type HistoryData struct {
	Common
	// SignedOut: nobody is signed in, so there is nothing to show.
	SignedOut bool
	Lines     []HistoryLine
	Paged     bool   // it is not the first page
	Older     string // address of the next page; empty on the last
}

// HistoryLine is one use of the account, or a look-up of its history.
type HistoryLine struct {
	At      time.Time
	Portal  Label
	Asked   eid.Level // none where the portal asked for no level
	Granted eid.Level
	Source  Label // may be empty
	// Documents are the papers that were shared, by their claims: see ConsentDocuments.
	Documents []string
	// LookedUp: somebody in a role looked up the history, for a reason.
	LookedUp bool
	Role     string
	Reason   string
}

// HistoryRoles are the roles that have a name on the page.
func HistoryRoles() []string { return []string{"officer", "operator", "auditor"} }

// RoleKnown reports whether the role has a name on the page.
func (l HistoryLine) RoleKnown() bool { return slices.Contains(HistoryRoles(), l.Role) }

func (HistoryData) page() string { return "history" }
