package config

import (
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"eidgate/eid"
)

// Source is a way of proving who someone is, as the file declares it.
type Source struct {
	ID       string `koanf:"id"`       // names it in clients, in callback addresses and in the links of accounts; another provider needs another id
	Kind     string `koanf:"kind"`     // the protocol it speaks: account is the built-in account system, of which there is one at most
	Name     string `koanf:"name"`     // its name as holders read it
	NameEN   string `koanf:"name_en"`  // its name on pages in English; without it, name
	Provider string `koanf:"provider"` // who states the identity; labels every assertion
	// Whether it states the national identity of the Ministry of Public Security; the
	// built-in account system always does. Every other source is a legacy provider.
	National bool   `koanf:"national"`
	Window   Window `koanf:"window"` // when it may be used
	// Announced times in which no sign-in begins there.
	Maintenance []Maintenance `koanf:"maintenance"`
	// The levels it is trusted to state; others are refused.
	MayAssert []eid.Level `koanf:"may_assert"`
	// What is above is lowered: one level, or several with the dates they begin at.
	GrantsAtMost Ceilings `koanf:"grants_at_most"`
	// What agrees with it on who somebody is: registry, the population registry at
	// each sign-in, for a legacy provider that does not say otherwise; or link, the
	// proof that was given when the account was linked.
	Reconcile string `koanf:"reconcile"`
	// Whether people who have no account yet come in through it: one is made from
	// what it says of them, or the one with their number is linked. For a national
	// source other than the account system, whose level claim says how somebody was
	// verified and not how they signed in: accounts made so follow it.
	Provision bool    `koanf:"provision"`
	OpenID    *OpenID `koanf:"openid"` // the provider, for kind openid
	VNeID     *VNeID  `koanf:"vneid"`  // the national platform, for kind vneid
	CAS       *CAS    `koanf:"cas"`    // the server, for kind cas
	LDAP      *LDAP   `koanf:"ldap"`   // the directory, for kind ldap
	SAML      *SAML   `koanf:"saml"`   // the provider, for kind saml
	Portal    *Portal `koanf:"portal"` // whose accounts they are, for kind portal
	// Lets people whom it names for the first time link themselves to their national
	// identity, by proving both. Without it they are refused.
	Linking *Linking `koanf:"linking"`
}

// Window is when a source may be used: From ≤ t < Until. A day begins at
// midnight in Việt Nam. A missing From is the day Decision 34/2021 came into
// force, a missing Until no end.
type Window struct {
	// The first moment; a day begins at midnight in Việt Nam. Without it, the day
	// Decision 34/2021 came into force.
	From time.Time `koanf:"from"`
	// The first moment after it; without it there is no end.
	Until time.Time `koanf:"until"`
}

// Ceilings are levels that grants may reach, oldest first.
type Ceilings []Ceiling

// Ceiling is a level and the time it begins at; the zero time is always.
type Ceiling struct {
	From  time.Time `koanf:"from"`  // when it begins; a day begins at midnight in Việt Nam
	Level eid.Level `koanf:"level"` // the highest level that a grant may reach
}

// decision34 is when Decision 34/2021/QĐ-TTg came into force (Art. 15).
func decision34() time.Time { return time.Date(2021, 11, 9, 0, 0, 0, 0, vietnam()) }

// kindAccount is the built-in account system, which has no settings of its own.
const kindAccount = "account"

// block is what the file says of one protocol: the settings of a source.
type block interface {
	// check reports every fault of the block, which lies at a path of c.
	check(f *faults, at string, c *Config)
	// settings is what the package of the protocol reads, once as JSON.
	settings() any
	// files goes over every path of a file in the block.
	files(at string, each func(at string, path *string))
	// readSecrets fetches the secrets that the block only names.
	readSecrets(at string, where surroundings)
	// forget drops what readSecrets read from files.
	forget()
}

// sourceBlock is the block of a kind, and whether the file has it.
type sourceBlock struct {
	kind  string
	given bool
	block block
}

// blocks lists what a source may say of its protocol. The key of each block is
// the kind that it belongs to.
func (s *Source) blocks() []sourceBlock {
	return []sourceBlock{
		{"openid", s.OpenID != nil, s.OpenID},
		{"vneid", s.VNeID != nil, s.VNeID},
		{"cas", s.CAS != nil, s.CAS},
		{"ldap", s.LDAP != nil, s.LDAP},
		{"saml", s.SAML != nil, s.SAML},
		{kindPortal, s.Portal != nil, s.Portal},
	}
}

