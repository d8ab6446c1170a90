package provider

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"eidgate/eid"
	"eidgate/keys"
	"eidgate/store"
)

// MaxJWTAccess is how long an access token in JWT form lives at most: others
// check it without asking, so an end of the grant reaches them no sooner.
const MaxJWTAccess = 5 * time.Minute

const (
	typJWTAccess  = "at+jwt" // RFC 9068 §2.1
	paramResource = "resource"

	// jwtAccessAlg is the one that every resource server must take (RFC 9068 §2.1).
	jwtAccessAlg = keys.RS256
)

// audience is aud: one as a string, several as a list (RFC 7519 §4.1.3).
type audience []string

// MarshalJSON writes one audience as a string.
func (a audience) MarshalJSON() ([]byte, error) {
	if len(a) == 1 {
		return json.Marshal(a[0])
	}
	return json.Marshal([]string(a))
}

// jwtAccessClaims are the claims of an access token in JWT form (RFC 9068 §2.2).
// They name the person to the resource as the client knows the person.
type jwtAccessClaims struct {
	Issuer    string   `json:"iss"`
	ExpiresAt int64    `json:"exp"`
	Audience  audience `json:"aud"`
	Subject   string   `json:"sub"`
	Client    string   `json:"client_id"`
	IssuedAt  int64    `json:"iat"`
	ID        string   `json:"jti"`
	AuthTime  int64    `json:"auth_time"`
	ACR       string   `json:"acr"`
	Scope     string   `json:"scope,omitempty"`
}

// jwtFor says where an access token belongs and what it is for.
type jwtFor struct {
	slot, family     string
	scopes, audience []string
}

// jwtToken makes an access token that resource servers can read, with the keys of its
// answer. Its jti is a name of a kind of its own: it names the token here and opens
// nothing.
func (p *Provider) jwtToken(snapshot *keys.Snapshot, rp *eid.RelyingParty, g *grantRecord, f jwtFor, now time.Time) (accessToken, error) {
	n, ttl := accessName{handleIn(f.slot), f.family}, p.cfg.Lifetimes.JWTAccess
	kept := accessRecord{Family: f.family, IssuedAt: now, ExpiresAt: now.Add(ttl), Scopes: f.scopes, Audience: f.audience}
	payload, err := json.Marshal(jwtAccessClaims{
		Issuer: p.cfg.Issuer, ExpiresAt: now.Add(ttl).Unix(), Audience: f.audience, Subject: g.Subject, Client: rp.ID,
		IssuedAt: now.Unix(), ID: p.accessText(n), AuthTime: g.Grant.AuthTime.Unix(), ACR: g.Grant.ACR.Name, Scope: strings.Join(f.scopes, " "),
	})
	if err != nil {
		return accessToken{}, fmt.Errorf("writing access token: %w", err)
	}
	text, err := snapshot.Sign(keys.Tokens, jwtAccessAlg, typJWTAccess, payload)
	if err != nil {
		return accessToken{}, fmt.Errorf("signing access token: %w", err)
	}
	return accessToken{text: text, lifetime: ttl, op: store.PutIfAbsent(n.key(kindJWT), kept.record(), ttl)}, nil
}

// nameOfJWT reads the jti of an access token in JWT form that we signed.
func (p *Provider) nameOfJWT(text string) (accessName, bool) {
	payload, err := p.deps.Keys.Snapshot().Verify(keys.Tokens, text, typJWTAccess)
	if err != nil {
		return accessName{}, false
	}
	var claims struct {
		Issuer string `json:"iss"`
		ID     string `json:"jti"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil || claims.Issuer != p.cfg.Issuer {
		return accessName{}, false
	}
	return p.parseAccess(claims.ID)
}

// targets are the audiences of a token (RFC 8707 §2): those asked for, else those
// of the authorization. Each must be registered now, and among those of the
// authorization if that named any.
func targets(rp *eid.RelyingParty, granted, asked []string) ([]string, *oauthError) {
	var list []string
	for _, resource := range asked {
		if len(granted) > 0 && !slices.Contains(granted, resource) && resource != "" {
			return nil, refuse(codeInvalidTarget, "the resource was not part of the authorization")
		}
		if resource != "" && !slices.Contains(list, resource) {
			list = append(list, resource)
		}
	}
	if len(list) == 0 {
		list = granted
	}
	for _, resource := range list {
		if !slices.Contains(rp.Resources, resource) {
			return nil, refuse(codeInvalidTarget, "the resource is not registered for this client")
		}
	}
	return list, nil
}
