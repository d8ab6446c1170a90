package config

import (
	"slices"

	"eidgate/eid"
)

// Registries are the civil registries that what sources say is compared with.
type Registries struct {
	// The population registry (cơ sở dữ liệu quốc gia về dân cư).
	Population Registry `koanf:"population"`
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
	// For test beds, instead of url: a JSON file of invented people, a list of
	// number, name and birth_date.
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
	const at = "registries.population"
	r := &c.Registries.Population
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
	if r.Given() {
		return
	}
	// One mend for all, said once.
	if i := slices.IndexFunc(c.Sources, func(s Source) bool { return s.reconciled() }); i >= 0 {
		f.add(member(item("sources", i), "reconcile"), "compares with the population registry, and registries.population names none",
			"registries.population, or reconcile: link where the links alone were proved to be of the right people")
	}
}
