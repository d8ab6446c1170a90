package accounts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"eidgate/eid"
)

// ErrOtherPaper tells that the paper is not a passport of a foreigner, or not the successor of the
// one that the account is known by.
var ErrOtherPaper = errors.New("paper is no renewal of that of the account")

// PaperStore writes renewed papers.
type PaperStore interface {
	// ReplaceIdentifier reads an account, asks decide and writes what it gives, in one
	// transaction: one identifier ends and another begins. An error of decide is returned
	// and nothing is written. eid.ErrNotFound when there is no such account, eid.ErrExists
	// when another one uses the identifier.
	ReplaceIdentifier(ctx context.Context, id eid.AccountID, decide func(eid.Account) (PaperRecord, error)) error
}

// PaperRenewal is a passport that was renewed, as the immigration authority has it on
// record.
type PaperRenewal struct {
	Old, New eid.Identifier
	Document string // number of the document that it rests on
	Actor    string
	Ref      string
}

// PaperRecord is what to write.
type PaperRecord struct {
	New   eid.Identifier
	At    time.Time
	Entry eid.AuditEntry
}

// Papers replaces what foreigners sign in with when their papers are renewed. A personal
// number is never replaced: one that was re-established locks its account for good
// (Decision 34/2021, Art. 11), and what follows is an account of its own.
type Papers struct {
	store PaperStore
	now   func() time.Time
}

// NewPapers makes the writer. It starts nothing.
func NewPapers(store PaperStore, now func() time.Time) *Papers {
	return &Papers{store: store, now: now}
}

// Renew gives an active account another passport of the same country. Its ID, and with it
// what portals call its holder, its level, credentials and sessions stay; the old number
// opens nothing any more. The holder is told. It returns ErrInvalid, ErrOtherPaper,
// ErrClosed, ErrManaged, what eid.Account.Usable does, and eid.ErrExists when an account
// uses the new number.
func (p *Papers) Renew(ctx context.Context, id eid.AccountID, r PaperRenewal) error {
	now := p.now().UTC().Truncate(time.Microsecond)
	err := p.store.ReplaceIdentifier(ctx, id, func(a eid.Account) (PaperRecord, error) { return r.decide(a, now) })
	if err != nil {
		return fmt.Errorf("renewing a paper: %w", err)
	}
	return nil
}

// paperDetail is the detail of eid.ActionPaperRenewed. The numbers stand with the account.
type paperDetail struct {
	Kind     eid.IdentifierKind `json:"kind"`
	Country  string             `json:"country"`
	Document string             `json:"document"`
}

func (r PaperRenewal) decide(a eid.Account, now time.Time) (PaperRecord, error) {
	was := a.Person.Identifier
	switch {
	case a.Status == eid.Closed:
		return PaperRecord{}, ErrClosed
	case a.Usable() != nil:
		return PaperRecord{}, a.Usable()
	case a.ManagedBy != "": // its data follow the word of that source
		return PaperRecord{}, ErrManaged
	case a.Person.Type != eid.Foreigner || was != r.Old || was.Kind() != eid.KindPassport || r.New.Kind() != eid.KindPassport || was.Country() != r.New.Country():
		return PaperRecord{}, ErrOtherPaper
	case was == r.New:
		return PaperRecord{}, eid.ErrExists
	}
	person := a.Person
	person.Identifier = r.New
	var f faults
	f.identifier(person)
	f.declared(a.Declared, r.New)
	f.text("document", r.Document, 1, maxLong)
	if err := f.err(); err != nil {
		return PaperRecord{}, err
	}
	entry, err := entryOf(now, r.Actor, eid.ActionPaperRenewed, a.ID, paperDetail{Kind: r.New.Kind(), Country: r.New.Country(), Document: r.Document})
	entry.Ref = r.Ref
	return PaperRecord{New: r.New, At: now, Entry: entry}, err
}
