package fedtest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/subtle"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"html/template"
	"math/big"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/crewjam/saml"
)

// SAMLCookie is the name of the identity provider's own cookie.
const SAMLCookie = "legacy_saml_session"

// SAMLPerson is a synthetic person at an identity provider. Person.Subject is the
// NameID, Person.ACR the AuthnContextClassRef.
type SAMLPerson struct {
	Person
	Attributes map[string]string
}

// SAMLConfig is what an identity provider is made of.
type SAMLConfig struct {
	// Address is the provider's base address, such as http://127.0.0.1:9401/tinh.
	Address string
	// Title names the provider on its pages.
	Title  string
	People []SAMLPerson
	// NameIDFormat is persistent when empty.
	NameIDFormat string
	// Now is the provider's clock; nil means the machine's.
	Now func() time.Time
}

// SAML is an identity provider on the pieces of crewjam/saml, which share nothing
// with the gateway's own code but the XML signatures.
type SAML struct {
	cfg   SAMLConfig
	path  string // of the address
	pages *template.Template

	mu       sync.Mutex
	keys     []samlKey // the first signs
	services map[string]*saml.EntityDescriptor
	pending  shelf[*saml.IdpAuthnRequest]
	sessions shelf[samlSession]
	calls    map[string]int
	faults   SAMLFaults
	broken   Breakage
	index    int // of the last session
}

// samlSession is a signed-in browser and the service it signed in to.
type samlSession struct {
	person SAMLPerson
	at     time.Time
	index  string
	entity string
}

type samlKey struct {
	private *rsa.PrivateKey
	cert    *x509.Certificate
}

// Paths of the identity provider.
const (
	PathSAMLMetadata = "/saml/metadata" // its address is the entityID
	PathSAMLSignOn   = "/saml/sso"
	PathSAMLLogin    = "/saml/login"
	PathSAMLLogout   = "/saml/slo"
)

// NewSAML makes an identity provider. It starts nothing.
func NewSAML(cfg SAMLConfig) (*SAML, error) {
	path, err := basePath(cfg.Address)
	if err != nil {
		return nil, err
	}
	if len(cfg.People) == 0 {
		return nil, errors.New("a provider needs people")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Title == "" {
		cfg.Title = cfg.Address
	}
	if cfg.NameIDFormat == "" {
		cfg.NameIDFormat = string(saml.PersistentNameIDFormat)
	}
	pages, err := template.ParseFS(assets, "assets/login.html", "assets/saml_post.html")
	if err != nil {
		return nil, fmt.Errorf("reading the pages: %w", err)
	}
	p := &SAML{
		cfg: cfg, path: path, pages: pages, services: map[string]*saml.EntityDescriptor{}, calls: map[string]int{},
		pending:  newShelf[*saml.IdpAuthnRequest](10 * time.Minute),
		sessions: newShelf[samlSession](8 * time.Hour),
	}
	return p, p.RollKey(true)
}

// StartSAML runs an identity provider for a test, at an address of its own, and
// stops it afterwards.
func StartSAML(t TB, cfg SAMLConfig) *SAML {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // binding a free port waits for nothing
	if err != nil {
		t.Fatal(err)
	}
	cfg.Address = "http://" + listener.Addr().String()
	p, err := NewSAML(cfg)
	if err != nil {
		_ = listener.Close()
		t.Fatal(err)
	}
	server := &http.Server{Handler: p.Handler(), ReadHeaderTimeout: 5 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // ends by Close
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return p
}

// Trust registers a service provider by its metadata.
func (p *SAML) Trust(metadata []byte) error {
	var entity saml.EntityDescriptor
	if err := xml.Unmarshal(metadata, &entity); err != nil {
		return fmt.Errorf("reading the metadata of a service: %w", err)
	}
	if len(entity.SPSSODescriptors) != 1 {
		return errors.New("these are not the metadata of one service provider")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.services[entity.EntityID] = &entity
	return nil
}

// EntityID names the provider: the address of its metadata.
func (p *SAML) EntityID() string { return p.cfg.Address + PathSAMLMetadata }

// Calls is how often a path was asked for.
func (p *SAML) Calls(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[path]
}

// Handler serves the provider at its address.
func (p *SAML) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+PathSAMLMetadata, p.metadata)
	mux.HandleFunc("GET "+PathSAMLSignOn, p.signOn)
	mux.HandleFunc("POST "+PathSAMLSignOn, p.signOn)
	mux.HandleFunc("POST "+PathSAMLLogin, p.login)
	mux.HandleFunc("GET "+PathSAMLLogout, p.logout)
	mux.HandleFunc("POST "+PathSAMLLogout, p.logout)
	mux.HandleFunc("GET "+pathStyle, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=300")
		http.ServeFileFS(w, r, assets, "assets/style.css")
	})
	return mounted(p.path, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.calls[r.URL.Path]++
		if len(p.calls) > 100 { // paths are the caller's to choose
			clear(p.calls)
		}
		p.mu.Unlock()
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
		mux.ServeHTTP(w, r)
	}))
}

