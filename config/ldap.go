package config

import (
	"crypto/x509"
	"maps"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"eidgate/eid"
)

// LDAP is a directory that people are bound to with their own password.
type LDAP struct {
	// ldaps://host, or ldap://host with start_tls; without TLS on this machine only.
	URL string `koanf:"url"`
	// Begins TLS on a connection that is opened without it.
	StartTLS bool `koanf:"start_tls"`
	// The roots that the directory's certificate is checked against, in PEM; without
	// them those of the system.
	CA string `koanf:"ca"`
	// A file that holds them, instead of ca.
	CAFile string `koanf:"ca_file"`
	// The account that looks for people, as a DN. It needs to read what is named below,
	// and nothing else.
	BindDN string `koanf:"bind_dn"`
	// Its password, or env:NAME for the value of a variable.
	BindPassword eid.Secret `koanf:"bind_password"`
	// A file that holds the password, instead of bind_password, or credential:NAME.
	BindPasswordFile string `koanf:"bind_password_file"`
	// Instead of that account: the name that people are bound as, such as
	// uid={login},ou=people,dc=example,dc=vn or {login}@example.vn.
	BindAs string `koanf:"bind_as"`
	BaseDN string `koanf:"base_dn"` // the DN that people are below
	// The filter that finds one person, such as (uid={login}); not where bind_as makes
	// a DN.
	Filter string `koanf:"filter"`
	// The attribute that names a person for ever: entryUUID at OpenLDAP, objectGUID at
	// Active Directory.
	Subject string `koanf:"subject"`
	// The level of everybody there. Otherwise level_attribute and levels, or groups.
	Level eid.Level `koanf:"level"`
	// The attribute that gives the level.
	LevelAttribute string `koanf:"level_attribute"`
	// Its values and the level of each. Others name no level.
	Levels map[string]eid.Level `koanf:"levels"`
	// The DN of groups and the level of their members; the highest counts, and who is
	// in none of them has no level.
	Groups map[string]eid.Level `koanf:"groups"`
	// The attribute that names an entry's groups; without it memberOf.
	GroupAttribute     string `koanf:"group_attribute"`
	NumberAttribute    string `koanf:"number_attribute"`     // the attribute with the personal number
	NameAttribute      string `koanf:"name_attribute"`       // the attribute with the full name
	BirthDateAttribute string `koanf:"birth_date_attribute"` // the attribute with the birth date
}

// ldapSettings is what package federation/ldap reads.
type ldapSettings struct {
	URL                string               `json:"url"`
	StartTLS           bool                 `json:"start_tls,omitempty"`
	CA                 string               `json:"ca,omitempty"`
	BindDN             string               `json:"bind_dn,omitempty"`
	BindPassword       string               `json:"bind_password,omitempty"`
	BindAs             string               `json:"bind_as,omitempty"`
	BaseDN             string               `json:"base_dn"`
	Filter             string               `json:"filter,omitempty"`
	Subject            string               `json:"subject"`
	Level              eid.Level            `json:"level,omitempty"`
	LevelAttribute     string               `json:"level_attribute,omitempty"`
	Levels             map[string]eid.Level `json:"levels,omitempty"`
	Groups             map[string]eid.Level `json:"groups,omitempty"`
	GroupAttribute     string               `json:"group_attribute,omitempty"`
	NumberAttribute    string               `json:"number_attribute,omitempty"`
	NameAttribute      string               `json:"name_attribute,omitempty"`
	BirthDateAttribute string               `json:"birth_date_attribute,omitempty"`
}

func (l *LDAP) settings() any {
	return ldapSettings{
		URL: l.URL, StartTLS: l.StartTLS, CA: l.CA,
		BindDN: l.BindDN, BindPassword: l.BindPassword.Reveal(), BindAs: l.BindAs, BaseDN: l.BaseDN, Filter: l.Filter, Subject: l.Subject,
		Level: l.Level, LevelAttribute: l.LevelAttribute, Levels: l.Levels, Groups: l.Groups, GroupAttribute: l.GroupAttribute,
		NumberAttribute: l.NumberAttribute, NameAttribute: l.NameAttribute, BirthDateAttribute: l.BirthDateAttribute,
	}
}

func (l *LDAP) files(at string, each func(at string, path *string)) {
	each(member(at, "ca_file"), &l.CAFile)
	each(member(at, "bind_password_file"), &l.BindPasswordFile)
}

func (l *LDAP) readSecrets(at string, where surroundings) {
	where.secret(at, "bind_password", &l.BindPassword, l.BindPasswordFile)
	if l.CAFile == "" {
		return
	}
	if l.CA != "" {
		where.faults.unreadable(member(at, "ca"), "given beside ca_file", "keep one of the two")
		return
	}
	raw, err := readFile(l.CAFile, maxRoots)
	if err != nil {
		where.faults.unreadable(member(at, "ca_file"), err.Error(), "name a readable file of certificates")
		return
	}
	l.CA = string(raw)
}

func (l *LDAP) forget() {
	if l.CAFile != "" {
		l.CA = ""
	}
	if l.BindPasswordFile != "" {
		l.BindPassword = eid.Secret{}
	}
}

