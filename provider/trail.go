package provider

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/store"
)

// A trail leads from what a source calls a session, or a person, to the sessions
// of ours that were made from it, so that a notice of the source ends them. It
// lies in a slot of the source; there a notice also leaves its mark, for sign-ins
// that are under way. Both are read and written in one step of that slot, so that
// a notice finds the trail, or the sign-in finds the mark.
//
// The trail names a session by its browser's slot and its id, which stay when the
// cookie's secret changes. In that slot lies where the session is at present.

// Bounds of trails.
const (
	// trailWidth is how many sessions one name leads to. One more ends the oldest.
	trailWidth = 16
	// maxMarks is how many marks a source leaves in one login's life. What it says
	// may be unsigned (CAS), so strangers can make it up.
	maxMarks = 100_000
	// maxNamed is how many sessions one notice names.
	maxNamed = 32
)

func trailSlot(source string) string { return "trail:" + source }

// named is what a notice may name: a session at the source, or a person there.
type named struct{ kind, name string }

func namesIn(a federation.Assertion) []named {
	names := []named{{"subject", a.Subject}}
	if a.Session != "" {
		names = append(names, named{"session", a.Session})
	}
	return names
}

func (n named) key(what string) string { return what + ":" + n.kind + ":" + hashText(n.name) }

// step is the key of one entry of the trail.
func (n named) step(i int) string { return n.key("to") + "." + strconv.Itoa(i) }

// steps reads all entries of the trail.
func (n named) steps() []store.Op {
	ops := make([]store.Op, trailWidth)
	for i := range ops {
		ops[i] = store.Get(n.step(i))
	}
	return ops
}

// layTrail makes the names of an assertion lead to the session of a browser. over
// reports that a notice of one of them has come since the login went to the source.
func (p *Provider) layTrail(ctx context.Context, src *eid.Source, a federation.Assertion, f *flow, begun time.Time, ref string) (over bool, err error) {
	names, to := namesIn(a), []byte(f.browser.handle.slot+" "+f.browser.session.ID)
	life := p.trailLife(f.browser.session, &f.login.Request.rp)
	for range maxRaces {
		places, ops, err := p.makeRoom(ctx, src, names, to, life, ref)
		if err != nil {
			return false, err
		}
		first := len(ops)
		for i, n := range names {
			ops = append(ops, store.Get(n.key("mark")), places[i])
		}
		results, err := p.deps.State.Apply(ctx, trailSlot(src.ID), ops...)
		if err != nil {
			return false, fmt.Errorf("laying the trail of a session: %w", err)
		}
		if len(results) < len(ops) || !results[len(results)-1].OK {
			continue // somebody else took that place
		}
		for i := range names {
			mark := results[first+2*i]
			over = over || mark.OK && !before(mark.Value, begun)
		}
		return over, nil
	}
	return false, errors.New("laying the trail of a session: it changes all the time")
}

// before reports whether a mark was left before a time.
func before(mark []byte, begun time.Time) bool {
	at, err := strconv.ParseInt(string(mark), 10, 64)
	return err == nil && time.Unix(0, at).Before(begun)
}

// makeRoom finds the place where each name can lead to one more session: its own if
// it is there already, else the next one, or any that is free. A session that has to
// give way ends, for no notice would find it any more. uncount takes back the count
// of those that are there already, so that the oldest stays the next to give way.
func (p *Provider) makeRoom(ctx context.Context, src *eid.Source, names []named, to []byte, life time.Duration, ref string) (places, uncount []store.Op, err error) {
	var look []store.Op
	for _, n := range names {
		look = append(append(look, n.steps()...), store.Count(n.key("count"), 1<<40, life))
	}
	results, err := p.deps.State.Apply(ctx, trailSlot(src.ID), look...)
	if err != nil {
		return nil, nil, fmt.Errorf("laying the trail of a session: %w", err)
	}
	places = make([]store.Op, len(names))
	for i, n := range names {
		steps, count := results[:trailWidth], results[trailWidth].N
		results = results[trailWidth+1:]
		own := slices.IndexFunc(steps, func(r store.Result) bool { return r.OK && bytes.Equal(r.Value, to) })
		free := slices.IndexFunc(steps, func(r store.Result) bool { return !r.OK })
		at := int(count % trailWidth)
		switch {
		case own >= 0:
			at, uncount = own, append(uncount, store.Uncount(n.key("count"), 1))
		case steps[at].OK && free >= 0:
			at = free
		case steps[at].OK:
			if err := p.endTrailed(ctx, string(steps[at].Value), ending{why: endedTooMany, source: src.ID, ref: ref}); err != nil {
				return nil, nil, err
			}
		}
		places[i] = store.PutIfAbsent(n.step(at), to, life)
		if steps[at].OK {
			places[i] = store.CompareAndSet(n.step(at), steps[at].Value, to, life)
		}
	}
	return places, uncount, nil
}

