package web

import (
	"html/template"
	"time"

	"eidgate/eid"
)

// MeData is page "me": the account, and where to go from here.
type MeData struct {
	Common
	HolderName   string
	MaskedNumber string
	Level        eid.Level
	UsedAt       time.Time // at a service; zero: not yet, as far as that is kept
	UsedAtPortal Label
	SignOut      Hidden
}

// WaysData is page "me_ways": what the holder signs in with.
type WaysData struct {
	Common
	HasPassword bool
	Phone       string // masked, where codes are sent to; empty: none
	Email       string // likewise
	App         bool   // an authenticator app makes codes
	Passkeys    []Way
	AddApp      bool
	AddPasskey  bool
	Short       bool   // of all these none reaches the level of the account
	Done        string // one of the Done constants; empty: nothing was done
}

// Way is one passkey.
type Way struct {
	ID     string
	Name   string
	Added  time.Time
	Used   time.Time // zero: never
	Synced bool      // it may be on other devices of its owner
}

// What was done.
const (
	DoneAdded    = "added"
	DoneApp      = "app"
	DoneRemoved  = "removed" // a passkey
	DoneAppGone  = "removed_app"
	DonePassword = "password"
)

// WayPasskeyData is page "me_passkey": a passkey is made here.
type WayPasskeyData struct {
	Common
	Name    string // that was typed; empty: one with the date is proposed
	Today   time.Time
	Passkey Passkey
	Problem string // message id
}

// Typed is true.
func (d WayPasskeyData) Typed() bool { return true }

// Script is that of its passkey.
func (d WayPasskeyData) Script() template.JS { return d.Passkey.script() }

// Problems ties the page's problem to its field.
func (d WayPasskeyData) Problems() []FieldProblem { return problemOn(FieldName, d.Problem) }

// WayAppData is page "me_app": an authenticator app gets its secret here.
type WayAppData struct {
	Common
	Secret  string // base32, in groups of four
	Code    AppCode
	Problem string // message id
}

// Typed is true.
func (d WayAppData) Typed() bool { return true }

// Problems ties the page's problem to its field.
func (d WayAppData) Problems() []FieldProblem { return problemOn(FieldCode, d.Problem) }

// WayRemoveData is page "me_remove": one way to sign in goes.
type WayRemoveData struct {
	Common
	Way    string
	Name   string // of a passkey; empty for the app
	Last   bool   // it is the last: it stays
	Lowers bool   // nothing else reaches Level 2
}

// WayPasswordData is page "me_password": a new password is chosen.
type WayPasswordData struct {
	Common
	Least   int    // characters
	Problem string // message id
}

// Typed is true.
func (d WayPasswordData) Typed() bool { return true }

// Problems ties the page's problem to its field.
func (d WayPasswordData) Problems() []FieldProblem { return problemOn(FieldNewPassword, d.Problem) }

// WayDoneData is page "me_done": it is done, and everybody is signed out.
type WayDoneData struct {
	Common
	What string // DoneRemoved, DoneAppGone or DonePassword
}

// Problems of these pages: message ids.
const (
	ProblemName       = "problem.way_name"
	ProblemNewPasskey = "problem.new_passkey"
	ProblemKnown      = "problem.passkey_known"
	ProblemMany       = "problem.passkey_many"
)

func problemOn(field, problem string) []FieldProblem {
	if problem == "" {
		return nil
	}
	return []FieldProblem{{field, problem}}
}

func (MeData) page() string          { return "me" }
func (WaysData) page() string        { return "me_ways" }
func (WayPasskeyData) page() string  { return "me_passkey" }
func (WayAppData) page() string      { return "me_app" }
func (WayRemoveData) page() string   { return "me_remove" }
func (WayPasswordData) page() string { return "me_password" }
func (WayDoneData) page() string     { return "me_done" }
