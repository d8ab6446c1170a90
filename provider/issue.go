package provider

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/gin-gonic/gin"

	"eidgate/eid"
	"eidgate/store"
)

// Kinds of records in a grant's slot. A family takes the place of its code, so
// that both have the same key and a replayed code finds what it gave. Every token
// is worth what its family is: whoever deletes the family's key, as the end of a
// session does with those on its list, ends access and refresh tokens at once.
const (
	kindCode   = "code"
	kindFamily = "family"
	kindAccess = "access" // an opaque access token
	kindJWT    = "jwt"    // the jti of an access token in JWT form
	kindGrace  = "grace"  // what makes the successor of a refresh token again
)

// rulesVersion names the statement of the acr rule that grants are made by.
const rulesVersion = "acr-1"

// issue freezes the grant, puts it on record and gives the code.
func (p *Provider) issue(c *gin.Context, f *flow, d decision) {
	ctx := c.Request.Context()
	code, err := p.grant(ctx, f, d, ref(c))
	if err != nil {
		p.fail(c, f, err)
		return
	}
	level := d.terms.Achieved()
	note(c, "level", level)
	need := &f.login.Request.Need
	if acr, ok := need.ACR(p.cfg.Vocabulary, level); ok {
		p.deps.Meter.Leveled(ctx, f.login.Request.Client, need.Target, acr.Level)
	}
	p.deps.Meter.Finished(p.deps.Now().Sub(f.login.StartedAt), f.raw == nil)
	p.redirect(c, f.login.Request.returnTo, url.Values{"code": {code.String()}})
}

// grant writes, in this order, the audit row with the issued subject, the end of
// the login, and the code. If a step fails nothing after it happens: a grant on
// record without a code is harmless, a code without a record cannot be.
func (p *Provider) grant(ctx context.Context, f *flow, d decision, ref string) (handle, error) {
	req, now := &f.login.Request, p.deps.Now()
	acr, ok := req.Need.ACR(p.cfg.Vocabulary, d.terms.Achieved())
	if !ok {
		return handle{}, errors.New("decided to issue below the floor")
	}
	g := eid.Grant{
		ID: randomText(16), Account: f.browser.session.Account, Client: req.Client,
		Requirement: req.Need, Terms: d.terms, ACR: acr, AMR: d.proof.Methods, AuthTime: d.proof.At, ProvedAt: d.proof.Believed(),
		Source: d.proof.Source, IssuedAt: now, Rules: rulesVersion, Config: p.cfg.Version,
	}
	entry := eid.AuditEntry{At: now, Actor: "holder", Action: eid.ActionGrantIssued, Account: g.Account, Client: req.Client, Ref: ref}
	sub, err := p.recordGrant(ctx, &req.rp, g, entry)
	if err != nil {
		return handle{}, err
	}
	aal, err := p.strength(ctx, req, d.proof)
	if err != nil {
		return handle{}, err
	}
	code := newHandle()
	granted := grantRecord{
		Grant: g, Link: d.proof.Link, Subject: sub, SID: f.browser.session.sid(req.Client), RedirectURI: req.RedirectURI, Challenge: req.Challenge,
		Nonce: req.Nonce, Scopes: req.Scopes, Claims: req.Claims, Resources: req.Resources, AAL: aal,
	}
	if req.rp.Refresh {
		if err := p.beginRefreshing(&granted, code, now); err != nil {
			return handle{}, err
		}
	}
	err = p.enlist(ctx, f, sessionGrant{
		Client: req.Client, SID: granted.SID, Slot: code.slot, Family: code.key(kindFamily),
		Until: now.Add(p.longestToken(&req.rp, acr.Level)).Unix(),
	}, store.In(code.slot, store.PutIfAbsent(code.key(kindCode), granted.record(), p.cfg.Lifetimes.Code)))
	if err != nil {
		return handle{}, err
	}
	return code, nil
}

