package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/store"
)

// login is the one record of a sign-in under way. It lives in the slot of the
// browser that began it, so a link to it opens nothing elsewhere.
type login struct {
	ID        string    `json:"id"`
	CSRF      string    `json:"csrf"`
	Request   request   `json:"request"`
	StartedAt time.Time `json:"started_at"`

	// Level is what the holder is trying to reach now; it begins as the floor.
	Level eid.Level `json:"level"`
	// SteppingUp: the holder agreed to raise the living session.
	SteppingUp bool `json:"stepping_up,omitempty"`
	// Stayed: the holder declined the offer of a higher level.
	Stayed bool `json:"stayed,omitempty"`
	// Shown are the claims that the consent page last listed: agreeing means these.
	Shown []string `json:"shown,omitempty"`
	// Consented: the holder agreed in this login to what is shared.
	Consented bool `json:"consented,omitempty"`
	// Source is the chosen one; empty asks for a choice.
	Source string `json:"source,omitempty"`
	// Step is what the source waits for.
	Step *pendingStep `json:"step,omitempty"`
	// Gave is what sources gave of the holder where more was asked for: they are not
	// asked in circles.
	Gave map[string]eid.Level `json:"gave,omitempty"`
	// Failed names the source that failed last.
	Failed string `json:"failed,omitempty"`
	// OtherPerson: a step-up came back as somebody else, and changed nothing.
	OtherPerson bool `json:"other_person,omitempty"`
	// Linking is the pending side of a link, while there is one.
	Linking *linking `json:"linking,omitempty"`
	// Stops is the side of an old account that signed in, while the page is due that
	// says when it stops.
	Stops *linking `json:"stops,omitempty"`
	// Unlocking: the holder wants to end a lock of their own, and proves all there is.
	Unlocking bool `json:"unlocking,omitempty"`
	// Refusal ends the login, once set.
	Refusal *refusal `json:"refusal,omitempty"`
}

// pendingStep is a step of a source that waits for the browser. Fields that the
// holder typed are never kept.
type pendingStep struct {
	Page   string `json:"page,omitempty"`  // a form of ours; empty after a redirect
	State  string `json:"state,omitempty"` // hash of the state that a callback must bring
	Memory []byte `json:"memory,omitempty"`
	// Challenge is that of the form, for when it is shown again.
	Challenge string `json:"challenge,omitempty"`
	// Second is what a code page asks for, for when it is shown again.
	Second *federation.Second `json:"second,omitempty"`
	// Begun is when the login went to the source.
	Begun time.Time `json:"begun,omitzero"`
	// Fresh: the source was told to authenticate the person now.
	Fresh bool `json:"fresh,omitempty"`
}

// refusal is why a login cannot go on.
type refusal struct {
	Reason reason         `json:"reason"`
	Source string         `json:"source,omitempty"` // id of the one it is about
	Until  time.Time      `json:"until,omitzero"`
	Lock   eid.LockReason `json:"lock,omitempty"`
	// Unlock is the source where the holder may undo the lock; empty where that is not
	// the holder's to do.
	Unlock string `json:"unlock,omitempty"`
	// Ref is the reference that officers know a conflict by.
	Ref string `json:"ref,omitempty"`
}

// reason names a refusal; pages have a text for each.
type reason string

// The reasons. Each leads to an error for the portal: see refusal.code.
const (
	reasonLevelTooLow  reason = "level_too_low"
	reasonOneMoreCheck reason = "one_more_check"
	reasonNoSource     reason = "no_source"
	reasonUnmet        reason = "unmet"
	reasonOwnFloor     reason = "own_floor"
	reasonNotActivated reason = "not_activated"
	reasonLocked       reason = "locked"
	reasonNotLinked    reason = "not_linked"
	reasonSourceEnded  reason = "source_ended"
	reasonSourceOff    reason = "source_off"
	reasonUntrusted    reason = "source_untrusted"
	reasonMismatch     reason = "details_mismatch"
	reasonReview       reason = "under_review"
	reasonTryLater     reason = "try_later"
	reasonDown         reason = "source_down"
	reasonConflict     reason = "conflict"          // a link waits for an officer
	reasonRejected     reason = "conflict_rejected" // an officer refused it
	reasonContested    reason = "contested"         // what was imported contradicts itself
)

// code is the error that the portal gets. It says nothing about the holder's
// own settings or locks.
func (r reason) code() string {
	switch r {
	case reasonLevelTooLow, reasonOneMoreCheck, reasonNoSource, reasonUnmet:
		return codeUnmet
	default:
		return codeAccessDenied
	}
}

// ofSource reports whether the refusal is about one source, so that another may
// be tried.
func (r reason) ofSource() bool {
	switch r {
	case reasonNotLinked, reasonSourceEnded, reasonSourceOff, reasonUntrusted, reasonMismatch, reasonReview, reasonConflict, reasonRejected, reasonContested:
		return true
	default:
		return false
	}
}

// gave remembers what a source gave of a person, newcomer or not, where more was
// asked for. What factors can do at the account system is known without a try.
func (l *login) gave(src eid.Source, level eid.Level, newcomer bool) {
	if newcomer {
		l.Gave = nil
	}
	if src.Kind == federation.KindAccount || level >= l.Level {
		return
	}
	if l.Gave == nil {
		l.Gave = map[string]eid.Level{}
	}
	l.Gave[src.ID] = level
}

