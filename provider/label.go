package provider

import (
	"context"

	"eidgate/eid"
	"eidgate/web"
)

// Names and texts of registrations, as pages show them.

func partyLabel(rp *eid.RelyingParty) web.Label { return web.Label{Text: rp.Name, English: rp.NameEN} }

func purposeLabel(rp *eid.RelyingParty) web.Label {
	return web.Label{Text: rp.Consent.Purpose, English: rp.Consent.PurposeEN}
}

func basisLabel(rp *eid.RelyingParty) web.Label {
	return web.Label{Text: rp.Consent.LegalBasis, English: rp.Consent.LegalBasisEN}
}

func sourceLabel(src *eid.Source) web.Label { return web.Label{Text: src.Name, English: src.NameEN} }

// nameOf is a source by its id, empty when it is not registered.
func (p *Provider) nameOf(ctx context.Context, id string) web.Label {
	policies, err := p.deps.Sources.Policies(ctx)
	if err != nil || id == "" {
		return web.Label{}
	}
	for _, src := range policies {
		if src.ID == id {
			return sourceLabel(&src)
		}
	}
	return web.Label{}
}
