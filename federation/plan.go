package federation

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"eidgate/eid"
)

// Plan is what stops between two times, by the functions that decide at run time.
// It names no person.
type Plan struct {
	From time.Time `json:"from"`
	At   time.Time `json:"at"`
	// Ways are the sources that a service can use at From and at At no more, or to
	// a lower level.
	Ways    []PlannedWay    `json:"ways"`
	Parties []PlannedParty  `json:"portals"`
	Sources []PlannedSource `json:"sources"`
	// Old are the old accounts of portals, as they were imported.
	Old    []PlannedOld  `json:"old_accounts"`
	People PlannedPeople `json:"people"`
}

// PlannedOld is what becomes of the old accounts of one portal that were not verified.
// Verified ones are people with links.
type PlannedOld struct {
	Client    string    `json:"portal"`
	Source    string    `json:"source"`
	VerifyBy  time.Time `json:"verify_by"`
	Waiting   int       `json:"waiting"`
	Contested int       `json:"contested"`
	Stopped   int       `json:"stopped"` // refused at At, and were not at From
	Overdue   int       `json:"overdue"` // refused at From already
}

// PlannedWay is one source at one service.
type PlannedWay struct {
	Client string    `json:"portal"`
	Source string    `json:"source"`
	Before eid.Level `json:"level_before"`
	After  eid.Level `json:"level_after"` // LevelNone where it stops
	Why    Reason    `json:"why"`
	When   time.Time `json:"when,omitzero"` // when it stops, where a window says so
}

// PlannedParty is one service.
type PlannedParty struct {
	Client        string `json:"portal"`
	SourcesBefore int    `json:"sources_before"`
	SourcesAfter  int    `json:"sources_after"`
	People        int    `json:"people"` // who can sign in there at From
	Stopped       int    `json:"people_stopped"`
}

// Stops reports whether nobody can sign in there any more.
func (p PlannedParty) Stops() bool { return p.SourcesBefore > 0 && p.SourcesAfter == 0 }

// PlannedSource is one source, at all services together.
type PlannedSource struct {
	Source        string `json:"source"`
	PortalsBefore int    `json:"portals_before"`
	PortalsAfter  int    `json:"portals_after"`
	People        int    `json:"people"` // who can sign in somewhere through it at From
	Stopped       int    `json:"people_stopped"`
}

// Stops reports whether no service can use it any more.
func (s PlannedSource) Stops() bool { return s.PortalsBefore > 0 && s.PortalsAfter == 0 }

// PlannedPeople counts the accounts that are active and not locked.
type PlannedPeople struct {
	All        int `json:"all"`
	Able       int `json:"able"`        // can sign in somewhere at From
	LoseSome   int `json:"lose_some"`   // cannot at At at a service where they could
	LoseAll    int `json:"lose_all"`    // cannot at At anywhere
	NeverCould int `json:"never_could"` // cannot at From either
	OldStopped int `json:"old_accounts_stopped"`
}

// Planner makes a Plan: of what is registered at once, of holders one by one.
type Planner struct {
	plan    Plan
	parties []eid.RelyingParty
	sources []eid.Source
	fates   map[string]fate // of holders alike
}

// fate is what becomes of a holder: by service and by source, whether there is a
// way before and after.
type fate struct{ parties, sources []change }

type change struct{ before, after bool }

// maxFates bounds what is remembered of holders alike.
const maxFates = 10_000

// NewPlanner plans what stops between from and at. A way counts where it reaches
// the minimum that the service registered; maintenance and failures pass.
func NewPlanner(parties []eid.RelyingParty, sources []eid.Source, from, at time.Time) *Planner {
	p := &Planner{
		plan:    Plan{From: from, At: at, Ways: []PlannedWay{}, Parties: make([]PlannedParty, len(parties)), Sources: make([]PlannedSource, len(sources)), Old: []PlannedOld{}},
		parties: parties, sources: sources, fates: map[string]fate{},
	}
	for j := range sources {
		p.plan.Sources[j].Source = sources[j].ID
		if portal := sources[j].Portal; portal != nil {
			p.plan.Old = append(p.plan.Old, PlannedOld{Client: portal.Client, Source: sources[j].ID, VerifyBy: portal.VerifyBy})
		}
	}
	for i := range parties {
		p.plan.Parties[i].Client = parties[i].ID
		for j := range sources {
			p.way(i, j)
		}
	}
	return p
}

