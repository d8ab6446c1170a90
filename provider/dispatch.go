package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/gin-gonic/gin"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/store"
	"eidgate/web"
)

// startLogin begins a login in this browser. Where the living session is
// enough, or nobody may be asked, it answers at once and keeps no record.
func (p *Provider) startLogin(c *gin.Context, req *request) {
	ctx := c.Request.Context()
	speak(c, req.Locales)
	f := &flow{login: login{
		ID: randomText(16), CSRF: randomText(secretBytes), Request: *req,
		StartedAt: p.deps.Now(), Level: req.Need.Floor,
	}}
	p.deps.Meter.Entered(ctx, stageBegun)
	h, ok := p.cookieHandle(c)
	err := errGone
	if ok {
		f.browser, _, err = p.loadBrowser(ctx, h)
	}
	switch {
	case errors.Is(err, errGone):
		idle := f.browser.session
		f.browser = p.newBrowser()
		if idle.Account != "" {
			f.browser.session.Idle = &idleSession{Account: idle.Account, Grants: idle.Grants}
		} else {
			f.browser.session.Idle = idle.Idle
		}
	case err != nil:
		p.fail(c, f, err)
		return
	default:
		if err := p.touch(ctx, &f.browser); err != nil {
			p.fail(c, f, err)
			return
		}
	}
	d, err := p.decide(ctx, f)
	switch {
	case err != nil || f.holder == nil:
	case f.holder.Usable() != nil:
		d, err = p.endBarred(ctx, f, endedLocked, ref(c))
	case f.ended != "":
		d, err = p.endBarred(ctx, f, f.ended, ref(c))
	}
	if err == nil {
		d, err = p.hinted(ctx, f, d)
	}
	if err != nil {
		p.fail(c, f, err)
		return
	}
	switch {
	case d.stage == stageIssue:
		p.enter(c, d)
		p.issue(c, f, d)
		return
	case req.prompts(promptNone):
		p.refuseLevel(c, f, d)
		p.redirectError(c, req.returnTo, refuse(d.silent, ""))
		return
	}
	isNew := f.browser.raw == nil
	if err := p.mayBegin(c, f.browser.session); err != nil {
		p.fail(c, f, err)
		return
	}
	if err := p.save(ctx, f); err != nil {
		p.fail(c, f, err)
		return
	}
	if isNew {
		p.setCookie(c, f.browser.handle)
	}
	p.toLogin(c, f)
}

// endBarred ends a session whose account was locked since, as the device may be in
// other hands now, or none of whose proofs counts any more. The login goes on as
// nobody's.
func (p *Provider) endBarred(ctx context.Context, f *flow, why, ref string) (decision, error) {
	_, err := p.endSession(ctx, f.browser, ending{why: why, client: f.login.Request.Client, ref: ref})
	if err != nil && !errors.Is(err, errGone) {
		return decision{}, err
	}
	f.browser, f.holder = p.newBrowser(), nil
	return p.decide(ctx, f)
}

// toLogin sends the browser to the page of its login.
func (p *Provider) toLogin(c *gin.Context, f *flow) { p.toSearch(c, f, "") }

// toSearch does so, and to what was searched for there.
func (p *Provider) toSearch(c *gin.Context, f *flow, query string) {
	at := url.Values{"login": {f.login.ID}}
	if query != "" && len(query) <= maxSearch {
		at.Set(web.FieldQuery, query)
	}
	c.Header("Cache-Control", "no-store")
	c.Redirect(http.StatusSeeOther, pathLogin+"?"+at.Encode())
}

// showLogin shows the page of the stage that the login is in.
func (p *Provider) showLogin(c *gin.Context) {
	f, ok := p.flowOf(c, c.Query("login"))
	if !ok {
		return
	}
	if id := c.Query(web.FieldWhy); id != "" {
		p.showWhy(c, f, id)
		return
	}
	p.advance(c, f)
}

