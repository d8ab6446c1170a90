package citizen

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"eidgate/eid"
	"eidgate/eid/credential"
	"eidgate/eid/recovery"
	"eidgate/web"
	"eidgate/web/shell"
)

// Paths of coming back to an account.
const (
	pathRecover  = "/recover"
	pathActivate = "/activate"
)

// recovering are the pages of one way back to an account. They decode, call and show:
// package recovery decides.
type recovering struct {
	shell   *shell.Shell
	service *recovery.Service
	least   int // characters of a password
	mode    recovery.Mode
	path    string
	devices Devices
	now     func() time.Time
}

// Devices knows browsers that somebody signed in with before, by what that left in them.
type Devices interface {
	Familiar(marks string, id eid.Identifier, now time.Time) bool
}

// familiarCookie is what a sign-in leaves in a browser: package provider sets it.
const familiarCookie = "device"

// Bounds of numbers that somebody tries, beside those on codes. What is sent for one
// number is bounded in package credential, whoever asks.
const (
	triesWindow     = 15 * time.Minute
	triesPerDevice  = 10
	triesPerAddress = 60
	triesPerNetwork = 600
)

// recoverFields may be given back after a switch of the language.
var recoverFields = []string{web.FieldPersonalNumber, web.FieldPassport, web.FieldCountry}

const (
	fieldWay    = "way"
	wayPassport = "passport"
)

func (p *recovering) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle(p.path, p.shell.Open(recoverFields, p.number))
	mux.Handle(p.path+"/code", p.shell.Open(nil, p.code))
	mux.Handle(p.path+"/password", p.shell.Open(nil, p.password))
	mux.Handle(p.path+"/done", p.shell.Open(nil, p.done))
	mux.HandleFunc("/", func(_ http.ResponseWriter, r *http.Request) {
		web.VisitOf(r).Fail(http.StatusNotFound, web.ErrorNotFound, "")
	})
	return mux
}

// number takes whose account it is. Every number that can be one has the same answer.
func (p *recovering) number(w http.ResponseWriter, r *http.Request, g shell.Guest) {
	form := r.PostForm
	if r.Method != http.MethodPost {
		form = g.Typed
	}
	data := web.RecoverNumberData{RecoverStep: p.step(r, g), Passport: form.Has(web.FieldPassport), Country: form.Get(web.FieldCountry)}
	if way := form.Get(fieldWay); way != "" {
		data.Passport = way == wayPassport
		p.show(w, r, "recover_number", data, "")
		return
	}
	id, given, err := identifier(form)
	data.Given = given
	switch {
	case r.Method != http.MethodPost:
		p.show(w, r, "recover_number", data, "")
		return
	case err != nil:
		data.Problem = web.ProblemNumberMissing
		if data.Passport {
			data.Problem = web.ProblemPassport
		}
		p.show(w, r, "recover_number", data, data.Problem)
		return
	}
	from := web.VisitOf(r).Address
	wait, err := p.shell.Count(r.Context(), "recover", shell.PerDevice(g, triesPerDevice, triesWindow),
		shell.PerAddress(from, triesPerAddress, triesWindow), shell.PerNetwork(from, triesPerNetwork, triesWindow))
	switch {
	case err != nil:
		p.shell.Failure(w, r, err)
		return
	case wait > 0:
		p.later(w, r, p.now().Add(wait))
		return
	}
	if err := p.service.Begin(r.Context(), g.Device, p.mode, id, p.visitor(r, id)); err != nil {
		p.shell.Failure(w, r, err)
		return
	}
	shell.SeeOther(w, p.path+"/code")
}

func (p *recovering) visitor(r *http.Request, id eid.Identifier) recovery.Visitor {
	v := recovery.Visitor{Language: web.VisitOf(r).Language}
	if cookie, err := r.Cookie(shell.CookieName(web.VisitOf(r), familiarCookie)); err == nil {
		v.Familiar = p.devices.Familiar(cookie.Value, id, p.now())
	}
	return v
}

// identifier reads a personal number, or a passport and its country.
func identifier(form url.Values) (id eid.Identifier, given string, err error) {
	if form.Has(web.FieldPassport) {
		given = shown(form.Get(web.FieldPassport))
		id, err = eid.ParsePassport(form.Get(web.FieldCountry), given)
		return id, given, err
	}
	given = shown(form.Get(web.FieldPersonalNumber))
	n, err := eid.ParsePersonalNumber(strings.TrimSpace(given))
	return eid.IdentifierOf(n), given, err
}

// shown is what of a number is shown again.
func shown(typed string) string {
	if len(typed) > 64 || !utf8.ValidString(typed) {
		return ""
	}
	return typed
}

