package cas

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/url"

	"eidgate/federation"
)

const maxLogoutRequest = 16 << 10 // bytes

var (
	_ federation.LogoutSource = (*Source)(nil)
	_ federation.Listener     = (*Source)(nil)
)

// Logout gives the address of the server's logout page (CAS Protocol 3.0 §2.3).
// Servers return to registered services only, and some not at all.
func (s *Source) Logout(_ context.Context, req federation.LogoutRequest) (string, error) {
	back, err := url.Parse(req.Return)
	if err != nil {
		return "", fmt.Errorf("address to come back to: %w", err)
	}
	params := back.Query()
	params.Set("state", req.State)
	back.RawQuery = params.Encode()
	return s.settings.Server + "/logout?" + url.Values{"service": {back.String()}}.Encode(), nil
}

// Hear reads the logout request that a server posts to the service when a session
// there ends (CAS Protocol 3.0, Appendix C): a SAML 2.0 LogoutRequest, not signed,
// whose SessionIndex is the service ticket.
//
// What authenticates it is knowledge of the ticket, and nothing else: whoever knows
// one that was used can end that one session, and gains nothing else. A ticket is
// known to the server, to us and to the browser that it was for.
func (s *Source) Hear(_ context.Context, in federation.Incoming) (federation.Notice, error) {
	request := in.Form["logoutRequest"]
	if len(request) != 1 || len(request[0]) > maxLogoutRequest {
		return federation.Notice{}, distrust("logout request missing, given twice or too long")
	}
	const protocol = "urn:oasis:names:tc:SAML:2.0:protocol"
	root, err := readDocument([]byte(request[0]))
	if err != nil || root.name != (xml.Name{Space: protocol, Local: "LogoutRequest"}) {
		return federation.Notice{}, distrust("not a logout request")
	}
	index, ok := root.only(xml.Name{Space: protocol, Local: "SessionIndex"})
	if !ok {
		return federation.Notice{}, distrust("logout request names no session, or several")
	}
	ticket, ok := index.value()
	if !ok || !isServiceTicket(ticket) {
		return federation.Notice{}, distrust("logout request names no service ticket")
	}
	return federation.Notice{Sessions: []string{ticket}}, nil
}
