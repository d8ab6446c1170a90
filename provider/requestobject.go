package provider

import (
	"context"
	"net/url"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4/json"
	"github.com/go-jose/go-jose/v4/jwt"

	"eidgate/eid"
	"eidgate/federation"
)

// maxRequestObject bounds a request object, in bytes.
const maxRequestObject = 16 << 10

// errRequestObject is every refusal of a request object. Why is for the portal to
// find out by its own means: it made the object.
var errRequestObject = refuse(codeInvalidRequestObject, "the request object is malformed, expired, not for this gateway or not signed by a registered key")

// signedParams gives the parameters that count: those of the request object where
// there is one. Nothing beside it is merged in (RFC 9101 §5): it could have been
// altered on its way.
func (p *Provider) signedParams(ctx context.Context, params url.Values, rp *eid.RelyingParty) (url.Values, *oauthError) {
	if !params.Has("request") {
		return params, nil
	}
	if refusal := checkForm(params); refusal != nil {
		return nil, refusal
	}
	switch {
	case params.Has("request_uri"):
		return nil, refuse(codeRequestURINotSupported, "request_uri is not supported")
	case !registeredKeys(rp):
		return nil, refuse(codeRequestNotSupported, "request objects need a registered key")
	}
	signed, err := parseSigned(params.Get("request"), maxRequestObject, "JWT", "oauth-authz-req+jwt")
	if err != nil {
		return nil, errRequestObject
	}
	payload, err := signed.verify(ctx, p.clientKeys, rp)
	if err != nil {
		return nil, errRequestObject
	}
	inside, ok := readRequestObject(payload, rp.ID, p.cfg.Issuer, p.deps.Now())
	if !ok {
		return nil, errRequestObject
	}
	return inside, nil
}

// requestObjectClaims are the claims about a request object itself (RFC 9101 §4).
type requestObjectClaims struct {
	Issuer    *string                `json:"iss"`
	Audience  *jwt.Audience          `json:"aud"`
	Expires   federation.NumericDate `json:"exp"`
	IssuedAt  federation.NumericDate `json:"iat"`
	NotBefore federation.NumericDate `json:"nbf"`
	Client    string                 `json:"client_id"`
}

// readRequestObject checks the payload of a request object and gives the
// parameters in it. Times, issuer and audience are optional (OpenID Connect Core
// §6.1), but never wrong.
func readRequestObject(payload []byte, client, issuer string, now time.Time) (url.Values, bool) {
	var claims requestObjectClaims
	var members map[string]json.RawMessage
	if json.Unmarshal(payload, &claims) != nil || json.Unmarshal(payload, &members) != nil {
		return nil, false
	}
	switch {
	case claims.Client != client,
		claims.Issuer != nil && *claims.Issuer != client,
		claims.Audience != nil && !claims.Audience.Contains(issuer),
		!claims.Expires.IsZero() && (!now.Before(claims.Expires.Time) || claims.Expires.After(now.Add(maxSignedLife+maxAhead))),
		claims.NotBefore.After(now.Add(maxAhead)),
		claims.IssuedAt.After(now.Add(maxAhead)):
		return nil, false
	}
	params := url.Values{}
	for name, raw := range members {
		if name == "request" || name == "request_uri" {
			return nil, false
		}
		values, ok := readParameter(name, raw)
		if !ok && slices.Contains(requestParameters, name) {
			return nil, false
		}
		if len(values) > 0 {
			params[name] = values
		}
	}
	// An object without an address would be answered to the one beside it, which
	// nobody signed.
	return params, params.Has("redirect_uri")
}

// requestParameters are the parameters of an authorization request that are read.
// A request object that holds one of another type is refused.
var requestParameters = []string{
	"client_id", "response_type", "response_mode", "redirect_uri", "scope", "state", "nonce", "code_challenge", "code_challenge_method",
	"prompt", "max_age", "claims", "acr_values", "id_token_hint", "login_hint", "resource", "registration",
}

// readParameter turns a member of a request object into the parameter that it
// stands for. Most are strings; null is none.
func readParameter(name string, raw json.RawMessage) ([]string, bool) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		if string(raw) == "null" {
			return nil, true
		}
		return []string{text}, true
	}
	switch name {
	case "max_age":
		var number json.Number
		if json.Unmarshal(raw, &number) == nil {
			return []string{number.String()}, true
		}
	case "claims":
		if _, err := object(raw); err == nil {
			return []string{string(raw)}, true
		}
	case "resource":
		var list []string
		if json.Unmarshal(raw, &list) == nil {
			return list, true
		}
	}
	return nil, false
}
