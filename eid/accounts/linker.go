package accounts

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"eidgate/eid"
)

// PendingFor is how long a proved side waits for the other and for the holder's word.
const PendingFor = 5 * time.Minute

// LinkerStore writes the links that holders make and undo. Each method is one
// transaction, which holds what it read until it has written.
type LinkerStore interface {
	// Settle reads where both sides stand, asks decide and writes what it gives. An
	// error of decide is returned and nothing is written. eid.ErrNotFound when there
	// is no such account.
	Settle(ctx context.Context, q LinkQuestion, decide func(LinkStanding) (Settlement, error)) error
	// OpenConflicts inserts conflicts, each with its audit entry; of one canonical text
	// the one that is there stays. It returns what is stored, in the order given, and
	// ErrTooMany, with nothing written, where an account would have more than it may.
	OpenConflicts(ctx context.Context, account eid.AccountID, list []ConflictRecord, may ConflictLimits) ([]eid.Conflict, error)
	// HeldLinks lists the living links of an account, oldest first.
	HeldLinks(ctx context.Context, account eid.AccountID) ([]HeldLink, error)
	// EndLink is that of Store.
	EndLink(ctx context.Context, linkID string, at time.Time, entry func(eid.Link) (eid.AuditEntry, error)) error
}

// LinkQuestion names both sides.
type LinkQuestion struct {
	Source  string // the legacy source
	Subject string // what it calls the person
	Account eid.AccountID
	// NationalLink is the link that the national proof came by; empty at the account
	// system.
	NationalLink string
}

// LinkStanding is where both sides stand.
type LinkStanding struct {
	Account  eid.Account
	National eid.Link      // LinkQuestion.NationalLink, if it is alive
	Link     eid.Link      // the living link of the subject
	Shadow   eid.AccountID // the eid.PortalAccount of the subject that is in use
	// ShadowLocked: it is locked. What was locked is not verified past its lock.
	ShadowLocked bool
	Former       eid.AccountID // the last other person whom the subject was linked to
	// Others are the account's living links to other subjects of the source.
	Others   []eid.Link
	Imported eid.ImportedState // of the subject; none where it was not imported
	// ContestRef is that of the contradiction that waits, for eid.ImportedContested.
	ContestRef string
	// Ruling finds the conflict of a canonical text; its zero value is none.
	Ruling func(canonical string) eid.Conflict
}

// Settlement is what to write. The zero value writes nothing. With the link the
// subject's old subjects become the account's, and its imported row is verified for it.
type Settlement struct {
	Link LinkRecord // with an ID: to be made
	// Replaces is the living link of the Shadow, which ends.
	Replaces string
	// Shadow closes, and an eid.EventLinkEnded of it commits.
	Shadow  eid.AccountID
	Entries []eid.AuditEntry
}

// Linker writes the links that holders make by proving both sides in one sign-in.
// That it was one sign-in, in one browser, and that the holder saw both sides is for
// its caller to know; everything else is decided here.
type Linker struct {
	store LinkerStore
	now   func() time.Time
}

// NewLinker makes a linker. It starts nothing.
func NewLinker(store LinkerStore, now func() time.Time) *Linker {
	return &Linker{store: store, now: now}
}

// Claim is a holder's word that two sides are one person, who proved both in one
// sign-in.
type Claim struct {
	Source  eid.Source // the legacy one, as it is registered now
	Legacy  Proved
	Account eid.AccountID
	// National is the proof of the account. NationalLink is the link that it came by;
	// empty at the account system.
	National     Proved
	NationalLink string
	Client       string // that the sign-in is for
	Ref          string // of the request
	// SignIn is the audit entry of the sign-in through the legacy source. It commits
	// with the link.
	SignIn eid.AuditEntry
}

// Proved is one side as it was proved.
type Proved struct {
	Source  string
	Subject string    // what a legacy source calls the person
	Level   eid.Level // what the proof carries now
	Methods []string
	At      time.Time // when the person authenticated
	Given   time.Time // when it was believed here
	Said    Said      // of the person, by a legacy source
}

// LinkOutcome is how a claim ended. The zero value links nothing.
type LinkOutcome int

// The outcomes. But for Linked nothing was linked.
const (
	Unproved   LinkOutcome = iota // a side does not count any more, or carries no level
	TooLate                       // a side was proved too long ago
	Unusable                      // the account cannot sign in now
	Conflicted                    // an officer has to look at it
	Rejected                      // an officer refused this very link
	Throttled                     // too many conflicts of the account
	Linked
)

// Settled is how a claim ended.
type Settled struct {
	Outcome LinkOutcome
	Link    eid.Link         // for Linked
	Kind    eid.ConflictKind // for Conflicted and Rejected
	// Ref is that of the sign-in which met the conflict first: officers know it by that.
	Ref string
	// Shadowed: the sessions of an account that stood for the old one ended.
	Shadowed bool
}

