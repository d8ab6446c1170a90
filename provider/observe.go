package provider

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/gin-gonic/gin"

	"eidgate/federation"
	"eidgate/keys"
	"eidgate/store"
	"eidgate/web"
)

// Limits of every request. The server's own (headers, times) stand in cmd.
const (
	maxBody  = 64 << 10 // bytes
	maxQuery = 16 << 10 // bytes
	maxTime  = 10 * time.Second
)

// Keys of the gin context.
const (
	keyRef   = "ref"
	keyNotes = "notes"
)

// crockford leaves out the letters that people misread on paper.
var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// observe gives the request its reference, recovers a panic into a page and
// writes the one log line. Addresses carry codes and states, so the line names
// the route, never the address.
func (p *Provider) observe(c *gin.Context) {
	b := make([]byte, 5)
	_, _ = rand.Read(b)
	text := crockford.EncodeToString(b)
	c.Set(keyRef, text[:4]+"-"+text[4:])
	joinForwarded(c)
	start, route := p.deps.Now(), c.FullPath()
	if route == "" {
		route = "none"
	}
	ctx, end := p.deps.Meter.Begin(c.Request, route, ref(c), p.fromProxy(c.Request))
	if ctx != c.Request.Context() {
		c.Request = c.Request.WithContext(ctx)
	}
	defer func() {
		if v := recover(); v != nil {
			note(c, "panic", v, "stack", string(debug.Stack()))
			if !c.Writer.Written() {
				p.pageError(c, http.StatusInternalServerError, web.ErrorSystem, "")
			}
		}
		status := c.Writer.Status()
		if status >= http.StatusBadRequest && noted(c, "refused") == "" {
			note(c, "refused", "unnamed") // by a library, without our words
		}
		end(status, noted(c, "client"), noted(c, "refused"))
		level := slog.LevelInfo
		switch {
		case status >= http.StatusInternalServerError:
			level = slog.LevelError
		case route == pathHealth || route == pathReady:
			level = slog.LevelDebug // asked every few seconds
		}
		attrs := append([]any{"method", c.Request.Method, "route", route, "status", status,
			"ms", p.deps.Now().Sub(start).Milliseconds(), "net", network(c), "ref", ref(c)}, notes(c)...)
		p.deps.Log.Log(ctx, level, "request", attrs...)
	}()
	c.Header("X-Request-Reference", ref(c))
	c.Header("X-Content-Type-Options", "nosniff")
	if p.secure {
		c.Header("Strict-Transport-Security", "max-age=31536000")
	}
	c.Next()
}

// bound refuses what is too large before anything parses it, and bounds the time
// that a request may wait for others.
func (p *Provider) bound(c *gin.Context) {
	switch {
	case len(c.Request.URL.RawQuery) > maxQuery:
		p.tooLarge(c, http.StatusRequestURITooLong, "query")
		return
	case c.Request.ContentLength > p.mostBody(c):
		p.tooLarge(c, http.StatusRequestEntityTooLarge, "body")
		return
	}
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, p.mostBody(c))
	ctx, cancel := context.WithTimeout(c.Request.Context(), maxTime)
	defer cancel()
	c.Request = c.Request.WithContext(ctx)
	c.Next()
}

// mostBody is how large the body of a request may be. Answers of sources may be
// larger than all else, a few at a time.
func (p *Provider) mostBody(c *gin.Context) int64 {
	if isPosted(c) && c.Request.ContentLength > maxBody {
		return maxPosted
	}
	return maxBody
}

// tooLarge refuses a request for its size.
func (p *Provider) tooLarge(c *gin.Context, status int, what string) {
	c.Abort()
	if isBackChannel(c.FullPath()) {
		refuse(codeInvalidRequest, "the "+what+" is too large").write(c, status)
		return
	}
	p.pageError(c, status, web.ErrorTooLarge, what)
}

// ref is the reference of the request.
func ref(c *gin.Context) string { return c.GetString(keyRef) }

// note adds to the log line of the request. Values must be safe to log.
func note(c *gin.Context, keyValues ...any) {
	c.Set(keyNotes, append(notes(c), keyValues...))
}

func notes(c *gin.Context) []any {
	v, _ := c.Get(keyNotes)
	list, _ := v.([]any)
	return list
}

// noted is the text last noted under a key, empty without one.
func noted(c *gin.Context, key string) string {
	text := ""
	for list := notes(c); len(list) > 1; list = list[2:] {
		if list[0] == key {
			text, _ = list[1].(string)
		}
	}
	return text
}

// render writes a page.
func (p *Provider) render(c *gin.Context, page web.Page) {
	page.Language = p.language(c)
	p.deps.Pages.Render(c.Writer, c.Request, page)
}

// pageError shows an error page that redirects nowhere. detail is a code for the
// portal's developer.
func (p *Provider) pageError(c *gin.Context, status int, kind, detail string) {
	reason := detail
	if reason == "" {
		reason = kind
	}
	note(c, "refused", reason)
	p.render(c, web.Page{Name: "error", Status: status, Data: web.ErrorData{
		Common: shell(c), Kind: kind, Detail: detail, Time: p.deps.Now(),
	}})
}

// waitingHelps reports whether a failure passes by itself.
func waitingHelps(err error) bool {
	return errors.Is(err, store.ErrUnavailable) || errors.Is(err, federation.ErrBusy) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, keys.ErrStale) || errors.Is(err, keys.ErrCustody) || errors.Is(err, keys.ErrNoKey)
}

// pageFailure shows the page for a failure of ours, 503 where waiting helps, and
// logs the cause.
func (p *Provider) pageFailure(c *gin.Context, err error) {
	note(c, "err", err)
	if waitingHelps(err) {
		c.Header("Retry-After", retryAfter)
		p.pageError(c, http.StatusServiceUnavailable, web.ErrorUnavailable, "")
		return
	}
	p.pageError(c, http.StatusInternalServerError, web.ErrorSystem, "")
}
