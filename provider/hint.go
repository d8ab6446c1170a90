package provider

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"

	"eidgate/eid"
)

// sealedHint begins a login_hint that is sealed already.
const sealedHint = "sealed."

func hintContext(client string) string { return "login_hint/" + client }

// coverHint seals the login_hint of a form before the form becomes an address:
// what a portal took care to keep out of addresses stays out of them.
func (p *Provider) coverHint(params url.Values) error {
	hint, client := params["login_hint"], params.Get("client_id")
	if len(hint) != 1 || strings.HasPrefix(hint[0], sealedHint) {
		return nil
	}
	sealed, err := p.sealHint(hint[0], client)
	if err != nil {
		return err
	}
	params.Del("login_hint")
	if sealed != nil {
		params.Set("login_hint", sealedHint+base64.RawURLEncoding.EncodeToString(sealed))
	}
	return nil
}

// sealHint seals a login_hint for the login record. One that is too long is none:
// a hint may always be ignored (OpenID Connect Core §3.1.2.1).
func (p *Provider) sealHint(hint, client string) ([]byte, error) {
	if text, ok := strings.CutPrefix(hint, sealedHint); ok {
		sealed, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil || len(sealed) > 2*maxHint {
			return nil, nil //nolint:nilerr // not one of ours: no hint
		}
		return sealed, nil
	}
	if hint == "" || len(hint) > maxHint {
		return nil, nil
	}
	sealed, err := p.deps.Sealer.Seal([]byte(hint), hintContext(client))
	if err != nil {
		return nil, fmt.Errorf("sealing login_hint: %w", err)
	}
	return sealed, nil
}

// openHint gives the hint to a source; one that does not open is none.
func (p *Provider) openHint(r *request) eid.Secret {
	if len(r.Hint) == 0 {
		return eid.Secret{}
	}
	hint, err := p.deps.Sealer.Open(r.Hint, hintContext(r.Client))
	if err != nil {
		return eid.Secret{}
	}
	return eid.NewSecret(string(hint))
}
