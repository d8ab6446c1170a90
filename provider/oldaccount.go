package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/civil"
	"eidgate/federation"
	"eidgate/web"
)

// OldAccounts is what was imported of portals.
type OldAccounts interface {
	// Imported returns the old account of a login name; eid.ErrNotFound.
	Imported(ctx context.Context, source, login string) (accounts.Imported, error)
	// Reminded notes when its holder was shown that it stops.
	Reminded(ctx context.Context, source, login string, at time.Time) error
}

// remindEvery is how often a holder is shown at a sign-in that an old account stops.
const remindEvery = 7 * 24 * time.Hour

// entrance is how somebody goes on who has the password of a portal's old account that
// nobody has verified: refused, on to the national identity, or in by the account that
// stands for the old one.
type entrance struct {
	refusal *refusal
	verify  bool
	overdue time.Time // verify: from when on it is refused, zero where it always is
	account eid.Account
	link    string
}

// atPortal opens an old account that leads to nobody's national identity (Decision
// 34/2021, transition). It is let in until the day from which it must be verified, if
// its portal wants that, and if the population registry knows its holder as the portal
// does; for any doubt there is one way, to verify it, and it does not say which doubt
// it was. The level of such an account is 1, and where that is not enough, or the
// browser has a person's session, it is verified at once.
func (p *Provider) atPortal(ctx context.Context, f *flow, src *eid.Source, a federation.Assertion, ref string) (entrance, error) {
	old, err := p.deps.OldAccounts.Imported(ctx, src.ID, a.Subject)
	if err != nil && !errors.Is(err, eid.ErrNotFound) {
		return entrance{}, err
	}
	switch old.State {
	case eid.ImportedContested:
		err := p.deps.Grants.Record(ctx, eid.AuditEntry{
			At: p.deps.Now(), Actor: "holder", Action: eid.ActionSignInRefused, Client: f.login.Request.Client, Ref: ref,
			Detail: detail(map[string]any{"source": src.ID, "why": reasonContested, "old_account": old.ID}),
		})
		return entrance{refusal: &refusal{Reason: reasonContested, Source: src.ID, Ref: old.ContestRef}}, err
	case eid.ImportedWaiting, eid.ImportedVerified: // whose link has ended: it is verified anew
	default:
		return entrance{refusal: &refusal{Reason: reasonNotLinked, Source: src.ID}}, nil
	}
	now := p.deps.Now()
	e := entrance{verify: true}
	if !now.Before(src.Portal.VerifyBy) {
		e.overdue = src.Portal.VerifyBy
	}
	held, err := p.heldBy(ctx, f)
	if err != nil {
		return entrance{}, err
	}
	verifying := f.login.Linking != nil && f.login.Linking.Source == src.ID
	higher := max(f.login.Request.Need.Floor, f.login.Level) > eid.Level1
	if old.State != eid.ImportedWaiting || !src.Portal.Admits(now) || verifying || higher || held != "" && !f.login.mayChangePerson() {
		return e, nil
	}
	known, err := p.knownAs(ctx, src, a)
	if err != nil || !known {
		return e, err
	}
	came, err := p.deps.Registrar.AdmitUnverified(ctx, accounts.Unverified{Source: *src, Login: a.Subject, Ref: ref})
	if err != nil || came.Outcome == accounts.Unknown {
		return e, err
	}
	e.verify, e.link = false, came.Link
	if e.account, err = p.deps.Accounts.Account(ctx, came.Account); err != nil {
		return entrance{}, fmt.Errorf("reading account: %w", err)
	}
	return e, nil
}

// knownAs reports whether the population registry holds what a portal says of a
// person. A doubt counts as none of it: there is no account yet that an officer could
// decide about, and the holder has a better proof.
func (p *Provider) knownAs(ctx context.Context, src *eid.Source, a federation.Assertion) (bool, error) {
	if p.deps.Registry == nil {
		return false, fmt.Errorf("there is no registry to compare with: %w", federation.ErrDown)
	}
	asking, done := p.deps.Meter.Asking(ctx, src.ID, actCompare)
	compared, err := civil.Compare(asking, p.deps.Registry, personOf(a.Person))
	done(outcomeOf(federation.Step{}, err))
	if errors.Is(err, civil.ErrDown) {
		return false, fmt.Errorf("%w: %w", federation.ErrDown, err)
	}
	return compared.Verdict == civil.Match, err
}

// remind keeps the side of an unverified account that has just signed in for the page
// that says when it stops, if it is time for it. The reminder is noted before it is
// shown: two sign-ins at once show one at least, and nobody is asked in circles.
func (p *Provider) remind(ctx context.Context, f *flow, w way, a federation.Assertion) error {
	old, err := p.deps.OldAccounts.Imported(ctx, w.src.ID, a.Subject)
	if err != nil {
		return err
	}
	now := p.deps.Now()
	if now.Sub(old.RemindedAt) < remindEvery {
		return nil
	}
	if err := p.deps.OldAccounts.Reminded(ctx, w.src.ID, a.Subject, now); err != nil {
		return err
	}
	f.login.Stops, err = p.pend(f, w, a)
	return err
}

// showStops says when an old account stops, and lets its holder verify it now.
func (p *Provider) showStops(c *gin.Context, f *flow, d decision) {
	p.renderLogin(c, f, http.StatusOK, "stops", web.StopsData{
		Common: p.common(c, f), Source: p.nameOf(c.Request.Context(), f.login.Stops.Source), OldName: f.login.Stops.OldName, On: d.stops,
	})
}

// isPortals reports whether a source is the old accounts of a portal.
func (p *Provider) isPortals(ctx context.Context, id string) bool {
	policies, err := p.deps.Sources.Policies(ctx)
	return err == nil && slices.ContainsFunc(policies, func(s eid.Source) bool { return s.ID == id && s.Portal != nil })
}

// verifyNow makes the old account that has just signed in the pending side of a link:
// the page said what follows.
func (l *login) verifyNow() {
	l.Linking, l.Stops = l.Stops, nil
	l.Linking.Agreed = true
	l.Source, l.Step, l.Failed = "", nil, ""
}

// holderOn is what pages call the holder of an account: name and masked number. One
// that stands for an old account has neither: it is called by its login name there.
func holderOn(a *eid.Account) (name, number string) {
	if a.Unverified() {
		return maskLogin(a.Person.Identifier.Reveal()), ""
	}
	return a.Person.Name, a.Person.Identifier.String()
}

// maskLogin shows a little of a login name.
func maskLogin(name string) string {
	runes := []rune(name)
	return string(runes[:min(len(runes)/3, 3)]) + "•••"
}
