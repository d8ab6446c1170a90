package citizen

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"eidgate/eid"
	"eidgate/eid/civil"
	"eidgate/eid/credential"
	"eidgate/eid/registration"
	"eidgate/web"
	"eidgate/web/shell"
)

// Hasher makes the hash of a password that its holder chose. credential.ErrBusy where
// too many are being made.
type Hasher interface {
	Hash(ctx context.Context, password eid.Secret) (string, error)
}

// Policy says which passwords may be chosen. own are the words that others know of the
// person.
type Policy interface {
	Judge(ctx context.Context, password eid.Secret, own []string) (credential.Weakness, error)
}

// registering are the pages of a registration in the app. They decode, call and show:
// package registration decides.
type registering struct {
	shell     *shell.Shell
	service   *registration.Service
	passwords Hasher
	policy    Policy
	least     int // characters of a password
	now       func() time.Time
}

const (
	pathRegister    = "/register"
	registerCookie  = "register"
	registerCookies = 7 * 24 * time.Hour // as drafts are kept
	// retryAfter is when to come back to a registry that does not answer.
	retryAfter = 5 * time.Minute
)

// Pages behind the steps, which have the names of package registration.
const (
	pageCode     = "code"
	pageWaiting  = "waiting"
	pagePassword = "password"
	pageEnded    = "ended"
	pageYoung    = "young"
	pageDone     = "done"
)

// queryAgain of a page for a code: another one was just asked for.
const queryAgain = "again"

// typedFields may be given back after a switch of the language.
var typedFields = []string{
	web.FieldKind, web.FieldPersonalNumber, web.FieldPassport, web.FieldCountry, web.FieldNationality, web.FieldName, web.FieldDay, web.FieldMonth, web.FieldYear,
	web.FieldYearOnly, web.FieldGender, web.FieldPhone, web.FieldEmail, web.FieldWrong,
}

// turn is one request at these pages.
type turn struct {
	w     http.ResponseWriter
	r     *http.Request
	at    string // name of the page
	token registration.Token
	known bool // the browser had the token
	draft registration.Draft
	found bool // there is a draft
	form  url.Values
}

// ServeHTTP answers below pathRegister.
func (p *registering) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t := &turn{w: w, r: r, at: strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, pathRegister), "/")}
	t.token, t.known = p.cookie(r)
	posted := r.Method == http.MethodPost
	if posted {
		form, ok := shell.Posted(r)
		if !ok {
			return
		}
		if !t.known || !shell.Marked(form, t.token.CSRF()) {
			web.VisitOf(r).Fail(http.StatusForbidden, web.ErrorForbidden, "csrf")
			return
		}
		t.form = form
		var typed url.Values
		if t.r, typed, ok = shell.Typed(r, form, typedFields); !ok {
			return
		}
		if typed != nil {
			t.form, posted = typed, false
		}
	}
	if t.known {
		var err error
		t.draft, err = p.service.Draft(r.Context(), t.token)
		if err != nil && !errors.Is(err, eid.ErrNotFound) {
			p.fail(t, err)
			return
		}
		t.found = err == nil
	}
	if t.draft.Stage == registration.StageDone && (t.at == "" || isStep(registration.Step(t.at))) {
		t.draft, t.found = registration.Draft{}, false // somebody else may register here
	}
	if posted {
		p.post(t)
		return
	}
	p.show(t)
}

// show answers a GET.
func (p *registering) show(t *turn) {
	switch step := registration.Step(t.at); {
	case t.at == "":
		p.start(t)
	case t.at == pageYoung && p.where(t) == pageYoung, isStep(step) && p.reachable(t, step):
		p.page(t, nil)
	case isStep(step) || t.at == pageYoung:
		p.redirect(t, p.where(t))
	case t.at == pageCode || t.at == pageWaiting || t.at == pagePassword || t.at == pageEnded || t.at == pageDone:
		if at := p.where(t); at != t.at {
			p.redirect(t, at)
			return
		}
		p.page(t, nil)
	default:
		web.VisitOf(t.r).Fail(http.StatusNotFound, web.ErrorNotFound, "")
	}
}

