package provider

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"eidgate/federation"
	"eidgate/web"
)

// common is what every page of a login carries.
func (p *Provider) common(c *gin.Context, f *flow) web.Common {
	return web.Common{
		Ref: ref(c), Portal: f.login.Request.portal, PortalURL: f.login.Request.rp.URL,
		Form: web.Hidden{Action: pathLogin, Login: f.login.ID, CSRF: f.login.CSRF}, Unlocks: f.login.Unlocking,
	}
}

// renderLogin writes a page of a login. Its form may end in a redirect to the
// portal, so the policy of the page allows that one origin.
func (p *Provider) renderLogin(c *gin.Context, f *flow, status int, name string, data any) {
	p.render(c, web.Page{Name: name, Status: status, Data: data, FormAction: p.formOrigins(c, f)})
}

// formOrigins are where a form of this login may end: the portal, and the
// sources that may be chosen.
func (p *Provider) formOrigins(c *gin.Context, f *flow) []string {
	var origins []string
	if o := originOf(f.login.Request.RedirectURI); o != "" {
		origins = append(origins, o)
	}
	origins = append(origins, p.deps.Sources.Origins(c.Request.Context(), f.login.Request.rp.Sources)...)
	for _, o := range p.proverOrigins(c, f) {
		if !slices.Contains(origins, o) {
			origins = append(origins, o)
		}
	}
	return origins
}

// originOf is the origin of an address, or its scheme where it has no host.
func originOf(address string) string {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Scheme == "":
		return ""
	case u.Host == "":
		return u.Scheme + ":"
	}
	return u.Scheme + "://" + u.Host
}

func (p *Provider) showChoose(c *gin.Context, f *flow, d decision) {
	data := web.ChooseData{Common: p.common(c, f), Level: f.login.Level, Query: query(c)}
	for _, choice := range d.choices {
		data.Tiles = append(data.Tiles, tile(choice))
		data.Register = data.Register || choice.Usable && choice.Source.Kind == federation.KindAccount && !f.login.SteppingUp
		if choice.Source.ID == f.login.Failed {
			data.Notice, data.NoticeSource = web.ProblemSourceFailed, sourceLabel(&choice.Source)
		}
	}
	data.Tiles = web.Arrange(data.Tiles, p.last(c), p.language(c))
	p.renderLogin(c, f, http.StatusOK, "choose", data)
}

// maxSearch bounds what is searched for, in bytes.
const maxSearch = 200

// query is what the reader looks for among many sources.
func query(c *gin.Context) string {
	text := c.Query(web.FieldQuery)
	if len(text) > maxSearch || !utf8.ValidString(text) {
		return ""
	}
	return strings.TrimSpace(text)
}

// showWhy explains why one of the sources cannot be used, and what can be done.
func (p *Provider) showWhy(c *gin.Context, f *flow, id string) {
	d, err := p.decide(c.Request.Context(), f)
	if err != nil {
		p.fail(c, f, err)
		return
	}
	i := slices.IndexFunc(d.choices, func(choice federation.Choice) bool { return choice.Source.ID == id && !choice.Usable })
	if i < 0 {
		p.toLogin(c, f) // it can be used by now
		return
	}
	choice, common := d.choices[i], p.common(c, f)
	common.Form = web.Hidden{} // it asks nothing: the way back is a link
	p.renderLogin(c, f, http.StatusOK, "refused", web.RefusedData{
		Common: common, Reason: explained[choice.Why], Source: sourceLabel(&choice.Source), Until: choice.At, OtherSources: usable(d.choices) > 0,
		Level: choice.Reach, Needed: f.login.Level, ToChoice: pathLogin + "?" + url.Values{"login": {f.login.ID}}.Encode(),
	})
}

// explained are the pages that explain why a source cannot be used.
var explained = map[federation.Reason]string{
	federation.ReasonEnded: web.RefusedSourceEnded, federation.ReasonNotYet: web.RefusedSourceLater,
	federation.ReasonLevelTooLow: web.RefusedSourceLevel, federation.ReasonOwnFloor: web.RefusedOwnFloor,
	federation.ReasonOff: web.RefusedSourceOff, federation.ReasonMaintenance: web.RefusedSourceResting, federation.ReasonDown: web.RefusedSourceDown,
}

func tile(choice federation.Choice) web.Tile {
	t := web.Tile{
		ID: choice.Source.ID, Name: sourceLabel(&choice.Source), Level: choice.Reach,
		National: choice.Source.National, Usable: choice.Usable,
	}
	if !choice.Usable {
		t.Why = web.Why{Reason: reasons[choice.Why], At: choice.At}
	}
	return t
}

// reasons are the words on the tiles.
var reasons = map[federation.Reason]string{
	federation.ReasonEnded: web.WhyEnded, federation.ReasonNotYet: web.WhyNotOpen,
	federation.ReasonLevelTooLow: web.WhyLevelTooLow, federation.ReasonOwnFloor: web.WhyOwnFloor,
	federation.ReasonOff: web.WhyOff, federation.ReasonMaintenance: web.WhyMaintenance, federation.ReasonDown: web.WhyDown,
}

// problemOf is the message for what a source found wrong with a form: one of problems, or
// of the weaknesses of a password, which package federation names and package web says.
func problemOf(said string) string {
	if message, listed := problems[said]; listed {
		return message
	}
	if weakness, is := strings.CutPrefix(said, federation.ProblemOfPassword("")); is {
		return web.ProblemOfPassword(weakness)
	}
	return ""
}

