package provider

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"eidgate/eid"
	"eidgate/eid/accounts"
)

// LockRequests is the queue of locks that service users ask for; officers decide
// (Decree 59/2022).
type LockRequests interface {
	// Ask puts a wish into the queue; one that waits already is returned as it is.
	Ask(ctx context.Context, w accounts.LockWish) (eid.LockRequest, error)
	// Of finds a request of a client, or eid.ErrNotFound.
	Of(ctx context.Context, client, id string) (eid.LockRequest, error)
}

// Subjects finds whom a sector knows by a subject.
type Subjects interface {
	// AccountOfSubject gives the account, or eid.ErrNotFound.
	AccountOfSubject(ctx context.Context, sector, subject string) (eid.AccountID, error)
}

const (
	// askLocks is how often one party may ask for locks, or how they stand, in a minute.
	askLocks = 120
	// retryLocks is when to ask again where so many requests wait that there is no room.
	retryLocks = time.Hour

	maxLockText = 500 // bytes of a document's number, and of a reason
)

// Parameters of a request for a lock.
const (
	paramLockSubject  = "subject"  // the party's own sub of the holder
	paramLockDocument = "document" // number of the document that the wish rests on
	paramLockReason   = "reason"   // in the party's words; officers read it
	paramLockUndo     = "undo"     // the party's accepted request, whose lock shall end
	paramLockID       = "id"       // of a request: how does it stand
)

// lockAnswer is how a request stands. It names nobody, and nothing that an officer
// wrote.
type lockAnswer struct {
	ID        string            `json:"id"`
	Ref       string            `json:"reference"`
	Act       string            `json:"act"` // lock or unlock
	Status    eid.RequestStatus `json:"status"`
	Document  string            `json:"document"`
	CreatedAt int64             `json:"created_at"` // seconds since 1970
	DueAt     int64             `json:"due_at"`
	DecidedAt int64             `json:"decided_at,omitempty"`
}

// lockRequest takes a party's wish to have the account of one of its subjects locked,
// or a lock of its own ended, and tells it how its requests stand. The party
// authenticates as at the token endpoint, by more than its name.
func (p *Provider) lockRequest(c *gin.Context) {
	call, form, ok := p.provenBackChannel(c)
	if !ok {
		return
	}
	ctx := c.Request.Context()
	wait, err := p.mayAsk(ctx, call.rp, "locks", askLocks)
	if err != nil {
		p.backChannelFailure(c, err)
		return
	}
	if wait > 0 {
		askLater(c, wait)
		return
	}
	status := http.StatusOK
	var r eid.LockRequest
	if id := form.Get(paramLockID); id != "" {
		r, err = p.deps.LockRequests.Of(ctx, call.rp.ID, id)
	} else {
		status = http.StatusAccepted
		r, err = p.wishForLock(ctx, call.rp, form, ref(c))
	}
	switch {
	case errors.Is(err, eid.ErrNotFound), errors.Is(err, accounts.ErrInvalid), errors.Is(err, accounts.ErrNotAllowed):
		note(c, "err", err)
		refuse(codeInvalidRequest, lockFault(err)).write(c, http.StatusBadRequest)
		return
	case errors.Is(err, accounts.ErrNoRoom):
		askLater(c, retryLocks)
		return
	case err != nil:
		p.backChannelFailure(c, err)
		return
	}
	answer := lockAnswer{
		ID: r.ID, Ref: r.Ref, Act: "lock", Status: r.Status, Document: r.Document, CreatedAt: r.CreatedAt.Unix(), DueAt: r.DueAt.Unix(),
	}
	if r.Undo != "" {
		answer.Act = "unlock"
	}
	if !r.DecidedAt.IsZero() {
		answer.DecidedAt = r.DecidedAt.Unix()
	}
	raw, err := json.Marshal(answer)
	if err != nil {
		p.backChannelFailure(c, err)
		return
	}
	c.Data(status, "application/json", raw)
}

// wishForLock reads a wish and puts it into the queue.
func (p *Provider) wishForLock(ctx context.Context, rp *eid.RelyingParty, form url.Values, ref string) (eid.LockRequest, error) {
	w := accounts.LockWish{
		Client: rp.ID, Requester: rp.Name, Document: form.Get(paramLockDocument), Reason: form.Get(paramLockReason), Undo: form.Get(paramLockUndo),
		Actor: "client:" + rp.ID, Ref: ref,
	}
	if w.Requester == "" {
		w.Requester = rp.ID
	}
	subject := form.Get(paramLockSubject)
	if len(subject) > maxOld || (subject == "") == (w.Undo == "") {
		return eid.LockRequest{}, accounts.ErrInvalid
	}
	if subject != "" {
		var err error
		if w.Account, err = p.deps.Subjects.AccountOfSubject(ctx, rp.Sector, subject); err != nil {
			return eid.LockRequest{}, err
		}
	}
	return p.deps.LockRequests.Ask(ctx, w)
}

// lockFault is what the party's developer reads; it repeats nothing that was sent.
func lockFault(err error) string {
	switch {
	case errors.Is(err, eid.ErrNotFound):
		return "there is no such subject, request or lock of this client"
	case errors.Is(err, accounts.ErrNotAllowed):
		return "the rules in force let no client ask for locks"
	}
	return "want subject or undo, and document and reason, of " + strconv.Itoa(maxLockText) + " bytes at most"
}

// askLater refuses a party that asked too often.
func askLater(c *gin.Context, wait time.Duration) {
	c.Header("Retry-After", strconv.FormatInt(seconds(wait)+1, 10))
	refuse(codeTemporarilyUnavailable, "asked too often").write(c, http.StatusTooManyRequests)
}
