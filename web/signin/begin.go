package signin

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"golang.org/x/oauth2"

	"eidgate/eid"
	"eidgate/store"
	"eidgate/web"
	"eidgate/web/shell"
)

// begun is a sign-in under way. It travels sealed in state, so that strangers leave
// nothing here; its secrets follow from a cookie that stays with the browser.
type begun struct {
	ID     string        `json:"id"`
	Trip   string        `json:"trip"` // hash of the browser's cookie
	Return string        `json:"return"`
	Level  eid.Level     `json:"level,omitempty"`
	MaxAge time.Duration `json:"max_age,omitempty"`
	At     time.Time     `json:"at"`
}

const (
	beginTime = 20 * time.Minute // longer than a login may take
	maxReturn = 512              // bytes
	maxState  = 2 << 10
	maxCode   = 1 << 10
	clockSkew = 5 * time.Second // between replicas
)

// tripCookie names the cookie of sign-ins under way: one for all tabs of a browser.
func (g *Gate) tripCookie() string { return g.cfg.Name + "-trip" }

func (g *Gate) statePlace() string { return "signin/state/" + g.cfg.Name }

// begin leads to the gateway, and back to a page of ours.
func (g *Gate) begin(w http.ResponseWriter, r *http.Request, need Need, back string) {
	up, err := g.party.discover(r.Context())
	if err != nil {
		g.d.Shell.Failure(w, r, err)
		return
	}
	trip, ok := g.d.Shell.Cookie(r, g.tripCookie())
	if !ok {
		trip = shell.Random(32)
		g.d.Shell.SetCookie(w, r, g.tripCookie(), trip)
	}
	if len(back) > maxReturn {
		back = g.cfg.Home
	}
	b := begun{ID: shell.Random(16), Trip: hash(trip), Return: back, Level: need.Level, MaxAge: need.MaxAge, At: g.d.Now()}
	sealed, err := g.seal(b, g.statePlace())
	if err != nil {
		g.d.Shell.Failure(w, r, err)
		return
	}
	options := []oauth2.AuthCodeOption{
		oauth2.S256ChallengeOption(g.secretOf("verifier", b.ID, trip)),
		oauth2.SetAuthURLParam("nonce", g.secretOf("nonce", b.ID, trip)),
		oauth2.SetAuthURLParam("ui_locales", web.VisitOf(r).Language),
	}
	if need.Level.Valid() {
		options = append(options, oauth2.SetAuthURLParam("acr_values", g.cfg.Vocabulary.Name(need.Level)))
	}
	if need.MaxAge > 0 {
		options = append(options, oauth2.SetAuthURLParam("max_age", strconv.Itoa(int(need.MaxAge/time.Second))))
	}
	shell.SeeOther(w, up.oauth.AuthCodeURL(base64.RawURLEncoding.EncodeToString(sealed), options...))
}

// secretOf makes the PKCE verifier and the nonce of a sign-in (RFC 7636 §4.1, OpenID
// Connect Core §15.5.2): from what travels in state, what stays in the browser, and a key.
func (g *Gate) secretOf(what, id, trip string) string {
	mac := hmac.New(sha256.New, g.d.Key)
	mac.Write([]byte("eidgate signin 1\x00" + what + "\x00" + g.cfg.Name + "\x00" + id + "\x00" + trip))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// Handler takes the answers of the gateway, and ends sign-ins. It is mounted at Path and
// the gate's name.
func (g *Gate) Handler() http.Handler {
	own := Path + "/" + g.cfg.Name
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+own, g.callback)
	mux.HandleFunc("POST "+own+"/end", g.signOut)
	mux.HandleFunc("/", func(_ http.ResponseWriter, r *http.Request) {
		web.VisitOf(r).Fail(http.StatusNotFound, web.ErrorNotFound, "")
	})
	return mux
}

// errForeign reports an answer that this browser did not ask for, or not any more.
var errForeign = errors.New("not an answer to a sign-in of this browser")

