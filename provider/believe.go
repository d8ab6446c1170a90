package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/store"
	"eidgate/web"
)

// believe decides whether an assertion counts and of whom it speaks, and gives
// the session its proof.
func (p *Provider) believe(c *gin.Context, f *flow, w way, step federation.Step) {
	a, src := *step.Assertion, w.src
	ctx, now := c.Request.Context(), p.deps.Now()
	err := p.takeOnce(ctx, &src, a)
	if err == nil {
		err = federation.Believe(&src, a, now)
	}
	if err != nil {
		p.sourceFailed(c, f, src.ID, err)
		return
	}
	account, link, err := p.holderOf(ctx, src, a)
	if errors.Is(err, eid.ErrNotFound) {
		p.endWith(c, f, refusal{Reason: reasonNotLinked, Source: src.ID})
		return
	}
	if err != nil {
		p.fail(c, f, err)
		return
	}
	f.login.Step, f.login.Source = nil, ""
	if held := f.browser.session.Account; held != "" && held != account.ID && !f.login.mayChangePerson() {
		f.login.OtherPerson = true
		if err := p.save(ctx, f); err != nil {
			p.fail(c, f, err)
			return
		}
		p.toLogin(c, f)
		return
	}
	entry := eid.AuditEntry{
		At: now, Actor: "holder", Account: account.ID, Client: f.login.Request.Client, Ref: ref(c),
		Action: eid.ActionSignedIn, Detail: detail(map[string]any{"source": src.ID, "level": a.Level, "amr": a.Methods}),
	}
	if f.login.SteppingUp {
		entry.Action = eid.ActionSteppedUp
	}
	if unusable := account.Usable(); unusable != nil {
		entry.Action = eid.ActionSignInRefused
		if err := p.deps.Grants.Record(ctx, entry); err != nil {
			p.fail(c, f, err)
			return
		}
		p.endWith(c, f, refusalOf(unusable))
		return
	}
	// If the audit cannot be written, nobody signs in.
	if err := p.deps.Grants.Record(ctx, entry); err != nil {
		p.fail(c, f, err)
		return
	}
	err = p.keepProof(ctx, f, w, a, f.login.proofBy(src, a, account.ID, link), ref(c))
	if errors.Is(err, errOver) {
		p.clearCookie(c)
		p.pageError(c, http.StatusBadRequest, web.ErrorExpired, endedUpstream)
		return
	}
	if err != nil {
		p.fail(c, f, err)
		return
	}
	p.setCookie(c, f.browser.handle)
	p.keepDevice(c, step.Device)
	p.toLogin(c, f)
}

// errOver reports that a source ended its session while we were making ours.
var errOver = errors.New("session at the source is over")

// keepProof gives the session a proof, under a new secret. Where the source said
// meanwhile that its session is over, ours is over as well: errOver.
func (p *Provider) keepProof(ctx context.Context, f *flow, w way, a federation.Assertion, proof federation.Proof, ref string) error {
	now := p.deps.Now()
	fresh := f.login.fresh() && !f.login.SteppingUp
	// Each try is agreed to anew: a source that gives no more is not asked in circles.
	f.login.SteppingUp = false
	var err error
	if proof.Logout, err = p.sealLogout(proof, a.Logout); err != nil {
		return err
	}
	_, listens := federation.As[federation.Listener](w.speaker)
	err = p.replaceSession(ctx, f, func(s session) session {
		s = s.prove(proof, fresh, now)
		s.Watched = s.Watched || listens
		return s
	}, ref)
	if err != nil || !listens {
		return err
	}
	// The trail is laid once the session is there, and the look at what was said
	// comes with it in one step: a notice finds the trail, or is found here.
	over, err := p.layTrail(ctx, &w.src, a, f.browser, w.begun)
	if err != nil || !over {
		return err
	}
	e := ending{why: endedUpstream, source: w.src.ID, client: f.login.Request.Client, ref: ref}
	if _, err := p.endSession(ctx, f.browser, e); err != nil && !errors.Is(err, errGone) {
		return err
	}
	return errOver
}

// takeOnce uses up an assertion that counts once, whichever replica has it.
func (p *Provider) takeOnce(ctx context.Context, src *eid.Source, a federation.Assertion) error {
	if a.Once == "" {
		return nil
	}
	left := a.OnceUntil.Sub(p.deps.Now())
	if left <= 0 || left > store.MaxTTL {
		return fmt.Errorf("source %s: an assertion that counts once is past its end, or has none: %w", src.ID, federation.ErrUntrusted)
	}
	err := p.applyAll(ctx, "once:"+src.ID, store.PutIfAbsent(hashText(a.Once), []byte{1}, left))
	if errors.Is(err, errGone) {
		return fmt.Errorf("source %s: an assertion came twice: %w", src.ID, federation.ErrUntrusted)
	}
	if err != nil {
		return fmt.Errorf("marking an assertion: %w", err)
	}
	return nil
}

// maxLogoutMemory bounds what a source may have kept for its logout, in bytes: a
// session holds several.
const maxLogoutMemory = 2 << 10

// sealLogout hides what a source wants again at its logout.
func (p *Provider) sealLogout(proof federation.Proof, memory []byte) ([]byte, error) {
	if len(memory) == 0 {
		return nil, nil
	}
	if len(memory) > maxLogoutMemory {
		return nil, fmt.Errorf("source %s: %d bytes for its logout, at most %d", proof.Source, len(memory), maxLogoutMemory)
	}
	sealed, err := p.deps.Sealer.Seal(memory, logoutContext(proof))
	if err != nil {
		return nil, fmt.Errorf("sealing what a logout wants: %w", err)
	}
	return sealed, nil
}

// openLogout finds what a source wants at its logout: of the last sign-in there.
func (p *Provider) openLogout(s session, source string) ([]byte, error) {
	var last federation.Proof
	for _, proof := range s.Proofs {
		if proof.Source == source {
			last = proof
		}
	}
	if len(last.Logout) == 0 {
		return nil, nil
	}
	memory, err := p.deps.Sealer.Open(last.Logout, logoutContext(last))
	if err != nil {
		return nil, fmt.Errorf("opening what a logout wants: %w", err)
	}
	return memory, nil
}

// logoutContext binds it to one sign-in.
func logoutContext(proof federation.Proof) string {
	return "logout at source/" + proof.Source + "/" + proof.Login + "/" + proof.At.UTC().Format(time.RFC3339Nano)
}
