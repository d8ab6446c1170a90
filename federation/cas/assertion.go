package cas

import (
	"strconv"
	"strings"
	"time"

	"eidgate/eid"
	"eidgate/federation"
)

const (
	maxSubject = 255              // bytes
	maxClock   = 60 * time.Second // that a server's clock may differ from ours
)

// Attributes that the protocol itself defines (CAS Protocol 3.0 §2.5.7).
const (
	attributeDate     = "authenticationDate"
	attributeNewLogin = "isFromNewLogin"
	attributeLongTerm = "longTermAuthenticationRequestTokenUsed"
)

// assertion makes of an answer what the gateway may believe.
func (s Settings) assertion(a answer, m memory, now time.Time) (*federation.Assertion, error) {
	subject := a.user
	if s.Subject != "" {
		var err error
		if subject, err = a.one(s.Subject); err != nil {
			return nil, err
		}
	}
	if subject == "" || len(subject) > maxSubject || !federation.Printable(subject) {
		return nil, distrust("subject missing or malformed")
	}
	level, err := s.level(a)
	if err != nil {
		return nil, err
	}
	at, err := authenticated(a, m, now)
	if err != nil {
		return nil, err
	}
	return &federation.Assertion{
		Subject: subject, Level: level, Methods: s.methods(a), At: at, Anew: !at.Before(m.Started), Person: a.person(s),
	}, nil
}

// level is the one that the attribute maps to, or the fixed one of a server that
// gives none.
func (s Settings) level(a answer) (eid.Level, error) {
	if s.LevelAttribute == "" {
		return s.Level, nil
	}
	value, err := a.one(s.LevelAttribute)
	if err != nil {
		return eid.LevelNone, err
	}
	level, ok := s.Levels[value]
	if !ok {
		return eid.LevelNone, distrust("level missing or unknown")
	}
	return level, nil
}

// methods are those that the attribute's value maps to, else only that the sign-in
// was federated. They decide no level.
func (s Settings) methods(a answer) []string {
	if s.MethodsAttribute != "" {
		if mapped, ok := s.Methods[a.perhaps(s.MethodsAttribute)]; ok {
			return mapped
		}
	}
	return []string{"fed"}
}

// authenticated is when the person authenticated. The server has to say so, by the
// date or by calling the login a new one: a session there may be hours old, and
// guessing would make an old proof fresh.
//
// Where a fresh sign-in was asked, renew made the server refuse any other ticket;
// beside that it must call the login new or date it, and nothing may contradict.
func authenticated(a answer, m memory, now time.Time) (time.Time, error) {
	date, err := a.one(attributeDate)
	if err != nil {
		return time.Time{}, err
	}
	newLogin, err := a.one(attributeNewLogin)
	if err != nil {
		return time.Time{}, err
	}
	longTerm, err := a.one(attributeLongTerm)
	if err != nil {
		return time.Time{}, err
	}
	isNew := strings.EqualFold(newLogin, "true")
	var at time.Time
	switch {
	case date != "":
		if at, err = parseDate(date); err != nil {
			return time.Time{}, err
		}
	case isNew:
		at = m.Started
	default:
		return time.Time{}, distrust("time of authentication missing")
	}
	if at.After(now.Add(maxClock)) {
		return time.Time{}, distrust("authentication lies in the future")
	}
	if m.Fresh {
		// Times may be cut to seconds; what the server calls new may be dated by a
		// clock that is a little slow.
		earliest := m.Started.Add(-2 * time.Second)
		if isNew {
			earliest = m.Started.Add(-maxClock)
		}
		if newLogin != "" && !isNew || longTerm != "" && !strings.EqualFold(longTerm, "false") || at.Before(earliest) {
			return time.Time{}, distrust("authentication is older than was asked")
		}
		if at.Before(m.Started) {
			at = m.Started
		}
	}
	if at.After(now) {
		at = now // the server's clock is ahead, within bounds
	}
	return at, nil
}

// parseDate reads an xs:dateTime with its zone, which Apereo's server may name once
// more in brackets, or seconds since 1970, as LemonLDAP::NG keeps them.
func parseDate(text string) (time.Time, error) {
	bare, _, _ := strings.Cut(text, "[")
	if at, err := time.Parse(time.RFC3339, bare); err == nil {
		return at, nil
	}
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil && seconds > 0 && seconds < 1<<38 {
		return time.Unix(seconds, 0), nil
	}
	return time.Time{}, distrust("time of authentication malformed")
}