// mayChangePerson reports whether somebody else than the session's holder may
// come back: the request asks for a sign-in now, whatever the session remembers.
func (l *login) mayChangePerson() bool {
	return l.Request.prompts(promptLogin) || l.Request.prompts(promptSelectAccount)
}

// fresh reports whether the source is to authenticate the holder now.
func (l *login) fresh() bool { return l.mayChangePerson() || l.Request.MaxAge != nil }

// accepts reports whether a proof is young enough for this request (OpenID
// Connect Core §3.1.2.1, prompt and max_age). Where a sign-in now is asked for,
// only one given in this very login counts, whatever clocks say; with max_age not
// for longer than the holder may need for the pages that follow.
func (l *login) accepts(p federation.Proof, now time.Time) bool {
	switch {
	case l.ID != "" && p.Login == l.ID:
		return l.Request.MaxAge == nil || now.Sub(p.At) <= max(l.maxAge(), pagesTime)
	case l.mayChangePerson(), l.Request.MaxAge != nil && *l.Request.MaxAge == 0:
		return false
	case l.Request.MaxAge == nil:
		return true
	}
	return !p.At.Before(l.StartedAt.Add(-l.maxAge()))
}

// pagesTime is how long the pages after a proof may take before max_age counts.
const pagesTime = time.Minute

func (l *login) maxAge() time.Duration { return time.Duration(*l.Request.MaxAge) * time.Second }

// flow is one login in one browser during one request of the browser.
type flow struct {
	browser browser
	login   login
	raw     []byte // the login as stored; nil when it is not

	// What the last decision saw, for pages.
	holder *eid.Account
	// documents are the holder's, of the kinds that the request wants.
	documents []eid.Document
	others    bool   // more than one source may be chosen
	ended     string // why the session is one no more; empty while it is
}

func loginKey(id string) string { return kindLogin + ":" + hashText(id) }

// loadFlow reads the login that the cookie's browser began.
func (p *Provider) loadFlow(ctx context.Context, h handle, id string) (*flow, error) {
	if !isRandomText(id, 16) {
		return nil, errGone
	}
	b, results, err := p.loadBrowser(ctx, h, store.Get(loginKey(id)))
	if err != nil {
		return nil, err
	}
	return p.readFlow(ctx, b, results[0])
}

func (p *Provider) readFlow(ctx context.Context, b browser, result store.Result) (*flow, error) {
	if !result.OK {
		return nil, errGone
	}
	f := &flow{browser: b, raw: result.Value}
	if err := json.Unmarshal(f.raw, &f.login); err != nil {
		return nil, fmt.Errorf("reading login: %w", err)
	}
	if p.deps.Now().Sub(f.login.StartedAt) > p.cfg.Lifetimes.Login {
		return nil, errGone
	}
	rp, err := p.deps.Clients.RelyingParty(ctx, f.login.Request.Client)
	if errors.Is(err, eid.ErrNotFound) {
		return nil, errGone
	}
	if err != nil {
		return nil, fmt.Errorf("finding client: %w", err)
	}
	// What was registered may have changed since; the return address must still be.
	if !matchRedirect(&rp, f.login.Request.RedirectURI) {
		return nil, errGone
	}
	f.login.Request.registered(rp, p.cfg.Vocabulary)
	return f, nil
}

// save writes the login, and the session when it is new. It fails with errGone
// when another request of this browser was faster.
func (p *Provider) save(ctx context.Context, f *flow, also ...store.Op) error {
	raw, err := json.Marshal(&f.login)
	if err != nil {
		return fmt.Errorf("writing login: %w", err)
	}
	var ops []store.Op
	if f.browser.raw == nil {
		session := f.browser.session.record()
		ops = append(ops, store.PutIfAbsent(f.browser.handle.key(kindSession), session, p.cfg.Lifetimes.Login))
		f.browser.raw = session
	}
	ttl := p.cfg.Lifetimes.Login
	if f.raw == nil {
		ops = append(ops, store.PutIfAbsent(loginKey(f.login.ID), raw, ttl))
	} else {
		ops = append(ops, store.CompareAndSet(loginKey(f.login.ID), f.raw, raw, ttl))
	}
	ops = append(ops, also...)
	if err := p.applyAll(ctx, f.browser.handle.slot, ops...); err != nil {
		return fmt.Errorf("saving login: %w", err)
	}
	f.raw = raw
	return nil
}

// applyAll runs the operations and reports errGone if one did not hold.
func (p *Provider) applyAll(ctx context.Context, slot string, ops ...store.Op) error {
	results, err := p.deps.State.Apply(ctx, slot, ops...)
	if err != nil {
		return err
	}
	if len(results) < len(ops) || !results[len(results)-1].OK {
		return errGone
	}
	return nil
}

// proofBy makes the proof of a believed assertion.
func (l *login) proofBy(src eid.Source, a federation.Assertion, account eid.AccountID, link string, now time.Time) federation.Proof {
	return federation.Proof{Login: l.ID, Source: src.ID, Account: account, Link: link, Level: a.Level, Methods: a.Methods, At: a.At, Given: now}
}
