package eid

import (
	"encoding/json"
	"net/netip"
	"slices"
	"time"
)

// AuthMethod is how a client authenticates at the token endpoint (OpenID
// Connect Core §9). The zero value authenticates nobody.
type AuthMethod string

// The registered methods.
const (
	AuthNone          AuthMethod = "none"
	AuthSecretBasic   AuthMethod = "client_secret_basic"
	AuthSecretPost    AuthMethod = "client_secret_post"
	AuthPrivateKeyJWT AuthMethod = "private_key_jwt"
)

// RelyingParty is a service that signs people in: what a portal registered.
type RelyingParty struct {
	ID   string `json:"id"`
	Name string `json:"name"` // shown to holders
	// NameEN is the name on pages in English; empty shows Name.
	NameEN string `json:"name_en,omitempty"`
	URL    string `json:"url"` // where holders go back to
	// Tier is national, ministry, province or other (Decision 34/2021, Art. 13).
	Tier string `json:"tier"`
	// Category is administrative unless it says other.
	Category   Category   `json:"category,omitempty"`
	AuthMethod AuthMethod `json:"auth_method"`
	// SecretHashes are the SHA-256 of the secrets in force, base64url.
	SecretHashes []string `json:"secret_hashes,omitempty"`
	// Native relaxes the port of loopback redirect URIs (RFC 8252 §7.3).
	Native       bool     `json:"native,omitempty"`
	RedirectURIs []string `json:"redirect_uris"`
	Scopes       []string `json:"scopes"`
	// Sector names the group of parties that share subjects. It never changes.
	Sector string `json:"sector"`
	// IDTokenAlg signs this party's ID tokens: RS256, ES256 or PS256, whichever the gateway has keys for.
	IDTokenAlg string      `json:"id_token_alg"`
	Levels     LevelPolicy `json:"levels"`
	// Sources are the ids of the sources this party accepts, in order.
	Sources []string `json:"sources"`
	// SourceDecisions say on what authority, by the ids of sources.
	SourceDecisions map[string]Decision `json:"source_decisions,omitempty"`
	// NotReady lets an administrative party take legacy providers for a time.
	NotReady *NotReady `json:"not_ready,omitempty"`
	// PKCEExempt lets a confidential client leave PKCE out.
	PKCEExempt bool `json:"pkce_exempt,omitempty"`

	// JWKS or JWKSURI hold the client's public keys (RFC 7591 §2), for
	// private_key_jwt and signed request objects. At most one is set.
	JWKS    json.RawMessage `json:"jwks,omitempty"`
	JWKSURI string          `json:"jwks_uri,omitempty"`
	// Refresh lets the client use refresh tokens. RefreshGrace is how long the
	// one before the last is answered with the same successor, at most 10 s.
	Refresh      bool          `json:"refresh,omitempty"`
	RefreshGrace time.Duration `json:"refresh_grace,omitempty"`
	// Resources are the audiences (RFC 8707) for which the client may ask JWT
	// access tokens (RFC 9068).
	Resources []string `json:"resources,omitempty"`
	// UserinfoAlg signs userinfo answers: RS256, ES256 or PS256; empty answers JSON.
	UserinfoAlg string `json:"userinfo_alg,omitempty"`
	// Origins are those of the party's browser clients (CORS).
	Origins []string `json:"origins,omitempty"`
	Consent Consent  `json:"consent,omitzero"`
	Logout  Logout   `json:"logout,omitzero"`
	// AwaitKeyFetch has a new key that would sign for this party wait until the party
	// has fetched it. Fetches of the party's own address of the key set count, and those
	// of the common one that come from KeyFetchFrom.
	AwaitKeyFetch bool           `json:"await_key_fetch,omitempty"`
	KeyFetchFrom  []netip.Prefix `json:"key_fetch_from,omitempty"`
	// Builtin marks the gateway's own pages, which are a client of it too and no portal.
	Builtin bool `json:"builtin,omitempty"`
	// OldSubjects is what is done with the subjects that the party knew people by before.
	OldSubjects OldSubjects `json:"old_subjects,omitempty"`
}

// SignedWith reports whether something for this party is signed with an algorithm: its
// ID tokens, userinfo answers, or the access tokens of its resources, which are RS256
// (RFC 9068 §2.1).
func (p *RelyingParty) SignedWith(alg string) bool {
	return p.IDTokenAlg == alg || p.UserinfoAlg == alg && alg != "" || alg == "RS256" && len(p.Resources) > 0
}

// Consent is how a party may receive a holder's data (Decree 13/2023, Arts. 11
// and 17).
type Consent struct {
	// Purpose tells holders what the data is for.
	Purpose   string `json:"purpose,omitempty"`
	PurposeEN string `json:"purpose_en,omitempty"` // in English; empty shows Purpose
	// LegalBasis, where an administrative portal has one, replaces the holder's
	// consent: the page informs instead of asking.
	LegalBasis   string `json:"legal_basis,omitempty"`
	LegalBasisEN string `json:"legal_basis_en,omitempty"` // in English; empty shows LegalBasis
}

