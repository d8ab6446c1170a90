package provider

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
)

// usualGrant is about as long as a grant's line is, in bytes.
const usualGrant = 160

// record is a session as it is kept: JSON, and a line for each grant. A session may
// hold many grants, and each flow reads and writes them all.
func (s session) record() ([]byte, error) {
	grants := s.Grants
	s.Grants = nil
	raw, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	raw = slices.Grow(raw, len(grants)*usualGrant)
	for _, g := range grants {
		raw = append(raw, '\n')
		if raw, err = g.AppendText(raw); err != nil {
			return nil, err
		}
	}
	return raw, nil
}

// readSession reads what record wrote. The version before kept the grants inside of
// the JSON, which is read as well.
func readSession(raw []byte) (session, error) {
	head, lines, listed := bytes.Cut(raw, []byte{'\n'})
	var s session
	if err := json.Unmarshal(head, &s); err != nil || !listed {
		return s, err
	}
	s.Grants = make([]sessionGrant, 0, 1+bytes.Count(lines, []byte{'\n'}))
	for line := range strings.SplitSeq(string(lines), "\n") {
		g, err := parseSessionGrant(line)
		if err != nil {
			return session{}, err
		}
		s.Grants = append(s.Grants, g)
	}
	return s, nil
}

// AppendText writes a grant as one short text. None of its parts has a line break,
// and only the last may have spaces.
func (g sessionGrant) AppendText(text []byte) ([]byte, error) {
	text = strconv.AppendInt(text, g.Until, 10)
	for _, part := range [...]string{g.Slot, g.Family, g.SID, g.Client} {
		if strings.Contains(part, "\n") {
			return nil, errors.New("a grant of a session with a line break")
		}
		text = append(append(text, ' '), part...)
	}
	return text, nil
}

// MarshalText writes a grant of an idle session.
func (g sessionGrant) MarshalText() ([]byte, error) { return g.AppendText(nil) }

// UnmarshalText reads what MarshalText wrote.
func (g *sessionGrant) UnmarshalText(text []byte) (err error) {
	*g, err = parseSessionGrant(string(text))
	return err
}

func parseSessionGrant(text string) (sessionGrant, error) {
	var parts [4]string
	rest := text
	for i := range parts {
		part, after, more := strings.Cut(rest, " ")
		if !more {
			return sessionGrant{}, errors.New("not a grant of a session")
		}
		parts[i], rest = part, after
	}
	until, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil {
		return sessionGrant{}, errors.New("not a grant of a session: its end is no number")
	}
	return sessionGrant{Until: until, Slot: parts[1], Family: parts[2], SID: parts[3], Client: rest}, nil
}
