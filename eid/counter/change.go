package counter

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/civil"
	"eidgate/eid/notify"
)

// Store keeps applications. Each method that writes is one transaction with its audit
// row.
type Store interface {
	// OpenApplication inserts one. eid.ErrExists while the number has another open one
	// that is not past its term, which is withdrawn then, on record; ErrTooMany where its
	// officer opened too many of late.
	OpenApplication(ctx context.Context, r Record, entry eid.AuditEntry) error
	// Application returns one, or eid.ErrNotFound.
	Application(ctx context.Context, id string) (Record, error)
	// ChangeApplication writes one whose revision was one less, else ErrStale, and posts
	// messages, all or nothing.
	ChangeApplication(ctx context.Context, r Record, entry eid.AuditEntry, posts ...notify.Post) error
	// ApproveApplication does so, enrols and posts messages, all or nothing. The account
	// of the record is that of the enrolment.
	ApproveApplication(ctx context.Context, r Record, entry eid.AuditEntry, enrol Enrolling) (accounts.Enrolled, error)
	// Applications lists those of an office, the ones that are due first.
	Applications(ctx context.Context, f Filter) ([]Summary, error)
}

// Enrolling is what an approval makes.
type Enrolling struct {
	Who    eid.Identifier
	Decide func(held eid.Account) (accounts.EnrolmentRecord, error)
	Posts  func(accounts.Enrolled) []notify.Post
}

// Record is an application as it is stored: Contents, which the store seals, holds the
// person and the papers, which Application has no more then.
type Record struct {
	Application
	Who      eid.Identifier // of the person; for the number's index
	Contents []byte
}

// Summary is an application in a list. It holds nothing of the person.
type Summary struct {
	ID        string
	Ref       string
	Status    Status
	Type      eid.SubjectType
	Level     eid.Level
	OpenedBy  eid.AccountID
	DueAt     time.Time
	CreatedAt time.Time
	UpdatedAt time.Time
	Revision  int
}

// Filter chooses applications of an office.
type Filter struct {
	Office string
	Status Status // empty: all that are open
	Ref    string // empty: any
	Most   int
}

// load reads an application as it stands.
func (c *Counter) load(ctx context.Context, id string) (Application, error) {
	r, err := c.deps.Store.Application(ctx, id)
	if err != nil {
		return Application{}, err
	}
	return r.open()
}

// change does an act: it reads the application, has it edited and writes it, if nobody
// changed it since revision. Who may do what is decided by move.
func (c *Counter) change(ctx context.Context, by By, id string, revision int, act Act,
	edit func(a *Application, rules *eid.RuleSet, now time.Time) error,
) (Application, error) {
	a, entry, err := c.moved(ctx, by, id, revision, act, edit)
	if err == nil {
		err = c.store(ctx, a, entry, func(ctx context.Context, r Record, entry eid.AuditEntry) error {
			return c.deps.Store.ChangeApplication(ctx, r, entry, c.word(&a)...)
		})
	}
	if err != nil {
		return Application{}, fmt.Errorf("%s of an application: %w", act, err)
	}
	return a, nil
}

// moved is an application after an act, not yet written.
func (c *Counter) moved(ctx context.Context, by By, id string, revision int, act Act,
	edit func(a *Application, rules *eid.RuleSet, now time.Time) error,
) (Application, eid.AuditEntry, error) {
	a, err := c.load(ctx, id)
	switch {
	case err != nil:
		return a, eid.AuditEntry{}, err
	case a.Office != by.Officer.Office:
		return a, eid.AuditEntry{}, eid.ErrNotFound
	case a.Revision != revision:
		return a, eid.AuditEntry{}, ErrStale
	}
	rules, err := c.rules(a.CreatedAt) // those of the day on which it was opened
	if err != nil {
		return a, eid.AuditEntry{}, err
	}
	now := c.time()
	own, err := c.own(ctx, &a, by.Officer)
	if err != nil {
		return a, eid.AuditEntry{}, err
	}
	// Who may not do it causes no look-up.
	_, err = move(a, act, by.Officer, own, &rules, now)
	var obstacles *ObstacleError
	if err != nil && !(errors.As(err, &obstacles) && edit != nil) {
		return a, eid.AuditEntry{}, err
	}
	if a.Revision >= maxRevision {
		return a, eid.AuditEntry{}, ErrTooMany
	}
	if edit != nil {
		if err := edit(&a, &rules, now); err != nil {
			return a, eid.AuditEntry{}, err
		}
	}
	reason := a.Decision.Reason
	a, err = move(a, act, by.Officer, false, &rules, now)
	if err != nil {
		return a, eid.AuditEntry{}, err
	}
	a.Decision.Reason = reason
	entry, err := a.entry(by, action(act), now, act)
	return a, entry, err
}

// store writes an application with its audit row.
func (c *Counter) store(ctx context.Context, a Application, entry eid.AuditEntry, write func(context.Context, Record, eid.AuditEntry) error) error {
	r, err := a.record()
	if err != nil {
		return err
	}
	return write(ctx, r, entry)
}

// own reports whether an application is about an officer, or about somebody whom it
// names as a dependent and who is the officer.
func (c *Counter) own(ctx context.Context, a *Application, by eid.Officer) (bool, error) {
	people := []eid.Identifier{a.Intake.Person.Identifier}
	for _, d := range a.Papers.Dependents {
		people = append(people, d.Identifier)
	}
	for _, who := range people {
		if who.IsZero() {
			continue
		}
		account, err := c.deps.Accounts.AccountByIdentifier(ctx, who)
		if err != nil && !errors.Is(err, eid.ErrNotFound) {
			return false, fmt.Errorf("finding whom it is about: %w", err)
		}
		if err == nil && account.ID == by.Account {
			return true, nil
		}
	}
	return false, nil
}

