package provider

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"eidgate/eid"
	"eidgate/federation"
)

// Scopes (OpenID Connect Core §5.4; eid is this gateway's own).
const (
	scopeOpenID  = "openid"
	scopeProfile = "profile"
	scopeEmail   = "email"
	scopePhone   = "phone"
	scopeAddress = "address"
	scopeEID     = "eid"
)

var scopesSupported = []string{scopeOpenID, scopeProfile, scopeEmail, scopePhone, scopeAddress, scopeEID}

// claimsOf lists the claims that each scope releases.
var claimsOf = map[string][]string{
	scopeProfile: {
		"name", "family_name", "middle_name", "given_name", "nickname", "preferred_username", "profile", "picture", "website",
		"gender", "birthdate", "locale", "zoneinfo", "updated_at",
	},
	scopeEmail:   {"email", "email_verified"},
	scopePhone:   {"phone_number", "phone_number_verified"},
	scopeAddress: {"address"},
	scopeEID:     {"eid_personal_number", "eid_subject_type", "eid_source", "nationalities"},
}

// claimAAL is the authentication strength of Decree 69/2024, Art. 20.
const claimAAL = "aal"

// claimsByName belong to no scope and tell nothing of the person: any party gets
// them, and only when it asks by name.
var claimsByName = []string{claimAAL}

// isClaim reports whether a claim of that name is known.
func isClaim(name string) bool {
	if slices.Contains(claimsByName, name) {
		return true
	}
	for _, claims := range claimsOf {
		if slices.Contains(claims, name) {
			return true
		}
	}
	return false
}

// released are the claims that a party gets: those of the granted scopes, and
// those asked for by name as far as a scope that the party registered has them.
// Asking by name never widens a registration.
func released(rp *eid.RelyingParty, scopes, byName []string) []string {
	list := make([]string, 0, 32) // more than all scopes have together
	for _, scope := range scopes {
		list = append(list, claimsOf[scope]...)
	}
	for _, scope := range rp.Scopes {
		for _, claim := range claimsOf[scope] {
			if slices.Contains(byName, claim) && !slices.Contains(list, claim) {
				list = append(list, claim)
			}
		}
	}
	for _, claim := range claimsByName {
		if slices.Contains(byName, claim) {
			list = append(list, claim)
		}
	}
	return list
}

// claims are the values of what a grant releases.
func (r *grantRecord) claims(rp *eid.RelyingParty, a *eid.Account, scopes, byName []string) map[string]any {
	wanted := released(rp, scopes, byName)
	values := claimValues(a, &r.Grant, wanted)
	if r.AAL != "" && slices.Contains(wanted, claimAAL) {
		values[claimAAL] = r.AAL
	}
	return values
}

// strength is the authentication strength of a proof, where somebody asked and
// the gateway saw the methods itself: what an upstream says of its methods is not
// mapped to strengths.
func (p *Provider) strength(ctx context.Context, req *request, proof federation.Proof) (string, error) {
	if !slices.Contains(req.Claims.IDToken, claimAAL) && !slices.Contains(req.Claims.Userinfo, claimAAL) {
		return "", nil
	}
	sources, err := p.deps.Sources.Policies(ctx)
	if err != nil {
		return "", fmt.Errorf("reading sources: %w", err)
	}
	v := view{sources: sources}
	src := v.source(proof.Source)
	if src == nil || src.Kind != federation.KindAccount {
		return "", nil
	}
	return src.Carries().AAL(proof.Methods), nil
}

// claimValues gives the known values of claims. What is not known is left out
// (OpenID Connect Core §5.3.2).
func claimValues(a *eid.Account, g *eid.Grant, wanted []string) map[string]any {
	known := make(map[string]any, len(wanted))
	for _, name := range wanted {
		if v := claimValue(a, g, name); isKnown(v) {
			known[name] = v
		}
	}
	return known
}

func isKnown(value any) bool { return value != nil && value != "" }

func claimValue(a *eid.Account, g *eid.Grant, claim string) any {
	if a.Unverified() && claim != "eid_source" {
		return nil // what its portal says of its holder is that portal's word, and it knows it
	}
	switch claim {
	case "name":
		return a.Person.Name
	case "family_name":
		family, _, _ := splitName(a.Person.Name)
		return family
	case "middle_name":
		_, middle, _ := splitName(a.Person.Name)
		return middle
	case "given_name":
		_, _, given := splitName(a.Person.Name)
		return given
	case "nickname":
		return a.Declared.Nickname
	case "preferred_username":
		return a.Declared.PreferredUsername
	case "profile":
		return a.Declared.Profile
	case "picture":
		return a.Declared.Picture
	case "website":
		return a.Declared.Website
	case "gender":
		return a.Person.Gender
	case "birthdate":
		return a.Person.BirthDate
	case "locale":
		return "vi-VN"
	case "zoneinfo":
		return "Asia/Ho_Chi_Minh"
	case "updated_at":
		return a.UpdatedAt.Unix()
	case "email":
		return a.Email.Value
	case "email_verified":
		return ifKnown(a.Email)
	case "phone_number":
		return internationalPhone(a.Phone.Value)
	case "phone_number_verified":
		return ifKnown(a.Phone)
	case "address":
		if a.Person.Address != "" {
			return map[string]string{"formatted": a.Person.Address} // OpenID Connect Core §5.1.1
		}
	case "eid_personal_number":
		if a.Person.Identifier.Kind() == eid.KindPersonalNumber {
			return a.Person.Identifier.Reveal()
		}
	case "eid_subject_type":
		return string(a.Person.Type)
	case "eid_source":
		return g.Source
	case "nationalities":
		if a.Person.Nationality != "" {
			return []string{a.Person.Nationality}
		}
	}
	return nil
}

func ifKnown(c eid.Contact) any {
	if c.Value == "" {
		return nil
	}
	return c.Verified
}

// splitName takes a Vietnamese name apart: family name first, given name last.
// A name of one word is a given name.
func splitName(name string) (family, middle, given string) {
	name = strings.TrimSpace(name)
	first, last := strings.IndexFunc(name, unicode.IsSpace), strings.LastIndexFunc(name, unicode.IsSpace)
	if first < 0 {
		return "", "", name
	}
	given = strings.TrimLeftFunc(name[last:], unicode.IsSpace)
	return name[:first], strings.Join(strings.Fields(name[first:last]), " "), given
}

// internationalPhone writes a national number as E.164.
func internationalPhone(number string) string {
	if rest, ok := strings.CutPrefix(number, "0"); ok {
		return "+84" + rest
	}
	return number
}
