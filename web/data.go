package web

import (
	"html/template"
	"time"

	"eidgate/eid"
)

// Common is what every page shows or carries.
type Common struct {
	Ref       string // reference of the request, such as K7QF-2M9D; shown when set
	Portal    Label  // name of the service that people came from; may be empty
	PortalURL string // its address, for pages that have no form
	Form      Hidden
	// Return is where a page without a form is read in another language, one of our
	// own paths. Empty: at the address that the browser shows.
	Return string
	// Unlocks: who signs in on this page undoes the lock that they set themselves.
	Unlocks bool
}

// Switches reports whether the page can be read in another language.
func (c Common) Switches() bool { return true }

// Typed reports whether the page's form has fields to type in, where Enter sends it.
func (c Common) Typed() bool { return false }

// Script is what the page runs. Pages that have one answer for themselves.
func (c Common) Script() template.JS { return "" }

// Problems are what is wrong with the form's fields. Pages with fields answer
// for themselves.
func (c Common) Problems() []FieldProblem { return nil }

func (c Common) reference() string { return c.Ref }

// content is the data of a page: it knows which page that is.
type content interface {
	page() string
	Script() template.JS
	reference() string
}

func (ChooseData) page() string      { return "choose" }
func (PasswordData) page() string    { return "password" }
func (LoginData) page() string       { return "login" }
func (CodeData) page() string        { return "code" }
func (StepUpData) page() string      { return "stepup" }
func (OtherPersonData) page() string { return "other_person" }
func (RefusedData) page() string     { return "refused" }
func (LockedData) page() string      { return "locked" }
func (ErrorData) page() string       { return "error" }
func (HomeData) page() string        { return "home" }
func (ConsentData) page() string     { return "consent" }
func (LogoutData) page() string      { return "logout" }
func (LoggingOutData) page() string  { return "loggingout" }
func (LoggedOutData) page() string   { return "loggedout" }
func (formPostData) page() string    { return "form_post" }

// reference finds the reference in any page's data, "" when there is none.
func reference(data any) string {
	if c, ok := data.(content); ok {
		return c.reference()
	}
	return ""
}

// PasswordData is page "password": personal number and password.
type PasswordData struct {
	Common
	Level          eid.Level // needed
	PersonalNumber string    // what was typed, given back after a failure
	Problem        string    // message id; empty at first
	OtherSources   bool      // there are other ways to sign in
	Passkey        Passkey   // that may be used instead
}

// Typed is true.
func (d PasswordData) Typed() bool { return true }

// Script is that of its passkey.
func (d PasswordData) Script() template.JS { return d.Passkey.script() }

// Number is the personal number as the field shows it.
func (d PasswordData) Number() string { return groupNumber(d.PersonalNumber) }

// Problems ties the page's problem to its fields.
func (d PasswordData) Problems() []FieldProblem {
	switch d.Problem {
	case "":
		return nil
	case ProblemPassword, ProblemBusy, ProblemPasskey:
		return []FieldProblem{{FieldPassword, d.Problem}}
	}
	return []FieldProblem{{FieldPersonalNumber, d.Problem}}
}

// LoginData is page "login": a login name of a source's own, and its password.
type LoginData struct {
	Common
	Level        eid.Level // needed
	Source       Label     // whose account it is
	LoginName    string    // what was typed, given back after a failure
	Problem      string    // message id; empty at first
	OtherSources bool      // there are other ways to sign in
	Old          bool      // it is the old account of a portal, whose passwords that portal gives
}

// Typed is true.
func (d LoginData) Typed() bool { return true }

// Problems ties the page's problem to its fields.
func (d LoginData) Problems() []FieldProblem {
	switch d.Problem {
	case "":
		return nil
	case ProblemPassword, ProblemBusy:
		return []FieldProblem{{FieldPassword, d.Problem}}
	}
	return []FieldProblem{{FieldLoginName, d.Problem}}
}

// CodeData is page "code": the one-time code.
type CodeData struct {
	Common
	Level   eid.Level    // needed; with the service, shown when valid
	Problem string       // message id; empty at first
	Name    string       // masked number of the account
	NotMe   bool         // offers action ActionNotMe
	By      eid.Second   // how the code comes; empty: from an app
	SentTo  string       // where it was sent, masked
	Until   time.Time    // a sent code counts
	Others  []eid.Second // other ways that may be asked for
	Passkey Passkey      // that may be used instead
}

// Typed is true.
func (d CodeData) Typed() bool { return true }

// Script is that of its passkey.
func (d CodeData) Script() template.JS { return d.Passkey.script() }

