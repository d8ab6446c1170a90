package counter

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/civil"
	"eidgate/eid/notify"
)

// Approve makes the account, or raises the one that is there: the registries and the
// account are asked once more, and the decision, the end of what the holder locked, the
// account with what its level rests on and the message with the first password commit
// together. Of several approvals one
// counts; the others get ErrStale.
func (c *Counter) Approve(ctx context.Context, by By, id string, revision int) (Application, error) {
	a, entry, err := c.moved(ctx, by, id, revision, ActApprove, func(a *Application, _ *eid.RuleSet, now time.Time) (err error) {
		a.Findings, err = c.find(ctx, a, now)
		return err
	})
	if err != nil {
		return Application{}, fmt.Errorf("approving an application: %w", err)
	}
	if a, err = c.approve(ctx, by, a, entry); err != nil {
		return Application{}, fmt.Errorf("approving an application: %w", err)
	}
	return a, nil
}

func (c *Counter) approve(ctx context.Context, by By, a Application, entry eid.AuditEntry) (Application, error) {
	rules, err := c.rules(a.CreatedAt)
	if err != nil {
		return a, err
	}
	password := newFirstPassword()
	hash, err := c.deps.Passwords.Hash(ctx, password)
	if err != nil {
		return a, fmt.Errorf("making a first password: %w", err)
	}
	today, err := c.rules(a.Decision.At) // locks end by the rules of the day on which they do
	if err != nil {
		return a, err
	}
	until := a.Decision.At.Add(time.Duration(rules.Times.ActivationHours) * time.Hour)
	decide, err := c.deps.Enroller.Prepare(accounts.Enrolment{
		Person: a.Findings.Person.Held, Phone: eid.Contact{Value: a.Intake.Phone}, Email: eid.Contact{Value: a.Intake.Email}, Level: a.Level,
		Evidence: a.evidence(rules.Level(a.Level)), Documents: a.Papers.Documents,
		FirstPasswordHash: hash, FirstPasswordUntil: until, Replace: true, Rules: a.Rules, Actor: by.actor(), Ref: by.Ref,
		Unlock: &accounts.Unlocking{Rules: &today, Proof: "counter " + a.Ref, Officer: by.Officer.Account},
	})
	if err != nil {
		return a, err
	}
	r, err := a.record()
	if err != nil {
		return a, err
	}
	enrolled, err := c.deps.Store.ApproveApplication(ctx, r, entry, Enrolling{
		Who: a.Intake.Person.Identifier, Decide: decide,
		Posts: func(e accounts.Enrolled) []notify.Post { return c.posts(&a, e, password, until) },
	})
	if stands := barred(err); stands != StandsFree {
		return a, &ObstacleError{[]Obstacle{{Kind: ObstacleAccount, Stands: stands}}}
	}
	a.Account = enrolled.Account
	return a, err
}

// barred is how an account came to stand in the way after it was looked at.
func barred(err error) Standing {
	switch {
	case errors.Is(err, eid.ErrLocked):
		return StandsLocked
	case errors.Is(err, accounts.ErrClosed):
		return StandsClosed
	case errors.Is(err, accounts.ErrManaged):
		return StandsManaged
	case errors.Is(err, accounts.ErrLower):
		return StandsHigher
	}
	return StandsFree
}

// evidence is what the level rests on. The registry's and the card's are of the approval,
// since they were asked then.
func (a *Application) evidence(rule eid.LevelRule) []eid.Evidence {
	f := &a.Findings
	list := []eid.Evidence{{Kind: eid.EvidenceRegistry, Database: f.Person.Database, Reference: a.Ref, Officer: a.Decision.By, At: f.At}}
	if a.Intake.Person.Type == eid.Citizen {
		reference := a.Ref
		if f.Card == civil.CardBeingIssued {
			reference = a.Intake.CardIssue
		}
		list = append(list, eid.Evidence{Kind: eid.EvidenceCard, Database: eid.CitizenCard, Reference: reference, Officer: a.Confirmed.Officer, At: f.At})
	}
	for _, m := range a.Matches {
		if !a.counts(m, rule) {
			continue
		}
		if m.Development {
			m.Reference = "development:" + m.Reference
		}
		list = append(list, m.Evidence)
	}
	return append(list, eid.Evidence{Kind: eid.EvidenceConfirmation, Reference: a.Ref, Officer: a.Confirmed.Officer, At: a.Confirmed.At})
}

// posts are the messages of an approval: the first password to the declared contact, and
// where an account was there the word of it to whoever proved to be its holder before.
func (c *Counter) posts(a *Application, e accounts.Enrolled, password eid.Secret, until time.Time) []notify.Post {
	var list []notify.Post
	ch, to, ok := c.firstContact(a)
	if ok {
		list = append(list, notify.Post{Kind: notify.FirstPassword, Channel: ch, To: to, Code: password, Ref: a.Ref, Until: until})
	}
	if e.Before.ID == "" || e.Before.Status != eid.Active {
		return list
	}
	kind := notify.Recovered
	if e.Raised {
		kind = notify.LevelRaised
	}
	if ok {
		list = append(list, notify.Post{Kind: kind, Channel: ch, To: to, Ref: a.Ref})
	}
	if before, at, known := notify.Reach(e.Before.Phone, e.Before.Email, c.deps.Channels); known && (before != ch || at.Reveal() != to.Reveal()) {
		list = append(list, notify.Post{Kind: kind, Channel: before, To: at, Ref: a.Ref})
	}
	return list
}

// word is what the person is told of a change: that the application was refused, which may
// be on a later day. The reason stays at the counter.
func (c *Counter) word(a *Application) []notify.Post {
	ch, to, ok := c.firstContact(a)
	if a.Status != StatusRejected || !ok {
		return nil
	}
	return []notify.Post{{Kind: notify.ApplicationRefused, Channel: ch, To: to, Ref: a.Ref}}
}

// firstContact is where the first password goes: the declared phone, by SMS where one can
// be sent, else the e-mail address (row 9). Nobody has proved it; who receives the
// password does.
func (c *Counter) firstContact(a *Application) (notify.Channel, eid.Secret, bool) {
	return notify.Reach(eid.Contact{Value: a.Intake.Phone, Verified: true}, eid.Contact{Value: a.Intake.Email, Verified: true}, c.deps.Channels)
}

// firstAlphabet has no two signs that look alike, 32 of them.
const firstAlphabet = "abcdefghijkmnpqrstuvwxyz23456789"

// newFirstPassword is a password that somebody types once from a message.
func newFirstPassword() eid.Secret {
	const length = 10
	text := make([]byte, length)
	_, _ = rand.Read(text) // never fails (crypto/rand)
	for i, b := range text {
		text[i] = firstAlphabet[int(b)%len(firstAlphabet)]
	}
	return eid.NewSecret(string(text))
}
