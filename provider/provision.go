package provider

import (
	"context"
	"fmt"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/civil"
	"eidgate/federation"
)

// Registrar takes in the people whom a national source vouches for.
type Registrar interface {
	// Admit links a newcomer's account, or makes one.
	Admit(ctx context.Context, n accounts.Newcomer) (accounts.Admission, error)
	// AdmitUnverified lets somebody in to a portal's old account.
	AdmitUnverified(ctx context.Context, u accounts.Unverified) (accounts.Admission, error)
	// Follow sets the level of an account that the source made.
	Follow(ctx context.Context, id eid.AccountID, source string, level eid.Level, ref string) error
}

// takeIn resolves who comes through a source without a link: the account of the
// number, or a new one. The refusal is there where nobody comes in. A step-up that
// came back as somebody else gives no account at all, and nothing was written.
func (p *Provider) takeIn(ctx context.Context, f *flow, src *eid.Source, a federation.Assertion, ref string) (eid.Account, string, *refusal, error) {
	notLinked := &refusal{Reason: reasonNotLinked, Source: src.ID}
	if !federation.Provisions(src) {
		return eid.Account{}, "", notLinked, nil
	}
	n := accounts.Newcomer{Source: src.ID, Subject: a.Subject, Person: personOf(a.Person), Level: a.Level, Ref: ref}
	held, err := p.heldBy(ctx, f)
	if err != nil {
		return eid.Account{}, "", nil, err
	}
	if !f.login.mayChangePerson() {
		n.Only = held
	}
	came, err := p.deps.Registrar.Admit(ctx, n)
	if err != nil {
		return eid.Account{}, "", nil, err
	}
	entry := eid.AuditEntry{At: p.deps.Now(), Actor: "holder", Account: came.Account, Client: f.login.Request.Client, Ref: ref}
	switch came.Outcome {
	case accounts.Differs:
		return eid.Account{}, "", &refusal{Reason: reasonMismatch, Source: src.ID}, p.recordMismatch(ctx, entry, src.ID)
	case accounts.Taken:
		entry.Action, entry.Detail = eid.ActionSignInRefused, detail(map[string]any{"source": src.ID, "why": "other_subject"})
		return eid.Account{}, "", notLinked, p.deps.Grants.Record(ctx, entry)
	case accounts.Another:
		return eid.Account{}, "", nil, nil
	case accounts.Admitted, accounts.Barred: // the next steps refuse who is barred
		account, err := p.deps.Accounts.Account(ctx, came.Account)
		if err != nil {
			return eid.Account{}, "", nil, fmt.Errorf("reading account: %w", err)
		}
		return account, came.Link, nil, nil
	case accounts.Unknown:
	}
	return eid.Account{}, "", notLinked, nil
}

// agree has everything that must agree with a source do so, and an account that
// the source made follow its level. It returns nothing where the sign-in goes on.
func (p *Provider) agree(ctx context.Context, src *eid.Source, a federation.Assertion, holder *eid.Account, entry eid.AuditEntry) (*refusal, error) {
	r, err := p.reconcile(ctx, src, a, holder, entry)
	if err != nil || r != nil {
		return r, err
	}
	managed := src.National && holder.ManagedBy == src.ID
	if !managed && !federation.Provisions(src) {
		return nil, nil
	}
	said := personOf(a.Person)
	known := holder.Person.Identifier.Kind() == eid.KindPersonalNumber && !said.Number.IsZero()
	if known && eid.IdentifierOf(said.Number) != holder.Person.Identifier || managed && !known {
		return &refusal{Reason: reasonMismatch, Source: src.ID}, p.recordMismatch(ctx, entry, src.ID)
	}
	if verdict := civil.Judge(said, civil.PersonOf(holder.Person)); known && said.Name != "" && verdict != civil.Match {
		differs := entry
		differs.Actor, differs.Action = "system", eid.ActionDataDiffers
		differs.Detail = detail(map[string]any{"source": src.ID, "verdict": verdict.String()})
		if err := p.deps.Grants.Record(ctx, differs); err != nil {
			return nil, err
		}
	}
	if !managed || holder.Level == a.Level {
		return nil, nil
	}
	return nil, p.deps.Registrar.Follow(ctx, holder.ID, src.ID, a.Level, entry.Ref)
}
