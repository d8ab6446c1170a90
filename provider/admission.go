package provider

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/gin-gonic/gin"

	"eidgate/web"
)

// Limits bound what one process takes on at a time. Zero means the default.
type Limits struct {
	// Requests is how many are answered at a time. Default 512.
	Requests int
	// NewLogins is how many sign-ins are begun in Lifetimes.Login. Default 20,000.
	NewLogins int
}

// strangersShare is which part of the places requests may have that bring no
// login of ours and are no client's: flows that have begun go on in a flood.
const strangersShare = 4

// retryAfter is when to try again what was refused for want of room, in seconds.
const retryAfter = "5"

// admission bounds how many requests are answered at a time. It queues nobody:
// what finds no place is refused at once, and nothing is read or written for it.
type admission struct {
	most, mostStrangers int64

	running, strangers atomic.Int64
	shed               atomic.Uint64
}

func newAdmission(requests int) *admission {
	return &admission{most: int64(requests), mostStrangers: max(int64(requests/strangersShare), 1)}
}

// enter takes a place, which leave gives back.
func (a *admission) enter(stranger bool) bool {
	if a.running.Add(1) > a.most {
		a.running.Add(-1)
		a.shed.Add(1)
		return false
	}
	if stranger && a.strangers.Add(1) > a.mostStrangers {
		a.leave(true)
		a.shed.Add(1)
		return false
	}
	return true
}

func (a *admission) leave(stranger bool) {
	if stranger {
		a.strangers.Add(-1)
	}
	a.running.Add(-1)
}

// admit lets a request in once it is whole: a slow sender holds its connection
// and no place.
func (p *Provider) admit(c *gin.Context, mounts []Mount) {
	if neverShed(c.FullPath()) {
		c.Next()
		return
	}
	if c.Request.ContentLength > maxBody && !p.large.take(addressOf(c), network(c)) {
		c.Abort()
		p.refuseBusy(c)
		return
	}
	if !p.receive(c) {
		c.Abort()
		return
	}
	stranger := !isBackChannel(c.FullPath()) && !p.bringsLogin(c) && !p.bringsState(c) && !bringsMark(mounts, c.Request)
	if !p.admission.enter(stranger) {
		c.Abort()
		p.refuseBusy(c)
		return
	}
	defer p.admission.leave(stranger)
	c.Next()
}

// neverShed lists what costs next to nothing and what others hang on: probes of
// the process, and what verifies tokens without it.
func neverShed(path string) bool {
	switch path {
	case "/healthz", "/readyz", "/assets/:name", pathDiscovery, pathMetadata, pathKeys, pathKeysOf:
		return true
	}
	return false
}

// isBackChannel reports whether clients call an endpoint themselves.
func isBackChannel(path string) bool {
	switch path {
	case pathToken, pathUserinfo, pathRevoke, pathIntrospect, pathSubjects, pathLocks:
		return true
	}
	return false
}

// bringsLogin reports whether a request carries a cookie that was made here.
// Whether its session lives would cost a look into the store.
func (p *Provider) bringsLogin(c *gin.Context) bool {
	_, ok := p.cookieHandle(c)
	return ok
}

// isPosted reports whether a request may be a source's answer by way of a browser.
func isPosted(c *gin.Context) bool {
	return c.Request.Method == http.MethodPost && strings.HasPrefix(c.FullPath(), pathCallback)
}

// bringsState reports whether a posted answer carries a state that was made here:
// it comes from another site, and so without the cookie.
func (p *Provider) bringsState(c *gin.Context) bool {
	if !isPosted(c) || c.Request.ParseForm() != nil {
		return false
	}
	_, ok := p.parseState(stateOf(c.Request.Form))
	return ok
}

// receive reads the body of a request, which bound has capped. Where it says no it
// has answered.
func (p *Provider) receive(c *gin.Context) bool {
	r := c.Request
	if r.Method == http.MethodGet || r.Method == http.MethodHead || r.ContentLength == 0 {
		return true
	}
	var body bytes.Buffer // grows with what has come, not with what is claimed
	_, err := body.ReadFrom(r.Body)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		p.tooLarge(c, http.StatusRequestEntityTooLarge, "body")
		return false
	case err != nil: // cut off, or too slow
		p.pageError(c, http.StatusBadRequest, web.ErrorInvalidRequest, "body")
		return false
	}
	r.Body = io.NopCloser(&body)
	return true
}

// refuseBusy asks to try again in the words of the endpoint (RFC 6749 §5.2 knows
// none; temporarily_unavailable is that of §4.1.2.1).
func (p *Provider) refuseBusy(c *gin.Context) {
	c.Header("Retry-After", retryAfter)
	if isBackChannel(c.FullPath()) {
		refuse(codeTemporarilyUnavailable, "try again in a few seconds").write(c, http.StatusServiceUnavailable)
		return
	}
	p.pageError(c, http.StatusServiceUnavailable, web.ErrorUnavailable, "busy")
}

// Load is how busy the provider is, in this process.
type Load struct {
	Running, Strangers int    // requests being answered, and how many of them are nobody's yet
	Shed               uint64 // requests refused for want of room
	Logins             int    // begun in the present window
	LoginsRefused      uint64
}

// Load gives the numbers of this moment.
func (p *Provider) Load() Load {
	l := Load{
		Running: int(p.admission.running.Load()), Strangers: int(p.admission.strangers.Load()), Shed: p.admission.shed.Load(),
	}
	l.Logins, l.LoginsRefused = p.beginnings.load()
	return l
}
