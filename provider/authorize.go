package provider

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"eidgate/eid"
	"eidgate/web"
)

// formType is the media type of every form (RFC 6749 Appendix B).
const formType = "application/x-www-form-urlencoded"

// Limits of authorization parameters, in bytes or entries. They bound what a
// stranger makes the gateway keep for the life of a login.
const (
	maxState  = 2 << 10 // state and nonce each; the checklist asks for 1 KB at least
	maxClaims = 4 << 10
	maxHint   = 256

	maxSourceHint = 32 // as long as the id of a source
	maxACRValues  = 16
	maxMaxAge     = 100 * 365 * 24 * 3600 // seconds
)

// request is a checked authorization request.
type request struct {
	returnTo
	Client    string          `json:"client"`
	Scopes    []string        `json:"scopes"`
	Nonce     string          `json:"nonce,omitempty"`
	Challenge string          `json:"challenge,omitempty"` // PKCE S256
	Prompt    []string        `json:"prompt,omitempty"`
	MaxAge    *int64          `json:"max_age,omitempty"` // seconds
	Claims    requestedClaims `json:"claims,omitzero"`
	Resources []string        `json:"resources,omitempty"` // RFC 8707
	// Asking is what was asked about acr. Need follows from it and from what the
	// party has registered now.
	Asking eid.Asking `json:"asking,omitzero"`
	// Subject is the only person who will do (OpenID Connect Core §3.1.2.2): the
	// sub of id_token_hint or of claims. Empty: anybody.
	Subject string `json:"subject,omitempty"`
	// Locales is ui_locales; what is too long is left out, for it binds nobody.
	Locales string `json:"locales,omitempty"`
	// Hint is login_hint, sealed: it may be a personal number. See openHint.
	Hint []byte `json:"hint,omitempty"`
	// SourceHint is idp_hint: the id of a source, or nothing that is known.
	SourceHint string `json:"source_hint,omitempty"`

	Need eid.Requirement  `json:"-"`
	rp   eid.RelyingParty // as registered now; read again at each step
}

// registered puts the request under a registration: the one of now, whatever it
// was when the request came.
func (r *request) registered(rp eid.RelyingParty, v eid.Vocabulary) {
	r.rp, r.Need, r.portal = rp, eid.NewRequirement(rp.Levels, v, r.Asking), partyLabel(&rp)
}

func (r *request) prompts(value string) bool { return slices.Contains(r.Prompt, value) }

// authorizePost turns a POST into a GET (OpenID Connect Core §3.1.2.1 and
// RP-Initiated Logout §2 want both): cookies with SameSite=Lax are absent on a cross-site POST.
func (p *Provider) authorizePost(c *gin.Context) {
	if c.ContentType() != formType {
		p.pageError(c, http.StatusUnsupportedMediaType, web.ErrorInvalidRequest, "content_type")
		return
	}
	body, err := io.ReadAll(c.Request.Body)
	if err != nil {
		p.pageError(c, http.StatusRequestEntityTooLarge, web.ErrorTooLarge, "body")
		return
	}
	query := strings.Trim(string(body)+"&"+c.Request.URL.RawQuery, "&")
	if len(query) > maxQuery {
		p.pageError(c, http.StatusRequestEntityTooLarge, web.ErrorTooLarge, "body")
		return
	}
	params, err := url.ParseQuery(query)
	if err != nil {
		p.pageError(c, http.StatusBadRequest, web.ErrorInvalidRequest, "encoding")
		return
	}
	if err := p.coverHint(params); err != nil {
		p.pageFailure(c, err)
		return
	}
	c.Header("Cache-Control", "no-store")
	c.Redirect(http.StatusSeeOther, c.FullPath()+"?"+params.Encode())
}

// authorize checks the request and starts the login, or answers at once where
// the living session is enough.
func (p *Provider) authorize(c *gin.Context) {
	params, err := url.ParseQuery(c.Request.URL.RawQuery)
	if err != nil {
		p.pageError(c, http.StatusBadRequest, web.ErrorInvalidRequest, "encoding")
		return
	}
	rp, ok := p.asker(c, params)
	if !ok {
		return
	}
	signed, refusal := p.signedParams(c.Request.Context(), params, &rp)
	if refusal != nil {
		// Nothing of the object counts: the address beside it is where to answer.
		if to, ok := p.addressee(c, params, &rp); ok {
			p.redirectError(c, to, refusal)
		}
		return
	}
	to, ok := p.addressee(c, signed, &rp)
	if !ok {
		return
	}
	req, refusal := p.parseRequest(signed, rp, to)
	if refusal != nil {
		p.redirectError(c, to, refusal)
		return
	}
	p.startLogin(c, req)
}

