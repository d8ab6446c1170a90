package provider

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/gin-gonic/gin"

	"eidgate/eid"
	"eidgate/keys"
	"eidgate/web"
)

// logoutRequest is a checked request to sign out (OpenID Connect RP-Initiated
// Logout §2). It says no more than what was found to be true.
type logoutRequest struct {
	Client string `json:"client,omitempty"`
	// URI is where to go afterwards: one that the client registered, or empty.
	URI   string `json:"uri,omitempty"`
	State []byte `json:"state,omitempty"`
	// Locales is ui_locales.
	Locales string `json:"locales,omitempty"`
	// Via are the origins of sources that the confirmation page may lead to.
	Via []string `json:"via,omitempty"`

	rp *eid.RelyingParty // Client as registered; nil without one
	// hint is a right ID token of the client; nil without one.
	hint *idTokenClaims
	// unsure: something in the request was not right, so a person decides.
	unsure bool
	// confirmed: the request comes from the confirmation page, which limits the
	// redirects that follow.
	confirmed bool
}

// target is the address to return to, empty without one.
func (r *logoutRequest) target() string {
	u, err := url.Parse(r.URI)
	if r.URI == "" || err != nil {
		return ""
	}
	if len(r.State) > 0 {
		// The registered query stays as it is, byte for byte.
		if u.RawQuery != "" {
			u.RawQuery += "&"
		}
		u.RawQuery += url.Values{"state": {string(r.State)}}.Encode()
	}
	return u.String()
}

// logout is the end_session_endpoint. It ends the session at once when the hint
// proves that the party means this very session; anybody can make a browser come
// here without one, so then the holder is asked.
func (p *Provider) logout(c *gin.Context) {
	req, ok := p.parseLogout(c)
	if !ok {
		return
	}
	b, living, ok := p.person(c)
	if !ok {
		return
	}
	switch {
	case !living && b.session.Account != "" && !req.unsure && p.means(c, req, b.session):
		p.endAndLeave(c, b, req) // the session went idle; its tokens did not
	case !living && req.hint != nil && !req.unsure && req.URI != "":
		p.leave(c, req.target())
	case !living:
		p.showLoggedOut(c, p.farewellOf(req, nil))
	case !req.unsure && p.means(c, req, b.session):
		p.endAndLeave(c, b, req)
	default:
		p.showLogout(c, b, req)
	}
}

// parseLogout reads the parameters. Unknown ones, logout_hint among them, change
// nothing.
func (p *Provider) parseLogout(c *gin.Context) (*logoutRequest, bool) {
	fail := func(detail string) (*logoutRequest, bool) {
		p.pageError(c, http.StatusBadRequest, web.ErrorInvalidRequest, detail)
		return nil, false
	}
	params, err := url.ParseQuery(c.Request.URL.RawQuery)
	if err != nil {
		return fail("encoding")
	}
	for _, values := range params {
		if len(values) > 1 {
			return fail("duplicated")
		}
	}
	if len(params.Get("state")) > maxState {
		return fail("state")
	}
	req := &logoutRequest{Client: params.Get("client_id"), Locales: locales(c)}
	if hint := params.Get("id_token_hint"); hint != "" {
		req.hint = p.readHint(hint)
		req.unsure = req.hint == nil || req.Client != "" && req.Client != req.hint.Audience
		if req.unsure {
			req.Client = ""
		} else {
			req.Client = req.hint.Audience
		}
	}
	if !p.register(c, req) {
		return nil, false
	}
	if uri := params.Get("post_logout_redirect_uri"); uri != "" {
		if req.rp != nil && slices.Contains(req.rp.Logout.PostLogoutRedirectURIs, uri) {
			req.URI, req.State = uri, []byte(params.Get("state"))
		} else {
			req.unsure = true
		}
	}
	return req, true
}

// readHint reads an ID token of ours, expired or not, nil when it is none: a signed
// answer of userinfo has the same typ, and no sid.
func (p *Provider) readHint(hint string) *idTokenClaims {
	payload, err := p.deps.Keys.Snapshot().Verify(keys.Tokens, hint, "JWT")
	if err != nil {
		return nil
	}
	var t idTokenClaims
	if err := json.Unmarshal(payload, &t); err != nil || t.Issuer != p.cfg.Issuer || t.Subject == "" || t.SID == "" {
		return nil
	}
	return &t
}

