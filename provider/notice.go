package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/store"
	"eidgate/web"
)

// noticeAddress is where a source's notices and answers to our logouts arrive.
func (p *Provider) noticeAddress(source string) string {
	return p.cfg.Issuer + pathSource + source + tailLogout
}

// documentTime is how long what we publish for a source may be cached at most.
const documentTime = time.Hour

// cacheControl says how long what a source reads of the gateway may be cached: by the
// source alone, for the time that a proxy kept it would add to that.
func cacheControl(speaker federation.Source) string {
	most := documentTime
	if changer, ok := federation.As[federation.Changer](speaker); ok && changer.CacheFor() > 0 {
		most = min(most, changer.CacheFor())
	}
	return fmt.Sprintf("private, max-age=%d", int(most.Seconds()))
}

// publish shows what a source needs to know of the gateway.
func (p *Provider) publish(c *gin.Context) {
	src, speaker, ok := p.sourceOf(c)
	if !ok {
		return
	}
	publisher, ok := federation.As[federation.Publisher](speaker)
	if !ok {
		p.pageError(c, http.StatusNotFound, web.ErrorNotFound, "")
		return
	}
	base := p.cfg.Issuer + pathSource + src.ID
	contentType, body, err := publisher.Publish(base+tailMetadata, p.cfg.Issuer+pathCallback+src.ID, p.noticeAddress(src.ID))
	switch {
	case err != nil:
		p.pageFailure(c, fmt.Errorf("publishing for source %s: %w", src.ID, err))
	case len(body) == 0:
		p.pageError(c, http.StatusNotFound, web.ErrorNotFound, "")
	default:
		c.Header("Cache-Control", cacheControl(speaker))
		c.Data(http.StatusOK, contentType, body)
	}
}

// sourceOf opens the source that the path names. Where it says no it has answered.
func (p *Provider) sourceOf(c *gin.Context) (eid.Source, federation.Source, bool) {
	src, speaker, err := p.openSource(c.Request.Context(), c.Param("source"))
	switch {
	case errors.Is(err, eid.ErrNotFound):
		p.pageError(c, http.StatusNotFound, web.ErrorNotFound, "")
	case err != nil:
		p.pageFailure(c, err)
	}
	return src, speaker, err == nil
}

// hear takes what a source sends of ended sessions, itself or by way of the
// holder's browser.
func (p *Provider) hear(c *gin.Context) {
	c.Header("Cache-Control", "no-store")
	src, speaker, ok := p.sourceOf(c)
	if !ok {
		return
	}
	listener, ok := federation.As[federation.Listener](speaker)
	if !ok {
		p.pageError(c, http.StatusNotFound, web.ErrorNotFound, "")
		return
	}
	in := federation.Incoming{Address: p.noticeAddress(src.ID), RawQuery: c.Request.URL.RawQuery, Now: p.deps.Now()}
	if isPosted(c) {
		in.Address = p.cfg.Issuer + pathCallback + src.ID
	}
	if err := c.Request.ParseForm(); err != nil {
		p.refuseNotice(c, http.StatusBadRequest, fmt.Errorf("reading its form: %w", federation.ErrUntrusted))
		return
	}
	if c.Request.Method == http.MethodPost {
		in.Form = c.Request.PostForm
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), federation.CallTimeout)
	defer cancel()
	note(c, "source", src.ID)
	asking, done := p.deps.Meter.Asking(ctx, src.ID, actNotice)
	notice, err := listener.Hear(asking, in)
	if err == nil {
		err = p.checkNotice(speaker, notice)
	}
	done(outcomeOf(federation.Step{}, err))
	switch {
	case errors.Is(err, federation.ErrUntrusted):
		p.refuseNotice(c, http.StatusBadRequest, err)
	case err != nil: // what it takes to read the notice cannot be had
		p.refuseNotice(c, http.StatusServiceUnavailable, err)
	case notice.Return != "":
		p.leave(c, pathLoggedOut+"?"+url.Values{"state": {notice.Return}}.Encode())
	default:
		p.heed(c, &src, notice)
	}
}

// checkNotice refuses notices that say nothing, or too much.
func (p *Provider) checkNotice(speaker federation.Source, n federation.Notice) error {
	distrust := func(why string) error { return fmt.Errorf("%s: %w", why, federation.ErrUntrusted) }
	left := n.Until.Sub(p.deps.Now())
	switch {
	case n.Return != "" && !isRandomText(n.Return, secretBytes):
		return distrust("answers a logout that is none of ours")
	case n.Return != "":
		return nil
	case len(n.Sessions) == 0 && n.Subject == "" || slices.Contains(n.Sessions, ""):
		return distrust("names no session and no person")
	case len(n.Sessions) > maxNamed:
		return distrust("names too many sessions")
	case n.Once != "" && (left <= 0 || left > store.MaxTTL):
		return distrust("counts once, and is past its end or has none")
	case n.Answer != nil && n.Answer.Post != nil && !leadsTo(speaker, n.Answer.Post.Address):
		return errors.New("source posts to an origin that is not its own")
	}
	return nil
}

// heed ends the sessions that a notice is about. Whether there were any is told to
// nobody.
func (p *Provider) heed(c *gin.Context, src *eid.Source, n federation.Notice) {
	ctx := c.Request.Context()
	found, err := p.followTrail(ctx, src, n)
	if errors.Is(err, errGone) {
		p.refuseNotice(c, http.StatusBadRequest, fmt.Errorf("came before: %w", federation.ErrUntrusted))
		return
	}
	for _, to := range found {
		err = errors.Join(err, p.endTrailed(ctx, to, ending{why: endedUpstream, source: src.ID, ref: ref(c)}))
	}
	if err = errors.Join(err, p.settleNotice(ctx, src, n, err == nil)); err != nil {
		// The source may say it again.
		p.refuseNotice(c, http.StatusServiceUnavailable, err)
		return
	}
	switch {
	case n.Answer != nil && n.Answer.Redirect != "", n.Answer != nil && n.Answer.Post != nil:
		p.leadOn(c, src, *n.Answer)
	case fromBrowser(c):
		p.showLoggedOut(c, farewell{})
	default:
		c.Status(http.StatusOK)
	}
}

// fromBrowser reports whether a notice came by way of a browser.
func fromBrowser(c *gin.Context) bool {
	return c.Request.Method == http.MethodGet || strings.Contains(c.GetHeader("Accept"), "text/html")
}

// refuseNotice answers as OpenID Connect Back-Channel Logout §2.8 says; a browser
// that carried the notice is shown a page.
func (p *Provider) refuseNotice(c *gin.Context, status int, err error) {
	note(c, "err", err)
	if status == http.StatusServiceUnavailable {
		c.Header("Retry-After", retryAfter)
	}
	if fromBrowser(c) {
		kind := web.ErrorInvalidRequest
		if status == http.StatusServiceUnavailable {
			kind = web.ErrorUnavailable
		}
		p.pageError(c, status, kind, "notice")
		return
	}
	code := codeInvalidRequest
	if status == http.StatusServiceUnavailable {
		code = codeTemporarilyUnavailable
	}
	refuse(code, "not a notice that could be carried out").write(c, status)
}
