package web

import (
	"eidgate/eid"
)

// Problems of a password that somebody chose, and of a passport: message ids.
const (
	ProblemPassportCredentials = "problem.passport_credentials" // country, number or password wrong; never which
	ProblemPassport            = "problem.passport"             // no country, or no number that could be one
	ProblemSame                = "problem.password_same"        // the one that was sent
)

func (PassportData) page() string    { return "passport" }
func (NewPasswordData) page() string { return "new_password" }

// PassportData is page "passport": sign-in by a passport, its country and the password.
type PassportData struct {
	Common
	Level    eid.Level // needed
	Country  string    // alpha-3, as chosen
	Passport string    // what was typed, given back after a failure
	Problem  string    // message id; empty at first
}

// Typed is true.
func (d PassportData) Typed() bool { return true }

// Problems ties the page's problem to its fields.
func (d PassportData) Problems() []FieldProblem {
	switch d.Problem {
	case "":
		return nil
	case ProblemPassword, ProblemBusy:
		return []FieldProblem{{FieldPassword, d.Problem}}
	}
	return []FieldProblem{{"passport", d.Problem}}
}

// NewPasswordData is page "new_password": the choice of a password by who came with a
// first one.
type NewPasswordData struct {
	Common
	Least   int    // characters that it has at least
	Problem string // message id; empty at first
}

// Typed is true.
func (d NewPasswordData) Typed() bool { return true }

// Problems ties the page's problem to its field.
func (d NewPasswordData) Problems() []FieldProblem {
	if d.Problem == "" {
		return nil
	}
	return []FieldProblem{{"new_password", d.Problem}}
}

// BySMS reports whether the code of the page was sent to a phone.
func (d CodeData) BySMS() bool { return d.By == eid.SecondSMS }

// ByEmail reports whether it was sent by e-mail.
func (d CodeData) ByEmail() bool { return d.By == eid.SecondEmail }

// Sent reports whether it was sent at all.
func (d CodeData) Sent() bool { return d.BySMS() || d.ByEmail() }

// ProblemOfPassword is the message of a weakness of a password, by the word that package
// credential has for it.
func ProblemOfPassword(weakness string) string { return "problem.password_" + weakness }
