package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/store"
	"eidgate/web"
)

// atSource begins at a source, or shows again the form that it waits for.
func (p *Provider) atSource(c *gin.Context, f *flow, id string) {
	if f.login.Source == id && f.login.Step != nil && f.login.Step.Page != "" {
		p.showForm(c, f, http.StatusOK, federation.Form{Page: f.login.Step.Page})
		return
	}
	ctx := c.Request.Context()
	src, speaker, err := p.openSource(ctx, id)
	if err != nil {
		p.sourceFailed(c, f, id, err)
		return
	}
	f.login.Source, f.login.Failed = id, ""
	state := handleIn(f.browser.handle.slot)
	asking, done := p.deps.Meter.Asking(ctx, src.ID, actBegin)
	step, err := speaker.Begin(asking, p.sourceRequest(c, f, src, state, nil))
	done(outcomeOf(step, err))
	if err != nil {
		p.sourceFailed(c, f, id, err)
		return
	}
	p.follow(c, f, way{src, speaker, state, p.deps.Now(), f.login.asksAnew(&src)}, step)
}

// finish hands a form's fields or a callback's parameters to the source.
func (p *Provider) finish(c *gin.Context, f *flow, id string, values url.Values) {
	ctx := c.Request.Context()
	src, speaker, err := p.openSource(ctx, id)
	if err != nil {
		p.sourceFailed(c, f, id, err)
		return
	}
	// A source that was switched off meanwhile is not asked any more.
	if err := federation.Admit(&src, f.login.party(&src), f.login.Step.Begun, p.deps.Now()); err != nil {
		p.sourceFailed(c, f, id, err)
		return
	}
	state := handleIn(f.browser.handle.slot)
	asking, done := p.deps.Meter.Asking(ctx, src.ID, actFinish)
	step, err := speaker.Finish(asking, p.sourceRequest(c, f, src, state, f.login.Step.Memory), federation.Reply{Values: values})
	done(outcomeOf(step, err))
	if err != nil {
		p.sourceFailed(c, f, id, err)
		return
	}
	p.follow(c, f, way{src, speaker, state, f.login.Step.Begun, f.login.Step.Fresh}, step)
}

// sourceRequest says what the login wants of a source.
func (p *Provider) sourceRequest(c *gin.Context, f *flow, src eid.Source, state handle, memory []byte) federation.Request {
	req := federation.Request{
		State: p.stateText(state), Callback: p.cfg.Issuer + pathCallback + src.ID,
		Level: f.login.Level, Memory: memory, Now: p.deps.Now(),
		Address: clientAddress(c), Device: p.device(c), Language: p.language(c),
		Hint: p.openHint(&f.login.Request), Fresh: f.login.asksAnew(&src), Unlock: f.login.Unlocking,
	}
	// The missing factor alone is enough where this source was given the others,
	// and those alone, a short while ago: the proof that follows states both.
	given := func(proof federation.Proof) bool {
		return proof.Source == src.ID && slices.Equal(proof.Methods, []string{string(eid.Password)}) &&
			p.deps.Now().Sub(proof.At) <= p.cfg.Lifetimes.Level2Proof && f.holder != nil && f.holder.Counts(proof.Believed())
	}
	if f.login.SteppingUp && slices.ContainsFunc(f.browser.session.Proofs, given) {
		req.Account = f.browser.session.Account
	}
	return req
}

func (p *Provider) openSource(ctx context.Context, id string) (eid.Source, federation.Source, error) {
	policies, err := p.deps.Sources.Policies(ctx)
	if err != nil {
		return eid.Source{}, nil, fmt.Errorf("reading sources: %w", err)
	}
	for _, src := range policies {
		if src.ID == id {
			speaker, err := p.deps.Sources.Open(ctx, src)
			return src, speaker, err
		}
	}
	return eid.Source{}, nil, fmt.Errorf("source %s: %w", id, eid.ErrNotFound)
}

// way is one step of a login at a source.
type way struct {
	src     eid.Source
	speaker federation.Source
	state   handle    // that the source sends back, if it leads the browser away
	begun   time.Time // when the login went to this source
	fresh   bool      // and it was told to authenticate the person now
}

