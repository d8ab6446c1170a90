package eid

import "time"

// Terms are the levels that bound a grant (rule 4). The least of them is
// achieved, so a term that does not apply must be set to Level2 on purpose: a
// forgotten one is LevelNone and grants nothing.
type Terms struct {
	Account   Level `json:"account"`   // how well the holder was verified
	Method    Level `json:"method"`    // what the methods carry, or what the source asserted
	Source    Level `json:"source"`    // the source's grants_at_most on that day
	Link      Level `json:"link"`      // the cap of the link from the source to the account
	Freshness Level `json:"freshness"` // what the age of the proof still carries
	Mandate   Level `json:"mandate"`   // the dependent's level when acting for one
}

// Achieved is the level that the terms give together.
func (t Terms) Achieved() Level {
	return min(t.Account, t.Method, t.Source, t.Link, t.Freshness, t.Mandate)
}

// maxSkew is how far the clocks of two replicas may disagree.
const maxSkew = 5 * time.Second

// Freshness is the level that a proof given at the time at still carries at now.
// A proof older than limit no longer carries Level2, one from the future nothing.
func Freshness(at, now time.Time, limit time.Duration) Level {
	switch {
	case at.IsZero() || at.After(now.Add(maxSkew)):
		return LevelNone
	case now.Sub(at) <= limit:
		return Level2
	}
	return Level1
}

// Verdict is what rule 5 makes of an achieved level. The zero value refuses.
type Verdict int

// The verdicts.
const (
	Refuse      Verdict = iota // the floor is out of reach
	StepUp                     // below the floor, and the floor can be reached
	OfferStepUp                // floor met; the target can be reached
	Proceed                    // grant
)

// Decide applies rule 5. attainable is the highest level this holder could
// reach now through a source the service accepts.
func (r Requirement) Decide(achieved, attainable Level) Verdict {
	switch {
	case r.MetBy(achieved) && achieved < r.Target && attainable >= r.Target:
		return OfferStepUp
	case r.MetBy(achieved):
		return Proceed
	case r.MetBy(attainable):
		return StepUp
	}
	return Refuse
}

// Grant is the frozen reason for the tokens of one sign-in: what was required,
// each term of what was achieved, and the acr that follows from the two.
type Grant struct {
	ID          string      `json:"id"`
	Account     AccountID   `json:"account"`
	Client      string      `json:"client"`
	Requirement Requirement `json:"requirement"`
	Terms       Terms       `json:"terms"`
	ACR         ACRValue    `json:"acr"`
	AMR         []string    `json:"amr"`
	AuthTime    time.Time   `json:"auth_time"` // when the proof behind acr was given
	Source      string      `json:"source"`
	// ProvedAt is when that proof was believed here; zero in grants of an older version.
	ProvedAt time.Time `json:"proved_at,omitzero"`
	IssuedAt time.Time `json:"issued_at"`
	// Rules and Config are the versions in force at IssuedAt.
	Rules  string `json:"rules"`
	Config string `json:"config"`
}

// Sound re-derives the acr from the stored terms and reports whether it is the
// one that was granted. Audits call it on every grant.
func (g Grant) Sound(v Vocabulary) bool {
	want, ok := g.Requirement.ACR(v, g.Terms.Achieved())
	return ok && want == g.ACR
}
