package audit

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"
)

// clockSkew is how far apart clocks of processes may be.
const clockSkew = 5 * time.Minute

// revocationReaches is how long after a key was revoked a process may still have signed
// with it: what it learned of the keys counts for no longer.
const revocationReaches = 10 * time.Second

// most bounds what is kept of one checkpoint's faults, to find rows that were moved.
const most = 200

// inspector holds one checkpoint and its rows against each other at a time.
type inspector struct {
	plan     Plan
	evidence Evidence
	known    Known
	from     int64 // number of the first checkpoint that is verified
	prev     place
	log      string
	lawful   *lawful
	result   Result
	told     int64 // rows at the last word of progress
}

// place is where the chain was followed to.
type place struct {
	n     int64
	known bool // hash and last come from a good signature
	hash  string
	last  int64 // id of the last row
	at    time.Time
}

func newInspector(p Plan, e Evidence, known Known) *inspector {
	return &inspector{plan: p, evidence: e, known: known, from: 1, lawful: &lawful{now: p.Now}, result: Result{Keys: []string{}}}
}

func (i *inspector) report(f Finding) {
	i.result.Findings++
	if f.Through == f.Row {
		f.Through = 0
	}
	i.plan.Report(f)
}

// gap reports that the numbers before n are missing.
func (i *inspector) gap(n int64) {
	what := "it is missing"
	if n-1 > i.prev.n+1 {
		what = fmt.Sprintf("it and all before %d are missing", n)
	}
	i.report(Finding{Kind: CheckpointRemoved, Checkpoint: i.prev.n + 1, What: what})
	i.prev = place{n: n - 1, last: i.prev.last}
}

// statement reads what a checkpoint says, if a key of the gateway signed it.
func (i *inspector) statement(c Checkpoint) (Statement, bool) {
	payload, key, err := i.plan.Keys.Verify(c.JWS)
	if err != nil {
		i.report(Finding{Kind: CheckpointForged, Checkpoint: c.N, What: "no key of this gateway signed it: " + err.Error()})
		return Statement{}, false
	}
	s, err := read(payload)
	if err != nil {
		i.report(Finding{Kind: CheckpointForged, Checkpoint: c.N, What: err.Error()})
		return Statement{}, false
	}
	if !slices.Contains(i.result.Keys, key.ID) {
		i.result.Keys = append(i.result.Keys, key.ID)
	}
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			i.report(Finding{Kind: CheckpointAltered, Checkpoint: c.N, What: fmt.Sprintf(format, args...)})
		}
	}
	follows := i.prev.known && i.prev.n == c.N-1
	// A clock that was ahead once leaves its time to the checkpoints that follow, until
	// it is that time: how long their keys signed says nothing of them then.
	held := follows && s.At.Equal(i.prev.at)
	wrong(!key.Revoked.IsZero() && !s.At.Before(key.Revoked.Add(revocationReaches)), "its key %s was revoked at %s, before it says to be made", key.ID, key.Revoked.Format(time.RFC3339))
	wrong(!key.From.IsZero() && s.At.Before(key.From.Add(-clockSkew)), "its key %s signs since %s only", key.ID, key.From.Format(time.RFC3339))
	wrong(!held && !key.Until.IsZero() && s.At.After(key.Until.Add(clockSkew)), "its key %s signed until %s only", key.ID, key.Until.Format(time.RFC3339))
	if i.log == "" {
		i.log = s.Log
	}
	wrong(s.Log != i.log, "it is of another chain")
	if s.N != c.N {
		wrong(true, "it was signed as checkpoint %d: checkpoints were reordered", s.N)
		return Statement{}, false
	}
	if follows {
		wrong(s.At.Before(i.prev.at), "it says to be made before checkpoint %d", i.prev.n)
		wrong(s.Prev != i.prev.hash, "it follows another checkpoint %d than the one that is there", i.prev.n)
		wrong(s.First <= i.prev.last, "its rows begin before those of checkpoint %d end", i.prev.n)
	}
	wrong(c.N == 1 && s.Prev != "", "it is the first, and says that another came before")
	if i.known.Head.N == c.N {
		wrong(i.known.Head.Hash != Digest(c.JWS), "it is not the one that the gateway noted as its last")
	}
	return s, true
}