// followTrail uses up a notice, leaves its marks, and lists the sessions that it
// leads to, as slot and id. errGone means that the notice came before.
func (p *Provider) followTrail(ctx context.Context, src *eid.Source, n federation.Notice) ([]string, error) {
	var names []named
	for _, session := range n.Sessions {
		names = append(names, named{"session", session})
	}
	if len(names) == 0 {
		names = append(names, named{"subject", n.Subject})
	}
	now := p.deps.Now()
	var ops []store.Op
	if n.Once != "" {
		ops = append(ops, store.PutIfAbsent(onceKey(n), []byte(noticeTaken), min(noticeLease, n.Until.Sub(now))))
	}
	first := len(ops)
	for _, name := range names {
		ops = append(ops, name.steps()...)
	}
	mark := strconv.AppendInt(nil, now.UnixNano(), 10)
	for _, name := range names {
		ops = append(ops, store.Count("marks", maxMarks, p.cfg.Lifetimes.Login), // a failed one ends the run
			store.Delete(name.key("mark")), store.PutIfAbsent(name.key("mark"), mark, p.cfg.Lifetimes.Login))
	}
	results, err := p.deps.State.Apply(ctx, trailSlot(src.ID), ops...)
	if err != nil {
		return nil, fmt.Errorf("following the trail of a session: %w", err)
	}
	if first > 0 && !results[0].OK {
		return nil, errGone
	}
	var found []string
	for _, r := range results[first : first+len(names)*trailWidth] {
		if r.OK {
			found = append(found, string(r.Value))
		}
	}
	return found, nil
}

// What becomes of a notice that counts once: it is taken by whoever carries it out,
// then done. One that was only taken may come again.
const (
	noticeTaken = "taken"
	noticeDone  = "done"
)

// noticeLease is how long a notice is taken where nobody could say how it went.
const noticeLease = 30 * time.Second

// settleNotice marks a notice that was carried out, or lets it come again.
func (p *Provider) settleNotice(ctx context.Context, src *eid.Source, n federation.Notice, done bool) error {
	left := n.Until.Sub(p.deps.Now())
	if n.Once == "" || left <= 0 {
		return nil
	}
	op := store.Delete(onceKey(n))
	if done {
		op = store.CompareAndSet(onceKey(n), []byte(noticeTaken), []byte(noticeDone), left)
	}
	if _, err := p.deps.State.Apply(ctx, trailSlot(src.ID), op); err != nil {
		return fmt.Errorf("settling a notice: %w", err)
	}
	return nil
}

func onceKey(n federation.Notice) string { return "once:" + hashText(n.Once) }

func placeKey(id string) string { return kindPlace + ":" + hashText(id) }

// trailLife is how long a trail to a session is kept: as long as the session may
// last, and the tokens that it gave, or will give to the party that a login is for.
func (p *Provider) trailLife(s session, rp *eid.RelyingParty) time.Duration {
	life := max(p.cfg.Lifetimes.SessionAbsolute, p.keepFor(s))
	if rp.Refresh {
		life = max(life, p.cfg.Lifetimes.Login+p.longestToken(rp, eid.Level1))
	}
	return min(life, store.MaxTTL)
}

// movePlace notes where a session is from now on, in the step that moves it.
func (p *Provider) movePlace(s session, to handle, rp *eid.RelyingParty) []store.Op {
	return []store.Op{
		store.Delete(placeKey(s.ID)),
		store.PutIfAbsent(placeKey(s.ID), []byte(to.key(kindSession)), p.trailLife(s, rp)),
	}
}

// endTrailed ends the session that a trail leads to, if it is there. One that
// moves meanwhile is followed.
func (p *Provider) endTrailed(ctx context.Context, to string, e ending) error {
	slot, id, _ := strings.Cut(to, " ")
	emptied := ""
	for range maxRaces {
		results, err := p.deps.State.Apply(ctx, slot, store.Get(placeKey(id)))
		if err != nil {
			return fmt.Errorf("finding a session: %w", err)
		}
		place := string(results[0].Value)
		if !results[0].OK || place == emptied {
			return nil // it is over
		}
		// One that went idle is ended as well: its tokens may live.
		b, _, err := p.load(ctx, browser{handle: handle{slot: slot}, place: place})
		if err != nil && !errors.Is(err, errGone) {
			return err
		}
		if b.raw == nil { // over, or moved: the place tells
			emptied = place
			continue
		}
		if _, err := p.endSession(ctx, b, e); !errors.Is(err, errGone) {
			return err
		}
	}
	return errors.New("ending a session: it changes all the time")
}
