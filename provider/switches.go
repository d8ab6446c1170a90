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

// dispatchSwitches makes a page of notices for each party that has to be told.
func (p *Provider) dispatchSwitches(ctx context.Context) error {
	events, err := p.deps.Switches.PendingSwitches(ctx, deliverBatch)
	if err != nil {
		return fmt.Errorf("reading events of sources: %w", err)
	}
	var failed []error
	for _, event := range events {
		err := p.tellNext(ctx, telling{
			client: event.Client,
			subjects: func(limit int) ([]string, error) {
				// No session and no token of ours is older.
				return p.deps.Switches.SubjectsThrough(ctx, event, event.At.Add(-store.MaxTTL), limit)
			},
			move: func(next string, notices []eid.LogoutNotice) error {
				return p.deps.Switches.DispatchSwitch(ctx, event, next, notices)
			},
		})
		if err != nil {
			failed = append(failed, fmt.Errorf("telling of source %s: %w", event.Source, err))
		}
	}
	return errors.Join(failed...)
}
