package provider

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/store"
	"eidgate/web"
)

// Logout goes on at the sources: once the session here is over, the browser is
// led past each source that the holder signed in at, or the next person at a
// shared computer would be signed in again without a password.
//
// Each stop has a state of its own, kept together with the address that follows
// it, and counts once, in this browser only. A source that fails is left out,
// one that never returns the browser keeps it: everything of ours is over by
// then.

// upstreamTime bounds how long all sources together may keep a logout waiting.
const upstreamTime = 2 * time.Second

const kindReturn = "return"

// stop is one source on the way out.
type stop struct{ state, address string }

// upstreamStops lists where to lead the browser, and the names of the sources
// where the holder has to sign out alone.
func (p *Provider) upstreamStops(c *gin.Context, s session, req *logoutRequest) (stops []stop, unreached []web.Label) {
	p.eachUpstream(c, s, req, func(src eid.Source, next stop) {
		// Chromium holds redirects after a form to the page's form-action; beyond
		// it the browser would be stuck.
		if next.address == "" || req.confirmed && !slices.Contains(req.Via, originOf(next.address)) {
			unreached = append(unreached, sourceLabel(&src))
			return
		}
		stops = append(stops, next)
	})
	return stops, unreached
}

// originsOfEnds are the origins that a logout of this session leads to.
func (p *Provider) originsOfEnds(c *gin.Context, s session, req *logoutRequest) []string {
	var origins []string
	p.eachUpstream(c, s, req, func(_ eid.Source, next stop) {
		if o := originOf(next.address); o != "" && !slices.Contains(origins, o) {
			origins = append(origins, o)
		}
	})
	return origins
}

// eachUpstream visits the sources with a session of their own that gave the
// proofs of a session, each once. The stop has no address where there is none.
func (p *Provider) eachUpstream(c *gin.Context, s session, req *logoutRequest, visit func(src eid.Source, next stop)) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), upstreamTime)
	defer cancel()
	var seen []string
	for _, proof := range s.Proofs {
		if slices.Contains(seen, proof.Source) {
			continue
		}
		seen = append(seen, proof.Source)
		src, speaker, err := p.openSource(ctx, proof.Source)
		if err != nil {
			note(c, "source", proof.Source, "err", err)
			continue // not registered any more: there is no name to give
		}
		if _, leads := federation.As[federation.Redirector](speaker); !leads {
			continue // its pages are ours
		}
		next := stop{state: randomText(secretBytes)}
		// Where the confirmation page led nowhere, nobody is asked again.
		if ender, ok := federation.As[federation.LogoutSource](speaker); ok && (!req.confirmed || len(req.Via) > 0) {
			next.address, err = p.askLogout(ctx, src, ender, s, next.state)
			if err != nil {
				note(c, "source", src.ID, "err", err)
				next.address = ""
			}
		}
		visit(src, next)
	}
}

// askLogout asks a source for the address that ends its session.
func (p *Provider) askLogout(ctx context.Context, src eid.Source, ender federation.LogoutSource, s session, state string) (string, error) {
	memory, err := p.openLogout(s, src.ID)
	if err != nil {
		return "", err
	}
	asking, done := p.deps.Meter.Asking(ctx, src.ID, actLogout)
	address, err := ender.Logout(asking, federation.LogoutRequest{
		Return: p.cfg.Issuer + pathLoggedOut, State: state, Memory: memory, Address: p.noticeAddress(src.ID), Now: p.deps.Now(),
	})
	done(outcomeOf(federation.Step{}, err))
	return address, err
}

// leadThrough remembers the way past these stops to the last address, and gives
// the first one. Where nothing can be remembered the way leads straight there.
func (p *Provider) leadThrough(c *gin.Context, stops []stop, last string) string {
	if len(stops) == 0 {
		return last
	}
	h := newHandle()
	ops := make([]store.Op, 0, len(stops))
	for i, s := range stops {
		next := last
		if i+1 < len(stops) {
			next = stops[i+1].address
		}
		ops = append(ops, store.PutIfAbsent(returnKey(h, s.state), []byte(next), farewellTime))
	}
	if err := p.applyAll(c.Request.Context(), h.slot, ops...); err != nil {
		note(c, "err", err)
		return last
	}
	http.SetCookie(c.Writer, &http.Cookie{
		Name: p.returnCookie(), Value: h.String(), Path: "/", MaxAge: int(farewellTime / time.Second),
		Secure: p.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	return stops[0].address
}

// returnCookie binds the way out to the browser. It is of no use afterwards: each
// record behind it is taken once.
func (p *Provider) returnCookie() string { return p.cookieName() + "-return" }

func returnKey(h handle, state string) string {
	return kindReturn + ":" + hashText(h.secret+"\x00"+state)
}

// takeReturn finds where a browser goes on that comes back from a source. A state
// that is another browser's, used, or made up leads nowhere.
func (p *Provider) takeReturn(c *gin.Context) (next string, ok bool) {
	params, err := url.ParseQuery(c.Request.URL.RawQuery)
	if err != nil || c.Request.Method != http.MethodGet || len(params["state"]) != 1 || !isRandomText(params.Get("state"), secretBytes) {
		return "", false
	}
	cookie, err := c.Request.Cookie(p.returnCookie())
	if err != nil {
		return "", false
	}
	h, ok := parseHandle(cookie.Value)
	if !ok {
		return "", false
	}
	results, err := p.deps.State.Apply(c.Request.Context(), h.slot, store.Take(returnKey(h, params.Get("state"))))
	if err != nil {
		note(c, "err", err)
		return "", false
	}
	return string(results[0].Value), results[0].OK
}