// Link writes the link of a claim, or opens the conflicts that stand in its way. Of
// several claims of the same at once one makes the link, and the others find it.
func (l *Linker) Link(ctx context.Context, c Claim) (Settled, error) {
	now := l.now().UTC().Truncate(time.Microsecond)
	if c.Source.Linking == nil || c.Source.National {
		return Settled{}, fmt.Errorf("linking at %s: %w: its holders do not link it", c.Source.ID, ErrInvalid)
	}
	var got Settled
	var met []ConflictRecord
	q := LinkQuestion{Source: c.Source.ID, Subject: c.Legacy.Subject, Account: c.Account, NationalLink: c.NationalLink}
	err := l.store.Settle(ctx, q, func(s LinkStanding) (Settlement, error) {
		if got, met = c.judge(s, now); got.Outcome != Linked {
			return Settlement{}, nil
		}
		return c.settle(&got, s, now)
	})
	if err != nil {
		return Settled{}, fmt.Errorf("linking at %s: %w", c.Source.ID, err)
	}
	if got.Outcome != Conflicted || len(met) == 0 {
		return got, nil
	}
	return l.open(ctx, c, got, met, now)
}

// HeldLink is a living link, as its holder sees it.
type HeldLink struct {
	eid.Link
	Since time.Time
}

// Held lists the living links of an account, oldest first.
func (l *Linker) Held(ctx context.Context, account eid.AccountID) ([]HeldLink, error) {
	list, err := l.store.HeldLinks(ctx, account)
	if err != nil {
		return nil, fmt.Errorf("finding links of account: %w", err)
	}
	return list, nil
}

// Undo ends a link of an account: what was given through it, and what came with it,
// goes. eid.ErrNotFound when the account has no such link alive.
func (l *Linker) Undo(ctx context.Context, account eid.AccountID, linkID, ref string) error {
	now := l.now().UTC().Truncate(time.Microsecond)
	err := l.store.EndLink(ctx, linkID, now, func(link eid.Link) (eid.AuditEntry, error) {
		if account == "" || link.Account != account {
			return eid.AuditEntry{}, eid.ErrNotFound
		}
		e, err := entryOf(now, "holder", ActionLinkEnded, account, linkDetail{Link: link.ID, Source: link.Source, Cap: link.Cap})
		e.Ref = ref
		return e, err
	})
	if err != nil {
		return fmt.Errorf("undoing link: %w", err)
	}
	return nil
}

// settle is what a claim that may be linked writes; got gets the link.
func (c *Claim) settle(got *Settled, s LinkStanding, now time.Time) (Settlement, error) {
	var w Settlement
	if c.SignIn.Action != "" {
		w.Entries = append(w.Entries, c.SignIn)
	}
	if got.Link.ID != "" {
		return w, nil // another try of the same was faster
	}
	got.Link = eid.Link{ID: newID(), Account: c.Account, Source: c.Source.ID, Cap: c.level(s)}
	if lasts := c.Source.Linking.Lasts; lasts > 0 {
		got.Link.Expires = now.Add(lasts)
	}
	evidence, err := c.evidence()
	if err == nil {
		err = checkLink(got.Link, c.Legacy.Subject, evidence, now)
	}
	if err != nil {
		return Settlement{}, err
	}
	w.Link = LinkRecord{Link: got.Link, Subject: c.Legacy.Subject, Evidence: evidence, CreatedAt: now}
	add := func(action string, detail any) {
		if err != nil {
			return
		}
		var e eid.AuditEntry
		e, err = entryOf(now, "holder", action, c.Account, detail)
		e.Client, e.Ref = c.Client, c.Ref
		w.Entries = append(w.Entries, e)
	}
	add(eid.ActionLinkCreated, linkedDetail{linkDetail{got.Link.ID, got.Link.Source, got.Link.Cap}, json.RawMessage(evidence)})
	if s.Imported != "" {
		add(eid.ActionAccountVerified, verifiedDetail{Source: c.Source.ID, Link: got.Link.ID})
	}
	if got.Shadowed = s.Shadow != ""; got.Shadowed {
		if w.Shadow = s.Shadow; s.Link.Account == s.Shadow {
			w.Replaces = s.Link.ID
		}
	}
	return w, err
}

// level is the cap of the link: what the registration gives and the national proof
// carries.
func (c *Claim) level(s LinkStanding) eid.Level {
	level := min(c.Source.Linking.Cap, c.National.Level, s.Account.Level)
	if c.NationalLink != "" {
		level = min(level, s.National.Cap)
	}
	return level
}

// evidence says how both sides were proved. It names no person.
func (c *Claim) evidence() (string, error) {
	side := func(p Proved) proofEvidence {
		return proofEvidence{p.Source, p.Level, p.Methods[:min(len(p.Methods), maxMethods)], p.At.UTC().Truncate(time.Second)}
	}
	text, err := json.Marshal(linkEvidence{side(c.National), side(c.Legacy), c.Client, c.Ref})
	if err != nil {
		return "", fmt.Errorf("writing evidence: %w", err)
	}
	return string(text), nil
}

// maxMethods is how many methods of a proof are evidence.
const maxMethods = 8

type (
	linkEvidence struct {
		National proofEvidence `json:"national"`
		Legacy   proofEvidence `json:"legacy"`
		Client   string        `json:"client"`
		Ref      string        `json:"ref"`
	}
	proofEvidence struct {
		Source  string    `json:"source"`
		Level   eid.Level `json:"level"`
		Methods []string  `json:"methods"`
		At      time.Time `json:"at"`
	}
	linkedDetail struct {
		linkDetail
		Evidence json.RawMessage `json:"evidence"`
	}
	verifiedDetail struct {
		Source string `json:"source"`
		Link   string `json:"link"`
	}
)
