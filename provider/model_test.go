package provider_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/store/storetest"
)

// TestModelOfLinkingAndStepUp lets two people at two browsers, of two tabs each, do
// what they like: sign in, link, step up, decline, go Back, send each other's forms,
// while accounts are locked, links undone, windows closed and time goes by. Whatever
// happens has to be permitted by the truth of what was proved: see truth. RAPID_CHECKS
// and RAPID_STEPS make it longer.
func TestModelOfLinkingAndStepUp(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		l := &lease{TB: t, rt: rt}
		defer l.close()
		r := newRun(l, rt, seen)
		seen["runs"]++
		rt.Repeat(map[string]func(*rapid.T){"": r.holds, "act": r.act})
	})
	t.Logf("seen: %v", seen)
	for what, runs := range map[string]int{ // of how many runs one at least has to come to it
		"level 1": 30, "level 2": 30, "token lives": 30, "token ended": 30, "locked": 30, "stepped up": 30,
		"linked": 100, "another person": 100, "refreshed": 100, "undone": 100,
		"lifted": 100, "unlocked at a page": 100,
	} {
		if seen[what] == 0 && seen["runs"] >= runs && !t.Failed() {
			t.Errorf("none of %d runs came to: %s", seen["runs"], what)
		}
	}
}

// run is one run of the model.
type run struct {
	*crossroads
	truth  *truth
	agents [2]*agent
	tabs   [2][2]*spot
	past   []*spot // whatever may be sent again
	passed string  // login that the browser was led through last

	begun   map[string]*asked // by state
	who     map[string]string // by party and subject
	named   map[string]string // party and sid → subject
	held    []*pending
	given   []*given
	confirm *confirmed // the form that is on its way
	favors  [2]string  // who mostly sits at a browser
	seen    map[string]int
}

// spot is a page, with the request that it belongs to.
type spot struct {
	page
	asked asked
}

// pending is a code that nobody redeemed yet.
type pending struct {
	code    string
	asked   asked
	grounds []ground
	holder  string // of the browser, as far as known
	epoch   int
}

// given are tokens, and what they rest on.
type given struct {
	tokens
	asked   asked
	who     string
	grounds []ground
	epoch   int
}

func newRun(l *lease, rt *rapid.T, seen map[string]int) *run {
	r := &run{begun: map[string]*asked{}, who: map[string]string{}, named: map[string]string{}, seen: seen}
	limit := rapid.SampledFrom([]eid.Level{eid.Level1, eid.Level2}).Draw(rt, "cap")
	r.crossroads = newCrossroads(l, r.registered(limit, time.Time{}))
	r.truth = &truth{
		now: r.clock, ties: map[string]*tie{}, former: map[string][]string{}, open: true, limit: limit,
		locks: map[string]map[eid.LockReason]bool{thu.name: {}, cau.name: {}}, shut: map[string]time.Time{}, wishes: map[string]bool{},
		states: rapid.Bool().Draw(rt, "the legacy provider states numbers"),
	}
	r.old.mute.Store(!r.truth.states)
	r.old.keeps.Store(rapid.Bool().Draw(rt, "the legacy provider remembers people"))
	for i := range r.agents {
		r.agents[i], r.favors[i] = r.agent(), rapid.SampledFrom([]string{thu.name, cau.name}).Draw(rt, "who sits there")
		r.truth.hands[i] = hand{seen: r.clock(), killed: map[int]bool{}}
	}
	for _, p := range []person{thu, cau} {
		r.links(sourceMPS, p, eid.Level2)
		for client := range floors { // once, so that their consent is given and their subjects are known
			a := r.agent()
			at := a.get(r.asks(client, "scope", "openid eid"))
			if at.at() == "" {
				at = a.submit(at, "source", sourceMPS)
			}
			r.who[client+" "+r.redeemAt(client, a.share(a.proves(at, p, "2")).code()).claims["sub"].(string)] = p.name
		}
	}
	if rapid.Bool().Draw(rt, "one is linked already") {
		link := r.links(sourceOld, thu, eid.Level1)
		r.truth.tied(thu.name, tie{id: link.ID, holds: thu.name, limit: eid.Level1})
	}
	return r
}

