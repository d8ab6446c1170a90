package provider_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/store/storetest"
)

// interleave runs scripts of so many steps each in every order that keeps the steps of
// each script in theirs.
func interleave(lengths []int, run func(order []int)) {
	var extend func(order, left []int)
	extend = func(order, left []int) {
		done := true
		for i, n := range left {
			if n > 0 {
				done = false
				rest := slices.Clone(left)
				rest[i]--
				extend(append(slices.Clone(order), i), rest)
			}
		}
		if done {
			run(order)
		}
	}
	extend(nil, lengths)
}

func TestInterleave(t *testing.T) {
	seen := map[string]bool{}
	interleave([]int{2, 3}, func(order []int) { seen[fmt.Sprint(order)] = true })
	if len(seen) != 10 || !seen["[1 0 1 0 1]"] {
		t.Errorf("interleave() gave %d orders of 2 and 3 steps, want the 10 there are: %v", len(seen), seen)
	}
}

// ceremony is a script: one person's way through the linking, in five steps. A step
// whose page did not come does nothing, as a person who is shown something else.
type ceremony struct {
	*agent
	b       *crossroads
	x, a    person
	another string // which X of that person
	at      page
	proved  bool // A came back from the national source, and the page asked to confirm
	codes   []string
}

// linkSteps is how many steps a ceremony has.
const linkSteps = 5

func (c *ceremony) step(n int) {
	switch n {
	case 0:
		if p := c.get(c.b.asks("portal", "prompt", "login")); strings.Contains(p.body, `value="`+sourceOld+`"`) {
			c.at = c.submit(p, "source", sourceOld)
		}
	case 1:
		if c.at.at() == sourceOld {
			c.at = c.agent.proves(c.at, c.x, "2", "another", c.another)
		}
	case 2, 4:
		if strings.Contains(c.at.body, `value="link"`) {
			c.at = c.submit(c.at, "action", "link")
		}
	case 3:
		if c.at.at() == sourceMPS {
			c.at = c.agent.proves(c.at, c.a, "2")
			c.proved = strings.Contains(c.at.body, titleConfirmLink)
		}
	}
	if code := c.at.code(); code != "" && !slices.Contains(c.codes, code) {
		c.codes = append(c.codes, code)
	}
}

// newLinking is a crossroads whose legacy provider lets people link, and says of them
// what it calls them and no more; both are known at the national source.
func newLinking(t *testing.T) *crossroads {
	t.Helper()
	b := newCrossroads(t, linkable)
	b.old.mute.Store(true)
	b.links(sourceMPS, thu, eid.Level2)
	b.links(sourceMPS, cau, eid.Level2)
	return b
}

// linkable lets the holders of the legacy provider's accounts link them, at Level 2.
func linkable(old, _ *eid.Source) {
	old.MayAssert, old.GrantsAtMost[0].Level = []eid.Level{eid.Level1, eid.Level2}, eid.Level2
	old.Linking = &eid.Linking{Cap: eid.Level2}
}

// linkedTo is whose account an X is linked to; empty: nobody's.
func (b *crossroads) linkedTo(x person, another string) (eid.AccountID, string) {
	b.t.Helper()
	link, err := b.db.LinkBySubject(b.t.Context(), sourceOld, sourceOld+"-"+x.name+another)
	if err != nil {
		return "", ""
	}
	return link.Account, link.ID
}

// subjects are what the first party calls people.
func (b *crossroads) subjects() map[any]person {
	b.t.Helper()
	list := map[any]person{}
	for _, p := range []person{thu, cau} {
		a := b.browser()
		got := b.redeem(a.proves(a.submit(a.get(b.asks("portal")), "source", sourceMPS), p, "2").code())
		list[got.claims["sub"]] = p
	}
	return list
}

// raceStride is how many orders of two linkings pass for each that the race detector sees.
const raceStride = 21

