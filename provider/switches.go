package provider

import (
	"context"
	"errors"
	"fmt"
	"time"

	"eidgate/eid"
	"eidgate/store"
)

// Switches tells which parties have to hear of a switched-off source. Of a large
// source that is a long list: it is gone through in pages, by whoever has time.
type Switches interface {
	PendingSwitches(ctx context.Context, limit int) ([]eid.SwitchEvent, error)
	// SubjectsThrough lists subjects that the party was given through the source.
	SubjectsThrough(ctx context.Context, event eid.SwitchEvent, since time.Time, limit int) ([]string, error)
	// DispatchSwitch moves an event on to a subject, or ends it where next is empty,
	// together with the notices for those before.
	DispatchSwitch(ctx context.Context, event eid.SwitchEvent, next string, notices []eid.LogoutNotice) error
}

// switchPage is how many subjects one step tells one party of.
const switchPage = 128

// dispatchSwitches makes a page of notices for each party that has to be told.
func (p *Provider) dispatchSwitches(ctx context.Context) error {
	events, err := p.deps.Switches.PendingSwitches(ctx, deliverBatch)
	if err != nil {
		return fmt.Errorf("reading events of sources: %w", err)
	}
	var failed []error
	for _, event := range events {
		if err := p.dispatchSwitch(ctx, event); err != nil {
			failed = append(failed, fmt.Errorf("telling of source %s: %w", event.Source, err))
		}
	}
	return errors.Join(failed...)
}

func (p *Provider) dispatchSwitch(ctx context.Context, event eid.SwitchEvent) error {
	rp, err := p.deps.Clients.RelyingParty(ctx, event.Client)
	if errors.Is(err, eid.ErrNotFound) || err == nil && rp.Logout.BackchannelURI == "" {
		return p.deps.Switches.DispatchSwitch(ctx, event, "", nil) // nobody to tell
	}
	if err != nil {
		return fmt.Errorf("finding client: %w", err)
	}
	// No session and no token of ours is older.
	subjects, err := p.deps.Switches.SubjectsThrough(ctx, event, event.At.Add(-store.MaxTTL), switchPage)
	if err != nil {
		return fmt.Errorf("reading subjects: %w", err)
	}
	notices := make([]eid.LogoutNotice, len(subjects))
	for i, subject := range subjects {
		notices[i] = eid.LogoutNotice{ID: randomText(16), Client: event.Client, Subject: subject, CreatedAt: p.deps.Now()}
	}
	next := ""
	if len(subjects) == switchPage {
		next = subjects[switchPage-1]
	}
	return p.deps.Switches.DispatchSwitch(ctx, event, next, notices)
}
