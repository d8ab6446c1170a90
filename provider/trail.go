package provider

import (
	"context"
	"errors"
	"fmt"
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
	// trailWidth is how many sessions one name leads to; the oldest gives way.
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
func (n named) step(i int64) string { return n.key("to") + "." + strconv.FormatInt(i%trailWidth, 10) }

// layTrail makes the names of an assertion lead to the session of a browser. over
// reports that a notice of one of them has come since the login went to the source.
func (p *Provider) layTrail(ctx context.Context, src *eid.Source, a federation.Assertion, b browser, begun time.Time) (over bool, err error) {
	names, life := namesIn(a), p.cfg.Lifetimes.SessionAbsolute
	var count, lay []store.Op
	for _, n := range names {
		count = append(count, store.Count(n.key("count"), 1<<40, life))
	}
	places, err := p.deps.State.Apply(ctx, trailSlot(src.ID), count...)
	if err != nil {
		return false, fmt.Errorf("laying the trail of a session: %w", err)
	}
	to := []byte(b.handle.slot + " " + b.session.ID)
	for i, n := range names {
		lay = append(lay, store.Get(n.key("mark")), store.Delete(n.step(places[i].N)), store.PutIfAbsent(n.step(places[i].N), to, life))
	}
	results, err := p.deps.State.Apply(ctx, trailSlot(src.ID), lay...)
	if err != nil {
		return false, fmt.Errorf("laying the trail of a session: %w", err)
	}
	for i := range names {
		mark := results[3*i]
		if !mark.OK {
			continue
		}
		at, err := strconv.ParseInt(string(mark.Value), 10, 64)
		over = over || err != nil || !time.Unix(0, at).Before(begun)
	}
	return over, nil
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
		ops = append(ops, store.PutIfAbsent(onceKey(n), []byte{1}, n.Until.Sub(now)))
	}
	first := len(ops)
	for _, name := range names {
		for i := range int64(trailWidth) {
			ops = append(ops, store.Get(name.step(i)))
		}
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

// forgetNotice lets a notice come again that could not be carried out.
func (p *Provider) forgetNotice(ctx context.Context, src *eid.Source, n federation.Notice) error {
	if n.Once == "" {
		return nil
	}
	if _, err := p.deps.State.Apply(ctx, trailSlot(src.ID), store.Delete(onceKey(n))); err != nil {
		return fmt.Errorf("forgetting a notice: %w", err)
	}
	return nil
}

func onceKey(n federation.Notice) string { return "once:" + hashText(n.Once) }

func placeKey(id string) string { return kindPlace + ":" + hashText(id) }

// movePlace notes where a session is from now on, in the step that moves it.
func (p *Provider) movePlace(id string, to handle) []store.Op {
	return []store.Op{
		store.Delete(placeKey(id)),
		store.PutIfAbsent(placeKey(id), []byte(to.key(kindSession)), p.cfg.Lifetimes.SessionAbsolute),
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
