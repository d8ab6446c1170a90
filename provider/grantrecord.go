package provider

import (
	"encoding/json"
	"time"

	"eidgate/eid"
)

// grantRecord is what a code, and later its token family, stands for. Its JSON is
// what the version before kept, and is read as well.
type grantRecord struct {
	Grant       eid.Grant       `json:"grant"`
	Link        string          `json:"link,omitempty"`
	Subject     string          `json:"sub"`
	SID         string          `json:"sid"`
	RedirectURI string          `json:"redirect_uri"`
	Challenge   string          `json:"challenge,omitempty"`
	Nonce       string          `json:"nonce,omitempty"`
	Scopes      []string        `json:"scopes"`
	Claims      requestedClaims `json:"claims,omitzero"`
	// Resources are the audiences that the authorization request named.
	Resources []string `json:"resources,omitempty"`
	// AAL is the authentication strength, where the gateway saw the methods itself.
	AAL string `json:"aal,omitempty"`
	// Refresh is there where refresh tokens are given.
	Refresh *refreshState `json:"refresh,omitempty"`
	// FirstKey, sealed, makes the first refresh token from the code: see firstToken.
	FirstKey []byte `json:"first_key,omitempty"`
}

// Formats of records: the first bytes of their fields.
const (
	grantFormat  = 2
	accessFormat = 1
)

// record is the grant as it is kept.
func (r *grantRecord) record() []byte { return writeFields(grantFormat, r.fields) }

// readGrant reads a grant. The dead code that burn leaves is an empty one.
func readGrant(raw []byte) (r grantRecord, err error) {
	if asJSON(raw) {
		err = json.Unmarshal(raw, &r)
		return r, err
	}
	err = readFields(grantFormat, raw, r.fields)
	return r, err
}

// fields lists all fields. A new one goes to the end, under the next format, and is
// read from that format on.
func (r *grantRecord) fields(f *fields) {
	g := &r.Grant
	text(f, &g.ID)
	text(f, &g.Account)
	text(f, &g.Client)
	number(f, &g.Requirement.Minimum)
	list(f, &g.Requirement.Asked, func(a *eid.ACRValue) { acrValue(f, a) })
	number(f, &g.Requirement.Floor)
	number(f, &g.Requirement.Target)
	flag(f, &g.Requirement.Unmet)
	number(f, &g.Terms.Account)
	number(f, &g.Terms.Method)
	number(f, &g.Terms.Source)
	number(f, &g.Terms.Link)
	number(f, &g.Terms.Freshness)
	number(f, &g.Terms.Mandate)
	acrValue(f, &g.ACR)
	texts(f, &g.AMR)
	moment(f, &g.AuthTime)
	text(f, &g.Source)
	moment(f, &g.IssuedAt)
	text(f, &g.Rules)
	text(f, &g.Config)

	text(f, &r.Link)
	text(f, &r.Subject)
	text(f, &r.SID)
	text(f, &r.RedirectURI)
	text(f, &r.Challenge)
	text(f, &r.Nonce)
	texts(f, &r.Scopes)
	texts(f, &r.Claims.IDToken)
	texts(f, &r.Claims.Userinfo)
	texts(f, &r.Resources)
	text(f, &r.AAL)
	text(f, &r.FirstKey)
	refreshes := r.Refresh != nil
	if flag(f, &refreshes); refreshes {
		if r.Refresh == nil {
			r.Refresh = &refreshState{}
		}
		text(f, &r.Refresh.Current)
		moment(f, &r.Refresh.At)
		moment(f, &r.Refresh.Until)
		moment(f, &r.Refresh.Ends)
	}
	if f.format >= 2 {
		moment(f, &g.ProvedAt)
	}
}

func acrValue(f *fields, a *eid.ACRValue) {
	text(f, &a.Name)
	number(f, &a.Level)
}

// accessRecord is an access token. What it stands for is in its family. Its JSON is
// what the version before kept.
type accessRecord struct {
	Family    string    `json:"family"`
	IssuedAt  time.Time `json:"issued_at,omitzero"`
	ExpiresAt time.Time `json:"expires_at"`
	// Scopes are those of the family where they were not narrowed.
	Scopes   []string `json:"scopes,omitempty"`
	Audience []string `json:"aud,omitempty"` // of a JWT
}

// record is the token as it is kept.
func (a *accessRecord) record() []byte { return writeFields(accessFormat, a.fields) }

// readAccess reads an access token.
func readAccess(raw []byte) (a accessRecord, err error) {
	if asJSON(raw) {
		err = json.Unmarshal(raw, &a)
		return a, err
	}
	err = readFields(accessFormat, raw, a.fields)
	return a, err
}

func (a *accessRecord) fields(f *fields) {
	text(f, &a.Family)
	moment(f, &a.IssuedAt)
	moment(f, &a.ExpiresAt)
	texts(f, &a.Scopes)
	texts(f, &a.Audience)
}
