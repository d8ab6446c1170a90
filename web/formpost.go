package web

import (
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"log/slog"
	"net/http"
	"strings"
	"unicode/utf8"
)

// FormPost is what the browser posts elsewhere: an authorization response to the
// portal (OAuth 2.0 Form Post Response Mode §2), or a request to a source (SAML
// Bindings §3.5).
type FormPost struct {
	Action string  // the portal's redirect URI, or an address of the source
	Params []Param // of the response, errors and iss too, in this order
	Portal Label   // name of the portal; may be empty
	// Onward: the form goes on to a source of identity, which Portal names.
	Onward bool
	// Language is one of Languages; Vietnamese when empty.
	Language string
}

// Param is one parameter of an authorization response.
type Param struct{ Name, Value string }

// formPostData is page "form_post".
type formPostData struct {
	Common
	Action string
	Params []Param
	Onward bool
}

// Script sends the page's form.
func (d formPostData) Script() template.JS { return autoSubmit }

// Switches is false: the page is gone before anybody reads it.
func (d formPostData) Switches() bool { return false }

// autoSubmit sends the page's form. It goes around the form's own properties,
// which a parameter named submit would hide.
const autoSubmit template.JS = "HTMLFormElement.prototype.submit.call(document.forms[0])"

// RenderFormPost writes the page that posts an authorization response to the
// portal: by itself where scripts run, by a button elsewhere. The caller has
// validated the action against a registration. An action that is not http or
// https becomes a logged error page and sends nothing.
//
// Its Referrer-Policy is no-referrer: the address of this page may hold the
// request's parameters, and the post leaves for another origin.
func (p *Pages) RenderFormPost(w http.ResponseWriter, r *http.Request, f FormPost) {
	origin := originOf(f.Action)
	if _, ok := httpTarget(origin); !ok {
		slog.ErrorContext(r.Context(), "form post has no target", "target", origin)
		p.Render(w, r, Page{Name: "error", Status: http.StatusInternalServerError, Language: f.Language, Data: ErrorData{Kind: ErrorSystem}})
		return
	}
	page := Page{Name: "form_post", Language: f.Language, Data: formPostData{
		Common: Common{Portal: f.Portal}, Action: f.Action, Params: f.Params, Onward: f.Onward,
	}}
	body, err := p.execute(page.language(), page)
	if err != nil {
		slog.ErrorContext(r.Context(), "page failed", "page", "form_post", "err", err)
		p.Render(w, r, Page{Name: "error", Status: http.StatusInternalServerError, Language: f.Language, Data: ErrorData{Kind: ErrorSystem}})
		return
	}
	setPageHeaders(r.Context(), w.Header(), policy{formAction: []string{origin}, script: scriptHash(autoSubmit)})
	w.Header().Set("Referrer-Policy", "no-referrer")
	write(w, r, http.StatusOK, page.language(), body)
}

// SurvivesFormPost reports whether a browser posts a value byte for byte. A form
// turns every line break into CRLF (HTML, "constructing the entry list"), and a
// page cannot hold NUL or what is not UTF-8. RFC 6749 appendix A.5 allows none
// of these in a state.
func SurvivesFormPost(value string) bool {
	rest := strings.ReplaceAll(value, "\r\n", "")
	return utf8.ValidString(value) && !strings.ContainsAny(rest, "\r\n\x00")
}

// scriptHash is the source expression of an inline script (CSP 3, §2.3.1); empty where
// there is none.
func scriptHash(script template.JS) string {
	if script == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(script))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
