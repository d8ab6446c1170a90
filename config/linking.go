package config

import (
	"slices"
	"time"

	"eidgate/eid"
)

// Linking lets people whom a legacy provider names for the first time link
// themselves to their national identity.
type Linking struct {
	// The highest level that a sign-in through such a link reaches; the level that was
	// proved when it was made lowers it.
	Cap eid.Level `koanf:"cap"`
	// How long such a link counts, such as 8760h for a year; without it, until it is
	// undone.
	Lasts time.Duration `koanf:"lasts"`
}

// Portal is the accounts that one portal made itself before the national identity
// was there (Decision 34/2021, transition), as `eidgate accounts import` brought them.
type Portal struct {
	// The id of the client that made them. It alone, and those of its sector, accept
	// this source.
	Client string `koanf:"client"`
	// From when on an account that was not verified with the national identity is
	// refused; a day begins at midnight in Việt Nam.
	VerifyBy time.Time `koanf:"verify_by"`
	// What holds for it until then: refused, the default, has everybody verify at the
	// first sign-in; level1 lets those in whom the population registry knows as the
	// portal does, at Level 1 at most.
	Unverified string `koanf:"unverified"`
	// How many days before verify_by holders are told of it by message, where notify
	// names a mail server: 60, 30 and 7 if nothing is said; an empty list tells nobody.
	Notices []int `koanf:"notices"`
}

// portalSettings is what package federation/portal reads.
type portalSettings struct{}

// Words of the registration.
const (
	kindPortal       = "portal"
	unverifiedRefuse = "refused"
	unverifiedLevel1 = "level1"
)

// maxLinkLife bounds how long a link may count by its source's registration.
const maxLinkLife = 10 * 365 * 24 * time.Hour

func (s *Portal) settings() any { return portalSettings{} }

func (s *Portal) files(string, func(at string, path *string)) {}
func (s *Portal) readSecrets(string, surroundings)            {}
func (s *Portal) forget()                                     {}

func (s *Portal) check(f *faults, at string, c *Config) {
	ids := make([]string, len(c.Clients))
	for i := range c.Clients {
		ids[i] = c.Clients[i].ID
	}
	if !slices.Contains(ids, s.Client) {
		f.add(member(at, "client"), "no client of this configuration", meant(s.Client, ids))
	}
	if s.VerifyBy.IsZero() {
		f.add(member(at, "verify_by"), "missing", "the date from which unverified accounts are refused")
	}
	checkChoice(f, member(at, "unverified"), s.Unverified, false)
	s.checkNotices(f, at)
	if s.Unverified == unverifiedLevel1 && !c.Registries.Population.Given() {
		f.add(member(at, "unverified"), "compares with the population registry, and registries.population names none",
			"registries.population, or unverified: "+unverifiedRefuse)
	}
}

// portal gives the registration of a portal's own accounts, nil for other sources.
func (c *Config) portal(s *Source) *eid.Portal {
	if s.Kind != kindPortal || s.Portal == nil {
		return nil
	}
	p := &eid.Portal{Client: s.Portal.Client, VerifyBy: s.Portal.VerifyBy, Unverified: s.Portal.Unverified == unverifiedLevel1, Notices: s.Portal.notices(&c.Notify)}
	for i := range c.Clients {
		if c.Clients[i].ID == p.Client {
			p.Sector = c.Clients[i].Sector
		}
	}
	return p
}

// remembers reports a source that cannot be told to authenticate somebody now, and is
// not known to do so each time.
func (s *Source) remembers() bool {
	return s.Kind == "vneid" && s.VNeID != nil && !s.VNeID.AsksEachTime
}

// linking gives what a source says of links that holders make themselves.
func (s *Source) linking() *eid.Linking {
	if s.Linking == nil {
		return nil
	}
	return &eid.Linking{Cap: s.Linking.Cap, Lasts: s.Linking.Lasts}
}

// checkLinking sees that holders link what is not the national identity to it.
func (c *Config) checkLinking(f *faults, at string, s *Source) {
	if s.Kind == kindPortal && slices.Contains(s.MayAssert, eid.Level2) {
		f.add(member(at, "may_assert"), "a portal's password carries Level 1", "[1]")
	}
	at = member(at, "linking")
	if s.Linking == nil {
		if s.Kind == kindPortal {
			f.add(at, "missing", "cap: the level that a verified account reaches; verifying is linking")
		}
		return
	}
	switch {
	case s.national():
		f.add(at, "given to a national source, which others are linked to", "remove it")
	case s.remembers():
		f.add(at, "given to a source that is not known to ask people each time, and a link wants both sides proved in one sign-in",
			"vneid.asks_each_time: true, where the platform does so")
	case !slices.ContainsFunc(c.Sources, func(o Source) bool { return o.national() }):
		f.add(at, "there is no national source to link to", "a source with national: true, or of kind account")
	case !slices.ContainsFunc(c.Sources, func(o Source) bool { return o.national() && !o.remembers() }):
		f.add(at, "no national source is known to ask people each time, and a link wants both sides proved in one sign-in",
			"vneid.asks_each_time: true, where the platform does so, or another national source")
	}
	if !s.Linking.Cap.Valid() {
		f.add(member(at, "cap"), "missing", "1 or 2")
	}
	if s.Linking.Lasts < 0 || s.Linking.Lasts > maxLinkLife {
		f.add(member(at, "lasts"), "out of bounds", "from 0s, which is no end, to "+short(maxLinkLife))
	}
}

// checkPortals keeps a portal's own accounts to its own sector.
func (cl *Client) checkPortals(f *faults, at string, c *Config) {
	checkChoice(f, member(at, "old_subjects"), cl.OldSubjects, false)
	for j, id := range cl.Sources {
		k := slices.IndexFunc(c.Sources, func(s Source) bool { return s.ID == id })
		if k < 0 {
			continue
		}
		if p := c.portal(&c.Sources[k]); p != nil && p.Sector != "" && p.Sector != cl.Sector {
			f.add(item(member(at, "sources"), j), "the accounts of another portal", "remove it; sector "+p.Sector+" alone accepts it")
		}
	}
}
