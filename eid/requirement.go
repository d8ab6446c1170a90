package eid

import "slices"

// ACRValue is a known value of acr in the dialect it was asked in.
type ACRValue struct {
	Name  string `json:"name"`
	Level Level  `json:"level"`
}

// Vocabulary holds the canonical acr value of each level, the names that
// discovery publishes.
type Vocabulary struct {
	Level1 string `json:"level1"`
	Level2 string `json:"level2"`
}

// StandardVocabulary is the default of every installation.
func StandardVocabulary() Vocabulary {
	return Vocabulary{Level1: "urn:vn:eid:level:1", Level2: "urn:vn:eid:level:2"}
}

// Name gives the canonical value of a level, empty for LevelNone.
func (v Vocabulary) Name(l Level) string {
	switch l {
	case Level1:
		return v.Level1
	case Level2:
		return v.Level2
	}
	return ""
}

// Values lists the canonical values, lowest first.
func (v Vocabulary) Values() []string { return []string{v.Level1, v.Level2} }

// Level finds the level a canonical value names; LevelNone when it names none.
func (v Vocabulary) Level(name string) Level {
	switch {
	case name == "":
		return LevelNone
	case name == v.Level1:
		return Level1
	case name == v.Level2:
		return Level2
	}
	return LevelNone
}

// admits reports whether a value may stand in a token: it has a name, and not
// the canonical name of another level.
func (v Vocabulary) admits(a ACRValue) bool {
	named := v.Level(a.Name)
	return a.Name != "" && (named == LevelNone || named == a.Level)
}

// LevelPolicy is what a relying party registered about levels.
type LevelPolicy struct {
	// Minimum is the least level the service accepts. LevelNone accepts nothing.
	Minimum Level `json:"minimum"`
	// Defaults are the acr values asked when a request asks for none, most
	// preferred first (OpenID Connect Registration §2, default_acr_values).
	Defaults []string `json:"defaults,omitempty"`
	// Voluntary makes acr_values and Defaults a wish instead of a demand
	// (OpenID Connect Core §15.1).
	Voluntary bool `json:"voluntary,omitempty"`
	// Aliases are further names for levels that this party uses, such as LoA1.
	Aliases map[string]Level `json:"aliases,omitempty"`
}

// ACRClaim is the acr member of claims.id_token (OpenID Connect Core §5.5.1.1).
type ACRClaim struct {
	Essential bool
	Values    []string
}

// Asking is what one authorization request said about acr.
type Asking struct {
	Claim  *ACRClaim // nil when claims.id_token has no acr member
	Values []string  // the acr_values parameter, most preferred first
}

// Requirement is what one request needs, by rules 1 to 3 of the acr rule. The
// zero value is met by nothing.
type Requirement struct {
	Minimum Level      `json:"minimum"`
	Asked   []ACRValue `json:"asked,omitempty"`
	Floor   Level      `json:"floor"`
	Target  Level      `json:"target"`
	// Unmet says that nothing can satisfy the request: an essential acr that
	// names no level the service accepts.
	Unmet bool `json:"unmet,omitempty"`
}

// NewRequirement applies rules 1 to 3. Unknown values count for nothing: a
// parameter with unknown values only is as good as absent, save that an
// essential acr claim without an acceptable value is unmet.
func NewRequirement(p LevelPolicy, v Vocabulary, a Asking) Requirement {
	req := Requirement{Minimum: p.Minimum}
	if !p.Minimum.Valid() {
		req.Unmet = true
		return req
	}
	essential := a.Claim != nil && a.Claim.Essential
	binding := !p.Voluntary
	if a.Claim != nil {
		req.Asked = p.known(v, a.Claim.Values)
	}
	switch {
	case essential:
		binding = true
		acceptable := func(v ACRValue) bool { return v.Level >= p.Minimum }
		req.Unmet = !slices.ContainsFunc(req.Asked, acceptable)
	case len(req.Asked) > 0:
		binding = false
	default:
		req.Asked = p.known(v, a.Values)
		if len(req.Asked) == 0 {
			req.Asked = p.known(v, p.Defaults)
		}
	}

	req.Floor = p.Minimum
	if binding && len(req.Asked) > 0 {
		req.Floor = max(req.Floor, lowest(req.Asked))
	}
	req.Target = req.Floor
	if len(req.Asked) > 0 {
		req.Target = max(req.Floor, req.Asked[0].Level)
	}
	return req
}

// ACR is the value of acr for a grant at the achieved level, by rule 6: the most
// preferred value asked that lies between the registered minimum and what was
// achieved, else the achieved level's canonical name. ok is false when the
// achieved level does not meet the floor: then no token may be issued.
func (r Requirement) ACR(v Vocabulary, achieved Level) (value ACRValue, ok bool) {
	if !r.MetBy(achieved) {
		return ACRValue{}, false
	}
	value = ACRValue{Name: v.Name(achieved), Level: achieved}
	fits := func(a ACRValue) bool { return r.Minimum <= a.Level && a.Level <= achieved }
	if i := slices.IndexFunc(r.Asked, fits); i >= 0 {
		value = r.Asked[i]
	}
	if !v.admits(value) {
		return ACRValue{}, false
	}
	return value, true
}

// MetBy reports whether the achieved level satisfies the floor.
func (r Requirement) MetBy(achieved Level) bool {
	return !r.Unmet && r.Minimum.Valid() && achieved.Valid() && r.Floor >= r.Minimum && achieved >= r.Floor
}

// known keeps the values that name a level, in the order given.
func (p LevelPolicy) known(v Vocabulary, names []string) []ACRValue {
	var known []ACRValue
	for _, name := range names {
		level := v.Level(name)
		if level == LevelNone {
			level = p.Aliases[name]
		}
		if name != "" && level.Valid() {
			known = append(known, ACRValue{Name: name, Level: level})
		}
	}
	return known
}

func lowest(values []ACRValue) Level {
	low := Level2
	for _, v := range values {
		low = min(low, v.Level)
	}
	return low
}
