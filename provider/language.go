package provider

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"eidgate/federation"
	"eidgate/web"
)

const (
	paramLocales = "ui_locales" // OpenID Connect Core §3.1.2.1, RP-Initiated Logout §2
	maxLocales   = 256          // bytes
	languageTime = 365 * 24 * time.Hour
)

// Keys of the gin context.
const (
	keyLocales  = "locales"
	keyLanguage = "language"
)

// language is that of the pages that this request shows; package web decides.
func (p *Provider) language(c *gin.Context) string {
	w := web.Wishes{Locales: locales(c), Accepted: c.GetHeader("Accept-Language"), Switched: c.GetString(keyLanguage)}
	if cookie, err := c.Request.Cookie(p.languageCookie()); err == nil && w.Switched == "" {
		w.Switched = cookie.Value
	}
	return p.deps.Pages.Language(w)
}

// speak notes what the portal asked for, in the login or logout at hand.
func speak(c *gin.Context, locales string) {
	if locales != "" {
		c.Set(keyLocales, locales)
	}
}

// locales is what the portal asked for: in the login or logout at hand, else in
// the address, so that a request that is refused is answered in it as well.
func locales(c *gin.Context) string {
	if noted := c.GetString(keyLocales); noted != "" {
		return noted
	}
	if given := c.QueryArray(paramLocales); len(given) == 1 && len(given[0]) <= maxLocales {
		return given[0]
	}
	return ""
}

// rememberLanguage keeps the reader's choice on this device: it is no secret, and
// outlives sessions. The last result is false when the request is answered already.
func (p *Provider) rememberLanguage(c *gin.Context, tag string) bool {
	if !slices.Contains(p.deps.Pages.Languages(), tag) {
		p.pageError(c, http.StatusBadRequest, web.ErrorInvalidRequest, "language")
		return false
	}
	c.Set(keyLanguage, tag)
	http.SetCookie(c.Writer, &http.Cookie{
		Name: p.languageCookie(), Value: tag, Path: "/", MaxAge: int(languageTime / time.Second),
		Secure: p.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	return true
}

func (p *Provider) languageCookie() string { return p.cookieName() + "-language" }

// switchLogin shows the page of a login again, in the language that the reader
// picked on it. What was typed comes back, save secrets; nothing is tried,
// counted or written.
func (p *Provider) switchLogin(c *gin.Context, f *flow, form url.Values, tag string) {
	if !p.rememberLanguage(c, tag) {
		return
	}
	d, err := p.decide(c.Request.Context(), f)
	if err != nil {
		p.fail(c, f, err)
		return
	}
	if d.stage == stageConsent && len(d.documents) > 0 {
		p.showConsent(c, f, d, form[web.FieldDocument]...)
		return
	}
	if d.stage != stageSource || f.login.Step == nil || f.login.Step.Page == "" {
		p.toSearch(c, f, form.Get(web.FieldQuery))
		return
	}
	again := federation.Form{Page: f.login.Step.Page, Fields: map[string]string{
		federation.FieldPersonalNumber: form.Get(web.FieldPersonalNumber),
		federation.FieldLoginName:      form.Get(web.FieldLoginName),
	}}
	for problem, message := range problems {
		if message == form.Get(web.FieldWrong) {
			again.Problem = problem
		}
	}
	p.showForm(c, f, http.StatusOK, again)
}

// switchLanguage takes the switch of a page without a form, and leads back there.
func (p *Provider) switchLanguage(c *gin.Context) {
	if err := c.Request.ParseForm(); err != nil {
		p.pageError(c, http.StatusBadRequest, web.ErrorInvalidRequest, "form")
		return
	}
	form := c.Request.PostForm
	if !p.rememberLanguage(c, form.Get(web.FieldLanguage)) {
		return
	}
	back := form.Get(web.FieldReturn)
	if back == "" {
		// The page does not repeat its own address, which may hold what a portal
		// sent. Browsers tell it to its own origin (Referrer-Policy: same-origin).
		back, _ = strings.CutPrefix(c.GetHeader("Referer"), p.origin)
	}
	if !ownPath(back) {
		back = "/"
	}
	c.Header("Cache-Control", "no-store")
	c.Redirect(http.StatusSeeOther, back)
}

// ownPath reports whether an address is a path here, to every browser: nothing
// that names another host, nor what browsers read as such.
func ownPath(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "" && u.Host == "" && strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "//") &&
		!strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r == '\\' || r > '~' })
}

// shell is what every page carries that belongs to no login.
func shell(c *gin.Context) web.Common { return web.Common{Ref: ref(c), Return: returnPath(c)} }

// returnPath is where the page that answers a POST can be read again; empty for
// others, which are where the browser says.
func returnPath(c *gin.Context) string {
	if c.Request.Method == http.MethodGet || c.Request.Method == http.MethodHead {
		return ""
	}
	switch c.FullPath() {
	case pathLogin:
		if id := c.Request.PostForm.Get(web.FieldLogin); isRandomText(id, 16) {
			return pathLogin + "?" + url.Values{"login": {id}}.Encode()
		}
	case pathLogoutConfirm:
		return pathLoggedOut
	case pathLinks:
		return pathLinks
	}
	return "/"
}
