package saml

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/beevik/etree"

	"eidgate/federation"
)

var (
	_ federation.LogoutSource = (*Source)(nil)
	_ federation.Listener     = (*Source)(nil)
)

// Bounds of single logout.
const (
	logoutLife  = 5 * time.Minute // of a request that says nothing of its own
	logoutMost  = time.Hour       // whatever a request says
	maxSessions = 32              // that one request may name
	maxRelay    = 512             // bytes of RelayState; §3.4.3 of Bindings has 80
)

// logoutMemory is Assertion.Logout: what the provider has to hear again.
type logoutMemory struct {
	Name         nameID `json:"name"`
	SessionIndex string `json:"session_index,omitempty"`
}

// Logout gives the address that takes a signed LogoutRequest to the provider (SAML
// Profiles §4.4.3.1), empty where its metadata name none for redirects. The ID of
// the request follows from the state, so that the answer can be told from others
// without keeping anything.
func (s *Source) Logout(ctx context.Context, req federation.LogoutRequest) (string, error) {
	if len(req.Memory) == 0 {
		return "", nil
	}
	var m logoutMemory
	if err := json.Unmarshal(req.Memory, &m); err != nil || m.Name.Value == "" {
		return "", errors.New("no sign-in at this provider to end")
	}
	p, err := s.directory.get(ctx)
	if err != nil || p.sloRedirect == "" {
		return "", err
	}
	request := s.newMessage(paramRequest, "LogoutRequest", logoutID(req.State), p.sloRedirect, req.State, req.Now)
	request.root.CreateAttr("NotOnOrAfter", req.Now.Add(logoutLife).UTC().Format(time.RFC3339))
	name := request.root.CreateElement("saml:NameID")
	for _, attribute := range []struct{ key, value string }{
		{"Format", m.Name.Format}, {"NameQualifier", m.Name.Qualifier}, {"SPNameQualifier", m.Name.SPQualifier},
	} {
		if attribute.value != "" {
			name.CreateAttr(attribute.key, attribute.value)
		}
	}
	name.SetText(m.Name.Value)
	if m.SessionIndex != "" {
		request.root.CreateElement("samlp:SessionIndex").SetText(m.SessionIndex)
	}
	return request.redirect(s.keys)
}

func logoutID(state string) string {
	sum := sha256.Sum256([]byte("logout:" + state))
	return "_" + hex.EncodeToString(sum[:])
}

// logoutXML is a LogoutRequest or a LogoutResponse (SAML Core §3.7).
type logoutXML struct {
	ID           string    `xml:"ID,attr"`
	Version      string    `xml:"Version,attr"`
	Issued       time.Time `xml:"IssueInstant,attr"`
	Destination  string    `xml:"Destination,attr"`
	NotOnOrAfter time.Time `xml:"NotOnOrAfter,attr"`
	InResponseTo string    `xml:"InResponseTo,attr"`
	Issuers      []string  `xml:"urn:oasis:names:tc:SAML:2.0:assertion Issuer"`
	Names        []nameXML `xml:"urn:oasis:names:tc:SAML:2.0:assertion NameID"`
	Indexes      []string  `xml:"urn:oasis:names:tc:SAML:2.0:protocol SessionIndex"`
}

// Hear takes a signed LogoutRequest of the provider, or its signed answer to ours,
// by redirect or POST. Whatever a notice is refused for is federation.ErrUntrusted.
func (s *Source) Hear(ctx context.Context, in federation.Incoming) (federation.Notice, error) {
	var root *etree.Element
	var values url.Values
	err := s.directory.check(ctx, func(trusted []*x509.Certificate) (err error) {
		if in.Form != nil {
			root, values, err = posted(in.Form, trusted, in.Now)
		} else {
			root, values, err = redirected(in.RawQuery, trusted, in.Now)
		}
		return err
	})
	if err != nil {
		if isOurs(err) {
			return federation.Notice{}, err
		}
		return federation.Notice{}, distrust(err.Error())
	}
	var message logoutXML
	if err := decode(root, &message); err != nil {
		return federation.Notice{}, distrust(err.Error())
	}
	if err := s.checkLogout(message, in); err != nil {
		return federation.Notice{}, distrust(err.Error())
	}
	relay := values.Get(paramRelayState)
	switch {
	case is(root, nsProtocol, "LogoutResponse") && values.Has(paramResponse):
		// Signed out there or not: that is over here, and the browser goes on.
		if relay == "" || message.InResponseTo != logoutID(relay) {
			return federation.Notice{}, distrust("answer to another request, or to none")
		}
		return federation.Notice{Return: relay}, nil
	case is(root, nsProtocol, "LogoutRequest") && values.Has(paramRequest):
		return s.ended(ctx, message, relay, in.Now)
	}
	return federation.Notice{}, distrust("not a message of single logout")
}