// follow does what a source's step asks: shows a form, leads the browser to the
// source, or believes an assertion.
func (p *Provider) follow(c *gin.Context, f *flow, w way, step federation.Step) {
	ctx := c.Request.Context()
	pending := &pendingStep{Memory: step.Memory, Begun: w.begun, Fresh: w.fresh}
	switch {
	case step.Assertion != nil:
		p.believe(c, f, w, step)
	case step.Form != nil:
		before := f.login.Step
		pending.Page, pending.Challenge, pending.Second = step.Form.Page, step.Form.Challenge, step.Form.Second
		f.login.Step = pending
		if err := p.save(ctx, f); err != nil {
			p.fail(c, f, err)
			return
		}
		status := http.StatusOK
		if step.Form.Problem != "" && before != nil {
			status = http.StatusUnprocessableEntity
		}
		p.showForm(c, f, status, *step.Form)
	case step.Post != nil && !leadsTo(w.speaker, step.Post.Address):
		p.sourceFailed(c, f, w.src.ID, errors.New("source posts to an origin that is not its own"))
	case step.Redirect != "" || step.Post != nil:
		pending.State = hashText(p.stateText(w.state))
		f.login.Step = pending
		if err := p.save(ctx, f, store.PutIfAbsent(w.state.key(kindState), []byte(f.login.ID), p.cfg.Lifetimes.Login)); err != nil {
			p.fail(c, f, err)
			return
		}
		p.leadOn(c, &w.src, step)
	default:
		p.sourceFailed(c, f, w.src.ID, errors.New("source gave no step"))
	}
}

// leadOn sends the browser to a source, by a redirect or by a page that posts.
func (p *Provider) leadOn(c *gin.Context, src *eid.Source, step federation.Step) {
	if step.Post == nil {
		p.leave(c, step.Redirect)
		return
	}
	page := web.FormPost{Action: step.Post.Address, Portal: sourceLabel(src), Onward: true, Language: p.language(c)}
	for _, name := range slices.Sorted(maps.Keys(step.Post.Fields)) {
		page.Params = append(page.Params, web.Param{Name: name, Value: step.Post.Fields[name]})
	}
	p.deps.Pages.RenderFormPost(c.Writer, c.Request, page)
}

// leadsTo reports whether an address is at one of the source's own origins: where
// a page of ours may post to.
func leadsTo(speaker federation.Source, address string) bool {
	redirector, ok := federation.As[federation.Redirector](speaker)
	return ok && slices.Contains(redirector.Origins(), originOf(address))
}

// callback takes a browser back from a source. The state names the slot of this
// browser's cookie, counts once, and belongs to one login at one source.
func (p *Provider) callback(c *gin.Context) {
	params, ok := p.parameters(c)
	if !ok {
		return
	}
	ctx := c.Request.Context()
	h, ok := p.cookieHandle(c)
	state, made := p.parseState(params.Get("state"))
	if !ok || !made || state.slot != h.slot {
		p.pageError(c, http.StatusBadRequest, web.ErrorExpired, "callback")
		return
	}
	posted := params.Get(paramPosted) != ""
	take := []store.Op{store.Take(state.key(kindState))}
	if posted {
		take = takePosted(state)
	}
	// The state is used up even where the session is over: nothing could follow.
	b, results, err := p.loadBrowser(ctx, h, take...)
	if errors.Is(err, errGone) || err == nil && !results[0].OK {
		p.pageError(c, http.StatusBadRequest, web.ErrorExpired, "state")
		return
	}
	if err != nil {
		p.pageFailure(c, err)
		return
	}
	f, err := p.flowIn(ctx, b, string(results[0].Value))
	if errors.Is(err, errGone) {
		p.pageError(c, http.StatusBadRequest, web.ErrorExpired, "login")
		return
	}
	if err != nil {
		p.pageFailure(c, err)
		return
	}
	note(c, "client", f.login.Request.Client)
	speak(c, f.login.Request.Locales)
	id := c.Param("source")
	if f.login.Source != id || f.login.Step == nil || !equalText(f.login.Step.State, hashText(params.Get("state"))) {
		p.pageError(c, http.StatusBadRequest, web.ErrorExpired, "state")
		return
	}
	if posted {
		if params, err = p.openPosted(state, results[1:]); err != nil {
			p.pageFailure(c, err)
			return
		}
	}
	p.finish(c, f, id, params)
}

