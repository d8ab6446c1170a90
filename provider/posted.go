package provider

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"eidgate/store"
	"eidgate/web"
)

// Sources may post their answers (SAML Bindings §3.5, OAuth 2.0 Form Post Response
// Mode): from another site, so that the browser's cookie is not sent along. The
// state names the slot where the login waits. There, and only while the state
// lives, the fields are kept, sealed, until the GET that follows brings the cookie.

// Bounds of posted answers.
const (
	maxPosted = 512 << 10 // bytes of a posted answer
	// postedTime is how long it waits for the GET that follows.
	postedTime = 2 * time.Minute
	// mostLarge is how many that are beyond maxBody are taken in postedTime, and
	// most of them from no single address: see beginnings.
	mostLarge = 128

	postedPart  = store.MaxValue - 1<<10
	postedParts = maxPosted/postedPart + 2 // sealing adds to it
)

const (
	paramPosted     = "posted"        // of our own redirect
	fieldRelayState = "RelayState"    // SAML Bindings §3.5.3
	fieldCASLogout  = "logoutRequest" // CAS Protocol 3.0 §2.3.3
)

// stateText writes a state for a source: 80 bytes, which is all that SAML allows.
// It says that it was made here, so that one made up costs no look at the store.
func (p *Provider) stateText(h handle) string { return h.String() + "~" + p.mark("state", h, 14) }

// parseState reads what stateText wrote.
func (p *Provider) parseState(s string) (handle, bool) {
	own, mark, _ := strings.Cut(s, "~")
	h, ok := parseHandle(own)
	if !ok || !equalText(mark, p.mark("state", h, 14)) {
		return handle{}, false
	}
	return h, true
}

// parameters reads the query and the fields of a post. Nothing may be said twice.
// Where it says no it has answered.
func (p *Provider) parameters(c *gin.Context) (url.Values, bool) {
	params, err := url.ParseQuery(c.Request.URL.RawQuery)
	if err == nil {
		err = c.Request.ParseForm()
	}
	if err != nil {
		p.pageError(c, http.StatusBadRequest, web.ErrorInvalidRequest, "encoding")
		return nil, false
	}
	for name, values := range c.Request.PostForm {
		params[name] = append(params[name], values...)
	}
	for _, values := range params {
		if len(values) > 1 {
			p.pageError(c, http.StatusBadRequest, web.ErrorInvalidRequest, "duplicated")
			return nil, false
		}
	}
	return params, true
}

// stateOf finds the state in the parameters of a posted answer.
func stateOf(params url.Values) string {
	if params.Has(fieldRelayState) {
		return params.Get(fieldRelayState)
	}
	return params.Get("state")
}

// postedCallback keeps a posted answer for the browser that the state belongs to,
// and has that browser ask for it with its cookie. Whoever made the state up gets
// nothing kept; what came first stays.
func (p *Provider) postedCallback(c *gin.Context) {
	params, ok := p.parameters(c)
	if !ok {
		return
	}
	if params.Has(fieldCASLogout) {
		if c.Request.ContentLength > maxBody {
			p.tooLarge(c, http.StatusRequestEntityTooLarge, "body")
			return
		}
		p.hear(c)
		return
	}
	text := stateOf(params)
	state, ok := p.parseState(text)
	if !ok {
		p.pageError(c, http.StatusBadRequest, web.ErrorExpired, "state")
		return
	}
	keep, err := p.keepPosted(state, params)
	if err != nil {
		p.pageFailure(c, err)
		return
	}
	if len(keep) > postedParts {
		p.tooLarge(c, http.StatusRequestEntityTooLarge, "body")
		return
	}
	// What waits already is left alone: the browser sent its form once more.
	ops := append([]store.Op{
		store.Get(state.key(kindPosted)), store.Move(state.key(kindState), state.key(kindPosted), postedTime),
	}, keep...)
	results, err := p.deps.State.Apply(c.Request.Context(), state.slot, ops...)
	if err != nil {
		p.pageFailure(c, fmt.Errorf("keeping a posted answer: %w", err))
		return
	}
	if !results[0].OK && !results[1].OK {
		p.pageError(c, http.StatusBadRequest, web.ErrorExpired, "state")
		return
	}
	p.leave(c, pathCallback+url.PathEscape(c.Param("source"))+"?"+url.Values{"state": {text}, paramPosted: {"1"}}.Encode())
}

// keepPosted writes the fields sealed, in parts that fit into the store.
func (p *Provider) keepPosted(state handle, fields url.Values) ([]store.Op, error) {
	sealed, err := p.deps.Sealer.Seal([]byte(fields.Encode()), postedContext(state))
	if err != nil {
		return nil, fmt.Errorf("sealing a posted answer: %w", err)
	}
	var ops []store.Op
	for len(sealed) > 0 {
		part := sealed[:min(len(sealed), postedPart)]
		ops = append(ops, store.PutIfAbsent(partKey(state, len(ops)), part, postedTime))
		sealed = sealed[len(part):]
	}
	return ops, nil
}

// takePosted takes a posted answer: the login that waits for it, then its parts,
// up to the first that is not there.
func takePosted(state handle) []store.Op {
	ops := []store.Op{store.Take(state.key(kindPosted))}
	for i := range postedParts {
		ops = append(ops, store.Take(partKey(state, i)))
	}
	return ops
}

// openPosted reads the parts.
func (p *Provider) openPosted(state handle, parts []store.Result) (url.Values, error) {
	var sealed []byte
	for _, part := range parts {
		sealed = append(sealed, part.Value...)
	}
	plain, err := p.deps.Sealer.Open(sealed, postedContext(state))
	if err != nil {
		return nil, fmt.Errorf("opening a posted answer: %w", err)
	}
	fields, err := url.ParseQuery(string(plain))
	if err != nil {
		return nil, fmt.Errorf("reading a posted answer: %w", err) // we wrote it
	}
	return fields, nil
}

func partKey(state handle, i int) string { return state.key(kindPosted) + "." + strconv.Itoa(i) }

// postedContext binds the fields to the state that they came with.
func postedContext(state handle) string { return "posted/" + state.key(kindPosted) }
