package provider

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"eidgate/eid"
	"eidgate/federation"
)

// stage is what a login does next. The zero value refuses.
type stage int

const (
	stageRefuse      stage = iota
	stageChoose            // show the sources
	stageSource            // begin or go on at login.Source
	stageStepUp            // explain that a higher level is needed, or offer it
	stageOtherPerson       // a step-up came back as somebody else
	stageLink              // explain that an old account is linked, and what it takes
	stageConfirmLink       // show both sides of a link and ask
	stageStops             // say when an old account stops
	stageConsent           // ask whether the data may be shared
	stageIssue             // give the code
)

// String names the stage in log lines and metrics.
func (s stage) String() string {
	switch s {
	case stageChoose:
		return "choose"
	case stageSource:
		return "source"
	case stageStepUp:
		return "step_up"
	case stageOtherPerson:
		return "other_person"
	case stageLink:
		return "link"
	case stageConfirmLink:
		return "link_confirm"
	case stageStops:
		return "stops"
	case stageConsent:
		return "consent"
	case stageIssue:
		return "issue"
	case stageRefuse:
	}
	return "refuse"
}

// view is everything that next may look at. Nothing of it changes.
type view struct {
	login   login
	session session
	account *eid.Account // of the session; nil without one
	subject string       // of the account, as this party knows it
	links   []eid.Link   // of the account, alive
	sources []eid.Source // all registered
	resting []string     // ids of those that failed and are left alone for the moment
	share   []string     // claims that the grant would release, as far as known
	// documents are the claims of documents that were asked for and could be shared.
	documents []string
	consent   eid.ConsentGiven
	now       time.Time
	// level2Proof is how long a proof carries Level2 for new grants.
	level2Proof time.Duration
}

// decision is what next found.
type decision struct {
	stage   stage
	refusal refusal             // stageRefuse
	silent  string              // error for prompt=none; empty only at stageIssue
	choices []federation.Choice // stageChoose
	source  string              // stageSource
	level   eid.Level           // stageStepUp: the level to reach
	have    eid.Level           // stageStepUp: the level reached so far
	mayStay bool                // stageStepUp: the floor is met already
	proof   federation.Proof    // stageIssue: the proof behind the grant
	terms   eid.Terms           // stageIssue
	stops   time.Time           // stageStops: the first day that the account is refused
	// share is all that stageConsent asks for. documents are among it those with an
	// answer each; at stageIssue, those agreed to.
	share, documents []string
}

// next names the stage of a login. It is pure: the same view gives the same
// decision, and nothing else decides.
func next(v view) decision {
	l := &v.login
	need := l.Request.Need
	switch {
	case l.Refusal != nil:
		d := decision{refusal: *l.Refusal, silent: l.Refusal.Reason.code()}
		if d.refusal.Reason.ofSource() {
			d.choices = v.choices(l.Level)
		}
		return d
	case need.Unmet:
		return refused(reasonUnmet)
	case l.OtherPerson:
		return decision{stage: stageOtherPerson, silent: codeLoginRequired}
	case l.Linking != nil:
		return v.link()
	case v.account == nil:
		return v.signIn(need.Floor)
	case l.Request.Subject != "" && l.Request.Subject != v.subject:
		return decision{stage: stageOtherPerson, silent: codeLoginRequired}
	}
	if err := v.account.Usable(); err != nil {
		return decision{refusal: refusalOf(err), silent: codeLoginRequired}
	}
	proof, terms, ok := v.strongest()
	if !ok {
		return v.signIn(need.Floor)
	}
	achieved, attainable := terms.Achieved(), v.attainable()
	own := v.account.OwnFloor
	switch verdict := need.Decide(achieved, attainable); {
	case verdict == eid.Refuse && v.account.Unverified():
		return v.signIn(need.Floor) // there is a way: to verify it
	case verdict == eid.Refuse:
		return refused(v.whyTooLow(need.Floor))
	case verdict == eid.StepUp:
		return v.stepUp(max(need.Floor, own), achieved)
	case achieved < own && attainable >= own:
		return v.stepUp(own, achieved)
	case achieved < own:
		return refused(reasonOwnFloor)
	case verdict == eid.OfferStepUp && !l.Stayed && !l.Request.prompts(promptNone):
		return v.stepUp(need.Target, achieved)
	}
	if src := v.source(proof.Source); l.Stops != nil && v.account.Unverified() && src != nil && src.Portal != nil {
		return decision{stage: stageStops, silent: codeInteractionRequired, stops: src.Portal.VerifyBy}
	}
	var documents []string
	if achieved == eid.Level2 { // they were compared with the person there
		documents = v.documents
	}
	if !v.consented(documents) {
		return decision{
			stage: stageConsent, silent: codeConsentRequired, have: achieved,
			share: sorted(slices.Concat(v.share, documents)), documents: documents,
		}
	}
	return decision{stage: stageIssue, proof: proof, terms: terms, documents: v.agreed(documents)}
}