// flowIn reads a login of a browser that is loaded already.
func (p *Provider) flowIn(ctx context.Context, b browser, id string) (*flow, error) {
	results, err := p.deps.State.Apply(ctx, b.handle.slot, store.Get(loginKey(id)))
	if err != nil {
		return nil, fmt.Errorf("loading login: %w", err)
	}
	return p.readFlow(ctx, b, results[0])
}

// believe decides whether an assertion counts and of whom it speaks, and gives
// the session its proof.
func (p *Provider) believe(c *gin.Context, f *flow, w way, step federation.Step) {
	a, src := *step.Assertion, w.src
	ctx, now := c.Request.Context(), p.deps.Now()
	if err := p.takeOnce(ctx, &src, a); err != nil {
		p.sourceFailed(c, f, src.ID, err)
		return
	}
	if err := federation.Believe(&src, f.login.party(&src), a, now); err != nil {
		p.sourceFailed(c, f, src.ID, err)
		return
	}
	account, link, err := p.holderOf(ctx, src, a)
	if src.Portal != nil && (errors.Is(err, eid.ErrNotFound) || err == nil && account.Unverified()) {
		var e entrance
		if e, err = p.atPortal(ctx, f, &src, a, ref(c)); err != nil {
			p.sourceFailed(c, f, src.ID, err)
			return
		}
		if e.refusal != nil {
			p.endWith(c, f, *e.refusal)
			return
		}
		if e.verify {
			p.beginLinking(c, f, w, a, e.overdue)
			return
		}
		account, link = e.account, e.link
	}
	if errors.Is(err, eid.ErrNotFound) && mayLink(&src) {
		p.beginLinking(c, f, w, a, time.Time{})
		return
	}
	if errors.Is(err, eid.ErrNotFound) {
		var r *refusal
		if account, link, r, err = p.takeIn(ctx, f, &src, a, ref(c)); r != nil && err == nil {
			p.endWith(c, f, *r)
			return
		}
	}
	if err != nil {
		p.fail(c, f, err)
		return
	}
	f.login.Step, f.login.Source = nil, ""
	held, err := p.heldBy(ctx, f)
	if err != nil {
		p.fail(c, f, err)
		return
	}
	if held != "" && held != account.ID && !f.login.mayChangePerson() {
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
	if f.login.Unlocking && unlocksAt(&src, &account) != "" && wholeProof(&src, &account, a) {
		if account, err = p.unlock(ctx, &account, a, ref(c)); err != nil {
			p.fail(c, f, err)
			return
		}
	}
	f.login.Unlocking = false
	if unusable := account.Usable(); unusable != nil {
		entry.Action = eid.ActionSignInRefused
		if err := p.deps.Grants.Record(ctx, entry); err != nil {
			p.fail(c, f, err)
			return
		}
		r := refusalOf(unusable)
		r.Unlock = unlocksAt(&src, &account)
		p.endWith(c, f, r)
		return
	}
	r, err := p.agree(ctx, &src, a, &account, entry)
	if err != nil {
		p.sourceFailed(c, f, src.ID, err)
		return
	}
	if r != nil {
		p.endWith(c, f, *r)
		return
	}
	// If the audit cannot be written, nobody signs in.
	if err := p.deps.Grants.Record(ctx, entry); err != nil {
		p.fail(c, f, err)
		return
	}
	if account.Unverified() {
		if err := p.remind(ctx, f, w, a); err != nil {
			p.fail(c, f, err)
			return
		}
	}
	f.login.gave(src, a.Level, account.ID != f.browser.session.Account)
	fresh := f.login.fresh() && !f.login.SteppingUp
	// Each try is agreed to anew: a source that gives no more is not asked in circles.
	f.login.SteppingUp = false
	proof := f.login.proofBy(src, a, account.ID, link, now)
	f.login.proved(&src, proof)
	if !p.join(c, f, w, a, proof, fresh) {
		return
	}
	p.keepDevice(c, step.Device)
	p.toLogin(c, f)
}

// join gives the session a proof, under a new cookie secret, and lays the trail by which
// the source finds it again; fresh replaces what the session has. It reports whether the
// login goes on; if not, it has answered.
func (p *Provider) join(c *gin.Context, f *flow, w way, a federation.Assertion, proof federation.Proof, fresh bool) bool {
	ctx, now := c.Request.Context(), p.deps.Now()
	var err error
	if proof.Logout, err = p.sealLogout(proof, a.Logout); err != nil {
		p.fail(c, f, err)
		return false
	}
	_, listens := federation.As[federation.Listener](w.speaker)
	err = p.replaceSession(ctx, f, func(s session) session { return s.prove(proof, fresh, now).watched(listens) }, ref(c))
	if err == nil && listens {
		err = p.watch(ctx, f, w, a, ref(c))
	}
	if errors.Is(err, errOver) {
		p.clearCookie(c)
		p.pageError(c, http.StatusBadRequest, web.ErrorExpired, endedUpstream)
		return false
	}
	if err != nil {
		p.fail(c, f, err)
		return false
	}
	p.setCookie(c, f.browser.handle)
	p.keepLast(c, w.src.ID)
	return true
}

// endWith ends the login with a refusal that the next page explains.
func (p *Provider) endWith(c *gin.Context, f *flow, r refusal) {
	f.login.Step, f.login.Refusal = nil, &r
	if err := p.save(c.Request.Context(), f); err != nil {
		p.fail(c, f, err)
		return
	}
	p.toLogin(c, f)
}

// sourceFailed turns a source's error into a page: back to the choice where
// another try can help, a refusal where it cannot.
func (p *Provider) sourceFailed(c *gin.Context, f *flow, id string, err error) {
	note(c, "source", id, "err", err)
	var throttled *federation.ThrottledError
	var busy *federation.BusyError
	switch {
	case errors.As(err, &busy):
		c.Header("Retry-After", retryAfter)
		p.showForm(c, f, http.StatusServiceUnavailable, *busy.Form)
	case errors.Is(err, eid.ErrLocked), errors.Is(err, eid.ErrNotActivated):
		p.endWith(c, f, refusalOf(err))
	case errors.Is(err, federation.ErrDown), errors.Is(err, federation.ErrBusy):
		p.chooseAgain(c, f, id) // it is that source's trouble alone, however long it took
	case waitingHelps(err):
		p.fail(c, f, err)
	case errors.As(err, &throttled):
		p.showRefused(c, f, refusal{Reason: reasonTryLater, Until: throttled.Until})
	case errors.Is(err, federation.ErrWindowClosed):
		p.endWith(c, f, refusal{Reason: reasonSourceEnded, Source: id})
	case errors.Is(err, federation.ErrSwitchedOff):
		p.endWith(c, f, refusal{Reason: reasonSourceOff, Source: id})
	case errors.Is(err, federation.ErrUntrusted):
		if err := p.recordDistrust(c, f, id); err != nil {
			p.fail(c, f, err)
			return
		}
		p.endWith(c, f, refusal{Reason: reasonUntrusted, Source: id})
	default:
		p.chooseAgain(c, f, id) // declined there
	}
}

// maxDistrust is how many rows an hour one source gets in the audit for answers
// that were not believed. A stranger can make them up, and each is logged.
const maxDistrust = 60

func (p *Provider) recordDistrust(c *gin.Context, f *flow, id string) error {
	ctx := c.Request.Context()
	results, err := p.deps.State.Apply(ctx, "distrust", store.Count(hashText(id), maxDistrust, time.Hour))
	if err != nil {
		return fmt.Errorf("counting an answer that was not believed: %w", err)
	}
	if !results[0].OK {
		return nil
	}
	return p.deps.Grants.Record(ctx, eid.AuditEntry{At: p.deps.Now(), Actor: "system", Action: eid.ActionSourceDistrust,
		Client: f.login.Request.Client, Ref: ref(c), Detail: detail(map[string]any{"source": id})})
}

// chooseAgain goes back to the choice, with a word on the source that failed.
func (p *Provider) chooseAgain(c *gin.Context, f *flow, id string) {
	f.login.Step, f.login.Source, f.login.Failed = nil, "", id
	if err := p.save(c.Request.Context(), f); err != nil {
		p.fail(c, f, err)
		return
	}
	p.toLogin(c, f)
}

// detail writes the detail of an audit row.
func detail(v map[string]any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return raw
}
