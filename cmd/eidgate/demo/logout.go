package demo

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"
)

// Paths of the addresses that a portal registers at the gateway for logout.
const (
	LoggedOutPath    = "/signed-out"          // post_logout_redirect_uri
	BackchannelPath  = "/backchannel-logout"  // backchannel_logout_uri
	FrontchannelPath = "/frontchannel-logout" // frontchannel_logout_uri, with the session required
)

// logout ends what the portal itself remembers. The gateway's session lives on:
// the page that follows says so.
func (p *Portal) logout(w http.ResponseWriter, r *http.Request) {
	p.forgetAll(w, r)
	p.signedOut(w, r)
}

func (p *Portal) signedOut(w http.ResponseWriter, r *http.Request) {
	l := p.lang(r)
	p.render(w, r, http.StatusOK, "signedout", p.shell(l, l.say("Đã đăng xuất khỏi cổng này", "Signed out of this portal")))
}

// logoutAll ends the portal's own session and goes on to the gateway's (OpenID
// Connect RP-Initiated Logout §2). Where the gateway cannot be reached the page
// says what remains.
func (p *Portal) logoutAll(w http.ResponseWriter, r *http.Request) {
	s := p.forgetAll(w, r)
	up, err := p.discover(r.Context())
	if err != nil || up.endSession == "" {
		p.signedOut(w, r)
		return
	}
	q := url.Values{
		"client_id": {p.cfg.ClientID}, "post_logout_redirect_uri": {p.base.JoinPath(LoggedOutPath).String()}, "state": {p.logouts.put(struct{}{})},
		"ui_locales": {string(p.lang(r))},
	}
	if s.signIn != nil {
		q.Set("id_token_hint", s.signIn.idToken)
	}
	http.Redirect(w, r, up.endSession+"?"+q.Encode(), http.StatusSeeOther)
}

// loggedOut takes the browser back from the gateway. A state that this portal
// did not send says nothing about anybody's session.
func (p *Portal) loggedOut(w http.ResponseWriter, r *http.Request) {
	if _, ok := p.logouts.take(r.URL.Query().Get("state"), func(struct{}) bool { return true }); !ok {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	l := p.lang(r)
	p.render(w, r, http.StatusOK, "everywhere", p.shell(l, l.say("Đã đăng xuất khỏi tất cả", "Signed out everywhere")))
}

// forgetAll drops the session and the cookies, and gives the session that was.
func (p *Portal) forgetAll(w http.ResponseWriter, r *http.Request) session {
	s, _ := p.sessions.take(p.cookie(r, sessionCookie), func(session) bool { return true })
	p.forget(w, sessionCookie)
	p.forget(w, browserCookie)
	return s
}

// frontchannel is loaded in a frame of the gateway's (OpenID Connect
// Front-Channel Logout §3). Browsers keep cookies from frames of other sites, so
// the session is found by its sid, which nobody can guess.
func (p *Portal) frontchannel(w http.ResponseWriter, r *http.Request) {
	gateway, err := origin(p.cfg.Issuer)
	if err != nil {
		p.notFound(w, r)
		return
	}
	w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors "+gateway.String())
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	q := r.URL.Query()
	sid := q.Get("sid")
	if q.Get("iss") != p.cfg.Issuer || sid == "" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	p.sessions.dropWhere(func(s session) bool { return s.signIn != nil && sameText(s.signIn.Granted.SID, sid) })
	_, _ = w.Write([]byte("ok\n"))
}

// backchannel takes a logout token (OpenID Connect Back-Channel Logout §2.5).
func (p *Portal) backchannel(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), redeemTimeout)
	defer cancel()
	told, err := p.readLogoutToken(ctx, r.PostFormValue("logout_token"))
	if err != nil {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": "invalid_request", "error_description": err.Error()})
		return
	}
	p.sessions.dropWhere(func(s session) bool {
		return s.signIn != nil && (told.SID == "" || sameText(s.signIn.Granted.SID, told.SID)) &&
			(told.subject == "" || sameText(s.signIn.Granted.Subject, told.subject))
	})
	w.WriteHeader(http.StatusOK)
}

// logoutToken is what a logout token says. Without a sid it means every session
// of the subject.
type logoutToken struct {
	subject string
	ID      string                     `json:"jti"`
	SID     string                     `json:"sid"`
	Events  map[string]json.RawMessage `json:"events"`
	Nonce   json.RawMessage            `json:"nonce"`
}

const (
	logoutEvent    = "http://schemas.openid.net/event/backchannel-logout"
	maxLogoutAge   = 5 * time.Minute
	logoutTokenTyp = "logout+jwt"
)

// Faults of logout tokens. The texts go back to the gateway.
var (
	errLogoutToken = errors.New("not a logout token of the issuer for this client")
	errLogoutTyp   = errors.New("typ is not logout+jwt")
	errLogoutIat   = errors.New("iat is missing, too old or in the future")
	errLogoutClaim = errors.New("events, jti or the session is missing, or a nonce is there")
	errLogoutTwice = errors.New("jti was seen before")
)

// readLogoutToken does every check of Back-Channel Logout §2.6. iss, aud, exp and
// the signature are the library's.
func (p *Portal) readLogoutToken(ctx context.Context, raw string) (logoutToken, error) {
	up, err := p.discover(ctx)
	if err != nil {
		return logoutToken{}, errLogoutToken
	}
	token, err := up.verifier.Verify(p.outbound(ctx), raw)
	if err != nil {
		return logoutToken{}, errLogoutToken
	}
	var header struct {
		Type string `json:"typ"`
	}
	head, err := jwtHeader(raw)
	if err != nil || json.Unmarshal(head, &header) != nil || header.Type != logoutTokenTyp {
		return logoutToken{}, errLogoutTyp
	}
	age := p.cfg.Now().Sub(token.IssuedAt)
	if token.IssuedAt.Unix() <= 0 || age > maxLogoutAge || age < -clockSkew {
		return logoutToken{}, errLogoutIat
	}
	t := logoutToken{subject: token.Subject}
	if err := token.Claims(&t); err != nil || t.ID == "" || t.Nonce != nil || t.SID == "" && t.subject == "" {
		return logoutToken{}, errLogoutClaim
	}
	var event map[string]any
	if err := json.Unmarshal(t.Events[logoutEvent], &event); err != nil || event == nil {
		return logoutToken{}, errLogoutClaim
	}
	if !p.told.putUnder(t.ID, struct{}{}) {
		return logoutToken{}, errLogoutTwice
	}
	return t, nil
}
