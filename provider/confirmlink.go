package provider

import (
	"errors"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/federation"
)

// confirmLink links both sides at the holder's word. The proof of the legacy side joins
// that of the national identity in the session.
func (p *Provider) confirmLink(c *gin.Context, f *flow) {
	ctx, k, now := c.Request.Context(), f.login.Linking, p.deps.Now()
	a, err := p.pending(&f.login)
	if err != nil {
		p.fail(c, f, err)
		return
	}
	src, speaker, err := p.openSource(ctx, k.Source)
	if err != nil {
		p.sourceFailed(c, f, k.Source, err)
		return
	}
	// The source, its window and its switch are asked once more.
	if err := federation.Admit(&src, &f.login.Request.rp, k.Given, now); err != nil {
		p.sourceFailed(c, f, src.ID, err)
		return
	}
	entry := eid.AuditEntry{
		At: now, Actor: "holder", Account: f.holder.ID, Client: f.login.Request.Client, Ref: ref(c),
		Action: eid.ActionSignedIn, Detail: detail(map[string]any{"source": src.ID, "level": a.Level, "amr": a.Methods}),
	}
	r, err := p.agree(ctx, &src, a, f.holder, entry)
	if errors.Is(err, federation.ErrDown) { // it waits: the holder may say so once more
		note(c, "source", src.ID, "err", err)
		p.showRefused(c, f, refusal{Reason: reasonDown, Source: src.ID})
		return
	}
	if err != nil {
		p.sourceFailed(c, f, src.ID, err)
		return
	}
	if r != nil {
		p.endWith(c, f, *r)
		return
	}
	settled, err := p.claim(c, f, &src, a, entry)
	if err != nil {
		p.fail(c, f, err)
		return
	}
	if settled.Outcome != accounts.Linked {
		p.unsettled(c, f, &src, settled)
		return
	}
	if settled.Shadowed {
		p.poke() // parties of the account that stood for the old one are told at once
	}
	proof := f.login.proofBy(src, a, f.holder.ID, settled.Link.ID, k.Given)
	f.login.Linking = nil
	if p.join(c, f, way{src: src, speaker: speaker, begun: k.Begun}, a, proof, false) {
		p.toLogin(c, f)
	}
}

// claim says that both sides are one person.
func (p *Provider) claim(c *gin.Context, f *flow, src *eid.Source, a federation.Assertion, entry eid.AuditEntry) (accounts.Settled, error) {
	ctx, k := c.Request.Context(), f.login.Linking
	policies, err := p.deps.Sources.Policies(ctx)
	if err != nil {
		return accounts.Settled{}, err
	}
	held := func(proof federation.Proof) bool {
		return proof.Login == f.login.ID && proof.Source == k.Proved.Source && proof.Account == k.Proved.Account && proof.Given.Equal(k.Proved.Given)
	}
	if k.Proved.Account != f.holder.ID || !slices.ContainsFunc(f.browser.session.Proofs, held) {
		return accounts.Settled{Outcome: accounts.Unproved}, nil // the session lost it meanwhile
	}
	return p.deps.Linker.Link(ctx, accounts.Claim{
		Source: *src, Account: f.holder.ID, NationalLink: k.Proved.Link, Client: f.login.Request.Client, Ref: ref(c), SignIn: entry,
		Legacy: accounts.Proved{
			Source: src.ID, Subject: a.Subject, Level: a.Level, Methods: a.Methods, At: a.At, Given: k.Given, Said: saidOf(a.Person),
		},
		National: accounts.Proved{
			Source: k.Proved.Source, Level: p.carries(policies, k.Proved, f.holder), Methods: k.Proved.Methods, At: k.Proved.At, Given: k.Proved.Given,
		},
	})
}

// tooManyConflicts is how long an account that opened too many conflicts waits.
const tooManyConflicts = time.Hour

// unsettled says why a link was not made.
func (p *Provider) unsettled(c *gin.Context, f *flow, src *eid.Source, s accounts.Settled) {
	switch s.Outcome {
	case accounts.Conflicted:
		note(c, "conflict", s.Ref)
		why := reasonConflict
		if s.Kind == eid.ConflictRows {
			why = reasonContested
		}
		p.endWith(c, f, refusal{Reason: why, Source: src.ID, Ref: s.Ref})
	case accounts.Rejected:
		p.endWith(c, f, refusal{Reason: reasonRejected, Source: src.ID, Ref: s.Ref})
	case accounts.Throttled:
		p.showRefused(c, f, refusal{Reason: reasonTryLater, Until: p.deps.Now().Add(tooManyConflicts)})
	case accounts.Unusable:
		p.toLogin(c, f) // which tells why
	default: // something changed since the page was shown: it is begun again
		f.login.Linking.Stale, f.login.Linking.Proved = true, nil
		if err := p.save(c.Request.Context(), f); err != nil {
			p.fail(c, f, err)
			return
		}
		p.toLogin(c, f)
	}
}