// TestEveryOrderOfTwoLinkings: two browsers link the same X at once, as two people or
// as one, in all 252 orders. Whoever confirms first has the link. The other one gets
// no link and no sign-in where it is another person, and the same one where it is not.
func TestEveryOrderOfTwoLinkings(t *testing.T) {
	t.Parallel()
	for name, second := range map[string]person{"two people": cau, "one person": thu} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newLinking(t)
			who, runs := b.subjects(), 0
			interleave([]int{linkSteps, linkSteps}, func(order []int) {
				if runs++; raced && runs%raceStride != 0 {
					return
				}
				another, next := fmt.Sprint(runs), [2]int{}
				both := [2]*ceremony{
					{agent: b.browser(), b: b, x: thu, a: thu, another: another}, {agent: b.browser(), b: b, x: thu, a: second, another: another},
				}
				first, late := -1, false // who confirms first; whether the other one had not proved X by then
				for _, i := range order {
					both[i].step(next[i])
					if next[i]++; next[i] == linkSteps && first < 0 {
						first, late = i, next[1-i] < 2
					}
				}
				account, link := b.linkedTo(thu, another)
				if account != both[first].a.account(b.world) {
					t.Fatalf("order %v: linked to %s, want to whom browser %d proved", order, account, first)
				}
				for i, c := range both {
					wants := late || c.a == both[first].a // X opens the linked account from then on
					if (len(c.codes) == 1) != wants {
						t.Fatalf("order %v: browser %d got %d codes, want one %v; it shows %d %v\n%s", order, i, len(c.codes), wants, c.at.status, c.at.back, c.at.body)
					}
					if !wants {
						if !strings.Contains(c.at.body, saysConflict) {
							t.Fatalf("order %v: browser %d shows %d\n%s", order, i, c.at.status, c.at.body)
						}
						continue
					}
					if got := b.redeem(c.codes[0]); who[got.claims["sub"]] != both[first].a {
						t.Fatalf("order %v: browser %d got a token of %v", order, i, got.claims["sub"])
					}
				}
				must(t, b.accounts.EndLink(t.Context(), link, "operator:test"))
				b.clearsConflicts()
				b.pass(time.Hour) // an account opens few conflicts an hour
			})
			if runs != 252 {
				t.Errorf("%d orders, want 252", runs)
			}
		})
	}
}

// clearsConflicts has an officer refuse what waits: an account has few that do.
func (b *crossroads) clearsConflicts() {
	b.t.Helper()
	queue := accounts.NewConflicts(b.db, b.clock)
	list, err := queue.List(b.t.Context(), accounts.ConflictFilter{})
	must(b.t, err)
	for i := range list {
		_, err := queue.Reject(b.t.Context(), list[i].ID, "two at once", "operator:test")
		must(b.t, err)
	}
}

// during runs one ceremony in every order with steps of the surroundings, and checks
// that it links exactly where want says so.
func during(t *testing.T, events []func(b *crossroads), want func(order []int) bool) {
	t.Helper()
	b := newLinking(t)
	who, runs, linked := b.subjects(), 0, 0
	interleave([]int{linkSteps, len(events)}, func(order []int) {
		runs++
		c := &ceremony{agent: b.browser(), b: b, x: thu, a: thu, another: fmt.Sprint(runs)}
		next := [2]int{}
		for _, i := range order {
			if i == 0 {
				c.step(next[0])
			} else {
				events[next[1]](b)
			}
			next[i]++
			b.pass(time.Second)
		}
		account, link := b.linkedTo(thu, c.another)
		if wanted := want(order); (link != "") != wanted || wanted && account != thu.account(b.world) {
			t.Errorf("order %v: linked %v, want %v; the browser shows %d\n%s", order, link != "", wanted, c.at.status, c.at.body)
		}
		for _, code := range c.codes {
			if got := b.redeem(code); link == "" && got.status == 200 || got.status == 200 && who[got.claims["sub"]] != thu {
				t.Errorf("order %v: a token of %v", order, got.claims)
			}
		}
		if link != "" {
			linked++
			must(t, b.accounts.EndLink(t.Context(), link, "operator:test"))
		}
		b.pass(time.Hour)
	})
	if linked == 0 || linked == runs {
		t.Errorf("%d of %d orders linked: the table checks nothing", linked, runs)
	}
}