// FederationSources gives the sources as the federation knows them. The
// settings of a source hold its secrets in the clear.
func (c *Config) FederationSources() ([]eid.Source, error) {
	sources := make([]eid.Source, len(c.Sources))
	for i := range c.Sources {
		s := &c.Sources[i]
		sources[i] = eid.Source{
			ID:           s.ID,
			Kind:         s.Kind,
			Name:         s.Name,
			NameEN:       s.NameEN,
			Provider:     s.Provider,
			National:     s.national(),
			Window:       s.window(),
			Maintenance:  s.maintenance(),
			MayAssert:    slices.Clone(s.MayAssert),
			Reconcile:    s.reconciled(),
			Provision:    s.Provision,
			Remembers:    s.remembers(),
			Linking:      s.linking(),
			Carriage:     c.carriage(s),
			Portal:       c.portal(s),
			GrantsAtMost: make([]eid.Ceiling, len(s.GrantsAtMost)),
		}
		for j, ceiling := range s.GrantsAtMost {
			sources[i].GrantsAtMost[j] = eid.Ceiling(ceiling)
		}
		for _, b := range s.blocks() {
			if !b.given {
				continue
			}
			settings, err := json.Marshal(b.block.settings())
			if err != nil {
				return nil, fmt.Errorf("settings of source %s: %w", s.ID, err)
			}
			sources[i].Settings = settings
		}
	}
	return sources, nil
}

func (s *Source) window() eid.Window {
	w := eid.Window{From: s.Window.From, Until: s.Window.Until}
	if w.From.IsZero() {
		w.From = decision34()
	}
	return w
}

// reach is the highest level the source can give on any day.
func (s *Source) reach() eid.Level {
	highest := eid.LevelNone
	for _, c := range s.GrantsAtMost {
		highest = max(highest, c.Level)
	}
	if len(s.MayAssert) == 0 {
		return eid.LevelNone
	}
	return min(highest, slices.Max(s.MayAssert))
}

func (c *Config) checkSources(f *faults) {
	seen := make(map[string]bool)
	accounts, keeping := 0, 0
	for i := range c.Sources {
		at, s := item("sources", i), &c.Sources[i]
		if f.isBroken(at) {
			continue
		}
		checkID(f, member(at, "id"), s.ID, sourceID, seen)
		checkChoice(f, member(at, "kind"), s.Kind, true)
		checkChoice(f, member(at, "reconcile"), s.Reconcile, false)
		checkLabel(f, member(at, "name"), s.Name)
		checkLine(f, member(at, "name_en"), s.NameEN, maxLabel)
		checkLabel(f, member(at, "provider"), s.Provider)
		if w := s.window(); !w.Until.IsZero() && !w.Until.After(w.From) {
			f.add(member(member(at, "window"), "until"), "not after window.from", "a later date; the window is half-open")
		}
		s.checkProvision(f, at)
		c.checkLinking(f, at, s)
		s.checkLevels(f, at)
		s.checkMaintenance(f, at)
		if s.Kind == kindAccount {
			if accounts++; accounts > 1 {
				f.add(member(at, "kind"), "a second built-in account system", "keep one")
			}
		}
		for _, b := range s.blocks() {
			switch {
			case b.kind != s.Kind && b.given:
				f.add(member(at, b.kind), "not for kind "+s.Kind, "remove it")
			case b.kind == s.Kind && !b.given:
				f.add(member(at, b.kind), "missing", "a block with "+strings.Join(required("sources[]."+b.kind), ", "))
			case b.given:
				b.block.check(f, member(at, b.kind), c)
			}
			if keeps, ok := b.block.(interface{ keepsKeys() bool }); ok && b.given && keeps.keepsKeys() {
				if keeping++; keeping == maxKeeping+1 {
					f.add(member(member(at, b.kind), "managed_keys"), "too many sources with keys of their own", fmt.Sprintf("at most %d", maxKeeping))
				}
			}
		}
	}
}

func (s *Source) checkLevels(f *faults, at string) {
	may := member(at, "may_assert")
	if len(s.MayAssert) == 0 {
		f.add(may, "missing", "the levels it may state: [1], [2] or [1, 2]")
	}
	for j, level := range s.MayAssert {
		if !level.Valid() {
			f.add(item(may, j), "not a level", "1 or 2")
		} else if slices.Contains(s.MayAssert[:j], level) {
			f.add(item(may, j), "given twice", "keep one")
		}
	}
	most := member(at, "grants_at_most")
	if len(s.GrantsAtMost) == 0 {
		f.add(most, "missing", "1 or 2, or a list of {from, level}")
	}
	for j, ceiling := range s.GrantsAtMost {
		if !ceiling.Level.Valid() {
			f.add(member(item(most, j), "level"), "not a level", "1 or 2")
		}
		if j > 0 && !ceiling.From.After(s.GrantsAtMost[j-1].From) {
			f.add(member(item(most, j), "from"), "not after the date before it", "dates in ascending order")
		}
	}
}

// checkReachable refuses an issuer on this machine that the guard on outbound
// calls would stop at every sign-in.
func checkReachable(f *faults, path, issuer string, allow []string) {
	u, err := url.Parse(issuer)
	if err != nil || !loopback(u.Hostname()) {
		return
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	if pair := net.JoinHostPort(u.Hostname(), port); !slices.Contains(allow, pair) {
		f.add(path, "on this machine, and outbound.allow does not list it", "outbound.allow: ["+pair+"]")
	}
}

func sourceIDs(sources []Source) []string {
	ids := make([]string, len(sources))
	for i := range sources {
		ids[i] = sources[i].ID
	}
	return ids
}

// sourceID is the form of a source's id: it stands in callback paths.
var sourceID = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)
