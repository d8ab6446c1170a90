package provider

import (
	"context"
	"errors"
	"fmt"
	"time"

	"eidgate/eid"
	"eidgate/store"
)

// Revocations tells which parties have to hear of a revoked key: whoever had its
// private part could have made an ID token of anybody, so every session that may rest
// on one ends.
type Revocations interface {
	PendingRevocations(ctx context.Context, limit int) ([]eid.RevocationEvent, error)
	// SubjectsSince lists subjects that the party was given.
	SubjectsSince(ctx context.Context, event eid.RevocationEvent, since time.Time, limit int) ([]string, error)
	// DispatchRevocation moves an event on to a subject, or ends it where next is empty,
	// together with the notices for those before.
	DispatchRevocation(ctx context.Context, event eid.RevocationEvent, next string, notices []eid.LogoutNotice) error
}

// dispatchRevocations makes a page of notices for each party whose ID tokens are signed
// as the revoked key signed.
func (p *Provider) dispatchRevocations(ctx context.Context) error {
	events, err := p.deps.Revocations.PendingRevocations(ctx, deliverBatch)
	if err != nil {
		return fmt.Errorf("reading events of revocations: %w", err)
	}
	var failed []error
	for _, event := range events {
		since := event.Since
		if oldest := event.At.Add(-store.MaxTTL); since.Before(oldest) {
			since = oldest // no session and no token of ours is older
		}
		err := p.tellNext(ctx, telling{
			client:   event.Client,
			concerns: func(rp *eid.RelyingParty) bool { return rp.IDTokenAlg == event.Algorithm },
			subjects: func(limit int) ([]string, error) {
				return p.deps.Revocations.SubjectsSince(ctx, event, since, limit)
			},
			move: func(next string, notices []eid.LogoutNotice) error {
				return p.deps.Revocations.DispatchRevocation(ctx, event, next, notices)
			},
		})
		if err != nil {
			failed = append(failed, fmt.Errorf("telling of revoked key %s: %w", event.KeyID, err))
		}
	}
	return errors.Join(failed...)
}