// follow takes a checkpoint as the last one that was seen.
func (i *inspector) follow(c Checkpoint, s Statement) {
	i.prev = place{n: c.N, known: true, hash: Digest(c.JWS), last: s.Last, at: s.At}
	i.result.Last = Head{Log: s.Log, N: s.N, Last: s.Last, Hash: i.prev.hash, At: s.At}
}

// judge holds the rows that are there against a checkpoint. was are the rows as they
// were when it was made, where they are known.
func (i *inspector) judge(ctx context.Context, c Checkpoint, was []Row) error {
	i.result.Checkpoints++
	if c.N > i.prev.n+1 {
		i.gap(c.N)
	}
	s, ok := i.statement(c)
	if !ok {
		i.prev = place{n: c.N, last: i.prev.last}
		return nil
	}
	after := s.First - 1
	switch {
	case c.N == 1:
		after = minID
	case i.prev.known:
		after = min(after, i.prev.last)
	case i.prev.last < after && (i.prev.last > 0 || i.from == 1): // nothing proves what lies between
		if err := i.unproven(ctx, i.prev.last, after, c.N); err != nil {
			return err
		}
	}
	list, altered, err := i.list(ctx, c, s)
	if err != nil {
		return err
	}
	if !altered || list != nil {
		w := walk{inspector: i, n: c.N, at: s.At, after: after, list: list, was: was}
		if err := w.rows(ctx, s.Last); err != nil {
			return err
		}
	}
	i.follow(c, s)
	return nil
}

// unproven reports the rows whose checkpoints are gone or forged.
func (i *inspector) unproven(ctx context.Context, after, through, n int64) error {
	var first, last int64
	err := i.evidence.EachRow(ctx, after, through, func(r Row) error {
		if first == 0 {
			first = r.ID
		}
		last = r.ID
		return nil
	})
	if err == nil && first != 0 {
		i.report(Finding{Kind: RowUnproven, Row: first, Through: last, What: fmt.Sprintf("the checkpoints between them and checkpoint %d prove nothing: they may be anybody's", n)})
	}
	return err
}

// list reads the hashes of a checkpoint, and reports them where they are not those
// that were signed: then it gives those of the rows that are there, if these are.
func (i *inspector) list(ctx context.Context, c Checkpoint, s Statement) (list []entry, altered bool, err error) {
	list, err = readEntries(c.Hashes)
	if err == nil && digest(c.Hashes) == s.Hash && len(list) == s.Rows && list[0].id == s.First && list[len(list)-1].id == s.Last {
		return list, false, nil
	}
	sum := sha256.New()
	var there []entry
	err = i.evidence.EachRow(ctx, s.First-1, s.Last, func(r Row) error {
		if len(there) > s.Rows {
			return nil // it cannot be
		}
		e := entry{r.ID, r.Hash()}
		there = append(there, e)
		sum.Write(append(binary.BigEndian.AppendUint64(nil, uint64(e.id)), e.hash[:]...))
		return nil
	})
	if err != nil {
		return nil, true, err
	}
	if encoded(sum.Sum(nil)) == s.Hash {
		i.report(Finding{Kind: CheckpointAltered, Checkpoint: c.N, What: "its list of hashes was changed; the rows are as they were signed"})
		return there, true, nil
	}
	if list == nil {
		i.report(Finding{Kind: CheckpointAltered, Row: s.First, Through: s.Last, Checkpoint: c.N, What: "its list of hashes was destroyed, and the rows are not those that were signed: which of them cannot be told"})
		return nil, true, nil
	}
	i.report(Finding{Kind: CheckpointAltered, Checkpoint: c.N, What: "its list of hashes was changed, and the rows are not those that were signed: what is said of its rows follows the changed list"})
	return list, true, nil
}

// progress tells how far it is, every 100,000 rows.
func (i *inspector) progress() {
	if i.plan.Progress != nil && i.result.Rows-i.told >= 100_000 {
		i.told = i.result.Rows
		i.plan.Progress(i.result.Rows)
	}
}
