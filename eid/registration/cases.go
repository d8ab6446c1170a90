package registration

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/notify"
)

// Errors of decisions, for callers to test with errors.Is.
var (
	// ErrDecided: it has been decided, and a decision stands.
	ErrDecided = errors.New("it has been decided")
	// ErrReason: a decision needs a reason of 1 to 500 characters.
	ErrReason = errors.New("a reason is missing, or too long")
	// ErrUnknownBirthDate: nobody knows the whole date of birth; the counter has to.
	ErrUnknownBirthDate = errors.New("the date of birth is known by its year only")
)

// Doubt is why an officer looks at a registration.
type Doubt string

// The doubts. With each of them the number is the registry's.
const (
	DoubtAccents       Doubt = "accents"       // the name differs in accents alone
	DoubtYearOnly      Doubt = "year_only"     // a date of birth is known by its year
	DoubtContradiction Doubt = "contradiction" // the registry contradicts itself
	DoubtGender        Doubt = "gender"        // the digits of the number say another one, and the registry says none
)

// CaseStatus is where a case stands.
type CaseStatus string

// The states. A case that is approved and has no account yet is finished by approving
// it once more.
const (
	CaseProcessing CaseStatus = "processing"
	CaseApproved   CaseStatus = "approved"
	CaseRejected   CaseStatus = "rejected"
)

// Case is a registration in the app that waits for an officer, or was decided. It holds
// nothing of the person.
type Case struct {
	ID          string
	Ref         string // of the request, as the person was shown it
	SubjectType eid.SubjectType
	Doubt       Doubt
	Status      CaseStatus
	Rules       string // id of the rule set that it is judged by
	DueAt       time.Time
	CreatedAt   time.Time
	DecidedAt   time.Time     // zero: not yet
	DecidedBy   eid.AccountID // the officer
	Reason      string
	Account     eid.AccountID // that was made
}

// Sides are what an officer compares. They are sealed at rest, and nothing of them is
// logged.
type Sides struct {
	Said     Side         `json:"said"`
	Held     Side         `json:"held"` // empty where the registry contradicts itself
	Database eid.Database `json:"database"`
	Phone    string       `json:"phone,omitempty"`
	Email    string       `json:"email,omitempty"`
	Proved   Field        `json:"proved"` // which of the two a code went to and came back from
	Language string       `json:"language"`
}

// CaseRecord is a new case as it is stored: Sides are sealed, the number is kept as a
// keyed index beside.
type CaseRecord struct {
	Case
	Number eid.Identifier
	Sides  []byte
}

// CaseStore keeps cases. Each change is one transaction with its audit entry.
type CaseStore interface {
	// OpenCase inserts a case, unless most of the number are open: then it returns false
	// and nothing is written.
	OpenCase(ctx context.Context, r CaseRecord, most int, entry eid.AuditEntry) (bool, error)
	// OpenCases lists those that are open, or approved and without an account, the
	// nearest due date first, at most so many.
	OpenCases(ctx context.Context, most int) ([]Case, error)
	// Case finds one with its sides, or eid.ErrNotFound, and writes who looked at it
	// unless the entry is empty.
	Case(ctx context.Context, id string, entry eid.AuditEntry) (Case, []byte, error)
	// DecideCase keeps a decision on an open case, and again the same one on a case that
	// is approved and has no account. ErrDecided when there is another, eid.ErrNotFound.
	DecideCase(ctx context.Context, c Case, entry eid.AuditEntry) error
	// FinishCase keeps what became of a case that is approved and has no account: the
	// account, or that there is none. ErrDecided where it is not such a case any more.
	FinishCase(ctx context.Context, c Case, entry eid.AuditEntry) error
}

// Enroller makes an account that its holder has yet to activate. eid.ErrExists where the
// number has an account.
type Enroller interface {
	Enrol(ctx context.Context, e accounts.Enrolment) (accounts.Enrolled, error)
}

