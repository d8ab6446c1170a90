package doctor

import (
	"context"
	"errors"
	"io/fs"
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
	e, err := sqlstore.Examine(ctx, sqlstore.Config{Path: l.Database})
	if errors.Is(err, fs.ErrNotExist) {
		return []Finding{ok("none yet: no gateway has run here")}
	}
	const others = "mend what the check of the database says"
	if err != nil {
		return []Finding{fault(others, "they cannot be counted: %v", err)}
	}
	defer func() { _ = e.Close() }()
	late, err := e.OverdueLockRequests(ctx, l.Now())
	if err != nil {
		return []Finding{fault(others, "they cannot be counted: %v", err)}
	}
	if late > 0 {
		return []Finding{fault("eidgate lock-requests list, then accept or reject each", "%d requests for locks wait after their term", late)}
	}
	return []Finding{ok("none waits after its term")}
}
