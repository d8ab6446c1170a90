package provider_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/federation"
)

// Synthetic person of these tests, beside the two of every world.
const numberBridged = "001192000921" // level 2, known at the national source only

// The sources of a crossroads.
const (
	sourceOld = "old" // a legacy provider, at Level 1
	sourceMPS = "mps" // the national identity, as a platform states it
)

// person is somebody as the sources of a crossroads know them.
type person struct {
	name   string // how tests call them
	number string
	said   federation.Person
}

// account is the person's, who may have none.
func (p person) account(w *world) eid.AccountID { return w.people[p.number] }

// The people of a crossroads. The names and dates are those of their accounts.
var (
	thu    = person{"thu", numberLevel2, federation.Person{Number: numberLevel2, Name: "NGUYỄN THỊ THỬ", BirthDate: "08/03/1988"}}
	cau    = person{"cau", numberBridged, federation.Person{Number: numberBridged, Name: "PHẠM THỊ CẦU", BirthDate: "20/11/1992"}}
	nobody = person{"la", numberNew, federation.Person{Number: numberNew, Name: "LÊ THỊ MỚI", BirthDate: "09/05/1995"}}
)

// named finds one of them; a name that none of them has is of nobody.
func named(name string) person {
	for _, p := range []person{thu, cau, nobody} {
		if p.name == name {
			return p
		}
	}
	return person{name: name}
}

// stand is a source whose pages are a test: who comes back from it is what the
// address of the callback says.
type stand struct {
	id    string
	rests atomic.Bool // it does not answer
	fresh atomic.Bool // the last sign-in was to be one made now
	mute  atomic.Bool // it says nothing of people but what it calls them
	keeps atomic.Bool // it remembers who signed in, unless it is told not to
}

var _ federation.Source = (*stand)(nil)

func (s *stand) Begin(_ context.Context, req federation.Request) (federation.Step, error) {
	if s.rests.Load() {
		return federation.Step{}, federation.ErrDown
	}
	s.fresh.Store(req.Fresh)
	return federation.Step{Redirect: "https://" + s.id + ".example/in?" + url.Values{"state": {req.State}, "callback": {req.Callback}}.Encode()}, nil
}

func (s *stand) Finish(_ context.Context, req federation.Request, reply federation.Reply) (federation.Step, error) {
	if s.rests.Load() {
		return federation.Step{}, federation.ErrDown
	}
	p := named(reply.Values.Get("who"))
	if p.number == "" {
		return federation.Step{}, errors.New("declined there")
	}
	a := federation.Assertion{
		Subject: s.id + "-" + p.name + reply.Values.Get("another"), Level: eid.Level1, Methods: []string{"fed"}, At: req.Now,
		Person: p.said, Anew: !s.keeps.Load(),
	}
	if reply.Values.Get("level") == "2" {
		a.Level = eid.Level2
	}
	if says := reply.Values.Get("says"); says != "" {
		a.Person = named(says).said
	}
	if s.mute.Load() {
		a.Person = federation.Person{}
	}
	return federation.Step{Assertion: &a}, nil
}

// crossroads is a world with a legacy provider and a national one, which two parties
// take: portal at Level 1, high at Level 2. Everybody has an account of Level 2.
type crossroads struct {
	*world
	old, mps *stand
}

func newCrossroads(t testing.TB, change func(old, mps *eid.Source)) *crossroads {
	t.Helper()
	return crossroadsOf(t, newWorld(t), change)
}

// crossroadsOf makes a world one.
func crossroadsOf(t testing.TB, w *world, change func(old, mps *eid.Source)) *crossroads {
	t.Helper()
	b := &crossroads{world: w, old: &stand{id: sourceOld}, mps: &stand{id: sourceMPS}}
	b.spoken = map[string]federation.Source{sourceOld: b.old, sourceMPS: b.mps}
	number, err := eid.ParsePersonalNumber(numberBridged)
	must(t, err)
	b.people[numberBridged], err = b.accounts.Create(t.Context(), accounts.NewAccount{
		Person: eid.Person{
			Type: eid.Citizen, Identifier: eid.IdentifierOf(number), Name: "Phạm Thị Cầu", BirthDate: "1992-11-20", Gender: "female", Nationality: "VNM",
		},
		Level: eid.Level2, Status: eid.Active,
	}, "operator:test")
	must(t, err)
	b.arranged(change)
	return b
}

