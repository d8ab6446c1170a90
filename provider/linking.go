package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/civil"
	"eidgate/federation"
)

// Linker writes the links that holders make, and ends them again.
type Linker interface {
	// Link writes the link of two sides that were proved in one sign-in, or says what
	// stands in its way.
	Link(ctx context.Context, c accounts.Claim) (accounts.Settled, error)
	// Held lists the living links of an account, oldest first.
	Held(ctx context.Context, account eid.AccountID) ([]accounts.HeldLink, error)
	// Undo ends a link of an account; eid.ErrNotFound when it has no such link.
	Undo(ctx context.Context, account eid.AccountID, linkID, ref string) error
}

// linking is a legacy side that was proved in this login and waits for the national
// identity, and for the holder's word that both are one person. It is never more than
// this login's: what is proved in another one, or was remembered, does not count.
type linking struct {
	// ID changes with whatever a page of it shows. The form that links names it.
	ID     string `json:"id"`
	Source string `json:"source"`
	// Sealed is the assertion, bound to this login and ID's first value.
	Sealed []byte `json:"sealed,omitempty"`
	Bound  string `json:"bound,omitempty"`
	// Begun is when the login went to the source, Given when the assertion was believed.
	Begun time.Time `json:"begun,omitzero"`
	Given time.Time `json:"given,omitzero"`
	// Stale: the source may have remembered the person. It is asked anew first.
	Stale bool `json:"stale,omitempty"`
	// OldName is what the account is called at the source, masked.
	OldName string `json:"old_name,omitempty"`
	// Refused: the account is refused until it is verified. Overdue is from when on, zero
	// where no day is to be named.
	Refused bool      `json:"refused,omitempty"`
	Overdue time.Time `json:"overdue,omitzero"`
	// Agreed: the holder saw why, and went on.
	Agreed bool `json:"agreed,omitempty"`
	// Proved is the proof of the national identity that was given for this.
	Proved *federation.Proof `json:"proved,omitempty"`
}

// mayLink reports whether holders link what a source calls them themselves.
func mayLink(src *eid.Source) bool {
	return src.Linking != nil && !src.National && src.Kind != federation.KindAccount
}

// beginLinking makes a believed assertion of a legacy source, whose subject leads to
// nobody, the pending side of the login, and shows why. overdue is from when on a
// portal's old account is refused until it is verified, zero where no day is to be
// named.
func (p *Provider) beginLinking(c *gin.Context, f *flow, w way, a federation.Assertion, overdue time.Time) {
	pending, err := p.pend(f, w, a)
	if errors.Is(err, federation.ErrUntrusted) {
		p.sourceFailed(c, f, w.src.ID, err)
		return
	}
	if err != nil {
		p.fail(c, f, err)
		return
	}
	pending.Refused, pending.Overdue = w.src.Portal != nil, overdue
	if before := f.login.Linking; before != nil && before.Source == w.src.ID && before.Agreed && p.sameSide(f, a) {
		pending.Agreed = true // it was asked anew, and is the same
	}
	f.login.Linking = pending
	f.login.Step, f.login.Source, f.login.SteppingUp = nil, "", false
	if err := p.save(c.Request.Context(), f); err != nil {
		p.fail(c, f, err)
		return
	}
	p.toLogin(c, f)
}

// pend makes the pending side of an assertion that was believed now.
func (p *Provider) pend(f *flow, w way, a federation.Assertion) (*linking, error) {
	k := &linking{ID: randomText(16), Source: w.src.ID, Begun: w.begun, Given: p.deps.Now(), Stale: !a.Anew && !w.fresh, OldName: oldName(&w.src, a)}
	k.Bound = k.ID
	text, err := json.Marshal(a)
	if err != nil {
		return nil, fmt.Errorf("keeping a pending side: %w", err)
	}
	if len(text) > maxPending {
		return nil, fmt.Errorf("source %s says %d bytes of one person: %w", w.src.ID, len(text), federation.ErrUntrusted)
	}
	if k.Sealed, err = p.deps.Sealer.Seal(text, linkingContext(&f.login, k)); err != nil {
		return nil, fmt.Errorf("keeping a pending side: %w", err)
	}
	return k, nil
}

// maxPending bounds what a legacy source says of a person, in bytes of JSON: it lies in
// the record of the login, and in those of conflicts.
const maxPending = 16 << 10

// pending opens the assertion of a login's pending side.
func (p *Provider) pending(l *login) (federation.Assertion, error) {
	var a federation.Assertion
	text, err := p.deps.Sealer.Open(l.Linking.Sealed, linkingContext(l, l.Linking))
	if err == nil {
		err = json.Unmarshal(text, &a)
	}
	if err != nil {
		return federation.Assertion{}, fmt.Errorf("opening a pending side: %w", err)
	}
	return a, nil
}

// linkingContext binds a pending side to one login, one source and one time.
func linkingContext(l *login, k *linking) string {
	return "pending side/" + l.ID + "/" + k.Source + "/" + k.Bound
}

// sameSide reports whether an assertion speaks of whom the pending side does.
func (p *Provider) sameSide(f *flow, a federation.Assertion) bool {
	if len(f.login.Linking.Sealed) == 0 {
		return false
	}
	before, err := p.pending(&f.login)
	return err == nil && before.Subject == a.Subject
}