// posted verifies a message in a form.
func posted(form url.Values, trusted []*x509.Certificate, now time.Time) (*etree.Element, url.Values, error) {
	field := paramRequest
	if form.Has(paramResponse) {
		field = paramResponse
	}
	if form.Has(paramRequest) && form.Has(paramResponse) || len(form[field]) != 1 || len(form[paramRelayState]) > 1 {
		return nil, nil, errors.New("a field is missing or given twice")
	}
	if len(form.Get(field)) > 2*maxMessage {
		return nil, nil, errors.New("message too large")
	}
	raw, err := unbase64(form.Get(field))
	if err != nil {
		return nil, nil, err
	}
	root, err := parseMessage(raw)
	if err != nil {
		return nil, nil, err
	}
	root, err = verified(root, trusted, now)
	return root, form, err
}

// redirected verifies a message in a query.
func redirected(rawQuery string, trusted []*x509.Certificate, now time.Time) (*etree.Element, url.Values, error) {
	name := paramRequest
	for pair := range strings.SplitSeq(rawQuery, "&") {
		if strings.HasPrefix(pair, paramResponse+"=") {
			name = paramResponse
		}
	}
	values, err := verifiedQuery(rawQuery, name, trusted, now)
	if err != nil {
		return nil, nil, err
	}
	packed, err := unbase64(values.Get(name))
	if err != nil {
		return nil, nil, err
	}
	raw, err := inflate(packed, maxMessage)
	if err != nil {
		return nil, nil, err
	}
	root, err := parseMessage(raw)
	return root, values, err
}

// checkLogout checks what requests and answers have in common. Both are signed,
// so both name where they go (SAML Bindings §3.4.5.2, §3.5.5.2).
func (s *Source) checkLogout(message logoutXML, in federation.Incoming) error {
	switch {
	case message.Version != "2.0" || message.ID == "" || len(message.ID) > maxName:
		return errors.New("message without version or ID")
	case len(message.Issuers) != 1 || strings.TrimSpace(message.Issuers[0]) != s.settings.Issuer:
		return errors.New("issuer of the message is another one")
	case message.Destination != in.Address:
		return errors.New("destination of the message is another one")
	case message.Issued.After(in.Now.Add(maxClock)) || message.Issued.Before(in.Now.Add(-logoutMost)):
		return errors.New("time of the message is not now")
	}
	return nil
}

// ended reads a LogoutRequest and makes the answer.
func (s *Source) ended(ctx context.Context, request logoutXML, relay string, now time.Time) (federation.Notice, error) {
	until := request.NotOnOrAfter
	if until.IsZero() {
		until = request.Issued.Add(logoutLife)
	}
	until = earlier(until, now.Add(logoutMost)).Add(maxClock)
	switch {
	case !now.Before(until):
		return federation.Notice{}, distrust("logout not valid any more")
	case len(request.Names) != 1 || len(request.Indexes) > maxSessions || len(relay) > maxRelay:
		return federation.Notice{}, distrust("logout of nobody, or of too many")
	}
	name, err := s.name(request.Names[0])
	if err != nil {
		return federation.Notice{}, distrust(err.Error())
	}
	notice := federation.Notice{Once: request.ID, Until: until}
	switch {
	case s.settings.SubjectAttribute != "":
		notice.Sessions = []string{s.session(name, "")}
	case len(request.Indexes) == 0:
		notice.Subject = name.Value
	}
	for _, index := range request.Indexes {
		if s.settings.SubjectAttribute == "" {
			notice.Sessions = append(notice.Sessions, s.session(name, strings.TrimSpace(index)))
		}
	}
	if notice.Answer, err = s.answer(ctx, request.ID, relay, now); err != nil {
		return federation.Notice{}, err
	}
	return notice, nil
}

// answer makes the LogoutResponse, nil where the provider takes none.
func (s *Source) answer(ctx context.Context, to, relay string, now time.Time) (*federation.Step, error) {
	p, err := s.directory.get(ctx)
	if err != nil {
		return nil, err
	}
	target := p.sloRedirectR
	if target == "" {
		target = p.sloPostR
	}
	if target == "" {
		return nil, nil //nolint:nilnil // there is nowhere to go, and nothing wrong
	}
	response := s.newMessage(paramResponse, "LogoutResponse", newID(), target, relay, now)
	response.root.CreateAttr("InResponseTo", to)
	response.root.CreateElement("samlp:Status").CreateElement("samlp:StatusCode").CreateAttr("Value", statusSuccess)
	step := &federation.Step{}
	if p.sloRedirectR != "" {
		step.Redirect, err = response.redirect(s.keys)
	} else {
		step.Post, err = response.post(s.keys)
	}
	if err != nil {
		return nil, fmt.Errorf("answering a logout: %w", err)
	}
	return step, nil
}