// consented reports whether the holder's consent covers what would be shared, and has
// an answer for each document. A grant that shares nothing needs none, unless the party
// asks for the question.
func (v *view) consented(documents []string) bool {
	if v.login.Request.prompts(promptConsent) && !v.login.Consented {
		return false
	}
	return (len(v.share) == 0 || v.consent.Covers(v.share, v.now)) && (len(documents) == 0 || v.consent.Answers(documents, v.now))
}

// agreed are the documents that the holder's answer lets the party have.
func (v *view) agreed(documents []string) []string {
	return slices.DeleteFunc(slices.Clone(documents), func(name string) bool { return !v.consent.Covers([]string{name}, v.now) })
}

func refused(r reason) decision {
	return decision{refusal: refusal{Reason: r}, silent: r.code()}
}

// refusalOf explains why an account is not usable.
func refusalOf(err error) refusal {
	var locked *eid.LockedError
	if errors.As(err, &locked) {
		return refusal{Reason: reasonLocked, Lock: locked.Lock.Reason}
	}
	return refusal{Reason: reasonNotActivated}
}

// signIn asks for a proof that can reach a level: at the chosen source, at the
// only one that fits, or after a choice.
func (v *view) signIn(level eid.Level) decision {
	level = max(level, v.login.Level)
	choices := v.choices(level)
	usable := slices.DeleteFunc(slices.Clone(choices), func(c federation.Choice) bool { return !c.Usable })
	chosen := slices.ContainsFunc(usable, func(c federation.Choice) bool { return c.Source.ID == v.login.Source })
	d := decision{silent: codeLoginRequired, choices: choices}
	if v.login.SteppingUp {
		d.silent = codeInteractionRequired
	}
	switch {
	case v.login.Source != "" && chosen:
		d.stage, d.source = stageSource, v.login.Source
	case len(usable) == 1 && v.login.Failed == "":
		d.stage, d.source = stageSource, usable[0].Source.ID
	case len(choices) == 0:
		return decision{refusal: refusal{Reason: reasonNoSource}, silent: codeLoginRequired}
	default:
		d.stage = stageChoose
	}
	return d
}

// stepUp explains first; once the holder agreed it asks for the proof.
func (v *view) stepUp(level, have eid.Level) decision {
	if v.login.SteppingUp && !v.login.Request.prompts(promptNone) {
		return v.signIn(level)
	}
	return decision{
		stage: stageStepUp, silent: codeInteractionRequired,
		level: level, have: have, mayStay: v.login.Request.Need.MetBy(have) && have >= v.account.OwnFloor,
	}
}

// choices are the sources to show. Once the holder is known, those through
// which this account cannot reach the level are greyed too.
func (v *view) choices(level eid.Level) []federation.Choice {
	own := eid.LevelNone
	if v.account != nil && !v.login.mayChangePerson() {
		own = v.account.OwnFloor
	}
	choices := federation.Choices(v.sources, &v.login.Request.rp, federation.Wanted{Level: level, OwnFloor: own}, v.resting, v.now)
	if !v.login.SteppingUp || v.account == nil {
		return choices
	}
	for i, c := range choices {
		if reach := v.reachThrough(&c.Source); c.Usable && reach < level {
			choices[i].Usable, choices[i].Why, choices[i].Reach = false, federation.ReasonLevelTooLow, reach
		}
	}
	return choices
}

