// Package saml owns sign-in at a SAML 2.0 identity provider: signed requests, the
// verification of what comes back, and single logout.
package saml

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"eidgate/eid"
	"eidgate/federation"
)

// maxClock is how far a provider's clock may be from ours.
const maxClock = 60 * time.Second

// Deps are what a Source works with.
type Deps struct {
	// HTTP fetches metadata: see federation.HTTPClient.
	HTTP *http.Client
	Now  func() time.Time
	// Entity is the absolute address of the gateway's metadata for this source. It
	// is the gateway's entityID unless the settings give another.
	Entity string
	// Keys are those that the gateway keeps for this source; nil unless
	// Settings.Managed is set.
	Keys federation.OwnKeys
}

// Source is one identity provider. It keeps the provider's metadata; make one per
// registered source and hold on to it.
type Source struct {
	settings  Settings
	keys      federation.OwnKeys
	entity    string
	directory *directory
}

var (
	_ federation.Source     = (*Source)(nil)
	_ federation.Redirector = (*Source)(nil)
	_ federation.Warmer     = (*Source)(nil)
)

// New checks what it is given and makes the source. It calls nobody yet.
func New(settings Settings, d Deps) (*Source, error) {
	if err := errors.Join(settings.check()...); err != nil {
		return nil, fmt.Errorf("settings of a SAML source: %w", err)
	}
	if (settings.Managed == nil) != (d.Keys == nil) || d.HTTP == nil || d.Now == nil || !entityShape(d.Entity) {
		return nil, errors.New("a SAML source needs its keys, a client, a clock and an address of its own")
	}
	given, err := files(settings.Keys)
	if err != nil {
		return nil, err
	}
	dir, err := newDirectory(settings, d)
	if err != nil {
		return nil, err
	}
	return &Source{settings: settings, keys: federation.Succeed(d.Keys, given), entity: or(settings.EntityID, d.Entity), directory: dir}, nil
}

// Warm fetches the provider's metadata.
func (s *Source) Warm(ctx context.Context) error {
	if s.directory.remote == nil {
		return nil
	}
	return s.directory.remote.Warm(ctx)
}

// Origins are where the provider's pages are, as far as its metadata are known.
func (s *Source) Origins() []string {
	p, ok := s.directory.peek()
	if !ok {
		return nil
	}
	var origins []string
	for _, at := range []string{p.ssoRedirect, p.ssoPost, p.sloRedirect, p.sloPost, p.sloRedirectR, p.sloPostR} {
		if origin := federation.OriginOf(at); origin != "" {
			origins = append(origins, origin)
		}
	}
	slices.Sort(origins)
	return slices.Compact(origins)
}

// memory is what Begin leaves to Finish. It lies in the login record, on the
// server.
type memory struct {
	Issuer   string    `json:"issuer"`
	Callback string    `json:"callback"`
	State    []byte    `json:"state"` // SHA-256
	ID       string    `json:"id"`    // of the request
	Started  time.Time `json:"started"`
	Fresh    bool      `json:"fresh,omitempty"`
}

// Begin sends a signed AuthnRequest (SAML Core §3.4.1), by redirect or by a form.
// The hint stays here: it may be a personal number.
func (s *Source) Begin(ctx context.Context, req federation.Request) (federation.Step, error) {
	p, err := s.directory.get(ctx)
	if err != nil {
		return federation.Step{}, err
	}
	target, byPost := p.ssoRedirect, false
	if target == "" || s.settings.Binding == BindingPost && p.ssoPost != "" {
		target, byPost = p.ssoPost, true
	}
	state := sha256.Sum256([]byte(req.State))
	m := memory{
		Issuer: s.settings.Issuer, Callback: req.Callback, State: state[:], ID: newID(), Started: req.Now, Fresh: req.Fresh,
	}
	kept, err := json.Marshal(m)
	if err != nil {
		return federation.Step{}, fmt.Errorf("keeping the memory of the provider: %w", err)
	}
	step := federation.Step{Memory: kept}
	request := s.authnRequest(m, target, req)
	if byPost {
		step.Post, err = request.post(s.keys)
	} else {
		step.Redirect, err = request.redirect(s.keys)
	}
	if err != nil {
		return federation.Step{}, err
	}
	return step, nil
}

func (s *Source) authnRequest(m memory, target string, req federation.Request) message {
	request := s.newMessage(paramRequest, "AuthnRequest", m.ID, target, req.State, req.Now)
	request.root.CreateAttr("AssertionConsumerServiceURL", m.Callback)
	request.root.CreateAttr("ProtocolBinding", bindingPost)
	if m.Fresh {
		request.root.CreateAttr("ForceAuthn", "true")
	}
	policy := request.root.CreateElement("samlp:NameIDPolicy")
	policy.CreateAttr("AllowCreate", "true")
	if s.settings.NameIDFormat != "" {
		policy.CreateAttr("Format", s.settings.NameIDFormat)
	}
	if wanted := s.contexts(req.Level); len(wanted) > 0 {
		context := request.root.CreateElement("samlp:RequestedAuthnContext")
		context.CreateAttr("Comparison", s.settings.Comparison)
		for _, ref := range wanted {
			context.CreateElement("saml:AuthnContextClassRef").SetText(ref)
		}
	}
	return request
}

// contexts are what to ask for when a level is wanted. Compared exactly, what is
// above would be refused unless it is asked for as well.
func (s *Source) contexts(level eid.Level) []string {
	asked := s.settings.RequestACR[level]
	if asked == "" {
		return nil
	}
	wanted := []string{asked}
	if s.settings.Comparison == ComparisonExact {
		for above := level + 1; above.Valid(); above++ {
			if ref := s.settings.RequestACR[above]; ref != "" && !slices.Contains(wanted, ref) {
				wanted = append(wanted, ref)
			}
		}
	}
	return wanted
}

// Finish takes the provider's Response. It returns federation.ErrDenied when the
// provider says, signed, that nobody signed in there, and federation.ErrUntrusted
// for what is no answer to this sign-in or must not be believed.
func (s *Source) Finish(ctx context.Context, req federation.Request, reply federation.Reply) (federation.Step, error) {
	var m memory
	if err := json.Unmarshal(req.Memory, &m); err != nil || m.Issuer != s.settings.Issuer || m.ID == "" {
		return federation.Step{}, errors.New("no sign-in at this provider was begun")
	}
	for _, name := range []string{paramResponse, paramRelayState} {
		if len(reply.Values[name]) != 1 {
			return federation.Step{}, distrust("a parameter of the answer is missing or given twice")
		}
	}
	state := sha256.Sum256([]byte(reply.Values.Get(paramRelayState)))
	if subtle.ConstantTimeCompare(state[:], m.State) != 1 {
		return federation.Step{}, distrust("state is another one")
	}
	answer, err := readResponse(reply.Values.Get(paramResponse))
	if err != nil {
		return federation.Step{}, distrust(err.Error())
	}
	assertion, err := s.believed(ctx, answer, m, req.Now)
	if err != nil {
		return federation.Step{}, err
	}
	claims, err := s.claims(assertion, m, req.Now)
	if err != nil {
		return federation.Step{}, err
	}
	return federation.Step{Assertion: claims}, nil
}

// distrust makes the error of an answer that must not be believed. The reason is
// one of ours: nothing that came from outside is quoted.
func distrust(reason string) error {
	return fmt.Errorf("%s: %w", reason, federation.ErrUntrusted)
}