// asker finds who asks. Until who asks and where the answer goes are known to be
// right every refusal is a page, never a redirect (RFC 9700 §4.11).
func (p *Provider) asker(c *gin.Context, params url.Values) (eid.RelyingParty, bool) {
	id := params["client_id"]
	if len(id) != 1 || id[0] == "" {
		p.pageError(c, http.StatusBadRequest, web.ErrorInvalidRequest, "client_id")
		return eid.RelyingParty{}, false
	}
	rp, err := p.deps.Clients.RelyingParty(c.Request.Context(), id[0])
	if errors.Is(err, eid.ErrNotFound) {
		p.pageError(c, http.StatusBadRequest, web.ErrorInvalidRequest, "unknown_client")
		return eid.RelyingParty{}, false
	}
	if err != nil {
		p.pageFailure(c, err)
		return eid.RelyingParty{}, false
	}
	note(c, "client", rp.ID)
	return rp, true
}

// addressee finds where and how the answer goes, or shows a page.
func (p *Provider) addressee(c *gin.Context, params url.Values, rp *eid.RelyingParty) (returnTo, bool) {
	to, ok := parseReturn(params, rp)
	if !ok {
		p.pageError(c, http.StatusBadRequest, web.ErrorInvalidRequest, "redirect_uri")
	}
	return to, ok
}

// Response modes (OAuth 2.0 Multiple Response Types §2.1, Form Post Response Mode).
const (
	modeQuery    = "query"
	modeFormPost = "form_post"
)

var modesSupported = []string{modeQuery, modeFormPost}

// parseReturn reads where and how an answer goes. A state or a mode that is not
// accepted is left out here and refused later.
func parseReturn(params url.Values, rp *eid.RelyingParty) (returnTo, bool) {
	uri := params["redirect_uri"]
	if len(uri) != 1 || !matchRedirect(rp, uri[0]) {
		return returnTo{}, false
	}
	to := returnTo{RedirectURI: uri[0], portal: partyLabel(rp)}
	if state := params["state"]; len(state) == 1 && len(state[0]) <= maxState {
		to.State = []byte(state[0])
	}
	if mode := params["response_mode"]; len(mode) == 1 && slices.Contains(modesSupported, mode[0]) {
		to.Mode = mode[0]
	}
	return to, true
}

// matchRedirect compares as RFC 9700 §2.1 asks: byte for byte, save the port of
// a native client's loopback address (RFC 8252 §7.3).
func matchRedirect(rp *eid.RelyingParty, uri string) bool {
	if uri == "" {
		return false
	}
	if slices.Contains(rp.RedirectURIs, uri) {
		return true
	}
	if !rp.Native {
		return false
	}
	bare, ok := withoutLoopbackPort(uri)
	return ok && slices.ContainsFunc(rp.RedirectURIs, func(registered string) bool {
		r, ok := withoutLoopbackPort(registered)
		return ok && r == bare
	})
}

// withoutLoopbackPort cuts the port from http://127.0.0.1:PORT/… and the like.
// The rest is compared as text, so that no parser's leniency counts.
func withoutLoopbackPort(uri string) (string, bool) {
	for _, host := range []string{"http://127.0.0.1", "http://[::1]"} {
		rest, ok := strings.CutPrefix(uri, host)
		if !ok {
			continue
		}
		if port, ok := strings.CutPrefix(rest, ":"); ok {
			digits := len(port) - len(strings.TrimLeft(port, "0123456789"))
			if digits == 0 || digits > 5 {
				return "", false
			}
			rest = port[digits:]
		}
		if rest == "" || strings.HasPrefix(rest, "/") {
			return host + rest, true
		}
	}
	return "", false
}

// parseRequest checks all other parameters. Unknown ones are ignored.
func (p *Provider) parseRequest(params url.Values, rp eid.RelyingParty, to returnTo) (*request, *oauthError) {
	if refusal := checkForm(params); refusal != nil {
		return nil, refusal
	}
	mode := params.Get("response_mode")
	switch {
	case params.Has("request_uri"):
		return nil, refuse(codeRequestURINotSupported, "request_uri is not supported")
	case params.Has("registration"):
		return nil, refuse(codeRegistrationNotSupported, "registration is not supported")
	case params.Get("response_type") == "":
		return nil, refuse(codeInvalidRequest, "response_type is missing")
	case params.Get("response_type") != "code":
		return nil, refuse(codeUnsupportedResponseType, "only response_type code is supported")
	case mode != "" && !slices.Contains(modesSupported, mode):
		return nil, refuse(codeInvalidRequest, "response_mode is not supported")
	}
	if to.Mode == modeFormPost && !web.SurvivesFormPost(string(to.State)) {
		return nil, refuse(codeInvalidRequest, "a form cannot carry this state byte for byte")
	}
	req := &request{returnTo: to, Client: rp.ID, Nonce: params.Get("nonce")}
	if locales := params.Get(paramLocales); len(locales) <= maxLocales {
		req.Locales = locales
	}
	if hint := params.Get(paramSourceHint); len(hint) <= maxSourceHint {
		req.SourceHint = hint
	}
	var refusal *oauthError
	if req.Scopes, refusal = parseScope(params.Get("scope"), &rp); refusal != nil {
		return nil, refusal
	}
	if req.Challenge, refusal = parseChallenge(params, &rp); refusal != nil {
		return nil, refusal
	}
	if req.Prompt, refusal = parsePrompt(params.Get("prompt")); refusal != nil {
		return nil, refusal
	}
	if v := params.Get("max_age"); v != "" {
		seconds, err := strconv.ParseInt(v, 10, 64)
		if err != nil || seconds < 0 {
			return nil, refuse(codeInvalidRequest, "max_age is not a number of seconds")
		}
		seconds = min(seconds, maxMaxAge)
		req.MaxAge = &seconds
	}
	var err error
	if req.Asking, req.Claims, err = parseClaims(params.Get("claims")); err != nil {
		return nil, refuse(codeInvalidRequest, "claims is not a claims request")
	}
	if req.Subject, refusal = p.wantedSubject(params.Get("id_token_hint"), req.Claims.subject, &rp); refusal != nil {
		return nil, refusal
	}
	req.Asking.Values = strings.Fields(params.Get("acr_values"))
	if len(req.Asking.Values) > maxACRValues || req.Asking.Claim != nil && len(req.Asking.Claim.Values) > maxACRValues {
		return nil, refuse(codeInvalidRequest, "too many acr values")
	}
	if req.Resources, refusal = targets(&rp, nil, params[paramResource]); refusal != nil {
		return nil, refusal
	}
	if req.Hint, err = p.sealHint(params.Get("login_hint"), rp.ID); err != nil {
		return nil, refuse(codeServerError, "the gateway could not answer")
	}
	req.registered(rp, p.cfg.Vocabulary)
	return req, nil
}