// registered gives the sources: the legacy one may state both levels, so that caps
// are what bounds it.
func (r *run) registered(limit eid.Level, until time.Time) func(old, mps *eid.Source) {
	return func(old, _ *eid.Source) {
		old.MayAssert, old.GrantsAtMost[0].Level = []eid.Level{eid.Level1, eid.Level2}, eid.Level2
		old.Linking, old.Window.Until = &eid.Linking{Cap: limit}, until
	}
}

func (r *run) agent() *agent {
	a := r.browser()
	inside := a.client.CheckRedirect
	a.client.CheckRedirect = func(next *http.Request, via []*http.Request) error {
		if next.URL.Path == "/login" {
			r.passed = next.URL.Query().Get("login")
		}
		return inside(next, via)
	}
	return a
}

func (r *run) redeemAt(client, code string) tokens {
	if client == "high" {
		return r.redeemHigh(code)
	}
	return r.redeem(code)
}

// act is one thing that somebody does.
func (r *run) act(rt *rapid.T) {
	b, tab := rapid.IntRange(0, 1).Draw(rt, "browser"), rapid.SampledFrom([]int{0, 0, 0, 1}).Draw(rt, "tab")
	r.truth.uses(b)
	kinds := []string{"on", "on", "on", "on", "on", "on", "on", "on", "on", "on", "begin", "begin", "anything", "again", "redeem", "refresh", "lock", "undo", "window", "time", "logout"}
	if !r.truth.open || r.truth.locked(thu.name) || r.truth.locked(cau.name) {
		kinds = append(kinds, "mend", "mend", "mend", "mend")
	}
	if s := r.tabs[b][tab]; s != nil && strings.Contains(s.body, titleConfirmLink) { // a good moment for trouble
		kinds = []string{"on", "on", "on", "on", "on", "on", "on", "despite", "despite", "despite", "lock", "window", "time", "logout", "undo", "anything", "begin"}
	}
	switch kind := rapid.SampledFrom(kinds).Draw(rt, "act"); kind {
	case "on":
		for range rapid.IntRange(1, 4).Draw(rt, "pages") {
			r.goOn(rt, b, tab)
			if s := r.tabs[b][tab]; strings.Contains(s.body, titleConfirmLink) {
				break // time to think
			}
		}
	case "begin":
		r.begin(rt, b, tab)
	case "anything":
		if s := r.anyPast(rt); s != nil && s.at() == "" {
			r.press(rt, b, tab, s, rapid.SampledFrom([]string{"link", "decline", "not_me", "retry", "restart", "step_up", "stay", "other_sources", "share", "cancel", "verify", "later", "unlock"}).Draw(rt, "button"))
		}
	case "again":
		if s := r.anyPast(rt); s != nil && s.at() != "" {
			r.proveAt(rt, b, tab, s)
		}
	case "redeem":
		if len(r.held) > 0 {
			held := r.held[0]
			r.held = r.held[1:]
			r.redeemed(rt, held, false)
		}
	case "refresh":
		r.refreshed(rt)
	case "lock":
		r.lock(rt, named(rapid.SampledFrom([]string{r.favors[b], r.favors[b], thu.name, cau.name}).Draw(rt, "whose")))
	case "undo":
		r.undo(rt, named(rapid.SampledFrom([]string{thu.name, cau.name}).Draw(rt, "whose")))
	case "window":
		r.window(!r.truth.open)
	case "despite": // what forbids the link comes just before the word
		confirm := r.tabs[b][tab]
		switch rapid.SampledFrom([]string{"lock", "window", "time"}).Draw(rt, "despite") {
		case "lock":
			r.lock(rt, named(r.favors[b]))
		case "window":
			r.window(false)
		case "time":
			r.pass(sidesKeep + time.Minute)
		}
		r.press(rt, b, tab, confirm, "link")
	case "mend":
		r.window(true)
		for _, p := range []person{thu, cau} {
			for reason := range r.truth.locks[p.name] {
				r.lift(rt, p, reason)
			}
		}
	case "time":
		r.pass(rapid.SampledFrom([]time.Duration{time.Second, time.Minute, 6 * time.Minute, 20 * time.Minute, 31 * time.Minute}).Draw(rt, "passes"))
	case "logout":
		r.logout(b)
	}
	r.checkLinks(rt)
	r.checkLocks(rt)
}

