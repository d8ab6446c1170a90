package provider_test

import (
	"fmt"
	"slices"
	"time"

	"eidgate/eid"
)

// truth is what a model run knows to have happened: who proved what where, who
// confirmed, what stands. It is said in terms of the law and not of the code: it knows
// no stages, no sessions' records and no cookies. What the gateway does has to be
// permitted by it.
type truth struct {
	now    func() time.Time
	proofs []proved
	ties   map[string]*tie // living links of the legacy provider, by the name of X
	former map[string][]string
	locks  map[string]map[eid.LockReason]bool // in force, by whose
	shut   map[string]time.Time               // when the account was locked last
	wishes map[string]bool                    // logins in which somebody asked to undo a lock of their own
	open   bool                               // the legacy provider's window, and its switch
	limit  eid.Level                          // its linking.cap
	states bool                               // it says whom it means, so that a number can gainsay
	hands  [2]hand
}

// proved is one proof at a source, in one login of one browser.
type proved struct {
	browser int
	login   string
	source  string
	who     string // as whom
	level   eid.Level
	at      time.Time
	epoch   int  // of the browser
	void    bool // of another person than who holds the session: it changes nothing
	unlocks bool // it was given to undo a lock of the own
}

// tie is a link X→A.
type tie struct {
	id     string
	holds  string // whose account
	limit  eid.Level
	logins []string // that it was confirmed in, the one that made it first; none at an operator's word
	after  int      // how many proofs there were before it
}

// hand is a browser, from one end of a session to the next.
type hand struct {
	epoch  int
	holder string // who had the last tokens of this epoch; empty: unknown
	seen   time.Time
	since  time.Time    // holder
	killed map[int]bool // epochs that a logout or "not me" ended
}

// ground is what a grant may rest on.
type ground struct {
	who    string
	source string
	level  eid.Level // at most
	tie    string    // link; empty at the national source
	at     time.Time // when it was proved
}

// asked is one authorization request of a run.
type asked struct {
	browser int
	client  string
	login   string // as learned from the pages
	fresh   bool   // prompt=login: somebody else may come
}

// floors of the two parties.
var floors = map[string]eid.Level{"portal": eid.Level1, "high": eid.Level2}

// Bounds of time that the model holds the gateway to.
const (
	provesLevel2 = 30 * time.Minute // a proof carries Level 2 for new grants
	idles        = 30 * time.Minute // a session without a request
	lives        = 11 * time.Hour   // a session is one for as long at least
	sidesKeep    = 5 * time.Minute  // from the legacy proof to the confirmation
)

// uses notes a request of a browser: one that was quiet for too long has no session.
func (m *truth) uses(browser int) {
	h := &m.hands[browser]
	if m.now().Sub(h.seen) > idles {
		h.epoch++
		h.holder = ""
	}
	if m.now().Sub(h.since) > lives {
		h.holder = ""
	}
	h.seen = m.now()
}

// holds notes who got tokens from a browser; empty where that is not known.
func (m *truth) holds(browser int, who string) {
	h := &m.hands[browser]
	if h.holder != who {
		h.holder, h.since = who, m.now()
	}
}

// ends notes that a browser's session was ended by its holder.
func (m *truth) ends(browser int) {
	h := &m.hands[browser]
	h.killed[h.epoch] = true
	h.epoch++
	h.holder = ""
}

// proves notes a proof that the gateway took.
func (m *truth) proves(a asked, source, who string, level eid.Level) {
	h := &m.hands[a.browser]
	p := proved{browser: a.browser, login: a.login, source: source, who: who, level: level, at: m.now(), epoch: h.epoch, unlocks: m.wishes[a.login]}
	delete(m.wishes, a.login) // a wish is for one proof
	if a.fresh {
		h.holder = ""
	}
	holds := who
	if source == sourceOld {
		holds = h.holder // of one that is not linked, nothing is known yet
		if t := m.ties[who]; t != nil {
			holds = t.holds
		}
	}
	p.void = h.holder != "" && holds != h.holder
	m.proofs = append(m.proofs, p)
}

// locked reports whether an account is locked, for whatever reason.
func (m *truth) locked(who string) bool { return len(m.locks[who]) > 0 }

// lock notes a lock: what was proved before it counts no more, and whoever had a session
// may find it gone.
func (m *truth) lock(who string, reason eid.LockReason) {
	m.locks[who][reason], m.shut[who] = true, m.now()
	for i := range m.hands {
		if m.hands[i].holder == who {
			m.hands[i].holder = ""
		}
	}
}