// longestToken is how long tokens of a grant may live at most.
func (p *Provider) longestToken(rp *eid.RelyingParty, level eid.Level) time.Duration {
	l := p.cfg.Lifetimes
	last := max(l.AccessToken, l.JWTAccess)
	switch {
	case !rp.Refresh:
		return l.Code + last
	case level == eid.Level2:
		return l.RefreshLevel2 + last
	}
	return l.RefreshAbsolute + last
}

// enlist puts the grant on the session's list, ends the login and keeps the code,
// in this order. A session that another tab changed meanwhile is read again.
func (p *Provider) enlist(ctx context.Context, f *flow, g sessionGrant, keepCode store.Op) error {
	for range maxRaces {
		listed, ousted := f.browser.session.granted(g, p.deps.Now())
		raw := listed.record()
		ops := []store.Op{store.CompareAndSet(f.browser.handle.key(kindSession), f.browser.raw, raw, p.keepFor(listed))}
		if f.raw != nil {
			ops = append(ops, store.Take(loginKey(f.login.ID)))
		}
		ops = append(ops, keepCode)
		results, err := p.deps.State.Apply(ctx, f.browser.handle.slot, ops...)
		if err != nil {
			return fmt.Errorf("noting grant: %w", err)
		}
		if results[0].OK {
			if len(results) < len(ops) || !results[len(results)-1].OK {
				return errGone
			}
			if ousted != nil {
				return p.burn(ctx, *ousted)
			}
			return nil
		}
		who := f.browser.session.Account
		if f.browser, _, err = p.loadBrowser(ctx, f.browser.handle); err != nil {
			return err
		}
		if f.browser.session.Account != who {
			return errGone
		}
	}
	return errGone
}

// stillGood checks every term of a grant again, as of now (rule 8): the account's
// lock and level, the source and its window, the link, the consent, and that tokens
// still call the holder so.
func (p *Provider) stillGood(ctx context.Context, r *grantRecord) (*eid.Account, bool, error) {
	account, err := p.deps.Accounts.Account(ctx, r.Grant.Account)
	if errors.Is(err, eid.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("reading account: %w", err)
	}
	if account.Usable() != nil {
		return nil, false, nil
	}
	rp, err := p.deps.Clients.RelyingParty(ctx, r.Grant.Client)
	if errors.Is(err, eid.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("finding client: %w", err)
	}
	sources, err := p.deps.Sources.Policies(ctx)
	if err != nil {
		return nil, false, fmt.Errorf("reading sources: %w", err)
	}
	var links []eid.Link
	if r.Link != "" {
		if links, err = p.deps.Accounts.LinksOf(ctx, account.ID); err != nil {
			return nil, false, fmt.Errorf("reading links: %w", err)
		}
	}
	v := view{account: &account, links: links, sources: sources, now: p.deps.Now(), level2Proof: p.cfg.Lifetimes.Level2Proof}
	v.login.Request.registered(rp, p.cfg.Vocabulary)
	if !v.holds(r.Grant, r.Link) {
		return &account, false, nil
	}
	if called, err := p.calls(ctx, &rp, account.ID, r.Subject); err != nil || !called {
		return &account, false, err
	}
	req := request{Client: rp.ID, Scopes: r.Scopes, Claims: r.Claims, rp: rp}
	share, consent, err := p.sharing(ctx, &req, &account)
	if err != nil {
		return nil, false, err
	}
	return &account, len(share) == 0 || consent.Covers(share, v.now), nil
}

// holds re-computes the terms of a grant, and compares with the minimum that the
// party has registered now. Age is not among the terms: it counts for new grants
// only.
func (v *view) holds(g eid.Grant, link string) bool {
	t := v.termsOf(proofOf(g, link))
	t.Freshness = g.Terms.Freshness
	return t.Achieved() >= g.ACR.Level && g.ACR.Level >= v.login.Request.rp.Levels.Minimum
}

// seconds is a lifetime in the unit of the protocol.
func seconds(d time.Duration) int64 { return int64(d / time.Second) }