// post answers a form.
func (p *registering) post(t *turn) {
	action := t.form.Get(web.FieldAction)
	switch step := registration.Step(t.at); {
	case action == web.ActionForget:
		p.forget(t)
	case step == registration.StepCheck:
		p.send(t)
	case isStep(step):
		p.save(t, step)
	case t.at == pageCode && action == web.ActionResend:
		p.done(t, p.service.Resend(t.r.Context(), t.token, p.visitor(t)), pageCode+"?"+queryAgain+"=1")
	case t.at == pageCode:
		p.prove(t)
	case t.at == pageWaiting:
		p.settle(t)
	case t.at == pagePassword:
		p.activate(t)
	default:
		web.VisitOf(t.r).Fail(http.StatusNotFound, web.ErrorNotFound, "")
	}
}

// save keeps what was typed on a step, right or wrong, and goes on where it is right.
func (p *registering) save(t *turn, step registration.Step) {
	draft, err := p.service.Save(t.r.Context(), t.token, func(f *registration.Form) { fill(f, step, t.form) })
	if err != nil {
		p.fail(t, err)
		return
	}
	t.draft, t.found = draft, true
	faults, err := p.service.Faults(draft.Form, step)
	switch {
	case err != nil:
		p.fail(t, err)
	case len(faults) > 0:
		p.page(t, problems(draft.Form, faults))
	default:
		p.redirect(t, p.where(t))
	}
}

func (p *registering) send(t *turn) {
	p.done(t, p.service.Send(t.r.Context(), t.token, p.visitor(t)), "")
}

// prove takes the code. What the comparison behind it gives has two pages only.
func (p *registering) prove(t *turn) {
	code := t.form.Get(web.FieldCode)
	if strings.TrimSpace(code) == "" {
		p.page(t, []web.FieldProblem{{Field: web.FieldCode, Message: web.ProblemCodeMissing}})
		return
	}
	next, err := p.service.Prove(t.r.Context(), t.token, code)
	switch {
	case errors.Is(err, registration.ErrCode):
		if p.where(t) != pageCode {
			p.redirect(t, p.where(t))
			return
		}
		p.page(t, []web.FieldProblem{{Field: web.FieldCode, Message: web.ProblemSentCode}})
		return
	case err != nil:
		p.done(t, err, "")
		return
	}
	t.token = next
	p.setCookie(t)
	p.settle(t)
}

func (p *registering) settle(t *turn) {
	_, err := p.service.Settle(t.r.Context(), t.token, p.visitor(t))
	if errors.Is(err, civil.ErrDown) {
		web.VisitOf(t.r).Note("refused", "registry down")
		p.redirect(t, pageWaiting)
		return
	}
	p.done(t, err, "")
}

func (p *registering) activate(t *turn) {
	wrong := func(problem string) {
		p.page(t, []web.FieldProblem{{Field: web.FieldNewPassword, Message: problem}})
	}
	said, err := p.service.Proved(t.r.Context(), t.token)
	if err != nil {
		p.done(t, err, "")
		return
	}
	password := eid.NewSecret(t.form.Get(web.FieldNewPassword))
	if password.IsZero() {
		wrong(web.ProblemPassword)
		return
	}
	own := credential.OwnWords(&eid.Account{Person: said.Person, Phone: eid.Contact{Value: said.Phone}, Email: eid.Contact{Value: said.Email}})
	weak, err := p.policy.Judge(t.r.Context(), password, own)
	if err != nil {
		p.fail(t, err)
		return
	}
	if weak != "" {
		wrong(web.ProblemOfPassword(string(weak)))
		return
	}
	hash, err := p.passwords.Hash(t.r.Context(), password)
	switch {
	case errors.Is(err, credential.ErrBusy):
		t.w.Header().Set("Retry-After", "5")
		wrong(web.ProblemBusy)
		return
	case err != nil:
		p.fail(t, err)
		return
	}
	_, err = p.service.Activate(t.r.Context(), t.token, hash, p.visitor(t))
	p.done(t, err, "")
}

func (p *registering) forget(t *turn) {
	if err := p.service.Forget(t.r.Context(), t.token); err != nil {
		p.fail(t, err)
		return
	}
	p.dropCookie(t)
	shell.SeeOther(t.w, pathRegister)
}

