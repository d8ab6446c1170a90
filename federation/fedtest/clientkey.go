package fedtest

import (
	"encoding/json"
	"net/http"

	"github.com/go-jose/go-jose/v4"

	"eidgate/federation"
)

// authenticateByKey checks an assertion by RFC 7523 §3, with the issuer as its only
// audience. Each counts once.
func (p *OpenID) authenticateByKey(r *http.Request) (Client, bool) {
	if r.PostForm.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" || r.PostForm.Has("client_secret") {
		return Client{}, false
	}
	client, ok := p.client(r.PostForm.Get("client_id"))
	signed, err := jose.ParseSignedCompact(r.PostForm.Get("client_assertion"), []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256})
	if !ok || err != nil {
		return Client{}, false
	}
	for _, key := range client.Keys {
		if header := signed.Signatures[0].Protected; key.KeyID != header.KeyID || key.Algorithm != header.Algorithm {
			continue
		}
		if payload, err := signed.Verify(key.Key); err == nil {
			return client, p.acceptAssertion(client.ID, payload)
		}
	}
	return Client{}, false
}

func (p *OpenID) acceptAssertion(client string, payload []byte) bool {
	var t struct {
		Issuer   string                 `json:"iss"`
		Subject  string                 `json:"sub"`
		Audience string                 `json:"aud"`
		ID       string                 `json:"jti"`
		IssuedAt federation.NumericDate `json:"iat"`
		Expires  federation.NumericDate `json:"exp"`
	}
	now := p.cfg.Now()
	if json.Unmarshal(payload, &t) != nil || t.Issuer != client || t.Subject != client || t.Audience != p.cfg.Issuer || t.ID == "" ||
		!now.Before(t.Expires.Time) || t.IssuedAt.After(now) {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, used := range p.used.items {
		if used.value == t.ID {
			return false
		}
	}
	p.used.put(t.ID, now)
	return true
}
