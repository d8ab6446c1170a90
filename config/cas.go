package config

import (
	"maps"
	"slices"
	"strings"

	"eidgate/eid"
)

// CAS is a CAS 3 server.
type CAS struct {
	// The address that /login stands below, such as https://cas.example.vn/cas.
	Server string `koanf:"server"`
	// The attribute that names a person for ever. Without it the user name itself,
	// which the server must then never give to somebody else.
	Subject string `koanf:"subject"`
	// The level of everybody there, at a server that gives none. Otherwise
	// level_attribute and levels.
	Level eid.Level `koanf:"level"`
	// The attribute that gives the level.
	LevelAttribute string `koanf:"level_attribute"`
	// Its values and the level of each. Others name no level.
	Levels map[string]eid.Level `koanf:"levels"`
	// The attribute that says how the person signed in.
	MethodsAttribute string `koanf:"methods_attribute"`
	// Its values and the amr values of each. Others are fed.
	Methods            map[string][]string `koanf:"methods"`
	NumberAttribute    string              `koanf:"number_attribute"`     // the attribute with the personal number
	NameAttribute      string              `koanf:"name_attribute"`       // the attribute with the full name
	BirthDateAttribute string              `koanf:"birth_date_attribute"` // the attribute with the birth date
}

// casSettings is what package federation/cas reads.
type casSettings struct {
	Server             string               `json:"server"`
	Subject            string               `json:"subject,omitempty"`
	Level              eid.Level            `json:"level,omitempty"`
	LevelAttribute     string               `json:"level_attribute,omitempty"`
	Levels             map[string]eid.Level `json:"levels,omitempty"`
	MethodsAttribute   string               `json:"methods_attribute,omitempty"`
	Methods            map[string][]string  `json:"methods,omitempty"`
	NumberAttribute    string               `json:"number_attribute,omitempty"`
	NameAttribute      string               `json:"name_attribute,omitempty"`
	BirthDateAttribute string               `json:"birth_date_attribute,omitempty"`
}

func (s *CAS) settings() any { return casSettings(*s) }

func (s *CAS) files(string, func(at string, path *string)) {}
func (s *CAS) readSecrets(string, surroundings)            {}
func (s *CAS) forget()                                     {}

func (s *CAS) check(f *faults, at string, c *Config) {
	server := member(at, "server")
	switch {
	case s.Server == "":
		f.add(server, "missing", "the address that /login stands below")
	case strings.HasSuffix(s.Server, "/"):
		f.add(server, "ends in a slash", "leave it out")
	default:
		checkAddress(f, server, s.Server, address{})
		checkReachable(f, server, s.Server, c.Outbound.Allow)
	}
	checkLevelMap(f, at, s.Level, s.LevelAttribute, s.Levels)
	if (s.MethodsAttribute != "") != (len(s.Methods) > 0) {
		f.add(member(at, "methods"), "one of methods_attribute and methods without the other", "both, or neither")
	}
	for _, value := range slices.Sorted(maps.Keys(s.Methods)) {
		shaped := func(method string) bool { return !methodShape.MatchString(method) }
		if value == "" || len(s.Methods[value]) == 0 || slices.ContainsFunc(s.Methods[value], shaped) {
			f.add(member(member(at, "methods"), value), "no value, or not amr values", "such as [pwd] or [pwd, otp] (RFC 8176)")
		}
	}
}
