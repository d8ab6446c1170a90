package provider

import (
	"cmp"
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
	// trailRaces is how often laying a trail is tried again after another sign-in of
	// that name was faster.
	trailRaces = 2 * trailWidth
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

// trail is what one name leads to: sessions, the oldest first.
type trail []trailed

// trailed is one session that a trail leads to: its browser's slot and its id.
type trailed struct {
	until int64 // seconds since 1970: when nothing of it is left
	to    string
}

// readTrail reads what text wrote. Where there is nothing there is no trail.
func readTrail(raw []byte) (t trail, err error) {
	for line := range strings.Lines(string(raw)) {
		until, to, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		one := trailed{to: to}
		if one.until, err = strconv.ParseInt(until, 10, 64); err != nil {
			return nil, errors.New("not a trail")
		}
		t = append(t, one)
	}
	return t, nil
}

// text writes a line for each session.
func (t trail) text() []byte {
	var text []byte
	for _, one := range t {
		text = append(append(append(strconv.AppendInt(text, one.until, 10), ' '), one.to...), '\n')
	}
	return text
}

// with is the trail that leads to one more session, or to it for longer. What has to
// give way for it is the oldest, or one of which nothing is left.
func (t trail) with(one trailed, now time.Time) (longer trail, ousted string) {
	longer = slices.Clone(t)
	if i := slices.IndexFunc(longer, func(other trailed) bool { return other.to == one.to }); i >= 0 {
		longer[i].until = max(longer[i].until, one.until)
		return longer, ""
	}
	if longer = append(longer, one); len(longer) <= trailWidth {
		return longer, ""
	}
	i := max(slices.IndexFunc(longer, func(other trailed) bool { return other.until < now.Unix() }), 0)
	ousted = longer[i].to
	return slices.Delete(longer, i, i+1), ousted
}

// life is how long the trail is kept: as long as anything that it leads to.
func (t trail) life(now time.Time) time.Duration {
	last := slices.MaxFunc(t, func(a, b trailed) int { return cmp.Compare(a.until, b.until) })
	return min(time.Unix(last.until, 0).Sub(now), store.MaxTTL)
}

// layTrail makes the names of an assertion lead to the session of a browser. over
// reports that a notice of one of them has come since the login went to the source.
// A session that has to give way ends, for no notice would find it any more.
func (p *Provider) layTrail(ctx context.Context, src *eid.Source, a federation.Assertion, f *flow, begun time.Time, ref string) (over bool, err error) {
	names, now := namesIn(a), p.deps.Now()
	one := trailed{
		until: now.Add(p.trailLife(f.browser.session, &f.login.Request.rp)).Unix() + 1,
		to:    f.browser.handle.slot + " " + f.browser.session.ID,
	}
	var look []store.Op
	for _, n := range names {
		look = append(look, store.Get(n.key("to")))
	}
	for range trailRaces {
		found, err := p.deps.State.Apply(ctx, trailSlot(src.ID), look...)
		if err != nil {
			return false, fmt.Errorf("laying the trail of a session: %w", err)
		}
		var ops []store.Op
		for i, n := range names {
			before, err := readTrail(found[i].Value)
			if err != nil {
				return false, fmt.Errorf("laying the trail of a session: %w", err)
			}
			after, ousted := before.with(one, now)
			if ousted != "" {
				if err := p.endTrailed(ctx, ousted, ending{why: endedTooMany, source: src.ID, ref: ref}); err != nil {
					return false, err
				}
			}
			keep := store.PutIfAbsent(n.key("to"), after.text(), after.life(now))
			if found[i].OK {
				keep = store.CompareAndSet(n.key("to"), found[i].Value, after.text(), after.life(now))
			}
			ops = append(ops, store.Get(n.key("mark")), keep)
		}
		results, err := p.deps.State.Apply(ctx, trailSlot(src.ID), ops...)
		if err != nil {
			return false, fmt.Errorf("laying the trail of a session: %w", err)
		}
		if len(results) < len(ops) || !results[len(results)-1].OK {
			continue // somebody else laid one meanwhile
		}
		for i := range names {
			mark := results[2*i]
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
		ops = append(ops, store.Get(name.key("to")))
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
	for _, r := range results[first : first+len(names)] {
		t, err := readTrail(r.Value)
		if err != nil {
			return nil, fmt.Errorf("following the trail of a session: %w", err)
		}
		for _, one := range t {
			found = append(found, one.to)
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
