package accounts

import (
	"context"
	"fmt"
	"time"

	"eidgate/eid"
	"eidgate/eid/civil"
)

// evidenceNational is the evidence of links that a national source is the ground
// of: it states the number, the name and the birth date, and they are the account's.
const evidenceNational = "national identity"

// RegistrarStore writes what national sources say of people. Each method is one
// transaction, which holds what it read until it has written.
type RegistrarStore interface {
	// Arrive reads where a person stands, asks decide and writes what it gives, with
	// the audit rows. An error of decide is returned and nothing is written.
	Arrive(ctx context.Context, who eid.Identifier, source, subject string, decide func(Standing) (Arrival, error)) error
	// SetLevel reads an account, asks decide and writes the level that it gives;
	// LevelNone writes nothing. eid.ErrNotFound when there is no such account.
	SetLevel(ctx context.Context, id eid.AccountID, decide func(eid.Account) (LevelChange, error)) error
}

// Standing is what is known of somebody whom a source names for the first time.
type Standing struct {
	// Link is the living link of the subject; zero where there is none, unless
	// another sign-in was faster.
	Link eid.Link
	// Account is the one that uses the identifier; its zero value is none.
	Account eid.Account
	// Linked: the account has a living link to another subject of the source.
	Linked bool
	// Imported is where the subject stands, if it is an old account of a portal.
	Imported eid.ImportedState
}

// Arrival is what to write. The zero value writes nothing.
type Arrival struct {
	// Retired is a closed account whose identifier the new one takes; it keeps one that
	// nobody else can have.
	Retired eid.AccountID
	Account Record     // with an ID: to be made
	Link    LinkRecord // with an ID: to be made
	Entries []eid.AuditEntry
}

// LevelChange is a level to set. The zero value sets none.
type LevelChange struct {
	Level    eid.Level
	OwnFloor eid.Level
	At       time.Time
	Entry    eid.AuditEntry
}

// Registrar takes in the people whom a national source vouches for, and keeps the
// level of the accounts that were made so. Whether a source may do that is for
// its caller to know.
type Registrar struct {
	store RegistrarStore
	now   func() time.Time
}

// NewRegistrar makes a registrar. It starts nothing.
func NewRegistrar(store RegistrarStore, now func() time.Time) *Registrar {
	return &Registrar{store: store, now: now}
}

// Newcomer is somebody whom a source names by a subject that is not linked.
type Newcomer struct {
	Source  string
	Subject string
	Person  civil.Person
	Level   eid.Level // as asserted
	// Only is the one account that it may be: that of a living session which nobody
	// else may take over. Empty where anybody may come.
	Only eid.AccountID
	Ref  string // of the request
}

// Outcome is how Admit ended. The zero value lets nobody in.
type Outcome int

// The outcomes. But for Admitted nothing was written.
const (
	Unknown  Outcome = iota // the source does not say who it is
	Differs                 // the account of the number is of another name or birth date
	Taken                   // that account is linked to another subject of the source
	Another                 // it is not the account that it may be
	Barred                  // that account cannot sign in now
	Admitted                // the account is linked
)

// Admission is who came, and how it ended.
type Admission struct {
	Outcome Outcome
	Account eid.AccountID // empty for Unknown and Another
	Link    string        // for Admitted
}

