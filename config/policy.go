package config

import (
	"maps"
	"slices"
	"strings"
	"time"

	"eidgate/eid"
)

// NotReady lets an administrative client take legacy providers for a time.
type NotReady struct {
	// The number of the document that says so.
	Decision string `koanf:"decision"`
	// The first moment; a day begins at midnight in Việt Nam. Without it, that of the
	// source.
	From time.Time `koanf:"from"`
	// The first moment after it; without it, that of the source.
	Until time.Time `koanf:"until"`
	// What is allowed: signing in as well, by default, or the making of accounts alone.
	Covers string `koanf:"covers"`
}

// Decision is on what authority something holds.
type Decision struct {
	Reference string    `koanf:"reference"` // the number of the document
	Date      time.Time `koanf:"date"`      // its date
}

// Maintenance is an announced time in which no sign-in begins at a source.
type Maintenance struct {
	From  time.Time `koanf:"from"`  // the first moment; a day begins at midnight in Việt Nam
	Until time.Time `koanf:"until"` // the first moment after it
}

func (n *NotReady) party() *eid.NotReady {
	if n == nil {
		return nil
	}
	return &eid.NotReady{Decision: n.Decision, From: n.From, Until: n.Until, SignIn: n.Covers != "account_creation"}
}

func (cl *Client) category() eid.Category {
	if cl.Category == "" {
		return eid.Administrative
	}
	return eid.Category(cl.Category)
}

func (cl *Client) sourceDecisions() map[string]eid.Decision {
	if len(cl.SourceDecisions) == 0 {
		return nil
	}
	all := make(map[string]eid.Decision, len(cl.SourceDecisions))
	for id, d := range cl.SourceDecisions {
		all[id] = eid.Decision(d)
	}
	return all
}

// checkPolicy sees that the sources of a client are those that its category takes.
func (cl *Client) checkPolicy(f *faults, at string, sources []Source) {
	checkChoice(f, member(at, "category"), cl.Category, false)
	ids, administrative := sourceIDs(sources), cl.category() == eid.Administrative
	for j, id := range cl.Sources {
		if k := slices.Index(ids, id); k >= 0 && administrative && cl.NotReady == nil && !sources[k].national() && sources[k].Kind != kindPortal {
			f.add(item(member(at, "sources"), j), "a legacy provider, which an administrative portal does not take (Decision 34/2021)",
				"not_ready with the decision that lets it, category: other where the portal's owner decides, or remove it")
		}
	}
	decisions := member(at, "source_decisions")
	for _, id := range slices.Sorted(maps.Keys(cl.SourceDecisions)) {
		if !slices.Contains(cl.Sources, id) {
			f.add(member(decisions, id), "no source of this client", meant(id, cl.Sources))
		}
		checkReference(f, member(member(decisions, id), "reference"), cl.SourceDecisions[id].Reference)
	}
	if cl.NotReady == nil {
		return
	}
	path := member(at, "not_ready")
	if !administrative {
		f.add(path, "given to a portal whose owner decides", "remove it, or category: administrative")
	}
	checkReference(f, member(path, "decision"), cl.NotReady.Decision)
	checkChoice(f, member(path, "covers"), cl.NotReady.Covers, false)
	if from, until := cl.NotReady.From, cl.NotReady.Until; !until.IsZero() && !until.After(from) {
		f.add(member(path, "until"), "not after not_ready.from", "a later date; the exception is half-open")
	}
}

// checkReference accepts the number of a document.
func checkReference(f *faults, path, number string) {
	if strings.TrimSpace(number) == "" {
		f.add(path, "missing", "the number of the document, such as 12/QĐ-UBND")
		return
	}
	checkLine(f, path, number, maxLabel)
}

// maxMaintenance is how many announced times one source may have.
const maxMaintenance = 64

func (s *Source) checkMaintenance(f *faults, at string) {
	at = member(at, "maintenance")
	if len(s.Maintenance) > maxMaintenance {
		f.add(at, "too many", "64 at most; remove those that are over")
	}
	for j, m := range s.Maintenance {
		switch {
		case m.From.IsZero():
			f.add(member(item(at, j), "from"), "missing", "when it begins")
		case !m.Until.After(m.From):
			f.add(member(item(at, j), "until"), "missing, or not after from", "when the source is back")
		}
	}
}

func (s *Source) maintenance() []eid.Window {
	var all []eid.Window
	for _, m := range s.Maintenance {
		all = append(all, eid.Window(m))
	}
	return all
}

// national reports whether the source states the identity of the Ministry of Public
// Security.
func (s *Source) national() bool { return s.National || s.Kind == kindAccount }