// Logout says how a party is told that a session ended.
type Logout struct {
	// PostLogoutRedirectURIs are where holders may be sent after a logout
	// (OpenID Connect RP-Initiated Logout §3.1).
	PostLogoutRedirectURIs []string `json:"post_logout_redirect_uris,omitempty"`
	// BackchannelURI takes logout tokens (OpenID Connect Back-Channel Logout §2.2).
	BackchannelURI string `json:"backchannel_uri,omitempty"`
	// FrontchannelURI is loaded in a frame (OpenID Connect Front-Channel Logout §2);
	// FrontchannelSession adds iss and sid to it.
	FrontchannelURI     string `json:"frontchannel_uri,omitempty"`
	FrontchannelSession bool   `json:"frontchannel_session,omitempty"`
}

// AllowsSource reports whether the party accepts a source.
func (p *RelyingParty) AllowsSource(id string) bool { return slices.Contains(p.Sources, id) }

// Window is a half-open span of time. The zero window is never open: From is
// required, a zero Until means no end.
type Window struct {
	From  time.Time `json:"from"`
	Until time.Time `json:"until,omitzero"`
}

// Open reports whether t lies in the window: From ≤ t < Until.
func (w Window) Open(t time.Time) bool {
	return !w.From.IsZero() && !t.Before(w.From) && (w.Until.IsZero() || t.Before(w.Until))
}

// Ceiling is a level that holds from a date on.
type Ceiling struct {
	From  time.Time `json:"from"`
	Level Level     `json:"level"`
}

// Source is a registered way of proving who someone is. Policy stands here, the
// protocol's own settings in Settings.
type Source struct {
	ID       string `json:"id"`
	Kind     string `json:"kind"`              // the protocol: account, openid, saml, …
	Name     string `json:"name"`              // shown to holders
	NameEN   string `json:"name_en,omitempty"` // in English; empty shows Name
	Provider string `json:"provider"`          // labels every assertion (Decision 34/2021, transition)
	// National marks the identity of the Ministry of Public Security (Decision
	// 34/2021, Art. 9); every other source is a legacy provider.
	National bool `json:"national,omitempty"`
	// Reconcile has the population registry agree with what the source says of a
	// person, at each sign-in: without a match there is no level.
	Reconcile bool `json:"reconcile,omitempty"`
	// Provision lets a national source bring people who have no account yet: one is
	// made at their first sign-in, or the one with their number is linked.
	Provision bool `json:"provision,omitempty"`
	// Remembers: it may let somebody in whom it remembers, whatever it is asked. What is
	// to be proved now is not proved there.
	Remembers bool `json:"remembers,omitempty"`
	// Linking lets people whom the source names for the first time link themselves to
	// their national identity; nil refuses them.
	Linking *Linking `json:"linking,omitempty"`
	// Portal is there for the own accounts of a portal.
	Portal *Portal `json:"portal,omitempty"`
	Window Window  `json:"window"`
	// Maintenance are announced times in which no sign-in is begun.
	Maintenance []Window `json:"maintenance,omitempty"`
	// Switch is the operator's, kept apart from what is registered.
	Switch Switch `json:"-"`
	// MayAssert are the levels the source is trusted to state. An assertion
	// outside them is refused.
	MayAssert []Level `json:"may_assert"`
	// GrantsAtMost are dated ceilings. A level above the latest one in force is
	// lowered to it; before the first nothing is granted.
	GrantsAtMost []Ceiling `json:"grants_at_most"`
	// Settings belong to the source's own package.
	Settings json.RawMessage `json:"settings,omitempty"`
}

// Trusts reports whether the source may state a level at all.
func (s *Source) Trusts(l Level) bool { return l.Valid() && slices.Contains(s.MayAssert, l) }

// Maintained returns the announced maintenance that goes on at t, the zero window
// where there is none.
func (s *Source) Maintained(t time.Time) Window {
	for _, w := range s.Maintenance {
		if w.Open(t) {
			return w
		}
	}
	return Window{}
}

// Ceiling is the level that grants through this source may reach at t.
func (s *Source) Ceiling(t time.Time) Level {
	var latest Ceiling
	for _, c := range s.GrantsAtMost {
		if !c.From.After(t) && !c.From.Before(latest.From) {
			latest = c
		}
	}
	return latest.Level
}

// Reach is the highest level that a sign-in through this source can give at t.
func (s *Source) Reach(t time.Time) Level {
	if !s.Window.Open(t) {
		return LevelNone
	}
	for _, l := range []Level{Level2, Level1} {
		if s.Trusts(l) {
			return min(l, s.Ceiling(t))
		}
	}
	return LevelNone
}