// window opens the legacy provider's, or lets it end now.
func (r *run) window(open bool) {
	until := time.Time{}
	if !open {
		until = r.clock()
	}
	r.truth.open = open
	r.arranged(r.registered(r.truth.limit, until))
}

func (r *run) anyPast(rt *rapid.T) *spot {
	if len(r.past) == 0 {
		return nil
	}
	return r.past[len(r.past)-1-rapid.IntRange(0, min(len(r.past), 8)-1).Draw(rt, "page")]
}

func (r *run) begin(rt *rapid.T, b, tab int) {
	ways := map[string][]string{
		"plain": nil, "at 2": {"acr_values", acrLevel2}, "rather 2": {"acr_values", acrLevel2 + " " + acrLevel1}, "anew": {"prompt", "login"},
		"chosen": {"prompt", "select_account"}, "silent": {"prompt", "none"},
	}
	client := rapid.SampledFrom([]string{"portal", "high"}).Draw(rt, "party")
	way := rapid.SampledFrom([]string{"plain", "plain", "plain", "at 2", "rather 2", "anew", "chosen", "silent"}).Draw(rt, "request")
	state := fmt.Sprintf("s%d", len(r.begun))
	a := asked{browser: b, client: client, fresh: way == "anew" || way == "chosen"}
	r.begun[state] = &a
	r.passed = ""
	r.arrives(rt, tab, a, r.agents[b].get(r.asks(client, append([]string{"state", state, "scope", "openid eid"}, ways[way]...)...)))
}

// goOn does what the page in a tab is there for.
func (r *run) goOn(rt *rapid.T, b, tab int) {
	s := r.tabs[b][tab]
	if s == nil || s.at() == "" && s.back != nil {
		r.begin(rt, b, tab)
		return
	}
	if s.at() != "" {
		r.proveAt(rt, b, tab, s)
		return
	}
	var choices []string
	for _, m := range regexp.MustCompile(`name="(source|action)" value="(\w+)"`).FindAllStringSubmatch(s.body, -1) {
		choices = append(choices, m[1]+" "+m[2])
		for range map[string]int{"link": 8, "unlock": 8, "step_up": 6, "share": 6, "retry": 2, sourceOld: 6, sourceMPS: 2}[m[2]] { // mostly
			choices = append(choices, m[1]+" "+m[2])
		}
	}
	if len(choices) == 0 {
		r.begin(rt, b, tab)
		return
	}
	name, value, _ := strings.Cut(rapid.SampledFrom(choices).Draw(rt, "button"), " ")
	if name == "action" {
		r.press(rt, b, tab, s, value)
		return
	}
	r.passed = ""
	a := s.asked
	a.browser = b
	r.arrives(rt, tab, a, r.agents[b].submit(s.page, name, value))
}

// press sends the form of a page, from whichever browser.
func (r *run) press(rt *rapid.T, b, tab int, s *spot, action string) {
	if !strings.Contains(s.body, `name="csrf"`) {
		return
	}
	a := s.asked
	a.browser = b
	if action == "link" {
		r.confirm = &confirmed{browser: b, login: a.login, body: s.body}
	}
	// Only the page that refuses offers it; that of another login is none of this one.
	if action == "unlock" && strings.Contains(s.body, offersUnlock) {
		r.truth.wishes[a.login] = true
	}
	r.passed = ""
	p := r.agents[b].submit(s.page, "action", action)
	if (action == "not_me" || action == "restart") && r.passed != "" && r.passed != a.login {
		r.truth.ends(b)
	}
	r.checkLinks(rt)
	if r.confirm != nil && strings.Contains(s.body, titleConfirmLink) {
		r.truth.confirms(r.confirm)
	}
	r.confirm = nil
	r.arrives(rt, tab, a, p)
}

