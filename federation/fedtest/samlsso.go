package fedtest

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/beevik/etree"
	"github.com/crewjam/saml"
)

// signOn takes an AuthnRequest, which has to be signed.
func (p *SAML) signOn(w http.ResponseWriter, r *http.Request) {
	address, err := url.Parse(p.cfg.Address)
	if err != nil {
		http.Error(w, "misconfigured", http.StatusInternalServerError)
		return
	}
	idp := &saml.IdentityProvider{
		MetadataURL: *address.JoinPath(PathSAMLMetadata), SSOURL: *address.JoinPath(PathSAMLSignOn),
		Certificate: p.key().cert, ServiceProviderProvider: p,
	}
	req, err := saml.NewIdpAuthnRequest(idp, r)
	if err == nil {
		req.Now = p.cfg.Now()
		err = req.Validate()
	}
	if err == nil {
		err = p.signedByService(r, req.ServiceProviderMetadata, "SAMLRequest", req.RequestBuffer)
	}
	if err != nil {
		http.Error(w, "not a request of a known service: "+err.Error(), http.StatusBadRequest)
		return
	}
	req.HTTPRequest = nil // not to be kept
	force := req.Request.ForceAuthn != nil && *req.Request.ForceAuthn
	if s, ok := p.current(r); ok && !force {
		p.answer(w, req, s)
		return
	}
	p.showLogin(w, req, "", false)
}

