package counter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/civil"
	"eidgate/eid/notify"
)

// Rules gives the rule set in force at a time.
type Rules interface {
	At(t time.Time) (eid.RuleSet, error)
}

// Comparer compares what is declared with the registry of the subject type.
type Comparer interface {
	Compare(ctx context.Context, said eid.Person) (civil.Finding, error)
}

// Cards knows the card of a number. It returns civil.ErrDown where it cannot say; of a
// number without a card it says civil.CardNone.
type Cards interface {
	Card(ctx context.Context, number eid.PersonalNumber) (civil.Card, error)
}

// Matcher compares a capture with what a database holds of a person, wherever both are.
// It returns civil.ErrDown where it cannot say.
type Matcher interface {
	Match(ctx context.Context, c civil.Capture) (civil.Matched, error)
}

// Accounts finds who uses an identifier, else eid.ErrNotFound.
type Accounts interface {
	AccountByIdentifier(ctx context.Context, i eid.Identifier) (eid.Account, error)
}

// Hasher makes the hash of a password.
type Hasher interface {
	Hash(ctx context.Context, password eid.Secret) (string, error)
}

// Recorder puts an act on record that changes nothing.
type Recorder interface {
	Record(ctx context.Context, entries ...eid.AuditEntry) error
}

// Deps are what a counter works with. All but Cards and Matcher are required: without
// them no card is valid and nothing matches.
type Deps struct {
	Store      Store
	Rules      Rules
	Registries Comparer
	Cards      Cards
	Matcher    Matcher
	Accounts   Accounts
	Enroller   *accounts.Enroller
	Passwords  Hasher
	Record     Recorder
	Channels   notify.Channels // on which messages are sent
	Now        func() time.Time
}

// Counter takes in applications and decides them.
type Counter struct{ deps Deps }

// New makes a counter. It starts nothing.
func New(d Deps) (*Counter, error) {
	if d.Store == nil || d.Rules == nil || d.Registries == nil || d.Accounts == nil || d.Enroller == nil || d.Passwords == nil || d.Record == nil || d.Now == nil {
		return nil, errors.New("a counter lacks a part")
	}
	return &Counter{d}, nil
}

// By is the officer who acts, as their row stands now, and the reference of the request.
type By struct {
	Officer eid.Officer
	Ref     string
}

// actor names an officer in audit rows.
func (b By) actor() string { return "officer:" + string(b.Officer.Account) }

// Open takes in an application and asks the registries about the person. What they say
// is in its Findings and Obstacles: an application that cannot go on is on record too. It
// returns an *IntakeError for what cannot be, eid.ErrExists while the number has another
// open one, ErrOwn, ErrTask, ErrTooMany, and civil.ErrDown with nothing on record.
func (c *Counter) Open(ctx context.Context, by By, level eid.Level, in Intake, papers Papers) (Application, error) {
	now := c.time()
	rules, err := c.rules(now)
	if err != nil {
		return Application{}, err
	}
	if by.Officer.Account == "" || by.Officer.Office == "" || !slices.Contains(by.Officer.Tasks, eid.TaskIntake) {
		return Application{}, ErrTask
	}
	in = in.normal()
	if err := errors.Join(in.check(level, &rules, now), papers.check(&rules, now)); err != nil {
		return Application{}, fmt.Errorf("opening application: %w", err)
	}
	rule := rules.Level(level)
	a := Application{
		ID: newID(), Ref: newRef(), Status: StatusSubmitted, Level: level, Office: by.Officer.Office, OpenedBy: by.Officer.Account,
		Officers: []eid.AccountID{by.Officer.Account}, Intake: in, Papers: papers.by(by.Officer.Account, now),
		Rules: rules.ID, DueAt: rules.Due(now, rule.WorkingDays), CreatedAt: now, UpdatedAt: now, Revision: 1, Asked: 1,
	}
	if err := c.mayNot(ctx, &a, by.Officer); err != nil {
		return Application{}, err
	}
	if a.Findings, err = c.find(ctx, &a, now); err != nil {
		return Application{}, fmt.Errorf("opening application: %w", err)
	}
	entry, err := a.entry(by, eid.ActionApplicationOpened, now, "")
	if err == nil {
		err = c.store(ctx, a, entry, c.deps.Store.OpenApplication)
	}
	if err != nil {
		return Application{}, fmt.Errorf("opening application: %w", err)
	}
	return a, nil
}

// Amend puts another intake in the place of the one of before, and asks the registries
// again: so often, and no more. A match of another person's data does not count any more.
func (c *Counter) Amend(ctx context.Context, by By, id string, revision int, in Intake) (Application, error) {
	return c.change(ctx, by, id, revision, ActAmend, func(a *Application, rules *eid.RuleSet, now time.Time) error {
		in = in.normal()
		if err := in.check(a.Level, rules, now); err != nil {
			return err
		}
		if a.Asked >= maxAsked {
			return ErrTooMany
		}
		a.Asked++
		if in.Person != a.Intake.Person {
			a.Matches = nil
		}
		a.Intake = in
		if err := c.mayNot(ctx, a, by.Officer); err != nil {
			return err
		}
		var err error
		a.Findings, err = c.find(ctx, a, now)
		return err
	})
}

// AddDependent notes somebody whom the person declares as theirs to care for.
func (c *Counter) AddDependent(ctx context.Context, by By, id string, revision int, d Dependent) (Application, error) {
	return c.changePapers(ctx, by, id, revision, func(p *Papers) { p.Dependents = append(slices.Clone(p.Dependents), d) })
}

