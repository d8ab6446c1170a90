package fedtest

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"
)

// EventLogout is the member of events in a logout token (OpenID Connect
// Back-Channel Logout §2.4).
const EventLogout = "http://schemas.openid.net/event/backchannel-logout"

// LogoutToken makes a logout token for a client. It names nobody: sid or sub come
// from the changes, which are made before it is signed.
func (p *OpenID) LogoutToken(client string, how Signing, with ...Tampering) (string, error) {
	now := p.cfg.Now()
	claims := map[string]any{
		"iss": p.cfg.Issuer, "aud": client, "iat": now.Unix(), "exp": now.Add(2 * time.Minute).Unix(), "jti": rand.Text(),
		"events": map[string]any{EventLogout: map[string]any{}},
	}
	for _, change := range with {
		change(claims)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("writing a logout token: %w", err)
	}
	p.mu.Lock()
	key := p.signing
	p.mu.Unlock()
	return key.signAs(how, payload)
}

// SIDs are the sids of the living sessions, in no order.
func (p *OpenID) SIDs() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var sids []string
	for handle := range p.sessions.items {
		if s, ok := p.sessions.get(handle, p.cfg.Now()); ok {
			sids = append(sids, s.sid)
		}
	}
	return sids
}
