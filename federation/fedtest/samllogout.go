package fedtest

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/beevik/etree"
	"github.com/crewjam/saml"
)

// logout takes a LogoutRequest of a service, or its answer to one of ours. A GET
// without either is the holder's own wish to sign out: it ends the session and
// goes to the service with a LogoutRequest.
func (p *SAML) logout(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, "malformed form", http.StatusBadRequest)
		return
	}
	switch {
	case r.Form.Has("SAMLRequest"):
		p.endFor(w, r)
	case r.Form.Has("SAMLResponse"):
		p.signedOut(w)
	default:
		s, ok := p.current(r)
		p.end(w, r)
		if !ok {
			p.signedOut(w)
			return
		}
		to, err := p.LogoutByRedirect(s.entity, s.person.Subject, s.index, "")
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		http.Redirect(w, r, to, http.StatusSeeOther)
	}
}

func (p *SAML) signedOut(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, "signed out\n")
}

// endFor ends the session as a service asks, and answers.
func (p *SAML) endFor(w http.ResponseWriter, r *http.Request) {
	raw, err := base64.StdEncoding.DecodeString(r.Form.Get("SAMLRequest"))
	if err == nil && r.Method == http.MethodGet {
		raw, err = io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(raw)), 64<<10))
	}
	var request saml.LogoutRequest
	if err == nil {
		err = xml.Unmarshal(raw, &request) //nolint:gosec // a provider for tests, of at most 64 KB
	}
	if err != nil || request.Issuer == nil || request.NameID == nil || request.Destination != p.cfg.Address+PathSAMLLogout {
		http.Error(w, "not a logout request", http.StatusBadRequest)
		return
	}
	service, err := p.GetServiceProvider(r, request.Issuer.Value)
	if err == nil {
		err = p.signedByService(r, service, "SAMLRequest", raw)
	}
	s, ok := p.current(r)
	if err != nil || ok && s.person.Subject != request.NameID.Value {
		http.Error(w, "not a logout request of a known service", http.StatusBadRequest)
		return
	}
	p.end(w, r)
	target, err := p.logoutAddress(service)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	response := &saml.LogoutResponse{
		ID: samlID(), InResponseTo: request.ID, Version: "2.0", IssueInstant: p.cfg.Now(), Destination: target,
		Issuer: &saml.Issuer{Value: p.EntityID()}, Status: saml.Status{StatusCode: saml.StatusCode{Value: saml.StatusSuccess}},
	}
	p.mu.Lock()
	faults := p.faults
	p.mu.Unlock()
	to, err := p.signedQuery(target, "SAMLResponse", r.Form.Get("RelayState"), response.Element(), faults)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther) //nolint:gosec // an address of the service's metadata
}

func (p *SAML) end(w http.ResponseWriter, r *http.Request) {
	if cookie, err := r.Cookie(SAMLCookie); err == nil {
		p.mu.Lock()
		p.sessions.take(cookie.Value, p.cfg.Now())
		p.mu.Unlock()
	}
	http.SetCookie(w, &http.Cookie{Name: SAMLCookie, Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

func (p *SAML) logoutAddress(service *saml.EntityDescriptor) (string, error) {
	for _, at := range service.SPSSODescriptors[0].SingleLogoutServices {
		if at.Binding == saml.HTTPRedirectBinding {
			return at.Location, nil
		}
	}
	return "", errors.New("the service has no address for logouts")
}

// logoutRequest makes a LogoutRequest to a service; without an index it is about
// all sessions of the person.
func (p *SAML) logoutRequest(entity, subject, index string) (*saml.LogoutRequest, SAMLFaults, error) {
	service, err := p.GetServiceProvider(nil, entity)
	if err != nil {
		return nil, SAMLFaults{}, err
	}
	target, err := p.logoutAddress(service)
	if err != nil {
		return nil, SAMLFaults{}, err
	}
	until := p.cfg.Now().Add(2 * time.Minute)
	request := &saml.LogoutRequest{
		ID: samlID(), Version: "2.0", IssueInstant: p.cfg.Now(), NotOnOrAfter: &until, Destination: target,
		Issuer: &saml.Issuer{Value: p.EntityID()},
		NameID: &saml.NameID{Format: p.cfg.NameIDFormat, NameQualifier: p.EntityID(), SPNameQualifier: entity, Value: subject},
	}
	if index != "" {
		request.SessionIndex = &saml.SessionIndex{Value: index}
	}
	p.mu.Lock()
	faults := p.faults
	p.mu.Unlock()
	if faults.Logout != nil {
		faults.Logout(request)
	}
	return request, faults, nil
}

// LogoutByRedirect is the address that takes a LogoutRequest to a service.
func (p *SAML) LogoutByRedirect(entity, subject, index, relay string) (string, error) {
	request, faults, err := p.logoutRequest(entity, subject, index)
	if err != nil {
		return "", err
	}
	return p.signedQuery(request.Destination, "SAMLRequest", relay, request.Element(), faults)
}

// LogoutByPost are the fields of a form that takes a LogoutRequest to a service.
func (p *SAML) LogoutByPost(entity, subject, index, relay string) (url.Values, error) {
	request, faults, err := p.logoutRequest(entity, subject, index)
	if err != nil {
		return nil, err
	}
	if faults.Sign != SAMLSignsNothing {
		if request.Signature, err = p.key().signature(request.Element(), faults); err != nil {
			return nil, err
		}
	}
	root := request.Element()
	if faults.Document != nil {
		faults.Document(root)
	}
	raw, err := etree.NewDocumentWithRoot(root).WriteToBytes()
	if err != nil {
		return nil, err
	}
	fields := url.Values{"SAMLRequest": {base64.StdEncoding.EncodeToString(raw)}}
	if relay != "" {
		fields.Set("RelayState", relay)
	}
	return fields, nil
}
