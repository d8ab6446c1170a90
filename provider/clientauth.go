package provider

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4/json"
	"github.com/go-jose/go-jose/v4/jwt"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/store"
)

const (
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" // RFC 7523 §2.2
	maxAssertion  = 8 << 10                                                  // bytes
	maxJTI        = 1 << 10                                                  // bytes
)

// clientAuthMethods are the methods that parties may register.
var clientAuthMethods = []string{
	string(eid.AuthSecretBasic), string(eid.AuthSecretPost), string(eid.AuthPrivateKeyJWT), string(eid.AuthNone),
}

// errClient is every failure of client authentication.
var errClient = refuse(codeInvalidClient, "client authentication failed")

// credentials are what a request brought to authenticate its client. Nothing of
// them is proven.
type credentials struct {
	method    eid.AuthMethod
	client    string
	secret    string
	assertion signedByClient
}

// authenticateClient accepts the registered method and nothing else (OpenID
// Connect Core §9). Every failure is the same invalid_client.
func (p *Provider) authenticateClient(r *http.Request, form url.Values) (*eid.RelyingParty, *oauthError, error) {
	sent, refusal := readCredentials(r, form)
	if refusal != nil {
		return nil, refusal, nil
	}
	rp, err := p.deps.Clients.RelyingParty(r.Context(), sent.client)
	if errors.Is(err, eid.ErrNotFound) {
		return nil, errClient, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("finding client: %w", err)
	}
	if rp.AuthMethod != sent.method {
		return nil, errClient, nil
	}
	switch sent.method {
	case eid.AuthNone:
		return &rp, nil, nil
	case eid.AuthSecretBasic, eid.AuthSecretPost:
		if matchSecret(rp.SecretHashes, sent.secret) {
			return &rp, nil, nil
		}
	case eid.AuthPrivateKeyJWT:
		ok, err := p.acceptAssertion(r.Context(), &rp, sent.assertion)
		if err != nil {
			return nil, nil, err
		}
		if ok {
			return &rp, nil, nil
		}
	}
	return nil, errClient, nil
}

// readCredentials finds the one way in which a request authenticates its client
// (RFC 6749 §2.3).
func readCredentials(r *http.Request, form url.Values) (credentials, *oauthError) {
	header := r.Header.Get("Authorization") != ""
	post := form.Has("client_secret")
	assertion := form.Has("client_assertion") || form.Has("client_assertion_type")
	if header && (post || assertion) || post && assertion {
		return credentials{}, refuse(codeInvalidRequest, "more than one way of client authentication")
	}
	var sent credentials
	ok := true
	switch {
	case header:
		sent, ok = basicCredentials(r)
	case post:
		sent = credentials{method: eid.AuthSecretPost, client: form.Get("client_id"), secret: form.Get("client_secret")}
	case assertion:
		sent, ok = assertionCredentials(form)
	default:
		sent = credentials{method: eid.AuthNone, client: form.Get("client_id")}
	}
	if !ok || sent.client == "" || form.Has("client_id") && form.Get("client_id") != sent.client {
		return credentials{}, errClient
	}
	return sent, nil
}

// basicCredentials decodes what RFC 6749 §2.3.1 encodes twice.
func basicCredentials(r *http.Request) (credentials, bool) {
	id, secret, ok := r.BasicAuth()
	if !ok {
		return credentials{}, false
	}
	client, err1 := url.QueryUnescape(id)
	secret, err2 := url.QueryUnescape(secret)
	return credentials{method: eid.AuthSecretBasic, client: client, secret: secret}, err1 == nil && err2 == nil
}

// assertionCredentials reads who an assertion says that its client is.
func assertionCredentials(form url.Values) (credentials, bool) {
	if form.Get("client_assertion_type") != assertionType {
		return credentials{}, false
	}
	signed, err := parseSigned(form.Get("client_assertion"), maxAssertion, "JWT", "client-authentication+jwt")
	if err != nil {
		return credentials{}, false
	}
	var claims assertionClaims
	if err := json.Unmarshal(signed.unverified(), &claims); err != nil {
		return credentials{}, false
	}
	return credentials{method: eid.AuthPrivateKeyJWT, client: claims.Subject, assertion: signed}, true
}

// assertionClaims are the claims of a client assertion (RFC 7523 §3).
type assertionClaims struct {
	Issuer    string                 `json:"iss"`
	Subject   string                 `json:"sub"`
	Audience  jwt.Audience           `json:"aud"`
	ID        string                 `json:"jti"`
	Expires   federation.NumericDate `json:"exp"`
	IssuedAt  federation.NumericDate `json:"iat"`
	NotBefore federation.NumericDate `json:"nbf"`
	// ResponseType stands in a request object. One that a browser carried along
	// must not authenticate its client (RFC 9101 §10.8).
	ResponseType json.RawMessage `json:"response_type"`
}

// acceptAssertion verifies an assertion and uses it up.
func (p *Provider) acceptAssertion(ctx context.Context, rp *eid.RelyingParty, signed signedByClient) (bool, error) {
	payload, err := signed.verify(ctx, p.clientKeys, rp)
	if err != nil {
		return false, nil //nolint:nilerr // keys that cannot be had, or do not fit: the client is not authenticated
	}
	var claims assertionClaims
	if err := json.Unmarshal(payload, &claims); err != nil {
		return false, nil //nolint:nilerr // as above
	}
	now := p.deps.Now()
	if !claims.check(rp.ID, now, p.cfg.Issuer, p.cfg.Issuer+pathToken) {
		return false, nil
	}
	return p.firstUse(ctx, rp, claims.ID, claims.Expires.Sub(now))
}

// check reports whether the claims authenticate a client here and now. Both of
// the audiences are names of ours (OpenID Connect Core §9).
func (a *assertionClaims) check(client string, now time.Time, audiences ...string) bool {
	named := false
	for _, audience := range audiences {
		named = named || a.Audience.Contains(audience)
	}
	return named && a.ResponseType == nil && a.Issuer == client && a.Subject == client &&
		a.ID != "" && len(a.ID) <= maxJTI &&
		now.Before(a.Expires.Time) && !a.Expires.After(now.Add(maxSignedLife+maxAhead)) &&
		!a.IssuedAt.After(now.Add(maxAhead)) && !a.NotBefore.After(now.Add(maxAhead))
}

// firstUse marks the jti of an assertion until it has expired by everybody's
// clock. Of several uses at the same time one is the first.
func (p *Provider) firstUse(ctx context.Context, rp *eid.RelyingParty, jti string, left time.Duration) (bool, error) {
	results, err := p.deps.State.Apply(ctx, "client:"+hashText(rp.ID),
		store.PutIfAbsent("assertion:"+hashText(jti), []byte{1}, left+maxAhead))
	if err != nil {
		return false, fmt.Errorf("marking client assertion: %w", err)
	}
	return results[0].OK, nil
}

// matchSecret compares with every hash in constant time. Secrets are random and
// long, so SHA-256 is enough.
func matchSecret(hashes []string, secret string) bool {
	sum := sha256.Sum256([]byte(secret))
	got := base64.RawURLEncoding.EncodeToString(sum[:])
	match := 0
	for _, want := range hashes {
		match |= subtle.ConstantTimeCompare([]byte(got), []byte(want))
	}
	return match == 1
}

func equalText(a, b string) bool {
	return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}
