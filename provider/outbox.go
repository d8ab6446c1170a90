package provider

import (
	"context"
	"time"

	"eidgate/eid"
)

// Outbox keeps logout notices until their parties have them.
type Outbox interface {
	// AddLogouts queues notices together with the audit row of what they tell.
	AddLogouts(ctx context.Context, notices []eid.LogoutNotice, entry eid.AuditEntry) error
	// ClaimLogouts gives notices that are due, to nobody else until the lease ends.
	ClaimLogouts(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]eid.LogoutNotice, error)
	LogoutDelivered(ctx context.Context, id string) error
	// LogoutFailed puts a notice off until next; zero gives it up.
	LogoutFailed(ctx context.Context, id string, next time.Time) error
}

// Events are the changes of accounts that parties must be told of.
type Events interface {
	PendingEvents(ctx context.Context, limit int) ([]eid.Event, error)
	// DispatchEvent removes an event and queues its notices, in one step.
	DispatchEvent(ctx context.Context, id int64, notices []eid.LogoutNotice) error
	// SubjectsOf gives Client and Subject of every grant of an account since a time.
	SubjectsOf(ctx context.Context, account eid.AccountID, since time.Time) ([]eid.LogoutNotice, error)
}
