package web

import (
	"html/template"
	"net/http"
	"strings"
)

// Hidden are the fields that every form carries; those that are empty are left
// out.
type Hidden struct {
	Action string // address of the post, without fragment
	Login  string // handle of the login record; a logout has none
	CSRF   string // value that the login expects back
}

// Names of the form fields and of the buttons' values.
const (
	FieldLogin          = "login"
	FieldCSRF           = "csrf"
	FieldAction         = "action"
	FieldSource         = "source"
	FieldPersonalNumber = "personal_number"
	FieldPassword       = "password"
	FieldLoginName      = "login_name"
	FieldCode           = "code"
	FieldWay            = "way"      // of the holder's own pages: a way to sign in
	FieldPasskey        = "passkey"  // what an authenticator answered, as JSON
	FieldLanguage       = "language" // the switch: one of Languages
	FieldWrong          = "problem"  // of the switch: what the page said was wrong
	FieldReturn         = "return"   // of the switch: see Common.Return
	FieldQuery          = "q"        // of the choose page: what to search for
	FieldWhy            = "why"      // of the choose page: the source to explain
	FieldLink           = "link"     // of the page of links: which one

	ActionCancel       = "cancel"
	ActionOtherSources = "other_sources"
	ActionStepUp       = "step_up"
	ActionStay         = "stay"
	ActionNotMe        = "not_me"
	ActionRetry        = "retry"
	ActionRestart      = "restart"
	ActionShare        = "share"
	ActionDecline      = "decline"
	ActionLogout       = "logout"
	ActionLink         = "link"          // go on to the national identity, and link at the end
	ActionVerify       = "verify"        // an old account now, before it stops
	ActionLater        = "later"         // or another time
	ActionUndo         = "undo"          // a link
	ActionUnlock       = "unlock"        // end the holder's own lock, after every proof
	ActionForgetSource = "forget_source" // what this device remembers of the last choice
)

// Problems of a form: message ids. The wording is in the catalogue.
const (
	ProblemCredentials   = "problem.credentials"    // number or password wrong; never which
	ProblemLogin         = "problem.login"          // login name or password wrong; never which
	ProblemLoginMissing  = "problem.login_missing"  // no login name
	ProblemNumberMissing = "problem.number_missing" // no personal number, or none that could be one
	ProblemPassword      = "problem.password_missing"
	ProblemBusy          = "problem.busy"      // nothing was looked at; the same may be sent again
	ProblemCode          = "problem.code"      // wrong, expired or used
	ProblemSentCode      = "problem.sent_code" // the same of one that was sent
	ProblemCodeMissing   = "problem.code_missing"
	ProblemPasskey       = "problem.passkey"       // it could not be used; why is not told
	ProblemSourceFailed  = "problem.source_failed" // notice of the choose page, names the source
)

// FieldProblem is what is wrong with one field of a form.
type FieldProblem struct {
	Field   string
	Message string // message id
}

// StatusOf is that of the answer to a form with a problem: 422 where it was rejected, 503
// where nothing was looked at, and 200 without any.
func StatusOf(problem string) int {
	switch problem {
	case "":
		return http.StatusOK
	case ProblemBusy:
		return http.StatusServiceUnavailable
	}
	return http.StatusUnprocessableEntity
}

// on gives the message id of a field's problem, "" when there is none.
func on(problems []FieldProblem, field string) string {
	for _, p := range problems {
		if p.Field == field {
			return p.Message
		}
	}
	return ""
}

// groupNumber spaces a personal number 3-3-3-3, as people read it aloud. Any
// other text comes back as it was typed.
func groupNumber(s string) string {
	digits := strings.NewReplacer(" ", "", ".", "", "-", "", "\u00a0", "").Replace(s)
	if len(digits) != 12 || strings.Trim(digits, "0123456789") != "" {
		return s
	}
	return strings.Join([]string{digits[:3], digits[3:6], digits[6:9], digits[9:]}, " ")
}

// tail gives what a masked number shows: the characters after its last space.
// Screen readers are told these instead of a row of bullets.
func tail(masked string) string { return masked[strings.LastIndexByte(masked, ' ')+1:] }

// link gives an address that a page may point to: http, https, or the
// private-use scheme of a native client (RFC 8252 §7.1), which html/template
// does not know. Any other is left to it to neutralise.
func link(address string) any {
	if scheme, _, ok := strings.Cut(address, ":"); ok && schemeSource.MatchString(scheme+":") && strings.Contains(scheme, ".") {
		return template.URL(address) //nolint:gosec // no browser runs a scheme with a dot in it
	}
	return address
}