// submitLogin takes a form of one of the login's pages.
func (p *Provider) submitLogin(c *gin.Context) {
	if err := c.Request.ParseForm(); err != nil {
		p.pageError(c, http.StatusBadRequest, web.ErrorInvalidRequest, "form")
		return
	}
	form := c.Request.PostForm
	f, ok := p.flowOf(c, form.Get(web.FieldLogin))
	if !ok {
		return
	}
	if !equalText(form.Get(web.FieldCSRF), f.login.CSRF) {
		p.pageError(c, http.StatusForbidden, web.ErrorForbidden, "csrf")
		return
	}
	if tag := form.Get(web.FieldLanguage); tag != "" {
		p.switchLogin(c, f, form, tag)
		return
	}
	p.act(c, f, form)
}

// flowOf finds the login of a request in the slot of its cookie, or shows why
// it cannot go on.
func (p *Provider) flowOf(c *gin.Context, id string) (*flow, bool) {
	h, ok := p.cookieHandle(c)
	if !ok {
		p.pageError(c, http.StatusBadRequest, web.ErrorExpired, "no_cookie")
		return nil, false
	}
	f, err := p.loadFlow(c.Request.Context(), h, id)
	if errors.Is(err, errGone) {
		p.again(c, id)
		return nil, false
	}
	if err != nil {
		p.pageFailure(c, err)
		return nil, false
	}
	note(c, "client", f.login.Request.Client)
	speak(c, f.login.Request.Locales)
	return f, true
}

// decide gathers the view and asks next.
func (p *Provider) decide(ctx context.Context, f *flow) (decision, error) {
	v := view{login: f.login, session: f.browser.session, now: p.deps.Now(), level2Proof: p.cfg.Lifetimes.Level2Proof}
	var err error
	if v.sources, err = p.deps.Sources.Policies(ctx); err != nil {
		return decision{}, fmt.Errorf("reading sources: %w", err)
	}
	v.resting = p.deps.Sources.Resting()
	if id := f.browser.session.Account; id != "" {
		account, err := p.deps.Accounts.Account(ctx, id)
		if err != nil {
			return decision{}, fmt.Errorf("reading account: %w", err)
		}
		v.account, f.holder = &account, &account
		if req := &f.login.Request; req.Subject != "" {
			if v.subject, err = p.subjectOf(ctx, &req.rp, id); err != nil {
				return decision{}, err
			}
		}
		if account.Linked {
			if v.links, err = p.deps.Accounts.LinksOf(ctx, id); err != nil {
				return decision{}, fmt.Errorf("reading links: %w", err)
			}
		}
	}
	if v.account != nil {
		if err = p.share(ctx, f, &v); err != nil {
			return decision{}, err
		}
	}
	f.ended = v.over()
	d := next(v)
	f.others = usable(d.choices) > 1 || d.stage == stageRefuse && usable(d.choices) > 0
	if d.stage == stageLink {
		f.others = usable(v.choices(f.login.Level)) > 1
	}
	return d, nil
}

// advance performs the stage that next names: the one dispatcher.
func (p *Provider) advance(c *gin.Context, f *flow) {
	d, err := p.decide(c.Request.Context(), f)
	if err != nil {
		p.fail(c, f, err)
		return
	}
	p.enter(c, d)
	switch d.stage {
	case stageIssue:
		p.issue(c, f, d)
	case stageSource:
		p.atSource(c, f, d.source)
	case stageChoose:
		p.showChoose(c, f, d)
	case stageStepUp:
		p.showStepUp(c, f, d)
	case stageOtherPerson:
		p.showOtherPerson(c, f)
	case stageLink:
		p.showLink(c, f)
	case stageConfirmLink:
		p.showConfirmLink(c, f)
	case stageStops:
		p.showStops(c, f, d)
	case stageConsent:
		p.showConsent(c, f, d)
	default:
		p.refuseLevel(c, f, d)
		p.showRefused(c, f, d.refusal)
	}
}

// enter accounts for the stage that a login is found in.
func (p *Provider) enter(c *gin.Context, d decision) {
	note(c, "stage", d.stage.String())
	p.deps.Meter.Entered(c.Request.Context(), d.stage.String())
}

// refuseLevel accounts for a refusal, if it is one for the level.
func (p *Provider) refuseLevel(c *gin.Context, f *flow, d decision) {
	if d.stage == stageRefuse && d.refusal.Reason.code() == codeUnmet {
		p.deps.Meter.Leveled(c.Request.Context(), f.login.Request.Client, f.login.Request.Need.Target, eid.LevelNone)
	}
}

