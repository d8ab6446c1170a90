package audit

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"
)

// Evidence is the audit as it is stored.
type Evidence interface {
	// Known says what is known of the audit besides its rows and checkpoints.
	Known(ctx context.Context) (Known, error)
	// Checkpoints gives those after a number, in order, limit at most.
	Checkpoints(ctx context.Context, after int64, limit int) ([]Checkpoint, error)
	// EachRow visits the rows after an id and up to another, in order.
	EachRow(ctx context.Context, after, through int64, visit func(Row) error) error
	// Prunings gives the rows after an id that tell of prunings, in order.
	Prunings(ctx context.Context, after int64) ([]Row, error)
	// Since is the number of the first checkpoint that was made at a time or later.
	Since(ctx context.Context, at time.Time) (int64, error)
}

// Known is what is known of the audit besides its rows and checkpoints.
type Known struct {
	// Head is the sealed note of the last checkpoint, zero where there is none.
	Head Head
	// HeadBroken: there is a note, and it does not open.
	HeadBroken bool
	// LastID is the highest number that a row was ever given, and Dense says that
	// every number up to it was.
	LastID int64
	Dense  bool
	// LastN is the highest number of a checkpoint that is there.
	LastN int64
}

// Key is a key that signs checkpoints, and when it did so: From and Until are zero
// where they are not known or have not come.
type Key struct {
	ID                   string
	From, Until, Revoked time.Time
}

// Verifier knows every key that ever signed checkpoints.
type Verifier interface {
	// Verify gives the payload of a compact JWS with Typ, and the key that signed it.
	Verify(jws string) ([]byte, Key, error)
}

// Sealed is a checkpoint with the rows that it covers, where these came along.
type Sealed struct {
	Checkpoint
	Rows []Row
}

// Plan is what to verify, and who is told.
type Plan struct {
	Keys Verifier
	// Since: checkpoints before are believed. Zero verifies all.
	Since time.Time
	// Shipped are checkpoints that were kept elsewhere, in the order in which they
	// were shipped; nil where there are none.
	Shipped iter.Seq2[Sealed, error]
	// Now is the time of the verification, and Grace how long a row may wait for its
	// checkpoint.
	Now   time.Time
	Grace time.Duration
	// Report is told of each finding as it comes; Progress, now and then, of how many
	// rows were read.
	Report   func(Finding)
	Progress func(rows int64)
}

// Result sums up a verification.
type Result struct {
	Checkpoints int64 `json:"checkpoints"`
	Rows        int64 `json:"rows"`    // that are as they were sealed, or reported
	Pruned      int64 `json:"pruned"`  // that retention removed lawfully
	Waiting     int64 `json:"waiting"` // that have no checkpoint yet
	Findings    int64 `json:"findings"`
	// Last is the last checkpoint: its number, its time and the hash to compare with
	// what somebody noted.
	Last Head `json:"last"`
	// Keys are the ids (RFC 7638) of the keys that signed.
	Keys []string `json:"keys"`
	// Behind is how many shipped checkpoints were read.
	Shipped int64 `json:"shipped,omitempty"`
}

// pageOf is how many checkpoints are read at a time: with hashes 40 KB each at most.
const pageOf = 50

// Verify goes over the evidence from its beginning to its end, holding one checkpoint
// at a time. The error says why it could not be ended; what is wrong with the evidence
// is reported.
func Verify(ctx context.Context, e Evidence, p Plan) (Result, error) {
	known, err := e.Known(ctx)
	if err != nil {
		return Result{}, err
	}
	i := newInspector(p, e, known)
	if err := i.begin(ctx); err != nil {
		return i.result, err
	}
	if err := i.chain(ctx); err != nil {
		return i.result, err
	}
	return i.result, i.end(ctx)
}

// begin finds where to start.
func (i *inspector) begin(ctx context.Context) error {
	if err := i.lawful.learn(ctx, i.evidence); err != nil {
		return err
	}
	if i.plan.Since.IsZero() {
		return nil
	}
	n, err := i.evidence.Since(ctx, i.plan.Since)
	if err != nil || n <= 1 {
		return err
	}
	// The times by which checkpoints are found stand beside what is signed: whoever
	// dates one back would have it passed over.
	var before []Checkpoint
	for ; n > 1; n-- {
		if before, err = i.evidence.Checkpoints(ctx, n-2, 1); err != nil {
			return err
		}
		if len(before) == 0 || before[0].N != n-1 || i.signedBefore(before[0], i.plan.Since) {
			break
		}
	}
	if n <= 1 {
		return nil
	}
	i.from = n
	i.prev = place{n: n - 1}
	if len(before) == 0 || before[0].N != n-1 {
		i.report(Finding{Kind: CheckpointRemoved, Checkpoint: n - 1, What: "it is missing"})
		return nil
	}
	if s, ok := i.statement(before[0]); ok {
		i.follow(before[0], s)
	}
	return nil
}

// signedBefore reports whether a checkpoint says itself that it was made before a time,
// or says nothing that can be believed.
func (i *inspector) signedBefore(c Checkpoint, t time.Time) bool {
	payload, _, err := i.plan.Keys.Verify(c.JWS)
	if err != nil {
		return true
	}
	s, err := read(payload)
	return err != nil || s.At.Before(t)
}

