package provider

import (
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/gin-gonic/gin"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"eidgate/web"
)

// Error codes of authorization answers (RFC 6749 §4.1.2.1, OpenID Connect Core
// §3.1.2.6, OpenID Connect Core Error Code unmet_authentication_requirements 1.0).
const (
	codeInvalidRequest           = "invalid_request"
	codeAccessDenied             = "access_denied"
	codeUnsupportedResponseType  = "unsupported_response_type"
	codeInvalidScope             = "invalid_scope"
	codeServerError              = "server_error"
	codeTemporarilyUnavailable   = "temporarily_unavailable"
	codeLoginRequired            = "login_required"
	codeInteractionRequired      = "interaction_required"
	codeConsentRequired          = "consent_required"
	codeUnmet                    = "unmet_authentication_requirements"
	codeRequestNotSupported      = "request_not_supported"
	codeRequestURINotSupported   = "request_uri_not_supported"
	codeInvalidRequestObject     = "invalid_request_object" // RFC 9101 §7
	codeRegistrationNotSupported = "registration_not_supported"
	codeInvalidClient            = "invalid_client"
	codeInvalidGrant             = "invalid_grant"
	codeUnsupportedGrantType     = "unsupported_grant_type"
	codeUnauthorizedClient       = "unauthorized_client"
	codeInvalidTarget            = "invalid_target" // RFC 8707 §2
)

// oauthError is a refusal in the protocol's words. Description is constant text
// for the portal's developer: it never repeats what was sent.
type oauthError struct{ Code, Description string }

func (e *oauthError) Error() string { return e.Code + ": " + e.Description }

func refuse(code, description string) *oauthError { return &oauthError{code, description} }

// forLibrary puts the error in the library's type, with status 400: its own
// mapping answers 500 or leaks texts for errors it does not know.
func (e *oauthError) forLibrary() error {
	le := oidc.ErrInvalidRequest()
	switch e.Code {
	case codeInvalidGrant:
		le = oidc.ErrInvalidGrant()
	case codeInvalidClient:
		le = oidc.ErrInvalidClient()
	case codeInvalidScope:
		le = oidc.ErrInvalidScope()
	case codeInvalidTarget:
		le = &oidc.Error{ErrorType: codeInvalidTarget}
	case codeServerError:
		return op.NewStatusError(oidc.ErrServerError().WithDescription("%s", e.Description), http.StatusInternalServerError)
	case codeTemporarilyUnavailable:
		return op.NewStatusError(&oidc.Error{ErrorType: codeTemporarilyUnavailable, Description: e.Description}, http.StatusServiceUnavailable)
	}
	return op.NewStatusError(le.WithDescription("%s", e.Description), http.StatusBadRequest)
}

// write answers a back-channel request (RFC 6749 §5.2).
func (e *oauthError) write(c *gin.Context, status int) {
	note(c, "refused", e.Code)
	c.Header("Cache-Control", "no-store")
	c.JSON(status, gin.H{"error": e.Code, "error_description": e.Description})
}

// returnTo is where and how an authorization answer goes back to the client.
// It exists only for a redirect URI that was matched.
type returnTo struct {
	RedirectURI string `json:"redirect_uri"`
	State       []byte `json:"state,omitempty"` // bytes: it comes back as it came
	Mode        string `json:"mode,omitempty"`  // response_mode, where one was asked for

	portal web.Label // its name, for the page of form_post
}

// redirect sends an authorization answer in the mode that was asked for. Each
// carries iss (RFC 9207) and the state as it came.
func (p *Provider) redirect(c *gin.Context, to returnTo, params url.Values) {
	u, err := url.Parse(to.RedirectURI)
	if err != nil {
		p.pageFailure(c, err) // matched URIs parse
		return
	}
	params.Set("iss", p.cfg.Issuer)
	if len(to.State) > 0 {
		params.Set("state", string(to.State))
	}
	if to.Mode == modeFormPost {
		form := web.FormPost{Action: to.RedirectURI, Portal: to.portal, Language: p.language(c)}
		for _, name := range slices.Sorted(maps.Keys(params)) {
			form.Params = append(form.Params, web.Param{Name: name, Value: params.Get(name)})
		}
		p.deps.Pages.RenderFormPost(c.Writer, c.Request, form)
		return
	}
	// The registered query stays as it is, byte for byte.
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += params.Encode()
	c.Header("Cache-Control", "no-store")
	c.Header("Referrer-Policy", "no-referrer")
	c.Redirect(http.StatusSeeOther, u.String())
}

// redirectError sends a refusal back to the client.
func (p *Provider) redirectError(c *gin.Context, to returnTo, e *oauthError) {
	note(c, "refused", e.Code)
	params := url.Values{"error": {e.Code}}
	if e.Description != "" {
		params.Set("error_description", e.Description)
	}
	p.redirect(c, to, params)
}