// Poster puts messages into the outbox.
type Poster interface {
	Post(ctx context.Context, posts ...notify.Post) error
}

// Cases is the queue of registrations that an officer decides on, one by one.
type Cases struct {
	store    CaseStore
	enroller Enroller
	poster   Poster
	reach    notify.Channels
	now      func() time.Time
}

// NewCases makes the queue. reach are the channels on which people are told. It starts
// nothing.
func NewCases(store CaseStore, enroller Enroller, poster Poster, reach notify.Channels, now func() time.Time) *Cases {
	return &Cases{store, enroller, poster, reach, now}
}

// mostOpen is how many cases of one number wait at a time: strangers file some in the
// name of others.
const mostOpen = 3

// file puts a registration into the queue. It is no fault where enough of the number
// wait.
func (q *Cases) file(ctx context.Context, c Case, number eid.Identifier, sides Sides) error {
	text, err := json.Marshal(sides)
	if err != nil {
		return fmt.Errorf("filing registration: %w", err)
	}
	c.ID, c.Status, c.CreatedAt = rand.Text(), CaseProcessing, stamp(q.now())
	entry, err := q.entry(c, eid.ActionCaseOpened, "system")
	if err != nil {
		return fmt.Errorf("filing registration: %w", err)
	}
	entry.Ref = c.Ref
	if _, err := q.store.OpenCase(ctx, CaseRecord{c, number, text}, mostOpen, entry); err != nil {
		return fmt.Errorf("filing registration: %w", err)
	}
	return nil
}

// Open lists the cases that wait, the nearest due date first, at most so many.
func (q *Cases) Open(ctx context.Context, most int) ([]Case, error) {
	list, err := q.store.OpenCases(ctx, most)
	if err != nil {
		return nil, fmt.Errorf("listing registrations: %w", err)
	}
	return list, nil
}

// Show gives both sides of a case to an officer; that it did is on record. eid.ErrNotFound
// where there is no such case.
func (q *Cases) Show(ctx context.Context, id string, officer eid.AccountID, ref string) (Case, Sides, error) {
	c, _, err := q.store.Case(ctx, id, eid.AuditEntry{})
	if err != nil {
		return Case{}, Sides{}, fmt.Errorf("finding registration: %w", err)
	}
	entry, err := q.entry(c, eid.ActionCaseShown, actorOf(officer))
	if err != nil {
		return Case{}, Sides{}, fmt.Errorf("finding registration: %w", err)
	}
	entry.Ref = ref
	c, text, err := q.store.Case(ctx, id, entry)
	if err != nil {
		return Case{}, Sides{}, fmt.Errorf("finding registration: %w", err)
	}
	sides, err := readSides(text)
	return c, sides, err
}

// Approve makes the account, which its holder has yet to activate, and tells them. The
// data are the registry's where it holds them. ErrUnknownBirthDate where neither side
// knows the whole date; eid.ErrExists where the number has an account by now, which
// rejects the case.
func (q *Cases) Approve(ctx context.Context, id string, officer eid.AccountID, reason, ref string) (eid.AccountID, error) {
	c, sides, err := q.decidable(ctx, id, reason)
	if err != nil {
		return "", fmt.Errorf("approving registration: %w", err)
	}
	person := sides.person(c.SubjectType)
	if len(person.BirthDate) != len(time.DateOnly) {
		return "", fmt.Errorf("approving registration: %w", ErrUnknownBirthDate)
	}
	if err := q.decide(ctx, c, CaseApproved, officer, reason, ref); err != nil {
		return "", fmt.Errorf("approving registration: %w", err)
	}
	enrolled, err := q.enroller.Enrol(ctx, accounts.Enrolment{
		Person: person, Level: eid.Level1, Rules: c.Rules, Actor: actorOf(officer), Ref: ref,
		Phone: eid.Contact{Value: sides.Phone}, Email: eid.Contact{Value: sides.Email},
		Evidence: []eid.Evidence{{
			Kind: eid.EvidenceRegistry, Database: sides.Database, Reference: "registration " + c.ID, Officer: officer, At: stamp(q.now()),
		}},
	})
	switch {
	case errors.Is(err, eid.ErrExists):
		c.Status = CaseRejected
	case err != nil:
		return "", fmt.Errorf("approving registration: %w", err)
	default:
		c.Status, c.Account = CaseApproved, enrolled.Account
		if err := q.poster.Post(ctx, sides.posts(notify.RegistrationAccepted, c.Ref, q.reach)...); err != nil {
			return "", fmt.Errorf("approving registration: %w", err)
		}
	}
	entry, wrong := q.entry(c, eid.ActionCaseDecided, actorOf(officer))
	if wrong != nil {
		return "", wrong
	}
	entry.Ref = ref
	if err := q.store.FinishCase(ctx, c, entry); err != nil {
		return "", fmt.Errorf("approving registration: %w", err)
	}
	if c.Account == "" {
		return "", fmt.Errorf("approving registration: %w", err)
	}
	return c.Account, nil
}

