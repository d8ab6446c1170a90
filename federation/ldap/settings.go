package ldap

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"eidgate/eid"
	"eidgate/federation"
)

// placeholder is where a template takes the login name.
const placeholder = "{login}"

const (
	objectGUID = "objectGUID" // Active Directory's name of an entry for ever
	memberOf   = "memberOf"
)

// Settings are what an operator registers about a directory.
type Settings struct {
	// URL is ldaps://host[:port], or ldap:// with StartTLS; without it on this
	// machine only.
	URL      string
	StartTLS bool
	// CA are the roots that its certificate is checked against, in PEM; those of the
	// system when empty.
	CA string
	// BindDN and BindPassword are the service account that looks for people.
	BindDN       string
	BindPassword eid.Secret
	// BindAs, in place of a service account, makes the name that a person is bound
	// as: a DN such as uid={login},ou=people,dc=example,dc=vn, or a user principal
	// name such as {login}@example.vn.
	BindAs string
	// BaseDN is where people are. Filter finds the one with a login name:
	// (uid={login}). It is not used where BindAs makes a DN.
	BaseDN string
	Filter string
	// Subject is the attribute that names an entry for ever: entryUUID, or
	// objectGUID at Active Directory.
	Subject string
	// One of three says the level: Level for everybody, LevelAttribute with Levels,
	// or Groups by their DN, the highest of those in GroupAttribute (memberOf).
	Level          eid.Level
	LevelAttribute string
	Levels         map[string]eid.Level
	Groups         map[string]eid.Level
	GroupAttribute string
	// Attributes of the person: see federation.Person. Each may be empty.
	NumberAttribute    string
	NameAttribute      string
	BirthDateAttribute string
}

// settingsJSON is how Settings are stored.
type settingsJSON struct {
	URL                string               `json:"url"`
	StartTLS           bool                 `json:"start_tls"`
	CA                 string               `json:"ca"`
	BindDN             string               `json:"bind_dn"`
	BindPassword       string               `json:"bind_password"`
	BindAs             string               `json:"bind_as"`
	BaseDN             string               `json:"base_dn"`
	Filter             string               `json:"filter"`
	Subject            string               `json:"subject"`
	Level              eid.Level            `json:"level"`
	LevelAttribute     string               `json:"level_attribute"`
	Levels             map[string]eid.Level `json:"levels"`
	Groups             map[string]eid.Level `json:"groups"`
	GroupAttribute     string               `json:"group_attribute"`
	NumberAttribute    string               `json:"number_attribute"`
	NameAttribute      string               `json:"name_attribute"`
	BirthDateAttribute string               `json:"birth_date_attribute"`
}

// ParseSettings reads eid.Source.Settings and reports every fault at once:
//
//	{"url": "ldaps://…", "bind_dn": "cn=…", "bind_password": "…", "base_dn": "dc=…",
//	 "filter": "(uid={login})", "subject": "entryUUID", "level": 1}
func ParseSettings(raw json.RawMessage) (Settings, error) {
	var in settingsJSON
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		// The decoder's text may quote a value; the password is one of them.
		return Settings{}, errors.New("settings of an LDAP source: malformed JSON or an unknown member")
	}
	s := Settings{
		URL: in.URL, StartTLS: in.StartTLS, CA: in.CA, BindDN: in.BindDN, BindPassword: eid.NewSecret(in.BindPassword),
		BindAs: in.BindAs, BaseDN: in.BaseDN, Filter: in.Filter, Subject: in.Subject,
		Level: in.Level, LevelAttribute: in.LevelAttribute, Levels: in.Levels, Groups: in.Groups, GroupAttribute: in.GroupAttribute,
		NumberAttribute: in.NumberAttribute, NameAttribute: in.NameAttribute, BirthDateAttribute: in.BirthDateAttribute,
	}
	return s, s.check()
}

func (s Settings) check() error {
	errs := []error{s.checkURL(), s.checkNames(), s.checkLevels()}
	if s.Subject == "" {
		errs = append(errs, errors.New("subject: missing"))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("settings of an LDAP source: %w", err)
	}
	return nil
}

