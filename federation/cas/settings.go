package cas

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"eidgate/eid"
	"eidgate/federation"
)

// Settings are what an operator registers about a CAS server. Attributes are those
// of a validation's answer, named without prefix.
type Settings struct {
	// Server is the address that /login and the others stand below, without a
	// slash at the end.
	Server string `json:"server"`
	// Subject is the attribute that names the person for ever; empty for the user
	// itself, where user names are never given to somebody else.
	Subject string `json:"subject"`
	// LevelAttribute and Levels map an attribute to levels. A value that is not
	// here, or none, is not believed.
	LevelAttribute string               `json:"level_attribute"`
	Levels         map[string]eid.Level `json:"levels"`
	// Level is what every sign-in at a server counts that gives no level; the zero
	// level where LevelAttribute says it.
	Level eid.Level `json:"level"`
	// MethodsAttribute and Methods map an attribute to amr values (RFC 8176).
	MethodsAttribute string              `json:"methods_attribute"`
	Methods          map[string][]string `json:"methods"`
	// Attributes of the person: see federation.Person. Each may be empty.
	NumberAttribute    string `json:"number_attribute"`
	NameAttribute      string `json:"name_attribute"`
	BirthDateAttribute string `json:"birth_date_attribute"`
}

// ParseSettings reads eid.Source.Settings and reports every fault at once:
//
//	{"server": "https://…/cas", "subject": "uid", "level_attribute": "loa",
//	 "levels": {"high": 2}, "number_attribute": "cccd"}
func ParseSettings(raw json.RawMessage) (Settings, error) {
	var s Settings
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil {
		return Settings{}, errors.New("settings of a CAS source: malformed JSON or an unknown member")
	}
	return s, s.check()
}

func (s Settings) check() error {
	var errs []error
	if err := checkServer(s.Server); err != nil {
		errs = append(errs, fmt.Errorf("server: %w", err))
	}
	switch mapped := s.LevelAttribute != ""; {
	case mapped != (len(s.Levels) > 0):
		errs = append(errs, errors.New("level_attribute and levels: one without the other"))
	case mapped && s.Level != eid.LevelNone:
		errs = append(errs, errors.New("level: given beside level_attribute"))
	case !mapped && !s.Level.Valid():
		errs = append(errs, errors.New("level: want 1 or 2, or level_attribute and levels"))
	}
	for _, value := range slices.Sorted(maps.Keys(s.Levels)) {
		if value == "" || !s.Levels[value].Valid() {
			errs = append(errs, fmt.Errorf("levels %q: level %d, want a value and 1 or 2", value, s.Levels[value]))
		}
	}
	if (s.MethodsAttribute != "") != (len(s.Methods) > 0) {
		errs = append(errs, errors.New("methods_attribute and methods: one without the other"))
	}
	for _, value := range slices.Sorted(maps.Keys(s.Methods)) {
		unshaped := func(method string) bool { return !federation.IsMethod(method) }
		if value == "" || len(s.Methods[value]) == 0 || slices.ContainsFunc(s.Methods[value], unshaped) {
			errs = append(errs, fmt.Errorf("methods %q: want a value and amr values", value))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("settings of a CAS source: %w", err)
	}
	return nil
}

// checkServer accepts an absolute https URL, or an http one of this machine, that
// paths can be added to.
func checkServer(raw string) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "" || u.User != nil || strings.ContainsAny(raw, "?#"):
		return errors.New("not an absolute URL without user, query and fragment")
	case strings.HasSuffix(raw, "/"):
		return errors.New("ends in a slash")
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && federation.Loopback(u.Hostname()):
		return nil
	}
	return errors.New("not https")
}