// Reject ends a case without an account, and tells the person that there is none, and
// no more.
func (q *Cases) Reject(ctx context.Context, id string, officer eid.AccountID, reason, ref string) error {
	c, sides, err := q.decidable(ctx, id, reason)
	if err != nil {
		return fmt.Errorf("rejecting registration: %w", err)
	}
	if err := q.decide(ctx, c, CaseRejected, officer, reason, ref); err != nil {
		return fmt.Errorf("rejecting registration: %w", err)
	}
	if err := q.poster.Post(ctx, sides.posts(notify.RegistrationRefused, c.Ref, q.reach)...); err != nil {
		return fmt.Errorf("rejecting registration: %w", err)
	}
	return nil
}

func (q *Cases) decidable(ctx context.Context, id, reason string) (Case, Sides, error) {
	if strings.TrimSpace(reason) == "" || utf8.RuneCountInString(reason) > 500 || !utf8.ValidString(reason) {
		return Case{}, Sides{}, ErrReason
	}
	c, text, err := q.store.Case(ctx, id, eid.AuditEntry{})
	if err != nil {
		return Case{}, Sides{}, err
	}
	if c.Status == CaseRejected || c.Account != "" {
		return Case{}, Sides{}, ErrDecided
	}
	sides, err := readSides(text)
	return c, sides, err
}

func (q *Cases) decide(ctx context.Context, c Case, status CaseStatus, officer eid.AccountID, reason, ref string) error {
	c.Status, c.DecidedAt, c.DecidedBy, c.Reason = status, stamp(q.now()), officer, reason
	entry, err := q.entry(c, eid.ActionCaseDecided, actorOf(officer))
	if err != nil {
		return err
	}
	entry.Ref = ref
	return q.store.DecideCase(ctx, c, entry)
}

// caseDetail is the detail of audit rows of a case.
type caseDetail struct {
	Case   string     `json:"registration"`
	Doubt  Doubt      `json:"doubt"`
	Status CaseStatus `json:"status"`
}

func (q *Cases) entry(c Case, action, actor string) (eid.AuditEntry, error) {
	text, err := json.Marshal(caseDetail{c.ID, c.Doubt, c.Status})
	if err != nil {
		return eid.AuditEntry{}, fmt.Errorf("writing audit detail: %w", err)
	}
	return eid.AuditEntry{At: stamp(q.now()), Actor: actor, Action: action, Account: c.Account, Detail: text}, nil
}

// actorOf is an officer in the audit.
func actorOf(officer eid.AccountID) string { return "officer:" + string(officer) }

// stamp is a time as stores keep it.
func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

func readSides(text []byte) (Sides, error) {
	var s Sides
	if err := json.Unmarshal(text, &s); err != nil {
		return Sides{}, errors.New("the sides of a registration cannot be read")
	}
	return s, nil
}