// register puts the request under the registration of its client. A client that
// is not registered is nobody.
func (p *Provider) register(c *gin.Context, req *logoutRequest) bool {
	if req.Client == "" {
		return true
	}
	rp, err := p.deps.Clients.RelyingParty(c.Request.Context(), req.Client)
	switch {
	case errors.Is(err, eid.ErrNotFound):
		req.Client, req.URI, req.hint, req.unsure = "", "", nil, true
		return true
	case err != nil:
		p.pageFailure(c, err)
		return false
	}
	note(c, "client", rp.ID)
	req.rp = &rp
	return true
}

// means reports whether the hint is of this session: its sid, and with it the
// same person.
func (p *Provider) means(c *gin.Context, req *logoutRequest, s session) bool {
	if req.hint == nil || req.rp == nil || !slices.Contains(s.sids(req.rp.ID), req.hint.SID) {
		return false
	}
	sub, err := p.subjectOf(c.Request.Context(), req.rp, s.Account)
	if err != nil {
		note(c, "err", err)
		return false // then the holder is asked
	}
	return equalText(req.hint.Subject, sub)
}

// person finds the session of this browser's cookie, and whether somebody is
// signed in: one that has gone idle is found too.
// The last result is false when the request is answered already.
func (p *Provider) person(c *gin.Context) (browser, bool, bool) {
	h, ok := p.cookieHandle(c)
	if !ok {
		return browser{}, false, true
	}
	b, _, err := p.loadBrowser(c.Request.Context(), h)
	switch {
	case errors.Is(err, errGone):
		return b, false, true
	case err != nil:
		p.pageFailure(c, err)
		return browser{}, false, false
	}
	return b, b.session.Account != "", true
}

// showLogout asks whether to sign out. The page writes nothing: the form itself
// carries the request, and its CSRF value binds both to the session.
func (p *Provider) showLogout(c *gin.Context, b browser, req *logoutRequest) {
	parties, err := p.partiesOf(c.Request.Context(), b.session.Grants)
	if err != nil {
		p.pageFailure(c, err)
		return
	}
	req.Via = p.originsOfEnds(c, b.session, req)
	packed, err := json.Marshal(req)
	if err != nil {
		p.pageFailure(c, err)
		return
	}
	data := web.LogoutData{Common: shell(c), Portals: namesOf(parties)}
	data.Form = web.Hidden{Action: pathLogoutConfirm, Login: base64.RawURLEncoding.EncodeToString(packed)}
	data.Form.CSRF = b.session.seal(data.Form.Login)
	ends := slices.Clone(req.Via)
	if req.rp != nil {
		data.Portal, data.PortalURL = partyLabel(req.rp), req.rp.URL
		ends = append(ends, originOf(req.rp.URL))
		if o := originOf(req.URI); o != "" && !slices.Contains(ends, o) {
			ends = append(ends, o)
		}
	}
	p.render(c, web.Page{Name: "logout", Status: http.StatusOK, Data: data, FormAction: ends})
}