// grounds are what a grant of this request may rest on now: of whom it may speak, and
// up to which level (domain, rule 4).
func (m *truth) grounds(a asked) []ground {
	var all []ground
	for i, p := range m.proofs {
		if p.void || p.browser != a.browser || p.epoch != m.hands[a.browser].epoch || a.fresh && p.login != a.login {
			continue
		}
		level := p.level
		if m.now().Sub(p.at) > provesLevel2 {
			level = min(level, eid.Level1)
		}
		switch p.source {
		case sourceMPS:
			all = append(all, ground{p.who, p.source, level, "", p.at})
		case sourceOld:
			t := m.ties[p.who]
			// A proof of before the link counts only in a login that confirmed the link.
			if t != nil && m.open && (i >= t.after || slices.Contains(t.logins, p.login)) {
				all = append(all, ground{t.holds, p.source, min(level, t.limit), t.id, p.at})
			}
		}
	}
	return slices.DeleteFunc(all, func(g ground) bool { return m.locked(g.who) || m.gone(g) || g.level < floors[a.client] })
}

// gone reports whether a lock came since something was proved: though it was lifted, it
// counts no more.
func (m *truth) gone(g ground) bool { return !g.at.After(m.shut[g.who]) }

// mayUnlock says what forbids that a lock of somebody has ended by what a browser did just
// now; nothing does if it is empty.
func (m *truth) mayUnlock(who string, reason eid.LockReason) string {
	last := proved{}
	if len(m.proofs) > 0 {
		last = m.proofs[len(m.proofs)-1]
	}
	switch {
	case reason != eid.LockSelf:
		return "it was another's lock"
	case m.locks[who][eid.LockAuthority]:
		return "there is an authority's lock beside it"
	case who == thu.name:
		return "who has factors of their own proves those"
	case !last.unlocks || last.who != who || last.source != sourceMPS || !last.at.Equal(m.now()):
		return "nobody proved to be the holder for it"
	}
	return ""
}

// confirmed is a form that was sent to make a link.
type confirmed struct {
	browser int
	login   string
	body    string // of the page that it was on
}

// sides are the levels at which both sides were proved where a form was sent.
func (m *truth) sides(x, holds string, c *confirmed) (old, national eid.Level) {
	for _, p := range m.proofs {
		if p.void || p.browser != c.browser || p.login != c.login {
			continue
		}
		switch {
		case p.source == sourceOld && p.who == x && m.now().Sub(p.at) <= sidesKeep:
			old = max(old, p.level)
		case p.source == sourceMPS && p.who == holds && p.at.After(m.shut[holds]):
			national = max(national, p.level)
		}
	}
	return old, national
}

// confirms notes that holders confirmed links that are there already.
func (m *truth) confirms(c *confirmed) {
	for x, t := range m.ties {
		if old, national := m.sides(x, t.holds, c); old.Valid() && national.Valid() && m.open && !m.locked(t.holds) {
			t.logins = append(t.logins, c.login)
		}
	}
}

// mayTie says what forbids a link X→A that is there now; nothing does if it is empty.
func (m *truth) mayTie(x, holds string, limit eid.Level, c *confirmed) string {
	if c == nil {
		return "nobody confirmed"
	}
	old, national := m.sides(x, holds, c)
	second := func() string {
		for other, t := range m.ties {
			if other != x && t.holds == holds {
				return other
			}
		}
		return ""
	}
	switch {
	case old == eid.LevelNone:
		return "X was not proved in this login of this browser, or too long ago"
	case national == eid.LevelNone:
		return "A was not proved in this login of this browser"
	case m.locked(holds):
		return "A is locked"
	case !m.open:
		return "the legacy provider is over or off"
	case m.ties[x] != nil:
		return "X is linked to " + m.ties[x].holds
	case second() != "":
		return "A has " + second() + " linked there"
	case slices.ContainsFunc(m.former[x], func(former string) bool { return former != holds }):
		return fmt.Sprintf("X was linked to %v before", m.former[x])
	case m.states && x != holds:
		return "the number that X states is another one"
	case limit > min(m.limit, national):
		return fmt.Sprintf("the cap %v is above %v and %v", limit, m.limit, national)
	}
	return ""
}

// tied notes a link.
func (m *truth) tied(x string, t tie) {
	t.after = len(m.proofs)
	m.ties[x] = &t
	m.former[x] = append(m.former[x], t.holds)
}

// stands reports whether something that a grant rests on counts now.
func (m *truth) stands(g ground) bool {
	if m.locked(g.who) || m.gone(g) {
		return false
	}
	if g.source == sourceMPS {
		return true
	}
	return m.open && slices.ContainsFunc([]string{thu.name, cau.name}, func(x string) bool { return m.ties[x] != nil && m.ties[x].id == g.tie })
}