// arranged registers the sources, changed, with the parties as they are.
func (b *crossroads) arranged(change func(old, mps *eid.Source)) {
	b.t.Helper()
	from := b.clock().AddDate(-1, 0, 0)
	old := eid.Source{
		ID: sourceOld, Kind: federation.KindOpenID, Name: "Tài khoản cổng cũ (giả định)", Provider: "test", Window: eid.Window{From: from},
		MayAssert: []eid.Level{eid.Level1}, GrantsAtMost: []eid.Ceiling{{From: from, Level: eid.Level1}},
	}
	mps := eid.Source{
		ID: sourceMPS, Kind: federation.KindVNeID, Name: "VNeID (giả định)", Provider: "test", National: true, Window: eid.Window{From: from},
		MayAssert: []eid.Level{eid.Level1, eid.Level2}, GrantsAtMost: []eid.Ceiling{{From: from, Level: eid.Level2}},
	}
	if change != nil {
		change(&old, &mps)
	}
	for i := range b.parties {
		b.parties[i].Sources, b.parties[i].Refresh, b.parties[i].Scopes = []string{sourceOld, sourceMPS}, true, b.parties[0].Scopes
	}
	must(b.t, b.db.ApplyRegistrations(b.t.Context(), b.parties, []eid.Source{old, mps}, "file", "system"))
}

// links ties somebody's subject at a source to their account, at an operator's word.
func (b *crossroads) links(source string, p person, limit eid.Level) eid.Link {
	b.t.Helper()
	link, err := b.accounts.Link(b.t.Context(), eid.Link{Account: p.account(b.world), Source: source, Cap: limit}, source+"-"+p.name, "synthetic evidence", "operator:test")
	must(b.t, err)
	return link
}

// asks is a request without data to share.
func (b *crossroads) asks(client string, changes ...string) string {
	return b.authorizeURL(client, append([]string{"scope", "openid"}, changes...)...)
}

// at is the source whose page an answer leads to; empty where it leads elsewhere.
func (p page) at() string {
	if p.back == nil {
		return ""
	}
	source, _ := strings.CutSuffix(p.back.Host, ".example")
	if source == p.back.Host {
		return ""
	}
	return source
}

// code is what an answer brings the portal; empty where it brings none.
func (p page) code() string {
	if p.back == nil {
		return ""
	}
	return p.back.Query().Get("code")
}

// proves comes back from a source as somebody, with a level there. more are further
// parameters: another makes it another subject, says has the source speak of somebody
// else.
func (a *agent) proves(p page, who person, level string, more ...string) page {
	a.w.t.Helper()
	if p.at() == "" {
		a.w.t.Fatalf("no source is asked: %d, back %v\n%s", p.status, p.back, p.body)
	}
	q := url.Values{"state": {p.back.Query().Get("state")}, "who": {who.name}, "level": {level}}
	for i := 0; i < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	return a.get(p.back.Query().Get("callback") + "?" + q.Encode())
}

// enters signs in at Level 1 through the legacy provider, and redeems.
func (b *crossroads) enters(a *agent, who person) tokens {
	b.t.Helper()
	p := a.get(b.asks("portal"))
	if p.at() == "" {
		p = a.submit(p, "source", sourceOld)
	}
	p = a.proves(p, who, "1")
	if p.code() == "" {
		b.t.Fatalf("no code: %d, back %v\n%s", p.status, p.back, p.body)
	}
	return b.redeem(p.code())
}

// redeemHigh exchanges a code as the party of Level 2.
func (b *crossroads) redeemHigh(code string) tokens {
	b.t.Helper()
	return b.redeem(code, "client_id", "high", "redirect_uri", "https://high.example.test/cb")
}

// silent asks without a page: a code, or the error.
func (b *crossroads) silent(a *agent, client string, changes ...string) url.Values {
	b.t.Helper()
	p := a.get(b.asks(client, append([]string{"prompt", "none"}, changes...)...))
	if p.back == nil {
		b.t.Fatalf("prompt=none shows a page: %d\n%s", p.status, p.body)
	}
	return p.back.Query()
}

// held is the cookie of the browser's session; empty where it has none.
func (a *agent) held() string {
	u, err := url.Parse(a.w.server.URL)
	must(a.w.t, err)
	for _, c := range a.client.Jar.Cookies(u) {
		if c.Name == "eidgate" {
			return c.Value
		}
	}
	return ""
}

// lately is how far a session can age without a step-up becoming stale.
const lately = 14 * time.Minute
