package accounts

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"eidgate/eid"
	"eidgate/eid/civil"
)

// ErrTooMany reports that an account opened too many conflicts of late.
var ErrTooMany = errors.New("too many conflicts of this account")

// A stranger with one account does not fill the queue.
const (
	maxConflicts = 5  // that one account opens in an hour
	maxWaiting   = 20 // of one account that nobody has decided
)

// ConflictLimits are how many conflicts an account may have.
type ConflictLimits struct {
	Since   time.Time
	Most    int // opened after Since
	Waiting int // that wait
}

// Said is what a legacy source says of a person, each part where it says anything. It
// prints and logs as nothing.
type Said struct {
	Person civil.Person
	// OtherNumber: it states a number that is no personal number, nor one of the nine
	// digits of before. OddDate: a date of birth that is none.
	OtherNumber, OddDate bool
}

// String tells nothing of the person.
func (Said) String() string { return "[person]" }

// GoString tells nothing of the person.
func (Said) GoString() string { return "[person]" }

// LogValue tells nothing of the person.
func (Said) LogValue() slog.Value { return slog.StringValue("[person]") }

// ConflictRecord is a new conflict as it is stored. Canonical and Subject are kept as
// keyed indexes only, Sides is sealed.
type ConflictRecord struct {
	eid.Conflict
	Subject   string // what the source calls the person
	Canonical string
	Sides     []byte // JSON of ConflictSides
	Entry     eid.AuditEntry
}

// ConflictSides are what an officer compares. Nothing of it is logged.
type ConflictSides struct {
	Legacy   ConflictSide `json:"legacy"`
	National ConflictSide `json:"national"`
	Client   string       `json:"client"` // that the sign-in was for
	Ref      string       `json:"ref"`    // of that sign-in
}

// ConflictSide is one of the two, the number masked.
type ConflictSide struct {
	Source    string    `json:"source"`
	Provider  string    `json:"provider,omitempty"`
	Kind      string    `json:"kind,omitempty"`    // the protocol
	Subject   string    `json:"subject,omitempty"` // what the legacy source calls the person
	Number    string    `json:"number,omitempty"`
	Name      string    `json:"name,omitempty"`
	BirthDate string    `json:"birth_date,omitempty"`
	Level     eid.Level `json:"level"`
	Methods   []string  `json:"methods,omitempty"`
	At        time.Time `json:"at"`
}

// judge decides about a claim of two sides that stand so. It leaves out the link that
// is to be made. The records are the conflicts that nobody has decided.
func (c *Claim) judge(s LinkStanding, now time.Time) (Settled, []ConflictRecord) {
	a := &s.Account
	switch {
	case a.ID == "" || a.ID != c.Account || a.Unverified() || a.Usable() != nil:
		return Settled{Outcome: Unusable}, nil
	case old(c.Legacy.Given, now) || old(c.National.Given, now):
		return Settled{Outcome: TooLate}, nil
	case c.NationalLink != "" && (s.National.ID != c.NationalLink || s.National.Account != a.ID || !s.National.Alive(now)):
		return Settled{Outcome: Unproved}, nil
	case c.Legacy.Subject == "" || !c.Legacy.Level.Valid() || !c.level(s).Valid():
		return Settled{Outcome: Unproved}, nil
	case s.Link.ID != "" && s.Link.Account == a.ID:
		return Settled{Outcome: Linked, Link: s.Link}, nil
	case s.Imported == eid.ImportedRejected:
		return Settled{Outcome: Rejected, Kind: eid.ConflictRows}, nil
	case s.Imported == eid.ImportedContested || s.ShadowLocked:
		return Settled{Outcome: Conflicted, Kind: eid.ConflictRows, Ref: cmp.Or(s.ContestRef, c.Ref)}, nil
	}
	got := Settled{Outcome: Linked}
	var waiting []ConflictRecord
	for _, k := range c.conflicts(s) {
		canonical := c.canonical(k, a)
		ruled := s.Ruling(canonical)
		if ruled.Decision == eid.Accepted && k.kind == eid.ConflictLinked {
			// Officers decided of a link before this one, which lives: of it they did not.
			canonical += "\x00" + s.Link.ID
			ruled = s.Ruling(canonical)
		}
		switch {
		case ruled.Decision == eid.Rejected:
			return Settled{Outcome: Rejected, Kind: k.kind, Ref: ruled.Ref}, nil
		case ruled.Decision == eid.Accepted && k.kind != eid.ConflictLinked:
			continue // while the other link lives, this one cannot be
		}
		if got.Outcome == Linked {
			got = Settled{Outcome: Conflicted, Kind: k.kind, Ref: ruled.Ref}
		}
		if ruled.ID == "" {
			waiting = append(waiting, ConflictRecord{
				Conflict: eid.Conflict{Kind: k.kind, Source: c.Source.ID, Account: a.ID, Other: k.other, OpenedAt: now, Ref: c.Ref},
				Subject:  c.Legacy.Subject, Canonical: canonical, Sides: c.sides(a),
			})
		}
	}
	return got, waiting
}

// old reports whether a side that was proved then waits no more. Clocks of replicas
// differ a little.
func old(given, now time.Time) bool {
	age := now.Sub(given)
	return given.IsZero() || age > PendingFor || age < -time.Minute
}

// conflict is one thing that stands in the way of a link.
type conflict struct {
	kind  eid.ConflictKind
	other eid.AccountID
	links []string // for ConflictSecond: the ids of the links that are there
}