func (p *SAML) current(r *http.Request) (samlSession, bool) {
	cookie, err := r.Cookie(SAMLCookie)
	if err != nil {
		return samlSession{}, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sessions.get(cookie.Value, p.cfg.Now())
}

func (p *SAML) showLogin(w http.ResponseWriter, req *saml.IdpAuthnRequest, username string, wrong bool) {
	p.mu.Lock()
	handle := p.pending.put(req, p.cfg.Now())
	p.mu.Unlock()
	status := http.StatusOK
	if wrong {
		status = http.StatusUnprocessableEntity
	}
	p.page(w, status, "login.html", "", map[string]any{"Action": p.path + PathSAMLLogin, "Request": handle, "Username": username, "Wrong": wrong})
}

// page writes a page. No form-action: the answer goes to a portal's gateway, and
// browsers hold the whole chain of redirects to it.
func (p *SAML) page(w http.ResponseWriter, status int, name, nonce string, data map[string]any) {
	policy := "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"
	if nonce != "" {
		policy += "; script-src 'nonce-" + nonce + "'"
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", policy)
	data["Title"], data["Style"], data["Nonce"] = p.cfg.Title, p.path+pathStyle, nonce
	w.WriteHeader(status)
	_ = p.pages.ExecuteTemplate(w, name, data)
}

// send writes a page whose form goes on to a service by itself.
func (p *SAML) send(w http.ResponseWriter, address string, fields map[string]string) {
	p.page(w, http.StatusOK, "saml_post.html", rand.Text(), map[string]any{"Action": address, "Fields": fields})
}

func (p *SAML) login(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, "malformed form", http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	req, ok := p.pending.take(r.PostForm.Get("request"), p.cfg.Now())
	p.mu.Unlock()
	if !ok {
		http.Error(w, "this page has expired", http.StatusBadRequest)
		return
	}
	if r.PostForm.Get("action") == "cancel" {
		p.refuse(w, req, saml.StatusAuthnFailed)
		return
	}
	person, ok := p.person(r.PostForm.Get("username"), r.PostForm.Get("password"))
	if !ok {
		p.showLogin(w, req, r.PostForm.Get("username"), true)
		return
	}
	p.mu.Lock()
	p.index++
	s := samlSession{person: person, at: p.cfg.Now(), index: strconv.Itoa(p.index), entity: req.ServiceProviderMetadata.EntityID}
	handle := p.sessions.put(s, s.at)
	p.mu.Unlock()
	http.SetCookie(w, &http.Cookie{
		Name: SAMLCookie, Value: handle, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: strings.HasPrefix(p.cfg.Address, "https:"),
	})
	p.answer(w, req, s)
}

// answer sends a Response with an Assertion of the person, or what the faults
// make of it.
func (p *SAML) answer(w http.ResponseWriter, req *saml.IdpAuthnRequest, s samlSession) {
	p.mu.Lock()
	faults := p.faults
	p.mu.Unlock()
	now := p.cfg.Now()
	assertion := p.assertion(req, s, now)
	if faults.Assertion != nil {
		faults.Assertion(assertion)
	}
	el, err := p.signedAssertion(assertion, faults)
	if err == nil && faults.Encrypt != nil {
		el, err = encrypted(el, req.SPSSODescriptor, faults.Encrypt)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	p.respond(w, req, saml.Status{StatusCode: saml.StatusCode{Value: saml.StatusSuccess}}, el)
}

// refuse sends a Response without an Assertion, signed as the faults say.
func (p *SAML) refuse(w http.ResponseWriter, req *saml.IdpAuthnRequest, code string) {
	p.respond(w, req, saml.Status{StatusCode: saml.StatusCode{Value: saml.StatusResponder, StatusCode: &saml.StatusCode{Value: code}}}, nil)
}

func (p *SAML) respond(w http.ResponseWriter, req *saml.IdpAuthnRequest, status saml.Status, assertion *etree.Element) {
	p.mu.Lock()
	faults := p.faults
	p.mu.Unlock()
	response := &saml.Response{
		ID: samlID(), InResponseTo: req.Request.ID, Version: "2.0", IssueInstant: p.cfg.Now(), Destination: req.ACSEndpoint.Location,
		Issuer: &saml.Issuer{Value: p.EntityID()}, Status: status,
	}
	if faults.Response != nil {
		faults.Response(response)
	}
	root, err := p.signedResponse(response, assertion, faults)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if faults.Document != nil {
		faults.Document(root)
	}
	raw, err := etree.NewDocumentWithRoot(root).WriteToBytes()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if faults.Bytes != nil {
		raw = faults.Bytes(raw)
	}
	p.send(w, req.ACSEndpoint.Location, map[string]string{
		"SAMLResponse": base64.StdEncoding.EncodeToString(raw), "RelayState": req.RelayState,
	})
}

func (p *SAML) assertion(req *saml.IdpAuthnRequest, s samlSession, now time.Time) *saml.Assertion {
	a := &saml.Assertion{
		ID: samlID(), IssueInstant: now, Version: "2.0", Issuer: saml.Issuer{Value: p.EntityID()},
		Subject: &saml.Subject{
			NameID: &saml.NameID{
				Format: p.cfg.NameIDFormat, NameQualifier: p.EntityID(), SPNameQualifier: req.ServiceProviderMetadata.EntityID, Value: s.person.Subject,
			},
			SubjectConfirmations: []saml.SubjectConfirmation{{
				Method: "urn:oasis:names:tc:SAML:2.0:cm:bearer",
				SubjectConfirmationData: &saml.SubjectConfirmationData{
					InResponseTo: req.Request.ID, NotOnOrAfter: now.Add(2 * time.Minute), Recipient: req.ACSEndpoint.Location,
				},
			}},
		},
		Conditions: &saml.Conditions{
			NotBefore: now.Add(-time.Minute), NotOnOrAfter: now.Add(5 * time.Minute),
			AudienceRestrictions: []saml.AudienceRestriction{{Audience: saml.Audience{Value: req.ServiceProviderMetadata.EntityID}}},
		},
		AuthnStatements: []saml.AuthnStatement{{
			AuthnInstant: s.at, SessionIndex: s.index,
			AuthnContext: saml.AuthnContext{AuthnContextClassRef: &saml.AuthnContextClassRef{Value: s.person.ACR}},
		}},
	}
	names := make([]string, 0, len(s.person.Attributes))
	for name := range s.person.Attributes {
		names = append(names, name)
	}
	slices.Sort(names)
	var attributes []saml.Attribute
	for _, name := range names {
		attributes = append(attributes, saml.Attribute{
			Name: name, NameFormat: "urn:oasis:names:tc:SAML:2.0:attrname-format:basic",
			Values: []saml.AttributeValue{{Type: "xs:string", Value: s.person.Attributes[name]}},
		})
	}
	if len(attributes) > 0 {
		a.AttributeStatements = []saml.AttributeStatement{{Attributes: attributes}}
	}
	return a
}

func samlID() string { return "id-" + rand.Text() }