// places finds where in an order a step of the ceremony and an event stand.
func places(order []int, step, event int) (at, when int) {
	seen := [2]int{}
	for place, i := range order {
		if i == 0 && seen[0] == step {
			at = place
		}
		if i == 1 && seen[1] == event {
			when = place
		}
		seen[i]++
	}
	return at, when
}

// before reports whether an event came before a step of the ceremony.
func before(order []int, event, step int) bool {
	at, when := places(order, step, event)
	return when < at
}

// TestLinkBegunBeforeALockAndFinishedAfter: A is locked, and unlocked again, in every
// order with the steps of the ceremony. While it is locked it proves nothing and nothing
// is linked to it, and what it proved before the lock is gone.
func TestLinkBegunBeforeALockAndFinishedAfter(t *testing.T) {
	t.Parallel()
	lock, unlock := locking(thu)
	t.Run("locked", func(t *testing.T) {
		b := newLinking(t)
		for step := range linkSteps + 1 { // before which it is locked
			c := &ceremony{agent: b.browser(), b: b, x: thu, a: thu, another: fmt.Sprint(step)}
			for n := range linkSteps {
				if n == step {
					lock(b)
				}
				c.step(n)
			}
			_, link := b.linkedTo(thu, c.another)
			if wanted := step == linkSteps; (link != "") != wanted || len(c.codes) > 0 != wanted {
				t.Errorf("locked before step %d: linked %v with %d codes, want %v; the browser shows %d\n%s", step, link != "", len(c.codes), wanted, c.at.status, c.at.body)
			}
			if step < linkSteps {
				unlock(b)
			}
		}
	})
	t.Run("locked and unlocked", func(t *testing.T) {
		during(t, []func(*crossroads){lock, unlock}, func(order []int) bool {
			return before(order, 1, 3) || !before(order, 0, 4) // the proof of A, and the word
		})
	})
}

// locking gives the acts that lock and unlock somebody.
func locking(p person) (lock, unlock func(b *crossroads)) {
	var id string
	lock = func(b *crossroads) {
		l, err := b.locks.Set(b.t.Context(), p.account(b.world), eid.LockSelf, storetest.Self())
		must(b.t, err)
		id = l.ID
		b.pass(time.Second) // what is proved counts from after it
	}
	unlock = func(b *crossroads) {
		must(b.t, b.locks.Lift(b.t.Context(), p.account(b.world), id, storetest.Self()))
	}
	return lock, unlock
}

// TestEveryOrderOfALinkingAndAnEnd: the legacy provider's window closes, or an operator
// switches it off, in every order with the steps of the ceremony: from then on nothing
// is linked. What was switched on again takes back nothing of before.
func TestEveryOrderOfALinkingAndAnEnd(t *testing.T) {
	t.Parallel()
	t.Run("switched off and on", func(t *testing.T) {
		t.Parallel()
		off := func(b *crossroads) { b.switched(sourceOld, true) }
		on := func(b *crossroads) { b.switched(sourceOld, false) }
		during(t, []func(*crossroads){off, on}, func(order []int) bool {
			return before(order, 1, 0) || !before(order, 0, 4)
		})
	})
	t.Run("window closed and opened", func(t *testing.T) {
		t.Parallel()
		until := func(end func(b *crossroads) time.Time) func(*crossroads) {
			return func(b *crossroads) {
				b.arranged(func(old, mps *eid.Source) {
					linkable(old, mps)
					old.Window.Until = end(b)
				})
			}
		}
		shut, open := until((*crossroads).clock), until(func(*crossroads) time.Time { return time.Time{} })
		during(t, []func(*crossroads){shut, open}, func(order []int) bool {
			closed := func(step int) bool { return before(order, 0, step) && !before(order, 1, step) }
			for step := range linkSteps { // each step looks
				if closed(step) {
					return false
				}
			}
			return true
		})
	})
}