// chain goes over the checkpoints, those that are there and those that were shipped.
func (i *inspector) chain(ctx context.Context) error {
	next, stop := i.shipped()
	defer stop()
	shipped, err := next()
	if err != nil {
		return err
	}
	after := i.prev.n
	for {
		page, err := i.evidence.Checkpoints(ctx, after, pageOf)
		if err != nil {
			return err
		}
		for _, c := range page {
			after = c.N
			for shipped != nil && shipped.N < c.N { // gone here, known elsewhere
				if err := i.missing(ctx, *shipped); err != nil {
					return err
				}
				if shipped, err = next(); err != nil {
					return err
				}
			}
			var twin *Sealed
			if shipped != nil && shipped.N == c.N {
				twin = shipped
				if shipped, err = next(); err != nil {
					return err
				}
			}
			if err := i.pair(ctx, c, twin); err != nil {
				return err
			}
		}
		if len(page) == 0 {
			break
		}
	}
	for ; shipped != nil; shipped, err = next() {
		if err := i.missing(ctx, *shipped); err != nil {
			return err
		}
	}
	return err
}

// shipped gives one shipped checkpoint after the other, nil at the end, from where the
// verification starts.
func (i *inspector) shipped() (next func() (*Sealed, error), stop func()) {
	if i.plan.Shipped == nil {
		return func() (*Sealed, error) { return nil, nil }, func() {}
	}
	pull, stop := iter.Pull2(i.plan.Shipped)
	var last int64
	seen := map[int64]string{} // of the last pages: shipping repeats a page at most
	return func() (*Sealed, error) {
		for {
			s, err, ok := pull()
			if !ok || err != nil {
				return nil, err
			}
			i.result.Shipped++
			if s.N <= last {
				if seen[s.N] != Digest(s.JWS) {
					i.report(Finding{Kind: CheckpointDiffers, Checkpoint: s.N, What: fmt.Sprintf("it was shipped after checkpoint %d: the shipped file was put together anew, or the gateway was set back", last)})
				}
				continue
			}
			if last > 0 && s.N > last+1 {
				i.report(Finding{Kind: CheckpointRemoved, Checkpoint: last + 1, What: fmt.Sprintf("what was kept elsewhere lacks it and all before %d", s.N)})
			}
			last = s.N
			seen[s.N] = Digest(s.JWS)
			delete(seen, s.N-2*pageOf)
			if s.N >= i.from {
				return &s, nil
			}
		}
	}, stop
}

// pair judges a checkpoint and what was shipped under its number.
func (i *inspector) pair(ctx context.Context, c Checkpoint, shipped *Sealed) error {
	var was []Row
	if shipped != nil {
		was = shipped.Rows
		if shipped.JWS != c.JWS || string(shipped.Hashes) != string(c.Hashes) {
			i.report(Finding{Kind: CheckpointDiffers, Checkpoint: c.N, What: "another one of this number was shipped"})
			if _, _, err := i.plan.Keys.Verify(shipped.JWS); err == nil {
				c = shipped.Checkpoint // the copy that was out of reach
			}
		}
	}
	return i.judge(ctx, c, was)
}

// missing judges rows by a checkpoint that was shipped and is gone here.
func (i *inspector) missing(ctx context.Context, s Sealed) error {
	kind, what := CheckpointRemoved, "it was shipped, and is missing here"
	if s.N > i.known.LastN {
		kind, what = TailCut, "it was shipped, and the audit here ends before: its end was cut off, or an old database put in its place"
	}
	if s.N > i.prev.n+1 && i.prev.n > 0 {
		i.gap(s.N)
	}
	i.report(Finding{Kind: kind, Checkpoint: s.N, What: what})
	return i.judge(ctx, s.Checkpoint, s.Rows)
}

// end looks at what comes after the last checkpoint.
func (i *inspector) end(ctx context.Context) error {
	var waiting, oldest Row
	err := i.evidence.EachRow(ctx, i.prev.last, maxID, func(r Row) error {
		if i.result.Waiting++; i.result.Waiting == 1 {
			oldest = r
		}
		waiting = r
		return nil
	})
	if err != nil {
		return err
	}
	if !i.prev.known && i.prev.n > 0 {
		i.result.Waiting = 0
		if waiting.ID != 0 {
			i.report(Finding{Kind: RowUnproven, Row: oldest.ID, Through: waiting.ID, What: "the last checkpoints prove nothing"})
		}
	} else if age := i.plan.Now.Sub(oldest.Time()); i.result.Waiting > 0 && age > i.plan.Grace {
		i.report(Finding{Kind: RowUnsealed, Row: oldest.ID, Through: waiting.ID,
			What: fmt.Sprintf("%d rows without a checkpoint, the first for %s: the sealer does not run or cannot sign, or somebody cut checkpoints off", i.result.Waiting, age.Round(time.Second))})
	}
	head := i.known.Head
	switch {
	case i.known.HeadBroken:
		i.report(Finding{Kind: TailCut, What: "the note of the last checkpoint does not open: somebody else wrote it"})
	case head.N > i.prev.n:
		i.report(Finding{Kind: TailCut, Checkpoint: head.N, What: fmt.Sprintf("it was made at %s, and %d is the last that is there", head.At.Format(time.RFC3339), i.prev.n)})
	case head.N == 0 && i.prev.n > 0:
		later, err := i.evidence.Known(ctx) // the first may have come meanwhile
		if err != nil {
			return err
		}
		if later.Head.N == 0 {
			i.report(Finding{Kind: TailCut, What: "the note of the last checkpoint is gone: what came after the last one here may be cut off"})
		}
	}
	if last := max(i.prev.last, waiting.ID); i.known.Dense && i.known.LastID > last && (i.prev.known || i.prev.n == 0) {
		i.report(Finding{Kind: TailCut, Row: last + 1, Through: i.known.LastID, What: "these numbers were given to rows, and the rows are gone"})
	}
	return nil
}

// Below and above every id.
const (
	minID = -1 << 63
	maxID = 1<<63 - 1
)

// errOrder reports evidence that gives rows in another order than it promised.
var errOrder = errors.New("rows do not come in the order of their numbers")
