package openid

import (
	"context"
	stdjson "encoding/json"
	"time"

	"github.com/go-jose/go-jose/v4/json"
	"github.com/go-jose/go-jose/v4/jwt"

	"eidgate/federation"
)

// Bounds of a logout token.
const (
	maxNoticeAge = 10 * time.Minute // since iat: a notice that is sent again is signed again
	maxJTI       = 255              // bytes

	eventLogout = "http://schemas.openid.net/event/backchannel-logout"
)

var _ federation.Listener = (*Source)(nil)

// logoutToken is what of a logout token is read (OpenID Connect Back-Channel
// Logout §2.4).
type logoutToken struct {
	Issuer   string                        `json:"iss"`
	Subject  string                        `json:"sub"`
	Audience jwt.Audience                  `json:"aud"`
	IssuedAt federation.NumericDate        `json:"iat"`
	Expires  federation.NumericDate        `json:"exp"`
	ID       string                        `json:"jti"`
	Events   map[string]stdjson.RawMessage `json:"events"`
	Session  string                        `json:"sid"`
	Nonce    stdjson.RawMessage            `json:"nonce"`
}

// Hear reads a logout token that the provider posted (OpenID Connect Back-Channel
// Logout §2.5, §2.6). It returns federation.ErrUntrusted for what is none of this
// provider's to this client, and federation.ErrDown where its keys cannot be had.
func (s *Source) Hear(ctx context.Context, in federation.Incoming) (federation.Notice, error) {
	if len(in.Form["logout_token"]) != 1 || in.RawQuery != "" {
		return federation.Notice{}, distrust("want one logout_token, in a form")
	}
	provider, err := s.metadata.Get(ctx)
	if err != nil {
		return federation.Notice{}, down(err)
	}
	payload, _, err := s.verifySigned(ctx, "logout token", in.Form.Get("logout_token"), provider.algs)
	if err != nil {
		return federation.Notice{}, err
	}
	var t logoutToken
	if err := json.Unmarshal(payload, &t); err != nil {
		return federation.Notice{}, distrust("claims of the logout token malformed")
	}
	if err := s.checkNotice(t, in.Now); err != nil {
		return federation.Notice{}, err
	}
	until := t.IssuedAt.Add(maxNoticeAge)
	if t.Expires.Before(until) {
		until = t.Expires.Time
	}
	notice := federation.Notice{Once: t.ID, Until: until.Add(maxClock)}
	if t.Session != "" {
		notice.Sessions = []string{t.Session}
	} else {
		notice.Subject = t.Subject
	}
	return notice, nil
}

// checkNotice checks the claims by §2.6. A token with a nonce is an ID token.
func (s *Source) checkNotice(t logoutToken, now time.Time) error {
	var event map[string]stdjson.RawMessage
	switch {
	case t.Issuer != s.settings.Issuer:
		return distrust("issuer of the logout token is another one")
	case !t.Audience.Contains(s.settings.ClientID):
		return distrust("audience of the logout token is another one")
	case t.Expires.IsZero() || !now.Before(t.Expires.Add(maxClock)):
		return distrust("logout token expired")
	case t.IssuedAt.IsZero() || t.IssuedAt.After(now.Add(maxClock)) || !now.Before(t.IssuedAt.Add(maxNoticeAge+maxClock)):
		return distrust("logout token issued in the future, or long ago")
	case t.ID == "" || len(t.ID) > maxJTI:
		return distrust("jti of the logout token missing or too long")
	case stdjson.Unmarshal(t.Events[eventLogout], &event) != nil || event == nil:
		return distrust("logout token of another event")
	case t.Nonce != nil:
		return distrust("logout token with a nonce")
	case t.Session == "" && t.Subject == "":
		return distrust("logout token names no session and no person")
	case len(t.Session) > maxSubject || len(t.Subject) > maxSubject || !federation.Printable(t.Session) || !federation.Printable(t.Subject):
		return distrust("sid or sub of the logout token malformed")
	}
	return nil
}
