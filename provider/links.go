package provider

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/federation"
	"eidgate/web"
)

// links shows the holder of a living session the old accounts that are linked to the
// own one. It names no account and takes none: whose they are, the session says.
func (p *Provider) links(c *gin.Context) {
	b, living, ok := p.linkHolder(c)
	if ok {
		p.showLinks(c, b, living, web.Label{})
	}
}

// undoLink ends one of them at the holder's word.
func (p *Provider) undoLink(c *gin.Context) {
	if err := c.Request.ParseForm(); err != nil {
		p.pageError(c, http.StatusBadRequest, web.ErrorInvalidRequest, "form")
		return
	}
	form := c.Request.PostForm
	b, living, ok := p.linkHolder(c)
	switch {
	case !ok:
		return
	case !living: // ended meanwhile
		p.showLinks(c, b, false, web.Label{})
		return
	case !equalText(form.Get(web.FieldCSRF), b.session.linksMark()):
		p.pageError(c, http.StatusForbidden, web.ErrorForbidden, "csrf")
		return
	}
	if tag := form.Get(web.FieldLanguage); tag != "" {
		if p.rememberLanguage(c, tag) {
			p.showLinks(c, b, living, web.Label{})
		}
		return
	}
	ctx, undone := c.Request.Context(), web.Label{}
	held, err := p.oldAccounts(ctx, b.session.Account)
	if err != nil {
		p.pageFailure(c, err)
		return
	}
	for _, link := range held {
		if form.Get(web.FieldAction) != web.ActionUndo || link.ID != form.Get(web.FieldLink) {
			continue
		}
		switch err := p.deps.Linker.Undo(ctx, b.session.Account, link.ID, ref(c)); {
		case errors.Is(err, eid.ErrNotFound): // it ended in another tab
		case err != nil:
			p.pageFailure(c, err)
			return
		default:
			p.poke()
		}
		undone = p.nameOf(ctx, link.Source)
	}
	if living, err = p.proved(ctx, b.session); err != nil { // it may have rested on the link
		p.pageFailure(c, err)
		return
	}
	p.showLinks(c, b, living, undone)
}

// linkHolder finds the session of a request, and whether it still shows who its holder
// is. The last result is false when the request is answered already.
func (p *Provider) linkHolder(c *gin.Context) (browser, bool, bool) {
	b, living, ok := p.person(c)
	if !ok || !living {
		return b, false, ok
	}
	living, err := p.proved(c.Request.Context(), b.session)
	if err != nil {
		p.pageFailure(c, err)
		return browser{}, false, false
	}
	return b, living, true
}

func (p *Provider) showLinks(c *gin.Context, b browser, living bool, undone web.Label) {
	data := web.LinksData{Common: shell(c), SignedOut: !living, Undone: undone}
	if living {
		ctx := c.Request.Context()
		held, err := p.oldAccounts(ctx, b.session.Account)
		if err != nil {
			p.pageFailure(c, err)
			return
		}
		for _, link := range held {
			data.Links = append(data.Links, web.LinkLine{
				ID: link.ID, Source: p.nameOf(ctx, link.Source), Cap: link.Cap, Since: link.Since, Until: link.Expires,
			})
		}
		data.Form = web.Hidden{Action: pathLinks, CSRF: b.session.linksMark()}
	}
	p.render(c, web.Page{Name: "links", Status: http.StatusOK, Data: data})
}

// oldAccounts are the living links of an account, those that the national identity
// itself came by apart: without them its holder could not sign in any more.
func (p *Provider) oldAccounts(ctx context.Context, id eid.AccountID) ([]accounts.HeldLink, error) {
	policies, err := p.deps.Sources.Policies(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading sources: %w", err)
	}
	held, err := p.deps.Linker.Held(ctx, id)
	if err != nil {
		return nil, err
	}
	if account, err := p.deps.Accounts.Account(ctx, id); err != nil || account.Unverified() {
		return nil, err // one that stands for an old account is linked to nobody
	}
	national := map[string]bool{}
	for i := range policies {
		national[policies[i].ID] = federation.Proves(&policies[i])
	}
	var list []accounts.HeldLink
	for _, link := range held {
		if !national[link.Source] {
			list = append(list, link)
		}
	}
	return list, nil
}

// linksMark shows that a form came from this session's page of links.
func (s session) linksMark() string {
	mac := hmac.New(sha256.New, []byte(s.ID))
	mac.Write([]byte("eidgate links 1"))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
