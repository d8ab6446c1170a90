package provider

import (
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"eidgate/eid"
)

// libraryClient shows a relying party to the library. The library asks for far
// more than the token endpoint uses; what it could only misuse is empty.
type libraryClient struct{ rp *eid.RelyingParty }

var _ op.Client = libraryClient{}

func (c libraryClient) GetID() string                       { return c.rp.ID }
func (c libraryClient) RedirectURIs() []string              { return nil }
func (c libraryClient) PostLogoutRedirectURIs() []string    { return nil }
func (c libraryClient) ApplicationType() op.ApplicationType { return op.ApplicationTypeWeb }
func (c libraryClient) AuthMethod() oidc.AuthMethod         { return oidc.AuthMethod(c.rp.AuthMethod) }
func (c libraryClient) ResponseTypes() []oidc.ResponseType {
	return []oidc.ResponseType{oidc.ResponseTypeCode}
}
func (c libraryClient) GrantTypes() []oidc.GrantType {
	if c.rp.Refresh {
		return []oidc.GrantType{oidc.GrantTypeCode, oidc.GrantTypeRefreshToken}
	}
	return []oidc.GrantType{oidc.GrantTypeCode}
}
func (c libraryClient) LoginURL(string) string              { return "" }
func (c libraryClient) AccessTokenType() op.AccessTokenType { return op.AccessTokenTypeBearer }
func (c libraryClient) IDTokenLifetime() time.Duration      { return 0 }
func (c libraryClient) DevMode() bool                       { return false }
func (c libraryClient) RestrictAdditionalIdTokenScopes() func([]string) []string { //nolint:staticcheck,revive // the library names it
	return func([]string) []string { return nil }
}
func (c libraryClient) RestrictAdditionalAccessTokenScopes() func([]string) []string {
	return func([]string) []string { return nil }
}
func (c libraryClient) IsScopeAllowed(string) bool           { return false }
func (c libraryClient) IDTokenUserinfoClaimsAssertion() bool { return false }
func (c libraryClient) ClockSkew() time.Duration             { return 0 }
