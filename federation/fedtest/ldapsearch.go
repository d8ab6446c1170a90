package fedtest

import (
	"maps"
	"slices"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
)

// Kinds of filters that are understood (RFC 4511 §4.5.1.7).
const (
	filterAnd     = 0
	filterOr      = 1
	filterNot     = 2
	filterEqual   = 3
	filterPresent = 7
)

// search answers with the people whom a filter matches.
func (s *LDAP) search(c *ldapConn, id int64, op *ber.Packet) error {
	base, scope := op.Children[0].Value.(string), op.Children[1].Value.(int64)
	most := op.Children[3].Value.(int64)
	filter, wanted := op.Children[6], op.Children[7]
	s.mu.Lock()
	s.found++
	tamper, two, elsewhere, code := s.faults.attributes, s.faults.twoMatches, s.faults.elsewhere, s.faults.answers
	s.mu.Unlock()
	if code != 0 && c.bound != "" {
		return c.send(id, result(opSearch+2, code, LeakedText))
	}
	if c.bound == "" {
		return c.send(id, result(opSearch+2, resultDenied, LeakedText))
	}
	var sent int64
	for _, p := range s.cfg.People {
		dn := s.dn(p)
		own := strings.EqualFold(c.bound, dn)
		if scope == 0 && !strings.EqualFold(base, dn) || scope != 0 && !within(dn, base) || !own && c.bound != s.cfg.ServiceDN {
			continue
		}
		attributes := p.entry()
		if !matches(filter, attributes) && !two {
			continue
		}
		if sent++; most > 0 && sent > most {
			return c.send(id, result(opSearch+2, resultMany, ""))
		}
		for _, change := range tamper {
			change(attributes)
		}
		if elsewhere != "" {
			dn = elsewhere
		}
		if err := c.send(id, entry(dn, attributes, wanted)); err != nil {
			return err
		}
	}
	if sent == 0 && scope == 0 {
		return c.send(id, result(opSearch+2, resultNobody, ""))
	}
	return c.send(id, result(opSearch+2, resultOK, ""))
}

// entry is the person as a directory has it.
func (p Person) entry() map[string][]string {
	attributes := map[string][]string{
		"objectClass": {"inetOrgPerson"}, "uid": {p.Login}, "entryUUID": {p.Subject},
	}
	for name, value := range map[string]string{"loa": p.ACR, "cn": p.Name, "mail": p.Email} {
		if value != "" {
			attributes[name] = []string{value}
		}
	}
	maps.Copy(attributes, p.Attributes)
	return attributes
}

func within(dn, base string) bool {
	return strings.HasSuffix(strings.ToLower(dn), ","+strings.ToLower(base))
}

// matches evaluates a filter, without regard to case.
func matches(filter *ber.Packet, attributes map[string][]string) bool {
	switch int(filter.Tag) {
	case filterAnd:
		return !slices.ContainsFunc(filter.Children, func(f *ber.Packet) bool { return !matches(f, attributes) })
	case filterOr:
		return slices.ContainsFunc(filter.Children, func(f *ber.Packet) bool { return matches(f, attributes) })
	case filterNot:
		return !matches(filter.Children[0], attributes)
	case filterPresent:
		return len(values(attributes, filter.Data.String())) > 0
	case filterEqual:
		want := filter.Children[1].Data.String()
		return slices.ContainsFunc(values(attributes, filter.Children[0].Data.String()), func(value string) bool {
			return strings.EqualFold(value, want)
		})
	}
	return false
}

func values(attributes map[string][]string, name string) []string {
	for known, values := range attributes {
		if strings.EqualFold(known, name) {
			return values
		}
	}
	return nil
}

// entry is a SearchResultEntry with the attributes that were asked for (RFC 4511
// §4.5.2).
func entry(dn string, attributes map[string][]string, wanted *ber.Packet) *ber.Packet {
	p := ber.Encode(ber.ClassApplication, ber.TypeConstructed, opSearch+1, nil, "entry")
	p.AppendChild(octets(dn))
	list := ber.NewSequence("attributes")
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		asked := slices.ContainsFunc(wanted.Children, func(w *ber.Packet) bool { return strings.EqualFold(w.Data.String(), name) })
		if !asked || len(attributes[name]) == 0 {
			continue
		}
		attribute := ber.NewSequence(name)
		attribute.AppendChild(octets(name))
		set := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
		for _, value := range attributes[name] {
			set.AppendChild(octets(value))
		}
		attribute.AppendChild(set)
		list.AppendChild(attribute)
	}
	p.AppendChild(list)
	return p
}
