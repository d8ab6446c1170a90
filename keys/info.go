package keys

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// Wait is who a standby waits for beyond time. The zero value is nobody.
type Wait string

// What standbys wait for.
const (
	WaitsForFetches  Wait = "fetches"  // of the parties in Lacking
	WaitsForOperator Wait = "operator" // to activate it, when the other side has it
)

// Info is a key as operators see it: nothing private.
type Info struct {
	ID          string // kid
	Purpose     Purpose
	Algorithm   Algorithm
	State       State
	Custody     string    // where the private key lives; empty: in the store
	Away        bool      // its custody has not opened it: it cannot sign
	PublishedAt time.Time // UTC; zero: not yet, as for the four below
	SigningAt   time.Time
	VerifyingAt time.Time
	RetiredAt   time.Time
	RevokedAt   time.Time
	// Ready is when every cache holds a standby.
	Ready time.Time
	// Next is the state that follows, at NextAt; empty when nothing is planned.
	Next   State
	NextAt time.Time
	// Waits is who holds the key that signs and its standby in their states beyond
	// NextAt; Overdue tells that they do.
	Waits   Wait
	Lacking []string
	Overdue bool
}

// List tells of all keys, by line and age.
func (r *Ring) List(ctx context.Context) ([]Info, error) {
	records, err := r.read(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing: %w", err)
	}
	lacking := map[string][]string{}
	for _, rec := range records {
		if rec.State != Published || !rec.Purpose.inJWKS() {
			continue
		}
		if lacking[rec.ID], err = r.lack(ctx, rec.Algorithm, rec.ID); err != nil {
			return nil, fmt.Errorf("listing: %w", err)
		}
	}
	return r.infos(records, lacking), nil
}

// Examine lists as List does, and opens every key that is not retired: the error
// wraps ErrSealed where the master key is another one. It writes nothing and asks no
// custody.
func (r *Ring) Examine(ctx context.Context) ([]Info, error) {
	records, err := r.read(ctx)
	if err != nil {
		return nil, fmt.Errorf("examining: %w", err)
	}
	if _, err := newKeySet(records, r.box, nil, nil); err != nil {
		return nil, fmt.Errorf("examining: %w", err)
	}
	return r.infos(records, nil), nil
}

// Known tells of the keys of this moment's snapshot, as List does, without any
// I/O. Retired keys are not among them.
func (r *Ring) Known() []Info { return r.infos(r.Snapshot().set.records, *r.lacking.Load()) }

func (r *Ring) infos(records []Record, lacking map[string][]string) []Info {
	d := newDraft(*r.plans.Load(), r.time(), records, nil, lacking)
	set := r.Snapshot().set
	infos := make([]Info, 0, len(records))
	for _, rec := range d.records {
		info := Info{
			ID: rec.ID, Purpose: rec.Purpose, Algorithm: rec.Algorithm, State: rec.State, Custody: rec.Custody,
			PublishedAt: rec.PublishedAt, SigningAt: rec.SigningAt, VerifyingAt: rec.VerifyingAt,
			RetiredAt: rec.RetiredAt, RevokedAt: rec.RevokedAt,
		}
		info.Away = slices.ContainsFunc(set.closed, func(have Record) bool { return have.ID == rec.ID })
		d.foresee(rec, &info)
		infos = append(infos, info)
	}
	slices.SortFunc(infos, func(a, b Info) int {
		return cmp.Or(cmp.Compare(a.Purpose, b.Purpose), cmp.Compare(a.Algorithm, b.Algorithm),
			a.PublishedAt.Compare(b.PublishedAt), cmp.Compare(a.ID, b.ID))
	})
	return infos
}

// foresee tells the step that is planned for a key.
func (d *draft) foresee(rec *Record, info *Info) {
	if rec.State == Verifying {
		info.Next, info.NextAt = Retired, rec.RetireAt
		return
	}
	p, planned := planOf(d.plans, rec.Line())
	standby := d.find(rec.Line(), Published)
	if !planned || standby == nil || rec.State != Signing && rec != standby {
		return
	}
	if rec == standby {
		info.Ready = p.ready(standby)
	}
	at, planned := activation(p, d.find(rec.Line(), Signing), standby)
	names, _ := d.unfetched(standby)
	switch {
	case p.Confirm:
		info.Waits = WaitsForOperator
	case len(names) > 0:
		info.Waits, info.Lacking = WaitsForFetches, names
	}
	if !planned {
		return
	}
	info.Next, info.NextAt = Signing, at
	if rec.State == Signing {
		info.Next = Verifying
	}
	info.Overdue = info.Waits != "" && !d.now.Before(at)
}
