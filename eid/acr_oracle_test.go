package eid_test

// A second, independent statement of the published rule for acr (rules 1 to 6),
// in plain strings and ints. It says what an answer must be and searches for
// it; it shares neither types nor method with the code under test.

const (
	canonical1 = "urn:vn:eid:level:1"
	canonical2 = "urn:vn:eid:level:2"
)

// meaning is the whole of the known vocabulary: two canonical values and the
// party's two aliases. Whatever is not in it counts for nothing.
var meaning = map[string]int{canonical1: 1, canonical2: 2, "LoA1": 1, "LoA2": 2}

// alphabet is what portals and attackers send: every known value and three
// unknown ones that look alike.
var alphabet = []string{canonical1, canonical2, "LoA1", "LoA2", "urn:vn:eid:level:3", "URN:VN:EID:LEVEL:2", "1 2"}

// A claim is how claims.id_token.acr was asked.
type claim int

const (
	noClaim claim = iota
	voluntaryClaim
	essentialClaim
)

// A request is one authorization request and what its party registered.
type request struct {
	minimum   int
	voluntary bool // registered acr_values: voluntary
	claim     claim
	inClaim   []string
	inValues  []string
	inDefault []string
}

// A ruling is what the rule says of a request.
type ruling struct {
	minimum int
	unmet   bool // rule 2: nothing can satisfy it, and the rest says nothing
	asked   []string
	floor   int
	target  int
}

// levels are all that exist, and one above them that nobody reaches.
var levels = []int{0, 1, 2, 3}

// least is the smallest level that a condition holds for.
func least(holds func(level int) bool) int {
	for _, l := range levels {
		if holds(l) {
			return l
		}
	}
	return levels[len(levels)-1]
}

// some reports whether a condition holds for a value at least.
func some(values []string, holds func(value string) bool) bool {
	for _, v := range values {
		if holds(v) {
			return true
		}
	}
	return false
}

// knownOf keeps the values that mean something.
func knownOf(values []string) []string {
	var known []string
	for _, v := range values {
		if meaning[v] > 0 {
			known = append(known, v)
		}
	}
	return known
}

// ruleOn states rules 1 to 3.
func ruleOn(q request) ruling {
	claimed, parameter, registered := knownOf(q.inClaim), knownOf(q.inValues), knownOf(q.inDefault)
	if q.claim == noClaim {
		claimed = nil
	}
	r := ruling{minimum: q.minimum}

	// Rule 2, last sentence, and a party that accepts no level.
	acceptable := func(v string) bool { return q.minimum <= meaning[v] && meaning[v] <= 2 }
	r.unmet = q.minimum == 0 || q.claim == essentialClaim && !some(claimed, acceptable)

	// Rule 1: which list speaks, and whether it binds.
	var binds bool
	switch {
	case q.claim == essentialClaim:
		r.asked, binds = claimed, true
	case len(claimed) > 0:
		r.asked, binds = claimed, false
	case len(parameter) > 0:
		r.asked, binds = parameter, !q.voluntary
	default:
		r.asked, binds = registered, !q.voluntary
	}

	// Rule 2: the floor is the least level that the party accepts and, where
	// asking binds, that is as good as something asked.
	r.floor = least(func(l int) bool {
		asGood := some(r.asked, func(v string) bool { return meaning[v] <= l })
		return l >= q.minimum && (!binds || len(r.asked) == 0 || asGood)
	})
	// Rule 3: the target is the least level that meets the floor and the wish.
	r.target = least(func(l int) bool {
		return l >= r.floor && (len(r.asked) == 0 || l >= meaning[r.asked[0]])
	})
	return r
}

// satisfied reports whether a grant at the achieved level may be made at all.
func (r ruling) satisfied(achieved int) bool {
	return !r.unmet && achieved >= r.floor
}

// verdict states rule 5.
func (r ruling) verdict(achieved, attainable int) string {
	switch {
	case r.satisfied(achieved) && (achieved >= r.target || attainable < r.target):
		return "proceed"
	case r.satisfied(achieved):
		return "offer"
	case r.satisfied(attainable):
		return "step up"
	default:
		return "refuse"
	}
}

// answers are all values of acr that rule 6 allows: one where the requirement
// is satisfied, none where it is not.
func (r ruling) answers(achieved int) []string {
	fits := func(v string) bool { return r.minimum <= meaning[v] && meaning[v] <= achieved }
	isAnswer := func(v string) bool {
		if !r.satisfied(achieved) {
			return false
		}
		if !some(r.asked, fits) { // nothing asked fits: the canonical name
			return v == []string{"", canonical1, canonical2}[achieved]
		}
		// v was asked and fits, and everything asked before it does not.
		for i, a := range r.asked {
			if a == v && fits(v) && !some(r.asked[:i], fits) {
				return true
			}
		}
		return false
	}
	var all []string
	for _, v := range alphabet {
		if isAnswer(v) {
			all = append(all, v)
		}
	}
	return all
}

// achievedBy states rule 4: a level that every term reaches, and the next one
// that not every term does.
func achievedBy(terms ...int) int {
	reachedByAll := func(l int) bool {
		for _, t := range terms {
			if t < l {
				return false
			}
		}
		return true
	}
	return least(func(l int) bool { return reachedByAll(l) && !reachedByAll(l+1) })
}
