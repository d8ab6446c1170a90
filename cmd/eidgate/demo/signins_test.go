package demo

import (
	"strings"
	"testing"

	"eidgate/eid"
)

func TestSignIns(t *testing.T) {
	holders := make(map[eid.Identifier]Person)
	for _, p := range People() {
		holders[p.Identifier] = p
	}
	seen, kinds := make(map[string]bool), make(map[string]int)
	for _, s := range SignIns() {
		for _, key := range []string{s.Source + " login " + s.Login, s.Source + " subject " + s.Subject} {
			if seen[key] {
				t.Errorf("%s is there twice", key)
			}
			seen[key] = true
		}
		if s.Password == "" || !s.Level.Valid() || s.Note.Vietnamese == "" || s.Note.English == "" {
			t.Errorf("%s at %s is incomplete", s.Login, s.Source)
		}
		number, err := eid.ParsePersonalNumber(s.Number)
		if err != nil || !strings.HasPrefix(s.Number[6:], "000") {
			t.Errorf("%s at %s: number is not of the synthetic block: %v", s.Login, s.Source, err)
		}
		if s.Linked.IsZero() {
			kind := "stranger"
			if _, known := holders[eid.IdentifierOf(number)]; known {
				kind = "to be linked at " + s.Source
			}
			if kinds[kind]++; s.Cap.Valid() {
				t.Errorf("%s at %s is linked to nobody, with a cap", s.Login, s.Source)
			}
			continue
		}
		p, ok := holders[s.Linked]
		if !ok || s.Linked != eid.IdentifierOf(number) || !s.Cap.Valid() {
			t.Fatalf("%s at %s is linked to nobody, or to somebody else than it says", s.Login, s.Source)
		}
		switch {
		case s.Name == p.Name && s.BirthDate == Written(p.BirthDate):
			kinds["match at "+s.Source]++
		case s.Name != p.Name && s.BirthDate == Written(p.BirthDate):
			kinds["other accents"]++
		case s.Name == p.Name:
			kinds["other date"]++
		}
	}
	for _, want := range []string{
		"stranger", "to be linked at legacy", "other accents", "other date",
		"match at vneid", "match at legacy", "match at insurance", "match at post", "match at library",
	} {
		if kinds[want] == 0 {
			t.Errorf("nobody shows: %s", want)
		}
	}
	for _, source := range []string{SourceVNeID, SourceOldPortal, SourceInsurance, SourcePost, SourceLibrary, SourceClosed} {
		if list := At(source); len(list) == 0 || list[0].Source != source && source != SourceClosed {
			t.Errorf("At(%s) = %d sign-ins", source, len(list))
		}
	}
}
