// Package accounts is the one writer of accounts, links and locks. Each change
// commits together with its audit row, and with its event where parties must be
// told.
package accounts

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"eidgate/eid"
)

// ErrInvalid reports that what was asked breaks a rule; the text names every fault. Besides it a
// change returns eid.ErrNotFound and eid.ErrExists.
var ErrInvalid = errors.New("invalid")

// ActionLinkEnded is the audit action of EndLink.
const ActionLinkEnded = "link.ended"

// Store writes changes. Each method is one transaction that the audit entry
// commits with; a failed change leaves neither.
type Store interface {
	// CreateAccount inserts an account with its identifier and credentials.
	// eid.ErrExists when another account in use has the identifier.
	CreateAccount(ctx context.Context, r Record, entry eid.AuditEntry) error
	// AddLink inserts a link. eid.ErrExists while the subject of that source is
	// linked, eid.ErrNotFound when there is no such account.
	AddLink(ctx context.Context, r LinkRecord, entry eid.AuditEntry) error
	// EndLink ends a link at a time; entry makes the audit row of the link found,
	// and an error of it is returned with nothing written. An eid.EventLinkEnded
	// commits with it. eid.ErrNotFound when no such link is alive.
	EndLink(ctx context.Context, linkID string, at time.Time, entry func(eid.Link) (eid.AuditEntry, error)) error
}

// Record is a new account as it is stored: checked, normalised and named.
type Record struct {
	eid.Account
	PasswordHash string     // empty: no password
	TOTPSecret   eid.Secret // zero: no second factor
	CreatedAt    time.Time
}

// LinkRecord is a new link as it is stored. Subject is what the source calls the
// person; it is kept as a keyed index only.
type LinkRecord struct {
	eid.Link
	Subject   string
	Evidence  string
	CreatedAt time.Time
}

// Accounts changes accounts and links.
type Accounts struct {
	store Store
	now   func() time.Time
}

// New makes the writer. It starts nothing.
func New(store Store, now func() time.Time) *Accounts {
	return &Accounts{store: store, now: now}
}

// Create checks and makes an account under a new random id. It returns ErrInvalid
// for a person that breaks a rule and eid.ErrExists when an account in use has
// the identifier.
func (a *Accounts) Create(ctx context.Context, n NewAccount, actor string) (eid.AccountID, error) {
	now := a.time()
	n = n.normal()
	if err := n.check(now); err != nil {
		return "", fmt.Errorf("creating account: %w", err)
	}
	id := eid.AccountID(newID())
	entry, err := entryOf(now, actor, eid.ActionAccountCreated, id, created{
		SubjectType: n.Person.Type, Level: n.Level, Status: n.Status,
	})
	if err != nil {
		return "", fmt.Errorf("creating account: %w", err)
	}
	if err := a.store.CreateAccount(ctx, n.record(id, now), entry); err != nil {
		return "", fmt.Errorf("creating account: %w", err)
	}
	return id, nil
}

// Link ties a source's subject to an account under a new random id, which is
// returned; l.ID is ignored. evidence says how both sides were proved and is
// required. It returns eid.ErrExists while that subject is linked.
func (a *Accounts) Link(ctx context.Context, l eid.Link, subject, evidence, actor string) (eid.Link, error) {
	now := a.time()
	l.ID = newID()
	if err := checkLink(l, subject, evidence, now); err != nil {
		return eid.Link{}, fmt.Errorf("linking account: %w", err)
	}
	entry, err := entryOf(now, actor, eid.ActionLinkCreated, l.Account,
		linkDetail{Link: l.ID, Source: l.Source, Cap: l.Cap})
	if err != nil {
		return eid.Link{}, fmt.Errorf("linking account: %w", err)
	}
	r := LinkRecord{Link: l, Subject: subject, Evidence: evidence, CreatedAt: now}
	if err := a.store.AddLink(ctx, r, entry); err != nil {
		return eid.Link{}, fmt.Errorf("linking account: %w", err)
	}
	return l, nil
}

// EndLink ends a link that is alive, else eid.ErrNotFound.
func (a *Accounts) EndLink(ctx context.Context, linkID, actor string) error {
	now := a.time()
	entry := func(l eid.Link) (eid.AuditEntry, error) {
		return entryOf(now, actor, ActionLinkEnded, l.Account, linkDetail{Link: l.ID, Source: l.Source, Cap: l.Cap})
	}
	if err := a.store.EndLink(ctx, linkID, now, entry); err != nil {
		return fmt.Errorf("ending link: %w", err)
	}
	return nil
}

// The details of audit rows: no personal data, only names that lead to it.
type (
	created struct {
		SubjectType eid.SubjectType `json:"subject_type"`
		Level       eid.Level       `json:"level"`
		Status      eid.Status      `json:"status"`
		Source      string          `json:"source,omitempty"` // that it was made through
	}
	linkDetail struct {
		Link   string    `json:"link"`
		Source string    `json:"source"`
		Cap    eid.Level `json:"cap"`
	}
)

// time is now as stores keep it: UTC in whole microseconds.
func (a *Accounts) time() time.Time { return a.now().UTC().Truncate(time.Microsecond) }

func entryOf(at time.Time, actor, action string, id eid.AccountID, detail any) (eid.AuditEntry, error) {
	if actor == "" {
		return eid.AuditEntry{}, fmt.Errorf("%w: actor is missing", ErrInvalid)
	}
	text, err := json.Marshal(detail)
	if err != nil {
		return eid.AuditEntry{}, fmt.Errorf("writing audit detail: %w", err)
	}
	return eid.AuditEntry{At: at, Actor: actor, Action: action, Account: id, Detail: text}, nil
}

// newID gives 130 random bits in base32.
func newID() string { return rand.Text() }