// TestEveryOrderOfASignInAndAnUndo: the link is undone in every order with a sign-in
// through it. What was given before is over at once, and nothing is given after.
func TestEveryOrderOfASignInAndAnUndo(t *testing.T) {
	t.Parallel()
	b := newLinking(t)
	who, runs := b.subjects(), 0
	interleave([]int{4, 1}, func(order []int) {
		runs++
		link, err := b.accounts.Link(t.Context(), eid.Link{Account: thu.account(b.world), Source: sourceOld, Cap: eid.Level2}, fmt.Sprint("old-thu", runs), "synthetic evidence", "operator:test")
		must(t, err)
		a, step, undone := b.browser(), 0, false
		var p page
		var got tokens
		for _, i := range order {
			if i == 1 {
				must(t, b.accounts.EndLink(t.Context(), link.ID, "operator:test"))
				undone = true
				continue
			}
			switch step {
			case 0:
				p = a.submit(a.get(b.asks("portal")), "source", sourceOld)
			case 1:
				p = a.proves(p, thu, "2", "another", fmt.Sprint(runs))
				if (p.code() == "") != undone || undone && !strings.Contains(p.body, titleLink) {
					t.Errorf("order %v: the proof leads to %d %v, undone %v", order, p.status, p.back, undone)
				}
			case 2:
				if p.code() != "" {
					if got = b.redeem(p.code()); (got.status == 200) == undone {
						t.Errorf("order %v: redeeming = %d %s, undone %v", order, got.status, got.Error, undone)
					}
				}
			case 3:
				if got.status == 200 {
					if who[got.claims["sub"]] != thu || b.active(got.AccessToken) == undone {
						t.Errorf("order %v: a token of %v is active %v, undone %v", order, got.claims["sub"], !undone, undone)
					}
				}
			}
			step++
		}
		if got.status == 200 {
			if b.active(got.AccessToken) || b.refresh(got.RefreshToken).Error != "invalid_grant" {
				t.Errorf("order %v: what was given lives after the undo", order)
			}
		}
		if silent := b.silent(a, "portal").Get("error"); silent != "login_required" && silent != "interaction_required" {
			t.Errorf("order %v: the session gives %q after the undo, want none", order, silent)
		}
	})
	if runs != 5 {
		t.Errorf("%d orders, want 5", runs)
	}
}

// TestEveryOrderOfTwoStepUps: in two tabs of one session, the holder and somebody else
// step up at once, in all orders. Tokens are the holder's, whatever comes first.
func TestEveryOrderOfTwoStepUps(t *testing.T) {
	t.Parallel()
	b := newLinking(t)
	b.links(sourceOld, thu, eid.Level1)
	who, runs := b.subjects(), 0
	interleave([]int{3, 3}, func(order []int) {
		runs++
		a := b.browser()
		first := b.enters(a, thu)
		var at [2]page
		step := [2]int{}
		for _, i := range order {
			switch as := []person{thu, cau}[i]; step[i] {
			case 0:
				at[i] = a.get(b.asks("high"))
			case 1:
				if strings.Contains(at[i].body, `value="step_up"`) {
					at[i] = a.submit(at[i], "action", "step_up")
				}
			case 2:
				if at[i].at() != "" {
					at[i] = a.proves(at[i], as, "2")
				}
			}
			step[i]++
		}
		if got := b.redeemHigh(at[0].code()); got.claims["acr"] != acrLevel2 {
			t.Fatalf("order %v: the holder's tab got acr %v; it shows %d\n%s", order, got.claims["acr"], at[0].status, at[0].body)
		}
		other := at[1]
		if code := other.code(); code != "" { // the session was raised before this tab asked
			if got := b.redeemHigh(code); got.status != 200 {
				t.Errorf("order %v: redeeming = %d %s", order, got.status, got.Error)
			}
		} else if !strings.Contains(other.body, titleOtherPerson) && !strings.Contains(other.body, titleStepUp) {
			t.Errorf("order %v: the other tab shows %d\n%s", order, other.status, other.body)
		}
		again := b.redeem(b.silent(a, "portal").Get("code"))
		if who[again.claims["sub"]] != thu || again.claims["sid"] != first.claims["sid"] || !b.active(first.AccessToken) {
			t.Errorf("order %v: the session is now of %v", order, again.claims["sub"])
		}
	})
	if runs != 20 {
		t.Errorf("%d orders, want 20", runs)
	}
}