const maxRoots = 256 << 10 // bytes

func (l *LDAP) check(f *faults, at string, c *Config) {
	l.checkURL(f, member(at, "url"), c.Outbound.Allow)
	if l.CA != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(l.CA)) {
		f.add(member(at, "ca"), "no certificate in it", "certificates in PEM, here or in ca_file")
	}
	needs := func(key, value, remedy string) {
		if value == "" {
			f.add(member(at, key), "missing", remedy)
		}
	}
	needs("base_dn", l.BaseDN, "the DN that people are below")
	needs("subject", l.Subject, "entryUUID, or objectGUID at Active Directory")
	account := l.BindDN != "" || !l.BindPassword.IsZero() || l.BindPasswordFile != ""
	switch {
	case l.BindAs != "" && account:
		f.add(member(at, "bind_as"), "given beside bind_dn and its password", "keep one of the two")
	case l.BindAs != "" && strings.Count(l.BindAs, loginPlace) != 1:
		f.add(member(at, "bind_as"), "not one "+loginPlace, "such as uid={login},ou=people,dc=example,dc=vn")
	case l.BindAs == "":
		needs("bind_dn", l.BindDN, "the account that looks for people, or bind_as")
		if l.BindPassword.IsZero() && l.BindPasswordFile == "" {
			f.add(member(at, "bind_password"), "missing", "bind_password or bind_password_file")
		}
	}
	if bindsByDN := strings.Contains(l.BindAs, "="); !bindsByDN && !strings.Contains(l.Filter, loginPlace) {
		f.add(member(at, "filter"), "has no "+loginPlace, "such as (uid={login})")
	}
	if len(l.Groups) > 0 {
		if l.Level != eid.LevelNone || l.LevelAttribute != "" || len(l.Levels) > 0 {
			f.add(member(at, "groups"), "given beside level, level_attribute or levels", "keep one way to a level")
		}
		checkLevelsOf(f, member(at, "groups"), l.Groups)
		return
	}
	checkLevelMap(f, at, l.Level, l.LevelAttribute, l.Levels)
}

// loginPlace is where a template takes the login name.
const loginPlace = "{login}"

// checkURL refuses a directory without TLS elsewhere than on this machine, and one
// on this machine that the guard on outbound calls would stop.
func (l *LDAP) checkURL(f *faults, path string, allow []string) {
	u, err := url.Parse(l.URL)
	switch {
	case l.URL == "":
		f.add(path, "missing", "ldaps://host")
	case err != nil || u.Hostname() == "" || u.Scheme != "ldap" && u.Scheme != "ldaps":
		f.add(path, "not the URL of a directory", "ldaps://host, or ldap://host with start_tls")
	case u.User != nil || strings.Trim(u.Path, "/") != "" || strings.ContainsAny(l.URL, "?#"):
		f.add(path, "more than host and port", "ldaps://host; what to search stands in base_dn and filter")
	case u.Port() != "" && !validPort(u.Port()):
		f.add(path, "not a port number", "from 1 to 65535")
	case u.Scheme == "ldaps" && l.StartTLS:
		f.add(path, "ldaps beside start_tls", "keep one of the two")
	case u.Scheme == "ldap" && !l.StartTLS && !loopback(u.Hostname()):
		f.add(path, "passwords would travel in the clear", "ldaps://host, or start_tls: true")
	case loopback(u.Hostname()):
		port := u.Port()
		if port == "" {
			port = map[string]string{"ldap": "389", "ldaps": "636"}[u.Scheme]
		}
		if pair := net.JoinHostPort(u.Hostname(), port); !slices.Contains(allow, pair) {
			f.add(path, "on this machine, and outbound.allow does not list it", "outbound.allow: ["+pair+"]")
		}
	}
}

// checkLevelMap wants one way to a level: the same for everybody, or by an attribute.
func checkLevelMap(f *faults, at string, level eid.Level, attribute string, levels map[string]eid.Level) {
	switch fixed, mapped := level != eid.LevelNone, attribute != "" || len(levels) > 0; {
	case fixed && mapped:
		f.add(member(at, "level"), "given beside level_attribute or levels", "keep one way to a level")
	case !fixed && !mapped:
		f.add(member(at, "level"), "missing", "1 or 2, or level_attribute and levels")
	case mapped && attribute == "":
		f.add(member(at, "level_attribute"), "missing", "the attribute that levels are values of")
	case mapped && len(levels) == 0:
		f.add(member(at, "levels"), "missing", "the values of level_attribute and the level of each")
	}
	checkLevelsOf(f, member(at, "levels"), levels)
}

func checkLevelsOf(f *faults, at string, levels map[string]eid.Level) {
	for _, value := range slices.Sorted(maps.Keys(levels)) {
		if value == "" || !levels[value].Valid() {
			f.add(member(at, value), "no value, or not a level", "a value and 1 or 2")
		}
	}
}

// methodShape is that of an amr value.
var methodShape = regexp.MustCompile(`^[a-z][a-z0-9_.-]{0,31}$`)
