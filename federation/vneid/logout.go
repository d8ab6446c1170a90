package vneid

import (
	"context"
	"errors"
	"net/url"

	"eidgate/federation"
)

var _ federation.LogoutSource = (*Source)(nil)

const maxLogout = 2 << 10 // bytes of an address

// Logout gives the address that ends the browser's session at the platform: the
// one that userinfo said of this sign-in, else the registered one, else none. Only
// browsers go there; the gateway never calls it.
func (s *Source) Logout(_ context.Context, req federation.LogoutRequest) (string, error) {
	address := s.settings.Logout
	if s.trustsLogout(string(req.Memory)) {
		address = string(req.Memory)
	}
	if address == "" {
		return "", nil
	}
	u, err := url.Parse(address)
	if err != nil {
		return "", errors.New("logout endpoint is no URL")
	}
	q := u.Query()
	q.Set("client_id", s.settings.ClientID)
	q.Set(s.settings.Parameters.Return, req.Return)
	q.Set("state", req.State)
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// keepLogout remembers the address that userinfo said. One that is not the
// platform's own is left out: it keeps nobody from signing in.
func (s *Source) keepLogout(said members) []byte {
	address, ok := said.text(s.settings.Claims.Logout)
	if !ok || !s.trustsLogout(address) {
		return nil
	}
	return []byte(address)
}

// trustsLogout accepts an address of the origin where people sign in, or of the
// registered endpoint.
func (s *Source) trustsLogout(address string) bool {
	if address == "" || len(address) > maxLogout || federation.CheckURL(address) != nil {
		return false
	}
	origin := federation.OriginOf(address)
	return origin == federation.OriginOf(s.settings.Authorize) || origin == federation.OriginOf(s.settings.Logout)
}