// proveAt comes back from a source as somebody.
func (r *run) proveAt(rt *rapid.T, b, tab int, s *spot) {
	who := named(rapid.SampledFrom([]string{r.favors[b], r.favors[b], r.favors[b], r.favors[b], r.favors[b], thu.name, cau.name, "declines"}).Draw(rt, "as"))
	level := rapid.SampledFrom([]string{"2", "2", "1"}).Draw(rt, "level")
	a := s.asked
	a.browser = b
	r.passed = ""
	p := r.agents[b].proves(s.page, who, level)
	if p.status != http.StatusBadRequest && who.name != "declines" {
		r.truth.proves(a, s.at(), who.name, map[string]eid.Level{"1": eid.Level1, "2": eid.Level2}[level])
	}
	r.checkLocks(rt)
	r.checkLinks(rt)
	r.arrives(rt, tab, a, p)
}

var heading = regexp.MustCompile(`<h1[^>]*>([^<]*)`)

// arrives notes where an action led.
func (r *run) arrives(rt *rapid.T, tab int, a asked, p page) {
	if p.status >= http.StatusInternalServerError {
		rt.Fatalf("answered %d: %s", p.status, p.body)
	}
	if m := hiddenField.FindStringSubmatch(p.body); m != nil && m[1] == "login" {
		a.login = m[2]
	} else if r.passed != "" {
		a.login = r.passed
	}
	if h := heading.FindStringSubmatch(p.body); h != nil {
		r.seen["page "+h[1]]++
		if h[1] == titleOtherPerson {
			r.seen["another person"]++
		}
	}
	s := &spot{p, a}
	r.tabs[a.browser][tab] = s
	if p.at() != "" || p.back == nil {
		r.past = append(r.past, s)
	}
	code := p.code()
	if code == "" {
		return
	}
	begun := r.begun[p.back.Query().Get("state")]
	if begun == nil || begun.browser != a.browser || p.back.Host != begun.client+".example.test" {
		rt.Fatalf("a code for %v goes to %v", a, p.back)
	}
	a.client, a.fresh = begun.client, begun.fresh
	h := r.truth.hands[a.browser]
	held := &pending{code, a, r.truth.grounds(a), h.holder, h.epoch}
	if len(held.grounds) == 0 {
		rt.Fatalf("a code for %s in browser %d, login %q, rests on nothing that was proved: %+v", a.client, a.browser, a.login, r.truth.proofs)
	}
	if rapid.IntRange(0, 5).Draw(rt, "redeem later") == 0 {
		r.held = append(r.held, held)
		r.truth.holds(a.browser, "")
		return
	}
	r.redeemed(rt, held, true)
}

// redeemed looks at what a code gives.
func (r *run) redeemed(rt *rapid.T, held *pending, now bool) {
	got := r.redeemAt(held.asked.client, held.code)
	if got.status != http.StatusOK {
		if now && got.Error != "invalid_grant" {
			rt.Fatalf("redeeming a code at once = %d %s", got.status, got.Error)
		}
		return
	}
	client, sub := held.asked.client, got.claims["sub"].(string)
	who := r.who[client+" "+sub]
	level := map[any]eid.Level{acrLevel1: eid.Level1, acrLevel2: eid.Level2}[got.claims["acr"]]
	_, _, info := r.userinfo("Bearer " + got.AccessToken)
	source, _ := info["eid_source"].(string)
	if source == "" { // ended between the code and now: the ID token has been given all the same
		rt.Fatalf("userinfo right after the code: %v", info)
	}
	g := &given{tokens: got, asked: held.asked, who: who, epoch: held.epoch}
	for _, on := range held.grounds {
		if on.who == who && on.source == source && on.level >= level {
			g.grounds = append(g.grounds, on)
		}
	}
	switch {
	case who == "":
		rt.Fatalf("an unknown subject %s at %s", sub, client)
	case level < floors[client]:
		rt.Fatalf("acr %v at %s", got.claims["acr"], client)
	case len(g.grounds) == 0:
		rt.Fatalf("a token says %s at %v through %s; what was proved supports %+v", who, level, source, held.grounds)
	case held.holder != "" && held.holder != who && !held.asked.fresh:
		rt.Fatalf("the session of %s gave a token of %s", held.holder, who)
	}
	sid := client + " " + got.claims["sid"].(string)
	if other, known := r.named[sid]; known && other != sub {
		rt.Fatalf("one session gave tokens of two people at %s", client)
	}
	r.named[sid] = sub
	r.given = append(r.given, g)
	if now {
		r.truth.holds(held.asked.browser, who)
	}
	r.seen[fmt.Sprintf("level %d", level)]++
	r.seen["through "+source]++
	stepped := func(other *given) bool {
		return other.claims["sid"] == got.claims["sid"] && other.claims["acr"] == acrLevel1 && level == eid.Level2
	}
	if slices.ContainsFunc(r.given, stepped) {
		r.seen["stepped up"]++
	}
}