// callback takes a code. Its state is used once, in the browser that began.
func (g *Gate) callback(w http.ResponseWriter, r *http.Request) {
	q, b, trip, err := g.taken(r)
	if errors.Is(err, errForeign) {
		g.stopped(w, r, web.StoppedExpired, g.cfg.Home, false)
		return
	}
	if err != nil {
		g.d.Shell.Failure(w, r, err)
		return
	}
	switch code := q.Get("error"); code {
	case "":
	case "unmet_authentication_requirements":
		g.stopped(w, r, web.StoppedLevel, b.Return, false)
		return
	case "temporarily_unavailable", "server_error":
		g.d.Shell.Failure(w, r, unavailable(errors.New("the gateway answered with "+code)))
		return
	default:
		g.stopped(w, r, web.StoppedCancelled, b.Return, false)
		return
	}
	in, err := g.party.redeem(r.Context(), q.Get("code"), g.secretOf("verifier", b.ID, trip), g.secretOf("nonce", b.ID, trip))
	if errors.Is(err, errRefused) {
		web.VisitOf(r).Note("err", err)
		g.stopped(w, r, web.StoppedExpired, b.Return, false)
		return
	}
	if err != nil {
		g.d.Shell.Failure(w, r, err)
		return
	}
	if in.Level < max(b.Level, eid.Level1) || b.MaxAge > 0 && b.At.Sub(in.AuthTime) > b.MaxAge+clockSkew {
		g.stopped(w, r, web.StoppedLevel, b.Return, false)
		return
	}
	if in.Account, err = g.d.Accounts.AccountOfSubject(r.Context(), g.cfg.Sector, in.subject); err != nil {
		g.d.Shell.Failure(w, r, err)
		return
	}
	if err := g.enter(r.Context(), w, r, in.session); err != nil {
		g.d.Shell.Failure(w, r, err)
		return
	}
	shell.SeeOther(w, b.Return)
}

// taken reads an answer, and uses its state up.
func (g *Gate) taken(r *http.Request) (url.Values, begun, string, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, begun{}, "", errForeign
	}
	for _, values := range q {
		if len(values) > 1 {
			return nil, begun{}, "", errForeign
		}
	}
	trip, ok := g.d.Shell.Cookie(r, g.tripCookie())
	// RFC 9207 §2.4: an answer of another issuer is none.
	if !ok || len(q.Get("state")) > maxState || len(q.Get("code")) > maxCode || q.Get("iss") != g.cfg.Issuer {
		return nil, begun{}, "", errForeign
	}
	sealed, err := base64.RawURLEncoding.DecodeString(q.Get("state"))
	if err != nil {
		return nil, begun{}, "", errForeign
	}
	var b begun
	if err := g.open(sealed, g.statePlace(), &b); err != nil {
		return nil, begun{}, "", errForeign
	}
	if age := g.d.Now().Sub(b.At); age < -clockSkew || age > beginTime || b.Trip != hash(trip) {
		return nil, begun{}, "", errForeign
	}
	results, err := g.d.State.Apply(r.Context(), "signin-"+g.cfg.Name, store.PutIfAbsent("used:"+b.ID, []byte{1}, 2*beginTime))
	if err != nil {
		return nil, begun{}, "", err
	}
	if !results[0].OK {
		return nil, begun{}, "", errForeign
	}
	return q, b, trip, nil
}

// enter gives the browser a new handle, so that none that was known before is worth
// anything. What its holder typed before goes along, if it is the same person.
func (g *Gate) enter(ctx context.Context, w http.ResponseWriter, r *http.Request, s session) error {
	hd := newHandle()
	if err := g.keep(ctx, hd, s); err != nil {
		return err
	}
	if old, ok := g.cookie(r); ok {
		before, err := g.read(ctx, old)
		if err != nil {
			return err
		}
		if d, ok, err := g.openDraft(before); err == nil && ok && d.Account == s.Account {
			if err := g.putDraft(ctx, hd, d); err != nil {
				return err
			}
		}
		if err := g.forget(ctx, old); err != nil {
			return err
		}
	}
	g.d.Shell.SetCookie(w, r, g.cfg.Name, hd.String())
	return nil
}

// signOut ends the sign-in here and the session at the gateway, with all services that
// hang on it (OpenID Connect RP-Initiated Logout §2).
func (g *Gate) signOut(w http.ResponseWriter, r *http.Request) {
	form, ok := shell.Posted(r)
	if !ok {
		return
	}
	hd, ok := g.cookie(r)
	if !ok {
		shell.SeeOther(w, pathLogout)
		return
	}
	h, err := g.read(r.Context(), hd)
	if err != nil {
		g.d.Shell.Failure(w, r, err)
		return
	}
	if !shell.Marked(form, g.person(h).CSRF) {
		web.VisitOf(r).Fail(http.StatusForbidden, web.ErrorForbidden, "csrf")
		return
	}
	if err := g.forget(r.Context(), hd); err != nil {
		g.d.Shell.Failure(w, r, err)
		return
	}
	g.d.Shell.DropCookie(w, r, g.cfg.Name)
	next, dropped, err := g.party.leave(r.Context(), h.session.IDToken, r.Header.Values("Cookie"))
	if err != nil {
		g.d.Shell.Failure(w, r, err)
		return
	}
	for _, cookie := range dropped {
		w.Header().Add("Set-Cookie", cookie)
	}
	// A form ends here only, and the way on may lead past sources: so the page moves on.
	g.d.Shell.Render(w, r, web.Page{Name: "loggingout", Data: web.LoggingOutData{Common: shell.Common(r), Next: next}, Refresh: "0;url=" + next})
}

// pathLogout is where a session is ended at the gateway when nothing is known of it here.
const pathLogout = "/logout"