// way plans one source at one service.
func (p *Planner) way(party, source int) {
	rp, src := &p.parties[party], &p.sources[source]
	before, after := Consider(src, rp, Wanted{}, p.plan.From), Consider(src, rp, Wanted{}, p.plan.At)
	if !reaches(before.Reach, rp) {
		return
	}
	p.plan.Parties[party].SourcesBefore++
	p.plan.Sources[source].PortalsBefore++
	w := PlannedWay{Client: rp.ID, Source: src.ID, Before: before.Reach, After: after.Reach, Why: ReasonLevelTooLow}
	switch {
	case !after.Stands():
		w.After, w.Why, w.When = eid.LevelNone, after.Why, after.At
	case !reaches(after.Reach, rp):
		w.After = eid.LevelNone
	default:
		p.plan.Parties[party].SourcesAfter++
		p.plan.Sources[source].PortalsAfter++
		if after.Reach >= before.Reach {
			return
		}
	}
	p.plan.Ways = append(p.plan.Ways, w)
}

func reaches(reach eid.Level, rp *eid.RelyingParty) bool {
	return reach.Valid() && reach >= rp.Levels.Minimum
}

// Add counts a holder who may sign in.
func (p *Planner) Add(account *eid.Account, links []eid.Link) {
	key := p.likeness(account, links)
	f, known := p.fates[key]
	if !known {
		if len(p.fates) >= maxFates {
			clear(p.fates)
		}
		f = p.fateOf(account, links)
		p.fates[key] = f
	}
	able, some, all := false, false, true
	for i, c := range f.parties {
		count(c, &p.plan.Parties[i].People, &p.plan.Parties[i].Stopped)
		able, some, all = able || c.before, some || c.before && !c.after, all && !c.after
	}
	for j, c := range f.sources {
		count(c, &p.plan.Sources[j].People, &p.plan.Sources[j].Stopped)
	}
	n := &p.plan.People
	n.All++
	for counter, holds := range map[*int]bool{&n.Able: able, &n.NeverCould: !able, &n.LoseSome: some, &n.LoseAll: able && all} {
		if holds {
			*counter++
		}
	}
}

// AddOld counts old accounts of a source that are in a state. They are no holders: an
// account that stands for one is not to be added.
func (p *Planner) AddOld(source string, state eid.ImportedState, n int) {
	i := slices.IndexFunc(p.plan.Old, func(o PlannedOld) bool { return o.Source == source })
	if i < 0 {
		return
	}
	old := &p.plan.Old[i]
	switch state {
	case eid.ImportedWaiting:
		old.Waiting += n
	case eid.ImportedContested:
		old.Contested += n
	default:
		return
	}
	switch {
	case !p.plan.From.Before(old.VerifyBy):
		old.Overdue += n
	case !p.plan.At.Before(old.VerifyBy):
		old.Stopped += n
		p.plan.People.OldStopped += n
	}
}

func count(c change, people, stopped *int) {
	if c.before {
		*people++
		if !c.after {
			*stopped++
		}
	}
}

func (p *Planner) fateOf(account *eid.Account, links []eid.Link) fate {
	f := fate{make([]change, len(p.parties)), make([]change, len(p.sources))}
	for i := range p.parties {
		rp := &p.parties[i]
		for j := range p.sources {
			src := &p.sources[j]
			c := change{
				reaches(ReachThrough(src, rp, account, links, p.plan.From), rp),
				reaches(ReachThrough(src, rp, account, links, p.plan.At), rp),
			}
			f.parties[i] = change{f.parties[i].before || c.before, f.parties[i].after || c.after}
			f.sources[j] = change{f.sources[j].before || c.before, f.sources[j].after || c.after}
		}
	}
	return f
}

// likeness is the same for holders of the same fate.
func (p *Planner) likeness(account *eid.Account, links []eid.Link) string {
	parts := []string{fmt.Sprint(account.Level, account.Factors, account.Phone.Verified, account.Email.Verified, account.ManagedBy, account.Unverified())}
	for _, l := range links {
		parts = append(parts, fmt.Sprint(l.Source, l.Cap, l.Alive(p.plan.From), l.Alive(p.plan.At)))
	}
	slices.Sort(parts[1:])
	return strings.Join(parts, "\x00")
}

// Plan gives what was counted so far, what stops first.
func (p *Planner) Plan() Plan {
	plan := p.plan
	plan.Ways, plan.Old = slices.Clone(plan.Ways), slices.Clone(plan.Old)
	slices.SortStableFunc(plan.Ways, func(a, b PlannedWay) int { return a.When.Compare(b.When) })
	return plan
}
