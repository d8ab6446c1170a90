package web

import "time"

// SharedData is page "me_shared": what the holder shares with whom. Its forms send
// FieldParty and one of ActionWithdraw, ActionStop and ActionGive, the latter two with
// the claim of a document behind them.
type SharedData struct {
	Common
	Mark    Hidden // of every form
	Parties []SharedParty
}

// SharedParty is one service, and what its holder answered.
type SharedParty struct {
	ID           string
	Name         Label
	Since, Until time.Time
	Rows         []string // names of ConsentClaims
	Documents    []SharedDocument
	Informed     bool // it has what it has by law: only documents are the holder's to give
}

// SharedDocument is the answer to one kind of document.
type SharedDocument struct {
	Claim  string
	Shared bool
}

// Field and actions of page "me_shared".
const (
	FieldParty     = "party"
	ActionWithdraw = "withdraw"
	ActionStop     = "stop."
	ActionGive     = "give."
)

func (SharedData) page() string { return "me_shared" }

// ConsentRow names the row of ConsentClaims that a claim is shown in.
func ConsentRow(claim string) string {
	switch claim {
	case "family_name", "middle_name", "given_name":
		return "name"
	case "email_verified":
		return "email"
	case "phone_number_verified":
		return "phone_number"
	}
	return claim
}
