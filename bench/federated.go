package main

import (
	"context"
	"net/http"
	"net/url"

	"eidgate/federation/fedtest"
)

// traveller is somebody with a session at the upstream provider, in whose new
// browsers federated flows begin.
type traveller struct {
	person
	upstream string // the provider's cookie
}

// travellers signs the linked people in once, at the provider and at every
// federated party, where they consent.
func (g *gateway) travellers(ctx context.Context, up *upstream) ([]traveller, error) {
	var list []traveller
	for _, who := range g.people {
		if who.upstream == "" {
			continue
		}
		t := traveller{person: who}
		for _, alg := range algorithms {
			b, err := g.federatedFlow(ctx, up, g.federated[alg], t)
			if err != nil {
				return nil, err
			}
			if t.upstream == "" {
				t.upstream = b.cookie(up.issuer, fedtest.SessionCookie)
			}
		}
		list = append(list, t)
	}
	return list, nil
}

// federatedFlow is a whole sign-in in a new browser: authorization request,
// redirect to the upstream provider, callback, code, tokens.
func (g *gateway) federatedFlow(ctx context.Context, up *upstream, p *party, who traveller) (*browser, error) {
	b, err := newBrowser(g.transport)
	if err != nil {
		return nil, err
	}
	if who.upstream != "" {
		at, err := url.Parse(up.issuer)
		if err != nil {
			return nil, err
		}
		// Cookies ignore ports, and this browser is new: it has no other.
		b.jar.SetCookies(at, []*http.Cookie{{Name: fedtest.SessionCookie, Value: who.upstream, Path: "/"}})
	}
	a := p.ask()
	location, err := b.signIn(ctx, a.address, who.person)
	if err != nil {
		return nil, err
	}
	_, err = p.exchange(ctx, a, location)
	return b, err
}
