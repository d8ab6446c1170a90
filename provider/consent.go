package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/web"
)

// neutral are claims about the account and not the person: sharing them needs no
// consent.
var neutral = []string{"locale", "zoneinfo", "updated_at", "eid_source", "eid_subject_type"}

// shared are the claims that a request would release of an account, as far as
// they are known: what the holder is asked about, and nothing more.
func shared(req *request, a *eid.Account) []string {
	byName := slices.Concat(req.Claims.Userinfo, req.Claims.IDToken)
	list := slices.DeleteFunc(released(&req.rp, req.Scopes, byName), func(name string) bool {
		return slices.Contains(neutral, name) || !isKnown(claimValue(a, &eid.Grant{}, name))
	})
	return sorted(list)
}

// share finds what the request of a flow would share, and the consent that stands.
func (p *Provider) share(ctx context.Context, f *flow, v *view) (err error) {
	req := &f.login.Request
	wanted := released(&req.rp, req.Scopes, slices.Concat(req.Claims.Userinfo, req.Claims.IDToken))
	if f.documents, err = p.documents(ctx, v.account, wantedDocuments(wanted)); err != nil {
		return err
	}
	v.share, v.documents = shared(req, v.account), claimsOfDocuments(f.documents)
	v.consent, err = p.consentFor(ctx, req, v.account, slices.Concat(v.share, v.documents))
	return err
}

// consentFor is the consent that stands, where a request would share something.
func (p *Provider) consentFor(ctx context.Context, req *request, a *eid.Account, share []string) (eid.ConsentGiven, error) {
	if len(share) == 0 {
		return eid.ConsentGiven{}, nil
	}
	consent, err := p.deps.Consents.Consent(ctx, a.ID, req.Client)
	if err != nil && !errors.Is(err, eid.ErrNotFound) {
		return eid.ConsentGiven{}, fmt.Errorf("reading consent: %w", err)
	}
	return consent, nil
}

// giveConsent records the holder's answer to what the page listed, with what was
// answered before. Of documents only those count as agreed to that were ticked.
func (p *Provider) giveConsent(ctx context.Context, f *flow, d decision, ticked []string, ref string) error {
	req, now := &f.login.Request, p.deps.Now()
	if len(d.share) == 0 {
		return nil
	}
	before, err := p.consentFor(ctx, req, f.holder, d.share)
	if err != nil {
		return err
	}
	given := eid.ConsentGiven{Account: f.holder.ID, Client: req.Client, GivenAt: now, Until: now.Add(p.cfg.Lifetimes.Consent)}
	for _, claim := range d.share {
		if slices.Contains(d.documents, claim) && !slices.Contains(ticked, claim) {
			given.Declined = append(given.Declined, claim)
		} else {
			given.Claims = append(given.Claims, claim)
		}
	}
	listed := func(claim string) bool { return slices.Contains(d.share, claim) }
	claims, declined := slices.DeleteFunc(slices.Clone(before.Claims), listed), slices.DeleteFunc(slices.Clone(before.Declined), listed)
	if before.Covers(nil, now) && len(claims)+len(declined) > 0 {
		// What the page did not list stays as it was answered, and no longer than it was.
		given.Claims, given.Declined = sorted(slices.Concat(given.Claims, claims)), sorted(slices.Concat(given.Declined, declined))
		given.Until = before.Until
	}
	entry := eid.AuditEntry{At: now, Actor: "holder", Action: eid.ActionConsentGiven, Account: f.holder.ID, Client: req.Client, Ref: ref}
	if err := p.deps.Consents.GiveConsent(ctx, given, entry); err != nil {
		return fmt.Errorf("recording consent: %w", err)
	}
	return nil
}

func sorted(claims []string) []string {
	slices.Sort(claims)
	return slices.Compact(claims)
}

// showConsent asks, or informs where the party has a legal basis of its own: that is
// for what it knows of people, and never for their documents. ticked are the documents
// that were ticked on a form that is shown again.
func (p *Provider) showConsent(c *gin.Context, f *flow, d decision, ticked ...string) {
	req := &f.login.Request
	if !slices.Equal(f.login.Shown, d.share) {
		f.login.Shown = d.share
		if err := p.save(c.Request.Context(), f); err != nil {
			p.fail(c, f, err)
			return
		}
	}
	values := claimValues(f.holder, &eid.Grant{}, d.share)
	name, number := holderOn(f.holder)
	data := web.ConsentData{
		Common: p.common(c, f), HolderName: name, MaskedNumber: number,
		Purpose: purposeLabel(&req.rp), LegalBasis: basisLabel(&req.rp), Level: d.have,
		Until:     p.deps.Now().Add(p.cfg.Lifetimes.Consent),
		Documents: documentRows(f.documents, d.documents, ticked),
	}
	source := p.nameOfAccountSystem(c.Request.Context())
	for _, row := range consentRows(d.share) {
		data.Claims = append(data.Claims, web.ConsentClaim{Name: row.name, Value: row.show(f.holder, values), Source: source})
	}
	p.renderLogin(c, f, http.StatusOK, "consent", data)
}

// nameOfAccountSystem labels the data: all of it is the account's.
func (p *Provider) nameOfAccountSystem(ctx context.Context) web.Label {
	policies, err := p.deps.Sources.Policies(ctx)
	if err != nil {
		return web.Label{}
	}
	for _, src := range policies {
		if src.Kind == federation.KindAccount {
			return sourceLabel(&src)
		}
	}
	return web.Label{}
}

// consentRow is one line of the page: a claim, with the parts of it that are
// shared.
type consentRow struct {
	name  string
	parts []string
}

// consentRows folds claims into the rows of the page, in its order.
func consentRows(share []string) []consentRow {
	var rows []consentRow
	for _, name := range web.ConsentClaims() {
		row := consentRow{name: name}
		for _, claim := range share {
			if web.ConsentRow(claim) == name {
				row.parts = append(row.parts, claim)
			}
		}
		if len(row.parts) > 0 {
			rows = append(rows, row)
		}
	}
	return rows
}

// show is the value as the page shows it; numbers are masked.
func (r consentRow) show(a *eid.Account, values map[string]any) string {
	switch r.name {
	case "eid_personal_number":
		return a.Person.Identifier.String()
	case "phone_number":
		return maskMiddle(a.Phone.Value)
	case "nationalities":
		return a.Person.Nationality
	case "address":
		return a.Person.Address
	}
	if whole, ok := values[r.name].(string); ok {
		return whole
	}
	var words []string
	for _, part := range []string{"family_name", "middle_name", "given_name"} {
		if text, ok := values[part].(string); ok && slices.Contains(r.parts, part) {
			words = append(words, text)
		}
	}
	return strings.Join(words, " ")
}

// maskMiddle shows the last three characters of a phone number.
func maskMiddle(number string) string {
	if len(number) < 6 {
		return ""
	}
	return "••• ••• " + number[len(number)-3:]
}
