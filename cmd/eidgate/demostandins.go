package main

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"eidgate/cmd/eidgate/demo"
	"eidgate/config"
	"eidgate/federation"
	"eidgate/federation/fedtest"
	"eidgate/federation/saml"
)

// What the stand-ins call the details of a person.
const (
	attrNumber    = "soDinhDanh"
	attrName      = "hoTen"
	attrBirthDate = "ngaySinh"

	directoryBase   = "ou=nguoi-dung,dc=example,dc=test"
	directoryReader = "cn=eidgate,dc=example,dc=test"
)

// standIns are the sources of a demo: synthetic, in memory, each with a page that
// says so. Those that speak HTTP share one address and differ in the path.
type standIns struct {
	ports     demoPorts
	calls     *http.Client // to the gateway
	openid    *fedtest.OpenID
	vneid     *fedtest.VNeID
	cas       *fedtest.CAS
	directory *fedtest.LDAP
}

// standIn is the address of a source that speaks HTTP.
func (p demoPorts) standIn(source string) string { return "http://" + p.sources + "/" + source }

// newStandIns makes what costs next to nothing; the rest is made when it is asked.
func newStandIns(p demoPorts, f *demoFiles, now func() time.Time) (*standIns, error) {
	issuer := "http://" + p.gateway
	s := &standIns{ports: p, calls: &http.Client{Timeout: 5 * time.Second}}
	var err error
	clients := []fedtest.Client{demoClient(issuer, f, demo.SourceOldPortal), demoClient(issuer, f, demo.SourceClosed)}
	if s.openid, err = fedtest.NewOpenID(fedtest.Config{
		Issuer: p.standIn(demo.SourceOldPortal), Title: "Tài khoản cổng cũ (thử nghiệm)", Alg: jose.ES256, Now: now,
		Clients: clients, People: people(demo.SourceOldPortal),
	}); err != nil {
		return nil, err
	}
	key, err := publicKey(f.DecryptionKey)
	if err != nil {
		return nil, fmt.Errorf("%w; start with --reset", err)
	}
	client := fedtest.Client{ID: "eidgate", Secret: f.Sources[demo.SourceVNeID], RedirectURIs: []string{issuer + "/callback/" + demo.SourceVNeID}}
	if s.vneid, err = fedtest.NewVNeID(fedtest.VNeIDConfig{
		Base: p.standIn(demo.SourceVNeID), Now: now, SealTo: key, SealCode: true, Clients: []fedtest.Client{client}, People: citizens(),
	}); err != nil {
		return nil, err
	}
	if s.cas, err = fedtest.NewCAS(fedtest.CASConfig{
		Server: p.standIn(demo.SourcePost), Title: "Bưu điện thử nghiệm", Now: now, HTTP: s.calls,
		Services: []string{issuer + "/"}, People: people(demo.SourcePost),
	}); err != nil {
		return nil, err
	}
	s.directory, err = fedtest.NewLDAP(p.directory, fedtest.LDAPConfig{
		Base: directoryBase, ServiceDN: directoryReader, ServicePassword: f.Sources[demo.SourceLibrary], Encrypted: true, People: people(demo.SourceLibrary),
	})
	return s, err
}

// demoClient is the gateway as a client of the old portal, once for each window.
func demoClient(issuer string, f *demoFiles, source string) fedtest.Client {
	return fedtest.Client{
		ID: "eidgate-" + source, Secret: f.Sources[demo.SourceOldPortal],
		RedirectURIs: []string{issuer + "/callback/" + source}, PostLogoutURIs: []string{issuer + "/logout/done"},
	}
}

func publicKey(text string) (*rsa.PublicKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("the demo's decryption key is not in PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("the demo's decryption key is malformed")
	}
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("the demo's decryption key is no RSA key")
	}
	return &private.PublicKey, nil
}

// people are those who can sign in at a stand-in, with what it says of them in
// every way that one of its protocols says things.
func people(source string) []fedtest.Person {
	names := plainLevels
	switch source {
	case demo.SourceOldPortal:
		names = oldPortalLevels
	case demo.SourceInsurance:
		names = insuranceLevels
	}
	var out []fedtest.Person
	for _, s := range demo.At(source) {
		out = append(out, fedtest.Person{
			Subject: s.Subject, Login: s.Login, Password: s.Password, ACR: names[s.Level], Name: s.Name,
			Claims:     map[string]any{attrNumber: s.Number, attrName: s.Name, attrBirthDate: s.BirthDate},
			Attributes: map[string][]string{attrNumber: {s.Number}, attrName: {s.Name}, attrBirthDate: {s.BirthDate}},
		})
	}
	return out
}

func citizens() []fedtest.Citizen {
	var out []fedtest.Citizen
	for _, s := range demo.At(demo.SourceVNeID) {
		out = append(out, fedtest.Citizen{
			Login: s.Login, Password: s.Password, TechID: s.Subject, Number: s.Number, Name: s.Name, BirthDate: s.BirthDate, Level: int(s.Level),
		})
	}
	return out
}

// handler serves the stand-ins that speak HTTP.
func (s *standIns) handler(cfg *config.Config, now func() time.Time) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/"+demo.SourceOldPortal+"/", s.openid.Handler())
	mux.Handle("/"+demo.SourceVNeID+"/", s.vneid.Handler())
	mux.Handle("/"+demo.SourcePost+"/", s.cas.Handler())
	// An RSA key is made for it, which nobody should wait for who does not go there.
	insurance := sync.OnceValues(func() (http.Handler, error) { return s.samlProvider(cfg, now) })
	mux.HandleFunc("/"+demo.SourceInsurance+"/", func(w http.ResponseWriter, r *http.Request) {
		h, err := insurance()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		h.ServeHTTP(w, r)
	})
	return mux
}

// samlProvider makes the identity provider, which knows the gateway by its metadata.
func (s *standIns) samlProvider(cfg *config.Config, now func() time.Time) (http.Handler, error) {
	c := fedtest.SAMLConfig{Address: s.ports.standIn(demo.SourceInsurance), Title: "Bảo hiểm thử nghiệm", Now: now}
	for _, one := range people(demo.SourceInsurance) {
		attributes := map[string]string{}
		for name, values := range one.Attributes {
			attributes[name] = values[0]
		}
		c.People = append(c.People, fedtest.SAMLPerson{Person: one, Attributes: attributes})
	}
	idp, err := fedtest.NewSAML(c)
	if err != nil {
		return nil, err
	}
	sources, err := cfg.FederationSources()
	if err != nil {
		return nil, fmt.Errorf("reading sources: %w", err)
	}
	for _, src := range sources {
		if src.Kind != federation.KindSAML {
			continue
		}
		settings, err := saml.ParseSettings(src.Settings)
		if err != nil {
			return nil, fmt.Errorf("reading settings: %w", err)
		}
		entity := cfg.Issuer + "/source/" + src.ID + "/metadata"
		gateway, err := saml.New(settings, saml.Deps{HTTP: s.calls, Now: now, Entity: entity})
		if err != nil {
			return nil, err
		}
		_, metadata, err := gateway.Publish(entity, cfg.Issuer+"/callback/"+src.ID, cfg.Issuer+"/source/"+src.ID+"/logout")
		if err != nil {
			return nil, err
		}
		if err := idp.Trust(metadata); err != nil {
			return nil, err
		}
	}
	return idp.Handler(), nil
}

// serveDirectory answers at the directory's port until ctx ends.
func (s *standIns) serveDirectory(ctx context.Context, l net.Listener) error {
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	return s.directory.Serve(l)
}