// GetServiceProvider implements saml.ServiceProviderProvider.
func (p *SAML) GetServiceProvider(_ *http.Request, id string) (*saml.EntityDescriptor, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if entity, ok := p.services[id]; ok {
		return entity, nil
	}
	return nil, os.ErrNotExist
}

// Metadata is what the provider publishes.
func (p *SAML) Metadata() []byte {
	p.mu.Lock()
	keys, change := p.keys, p.faults.Metadata
	p.mu.Unlock()
	entity := &saml.EntityDescriptor{EntityID: p.EntityID(), ValidUntil: p.cfg.Now().Add(48 * time.Hour), CacheDuration: time.Hour}
	role := saml.IDPSSODescriptor{}
	role.ProtocolSupportEnumeration = "urn:oasis:names:tc:SAML:2.0:protocol"
	for _, key := range keys {
		role.KeyDescriptors = append(role.KeyDescriptors, saml.KeyDescriptor{Use: "signing", KeyInfo: saml.KeyInfo{X509Data: saml.X509Data{
			X509Certificates: []saml.X509Certificate{{Data: base64.StdEncoding.EncodeToString(key.cert.Raw)}}}}})
	}
	role.NameIDFormats = []saml.NameIDFormat{saml.NameIDFormat(p.cfg.NameIDFormat)}
	for _, binding := range []string{saml.HTTPRedirectBinding, saml.HTTPPostBinding} {
		role.SingleSignOnServices = append(role.SingleSignOnServices, saml.Endpoint{Binding: binding, Location: p.cfg.Address + PathSAMLSignOn})
		role.SingleLogoutServices = append(role.SingleLogoutServices, saml.Endpoint{Binding: binding, Location: p.cfg.Address + PathSAMLLogout})
	}
	entity.IDPSSODescriptors = []saml.IDPSSODescriptor{role}
	if change != nil {
		change(entity)
	}
	raw, err := xml.Marshal(entity)
	if err != nil {
		return nil
	}
	return raw
}

func (p *SAML) metadata(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	how := p.broken
	p.mu.Unlock()
	how.serve(w, r, "", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/samlmetadata+xml")
		_, _ = w.Write(p.Metadata())
	})
}

// RollKey signs with a new key from now on. The old ones stay published unless
// withdraw is set.
func (p *SAML) RollKey(withdraw bool) error {
	key, err := newSAMLKey(p.cfg.Now())
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if withdraw {
		p.keys = nil
	}
	p.keys = append([]samlKey{key}, p.keys...)
	return nil
}

func newSAMLKey(now time.Time) (samlKey, error) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return samlKey{}, fmt.Errorf("making a signing key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return samlKey{}, fmt.Errorf("making a serial number: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Synthetic identity provider"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(10, 0, 0),
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return samlKey{}, fmt.Errorf("making a certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		return samlKey{}, fmt.Errorf("making a certificate: %w", err)
	}
	return samlKey{private: private, cert: cert}, nil
}

func (p *SAML) person(login, password string) (SAMLPerson, bool) {
	for _, one := range p.cfg.People {
		if strings.EqualFold(one.Login, strings.TrimSpace(login)) &&
			subtle.ConstantTimeCompare([]byte(one.Password), []byte(password)) == 1 {
			return one, true
		}
	}
	return SAMLPerson{}, false
}
