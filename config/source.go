package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/url"
	"regexp"
	"slices"
	"time"

	"eidgate/eid"
)

// Source is a way of proving who someone is, as the file declares it.
type Source struct {
	ID       string `koanf:"id"`       // names it in clients and in callback addresses; it never changes
	Kind     string `koanf:"kind"`     // the built-in account system (one at most), or an OpenID Connect provider
	Name     string `koanf:"name"`     // its name as holders read it
	NameEN   string `koanf:"name_en"`  // its name on pages in English; without it, name
	Provider string `koanf:"provider"` // who states the identity; labels every assertion
	Window   Window `koanf:"window"`   // when it may be used
	// The levels it is trusted to state; others are refused.
	MayAssert []eid.Level `koanf:"may_assert"`
	// What is above is lowered: one level, or several with the dates they begin at.
	GrantsAtMost Ceilings `koanf:"grants_at_most"`
	OpenID       *OpenID  `koanf:"openid"` // the provider, for kind openid
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

// OpenID is an upstream OpenID Connect provider.
type OpenID struct {
	Issuer   string `koanf:"issuer"`    // the provider's issuer identifier
	ClientID string `koanf:"client_id"` // what the provider calls this gateway
	// The secret that the provider gave, or env:NAME for the value of a variable.
	ClientSecret eid.Secret `koanf:"client_secret"`
	// A file that holds the secret, instead of client_secret, or credential:NAME.
	ClientSecretFile string   `koanf:"client_secret_file"`
	Scopes           []string `koanf:"scopes"` // the scopes asked beside openid
	// The provider's acr values and the level of each. Others name no level.
	ACR map[string]eid.Level `koanf:"acr"`
	// The acr value to ask for when a level is wanted.
	RequestACR map[eid.Level]string `koanf:"request_acr"`
	// What may stand in aud beside client_id (OpenID Connect Core §3.1.3.7).
	TrustedAudiences []string `koanf:"trusted_audiences"`
}

// decision34 is when Decision 34/2021/QĐ-TTg came into force (Art. 15).
func decision34() time.Time { return time.Date(2021, 11, 9, 0, 0, 0, 0, vietnam()) }

// openidSettings is what package federation/openid reads.
type openidSettings struct {
	Issuer           string               `json:"issuer"`
	ClientID         string               `json:"client_id"`
	ClientSecret     string               `json:"client_secret"`
	Scopes           []string             `json:"scopes,omitempty"`
	ACR              map[string]eid.Level `json:"acr"`
	RequestACR       map[eid.Level]string `json:"request_acr,omitempty"`
	TrustedAudiences []string             `json:"trusted_audiences,omitempty"`
}

// FederationSources gives the sources as the federation knows them. The
// settings of an openid source hold its client secret in the clear.
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
			Window:       s.window(),
			MayAssert:    slices.Clone(s.MayAssert),
			GrantsAtMost: make([]eid.Ceiling, len(s.GrantsAtMost)),
		}
		for j, ceiling := range s.GrantsAtMost {
			sources[i].GrantsAtMost[j] = eid.Ceiling(ceiling)
		}
		if s.OpenID == nil {
			continue
		}
		settings, err := json.Marshal(s.OpenID.settings())
		if err != nil {
			return nil, fmt.Errorf("settings of source %s: %w", s.ID, err)
		}
		sources[i].Settings = settings
	}
	return sources, nil
}

func (o *OpenID) settings() openidSettings {
	return openidSettings{
		Issuer:           o.Issuer,
		ClientID:         o.ClientID,
		ClientSecret:     o.ClientSecret.Reveal(),
		Scopes:           slices.DeleteFunc(slices.Clone(o.Scopes), func(s string) bool { return s == "openid" }),
		ACR:              o.ACR,
		RequestACR:       o.RequestACR,
		TrustedAudiences: o.TrustedAudiences,
	}
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
	accounts := 0
	for i := range c.Sources {
		at, s := item("sources", i), &c.Sources[i]
		if f.isBroken(at) {
			continue
		}
		checkID(f, member(at, "id"), s.ID, sourceID, seen)
		checkChoice(f, member(at, "kind"), s.Kind, true)
		checkLabel(f, member(at, "name"), s.Name)
		checkLine(f, member(at, "name_en"), s.NameEN, maxLabel)
		checkLabel(f, member(at, "provider"), s.Provider)
		if w := s.window(); !w.Until.IsZero() && !w.Until.After(w.From) {
			f.add(member(member(at, "window"), "until"), "not after window.from", "a later date; the window is half-open")
		}
		s.checkLevels(f, at)
		switch s.Kind {
		case "account":
			if accounts++; accounts > 1 {
				f.add(member(at, "kind"), "a second built-in account system", "keep one")
			}
			if s.OpenID != nil {
				f.add(member(at, "openid"), "not for kind account", "remove it")
			}
		case "openid":
			if s.OpenID == nil {
				f.add(member(at, "openid"), "missing", "issuer, client_id, its secret and acr")
				continue
			}
			s.OpenID.check(f, member(at, "openid"), c.Outbound.Allow)
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

func (o *OpenID) check(f *faults, at string, allow []string) {
	if o.Issuer == "" {
		f.add(member(at, "issuer"), "missing", "the provider's issuer, exactly as its tokens name it")
	} else {
		checkAddress(f, member(at, "issuer"), o.Issuer, address{})
		checkReachable(f, member(at, "issuer"), o.Issuer, allow)
	}
	if o.ClientID == "" {
		f.add(member(at, "client_id"), "missing", "what the provider calls this gateway")
	}
	if o.ClientSecret.IsZero() && o.ClientSecretFile == "" {
		f.add(member(at, "client_secret"), "missing", "client_secret or client_secret_file")
	}
	for j, scope := range o.Scopes {
		if scope == "" || unfit(scope) {
			f.add(item(member(at, "scopes"), j), "not a scope", "visible ASCII without spaces")
		}
	}
	if len(o.ACR) == 0 {
		f.add(member(at, "acr"), "missing", "the provider's acr values and the level of each")
	}
	for _, value := range slices.Sorted(maps.Keys(o.ACR)) {
		if value == "" || !o.ACR[value].Valid() {
			f.add(member(member(at, "acr"), value), "no value, or not a level", "a value and 1 or 2")
		}
	}
	for j, audience := range o.TrustedAudiences {
		if audience == "" {
			f.add(item(member(at, "trusted_audiences"), j), "empty", "a client_id at this provider")
		}
	}
	for _, level := range slices.Sorted(maps.Keys(o.RequestACR)) {
		checkValue(f, member(member(at, "request_acr"), level.String()), o.RequestACR[level])
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