// seal makes the value that proves that a form of this session's confirmation
// page was filled in, and with what.
func (s session) seal(packed string) string {
	mac := hmac.New(sha256.New, []byte(s.ID))
	mac.Write([]byte("eidgate logout 1\x00" + packed))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// confirmLogout takes the answer of the confirmation page.
func (p *Provider) confirmLogout(c *gin.Context) {
	if err := c.Request.ParseForm(); err != nil {
		p.pageError(c, http.StatusBadRequest, web.ErrorInvalidRequest, "form")
		return
	}
	form := c.Request.PostForm
	b, living, ok := p.person(c)
	switch {
	case !ok:
		return
	case !living: // sent twice, or ended meanwhile
		p.showLoggedOut(c, farewell{})
		return
	case !equalText(form.Get(web.FieldCSRF), b.session.seal(form.Get(web.FieldLogin))):
		p.pageError(c, http.StatusForbidden, web.ErrorForbidden, "csrf")
		return
	}
	req := &logoutRequest{}
	packed, err := base64.RawURLEncoding.DecodeString(form.Get(web.FieldLogin))
	if err == nil {
		err = json.Unmarshal(packed, req)
	}
	if err != nil {
		p.pageFailure(c, err) // we sealed it
		return
	}
	req.confirmed = true
	speak(c, req.Locales)
	if !p.register(c, req) {
		return
	}
	if tag := form.Get(web.FieldLanguage); tag != "" {
		if p.rememberLanguage(c, tag) {
			p.showLogout(c, b, req)
		}
		return
	}
	// What was registered may have changed since.
	if req.rp == nil || !slices.Contains(req.rp.Logout.PostLogoutRedirectURIs, req.URI) {
		req.URI = ""
	}
	if action := form.Get(web.FieldAction); action == web.ActionStay || action == web.ActionCancel {
		stay := "/"
		if req.rp != nil && req.rp.URL != "" {
			stay = req.rp.URL
		}
		p.leave(c, stay)
		return
	}
	p.endAndLeave(c, b, req)
}

// endAndLeave ends the session and sends the browser on: through the frames of
// the parties that are told in the front channel, where there are any, and past
// the sources that the holder signed in at.
func (p *Provider) endAndLeave(c *gin.Context, b browser, req *logoutRequest) {
	ctx := c.Request.Context()
	ended, err := p.endSession(ctx, b, ending{why: endedLogout, client: req.Client, ref: ref(c)})
	if errors.Is(err, errGone) { // another tab was faster
		p.showLoggedOut(c, p.farewellOf(req, nil))
		return
	}
	if err != nil {
		p.pageFailure(c, err)
		return
	}
	p.clearCookie(c)
	parties, err := p.partiesOf(ctx, ended.Grants)
	if err != nil {
		p.pageFailure(c, err)
		return
	}
	stops, unreached := p.upstreamStops(c, ended, req)
	next := req.target()
	if next == "" {
		last := p.farewellOf(req, parties)
		last.NotTold = append(last.NotTold, unreached...)
		if next, err = p.keepFarewell(c, last); err != nil {
			p.pageFailure(c, err)
			return
		}
	}
	next = p.leadThrough(c, stops, next)
	leaving := farewell{Portals: namesOf(parties), Next: next}
	for _, rp := range parties {
		if frame := p.frameOf(&rp, ended); frame != "" {
			leaving.Frames = append(leaving.Frames, frame)
		}
	}
	if len(leaving.Frames) > 0 {
		// A page of its own, so that going back never means sending a form again.
		if next, err = p.keepFarewell(c, leaving); err != nil {
			p.pageFailure(c, err)
			return
		}
	}
	p.leave(c, next)
}

// frameOf is the address that a party's frame loads (OpenID Connect Front-Channel
// Logout §3); empty where it has none.
func (p *Provider) frameOf(rp *eid.RelyingParty, s session) string {
	u, err := url.Parse(rp.Logout.FrontchannelURI)
	if rp.Logout.FrontchannelURI == "" || err != nil || u.Host == "" {
		return ""
	}
	if rp.Logout.FrontchannelSession {
		if u.RawQuery != "" {
			u.RawQuery += "&"
		}
		u.RawQuery += url.Values{"iss": {p.cfg.Issuer}, "sid": {latest(s.sids(rp.ID))}}.Encode()
	}
	return u.String()
}

// leave redirects to an address that was found to be right.
func (p *Provider) leave(c *gin.Context, address string) {
	c.Header("Cache-Control", "no-store")
	c.Header("Referrer-Policy", "no-referrer")
	c.Redirect(http.StatusSeeOther, address)
}

// clearCookie has the browser drop its handle.
func (p *Provider) clearCookie(c *gin.Context) {
	http.SetCookie(c.Writer, &http.Cookie{
		Name: p.cookieName(), Path: "/", MaxAge: -1, Secure: p.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

func namesOf(parties []eid.RelyingParty) []web.Label {
	names := make([]web.Label, 0, len(parties))
	for _, rp := range parties {
		names = append(names, partyLabel(&rp))
	}
	return names
}

// latest is the last entry of a list, empty of an empty one.
func latest(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[len(list)-1]
}
