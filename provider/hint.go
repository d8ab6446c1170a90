package provider

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"eidgate/eid"
)

// sealedHint begins a login_hint that is sealed for one redirect of ours.
const sealedHint = "sealed."

// hintCarried is how long a hint in an address counts: one redirect. Addresses are
// kept by histories and proxies, and a hint may be a personal number.
const hintCarried = time.Minute

func hintContext(client string) string    { return "login_hint/" + client }
func carriedContext(client string) string { return "login_hint in an address/" + client }

// coverHint seals the login_hint of a form before the form becomes an address:
// what a portal took care to keep out of addresses stays out of them.
func (p *Provider) coverHint(params url.Values) error {
	hint, client := params["login_hint"], params.Get("client_id")
	if len(hint) != 1 || strings.HasPrefix(hint[0], sealedHint) {
		return nil
	}
	params.Del("login_hint")
	if hint[0] == "" || len(hint[0]) > maxHint {
		return nil
	}
	sealed, err := p.deps.Sealer.Seal(fmt.Appendf(nil, "%d %s", p.deps.Now().Unix(), hint[0]), carriedContext(client))
	if err != nil {
		return fmt.Errorf("sealing login_hint: %w", err)
	}
	params.Set("login_hint", sealedHint+base64.RawURLEncoding.EncodeToString(sealed))
	return nil
}

// carriedHint opens what coverHint sealed; anything else, or later, is no hint.
func (p *Provider) carriedHint(text, client string) string {
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(sealed) > 2*maxHint {
		return ""
	}
	plain, err := p.deps.Sealer.Open(sealed, carriedContext(client))
	if err != nil {
		return ""
	}
	at, hint, _ := strings.Cut(string(plain), " ")
	seconds, err := strconv.ParseInt(at, 10, 64)
	if age := p.deps.Now().Sub(time.Unix(seconds, 0)); err != nil || age < -time.Second || age > hintCarried {
		return ""
	}
	return hint
}

// sealHint seals a login_hint for the login record. One that is too long is none:
// a hint may always be ignored (OpenID Connect Core §3.1.2.1).
func (p *Provider) sealHint(hint, client string) ([]byte, error) {
	if text, ok := strings.CutPrefix(hint, sealedHint); ok {
		hint = p.carriedHint(text, client)
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
