package accounts

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"eidgate/eid"
)

// OldAccount is what a portal says of an account that it made itself (Decision
// 34/2021, transition). All but the login name may be absent, and nothing of it has
// been proved. It prints and logs as nothing.
type OldAccount struct {
	Login     string             // what the account is called there: NFC, without outer space
	Number    eid.PersonalNumber // zero: the portal did not know it
	Name      string             // NFC, family name first
	BirthDate string             // 2006-01-02, or a year alone
	Phone     string             // 0 and nine digits
	Email     string
	// Password is the hash that the portal kept, or the one of ours that replaced it;
	// zero: nobody signs in to the account with a password.
	Password eid.Secret
	Subject  string // the sub that the portal knew the person by before
	// Replaced marks the portal's hash that Password stands in the place of, so that
	// the same hash, imported once more, does not come back. It is a keyed hash.
	Replaced []byte
}

// oldAccount is the JSON form of an OldAccount.
type oldAccount struct {
	Login     string `json:"login"`
	Number    string `json:"number,omitempty"`
	Name      string `json:"name,omitempty"`
	BirthDate string `json:"birth_date,omitempty"`
	Phone     string `json:"phone,omitempty"`
	Email     string `json:"email,omitempty"`
	Password  string `json:"password,omitempty"`
	Subject   string `json:"subject,omitempty"`
	Replaced  []byte `json:"replaced,omitempty"`
}

// Unsealed gives all of it as JSON, to be sealed and for nothing else.
func (o *OldAccount) Unsealed() ([]byte, error) {
	return json.Marshal(oldAccount{
		o.Login, o.Number.Reveal(), o.Name, o.BirthDate, o.Phone, o.Email, o.Password.Reveal(), o.Subject, o.Replaced,
	})
}

// ParseOldAccount reads what Unsealed wrote. Its errors repeat nothing of it.
func ParseOldAccount(raw []byte) (OldAccount, error) {
	var o oldAccount
	if json.Unmarshal(raw, &o) != nil || o.Login == "" {
		return OldAccount{}, errors.New("reading an old account: not its JSON")
	}
	a := OldAccount{
		Login: o.Login, Name: o.Name, BirthDate: o.BirthDate, Phone: o.Phone, Email: o.Email, Subject: o.Subject, Replaced: o.Replaced,
	}
	if o.Password != "" {
		a.Password = eid.NewSecret(o.Password)
	}
	if o.Number != "" {
		var err error
		if a.Number, err = eid.ParsePersonalNumber(o.Number); err != nil {
			return OldAccount{}, errors.New("reading an old account: its number is none")
		}
	}
	return a, nil
}

// Format tells nothing of the person, whatever the verb.
func (OldAccount) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[old account]")) }

// LogValue tells nothing of the person.
func (OldAccount) LogValue() slog.Value { return slog.StringValue("[old account]") }

// MarshalJSON tells nothing of the person: Unsealed does.
func (OldAccount) MarshalJSON() ([]byte, error) { return json.Marshal("[old account]") }

// Imported is an old account as it stands here.
type Imported struct {
	ID         string // a keyed hash of source and login name
	Source     string
	State      eid.ImportedState
	Match      eid.ImportedMatch
	Account    eid.AccountID // whom it was verified for; empty before
	ContestRef string        // of the contradiction that waits, for ImportedContested
	CreatedAt  time.Time
	UpdatedAt  time.Time // by an import, or a decision
	VerifiedAt time.Time // zero until then
	RemindedAt time.Time // on a page, that it stops; zero: never
	Old        OldAccount
}
