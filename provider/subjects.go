package provider

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"eidgate/eid"
	"eidgate/keys"
	"eidgate/store"
)

const (
	typSubjects = "subject-map+jwt" // no token of any other kind

	// maxRenamed bounds the old subjects of one answer, and is the default.
	maxRenamed = 1000
	maxOld     = 255 // characters of a subject (OpenID Connect Core §2)

	// askRenamed is how often one party may ask in a minute: for a page of all, or at a
	// sign-in for who that is.
	askRenamed = 1200
)

// renamedClaims is what a party is told of its old subjects. It has no sub, so that it
// cannot pass as a token of somebody's.
type renamedClaims struct {
	Issuer    string               `json:"iss"`
	Audience  string               `json:"aud"`
	IssuedAt  int64                `json:"iat"`
	ExpiresAt int64                `json:"exp"`
	ID        string               `json:"jti"`
	Subjects  []eid.RenamedSubject `json:"subjects"`
	// Next is the after of the next page; empty, there is none.
	Next string `json:"next,omitempty"`
}

// renamed tells a party what tokens of its sector call people in place of its old
// subjects: of all, a page at a time, or of the one that a token brought. The party
// authenticates as at the token endpoint, by more than its name.
func (p *Provider) renamed(c *gin.Context) {
	call, form, ok := p.provenBackChannel(c)
	if !ok {
		return
	}
	limit, refusal := renamedPage(form)
	if refusal != nil {
		refusal.write(c, http.StatusBadRequest)
		return
	}
	ctx := c.Request.Context()
	wait, err := p.mayAsk(ctx, call.rp, "subjects", askRenamed)
	if err != nil {
		p.backChannelFailure(c, err)
		return
	}
	if wait > 0 {
		askLater(c, wait)
		return
	}
	list, next, err := p.deps.Grants.RenamedSubjects(ctx, call.rp.Sector, form.Get("subject"), form.Get("after"), limit)
	if err != nil {
		p.backChannelFailure(c, err)
		return
	}
	now := p.deps.Now()
	err = p.deps.Grants.Record(ctx, eid.AuditEntry{
		At: now, Actor: "client:" + call.rp.ID, Action: eid.ActionSubjectsTold, Client: call.rp.ID, Ref: ref(c),
		Detail: detail(map[string]any{"pairs": len(list)}),
	})
	if err != nil {
		p.backChannelFailure(c, fmt.Errorf("recording what was told: %w", err))
		return
	}
	if list == nil {
		list = []eid.RenamedSubject{}
	}
	p.writeJWT(c, keys.Algorithm(call.rp.IDTokenAlg), typSubjects, "application/jwt", renamedClaims{
		Issuer: p.cfg.Issuer, Audience: call.rp.ID, IssuedAt: now.Unix(), ExpiresAt: now.Add(p.cfg.Lifetimes.IDToken).Unix(),
		ID: randomText(16), Subjects: list, Next: next,
	})
}

// renamedPage reads how much is asked for.
func renamedPage(form url.Values) (int, *oauthError) {
	if len(form.Get("after")) > maxOld || len(form.Get("subject")) > maxOld {
		return 0, refuse(codeInvalidRequest, "after or subject is longer than a subject")
	}
	if !form.Has("limit") {
		return maxRenamed, nil
	}
	limit, err := strconv.Atoi(form.Get("limit"))
	if err != nil || limit < 1 || limit > maxRenamed {
		return 0, refuse(codeInvalidRequest, "limit is from 1 to 1000")
	}
	return limit, nil
}

// mayAsk counts what a party asks of a kind in a minute; otherwise it says how long to
// wait.
func (p *Provider) mayAsk(ctx context.Context, rp *eid.RelyingParty, what string, most int64) (time.Duration, error) {
	results, err := p.deps.State.Apply(ctx, "client:"+hashText(rp.ID), store.Count(what, most, time.Minute))
	if err != nil {
		return 0, fmt.Errorf("counting what a party asks: %w", err)
	}
	if !results[0].OK {
		return max(results[0].Left, time.Second), nil
	}
	return 0, nil
}
