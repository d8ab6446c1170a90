package provider

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/web"
)

// showLink explains why an old account is linked, before its holder proves the national
// identity.
func (p *Provider) showLink(c *gin.Context, f *flow) {
	k := f.login.Linking
	p.renderLogin(c, f, http.StatusOK, "link", web.LinkData{
		Common: p.common(c, f), Source: p.nameOf(c.Request.Context(), k.Source), OldName: k.OldName,
		Overdue: k.Refused, Since: k.Overdue, OtherSources: f.others,
	})
}

// showConfirmLink shows both sides of a link. Its form names what is shown.
func (p *Provider) showConfirmLink(c *gin.Context, f *flow) {
	ctx, k := c.Request.Context(), f.login.Linking
	policies, err := p.deps.Sources.Policies(ctx)
	if err != nil {
		p.fail(c, f, err)
		return
	}
	data := web.LinkConfirmData{
		Common: p.common(c, f), Source: p.nameOf(ctx, k.Source), OldName: k.OldName, National: p.nameOf(ctx, k.Proved.Source),
		HolderName: f.holder.Person.Name, MaskedNumber: f.holder.Person.Identifier.String(), Pending: k.ID,
	}
	for i := range policies {
		if src := &policies[i]; src.ID == k.Source && src.Linking != nil {
			data.Cap = min(src.Linking.Cap, p.carries(policies, k.Proved, f.holder))
			if src.Linking.Lasts > 0 {
				data.Until = p.deps.Now().Add(src.Linking.Lasts)
			}
		}
	}
	p.renderLogin(c, f, http.StatusOK, "link_confirm", data)
}

// carries is the level that the proof of a national identity carries now, whatever
// service there is.
func (p *Provider) carries(policies []eid.Source, proof *federation.Proof, account *eid.Account) eid.Level {
	for i := range policies {
		if src := &policies[i]; src.ID == proof.Source && federation.Proves(src) {
			return min(account.Level, proof.Level, federation.Supports(src, federation.Anybody(policies), *proof, p.deps.Now()))
		}
	}
	return eid.LevelNone
}

// proverOrigins are where the pages of a login with a pending side may lead besides.
func (p *Provider) proverOrigins(c *gin.Context, f *flow) []string {
	if f.login.Linking == nil {
		return nil
	}
	ctx := c.Request.Context()
	policies, err := p.deps.Sources.Policies(ctx)
	if err != nil {
		return nil // the page that follows says so
	}
	var ids []string
	for i := range policies {
		if federation.Proves(&policies[i]) {
			ids = append(ids, policies[i].ID)
		}
	}
	return p.deps.Sources.Origins(ctx, ids)
}
