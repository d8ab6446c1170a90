package demo

import (
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strconv"

	"eidgate/eid"
)

const maxAgeLimit = 24 * 60 * 60 // seconds

// Asked is what one authorization request said beyond the obligatory, as sent.
type Asked struct {
	Scope     string          `json:"scope"`
	ACRValues string          `json:"acr_values,omitempty"`
	Claims    json.RawMessage `json:"claims,omitempty"`
	Prompt    string          `json:"prompt,omitempty"`
	MaxAge    *int            `json:"max_age,omitempty"` // seconds
}

// ask is a variant of the authorization request that the portal offers.
type ask struct {
	levels    []eid.Level // most preferred first
	essential bool        // as an essential acr claim instead of acr_values
	prompt    string
	maxAge    *int // seconds
}

var errAsk = errors.New("not a request this portal makes")

// parseAsk reads the parameters of /login: acr (1, 2 or 2+1), essential (1, with
// acr), prompt (none or login) and max_age (0 to 86400). Anything else is an
// error: the portal sends no parameter on a stranger's behalf.
func parseAsk(query string) (ask, error) {
	q, err := url.ParseQuery(query)
	if err != nil {
		return ask{}, errAsk
	}
	var a ask
	for name, values := range q {
		if len(values) != 1 {
			return ask{}, errAsk
		}
		v := values[0]
		ok := false
		switch name {
		case "acr":
			a.levels, ok = parseLevels(v)
		case "essential":
			a.essential, ok = true, v == "1"
		case "prompt":
			a.prompt, ok = v, v == "none" || v == "login"
		case "max_age":
			n, err := strconv.Atoi(v)
			a.maxAge, ok = &n, err == nil && n >= 0 && n <= maxAgeLimit && v == strconv.Itoa(n)
		}
		if !ok {
			return ask{}, errAsk
		}
	}
	if a.essential && len(a.levels) == 0 {
		return ask{}, errAsk
	}
	return a, nil
}

// parseLevels reads the acr parameter. A plus sign in a query is a space.
func parseLevels(s string) ([]eid.Level, bool) {
	switch s {
	case "1":
		return []eid.Level{eid.Level1}, true
	case "2":
		return []eid.Level{eid.Level2}, true
	case "2 1", "2+1":
		return []eid.Level{eid.Level2, eid.Level1}, true
	}
	return nil, false
}

// query is the inverse of parseAsk.
func (a ask) query() string {
	q := make(url.Values)
	switch {
	case len(a.levels) > 1:
		q.Set("acr", "2 1")
	case len(a.levels) == 1:
		q.Set("acr", a.levels[0].String())
	}
	if a.essential {
		q.Set("essential", "1")
	}
	if a.prompt != "" {
		q.Set("prompt", a.prompt)
	}
	if a.maxAge != nil {
		q.Set("max_age", strconv.Itoa(*a.maxAge))
	}
	return q.Encode()
}

// path is where the portal starts this request.
func (a ask) path() string {
	if q := a.query(); q != "" {
		return "/login?" + q
	}
	return "/login"
}

// asked puts the variant into the words of the protocol.
func (a ask) asked(scope string, v eid.Vocabulary) Asked {
	out := Asked{Scope: scope, Prompt: a.prompt, MaxAge: a.maxAge}
	var names []string
	for _, l := range a.levels {
		names = append(names, v.Name(l))
	}
	switch {
	case a.essential:
		// OpenID Connect Core §5.5.1.1.
		type acr struct {
			Essential bool     `json:"essential"`
			Values    []string `json:"values"`
		}
		// Text and a boolean: there is nothing that Marshal could refuse.
		out.Claims, _ = json.Marshal(map[string]map[string]acr{"id_token": {"acr": {true, names}}})
	case len(names) == 1:
		out.ACRValues = names[0]
	case len(names) > 1:
		out.ACRValues = names[0] + " " + names[1]
	}
	return out
}

// params are the parameters that carry it.
func (a Asked) params() url.Values {
	q := make(url.Values)
	set := func(name, value string) {
		if value != "" {
			q.Set(name, value)
		}
	}
	set("acr_values", a.ACRValues)
	set("claims", string(a.Claims))
	set("prompt", a.Prompt)
	if a.MaxAge != nil {
		set("max_age", strconv.Itoa(*a.MaxAge))
	}
	return q
}

// needed is the least level the portal takes for this request: what it
// registered, or the lowest it asked for when that is higher.
func (a ask) needed(minimum eid.Level) eid.Level {
	if len(a.levels) == 0 {
		return minimum
	}
	return max(minimum, slices.Min(a.levels))
}

// freshWithin is how old a sign-in may have been when the request was made; ok
// is false when any age will do.
func (a ask) freshWithin() (seconds int, ok bool) {
	switch {
	case a.prompt == "login":
		return 0, true
	case a.maxAge != nil:
		return *a.maxAge, true
	}
	return 0, false
}
