package registration

import (
	"time"

	"eidgate/eid"
)

// Stage is where a registration stands. The zero value is being filled in.
type Stage string

// The stages behind the filling.
const (
	StageSent     Stage = "sent"     // a code is under way; nothing was compared
	StageChecking Stage = "checking" // the code was right; the registry has not answered yet
	StageProved   Stage = "proved"   // all matched: a password is missing
	StageRefused  Stage = "refused"  // no account is made
	StageDone     Stage = "done"     // the account is active; nothing else is kept
)

// Draft is one registration in one browser. It never holds what a registry said.
type Draft struct {
	Form  Form  `json:"form,omitzero"`
	Stage Stage `json:"stage,omitempty"`
	Sent  Sent  `json:"sent,omitzero"`
}

// Sent is what became of a form that was sent.
type Sent struct {
	At    time.Time `json:"at"`
	Until time.Time `json:"until"` // from when on it has to be sent again
	// CodeUntil is until when the code counts that was made last.
	CodeUntil time.Time `json:"code_until,omitzero"`

	Serial string        `json:"serial,omitempty"`  // of this sending: a code of another one is none
	By     Field         `json:"by,omitempty"`      // FieldPhone or FieldEmail: where the code goes
	Ref    string        `json:"ref,omitempty"`     // of the request that sent it: what the person is shown
	Holder eid.AccountID `json:"account,omitempty"` // that waits for its activation
}

// Filling reports whether the form is being filled in: it was not sent, or what was sent
// does not count any more.
func (d Draft) Filling(now time.Time) bool {
	switch d.Stage {
	case StageSent, StageChecking, StageProved:
		return !d.Sent.Open(now)
	case StageRefused, StageDone:
		return false
	}
	return d.Stage == ""
}

// Open reports whether what was sent still counts.
func (s Sent) Open(now time.Time) bool { return now.Before(s.Until) }
