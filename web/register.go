package web

import (
	"strings"
	"time"

	"eidgate/eid"
)

// Form fields of registering.
const (
	FieldKind        = "kind"
	FieldPassport    = "passport"
	FieldCountry     = "country"
	FieldNationality = "nationality"
	FieldName        = "name"
	FieldDay         = "day"
	FieldMonth       = "month"
	FieldYear        = "year"
	FieldYearOnly    = "year_only"
	FieldGender      = "gender"
	FieldPhone       = "phone"
	FieldEmail       = "email"
	FieldNewPassword = "new_password"

	ActionForget = "forget" // the draft
	ActionResend = "resend" // the code
)

// RegisterSteps is how many steps there are before the code.
const RegisterSteps = 6

// ProblemRegister is the message of a fault of the form, by the word that package
// registration has for it.
func ProblemRegister(why string) string { return "register.problem." + why }

// RegisterStep is what all pages with a form have.
type RegisterStep struct {
	Common
	Step  int            // 1 to RegisterSteps; 0: none of them
	Back  string         // address of the step before; empty: there is none
	Wrong []FieldProblem // none at first
}

// Problems are what is wrong with the fields.
func (d RegisterStep) Problems() []FieldProblem { return d.Wrong }

// Typed is true.
func (d RegisterStep) Typed() bool { return true }

// Of is how many steps there are.
func (d RegisterStep) Of() int { return RegisterSteps }

// RegisterData is page "register": who may register, and what it takes.
type RegisterData struct {
	Common
	Citizens, Foreigners bool   // may register here
	Age                  int    // from which one registers by oneself
	Days                 int    // a draft is kept
	Next                 string // address to begin, or to go on, at
	Draft                bool   // there is one in this browser
}

// RegisterKindData is page "register_kind". Its buttons are the answer.
type RegisterKindData struct {
	RegisterStep
	Citizens, Foreigners bool
}

// Typed is false: there is nothing to type.
func (d RegisterKindData) Typed() bool { return false }

// RegisterNumberData is page "register_number", for a personal number or a passport.
type RegisterNumberData struct {
	RegisterStep
	Foreigner            bool
	Given                string // what was typed
	Country, Nationality string // alpha-3
}

// Number is the number as the field shows it.
func (d RegisterNumberData) Number() string {
	if d.Foreigner {
		return d.Given
	}
	return groupNumber(d.Given)
}

// RegisterNameData is page "register_name".
type RegisterNameData struct {
	RegisterStep
	Name string
}

// RegisterBirthData is page "register_birth": date of birth and gender.
type RegisterBirthData struct {
	RegisterStep
	Day, Month, Year string
	YearOnly         bool
	Gender           string // male or female; empty at first
}

// BirthProblem is what is wrong with the date, whichever part of it that is.
func (d RegisterBirthData) BirthProblem() string {
	for _, field := range []string{FieldDay, FieldMonth, FieldYear} {
		if problem := on(d.Wrong, field); problem != "" {
			return problem
		}
	}
	return ""
}

// RegisterContactData is page "register_contact".
type RegisterContactData struct {
	RegisterStep
	SMS, Mail    bool // codes go there
	Phone, Email string
}

// RegisterCheckData is page "register_check": all that is declared, once more.
type RegisterCheckData struct {
	RegisterStep
	Foreigner bool
	Number    string // as it was typed: it is the reader's own
	Country   string // alpha-3, as below
	Nation    string
	Name      string
	Born      string // dd/MM/yyyy, or a year
	YearOnly  bool
	Gender    string
	Phone     string
	Email     string
	Cautions  []string // what to look at twice: words of package registration
}

// Typed is false: there is nothing to type.
func (d RegisterCheckData) Typed() bool { return false }

// ShownPhone is the phone as people write it where it is of Viet Nam.
func (d RegisterCheckData) ShownPhone() string {
	if home, ok := strings.CutPrefix(d.Phone, "+84"); ok && len(home) == 9 {
		return "0" + home[:3] + " " + home[3:6] + " " + home[6:]
	}
	return d.Phone
}

// ShownNumber is the number in groups.
func (d RegisterCheckData) ShownNumber() string { return groupNumber(d.Number) }

// RegisterCodeData is page "register_code".
type RegisterCodeData struct {
	RegisterStep
	Phone, Email string    // where the code went, masked: one of them
	Again        bool      // it was just sent again
	Until        time.Time // when it stops to count
}

// RegisterPasswordData is page "register_password": all matched, the account is missing
// its password.
type RegisterPasswordData struct {
	RegisterStep
	Number string // that the holder signs in with; it is not seen on the page
	Least  int    // characters of a password
}

// RegisterLaterData is page "register_later": enough codes were sent for now.
type RegisterLaterData struct {
	Common
	Until time.Time // when another one can be sent
}

// RegisterWaitingData is page "register_waiting": the registry does not answer.
type RegisterWaitingData struct {
	RegisterStep
	Again time.Time // from when on to try again
}

// Typed is false: there is nothing to type.
func (d RegisterWaitingData) Typed() bool { return false }

// RegisterEndedData is page "register_ended": the one answer for everything but an
// account.
type RegisterEndedData struct{ Common }

// RegisterYoungData is page "register_young": no account of one's own at that age.
type RegisterYoungData struct {
	Common
	Age int // from which there is one
}

// RegisterDoneData is page "register_done".
type RegisterDoneData struct{ Common }

func (RegisterData) page() string         { return "register" }
func (RegisterKindData) page() string     { return "register_kind" }
func (RegisterNumberData) page() string   { return "register_number" }
func (RegisterNameData) page() string     { return "register_name" }
func (RegisterBirthData) page() string    { return "register_birth" }
func (RegisterContactData) page() string  { return "register_contact" }
func (RegisterCheckData) page() string    { return "register_check" }
func (RegisterCodeData) page() string     { return "register_code" }
func (RegisterPasswordData) page() string { return "register_password" }
func (RegisterLaterData) page() string    { return "register_later" }
func (RegisterWaitingData) page() string  { return "register_waiting" }
func (RegisterEndedData) page() string    { return "register_ended" }
func (RegisterYoungData) page() string    { return "register_young" }
func (RegisterDoneData) page() string     { return "register_done" }

// PageOf makes the page of some data, with the status of its first problem.
func PageOf(data interface {
	content
	Problems() []FieldProblem
}) Page {
	p := Page{Name: data.page(), Data: data}
	if problems := data.Problems(); len(problems) > 0 {
		p.Status = StatusOf(problems[0].Message)
	}
	return p
}

// Level is what registering gives.
func (RegisterDoneData) Level() eid.Level { return eid.Level1 }

// choice is one of several fields of a page that look alike.
type choice struct {
	Data                   any
	Field, Complete, Value string
}

// row is one line of what is declared: a message, the step where it is changed, the value.
type row struct{ Label, At, Value string }