// Admit links the account of a newcomer's number, or makes one that the source
// manages. A number alone leads to no account: name and birth date have to be
// those that are kept. Of several sign-ins at once one makes the account and the
// link, and the others find them.
func (r *Registrar) Admit(ctx context.Context, n Newcomer) (Admission, error) {
	if n.Person.Number.IsZero() || civil.Judge(n.Person, n.Person) != civil.Match {
		return Admission{}, nil // something is missing
	}
	now := r.now().UTC().Truncate(time.Microsecond)
	fresh, link := n.account(), eid.Link{ID: newID(), Account: eid.AccountID(newID()), Source: n.Source, Cap: eid.Level2}
	if fresh.check(now) != nil || checkLink(link, n.Subject, evidenceNational, now) != nil {
		return Admission{}, nil // nobody can be that
	}
	var got Admission
	err := r.store.Arrive(ctx, fresh.Person.Identifier, n.Source, n.Subject, func(s Standing) (a Arrival, err error) {
		if got = n.judge(s); got.Outcome != Admitted || got.Link != "" {
			return Arrival{}, nil
		}
		if got.Account == "" {
			got.Account = link.Account
			a.Account = fresh.record(got.Account, now)
			detail := created{SubjectType: eid.Citizen, Level: n.Level, Status: eid.Active, Source: n.Source}
			if err := a.add(now, eid.ActionAccountCreated, got.Account, n.Ref, detail); err != nil {
				return Arrival{}, err
			}
		}
		link.Account, got.Link = got.Account, link.ID
		a.Link = LinkRecord{Link: link, Subject: n.Subject, Evidence: evidenceNational, CreatedAt: now}
		err = a.add(now, eid.ActionLinkCreated, got.Account, n.Ref, linkDetail{Link: link.ID, Source: link.Source, Cap: link.Cap})
		return a, err
	})
	if err != nil {
		return Admission{}, fmt.Errorf("taking in a person from %s: %w", n.Source, err)
	}
	return got, nil
}

// judge decides about somebody who stands so. It leaves out what is to be made.
func (n *Newcomer) judge(s Standing) Admission {
	switch held := &s.Account; {
	case s.Link.ID != "":
		return Admission{Outcome: Admitted, Account: s.Link.Account, Link: s.Link.ID}
	case n.Only != "" && held.ID != n.Only:
		return Admission{Outcome: Another}
	case held.ID == "":
		return Admission{Outcome: Admitted}
	case civil.Judge(n.Person, civil.PersonOf(held.Person)) != civil.Match:
		return Admission{Outcome: Differs, Account: held.ID}
	case s.Linked:
		return Admission{Outcome: Taken, Account: held.ID}
	case held.Usable() != nil:
		return Admission{Outcome: Barred, Account: held.ID}
	default:
		return Admission{Outcome: Admitted, Account: held.ID}
	}
}

// account is what a newcomer's account is made from. It has no credentials: its
// holder signs in through the source.
func (n *Newcomer) account() NewAccount {
	return NewAccount{
		Person: eid.Person{
			Type: eid.Citizen, Identifier: eid.IdentifierOf(n.Person.Number), Name: n.Person.Name, BirthDate: n.Person.BirthDate.String(),
		},
		Level: n.Level, Status: eid.Active, ManagedBy: n.Source,
	}.normal()
}

// Follow sets the level of an account that a source made to what the source says
// now, and the holder's own floor no higher. Accounts that it did not make, and
// those that cannot sign in, stay as they are.
func (r *Registrar) Follow(ctx context.Context, id eid.AccountID, source string, level eid.Level, ref string) error {
	now := r.now().UTC().Truncate(time.Microsecond)
	err := r.store.SetLevel(ctx, id, func(a eid.Account) (LevelChange, error) {
		if source == "" || a.ManagedBy != source || a.Level == level || a.Usable() != nil {
			return LevelChange{}, nil
		}
		if !level.Valid() {
			return LevelChange{}, fmt.Errorf("%w: level is neither 1 nor 2", ErrInvalid)
		}
		c := LevelChange{Level: level, OwnFloor: min(a.OwnFloor, level), At: now}
		detail := levelDetail{Old: a.Level, New: level, Source: source}
		if c.OwnFloor != a.OwnFloor {
			detail.OwnFloor = c.OwnFloor
		}
		var err error
		c.Entry, err = entryOf(now, "system", eid.ActionLevelChanged, id, detail)
		c.Entry.Ref = ref
		return c, err
	})
	if err != nil {
		return fmt.Errorf("setting the level that %s says: %w", source, err)
	}
	return nil
}

// levelDetail is the detail of eid.ActionLevelChanged.
type levelDetail struct {
	Old      eid.Level `json:"old"`
	New      eid.Level `json:"new"`
	Source   string    `json:"source,omitempty"`
	OwnFloor eid.Level `json:"own_floor,omitempty"` // where it was lowered too
}

// add notes what the system did.
func (a *Arrival) add(at time.Time, action string, id eid.AccountID, ref string, detail any) error {
	entry, err := entryOf(at, "system", action, id, detail)
	entry.Ref = ref
	a.Entries = append(a.Entries, entry)
	return err
}
