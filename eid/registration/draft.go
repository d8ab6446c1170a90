package registration

import (
	"time"

	"eidgate/eid"
)

// Stage is where a registration stands. The zero value is being filled in.
type Stage string

// The stages behind the filling.
const (
	StageSent    Stage = "sent"    // a code is under way, whatever the comparison said
	StageProved  Stage = "proved"  // the code was right and all matched: a password is missing
	StageRefused Stage = "refused" // the code was right, and no account is made
)

// Draft is one registration in one browser.
type Draft struct {
	Form  Form  `json:"form,omitzero"`
	Stage Stage `json:"stage,omitempty"`
	Sent  Sent  `json:"sent,omitzero"`
}

// Sent is what became of a form that was sent. Nothing before the right code may depend
// on what the comparison gave.
type Sent struct {
	At     time.Time     `json:"at"`
	Until  time.Time     `json:"until"`         // from when on it has to be sent again
	Serial string        `json:"serial"`        // of this sending: a code of another one is none
	By     Field         `json:"by"`            // FieldPhone or FieldEmail: where the code goes
	Rules  string        `json:"rules"`         // id of the rule set that it was judged by
	Result result        `json:"result"`        // of the comparison
	Ref    string        `json:"ref,omitempty"` // of the request that refused
	Holder eid.AccountID `json:"holder,omitempty"`
}

// result is how a comparison ended: what is done once the code is right.
type result struct {
	Outcome  outcome      `json:"outcome,omitempty"`
	Doubt    Doubt        `json:"doubt,omitempty"`
	Database eid.Database `json:"database,omitempty"`
	Held     Side         `json:"held,omitzero"`
}

// outcome is what a right code leads to. The zero value is a refusal.
type outcome string

const (
	outcomeMatch  outcome = "match"
	outcomeReview outcome = "review"
)

// Side is one side of a comparison as it is kept, sealed, for an officer.
type Side struct {
	Number      string `json:"number,omitempty"`
	Country     string `json:"country,omitempty"`
	Name        string `json:"name,omitempty"`
	BirthDate   string `json:"birth_date,omitempty"` // 2006-01-02, or the year alone
	Gender      string `json:"gender,omitempty"`
	Nationality string `json:"nationality,omitempty"`
}

// Open reports whether a code counts for what was sent.
func (s Sent) Open(now time.Time) bool { return now.Before(s.Until) }