// act applies what a form asked for and goes on. Actions that do not fit the
// stage are ignored: the page is shown again.
func (p *Provider) act(c *gin.Context, f *flow, form url.Values) {
	ctx := c.Request.Context()
	d, err := p.decide(ctx, f)
	if err != nil {
		p.fail(c, f, err)
		return
	}
	l := &f.login
	action := form.Get(web.FieldAction)
	switch {
	case action == web.ActionCancel:
		p.cancel(c, f, d)
		return
	case action == web.ActionForgetSource:
		p.forgetLast(c)
		p.toLogin(c, f)
		return
	case action == web.ActionNotMe:
		p.forget(c, f)
		return
	case action == web.ActionRestart && d.stage == stageOtherPerson:
		p.forget(c, f)
		return
	case action == web.ActionRetry && d.stage == stageOtherPerson:
		l.OtherPerson, l.Source, l.Step = false, "", nil
	case action == web.ActionStepUp && d.stage == stageStepUp:
		l.SteppingUp, l.Level, l.Source, l.Step = true, d.level, "", nil
	case action == web.ActionShare && d.stage == stageConsent && slices.Equal(l.Shown, d.share):
		if err := p.giveConsent(ctx, f, d, form[web.FieldDocument], ref(c)); err != nil {
			p.fail(c, f, err)
			return
		}
		l.Consented = true
	case action == web.ActionDecline && d.stage == stageConsent:
		p.cancel(c, f, d)
		return
	case action == web.ActionLink && d.stage == stageLink:
		l.Linking.Agreed, l.Source, l.Step, l.Failed = true, "", nil, ""
	case action == web.ActionLink && d.stage == stageConfirmLink && form.Get(web.FieldLink) == l.Linking.ID:
		p.confirmLink(c, f)
		return
	case action == web.ActionDecline && d.stage == stageConfirmLink, action == web.ActionOtherSources && d.stage == stageLink && f.others:
		l.Linking, l.Source, l.Step, l.Failed = nil, "", nil, ""
	case action == web.ActionVerify && d.stage == stageStops:
		l.verifyNow()
	case action == web.ActionLater && d.stage == stageStops:
		l.Stops = nil
	case action == web.ActionUnlock && d.stage == stageRefuse && d.refusal.Unlock != "":
		l.Unlocking, l.Refusal, l.Source, l.Step, l.Failed = true, nil, d.refusal.Unlock, nil, ""
	case action == web.ActionStay && d.stage == stageStepUp && d.mayStay:
		l.Stayed = true
	case action == web.ActionOtherSources && d.stage == stageRefuse && f.others:
		l.Refusal, l.Linking, l.Source, l.Step = nil, nil, "", nil
	case action == web.ActionOtherSources && d.stage == stageSource && f.others:
		l.Source, l.Step, l.Failed = "", nil, ""
		if err := p.save(ctx, f); err != nil {
			p.fail(c, f, err)
			return
		}
		p.showChoose(c, f, d)
		return
	case form.Has(web.FieldSource) && len(d.choices) > 0:
		p.choose(f, d, form.Get(web.FieldSource))
	case d.stage == stageSource && l.Step != nil && d.source == l.Source && sentFrom(l.Step.Page, form):
		p.finish(c, f, d.source, form)
		return
	default:
		p.advance(c, f)
		return
	}
	if err := p.save(ctx, f); err != nil {
		p.fail(c, f, err)
		return
	}
	p.toLogin(c, f)
}

// sentFrom reports whether a form was sent from a page of ours. One from the
// page before, which Back or a double click sends again, is not held against
// the holder: the page that waits is shown once more.
func sentFrom(page string, form url.Values) bool {
	switch page {
	case federation.PagePassword:
		return form.Has(web.FieldPersonalNumber)
	case federation.PageLogin:
		return form.Has(web.FieldLoginName)
	case federation.PageCode:
		return form.Has(web.FieldCode)
	case federation.PagePassport:
		return form.Has(federation.FieldPassport)
	case federation.PageNewPassword:
		return form.Has(federation.FieldNewPassword)
	}
	return false
}

// choose notes the chosen source, if it is one that was offered.
func (p *Provider) choose(f *flow, d decision, id string) {
	for _, choice := range d.choices {
		if choice.Usable && choice.Source.ID == id {
			f.login.Source, f.login.Step, f.login.Failed = id, nil, ""
		}
	}
}

