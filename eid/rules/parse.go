package rules

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"eidgate/eid"
)

// parse reads one rule set. Members that are not known, that are there twice or that
// differ in case are refused: a rule that is not read must not look as if it held.
func parse(text []byte) (eid.RuleSet, error) {
	if err := exact(json.NewDecoder(bytes.NewReader(text)), ""); err != nil {
		return eid.RuleSet{}, err
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	var r eid.RuleSet
	if err := dec.Decode(&r); err != nil {
		return eid.RuleSet{}, fmt.Errorf("not a rule set: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return eid.RuleSet{}, errors.New("more than one JSON document")
	}
	return r, check(&r)
}

// exact walks one value and refuses names that are doubled or not in lower case.
func exact(dec *json.Decoder, at string) error {
	tok, err := dec.Token()
	if err != nil {
		return fmt.Errorf("not JSON: %w", err)
	}
	open, nested := tok.(json.Delim)
	if !nested {
		return nil
	}
	var seen []string
	for dec.More() {
		below := at
		if open == '{' {
			name, err := dec.Token()
			if err != nil {
				return fmt.Errorf("not JSON: %w", err)
			}
			key := fmt.Sprint(name)
			if key != strings.ToLower(key) || slices.Contains(seen, key) {
				return fmt.Errorf("%s: a member twice or not in lower case", at+key)
			}
			seen = append(seen, key)
			below = at + key + "."
		}
		if err := exact(dec, below); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return fmt.Errorf("not JSON: %w", err)
	}
	return nil
}

// Bounds of what a rule set may say: beyond them it is a slip.
const (
	maxAge      = 120
	maxDays     = 60
	maxHours    = 24 * 60
	maxTries    = 100
	maxYears    = 100
	maxHolidays = 2000
)

// check finds what no rule set may say. It reports every fault at once.
func check(r *eid.RuleSet) error {
	var f faults
	f.add(r.ID == "" || strings.ContainsFunc(r.ID, func(c rune) bool {
		return c != '-' && (c < 'a' || c > 'z') && (c < '0' || c > '9')
	}), "id: want a-z, 0-9 and - only")
	f.add(strings.TrimSpace(r.Title) == "", "title is missing")
	f.add(r.From.IsZero() || !midnight(r.From), "from: want the beginning of a day, such as 2024-07-01T00:00:00+07:00")
	f.add(!r.Until.IsZero() && (!midnight(r.Until) || !r.Until.After(r.From)), "until: want the beginning of a later day")
	f.ages(r.Ages)
	f.declared(r.Declared)
	f.levels(r.Levels)
	f.locks(r.Locks)
	t := r.Times
	f.within("times.draft_days", t.DraftDays, maxDays)
	f.within("times.tries_per_day", t.TriesPerDay, maxTries)
	f.within("times.activation_hours", t.ActivationHours, maxHours)
	f.within("times.pending_days", t.PendingDays, maxDays)
	f.within("retention.usage_years", r.Retention.UsageYears, maxYears)
	f.calendar(r.Calendar)
	f.basis(r)
	return errors.Join(f...)
}

// faults gathers what is wrong.
type faults []error

func (f *faults) add(wrong bool, format string, args ...any) {
	if wrong {
		*f = append(*f, fmt.Errorf(format, args...))
	}
}

func (f *faults) within(name string, n, most int) {
	f.add(n < 1 || n > most, "%s: want 1 to %d", name, most)
}

// ages sees that every age has exactly one way to an account.
func (f *faults) ages(bands []eid.AgeBand) {
	f.add(len(bands) == 0, "ages: there are none")
	for _, b := range bands {
		f.add(!slices.Contains([]eid.Access{eid.AccessOwn, eid.AccessOnRequest, eid.AccessGuardian}, b.Access), "ages: access %q: want own, on_request or guardian", b.Access)
		f.add(b.From < 0 || b.From > maxAge || b.Below != 0 && (b.Below <= b.From || b.Below > maxAge), "ages: from %d below %d is no span of ages", b.From, b.Below)
	}
	for age := range maxAge + 1 {
		ways := 0
		for _, b := range bands {
			if age >= b.From && (b.Below == 0 || age < b.Below) {
				ways++
			}
		}
		if ways != 1 {
			f.add(len(bands) > 0, "ages: the age of %d is in %d spans, want 1", age, ways)
			return
		}
	}
}

func (f *faults) declared(declared map[eid.SubjectType]eid.Declaration) {
	fields := []eid.Field{eid.FieldNumber, eid.FieldName, eid.FieldBirthDate, eid.FieldGender, eid.FieldNationality, eid.FieldPhone, eid.FieldEmail}
	for _, kind := range []eid.SubjectType{eid.Citizen, eid.Foreigner} {
		d, known := declared[kind]
		f.add(!known, "declared.%s is missing", kind)
		each(f, "declared."+string(kind)+".required", d.Required, fields)
		each(f, "declared."+string(kind)+".contact", d.Contact, []eid.Field{eid.FieldPhone, eid.FieldEmail})
		f.add(known && !d.Requires(eid.FieldNumber), "declared.%s: without a number nobody is found", kind)
	}
	f.add(len(declared) > 2, "declared: want citizen and foreigner only")
	f.add(!declared[eid.Foreigner].Requires(eid.FieldNationality), "declared.foreigner: a nationality is required")
}

func (f *faults) levels(levels []eid.LevelRule) {
	seen := map[eid.Level]int{}
	for _, l := range levels {
		at := "levels." + l.Level.String()
		seen[l.Level]++
		f.add(!l.Level.Valid(), "levels: want 1 and 2")
		f.add(l.Name == "", "%s.name is missing", at)
		each(f, at+".channels", l.Channels, []eid.Channel{eid.ChannelApp, eid.ChannelInPerson})
		f.within(at+".working_days", l.WorkingDays, maxDays)
		f.add(len(l.Compared) != 2, "%s.compared: want citizen and foreigner", at)
		for _, kind := range []eid.SubjectType{eid.Citizen, eid.Foreigner} {
			each(f, at+".compared."+string(kind), l.Compared[kind], []eid.Database{eid.Population, eid.CitizenCard, eid.Immigration})
		}
		if l.Level == eid.Level2 || len(l.Biometric) > 0 {
			each(f, at+".biometric", l.Biometric, []eid.BiometricMethod{eid.Portrait, eid.Fingerprint})
		}
		f.add(l.Level == eid.Level2 && slices.Contains(l.Channels, eid.ChannelApp), "%s.channels: a biometric is compared in person", at)
	}
	f.add(seen[eid.Level1] != 1 || seen[eid.Level2] != 1, "levels: want each of 1 and 2 once")
}

// locks sees that each reason has its rule, and that no holder or service user ends what
// somebody else began.
func (f *faults) locks(locks []eid.LockRule) {
	seen := map[eid.LockReason]int{}
	for _, l := range locks {
		at := "locks." + string(l.Reason)
		seen[l.Reason]++
		f.add(!slices.Contains(eid.LockReasons(), l.Reason), "%s: want one of %v", at, eid.LockReasons())
		each(f, at+".set_by", l.SetBy, eid.LockParties())
		f.add(l.UndoneBy == nil, "%s.undone_by is missing; [] is nobody", at)
		if len(l.UndoneBy) > 0 {
			each(f, at+".undone_by", l.UndoneBy, l.SetBy) // undone by the party that set it
		}
		f.add(l.Reason.Terminal() && !l.Terminal(), "%s.undone_by: want [], an authority corrects errors only", at)
		f.add(l.Terminal() && !l.UndoDocument, "%s.undo_document: a correction names its document", at)
		f.add(l.MaySet(eid.ByServiceUser) && (l.WorkingDays < 1 || l.WorkingDays > maxDays), "%s.working_days: want 1 to %d", at, maxDays)
		f.add(l.MaySet(eid.ByHolder) && l.Reason != eid.LockSelf, "%s.set_by: holders set a lock of their own only", at)
		f.add(l.Reason == eid.LockSelf && !(holderAlone(l.SetBy) && holderAlone(l.UndoneBy)), "%s: set and undone by the holder alone", at)
		f.add(l.MaySet(eid.ByServiceUser) && (!l.Document || !l.OwnRequester), "%s: of a service user the document is on record, and nobody else undoes it", at)
	}
	for _, reason := range eid.LockReasons() {
		f.add(seen[reason] != 1, "locks.%s: want one rule, there are %d", reason, seen[reason])
	}
}

func holderAlone(list []eid.LockParty) bool {
	return slices.Equal(list, []eid.LockParty{eid.ByHolder})
}

func (f *faults) calendar(c eid.Calendar) {
	f.add(len(c.Holidays)+len(c.Worked) > maxHolidays, "calendar: more than %d days", maxHolidays)
	for name, days := range map[string][]string{"holidays": c.Holidays, "worked": c.Worked, "listed_to": {c.ListedTo}} {
		for _, d := range days {
			_, err := time.Parse(time.DateOnly, d)
			f.add(err != nil, "calendar.%s: %q is no day such as 2026-01-31", name, d)
		}
	}
	for _, d := range c.Worked {
		t, err := time.Parse(time.DateOnly, d)
		f.add(err == nil && t.Weekday() != time.Saturday && t.Weekday() != time.Sunday, "calendar.worked: %s is no weekend day", d)
	}
}

// basis sees that each value says where it is from, and that nothing else does.
func (f *faults) basis(r *eid.RuleSet) {
	places := []string{}
	for _, v := range Values(r) {
		places = append(places, v.Place)
		_, ok := basisOf(r, v.Place)
		f.add(!ok, "basis: nothing says where %s is from", v.Place)
	}
	for _, place := range sorted(r.Basis) {
		f.add(!slices.ContainsFunc(places, func(p string) bool { return p == place || strings.HasPrefix(p, place+".") }), "basis: there is no value at %q", place)
	}
}

// each sees that a list is there, holds known words and holds each once.
func each[T ~string](f *faults, at string, list, known []T) {
	f.add(len(list) == 0, "%s is missing", at)
	for i, word := range list {
		f.add(!slices.Contains(known, word), "%s: %q: want some of %v", at, word, known)
		f.add(slices.Contains(list[:i], word), "%s: %q is there twice", at, word)
	}
}

func midnight(t time.Time) bool {
	h, m, s := t.In(eid.LawTime()).Clock()
	return h == 0 && m == 0 && s == 0 && t.Nanosecond() == 0
}