// code takes the code that was sent and, behind it, that of an app.
func (p *recovering) code(w http.ResponseWriter, r *http.Request, g shell.Guest) {
	ctx := r.Context()
	stage, err := p.service.Stage(ctx, g.Device, p.mode)
	if err != nil || stage != recovery.StageCode && stage != recovery.StageFactor {
		p.goOn(w, r, stage, err)
		return
	}
	data := web.RecoverCodeData{RecoverStep: p.step(r, g), App: stage == recovery.StageFactor}
	if !data.App {
		if data.Until, err = p.service.CodeUntil(ctx, g.Device, p.mode); err != nil {
			p.goOn(w, r, stage, err)
			return
		}
	}
	data.Again = !data.App && r.Method != http.MethodPost && r.URL.Query().Has(queryAgain)
	text := r.PostForm.Get(web.FieldCode)
	switch {
	case r.Method != http.MethodPost:
		p.show(w, r, "recover_code", data, "")
		return
	case r.PostForm.Get(web.FieldAction) == web.ActionResend:
		if err := p.service.Resend(ctx, g.Device, p.mode, web.VisitOf(r).Language); err != nil && !errors.Is(err, recovery.ErrGone) {
			p.shell.Failure(w, r, err)
			return
		}
		shell.SeeOther(w, p.path+"/code?"+queryAgain+"=1")
		return
	case text == "":
		data.Problem = web.ProblemCodeMissing
	case data.App:
		data.Problem, err = web.ProblemCode, p.service.Factor(ctx, g.Device, p.mode, text)
	default:
		next := shell.NewDevice()
		data.Problem, err = web.ProblemSentCode, p.service.Code(ctx, g.Device, next, p.mode, text)
		if err == nil {
			p.shell.Rename(w, r, next)
			g.Device = next
		}
	}
	if text == "" || errors.Is(err, recovery.ErrWrong) {
		p.show(w, r, "recover_code", data, data.Problem)
		return
	}
	if err == nil {
		stage, err = p.service.Stage(ctx, g.Device, p.mode)
	}
	p.goOn(w, r, stage, err)
}

// password takes the new one.
func (p *recovering) password(w http.ResponseWriter, r *http.Request, g shell.Guest) {
	ctx := r.Context()
	stage, err := p.service.Stage(ctx, g.Device, p.mode)
	if err != nil || stage != recovery.StagePassword {
		p.goOn(w, r, stage, err)
		return
	}
	number, err := p.service.Number(ctx, g.Device, p.mode)
	if err != nil {
		p.goOn(w, r, "", err)
		return
	}
	data := web.RecoverPasswordData{RecoverStep: p.step(r, g), Number: number.Reveal(), Least: p.least}
	if r.Method != http.MethodPost {
		p.show(w, r, "recover_password", data, "")
		return
	}
	chosen := eid.NewSecret(r.PostForm.Get(web.FieldNewPassword))
	if chosen.IsZero() {
		data.Problem = web.ProblemPassword
		p.show(w, r, "recover_password", data, data.Problem)
		return
	}
	weakness, err := p.service.Choose(ctx, g.Device, p.mode, chosen, web.VisitOf(r).Ref)
	switch {
	case weakness != "":
		data.Problem = web.ProblemOfPassword(string(weakness))
		p.show(w, r, "recover_password", data, data.Problem)
	case errors.Is(err, credential.ErrBusy):
		data.Problem = web.ProblemBusy
		w.Header().Set("Retry-After", "5")
		p.show(w, r, "recover_password", data, data.Problem)
	case err != nil:
		p.goOn(w, r, "", err)
	default:
		shell.SeeOther(w, p.path+"/done")
	}
}

func (p *recovering) done(w http.ResponseWriter, r *http.Request, g shell.Guest) {
	stage, err := p.service.Stage(r.Context(), g.Device, p.mode)
	if err != nil || stage != recovery.StageDone {
		p.goOn(w, r, stage, err)
		return
	}
	p.end(w, r, web.RecoverEndData{Why: web.RecoverDone}, http.StatusOK)
}

// goOn leads to the page of a stage, or shows why there is none.
func (p *recovering) goOn(w http.ResponseWriter, r *http.Request, stage recovery.Stage, err error) {
	var locked *eid.LockedError
	var late *credential.TooManyError
	switch {
	case errors.As(err, &locked):
		web.VisitOf(r).Note("refused", "locked")
		p.shell.Render(w, r, web.Page{Name: "locked", Status: http.StatusForbidden, Data: web.LockedData{Common: shell.Common(r), Reason: locked.Lock.Reason}})
	case errors.As(err, &late):
		p.later(w, r, late.Until)
	case errors.Is(err, recovery.ErrGone), errors.Is(err, eid.ErrNotActivated):
		p.end(w, r, web.RecoverEndData{Why: web.RecoverGone}, http.StatusForbidden)
	case err != nil:
		p.shell.Failure(w, r, err)
	case stage == recovery.StagePassword:
		shell.SeeOther(w, p.path+"/password")
	case stage == recovery.StageDone:
		shell.SeeOther(w, p.path+"/done")
	case stage == recovery.StageElsewhere:
		p.end(w, r, web.RecoverEndData{Why: web.RecoverElsewhere}, http.StatusForbidden)
	default:
		shell.SeeOther(w, p.path+"/code")
	}
}

func (p *recovering) later(w http.ResponseWriter, r *http.Request, at time.Time) {
	p.end(w, r, web.RecoverEndData{Why: web.RecoverLater, At: at}, http.StatusTooManyRequests)
}

func (p *recovering) end(w http.ResponseWriter, r *http.Request, data web.RecoverEndData, status int) {
	data.Common, data.For = shell.Common(r), string(p.mode)
	data.Return = p.path
	p.shell.Render(w, r, web.Page{Name: "recover_end", Status: status, Data: data})
}

func (p *recovering) step(r *http.Request, g shell.Guest) web.RecoverStep {
	return web.RecoverStep{Common: shell.Form(r, g.CSRF), For: string(p.mode)}
}

func (p *recovering) show(w http.ResponseWriter, r *http.Request, name string, data any, problem string) {
	if problem != "" {
		web.VisitOf(r).Note("refused", problem)
	}
	p.shell.Render(w, r, web.Page{Name: name, Status: web.StatusOf(problem), Data: data})
}
