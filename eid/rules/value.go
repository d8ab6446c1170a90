package rules

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"eidgate/eid"
)

// Value is one thing that a rule set says, and where that is from.
type Value struct {
	Place string    `json:"place"` // such as levels.2.working_days
	Text  string    `json:"value"`
	Basis eid.Basis `json:"basis"`
}

// Values lists all that a rule set says, in the order of its members.
func Values(r *eid.RuleSet) []Value {
	var v values
	v.add("from", day(r.From))
	if !r.Until.IsZero() {
		v.add("until", day(r.Until))
	}
	for _, b := range r.Ages {
		text := string(b.Access)
		if b.Below > 0 {
			text += ", below " + strconv.Itoa(b.Below)
		}
		v.add("ages."+strconv.Itoa(b.From), text)
	}
	for _, kind := range []eid.SubjectType{eid.Citizen, eid.Foreigner} {
		d, at := r.Declared[kind], "declared."+string(kind)
		v.add(at+".required", list(d.Required))
		v.add(at+".contact", list(d.Contact))
	}
	for _, l := range r.Levels {
		at := "levels." + l.Level.String()
		v.add(at+".name", l.Name)
		v.add(at+".channels", list(l.Channels))
		for _, kind := range []eid.SubjectType{eid.Citizen, eid.Foreigner} {
			v.add(at+".compared."+string(kind), list(l.Compared[kind]))
		}
		if len(l.Biometric) > 0 {
			v.add(at+".biometric", list(l.Biometric))
		}
		v.add(at+".second_officer", strconv.FormatBool(l.SecondOfficer))
		v.add(at+".working_days", strconv.Itoa(l.WorkingDays))
	}
	v.add("times.draft_days", strconv.Itoa(r.Times.DraftDays))
	v.add("times.tries_per_day", strconv.Itoa(r.Times.TriesPerDay))
	v.add("times.activation_hours", strconv.Itoa(r.Times.ActivationHours))
	v.add("times.pending_days", strconv.Itoa(r.Times.PendingDays))
	for _, l := range r.Locks {
		at := "locks." + string(l.Reason)
		v.add(at+".set_by", list(l.SetBy))
		v.add(at+".undone_by", list(l.UndoneBy))
		v.add(at+".document", strconv.FormatBool(l.Document))
		v.add(at+".undo_document", strconv.FormatBool(l.UndoDocument))
		v.add(at+".own_requester", strconv.FormatBool(l.OwnRequester))
		v.add(at+".remedy", strconv.FormatBool(l.Remedy))
		if l.WorkingDays > 0 {
			v.add(at+".working_days", strconv.Itoa(l.WorkingDays))
		}
	}
	v.add("retention.usage_years", strconv.Itoa(r.Retention.UsageYears))
	v.add("calendar.holidays", fmt.Sprintf("%d days", len(r.Calendar.Holidays)))
	v.add("calendar.worked", fmt.Sprintf("%d weekend days", len(r.Calendar.Worked)))
	v.add("calendar.listed_to", r.Calendar.ListedTo)
	for i := range v {
		v[i].Basis, _ = basisOf(r, v[i].Place)
	}
	return v
}

type values []Value

func (v *values) add(place, text string) { *v = append(*v, Value{Place: place, Text: text}) }

// basisOf finds the basis nearest to a place. When a rule set ends is the other one's
// word.
func basisOf(r *eid.RuleSet, place string) (eid.Basis, bool) {
	if place == "until" {
		place = "from"
	}
	for {
		if b, ok := r.Basis[place]; ok {
			return b, true
		}
		i := strings.LastIndexByte(place, '.')
		if i < 0 {
			return eid.Basis{}, false
		}
		place = place[:i]
	}
}

func list[T ~string](words []T) string {
	if len(words) == 0 {
		return "none"
	}
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = string(w)
	}
	return strings.Join(texts, ", ")
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
