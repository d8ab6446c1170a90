package provider

import (
	"encoding/json"
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
	maxState     = 2 << 10 // state and nonce each; the checklist asks for 1 KB at least
	maxClaims    = 4 << 10
	maxACRValues = 16
	maxMaxAge    = 100 * 365 * 24 * 3600 // seconds
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

	Need eid.Requirement  `json:"-"`
	rp   eid.RelyingParty // as registered now; read again at each step
}

// registered puts the request under a registration: the one of now, whatever it
// was when the request came.
func (r *request) registered(rp eid.RelyingParty, v eid.Vocabulary) {
	r.rp, r.Need = rp, eid.NewRequirement(rp.Levels, v, r.Asking)
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
	rp, to, ok := p.addressee(c, params)
	if !ok {
		return
	}
	req, refusal := p.parseRequest(params, rp, to)
	if refusal != nil {
		p.redirectError(c, to, refusal)
		return
	}
	p.startLogin(c, req)
}

// addressee finds who asks and where the answer goes. Until both are known to
// be right every refusal is a page, never a redirect (RFC 9700 §4.11).
func (p *Provider) addressee(c *gin.Context, params url.Values) (eid.RelyingParty, returnTo, bool) {
	fail := func(detail string) (eid.RelyingParty, returnTo, bool) {
		p.pageError(c, http.StatusBadRequest, web.ErrorInvalidRequest, detail)
		return eid.RelyingParty{}, returnTo{}, false
	}
	id := params["client_id"]
	if len(id) != 1 || id[0] == "" {
		return fail("client_id")
	}
	rp, err := p.deps.Clients.RelyingParty(c.Request.Context(), id[0])
	if errors.Is(err, eid.ErrNotFound) {
		return fail("unknown_client")
	}
	if err != nil {
		p.pageFailure(c, err)
		return eid.RelyingParty{}, returnTo{}, false
	}
	note(c, "client", rp.ID)
	uri := params["redirect_uri"]
	if len(uri) != 1 || !matchRedirect(&rp, uri[0]) {
		return fail("redirect_uri")
	}
	to := returnTo{RedirectURI: uri[0]}
	if state := params["state"]; len(state) == 1 && len(state[0]) <= maxState {
		to.State = []byte(state[0])
	}
	return rp, to, true
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
	for name, values := range params {
		if len(values) > 1 && name != paramResource {
			return nil, refuse(codeInvalidRequest, "a parameter is given more than once")
		}
		if name == "state" && len(values[0]) > maxState || name == "nonce" && len(values[0]) > maxState {
			return nil, refuse(codeInvalidRequest, "state or nonce is too long")
		}
	}
	switch {
	case params.Has("request"):
		return nil, refuse(codeRequestNotSupported, "request objects are not supported")
	case params.Has("request_uri"):
		return nil, refuse(codeRequestURINotSupported, "request_uri is not supported")
	case params.Has("registration"):
		return nil, refuse(codeRegistrationNotSupported, "registration is not supported")
	case params.Get("response_type") == "":
		return nil, refuse(codeInvalidRequest, "response_type is missing")
	case params.Get("response_type") != "code":
		return nil, refuse(codeUnsupportedResponseType, "only response_type code is supported")
	}
	if mode := params.Get("response_mode"); mode != "" && mode != "query" {
		return nil, refuse(codeInvalidRequest, "only response_mode query is supported")
	}
	req := &request{returnTo: to, Client: rp.ID, Nonce: params.Get("nonce")}
	if !utf8.ValidString(req.Nonce) {
		return nil, refuse(codeInvalidRequest, "nonce is not UTF-8, so no ID token can carry it")
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
	req.registered(rp, p.cfg.Vocabulary)
	return req, nil
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
	payload, err := p.deps.Keys.Snapshot().Verify(hint, "JWT")
	if err != nil {
		return "", bad
	}
	var t idTokenClaims
	if err := json.Unmarshal(payload, &t); err != nil || t.Issuer != p.cfg.Issuer || t.Audience != rp.ID || t.Subject == "" {
		return "", bad
	}
	if named != "" && named != t.Subject {
		return "", refuse(codeInvalidRequest, "id_token_hint and claims name two persons")
	}
	return t.Subject, nil
}
