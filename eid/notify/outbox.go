package notify

import (
	"context"
	"time"

	"eidgate/eid"
)

// Outbox is where notices wait, written with the change that they tell of.
type Outbox interface {
	// ClaimNotices leases notices of a lane that are due, limit at most, those that
	// somebody's act is the reason of first. Those whose time is over are given up.
	ClaimNotices(ctx context.Context, of Lane, lease time.Duration, limit int) ([]Notice, error)
	// NoticeSent is done with one.
	NoticeSent(ctx context.Context, id string) error
	// NoticeFailed makes one due again at next, or with a zero next gives it up.
	NoticeFailed(ctx context.Context, id string, next time.Time) error
	// NoticePutBack makes one due again that was not its fault to fail.
	NoticePutBack(ctx context.Context, id string, next time.Time) error
	// PruneNotices removes a page of those that went, or were given up, long ago, and
	// says how many.
	PruneNotices(ctx context.Context) (int, error)
}

// Lane is a line of the outbox: what goes on one channel, and is urgent or is not.
type Lane struct {
	Channel Channel
	Urgent  bool
}

// Ledger knows the old accounts that stop on a day.
type Ledger interface {
	// StopsWaiting says how many notices of that kind wait in the outbox.
	StopsWaiting(ctx context.Context) (int, error)
	// TellStops goes over a page of old accounts and queues the notices that are due. It
	// begins behind after, which a call before returned, or at the beginning where it is
	// empty; next is empty at the end. However often it is called, and by how many
	// processes, an address is told once since s.Since.
	TellStops(ctx context.Context, s Stops, after string) (next string, told int, err error)
}

// Stops says which notices of old accounts that stop are due.
type Stops struct {
	Source string
	Since  time.Time // when the present one became due
	Until  time.Time // when the accounts stop: nobody is told any more
}

// Registry knows sources and parties as they are registered.
type Registry interface {
	Sources(ctx context.Context) ([]eid.Source, error)
	RelyingParty(ctx context.Context, id string) (eid.RelyingParty, error)
}

// Leases let one process of several act.
type Leases interface {
	TakeLease(ctx context.Context, name, holder string, lasts time.Duration) (bool, error)
	EndLease(ctx context.Context, name, holder string) error
}

// Meter accounts for notices.
type Meter interface {
	// Notice counts one attempt by its outcome.
	Notice(kind Kind, outcome Outcome)
}

// Outcome is how an attempt ended.
type Outcome string

// The outcomes.
const (
	Sent    Outcome = "sent"
	Later   Outcome = "later" // it is tried again
	GivenUp Outcome = "given_up"
	Down    Outcome = "down" // the server cannot be used
)