// oldName is what pages call the account at a source: the name that the source says, or
// a login name, masked.
func oldName(src *eid.Source, a federation.Assertion) string {
	if name := strings.Join(strings.Fields(a.Person.Name), " "); name != "" && len(name) <= maxOldName && federation.Printable(name) {
		return name
	}
	switch src.Kind {
	case federation.KindPortal, federation.KindLDAP, federation.KindCAS: // elsewhere it is no name
		return maskLogin(a.Subject)
	}
	return ""
}

// maxOldName bounds a name on a page, in bytes.
const maxOldName = 200

// saidOf reads what a legacy source says of a person, each part for itself.
func saidOf(p federation.Person) accounts.Said {
	var said accounts.Said
	said.Person.Name = strings.TrimSpace(p.Name)
	var err error
	if number := strings.TrimSpace(p.Number); number != "" {
		if said.Person.Number, err = eid.ParsePersonalNumber(number); err != nil {
			said.OtherNumber = !formerNumber(number)
		}
	}
	if date := strings.TrimSpace(p.BirthDate); date != "" {
		if said.Person.BirthDate, err = civil.ParseDate(date); err != nil {
			said.OddDate = true
		}
	}
	return said
}

// formerNumber reports a text of the nine digits that identity cards had before: it
// says nothing of the number of today.
func formerNumber(s string) bool {
	s = strings.NewReplacer(" ", "", ".", "", "-", "").Replace(s)
	return len(s) == 9 && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// party is the service that a source is considered for. One that proves the national
// identity for a link need not be among those that the service takes: the proof counts
// there only where it takes it.
func (l *login) party(src *eid.Source) *eid.RelyingParty {
	if l.proving() && federation.Proves(src) {
		return federation.Anybody([]eid.Source{*src})
	}
	return &l.Request.rp
}

// proving reports whether the login goes on to the national identity, for a link.
func (l *login) proving() bool {
	return l.Linking != nil && l.Linking.Agreed && !l.Linking.Stale
}

// asksAnew reports whether a source is to authenticate the person now, rather than
// remember them.
func (l *login) asksAnew(src *eid.Source) bool {
	return l.fresh() || l.SteppingUp && src.Kind != federation.KindAccount || l.Linking != nil || l.Unlocking
}

// link names the stage of a login with a pending side.
func (v *view) link() decision {
	k := v.login.Linking
	src := v.source(k.Source)
	switch {
	case src == nil || !mayLink(src):
		return v.refusedAt(reasonNotLinked, k.Source)
	case src.Switch.Off || src.Switch.Ended(k.Given) && !k.Given.IsZero():
		return v.refusedAt(reasonSourceOff, k.Source)
	case !v.consider(src).Stands():
		return v.refusedAt(reasonSourceEnded, k.Source)
	case !k.Agreed:
		return decision{stage: stageLink, silent: codeInteractionRequired}
	case k.Stale || v.now.Sub(k.Given) > accounts.PendingFor:
		return decision{stage: stageSource, silent: codeInteractionRequired, source: k.Source}
	case k.Proved != nil && v.account != nil && k.Proved.Account == v.account.ID:
		if err := v.account.Usable(); err != nil {
			return decision{refusal: refusalOf(err), silent: codeLoginRequired}
		}
		if v.account.Counts(k.Proved.Believed()) {
			return decision{stage: stageConfirmLink, silent: codeInteractionRequired}
		}
	}
	choices := federation.Provers(v.sources, v.login.Level, v.resting, v.now)
	usable := slices.DeleteFunc(slices.Clone(choices), func(c federation.Choice) bool { return !c.Usable })
	d := decision{silent: codeInteractionRequired, choices: choices}
	switch {
	case slices.ContainsFunc(usable, func(c federation.Choice) bool { return c.Source.ID == v.login.Source }):
		d.stage, d.source = stageSource, v.login.Source
	case len(usable) == 1 && v.login.Failed == "":
		d.stage, d.source = stageSource, usable[0].Source.ID
	case len(choices) == 0:
		return refused(reasonNoSource)
	default:
		d.stage = stageChoose
	}
	return d
}

// refusedAt refuses because of one source; another may be tried.
func (v *view) refusedAt(r reason, source string) decision {
	return decision{refusal: refusal{Reason: r, Source: source}, silent: r.code(), choices: v.choices(v.login.Level)}
}

// proved notes the proof of the national identity that a pending side waited for. The
// page that asks shows another pair than any before. A side that leads to somebody by
// now, and signed in, is pending no more.
func (l *login) proved(src *eid.Source, proof federation.Proof) {
	if l.Linking != nil && l.Linking.Source == src.ID {
		l.Linking = nil
	}
	if !l.proving() || !federation.Proves(src) {
		return
	}
	proof.Logout = nil
	l.Linking.ID, l.Linking.Proved = randomText(16), &proof
}

// heldBy is whose session the browser has, empty where it is nobody's. An account that
// stands for an old one gives way to whoever comes.
func (p *Provider) heldBy(ctx context.Context, f *flow) (eid.AccountID, error) {
	held := f.browser.session.Account
	if held == "" {
		return "", nil
	}
	account, err := p.deps.Accounts.Account(ctx, held)
	if err != nil {
		return "", fmt.Errorf("reading account: %w", err)
	}
	if account.Unverified() {
		return "", nil
	}
	return held, nil
}
