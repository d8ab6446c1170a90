package config

import (
	"slices"

	"eidgate/eid"
)

// Registries are the civil registries that what sources and people say is compared with.
type Registries struct {
	// The population registry (cơ sở dữ liệu quốc gia về dân cư).
	Population Registry `koanf:"population"`
	// The citizen-card registry (cơ sở dữ liệu căn cước công dân), which a counter asks
	// whether a card is valid. Without it no citizen reaches level 2 there.
	CitizenCard Registry `koanf:"citizen_card"`
	// The immigration registry (cơ sở dữ liệu quốc gia về xuất nhập cảnh), which foreigners
	// are compared with. Without it none of them registers.
	Immigration Registry `koanf:"immigration"`
	// What compares a portrait or a fingerprint that was captured at a counter. Without it
	// nobody reaches level 2 there. It has no people_file.
	Matcher Registry `koanf:"matcher"`
	// For test beds on this machine alone, instead of matcher: captures match though
	// nothing is compared, and the evidence says so.
	DevelopmentMatcher bool `koanf:"development_matcher"`
}

// each visits the registries by their names.
func (r *Registries) each(visit func(at string, r *Registry)) {
	visit("registries.population", &r.Population)
	visit("registries.citizen_card", &r.CitizenCard)
	visit("registries.immigration", &r.Immigration)
	visit("registries.matcher", &r.Matcher)
}

// Registry is one civil registry, looked up through the data exchange platform.
type Registry struct {
	URL string `koanf:"url"` // the address of its look-up
	// What the platform gave for a bearer token, or env:NAME for the value of a
	// variable.
	Token     eid.Secret `koanf:"token"`
	TokenFile string     `koanf:"token_file"` // a file that holds it, instead of token, or credential:NAME
	CAFile    string     `koanf:"ca_file"`    // the authorities of its certificate, in PEM; without it, the system's
	CertFile  string     `koanf:"cert_file"`  // the gateway's own certificate for it, in PEM
	KeyFile   string     `koanf:"key_file"`   // the key of cert_file
	// For test beds, instead of url: a JSON file of invented people, a list of number, name
	// and birth_date. For citizen_card they have number, status (valid, expired, lost,
	// cancelled or being_issued) and perhaps expires_on; for immigration country, number,
	// name, birth_date, gender and nationality.
	PeopleFile string `koanf:"people_file"`
}

// Given reports whether there is such a registry.
func (r *Registry) Given() bool { return r.URL != "" || r.PeopleFile != "" }

// How a source's word on a person is reconciled.
const (
	reconcileRegistry = "registry"
	reconcileLink     = "link"
)

// reconciled reports whether a registry has to agree with the source. A legacy
// provider that says nothing else is compared.
func (s *Source) reconciled() bool {
	return s.Reconcile == reconcileRegistry || s.Reconcile == "" && !s.National && s.Kind != kindAccount && s.Kind != kindPortal
}

// checkProvision lets the national identity alone make accounts, and lets it do so
// at its own word.
func (s *Source) checkProvision(f *faults, at string) {
	if s.Kind == kindPortal && s.Reconcile != "" {
		f.add(member(at, "reconcile"), "not for the accounts of a portal", "remove it; portal.unverified says whether the registry is asked")
	}
	at = member(at, "provision")
	switch {
	case !s.Provision:
	case s.Kind == kindAccount:
		f.add(at, "not for the built-in account system", "remove it; its accounts are made before")
	case !s.National:
		f.add(at, "not for a legacy provider", "remove it; national: true is for the Ministry of Public Security's own identity")
	case s.reconciled():
		f.add(at, "given beside reconcile: registry", "keep one of the two")
	}
}

func (c *Config) checkRegistries(f *faults) {
	c.Registries.each(func(at string, r *Registry) { c.checkRegistry(f, at, r) })
	c.checkMatcher(f)
	if c.Registries.Population.Given() {
		return
	}
	// One mend for all, said once.
	if i := slices.IndexFunc(c.Sources, func(s Source) bool { return s.reconciled() }); i >= 0 {
		f.add(member(item("sources", i), "reconcile"), "compares with the population registry, and registries.population names none",
			"registries.population, or reconcile: link where the links alone were proved to be of the right people")
	}
}

func (c *Config) checkRegistry(f *faults, at string, r *Registry) {
	switch {
	case r.URL != "" && r.PeopleFile != "":
		f.add(at+".people_file", "given beside url", "keep one of the two")
	case r.URL != "":
		checkAddress(f, at+".url", r.URL, address{query: true})
		checkReachable(f, at+".url", r.URL, c.Outbound.Allow)
	case !r.Token.IsZero() || r.CAFile != "" || r.CertFile != "" || r.KeyFile != "":
		f.add(at+".url", "missing", "the address of the look-up, as the platform gave it")
	}
	if (r.CertFile == "") != (r.KeyFile == "") {
		f.add(at+".cert_file", "given without key_file, or the other way round", "both or neither")
	}
}

// checkMatcher keeps a matcher that compares nothing where nobody real comes: a level
// that rests on it is none.
func (c *Config) checkMatcher(f *faults) {
	r := &c.Registries
	const at = "registries.development_matcher"
	if r.Matcher.PeopleFile != "" {
		f.add("registries.matcher.people_file", "not for a matcher", "remove it; development_matcher is for a test bed")
	}
	if !r.DevelopmentMatcher {
		return
	}
	if r.Matcher.Given() {
		f.add(at, "given beside matcher", "keep one of the two")
	}
	if !c.Local() {
		f.add(at, "compares nothing, and the issuer is no address of this machine alone", "registries.matcher")
	}
}