// RemoveDependent takes the dependent at an index out again.
func (c *Counter) RemoveDependent(ctx context.Context, by By, id string, revision, index int) (Application, error) {
	return c.changePapers(ctx, by, id, revision, func(p *Papers) {
		if index >= 0 && index < len(p.Dependents) {
			p.Dependents = slices.Delete(slices.Clone(p.Dependents), index, index+1)
		}
	})
}

// AddDocument notes a document whose original the officer compared, in the place of one
// of its kind.
func (c *Counter) AddDocument(ctx context.Context, by By, id string, revision int, d eid.Document) (Application, error) {
	return c.changePapers(ctx, by, id, revision, func(p *Papers) {
		p.Documents = append(without(p.Documents, d.Kind), d)
	})
}

// RemoveDocument takes the document of a kind out again.
func (c *Counter) RemoveDocument(ctx context.Context, by By, id string, revision int, kind eid.DocumentKind) (Application, error) {
	return c.changePapers(ctx, by, id, revision, func(p *Papers) { p.Documents = without(p.Documents, kind) })
}

func without(list []eid.Document, kind eid.DocumentKind) []eid.Document {
	return slices.DeleteFunc(slices.Clone(list), func(d eid.Document) bool { return d.Kind == kind })
}

func (c *Counter) changePapers(ctx context.Context, by By, id string, revision int, edit func(p *Papers)) (Application, error) {
	return c.change(ctx, by, id, revision, ActAmend, func(a *Application, rules *eid.RuleSet, now time.Time) error {
		edit(&a.Papers)
		a.Papers = a.Papers.by(by.Officer.Account, now)
		if err := a.Papers.check(rules, now); err != nil {
			return err
		}
		return c.mayNot(ctx, a, by.Officer)
	})
}

// Match has a capture compared with what a database holds of the person, and puts the
// answer on record whatever it is. The application's last Match is it.
func (c *Counter) Match(ctx context.Context, by By, id string, revision int, method eid.BiometricMethod, database eid.Database, capture string) (Application, error) {
	return c.change(ctx, by, id, revision, ActMatch, func(a *Application, rules *eid.RuleSet, _ time.Time) error {
		rule := rules.Level(a.Level)
		switch {
		case len(a.Matches) >= maxMatches:
			return ErrTooMany
		case !slices.Contains(rule.Biometric, method) || !slices.Contains(rule.Compared[a.Intake.Person.Type], database):
			return &IntakeError{[]Fault{{FieldMatch, WhyUnknown}}}
		case capture == "" || len(capture) > maxCapture || controls(capture):
			return &IntakeError{[]Fault{{FieldCapture, WhyMalformed}}}
		case c.deps.Matcher == nil:
			return fmt.Errorf("matching: %w", civil.ErrDown)
		}
		got, err := c.deps.Matcher.Match(ctx, civil.Capture{Person: a.Intake.Person.Identifier, Method: method, Database: database, Reference: capture})
		if err != nil {
			return fmt.Errorf("matching: %w", err)
		}
		a.Matches = append(slices.Clone(a.Matches), Match{
			OK: got.OK, Development: got.Development,
			Evidence: eid.Evidence{Kind: eid.EvidenceBiometric, Method: method, Database: database, Reference: got.Reference, Officer: by.Officer.Account, At: got.At},
		})
		return nil
	})
}

// ReadBack gives what the person is to check, and puts on record that it was shown: how
// their account stands now, too. What is confirmed is this revision, and no other.
func (c *Counter) ReadBack(ctx context.Context, by By, id string, revision int) (Application, error) {
	return c.change(ctx, by, id, revision, ActReadBack, func(a *Application, _ *eid.RuleSet, now time.Time) error {
		return c.look(ctx, a, &a.Findings, now)
	})
}

// Confirm puts on record that the person checked what was read back and says that it is
// right (row 18). It returns an *ObstacleError while something is in the way.
func (c *Counter) Confirm(ctx context.Context, by By, id string, revision int) (Application, error) {
	return c.change(ctx, by, id, revision, ActConfirm, nil)
}

// Withdraw ends an application that the person does not want any more.
func (c *Counter) Withdraw(ctx context.Context, by By, id string, revision int) (Application, error) {
	return c.change(ctx, by, id, revision, ActWithdraw, nil)
}

// Return gives a confirmed application back to its counter, with a reason. The person
// has to confirm it again.
func (c *Counter) Return(ctx context.Context, by By, id string, revision int, reason string) (Application, error) {
	return c.change(ctx, by, id, revision, ActReturn, func(a *Application, _ *eid.RuleSet, _ time.Time) error {
		a.Returned = reason
		return checkReason(reason)
	})
}

// Reject ends an application, with a reason that its person is told at the counter. A
// message tells them that there is one.
func (c *Counter) Reject(ctx context.Context, by By, id string, revision int, reason string) (Application, error) {
	return c.change(ctx, by, id, revision, ActReject, func(a *Application, _ *eid.RuleSet, _ time.Time) error {
		a.Decision.Reason = reason
		return checkReason(reason)
	})
}

// time is now as stores keep it: UTC in whole microseconds.
func (c *Counter) time() time.Time { return c.deps.Now().UTC().Truncate(time.Microsecond) }

func (c *Counter) rules(at time.Time) (eid.RuleSet, error) {
	rules, err := c.deps.Rules.At(at)
	if err != nil {
		return eid.RuleSet{}, fmt.Errorf("finding the rules of the day: %w", err)
	}
	return rules, nil
}