// done goes on after an act: to a page, or to where the draft stands by now.
func (p *registering) done(t *turn, err error, to string) {
	var later *registration.LaterError
	switch {
	case errors.As(err, &later):
		web.VisitOf(t.r).Note("refused", "try later")
		t.w.Header().Set("Retry-After", "60")
		page := web.PageOf(web.RegisterLaterData{Common: shell.Common(t.r), Until: later.Until})
		page.Status = http.StatusTooManyRequests
		p.render(t, page)
		return
	case errors.Is(err, registration.ErrClosed):
		shell.SeeOther(t.w, pathRegister)
		return
	case err != nil && !errors.Is(err, registration.ErrIncomplete) && !errors.Is(err, registration.ErrTooYoung) && !errors.Is(err, eid.ErrNotFound):
		p.fail(t, err)
		return
	case err == nil && to != "":
		p.redirect(t, to)
		return
	}
	draft, err := p.service.Draft(t.r.Context(), t.token)
	if err != nil && !errors.Is(err, eid.ErrNotFound) {
		p.fail(t, err)
		return
	}
	t.draft, t.found = draft, err == nil
	p.redirect(t, p.where(t))
}

// where is the page at which a draft stands.
func (p *registering) where(t *turn) string {
	if !t.draft.Filling(p.now()) {
		return map[registration.Stage]string{
			registration.StageSent: pageCode, registration.StageChecking: pageWaiting, registration.StageProved: pagePassword,
			registration.StageRefused: pageEnded, registration.StageDone: pageDone,
		}[t.draft.Stage]
	}
	for _, step := range registration.Steps() {
		if faults, err := p.service.Faults(t.draft.Form, step); step == registration.StepCheck || err != nil || len(faults) > 0 {
			return string(step)
		}
		if access, err := p.service.Access(t.draft.Form); step == registration.StepBirth && (err != nil || access != eid.AccessOwn) {
			return pageYoung
		}
	}
	return string(registration.StepKind)
}

// reachable reports whether a step may be looked at: the ones before it are filled in.
func (p *registering) reachable(t *turn, step registration.Step) bool {
	if !t.draft.Filling(p.now()) && t.draft.Stage != registration.StageSent {
		return false
	}
	for _, before := range registration.Steps() {
		if before == step {
			break
		}
		if faults, err := p.service.Faults(t.draft.Form, before); err != nil || len(faults) > 0 {
			return false
		}
	}
	access, err := p.service.Access(t.draft.Form)
	return err == nil && (access == eid.AccessOwn || step != registration.StepContact && step != registration.StepCheck)
}

func isStep(s registration.Step) bool {
	for _, step := range registration.Steps() {
		if s == step {
			return true
		}
	}
	return false
}

func (p *registering) visitor(t *turn) registration.Visitor {
	v := web.VisitOf(t.r)
	return registration.Visitor{From: v.Address, Language: v.Language, Ref: v.Ref}
}

func (p *registering) fail(t *turn, err error) { p.shell.Failure(t.w, t.r, err) }

func (p *registering) render(t *turn, page web.Page) { p.shell.Render(t.w, t.r, page) }

func (p *registering) redirect(t *turn, at string) { shell.SeeOther(t.w, pathRegister+"/"+at) }

func (p *registering) cookie(r *http.Request) (registration.Token, bool) {
	cookie, err := r.Cookie(shell.CookieName(web.VisitOf(r), registerCookie))
	if err != nil {
		return registration.Token{}, false
	}
	return registration.ParseToken(cookie.Value)
}

// setCookie keeps the draft on this device for as long as it is kept here.
func (p *registering) setCookie(t *turn) { p.writeCookie(t, t.token.Reveal(), registerCookies) }

func (p *registering) dropCookie(t *turn) { p.writeCookie(t, "", -time.Second) }

func (p *registering) writeCookie(t *turn, value string, lasts time.Duration) {
	v := web.VisitOf(t.r)
	http.SetCookie(t.w, &http.Cookie{
		Name: shell.CookieName(v, registerCookie), Value: value, Path: "/", MaxAge: int(lasts / time.Second),
		Secure: v.Secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}