// checkURL sees to it that passwords travel encrypted, save on this machine.
func (s Settings) checkURL() error {
	u, err := url.Parse(s.URL)
	switch {
	case err != nil || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || strings.ContainsAny(s.URL, "?#"):
		return errors.New("url: want ldaps://host, with a port at most")
	case u.Scheme == "ldaps" && s.StartTLS:
		return errors.New("start_tls: not with ldaps")
	case u.Scheme == "ldaps", u.Scheme == "ldap" && s.StartTLS, u.Scheme == "ldap" && federation.Loopback(u.Hostname()):
		return nil
	}
	return errors.New("url: not encrypted; want ldaps, or ldap with start_tls")
}

// checkNames checks how a person is found and bound as.
func (s Settings) checkNames() error {
	var errs []error
	if _, ok := parseDN(s.BaseDN); !ok {
		errs = append(errs, errors.New("base_dn: not a DN"))
	}
	template, templateIsDN := parseDN(strings.ReplaceAll(s.BindAs, placeholder, "x"))
	switch {
	case s.BindAs == "":
		if _, ok := parseDN(s.BindDN); !ok || s.BindPassword.IsZero() {
			errs = append(errs, errors.New("bind_dn and bind_password: missing or not a DN; or give bind_as"))
		}
	case s.BindDN != "" || !s.BindPassword.IsZero():
		errs = append(errs, errors.New("bind_as: given beside a service account"))
	case strings.Count(s.BindAs, placeholder) != 1:
		errs = append(errs, errors.New("bind_as: want {login} once"))
	case !templateIsDN && (strings.Contains(s.BindAs, "=") || !strings.Contains(s.BindAs, "@")):
		// A bare name would be anything that a directory binds as: a DN has spellings
		// without end, and each would have guesses of its own.
		errs = append(errs, errors.New("bind_as: neither a DN nor a user principal name"))
	}
	if base, ok := parseDN(s.BaseDN); ok && s.BindAs != "" && templateIsDN && !base.AncestorOfFold(template) {
		errs = append(errs, errors.New("bind_as: not below base_dn"))
	}
	if s.BindAs == "" || !templateIsDN {
		_, err := ldap.CompileFilter(strings.ReplaceAll(s.Filter, placeholder, "x"))
		if err != nil || !strings.Contains(s.Filter, placeholder) {
			errs = append(errs, errors.New("filter: want a filter with {login} in it (RFC 4515)"))
		}
	}
	return errors.Join(errs...)
}

func (s Settings) checkLevels() error {
	var errs []error
	ways := 0
	for _, given := range []bool{s.Level != eid.LevelNone, s.LevelAttribute != "", len(s.Groups) > 0} {
		if given {
			ways++
		}
	}
	if ways != 1 || s.Level != eid.LevelNone && !s.Level.Valid() {
		errs = append(errs, errors.New("level: want one of level (1 or 2), level_attribute with levels, groups"))
	}
	if (s.LevelAttribute != "") != (len(s.Levels) > 0) {
		errs = append(errs, errors.New("level_attribute and levels: one without the other"))
	}
	for _, value := range slices.Sorted(maps.Keys(s.Levels)) {
		if value == "" || !s.Levels[value].Valid() {
			errs = append(errs, fmt.Errorf("levels %q: level %d, want a value and 1 or 2", value, s.Levels[value]))
		}
	}
	for _, group := range slices.Sorted(maps.Keys(s.Groups)) {
		if _, ok := parseDN(group); !ok || !s.Groups[group].Valid() {
			errs = append(errs, fmt.Errorf("groups %q: want a DN and level 1 or 2", group))
		}
	}
	return errors.Join(errs...)
}

func (s Settings) encrypted() bool { return strings.HasPrefix(s.URL, "ldaps:") }

func (s Settings) groupAttribute() string {
	if s.GroupAttribute == "" {
		return memberOf
	}
	return s.GroupAttribute
}

// attributes are those to ask for, and no others.
func (s Settings) attributes() []string {
	list := []string{s.Subject, s.LevelAttribute, s.NumberAttribute, s.NameAttribute, s.BirthDateAttribute}
	if len(s.Groups) > 0 {
		list = append(list, s.groupAttribute())
	}
	list = slices.DeleteFunc(list, func(name string) bool { return name == "" })
	slices.Sort(list)
	return slices.Compact(list)
}
