package doctor

import (
	"context"
	"time"

	"eidgate/store/sqlstore"
)

// LockRequests looks for what service users asked for and nobody decided on in time.
type LockRequests struct {
	Database string // path of the file
	Now      func() time.Time
}

// Look fills Check.
func (l LockRequests) Look(ctx context.Context) []Finding {
	return counting(ctx, l.Database, func(e *sqlstore.Examination) ([]Finding, error) {
		late, err := e.OverdueLockRequests(ctx, l.Now())
		switch {
		case err != nil:
			return nil, err
		case late > 0:
			return []Finding{fault("eidgate lock-requests list, then accept or reject each", "%d requests for locks wait after their term", late)}, nil
		}
		return []Finding{ok("none waits after its term")}, nil
	})
}
