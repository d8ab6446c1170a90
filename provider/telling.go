package provider

import (
	"context"
	"errors"
	"fmt"

	"eidgate/eid"
)

// tellPage is how many subjects one step tells one party of.
const tellPage = 128

// telling is an event of which one party has to be told for many subjects: a page at a
// time, by whoever has time.
type telling struct {
	client string
	// concerns reports whether the party has to be told at all; nil says that it has.
	concerns func(rp *eid.RelyingParty) bool
	// subjects lists those after the last that was told, in order.
	subjects func(limit int) ([]string, error)
	// move goes on to a subject, or ends the event where next is empty, together with
	// the notices for those before.
	move func(next string, notices []eid.LogoutNotice) error
}

// tellNext makes a page of notices.
func (p *Provider) tellNext(ctx context.Context, t telling) error {
	rp, err := p.deps.Clients.RelyingParty(ctx, t.client)
	gone := errors.Is(err, eid.ErrNotFound)
	if err != nil && !gone {
		return fmt.Errorf("finding client: %w", err)
	}
	if gone || rp.Logout.BackchannelURI == "" || t.concerns != nil && !t.concerns(&rp) {
		return t.move("", nil) // nobody to tell
	}
	subjects, err := t.subjects(tellPage)
	if err != nil {
		return fmt.Errorf("reading subjects: %w", err)
	}
	notices := make([]eid.LogoutNotice, len(subjects))
	for i, subject := range subjects {
		notices[i] = eid.LogoutNotice{ID: randomText(16), Client: t.client, Subject: subject, CreatedAt: p.deps.Now()}
	}
	next := ""
	if len(subjects) == tellPage {
		next = subjects[tellPage-1]
	}
	return t.move(next, notices)
}