// problems are the messages for what is not the fault of a chosen password.
var problems = map[string]string{
	federation.ProblemWrongCredentials: web.ProblemCredentials,
	federation.ProblemWrongLogin:       web.ProblemLogin,
	federation.ProblemLoginMissing:     web.ProblemLoginMissing,
	federation.ProblemNumberInvalid:    web.ProblemNumberMissing,
	federation.ProblemPasswordMissing:  web.ProblemPassword,
	federation.ProblemBusy:             web.ProblemBusy,
	federation.ProblemCodeWrong:        web.ProblemCode,
	federation.ProblemCodeMissing:      web.ProblemCodeMissing,
	federation.ProblemPasskey:          web.ProblemPasskey,
	federation.ProblemPassportInvalid:  web.ProblemPassport,
	federation.ProblemPasswordSame:     web.ProblemSame,
}

// showForm shows a form of ours for a source. What the holder typed comes from
// the request at hand and is kept nowhere.
func (p *Provider) showForm(c *gin.Context, f *flow, status int, form federation.Form) {
	problem, challenge := problemOf(form.Problem), ""
	if f.login.Step != nil { // a form that is shown again has that of before
		challenge, form.Second = f.login.Step.Challenge, f.login.Step.Second
	}
	if status >= http.StatusBadRequest {
		note(c, "refused", problem)
	}
	switch form.Page {
	case federation.PagePassword:
		p.renderLogin(c, f, status, "password", web.PasswordData{
			Common: p.common(c, f), Level: f.login.Level, Problem: problem,
			PersonalNumber: form.Fields[federation.FieldPersonalNumber], OtherSources: f.others,
			Passkey: web.PasskeyUse(challenge),
		})
	case federation.PageLogin:
		p.renderLogin(c, f, status, "login", web.LoginData{
			Common: p.common(c, f), Level: f.login.Level, Problem: problem, Source: p.nameOf(c.Request.Context(), f.login.Source),
			LoginName: form.Fields[federation.FieldLoginName], OtherSources: f.others, Old: p.isPortals(c.Request.Context(), f.login.Source),
		})
	case federation.PageCode:
		data := web.CodeData{Common: p.common(c, f), Problem: problem, Passkey: web.PasskeyUse(challenge)}
		if s := form.Second; s != nil {
			data.By, data.SentTo, data.Until, data.Others = s.Kind, s.To, s.Until, s.Others
		}
		if f.holder != nil && f.login.SteppingUp {
			data.Name, data.NotMe = f.holder.Person.Identifier.String(), true
		} else {
			data.Level = f.login.Level
		}
		p.renderLogin(c, f, status, "code", data)
	case federation.PagePassport:
		if problem == web.ProblemCredentials {
			problem = web.ProblemPassportCredentials
		}
		p.renderLogin(c, f, status, "passport", web.PassportData{
			Common: p.common(c, f), Level: f.login.Level, Problem: problem,
			Country: form.Fields[federation.FieldCountry], Passport: form.Fields[federation.FieldPassport],
		})
	case federation.PageNewPassword:
		p.renderLogin(c, f, status, "new_password", web.NewPasswordData{
			Common: p.common(c, f), Problem: problem, Least: leastOf(form),
		})
	default:
		p.pageError(c, http.StatusInternalServerError, web.ErrorSystem, "")
	}
}

// leastOf is the shortest password that a form takes, 0 where it does not say.
func leastOf(form federation.Form) int {
	n, err := strconv.Atoi(form.Fields[federation.FieldLeast])
	if err != nil {
		return 0
	}
	return n
}

func (p *Provider) showStepUp(c *gin.Context, f *flow, d decision) {
	name, number := holderOn(f.holder)
	p.renderLogin(c, f, http.StatusOK, "stepup", web.StepUpData{
		Common: p.common(c, f), Needed: d.level, Have: d.have, MayStay: d.mayStay,
		OwnFloor:   !d.mayStay && d.level > f.login.Request.Need.Floor,
		HolderName: name, MaskedNumber: number,
	})
}

func (p *Provider) showOtherPerson(c *gin.Context, f *flow) {
	p.renderLogin(c, f, http.StatusOK, "other_person", web.OtherPersonData{Common: p.common(c, f), MayRetry: f.login.OtherPerson})
}

// showRefused explains a refusal. The button of the page returns its error to
// the portal.
func (p *Provider) showRefused(c *gin.Context, f *flow, r refusal) {
	note(c, "refused", string(r.Reason))
	if r.Reason == reasonLocked {
		p.renderLogin(c, f, http.StatusForbidden, "locked", web.LockedData{Common: p.common(c, f), Reason: r.Lock, Unlock: r.Unlock != ""})
		return
	}
	status := http.StatusForbidden
	switch r.Reason {
	case reasonTryLater:
		status = http.StatusTooManyRequests
	case reasonDown:
		status = http.StatusServiceUnavailable
	default:
	}
	common := p.common(c, f)
	common.Ref = cmp.Or(r.Ref, common.Ref)
	p.renderLogin(c, f, status, "refused", web.RefusedData{
		Common: common, Reason: string(r.Reason), Source: p.nameOf(c.Request.Context(), r.Source), Until: r.Until, OtherSources: f.others,
	})
}

// usable counts the sources that may be chosen.
func usable(choices []federation.Choice) int {
	n := 0
	for _, choice := range choices {
		if choice.Usable {
			n++
		}
	}
	return n
}