// strongest finds the proof that achieves most, the latest among equals.
func (v *view) strongest() (federation.Proof, eid.Terms, bool) {
	var best federation.Proof
	var bestTerms eid.Terms
	found := false
	for _, p := range v.session.Proofs {
		if !v.login.accepts(p, v.now) || p.Account != v.account.ID {
			continue
		}
		t := v.termsOf(p)
		if t.Achieved() == eid.LevelNone {
			continue
		}
		if !found || t.Achieved() > bestTerms.Achieved() || t.Achieved() == bestTerms.Achieved() && !p.At.Before(best.At) {
			best, bestTerms, found = p, t, true
		}
	}
	return best, bestTerms, found
}

// termsOf states each term of rule 4 for one proof, as of now.
func (v *view) termsOf(p federation.Proof) eid.Terms {
	if !v.account.Counts(p.Believed()) {
		return eid.Terms{} // what the holder signs in with was changed since
	}
	t := eid.Terms{
		Account:   v.account.Level,
		Method:    p.Level,
		Link:      v.linkCap(p),
		Freshness: eid.Freshness(p.At, v.now, v.level2Proof),
		Mandate:   eid.Level2, // nobody acts for another here
	}
	if src := v.source(p.Source); src != nil {
		t.Source = federation.Supports(src, &v.login.Request.rp, p, v.now)
	}
	return t
}

func (v *view) linkCap(p federation.Proof) eid.Level {
	src := v.source(p.Source)
	if src != nil && src.Kind == federation.KindAccount && p.Link == "" {
		return eid.Level2
	}
	for _, link := range v.links {
		if link.ID == p.Link && src != nil && federation.Counts(src, v.account, link, v.now) {
			return link.Cap
		}
	}
	return eid.LevelNone
}

func (v *view) source(id string) *eid.Source {
	for i := range v.sources {
		if v.sources[i].ID == id {
			return &v.sources[i]
		}
	}
	return nil
}

// attainable is the highest level that this account could reach now at the
// sources the service accepts.
func (v *view) attainable() eid.Level {
	best := eid.LevelNone
	for i := range v.sources {
		best = max(best, v.reachThrough(&v.sources[i]))
	}
	return best
}

// reachThrough is what this account could reach at one source, with the link that it
// would get there. One that was asked for more in this login, and gave less, has
// nothing more to give.
func (v *view) reachThrough(src *eid.Source) eid.Level {
	rp := &v.login.Request.rp
	reach := max(
		federation.ReachThrough(src, rp, v.account, v.links, v.now),
		federation.ReachUnlinked(src, rp, v.account, v.links, v.now),
	)
	if gave, ok := v.login.Gave[src.ID]; ok {
		return min(reach, gave)
	}
	return reach
}

// whyTooLow says what stands between this account and the floor.
func (v *view) whyTooLow(floor eid.Level) reason {
	if v.account.Level < floor {
		return reasonLevelTooLow
	}
	for i := range v.sources {
		if src := &v.sources[i]; src.Kind == federation.KindAccount && v.consider(src).Reach >= floor {
			return reasonOneMoreCheck
		}
	}
	if len(v.login.Gave) > 0 {
		return reasonLevelTooLow // by the word of a source that was asked
	}
	return reasonNoSource
}

// consider looks at one source, whatever is wanted of it.
func (v *view) consider(src *eid.Source) federation.Choice {
	return federation.Consider(src, &v.login.Request.rp, federation.Wanted{}, v.now)
}

// over is why the session is one no more: every proof that it has was ended, by the
// switch of its source, or because credentials were changed or the account was locked
// since. Empty while it is one.
func (v *view) over() (why string) {
	for _, p := range v.session.Proofs {
		src := v.source(p.Source)
		switch {
		case v.account != nil && !v.account.Counts(p.Believed()):
			why = endedReset
		case src != nil && federation.Ended(src, p):
			why = cmp.Or(why, endedSourceOff)
		default:
			return ""
		}
	}
	return why
}