// Problems ties the page's problem to its field.
func (d CodeData) Problems() []FieldProblem {
	switch {
	case d.Problem == "":
		return nil
	case d.Problem == ProblemCode && d.Sent():
		return []FieldProblem{{FieldCode, ProblemSentCode}}
	}
	return []FieldProblem{{FieldCode, d.Problem}}
}

// StepUpData is page "stepup": the session's proof is below what is needed.
type StepUpData struct {
	Common
	Needed       eid.Level
	Have         eid.Level
	HolderName   string
	MaskedNumber string
	MayStay      bool // the service takes Have as well
	OwnFloor     bool // the holder's own minimum asks for Needed, not the service
}

// OtherPersonData is page "other_person": the proof was someone else's.
type OtherPersonData struct {
	Common
	MayRetry bool // another try at the same sign-in can help
}

// RefusedData is page "refused": what, why, the way forward.
type RefusedData struct {
	Common
	Reason       string    // one of the Refused constants
	Source       Label     // names the source that it is about
	Until        time.Time // when it ended, or when to try again
	OtherSources bool      // there are other ways to sign in: the first step
	Level        eid.Level // RefusedSourceLevel: what the source reaches
	Needed       eid.Level // and what the service needs
	// ToChoice leads back to page "choose", where this explains one of its sources.
	ToChoice string
}

// Reasons for a refusal.
const (
	RefusedLevelTooLow     = "level_too_low"     // the holder was not verified well enough
	RefusedOneMoreCheck    = "one_more_check"    // no second factor
	RefusedNotActivated    = "not_activated"     // account made, never activated
	RefusedSourceEnded     = "source_ended"      // its window is over (Until)
	RefusedSourceLater     = "source_later"      // its window has not begun (Until)
	RefusedSourceOff       = "source_off"        // switched off by an operator
	RefusedSourceResting   = "source_resting"    // announced maintenance (Until)
	RefusedSourceLevel     = "source_level"      // it does not reach the level
	RefusedSourceDown      = "source_down"       // it does not answer
	RefusedSourceUntrusted = "source_untrusted"  // its answer cannot be believed
	RefusedNotLinked       = "not_linked"        // no national identity behind the account
	RefusedConflict        = "conflict"          // the link waits for an officer; of whatever kind
	RefusedRejected        = "conflict_rejected" // an officer let it not be made
	RefusedContested       = "contested"         // what the portal said of its old account contradicts itself
	RefusedMismatch        = "details_mismatch"  // the registry knows the person otherwise
	RefusedReview          = "under_review"      // an officer has to look at the details
	RefusedOwnFloor        = "own_floor"         // below the holder's own minimum
	RefusedTryLater        = "try_later"         // too many tries (Until)
	RefusedNoSource        = "no_source"         // no way to sign in fits
	RefusedUnmet           = "unmet"             // the level asked for cannot be given
)

// RefusedReasons lists them all.
func RefusedReasons() []string {
	return []string{
		RefusedLevelTooLow, RefusedOneMoreCheck, RefusedNotActivated, RefusedSourceEnded, RefusedSourceDown,
		RefusedSourceLater, RefusedSourceOff, RefusedSourceResting, RefusedSourceLevel,
		RefusedSourceUntrusted, RefusedNotLinked, RefusedConflict, RefusedRejected, RefusedContested,
		RefusedMismatch, RefusedReview, RefusedOwnFloor, RefusedTryLater, RefusedNoSource, RefusedUnmet,
	}
}

// LockedData is page "locked". It is shown after the right password only, and
// tells the category of the lock: never who asked, nor under which document.
type LockedData struct {
	Common
	Reason eid.LockReason
	Unlock bool // the holder set it, and may undo it here after every proof
}

// ErrorData is page "error".
type ErrorData struct {
	Common
	Kind   string    // one of the Error constants
	Detail string    // a code for the portal's developer, such as an OAuth error; not shown on ErrorExpired
	Time   time.Time // shown beside the reference when set
}

// Kinds of error page.
const (
	ErrorInvalidRequest = "invalid_request"
	ErrorSystem         = "system"
	ErrorUnavailable    = "unavailable"
	ErrorExpired        = "expired"   // the login record is gone
	ErrorForbidden      = "forbidden" // forged or stale form
	ErrorNotFound       = "not_found"
	ErrorTooLarge       = "too_large"
)

// ErrorKinds lists them all.
func ErrorKinds() []string {
	return []string{
		ErrorInvalidRequest, ErrorSystem, ErrorUnavailable, ErrorExpired, ErrorForbidden, ErrorNotFound, ErrorTooLarge,
	}
}

// HomeData is page "home": what this address is.
type HomeData struct {
	Common
	Issuer string
}