func (c *Counter) mayNot(ctx context.Context, a *Application, by eid.Officer) error {
	own, err := c.own(ctx, a, by)
	if err == nil && own {
		err = ErrOwn
	}
	return err
}

// find asks the registries about the person, and looks for their account.
func (c *Counter) find(ctx context.Context, a *Application, now time.Time) (Findings, error) {
	f := Findings{At: now}
	var err error
	if f.Person, err = c.deps.Registries.Compare(ctx, a.Intake.Person); err != nil {
		return f, err
	}
	if a.Intake.Person.Type == eid.Citizen {
		if f.Card, f.CardEnd, err = c.card(ctx, a.Intake.Person.Identifier, now); err != nil {
			return f, err
		}
	}
	_, _, f.Reached = c.firstContact(a)
	return f, c.look(ctx, a, &f, now)
}

// look finds the account of the number, and how it stands for an application.
func (c *Counter) look(ctx context.Context, a *Application, f *Findings, now time.Time) error {
	rules, err := c.rules(a.CreatedAt)
	if err != nil {
		return err
	}
	today, err := c.rules(now)
	if err != nil {
		return err
	}
	account, err := c.deps.Accounts.AccountByIdentifier(ctx, a.Intake.Person.Identifier)
	if err != nil && !errors.Is(err, eid.ErrNotFound) {
		return fmt.Errorf("finding the account of the number: %w", err)
	}
	f.Account = account.ID
	f.Stands, f.OwnLock = standing(&account, a.Level, needsMatch(a.Level, rules.Level(a.Level)), &today)
	return nil
}

func (c *Counter) card(ctx context.Context, who eid.Identifier, now time.Time) (civil.CardStatus, string, error) {
	number, err := eid.ParsePersonalNumber(who.Reveal())
	if err != nil {
		return civil.CardNone, "", nil // a citizen has a number: see check
	}
	if c.deps.Cards == nil {
		return civil.CardNone, "", fmt.Errorf("asking for the card: %w", civil.ErrDown)
	}
	card, err := c.deps.Cards.Card(ctx, number)
	if err != nil {
		return civil.CardNone, "", fmt.Errorf("asking for the card: %w", err)
	}
	end := ""
	if card.ExpiresOn.Year != 0 {
		end = card.ExpiresOn.String()
	}
	return card.On(now), end, nil
}

// standing is what the account of a number means for an application at a level, and when
// its holder locked it last where an approval undoes that: at a counter a match proves
// who it is (row 30). Beside any other lock the holder's own stand as well.
func standing(held *eid.Account, level eid.Level, matched bool, today *eid.RuleSet) (Standing, time.Time) {
	var own time.Time
	for _, l := range held.Locks {
		if !matched || !today.HolderUndoes(l) {
			return StandsLocked, time.Time{}
		}
		if l.SetAt.After(own) {
			own = l.SetAt
		}
	}
	switch {
	case held.ID == "":
		return StandsFree, time.Time{}
	case held.Status == eid.Closed:
		return StandsClosed, time.Time{}
	case held.ManagedBy != "":
		return StandsManaged, time.Time{}
	case held.Level > level:
		return StandsHigher, time.Time{}
	}
	return StandsFree, own
}

// action is how an act is called on record.
func action(act Act) string {
	switch act {
	case ActConfirm:
		return eid.ActionApplicationConfirmed
	case ActApprove, ActReject, ActWithdraw:
		return eid.ActionApplicationDecided
	case ActMatch:
		return eid.ActionApplicationMatched
	case ActAmend, ActReadBack, ActReturn:
	}
	return eid.ActionApplicationChanged
}

// detail is that of an audit row.
type detail struct {
	Application string    `json:"application"` // reference
	Act         Act       `json:"act,omitempty"`
	Status      Status    `json:"status"`
	Level       eid.Level `json:"level"`
	Office      string    `json:"office"`
	Rules       string    `json:"rules"`
	Match       *matched  `json:"match,omitempty"`
	AsOnCard    bool      `json:"as_on_card,omitempty"`
}

type matched struct {
	Method      eid.BiometricMethod `json:"method"`
	Database    eid.Database        `json:"database"`
	OK          bool                `json:"ok"`
	Development bool                `json:"development,omitempty"`
}

func (a *Application) entry(by By, action string, at time.Time, act Act) (eid.AuditEntry, error) {
	d := detail{Application: a.Ref, Act: act, Status: a.Status, Level: a.Level, Office: a.Office, Rules: a.Rules, AsOnCard: a.Intake.AsOnCard}
	if n := len(a.Matches); act == ActMatch && n > 0 {
		m := a.Matches[n-1]
		d.Match = &matched{m.Method, m.Database, m.OK, m.Development}
	}
	text, err := json.Marshal(d)
	if err != nil {
		return eid.AuditEntry{}, fmt.Errorf("writing audit detail: %w", err)
	}
	return eid.AuditEntry{At: at, Actor: by.actor(), Action: action, Account: a.Findings.Account, Ref: by.Ref, Detail: text}, nil
}

// newID gives 130 random bits in base32.
func newID() string { return rand.Text() }

// newRef is what the person is given to ask with: 40 random bits.
func newRef() string {
	text := rand.Text()
	return text[:4] + "-" + text[4:8]
}
