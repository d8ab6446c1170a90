package provider

import (
	"context"
	"errors"
	"fmt"

	"eidgate/eid"
	"eidgate/eid/civil"
	"eidgate/federation"
)

// Reviews is the queue of what an officer has to decide.
type Reviews interface {
	// Consider returns what was decided on a difference, and queues a new one.
	Consider(ctx context.Context, d civil.Difference, ref string) (eid.Ruling, error)
}

// reconcile has the account and the population registry agree with what a legacy
// source says of the holder: number, names and date of birth (domain rows 19 and
// 20). Without a match there is no level, and the holder gets one answer for all
// fields. It returns nothing where the sign-in goes on.
//
// Only who is linked gets here, so that nobody can ask the registry about others.
func (p *Provider) reconcile(ctx context.Context, src *eid.Source, a federation.Assertion, holder *eid.Account, entry eid.AuditEntry) (*refusal, error) {
	if !src.Reconcile {
		return nil, nil
	}
	if p.deps.Registry == nil {
		return nil, fmt.Errorf("there is no registry to compare with: %w", federation.ErrDown)
	}
	said := personOf(a.Person)
	mismatch := &refusal{Reason: reasonMismatch, Source: src.ID}
	if said.Number.IsZero() || eid.IdentifierOf(said.Number) != holder.Person.Identifier {
		return mismatch, p.recordMismatch(ctx, entry, src.ID)
	}
	asking, done := p.deps.Meter.Asking(ctx, src.ID, actCompare)
	compared, err := civil.Compare(asking, p.deps.Registry, said)
	done(outcomeOf(federation.Step{}, err))
	switch {
	case errors.Is(err, civil.ErrDown):
		return nil, fmt.Errorf("%w: %w", federation.ErrDown, err)
	case err != nil:
		return nil, err
	case compared.Verdict == civil.Match:
		return nil, nil
	case compared.Verdict == civil.Mismatch:
		return mismatch, p.recordMismatch(ctx, entry, src.ID)
	}
	decision, err := p.deps.Reviews.Consider(ctx, civil.Difference{Account: holder.ID, Source: src.ID, Said: said, Held: compared.Held}, entry.Ref)
	switch {
	case err != nil:
		return nil, err
	case decision == eid.Accepted:
		return nil, nil
	case decision == eid.Rejected:
		return mismatch, p.recordMismatch(ctx, entry, src.ID)
	}
	return &refusal{Reason: reasonReview, Source: src.ID}, nil
}

func (p *Provider) recordMismatch(ctx context.Context, entry eid.AuditEntry, source string) error {
	entry.Action, entry.Detail = eid.ActionSignInRefused, detail(map[string]any{"source": source, "why": reasonMismatch})
	return p.deps.Grants.Record(ctx, entry)
}

// personOf reads what a source says. What cannot be read is as good as not said,
// and matches nobody.
func personOf(p federation.Person) civil.Person {
	number, err := eid.ParsePersonalNumber(p.Number)
	if err != nil {
		return civil.Person{}
	}
	born, err := civil.ParseDate(p.BirthDate)
	if err != nil {
		return civil.Person{Number: number}
	}
	return civil.Person{Number: number, Name: p.Name, BirthDate: born}
}
