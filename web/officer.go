package web

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
	SignOut Hidden
}

func (OfficerDeniedData) page() string { return "officer_denied" }
func (OfficerTodoData) page() string   { return "officer_todo" }