// conflicts lists what stands in the way.
func (c *Claim) conflicts(s LinkStanding) []conflict {
	var list []conflict
	switch {
	case s.Link.ID != "" && s.Link.Account != s.Shadow:
		list = append(list, conflict{kind: eid.ConflictLinked, other: s.Link.Account})
	case s.Former != "" && s.Former != s.Account.ID:
		list = append(list, conflict{kind: eid.ConflictFormer, other: s.Former})
	}
	if len(s.Others) > 0 {
		second := conflict{kind: eid.ConflictSecond}
		for _, link := range s.Others {
			second.links = append(second.links, link.ID)
		}
		slices.Sort(second.links)
		list = append(list, second)
	}
	if kind := gainsays(c.Legacy.Said, &s.Account.Person); kind != "" {
		list = append(list, conflict{kind: kind})
	}
	return list
}

// gainsays says in what a source contradicts the account, if it does. What it does not
// say contradicts nothing; accents alone do.
func gainsays(said Said, held *eid.Person) eid.ConflictKind {
	p := said.Person
	if said.OtherNumber || !p.Number.IsZero() && eid.IdentifierOf(p.Number) != held.Identifier {
		return eid.ConflictOtherNumber
	}
	is := civil.Person{Name: held.Name}
	var err error
	if is.BirthDate, err = civil.ParseDate(held.BirthDate); err != nil {
		is.BirthDate = civil.Date{}
	}
	p.Number = eid.PersonalNumber{}
	if p.Name == "" {
		p.Name, is.Name = "a", "a"
	}
	if p.BirthDate.Year == 0 && !said.OddDate {
		p.BirthDate, is.BirthDate = anyDay(), anyDay()
	}
	if civil.Judge(p, is) != civil.Match {
		return eid.ConflictDetails
	}
	return ""
}

// anyDay stands on both sides where a source says no date of birth.
func anyDay() civil.Date { return civil.Date{Year: 2000, Month: time.January, Day: 1} }

// canonical is the text that two conflicts share only if nothing in them differs that
// an officer would look at. It holds the person's data. That somebody else is linked,
// or was before, is one question.
func (c *Claim) canonical(k conflict, a *eid.Account) string {
	kind := k.kind
	if kind == eid.ConflictFormer {
		kind = eid.ConflictLinked
	}
	parts := []string{string(kind), c.Source.ID, c.Legacy.Subject, string(a.ID), string(k.other)}
	parts = append(parts, k.links...)
	if kind == eid.ConflictOtherNumber || kind == eid.ConflictDetails {
		said := c.Legacy.Said
		parts = append(parts, said.Person.Number.Reveal(), norm.NFC.String(said.Person.Name), said.Person.BirthDate.String(),
			fmt.Sprint(said.OtherNumber, said.OddDate), a.Person.Identifier.Reveal(), a.Person.Name, a.Person.BirthDate)
	}
	return strings.Join(parts, "\x00")
}

// sides are both sides for an officer.
func (c *Claim) sides(a *eid.Account) []byte {
	said := c.Legacy.Said
	legacy := ConflictSide{
		Source: c.Legacy.Source, Provider: c.Source.Provider, Kind: c.Source.Kind, Subject: c.Legacy.Subject, Name: said.Person.Name,
		Level: c.Legacy.Level, Methods: c.Legacy.Methods, At: c.Legacy.At,
	}
	if !said.Person.Number.IsZero() {
		legacy.Number = said.Person.Number.Masked()
	}
	if said.Person.BirthDate.Year != 0 {
		legacy.BirthDate = said.Person.BirthDate.String()
	}
	text, err := json.Marshal(ConflictSides{Legacy: legacy, National: ConflictSide{
		Source: c.National.Source, Number: a.Person.Identifier.String(), Name: a.Person.Name, BirthDate: a.Person.BirthDate,
		Level: c.National.Level, Methods: c.National.Methods, At: c.National.At,
	}, Client: c.Client, Ref: c.Ref})
	if err != nil {
		return nil // texts and times always marshal
	}
	return text
}

// open puts conflicts into the queue.
func (l *Linker) open(ctx context.Context, c Claim, got Settled, met []ConflictRecord, now time.Time) (Settled, error) {
	for i := range met {
		met[i].ID = newID()
		e, err := entryOf(now, "system", eid.ActionConflictOpened, c.Account, conflictDetail{Conflict: met[i].ID, Kind: met[i].Kind, Source: c.Source.ID})
		if err != nil {
			return Settled{}, fmt.Errorf("opening conflict: %w", err)
		}
		e.Client, e.Ref = c.Client, c.Ref
		met[i].Entry = e
	}
	stored, err := l.store.OpenConflicts(ctx, c.Account, met, ConflictLimits{Since: now.Add(-time.Hour), Most: maxConflicts, Waiting: maxWaiting})
	switch {
	case errors.Is(err, ErrTooMany):
		return Settled{Outcome: Throttled}, nil
	case err != nil:
		return Settled{}, fmt.Errorf("opening conflict: %w", err)
	}
	if got.Ref == "" && len(stored) > 0 {
		got.Ref = stored[0].Ref
	}
	return got, nil
}

type conflictDetail struct {
	Conflict string           `json:"conflict"`
	Kind     eid.ConflictKind `json:"kind"`
	Source   string           `json:"source"`
	Decision eid.Ruling       `json:"decision,omitempty"`
	Proposed string           `json:"proposed_by,omitempty"`
	Reason   string           `json:"reason,omitempty"`
}