func (r *run) refreshed(rt *rapid.T) {
	if len(r.given) == 0 {
		return
	}
	g := r.given[len(r.given)-1-rapid.IntRange(0, min(len(r.given), 4)-1).Draw(rt, "token")]
	var changes []string
	if g.asked.client == "high" {
		changes = []string{"client_id", "high"}
	}
	got := r.refresh(g.RefreshToken, changes...)
	if got.status != http.StatusOK {
		return
	}
	if !r.permits(g) {
		rt.Fatalf("a refresh works on what has ended: %s at %s", g.who, g.asked.client)
	}
	for _, claim := range []string{"sub", "acr", "auth_time", "sid"} {
		if got.claims[claim] != g.claims[claim] {
			rt.Fatalf("%s after a refresh = %v, want %v", claim, got.claims[claim], g.claims[claim])
		}
	}
	r.seen["refreshed"]++
	g.tokens = got
}

// lock sets a lock of the holder's own, which a page may undo, or one of an authority,
// which none does; where it is in force, who set it lifts it.
func (r *run) lock(rt *rapid.T, p person) {
	reason := rapid.SampledFrom([]eid.LockReason{eid.LockSelf, eid.LockSelf, eid.LockAuthority}).Draw(rt, "reason")
	if r.truth.locks[p.name][reason] {
		r.lift(rt, p, reason)
		return
	}
	if _, err := r.locks.Set(r.t.Context(), p.account(r.world), reason, actsOn[reason]); err != nil {
		rt.Fatal(err)
	}
	r.truth.lock(p.name, reason)
	r.pass(time.Second) // what is proved counts from after it
	r.seen["locked"]++
}

// actsOn are those that set and lift the locks of a run.
var actsOn = map[eid.LockReason]accounts.LockAct{eid.LockSelf: storetest.Self(), eid.LockAuthority: storetest.Authority("1/QĐ")}

func (r *run) lift(rt *rapid.T, p person, reason eid.LockReason) {
	account, err := r.db.Account(r.t.Context(), p.account(r.world))
	if err != nil {
		rt.Fatal(err)
	}
	i := slices.IndexFunc(account.Locks, func(l eid.Lock) bool { return l.Reason == reason })
	if err := r.locks.Lift(r.t.Context(), account.ID, account.Locks[i].ID, actsOn[reason]); err != nil {
		rt.Fatal(err)
	}
	delete(r.truth.locks[p.name], reason)
	r.seen["lifted"]++
}

// undo ends the link of somebody's legacy identity.
func (r *run) undo(rt *rapid.T, p person) {
	t := r.truth.ties[p.name]
	if t == nil {
		return
	}
	if err := r.accounts.EndLink(r.t.Context(), t.id, "operator:test"); err != nil {
		rt.Fatal(err)
	}
	delete(r.truth.ties, p.name)
	r.seen["undone"]++
}

func (r *run) logout(b int) {
	for _, g := range slices.Backward(r.given) {
		if g.asked.browser == b && g.epoch == r.truth.hands[b].epoch {
			if p := r.agents[b].get(r.logoutURL("id_token_hint", g.IDToken)); signedOut(p) && r.agents[b].held() == "" {
				r.truth.ends(b)
				r.seen["logged out"]++
			}
			return
		}
	}
}
