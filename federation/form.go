package federation

// Pages that a source may ask for.
const (
	PagePassword = "password" // personal number and password
	PageLogin    = "login"    // a login name of the source's own, and its password
	PageCode     = "code"     // a one-time code
)

// Fields of these pages.
const (
	FieldPersonalNumber = "personal_number"
	FieldPassword       = "password"
	FieldLoginName      = "login_name"
	FieldCode           = "code"
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
	ProblemCodeWrong        = "code_wrong" // wrong, too old or used
)

// Form is a page of fields that the gateway shows for a source.
type Form struct {
	Page string // PagePassword, PageLogin or PageCode
	// Problem is one of the problems, empty at the first try.
	Problem string
	// Fields are values to show again. Secrets are never among them.
	Fields map[string]string
}
