package provider

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/keys"
)

// idTokenClaims are the claims of every ID token (OpenID Connect Core §2).
type idTokenClaims struct {
	Issuer          string   `json:"iss"`
	Subject         string   `json:"sub"`
	Audience        string   `json:"aud"`
	ExpiresAt       int64    `json:"exp"`
	IssuedAt        int64    `json:"iat"`
	AuthTime        int64    `json:"auth_time"`
	Nonce           string   `json:"nonce,omitempty"`
	ACR             string   `json:"acr"`
	AMR             []string `json:"amr,omitempty"`
	AccessTokenHash string   `json:"at_hash,omitempty"`
	SID             string   `json:"sid"`
}

// idToken mints the ID token of a grant, with the keys of its answer. acr, amr and
// auth_time are the grant's.
func (p *Provider) idToken(snapshot *keys.Snapshot, rp *eid.RelyingParty, r *grantRecord, account *eid.Account, accessToken string, now time.Time) (string, error) {
	claims := idTokenClaims{
		Issuer: p.cfg.Issuer, Subject: r.Subject, Audience: rp.ID,
		ExpiresAt: now.Add(p.cfg.Lifetimes.IDToken).Unix(), IssuedAt: now.Unix(), AuthTime: r.Grant.AuthTime.Unix(),
		Nonce: r.Nonce, ACR: r.Grant.ACR.Name, AMR: r.Grant.AMR, AccessTokenHash: halfHash(accessToken), SID: r.SID,
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("writing id token: %w", err)
	}
	if len(r.Claims.IDToken) > 0 {
		if payload, err = withClaims(payload, r.claims(rp, account, nil, r.Claims.IDToken)); err != nil {
			return "", err
		}
	}
	token, err := snapshot.Sign(keys.Tokens, keys.Algorithm(rp.IDTokenAlg), "JWT", payload)
	if err != nil {
		return "", fmt.Errorf("signing id token: %w", err)
	}
	return token, nil
}

// withClaims adds claims asked for by name. None of them has the name of a
// protocol claim: released knows only those of the scopes.
func withClaims(payload []byte, more map[string]any) ([]byte, error) {
	if len(more) == 0 {
		return payload, nil
	}
	extra, err := json.Marshal(more)
	if err != nil {
		return nil, fmt.Errorf("writing claims: %w", err)
	}
	return append(append(payload[:len(payload)-1], ','), extra[1:]...), nil
}

// halfHash is at_hash for algorithms with SHA-256 (OpenID Connect Core §3.1.3.6).
func halfHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

// proofOf is the proof that a grant was made from, as far as its terms need it.
func proofOf(g eid.Grant, link string) federation.Proof {
	given := g.ProvedAt
	if given.IsZero() {
		given = g.IssuedAt
	}
	return federation.Proof{Source: g.Source, Account: g.Account, Link: link, Level: g.Terms.Method, Methods: g.AMR, At: g.AuthTime, Given: given}
}
