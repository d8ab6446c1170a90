package web

import "time"

// Paths of coming back to an account, as pages name them.
const (
	WaysRecover  = "recover"  // a new password
	WaysActivate = "activate" // the first one
)

// RecoverStep is what the pages of coming back to an account have.
type RecoverStep struct {
	Common
	For     string // WaysRecover or WaysActivate
	Problem string // message id; empty at first
}

// Typed is true.
func (d RecoverStep) Typed() bool { return true }

func (d RecoverStep) problems(field string) []FieldProblem {
	if d.Problem == "" {
		return nil
	}
	return []FieldProblem{{field, d.Problem}}
}

// RecoverNumberData is page "recover_number": whose account it is.
type RecoverNumberData struct {
	RecoverStep
	Passport bool   // by a passport instead of a personal number
	Given    string // what was typed
	Country  string // alpha-3, as chosen
}

// Number is the number as the field shows it.
func (d RecoverNumberData) Number() string {
	if d.Passport {
		return d.Given
	}
	return groupNumber(d.Given)
}

// Problems ties the page's problem to its field.
func (d RecoverNumberData) Problems() []FieldProblem {
	if d.Passport {
		return d.problems("passport")
	}
	return d.problems(FieldPersonalNumber)
}

// RecoverCodeData is page "recover_code". It says the same whether or not a code was sent.
type RecoverCodeData struct {
	RecoverStep
	App   bool      // the code of an app, behind the one that was sent
	Again bool      // another one was just asked for
	Until time.Time // when the one that was sent stops to count; zero for an app
}

// Problems ties the page's problem to its field.
func (d RecoverCodeData) Problems() []FieldProblem { return d.problems(FieldCode) }

// RecoverPasswordData is page "recover_password": the choice of the new password.
type RecoverPasswordData struct {
	RecoverStep
	Number string // for password managers: what the password belongs to; not shown
	Least  int    // characters that it has at least
}

// Problems ties the page's problem to its field.
func (d RecoverPasswordData) Problems() []FieldProblem { return d.problems("new_password") }

// RecoverEndData is page "recover_end".
type RecoverEndData struct {
	Common
	For string
	Why string    // RecoverDone and so on
	At  time.Time // RecoverLater: when to try again
}

// Ends of coming back to an account.
const (
	RecoverDone      = "done"
	RecoverGone      = "gone"      // it took too long, or something changed meanwhile
	RecoverElsewhere = "elsewhere" // the account has a factor that is not shown here
	RecoverLater     = "later"     // too many tries (At)
)

// Message is the prefix of the page's messages.
func (d RecoverEndData) Message() string { return d.For + "." + d.Why }

func (RecoverNumberData) page() string   { return "recover_number" }
func (RecoverCodeData) page() string     { return "recover_code" }
func (RecoverPasswordData) page() string { return "recover_password" }
func (RecoverEndData) page() string      { return "recover_end" }
