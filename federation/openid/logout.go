package openid

import (
	"context"
	"fmt"
	"net/url"

	"eidgate/federation"
)

var _ federation.LogoutSource = (*Source)(nil)

// Logout gives the address of the provider's end_session_endpoint for this
// client (OpenID Connect RP-Initiated Logout §2), empty where its metadata names
// none. Only browsers go there; the gateway never calls it.
//
// The client names itself with client_id. It sends no id_token_hint: that would
// mean keeping the provider's ID token, with what it says of the person, for as
// long as the session lives. A provider may therefore ask the holder whether to
// sign out, and returns only to an address that is registered there.
func (s *Source) Logout(ctx context.Context, req federation.LogoutRequest) (string, error) {
	provider, err := s.metadata.Get(ctx)
	if err != nil || provider.EndSessionEndpoint == "" {
		return "", err
	}
	// Checked here and not with the metadata: an optional endpoint that is wrong
	// keeps nobody from signing in.
	if err := federation.CheckURL(provider.EndSessionEndpoint); err != nil {
		return "", fmt.Errorf("end_session_endpoint: %w", err)
	}
	u, err := url.Parse(provider.EndSessionEndpoint)
	if err != nil {
		return "", fmt.Errorf("end_session_endpoint: %w", err)
	}
	q := u.Query()
	q.Del("id_token_hint")
	q.Set("client_id", s.settings.ClientID)
	q.Set("post_logout_redirect_uri", req.Return)
	q.Set("state", req.State)
	u.RawQuery = q.Encode()
	return u.String(), nil
}
