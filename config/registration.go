package config

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"eidgate/eid"
)

// Consent says what a client's use of a holder's data rests on.
type Consent struct {
	Purpose   string `koanf:"purpose"`    // what the data is for, shown to holders
	PurposeEN string `koanf:"purpose_en"` // purpose on pages in English; without it, purpose
	// Replaces the holder's consent at an administrative portal; the page then
	// informs (Decree 13/2023, Art. 17).
	LegalBasis string `koanf:"legal_basis"`
	// legal_basis on pages in English; without it, legal_basis.
	LegalBasisEN string `koanf:"legal_basis_en"`
}

// Logout says how a client is told that a session ended, and where holders may
// be sent after a logout.
type Logout struct {
	PostLogoutRedirectURIs []string `koanf:"post_logout_redirect_uris"` // where holders may be sent after a logout
	BackchannelURI         string   `koanf:"backchannel_uri"`           // what the gateway calls when a session ends
	FrontchannelURI        string   `koanf:"frontchannel_uri"`          // what is shown in a frame when a session ends; of the origin of a redirect URI
	// Adds iss and sid to frontchannel_uri.
	FrontchannelSession bool `koanf:"frontchannel_session"`
}

func (l *Logout) party() eid.Logout {
	return eid.Logout{
		PostLogoutRedirectURIs: slices.Clone(l.PostLogoutRedirectURIs),
		BackchannelURI:         l.BackchannelURI,
		FrontchannelURI:        l.FrontchannelURI,
		FrontchannelSession:    l.FrontchannelSession,
	}
}

func (l *Logout) check(f *faults, at string, redirects, allow []string) {
	post := member(at, "post_logout_redirect_uris")
	for j, uri := range l.PostLogoutRedirectURIs {
		checkAddress(f, item(post, j), uri, address{query: true})
		if slices.Contains(l.PostLogoutRedirectURIs[:j], uri) {
			f.add(item(post, j), "given twice", "keep one")
		}
	}
	if l.BackchannelURI != "" {
		path := member(at, "backchannel_uri")
		checkAddress(f, path, l.BackchannelURI, address{query: true})
		checkReachable(f, path, l.BackchannelURI, allow)
	}
	if l.FrontchannelURI == "" {
		if l.FrontchannelSession {
			f.add(member(at, "frontchannel_session"), "given without frontchannel_uri", "add frontchannel_uri or remove it")
		}
		return
	}
	path := member(at, "frontchannel_uri")
	checkAddress(f, path, l.FrontchannelURI, address{query: true})
	// OpenID Connect Front-Channel Logout §2.
	same := func(redirect string) bool { return originOf(redirect) == originOf(l.FrontchannelURI) }
	if len(redirects) > 0 && !slices.ContainsFunc(redirects, same) {
		f.add(path, "of another origin than every redirect URI", "the scheme, host and port of one of redirect_uris")
	}
}

// originOf is the scheme, host and port of a URL, the default port left out.
func originOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return ""
	}
	host := strings.ToLower(u.Host)
	host = strings.TrimSuffix(host, map[string]string{"https": ":443", "http": ":80"}[u.Scheme])
	return u.Scheme + "://" + host
}

// maxRefreshGrace bounds the time in which a refresh token may be used again.
const maxRefreshGrace = 10 * time.Second

func (cl *Client) checkTokens(f *faults, at, issuer string) {
	grace := member(at, "refresh_grace")
	switch {
	case cl.RefreshGrace < 0 || cl.RefreshGrace > maxRefreshGrace:
		f.add(grace, "out of bounds", "from 0s to "+short(maxRefreshGrace))
	case cl.RefreshGrace > 0 && !cl.Refresh:
		f.add(grace, "given without refresh", "refresh: true, or remove it")
	}
	checkChoice(f, member(at, "userinfo_alg"), cl.UserinfoAlg, false)
	for j, resource := range cl.Resources {
		path := item(member(at, "resources"), j)
		u, err := url.Parse(resource)
		switch {
		case err != nil || unfit(resource) || !u.IsAbs() || u.Host == "" && u.Opaque == "":
			f.add(path, "not an absolute URI", "such as https://api.example.vn (RFC 8707 §2)")
		case strings.Contains(resource, "#"):
			f.add(path, "has a fragment", "remove the # and what follows")
		case resource == issuer:
			f.add(path, "the gateway itself", "the audience that the tokens are for")
		case slices.Contains(cl.Resources[:j], resource):
			f.add(path, "given twice", "keep one")
		}
	}
}

func (cl *Client) checkOrigins(f *faults, at string) {
	for j, origin := range cl.Origins {
		path := item(member(at, "origins"), j)
		checkAddress(f, path, origin, address{bare: true})
		if slices.Contains(cl.Origins[:j], origin) {
			f.add(path, "given twice", "keep one")
		}
	}
}

// maxPurpose is the longest purpose or legal basis, in characters.
const maxPurpose = 300

func (cl *Client) checkConsent(f *faults, at string) {
	at = member(at, "consent")
	checkLine(f, member(at, "purpose"), cl.Consent.Purpose, maxPurpose)
	checkTranslation(f, member(at, "purpose_en"), cl.Consent.PurposeEN, cl.Consent.Purpose)
	basis := member(at, "legal_basis")
	checkLine(f, basis, cl.Consent.LegalBasis, maxPurpose)
	checkTranslation(f, member(at, "legal_basis_en"), cl.Consent.LegalBasisEN, cl.Consent.LegalBasis)
	if cl.Consent.LegalBasis != "" && !slices.Contains([]string{"national", "ministry", "province"}, cl.Tier) {
		f.add(basis, "not for this tier", "only national, ministry and province portals act by law; others ask for consent")
	}
}

// checkTranslation accepts an English text beside a Vietnamese one.
func checkTranslation(f *faults, path, english, vietnamese string) {
	if english != "" && vietnamese == "" {
		f.add(path, "given without the Vietnamese text", "the same key without _en as well")
	}
	checkLine(f, path, english, maxPurpose)
}
