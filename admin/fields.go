package admin

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"eidgate/eid"
	"eidgate/web"
)

// Names of fields.
const (
	fieldRef       = "ref"
	fieldRevision  = "revision"
	fieldScan      = "scan"
	fieldCountry   = "country"
	fieldAddress   = "address"
	fieldCardIssue = "card_issue"
	fieldRelation  = "relation"
	fieldPaper     = "paper"
	fieldKind      = "document_kind"
	fieldDocNumber = "document_number"
	fieldIssuer    = "issuer"
	fieldExpires   = "expires_on"
	fieldMethod    = "method"
	fieldDatabase  = "database"
	fieldCapture   = "capture"
	fieldReason    = "reason"
	fieldAsOnCard  = "as_on_card"
)

// text makes a field to type in, with what was typed.
func text(form url.Values, name, hint, mode string) web.OfficerField {
	return web.OfficerField{Name: name, Value: form.Get(name), Hint: hint, Mode: mode}
}

// choice makes a field of a few values; the ids of their words are prefix and value.
func choice(form url.Values, name, prefix string, values ...string) web.OfficerField {
	f := web.OfficerField{Name: name}
	for _, v := range values {
		f.Choices = append(f.Choices, web.OfficerChoice{Value: v, Word: prefix + v, On: form.Get(name) == v})
	}
	return f
}

// labelled gives a field another label than that of its name.
func labelled(f web.OfficerField, id string) web.OfficerField {
	f.Label = id
	return f
}

func words[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}

// line is one line of typed text: whatever breaks lines or hides would show as something
// else, and is refused by who takes it.
func line(form url.Values, name string) string { return strings.TrimSpace(form.Get(name)) }

// dateOf reads a date as people write it here, day first; what is none comes back as it
// was typed, for the one who checks it.
func dateOf(typed string) string {
	for _, layout := range []string{"2/1/2006", "02012006", "2-1-2006", "2.1.2006", time.DateOnly} {
		if t, err := time.Parse(layout, typed); err == nil {
			return t.Format(time.DateOnly)
		}
	}
	return typed
}

// shownDate is a date as people read it.
func shownDate(iso string) string {
	t, err := time.Parse(time.DateOnly, iso)
	if err != nil {
		return iso
	}
	return t.Format("02/01/2006")
}

// grouped is a number as people read it out.
func grouped(number string) string {
	if len(number) != 12 {
		return number
	}
	return strings.Join([]string{number[:3], number[3:6], number[6:9], number[9:]}, " ")
}

// dialled is a phone number as people here write it; another country's stays as it is.
func dialled(phone string) string {
	rest, ours := strings.CutPrefix(phone, "+84")
	if !ours || len(rest) != 9 {
		return phone
	}
	return "0" + rest[:3] + " " + rest[3:6] + " " + rest[6:]
}

// tail shows the last three characters of a phone number or an address.
func tail(value string) string {
	signs := []rune(value)
	if len(signs) < 6 {
		return ""
	}
	return "••• " + string(signs[len(signs)-3:])
}

// fact is one of the values that are shown; an empty value shows nothing.
func fact(list []web.OfficerFact, name, value string) []web.OfficerFact {
	if value == "" {
		return list
	}
	return append(list, web.OfficerFact{Name: "officer.fact." + name, Value: value})
}

func word(list []web.OfficerFact, name, id string) []web.OfficerFact {
	return append(list, web.OfficerFact{Name: "officer.fact." + name, Word: id})
}

func country(list []web.OfficerFact, name, code string) []web.OfficerFact {
	if code == "" {
		return list
	}
	return append(list, web.OfficerFact{Name: "officer.fact." + name, Country: code})
}

// genders are those that papers name.
func genders() []string { return []string{"male", "female"} }

// genderWord is the word for a gender, empty where it is none of them.
func genderWord(gender string) string {
	if slices.Contains(genders(), gender) {
		return "officer.gender." + gender
	}
	return ""
}

// personFacts are who somebody is. Only the person's own read-back shows all of it.
func personFacts(list []web.OfficerFact, p eid.Person, whole bool) []web.OfficerFact {
	number := p.Identifier.String()
	if whole {
		number = grouped(p.Identifier.Reveal())
	}
	if p.Type == eid.Foreigner {
		list = fact(list, "passport", number)
		list = country(list, "country", p.Identifier.Country())
	} else {
		list = fact(list, "number", number)
	}
	list = fact(list, "name", p.Name)
	list = fact(list, "birth_date", shownDate(p.BirthDate))
	if id := genderWord(p.Gender); id != "" {
		list = word(list, "gender", id)
	}
	list = country(list, "nationality", p.Nationality)
	return fact(list, "address", p.Address)
}