// checkForm refuses what no parameter may be: given twice (RFC 6749 §3.1; resource
// may, by RFC 8707 §2), text that is not UTF-8, which no token could carry, or too
// long. A state is given back as it came.
func checkForm(params url.Values) *oauthError {
	for name, values := range params {
		if len(values) > 1 && name != "resource" {
			return refuse(codeInvalidRequest, "a parameter is given more than once")
		}
		if (name == "state" || name == "nonce") && len(values[0]) > maxState {
			return refuse(codeInvalidRequest, "state or nonce is too long")
		}
		if name != "state" && slices.ContainsFunc(values, func(v string) bool { return !utf8.ValidString(v) }) {
			return refuse(codeInvalidRequest, "a parameter is not UTF-8")
		}
	}
	return nil
}

// parseScope keeps the scopes that exist and that the party registered. Others
// are ignored (OpenID Connect Core §3.1.2.1).
func parseScope(scope string, rp *eid.RelyingParty) ([]string, *oauthError) {
	var kept []string
	for _, s := range strings.Fields(scope) {
		if slices.Contains(scopesSupported, s) && slices.Contains(rp.Scopes, s) && !slices.Contains(kept, s) {
			kept = append(kept, s)
		}
	}
	if !slices.Contains(kept, scopeOpenID) {
		return nil, refuse(codeInvalidScope, "scope openid is required")
	}
	return kept, nil
}

// parseChallenge requires PKCE with S256 (RFC 7636, RFC 9700 §2.1.1) of every
// client but a confidential one that is registered as exempt. A method that is
// absent means plain, which is refused.
func parseChallenge(params url.Values, rp *eid.RelyingParty) (string, *oauthError) {
	challenge, method := params.Get("code_challenge"), params.Get("code_challenge_method")
	if challenge == "" {
		if method != "" || !rp.PKCEExempt || rp.AuthMethod == eid.AuthNone {
			return "", refuse(codeInvalidRequest, "code_challenge is missing")
		}
		return "", nil
	}
	if method != "S256" {
		return "", refuse(codeInvalidRequest, "code_challenge_method must be S256")
	}
	if !isRandomText(challenge, 32) {
		return "", refuse(codeInvalidRequest, "code_challenge is not a SHA-256 in base64url")
	}
	return challenge, nil
}

func parsePrompt(prompt string) ([]string, *oauthError) {
	values := strings.Fields(prompt)
	for _, v := range values {
		if !slices.Contains(promptsSupported, v) {
			return nil, refuse(codeInvalidRequest, "prompt has an unknown value")
		}
		if v == promptNone && len(values) > 1 {
			return nil, refuse(codeInvalidRequest, "prompt none stands alone")
		}
	}
	return values, nil
}

// Values of prompt (OpenID Connect Core §3.1.2.1).
const (
	promptNone          = "none"
	promptLogin         = "login"
	promptConsent       = "consent"
	promptSelectAccount = "select_account"
)

var promptsSupported = []string{promptNone, promptLogin, promptConsent, promptSelectAccount}

// wantedSubject is the sub that id_token_hint or claims names (OpenID Connect Core
// §3.1.2.1, §5.5.1). A hint may have expired; it must be an ID token of ours for
// this party, signed by a key that is still published.
func (p *Provider) wantedSubject(hint, named string, rp *eid.RelyingParty) (string, *oauthError) {
	if hint == "" {
		return named, nil
	}
	bad := refuse(codeInvalidRequest, "id_token_hint is not an ID token of this party")
	t := p.readHint(hint)
	if t == nil || t.Audience != rp.ID {
		return "", bad
	}
	if named != "" && named != t.Subject {
		return "", refuse(codeInvalidRequest, "id_token_hint and claims name two persons")
	}
	return t.Subject, nil
}
