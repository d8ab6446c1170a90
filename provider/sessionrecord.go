package provider

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"eidgate/federation"
)

// sessionFormat is the first byte of a session's fields.
const sessionFormat = 1

// record is a session as it is kept. It may hold many grants, and each flow reads
// and writes them all.
func (s session) record() []byte { return writeFields(sessionFormat, s.fields) }

// readSession reads what record wrote, or what the versions before did.
func readSession(raw []byte) (s session, err error) {
	if asJSON(raw) {
		return readJSONSession(raw)
	}
	err = readFields(sessionFormat, raw, s.fields)
	return s, err
}

// fields lists all fields. A new one goes to the end, under the next format, and is
// read of that format only.
func (s *session) fields(f *fields) {
	text(f, &s.ID)
	text(f, &s.Account)
	list(f, &s.Proofs, func(p *federation.Proof) { proofFields(f, p) })
	list(f, &s.Grants, func(g *sessionGrant) { g.fields(f) })
	idle := s.Idle != nil
	if flag(f, &idle); idle {
		if s.Idle == nil {
			s.Idle = &idleSession{}
		}
		text(f, &s.Idle.Account)
		list(f, &s.Idle.Grants, func(g *sessionGrant) { g.fields(f) })
	}
	moment(f, &s.StartedAt)
	moment(f, &s.SeenAt)
	flag(f, &s.Watched)
}

func (g *sessionGrant) fields(f *fields) {
	text(f, &g.Client)
	text(f, &g.SID)
	text(f, &g.Slot)
	text(f, &g.Family)
	number(f, &g.Until)
}

func proofFields(f *fields, p *federation.Proof) {
	text(f, &p.Login)
	text(f, &p.Source)
	text(f, &p.Account)
	text(f, &p.Link)
	number(f, &p.Level)
	texts(f, &p.Methods)
	moment(f, &p.At)
	moment(f, &p.Given)
	text(f, &p.Logout)
}

// readJSONSession reads sessions of the versions before: JSON, with a line below it
// for each grant, or with the grants inside.
func readJSONSession(raw []byte) (session, error) {
	head, lines, listed := bytes.Cut(raw, []byte{'\n'})
	var s session
	if err := json.Unmarshal(head, &s); err != nil || !listed {
		return s, err
	}
	for line := range strings.SplitSeq(string(lines), "\n") {
		var g sessionGrant
		if err := g.UnmarshalText([]byte(line)); err != nil {
			return session{}, err
		}
		s.Grants = append(s.Grants, g)
	}
	return s, nil
}

// UnmarshalText reads a grant of such a session.
func (g *sessionGrant) UnmarshalText(text []byte) error {
	parts := strings.SplitN(string(text), " ", 5)
	until, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil || len(parts) != 5 {
		return errors.New("not a grant of a session")
	}
	*g = sessionGrant{Until: until, Slot: parts[1], Family: parts[2], SID: parts[3], Client: parts[4]}
	return nil
}
