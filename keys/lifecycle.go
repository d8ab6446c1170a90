package keys

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// cause is who brought a step about, and why.
type cause struct{ actor, reason string }

// byClock is the cause of what time alone brings about.
func byClock(reason string) cause { return cause{actor: "system", reason: reason} }

// draft works out what the rules make of the records at one instant, on a copy. It
// does no I/O. A step that needs new keys takes them from spare, and is left undone
// where these do not suffice: missing then says what to make. A step that depends on
// what parties have fetched is left undone where that is not known: asks says of which
// standbys.
type draft struct {
	plans   []Plan // complete
	now     time.Time
	records []*Record
	spare   []Record
	lacking map[string][]string // parties that await a standby and have not fetched it, by kid
	missing []Plan
	asks    []*Record
	faults  []error
	put     []*Record // changed records, in the order of change
	events  []Event
	revoked []RevokedKey
}

func newDraft(plans []Plan, now time.Time, records, spare []Record, lacking map[string][]string) *draft {
	d := &draft{plans: plans, now: now, lacking: lacking}
	for _, rec := range spare {
		if !contains(records, rec.ID) { // written by a transaction that seemed to fail
			d.spare = append(d.spare, rec)
		}
	}
	for _, rec := range records {
		d.records = append(d.records, &rec)
	}
	return d
}

// update is what is to be written.
func (d *draft) update() Update {
	u := Update{Events: d.events, Revoked: d.revoked}
	for _, rec := range d.put {
		u.Put = append(u.Put, *rec)
	}
	return u
}

// settle begins lines without a key and, where this process alone acts on the time,
// does what that demands: it lets standbys sign, publishes new standbys and retires
// keys. What keeps it from a line is in faults and keeps it from no other.
func (d *draft) settle(alone bool) {
	for _, p := range d.plans {
		if err := d.settleLine(p, alone); err != nil {
			d.faults = append(d.faults, err)
		}
	}
	for _, rec := range d.records {
		if alone && rec.State == Verifying && !d.now.Before(rec.RetireAt) {
			d.retire(rec, ActionRetired, byClock("last token expired"))
		}
	}
}

func (d *draft) settleLine(p Plan, alone bool) error {
	signing, standby := d.find(p.Line(), Signing), d.find(p.Line(), Published)
	switch {
	case signing == nil && standby == nil:
		return d.begin(p)
	case !alone:
	case standby == nil:
		if d.has(p, 1) {
			d.publish(p, byClock("standby"))
		}
	default:
		at, planned := activation(p, signing, standby)
		if planned && !p.Confirm && !d.now.Before(at) && d.fetched(standby) && d.has(p, 1) {
			d.activate(p, standby, byClock("rotation due"))
			d.publish(p, byClock("standby"))
		}
	}
	return nil
}

// begin makes the first keys of a line, and those after all were revoked.
func (d *draft) begin(p Plan) error {
	var newest *Record
	signed := false
	for _, rec := range d.records {
		if rec.Line() != p.Line() {
			continue
		}
		signed = signed || !rec.SigningAt.IsZero()
		step := func(rec *Record) time.Time { return later(rec.PublishedAt, rec.SigningAt) }
		if newest == nil || step(rec).After(step(newest)) || step(rec).Equal(step(newest)) && !rec.RevokedAt.IsZero() {
			newest = rec
		}
	}
	why := byClock("first key of " + p.Line().String())
	switch {
	case newest != nil && newest.RevokedAt.IsZero():
		// Somebody removed rows. A new key would hide it, and verifiers would not
		// know it.
		return fmt.Errorf("%w for %s, though the store has older ones: restore the tables of keys from a backup", ErrNoKey, p.Line())
	case newest != nil:
		why = byClock("all were revoked")
	}
	switch {
	case (p.Succeeds || d.cached(p)) && !signed:
		if d.has(p, 1) {
			d.publish(p, why)
		}
	case d.has(p, 2):
		// No verifier holds a set of this line to wait for, or all have to fetch.
		d.activate(p, d.publish(p, why), why)
		d.publish(p, byClock("standby"))
	}
	return nil
}

// cached reports whether caches may hold key sets without any key of a line that can
// wait until they do not: logout tokens are signed by keys of tokens meanwhile, as they
// were before they had keys of their own.
func (d *draft) cached(p Plan) bool {
	return p.Purpose == LogoutTokens && slices.ContainsFunc(d.records, func(rec *Record) bool {
		return rec.Purpose == Tokens && rec.PublishedAt.Before(d.now)
	})
}

