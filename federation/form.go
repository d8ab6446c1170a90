package federation

import (
	"net/url"
	"strings"
	"time"

	"eidgate/eid"
	"eidgate/eid/credential"
)

// Pages that a source may ask for.
const (
	PagePassword = "password" // personal number and password
	PageLogin    = "login"    // a login name of the source's own, and its password
	PageCode     = "code"     // a one-time code
	PagePassport = "passport" // a passport, its country and the password
	// PageNewPassword is the choice of a password by who was sent a first one.
	PageNewPassword = "new_password"
)

// Fields of these pages.
const (
	FieldPersonalNumber = "personal_number"
	FieldPassword       = "password"
	FieldLoginName      = "login_name"
	FieldCode           = "code"
	FieldCountry        = "country" // ISO 3166-1 alpha-3
	FieldPassport       = "passport"
	FieldNewPassword    = "new_password"
	FieldLeast          = "least" // of Form.Fields: the shortest password, in characters
	// FieldWay asks for another way: WayPassport, WayNumber, or one of eid.Seconds.
	FieldWay     = "way"
	WayPassport  = "passport"
	WayNumber    = "number"
	FieldPasskey = "passkey" // what an authenticator answered, as JSON
)

// Problems are what was wrong with the last try at a form. Pages have a message
// for each.
const (
	ProblemNumberInvalid    = "personal_number_invalid"
	ProblemLoginMissing     = "login_name_missing"
	ProblemPasswordMissing  = "password_missing"
	ProblemWrongCredentials = "wrong_credentials" // personal number or password, never which of the two
	ProblemWrongLogin       = "wrong_login"       // login name or password, never which of the two
	ProblemBusy             = "busy"              // see BusyError
	ProblemCodeMissing      = "code_missing"
	ProblemPassportInvalid  = "passport_invalid"
	ProblemPasswordSame     = "password_same" // the one that is to be replaced
	ProblemCodeWrong        = "code_wrong"    // wrong, too old or used
	ProblemPasskey          = "passkey"       // it could not be used; why is not told
)

// Form is a page of fields that the gateway shows for a source.
type Form struct {
	Page string // PagePassword, PageLogin or PageCode
	// Problem is one of the problems, empty at the first try.
	Problem string
	// Fields are values to show again. Secrets are never among them.
	Fields map[string]string
	// Second is what PageCode asks for.
	Second *Second
	// Challenge is what a passkey may answer instead, base64url; empty: none may.
	Challenge string
}

// ProblemOfPassword is the problem of a password that may not be chosen.
func ProblemOfPassword(w credential.Weakness) string { return "password_" + string(w) }

// Second is what a code page asks for. It tells nothing that the holder may not see.
type Second struct {
	Kind   eid.Second   `json:"kind,omitempty"`
	To     string       `json:"to,omitempty"`     // where a code was sent, masked
	Until  time.Time    `json:"until,omitzero"`   // a sent code counts
	Others []eid.Second `json:"others,omitempty"` // that may be asked for instead
}

// LoginForm asks for a login name and its password, after a problem with the last try.
// A name that cannot be one is not shown again.
func LoginForm(name, problem string) Step {
	f := &Form{Page: PageLogin, Problem: problem}
	if FitLogin(name) {
		f.Fields = map[string]string{FieldLoginName: name}
	}
	return Step{Form: f}
}

// FirstLoginForm does so for the first time, with what somebody gave as a login name. A
// personal number is none: it is meant for the national identity.
func FirstLoginForm(hint eid.Secret) Step {
	name := strings.TrimSpace(hint.Reveal())
	if _, err := eid.ParsePersonalNumber(name); err == nil {
		name = ""
	}
	return LoginForm(name, "")
}

// Sent is a value of a form that was sent exactly once.
func Sent(values url.Values, name string) string {
	if sent := values[name]; len(sent) == 1 {
		return sent[0]
	}
	return ""
}