// cancel ends the login and tells the portal: with the refusal that the page
// explained, else that the holder declined.
func (p *Provider) cancel(c *gin.Context, f *flow, d decision) {
	code := codeAccessDenied
	if d.stage == stageRefuse {
		code = d.refusal.Reason.code()
	}
	if err := p.end(c.Request.Context(), f); err != nil && !errors.Is(err, errGone) {
		p.fail(c, f, err)
		return
	}
	p.redirectError(c, f.login.Request.returnTo, refuse(code, ""))
}

// end takes the login away; errGone says that it was gone.
func (p *Provider) end(ctx context.Context, f *flow) error {
	if f.raw == nil {
		return nil
	}
	if err := p.applyAll(ctx, f.browser.handle.slot, store.Take(loginKey(f.login.ID))); err != nil {
		return fmt.Errorf("ending login: %w", err)
	}
	return nil
}

// forget ends this browser's session ("not me") and begins the same request
// again as nobody.
func (p *Provider) forget(c *gin.Context, f *flow) {
	ctx := c.Request.Context()
	_, err := p.endSession(ctx, f.browser, ending{
		why: endedNotMe, client: f.login.Request.Client, ref: ref(c), conditions: []store.Op{store.Take(loginKey(f.login.ID))},
	})
	if err != nil {
		p.fail(c, f, err)
		return
	}
	fresh := &flow{browser: p.newBrowser(), login: login{
		ID: randomText(16), CSRF: randomText(secretBytes), Request: f.login.Request,
		StartedAt: p.deps.Now(), Level: f.login.Request.Need.Floor,
	}}
	if err := p.save(ctx, fresh); err != nil {
		p.fail(c, fresh, err)
		return
	}
	p.setCookie(c, fresh.browser.handle)
	p.toLogin(c, fresh)
}

// fail ends a request on a failure: a lost race shows where the login stands, an
// account that was locked meanwhile is refused, anything else is ours to answer
// for.
func (p *Provider) fail(c *gin.Context, f *flow, err error) {
	switch {
	case errors.Is(err, errGone):
		p.again(c, f.login.ID)
		return
	case errors.Is(err, eid.ErrLocked), errors.Is(err, eid.ErrNotActivated):
		if f.login.Request.prompts(promptNone) {
			p.redirectError(c, f.login.Request.returnTo, refuse(codeLoginRequired, ""))
			return
		}
		p.showRefused(c, f, refusalOf(err))
		return
	}
	if f.login.Request.prompts(promptNone) {
		note(c, "err", err)
		code := codeServerError
		if waitingHelps(err) {
			code = codeTemporarilyUnavailable
		}
		p.redirectError(c, f.login.Request.returnTo, refuse(code, ""))
		return
	}
	p.pageFailure(c, err)
}

// again answers a form that came twice, or too late: its page is asked for once
// more with the cookie that the faster answer set. A GET has no second try.
func (p *Provider) again(c *gin.Context, id string) {
	if c.Request.Method != http.MethodPost || !isRandomText(id, 16) {
		p.pageError(c, http.StatusBadRequest, web.ErrorExpired, "login")
		return
	}
	note(c, "refused", "raced")
	c.Redirect(http.StatusSeeOther, pathLogin+"?"+url.Values{"login": {id}}.Encode())
}

// holderOf resolves who an assertion speaks of. A missing link is eid.ErrNotFound.
func (p *Provider) holderOf(ctx context.Context, src eid.Source, a federation.Assertion) (eid.Account, string, error) {
	id, linkID := a.Account, ""
	if src.Kind != federation.KindAccount {
		link, err := p.deps.Accounts.LinkBySubject(ctx, src.ID, a.Subject)
		if err != nil {
			return eid.Account{}, "", fmt.Errorf("finding link at %s: %w", src.ID, err)
		}
		if !link.Alive(p.deps.Now()) {
			return eid.Account{}, "", fmt.Errorf("link at %s has ended: %w", src.ID, eid.ErrNotFound)
		}
		id, linkID = link.Account, link.ID
	}
	account, err := p.deps.Accounts.Account(ctx, id)
	if err != nil {
		return eid.Account{}, "", fmt.Errorf("reading account: %w", err)
	}
	return account, linkID, nil
}