// has reports whether there are n spare keys for a plan, and notes it if not.
func (d *draft) has(p Plan, n int) bool {
	for _, rec := range d.spare {
		if spares(p, rec) {
			n--
		}
	}
	for range n {
		d.missing = append(d.missing, p)
	}
	return n <= 0
}

// spares reports whether a key was made for a plan.
func spares(p Plan, rec Record) bool {
	return rec.Line() == p.Line() && rec.Custody == p.Custody && (p.Certificate.CommonName != "") == (len(rec.Certificate) > 0)
}

// publish makes a spare key, which has has found, the standby.
func (d *draft) publish(p Plan, why cause) *Record {
	i := slices.IndexFunc(d.spare, func(rec Record) bool { return spares(p, rec) })
	rec := d.spare[i]
	d.spare = slices.Delete(d.spare, i, i+1)
	rec.State, rec.PublishedAt = Published, d.now
	d.records = append(d.records, &rec)
	d.change(&rec, Event{Action: ActionPublished}, why)
	return &rec
}

// activate lets a standby sign in place of the key that does.
func (d *draft) activate(p Plan, standby *Record, why cause) {
	if old := d.find(p.Line(), Signing); old != nil {
		old.State, old.VerifyingAt = Verifying, d.now
		old.RetireAt = d.now.Add(p.VerifyFor)
		d.change(old, Event{Action: ActionVerifying}, why)
	}
	standby.State, standby.SigningAt = Signing, d.now
	d.change(standby, Event{Action: ActionSigning}, why)
}

// retire takes a key out of use. The ring drops its private part when it writes.
func (d *draft) retire(rec *Record, action string, why cause) {
	rec.State, rec.RetiredAt = Retired, d.now
	d.change(rec, Event{Action: action}, why)
}

// change notes that rec is to be written, with its event.
func (d *draft) change(rec *Record, e Event, why cause) {
	if !slices.Contains(d.put, rec) {
		d.put = append(d.put, rec)
	}
	e.KeyID, e.Purpose, e.Actor, e.Reason = rec.ID, rec.Purpose, why.actor, why.reason
	d.events = append(d.events, e)
}

// fetched reports whether every party that awaits a standby is known to have it.
func (d *draft) fetched(standby *Record) bool {
	names, known := d.unfetched(standby)
	return known && len(names) == 0
}

// unfetched names the parties that await a standby and have not fetched it.
func (d *draft) unfetched(standby *Record) (names []string, known bool) {
	if !standby.Purpose.inJWKS() {
		return nil, true
	}
	names, known = d.lacking[standby.ID]
	if !known {
		d.asks = append(d.asks, standby)
	}
	return names, known
}

// find returns a key of a line in a state, or nil; of several the oldest.
func (d *draft) find(l Line, state State) *Record {
	var found *Record
	for _, rec := range d.records {
		if rec.Line() == l && rec.State == state && (found == nil || rec.PublishedAt.Before(found.PublishedAt)) {
			found = rec
		}
	}
	return found
}

// key returns the record of a kid, or nil.
func (d *draft) key(id string) *Record {
	for _, rec := range d.records {
		if rec.ID == id {
			return rec
		}
	}
	return nil
}

// ready is the earliest time at which every cache holds a standby.
func (p Plan) ready(standby *Record) time.Time { return standby.PublishedAt.Add(p.PublishFor) }

// activation is when a standby is to start signing: at the end of the other key's term
// or when an operator scheduled it, whichever is first, but never before it is ready.
// planned is false when only an operator will tell.
func activation(p Plan, signing, standby *Record) (at time.Time, planned bool) {
	at = standby.ActivateAt
	if signing == nil && at.IsZero() {
		at = p.ready(standby)
	}
	if signing != nil && p.RotateEvery > 0 {
		if term := signing.SigningAt.Add(p.RotateEvery); at.IsZero() || term.Before(at) {
			at = term
		}
	}
	if at.IsZero() {
		return time.Time{}, false
	}
	if ready := p.ready(standby); at.Before(ready) {
		at = ready
	}
	return at, true
}

// errLacks ends a change for want of generated keys or of an answer.
var errLacks = errors.New("more is needed than was prepared")
