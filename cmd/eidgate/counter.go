package main

import (
	"eidgate/eid/accounts"
	"eidgate/eid/civil"
	"eidgate/eid/counter"
	"eidgate/eid/notify"
)

// counter makes the counter, whose messages go on channels.
func (g *gateway) counter(channels notify.Channels) (*counter.Counter, error) {
	return counter.New(counter.Deps{
		Store: g.db, Rules: g.rules, Registries: civil.Registries{Population: g.population, Immigration: g.immigration}, Cards: g.cards, Matcher: g.matcher,
		Accounts: g.db, Record: g.db, Enroller: accounts.NewEnroller(g.db, g.now), Passwords: g.passwords, Channels: channels, Now: g.now,
	})
}
