package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"eidgate/eid"
	"eidgate/web"
)

// neutral are claims about the account and not the person: sharing them needs no
// consent.
var neutral = []string{"locale", "zoneinfo", "updated_at", "eid_source", "eid_subject_type"}

// shared are the claims that a request would release of an account, as far as
// they are known: what the holder is asked about, and nothing more.
func shared(req *request, a *eid.Account) []string {
	byName := slices.Concat(req.Claims.Userinfo, req.Claims.IDToken)
	var list []string
	for name := range claimValues(a, &eid.Grant{}, released(&req.rp, req.Scopes, byName)) {
		if !slices.Contains(neutral, name) {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

// sharing finds what a request would share, and the consent that stands.
func (p *Provider) sharing(ctx context.Context, req *request, a *eid.Account) ([]string, eid.ConsentGiven, error) {
	share := shared(req, a)
	if len(share) == 0 {
		return nil, eid.ConsentGiven{}, nil
	}
	consent, err := p.deps.Consents.Consent(ctx, a.ID, req.Client)
	if err != nil && !errors.Is(err, eid.ErrNotFound) {
		return nil, eid.ConsentGiven{}, fmt.Errorf("reading consent: %w", err)
	}
	return share, consent, nil
}

// giveConsent records the holder's answer, with what was agreed to before.
func (p *Provider) giveConsent(ctx context.Context, f *flow, ref string) error {
	req, now := &f.login.Request, p.deps.Now()
	share, before, err := p.sharing(ctx, req, f.holder)
	if err != nil {
		return err
	}
	if len(share) == 0 {
		return nil
	}
	if before.Covers(nil, now) {
		share = append(share, before.Claims...)
		slices.Sort(share)
		share = slices.Compact(share)
	}
	given := eid.ConsentGiven{Account: f.holder.ID, Client: req.Client, Claims: share, GivenAt: now, Until: now.Add(p.cfg.Lifetimes.Consent)}
	entry := eid.AuditEntry{At: now, Actor: "holder", Action: eid.ActionConsentGiven, Account: f.holder.ID, Client: req.Client, Ref: ref}
	if err := p.deps.Consents.GiveConsent(ctx, given, entry); err != nil {
		return fmt.Errorf("recording consent: %w", err)
	}
	return nil
}

// showConsent asks, or informs where the party has a legal basis of its own.
func (p *Provider) showConsent(c *gin.Context, f *flow, d decision) {
	req := &f.login.Request
	share := shared(req, f.holder)
	values := claimValues(f.holder, &eid.Grant{}, share)
	data := web.ConsentData{
		Common: p.common(c, f), HolderName: f.holder.Person.Name, MaskedNumber: f.holder.Person.Identifier.String(),
		Purpose: req.rp.Consent.Purpose, LegalBasis: req.rp.Consent.LegalBasis, Level: d.have,
		Until: p.deps.Now().Add(p.cfg.Lifetimes.Consent),
	}
	for _, name := range share {
		if whole, part := wholeOf[name]; part && slices.Contains(share, whole) {
			continue
		}
		data.Claims = append(data.Claims, consentClaim(name, f.holder, values[name]))
	}
	p.renderLogin(c, f, http.StatusOK, "consent", data)
}

// wholeOf names the claim that shows a part of it, so that the part needs no row
// of its own.
var wholeOf = map[string]string{
	"family_name": "name", "middle_name": "name", "given_name": "name",
	"email_verified": "email", "phone_number_verified": "phone_number",
}

// consentClaim is a claim as the page shows it; numbers are masked.
func consentClaim(name string, a *eid.Account, value any) web.ConsentClaim {
	claim := web.ConsentClaim{Name: name}
	switch name {
	case "eid_personal_number":
		claim.Value = a.Person.Identifier.String()
	case "phone_number":
		claim.Value = maskMiddle(a.Phone.Value)
	default:
		if text, ok := value.(string); ok {
			claim.Value = text
		}
	}
	return claim
}

// maskMiddle shows the last three characters of a phone number.
func maskMiddle(number string) string {
	if len(number) < 6 {
		return ""
	}
	return "••• ••• " + number[len(number)-3:]
}
