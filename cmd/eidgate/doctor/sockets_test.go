package doctor

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/federation/fedtest"
	"eidgate/federation/saml"
	"eidgate/provider"
)

// pki is an authority with an intermediate, made up.
type pki struct {
	t            *testing.T
	root, middle *x509.Certificate
	rootKey, key *ecdsa.PrivateKey
	roots        *x509.CertPool
}

func newPKI(t *testing.T) *pki {
	t.Helper()
	p := &pki{t: t, roots: x509.NewCertPool()}
	p.rootKey, p.key = p.newKey(), p.newKey()
	p.root = p.sign(&x509.Certificate{Subject: pkix.Name{CommonName: "root"}, IsCA: true}, nil, p.rootKey, p.rootKey)
	p.middle = p.sign(&x509.Certificate{Subject: pkix.Name{CommonName: "middle"}, IsCA: true}, p.root, p.key, p.rootKey)
	p.roots.AddCert(p.root)
	return p
}

func (p *pki) newKey() *ecdsa.PrivateKey {
	p.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p.must(err)
	return key
}

func (p *pki) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *pki) sign(template, parent *x509.Certificate, key, by *ecdsa.PrivateKey) *x509.Certificate {
	p.t.Helper()
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().AddDate(1, 0, 0)
	}
	template.SerialNumber, template.NotBefore = big.NewInt(time.Now().UnixNano()), time.Now().AddDate(-1, 0, 0)
	template.BasicConstraintsValid = true
	if template.IsCA {
		template.KeyUsage = x509.KeyUsageCertSign
	}
	if parent == nil {
		parent = template
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	p.must(err)
	cert, err := x509.ParseCertificate(raw)
	p.must(err)
	return cert
}

// issue makes a pair for hosts, with or without the intermediate.
func (p *pki) issue(until time.Time, whole bool, hosts ...string) tls.Certificate {
	p.t.Helper()
	key := p.newKey()
	template := &x509.Certificate{Subject: pkix.Name{CommonName: "leaf"}, NotAfter: until}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	pair := tls.Certificate{PrivateKey: key, Certificate: [][]byte{p.sign(template, p.middle, key, p.key).Raw}}
	if whole {
		pair.Certificate = append(pair.Certificate, p.middle.Raw)
	}
	return pair
}

// files writes a pair in PEM.
func (p *pki) files(pair tls.Certificate) (cert, key string) {
	p.t.Helper()
	dir := p.t.TempDir()
	cert, key = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	var chain []byte
	for _, der := range pair.Certificate {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	p.must(err)
	p.must(os.WriteFile(cert, chain, 0o600))
	p.must(os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	return cert, key
}

func TestCertificate(t *testing.T) {
	p := newPKI(t)
	year := time.Now().AddDate(1, 0, 0)
	in := func(days int) time.Time { return time.Now().AddDate(0, 0, days) }
	const host = "login.example.vn"
	for _, tt := range []struct {
		name string
		pair tls.Certificate
		word string
		want []Status
	}{
		{"well", p.issue(year, true, host), "its chain is whole", []Status{OK}},
		{"for any name below", p.issue(year, true, "*.example.vn"), "", []Status{OK}},
		{"three weeks", p.issue(in(21), true, host), "expires", []Status{Warning}},
		{"three days", p.issue(in(3), true, host), "expires", []Status{Fault}},
		{"expired", p.issue(in(-1), true, host), "has expired", []Status{Fault}},
		{"no intermediate", p.issue(year, false, host), "append the intermediates", []Status{Fault}},
		{"another host", p.issue(year, true, "other.example.vn"), "not for " + host, []Status{Fault}},
		{"all at once", p.issue(in(-1), false, "other.example.vn"), "has expired", []Status{Fault, Fault, Fault}},
	} {
		cert, key := p.files(tt.pair)
		wants(t, tt.name, Certificate(cert, key, host, p.roots, time.Now()), tt.word, tt.want...)
	}
	cert, _ := p.files(p.issue(year, true, host))
	_, key := p.files(p.issue(year, true, host))
	wants(t, "another key", Certificate(cert, key, host, p.roots, time.Now()), "the key that belongs", Fault)
	wants(t, "no file", Certificate(cert+".gone", key, host, p.roots, time.Now()), "in place", Fault)
}

// gatewayLike answers discovery for an issuer, and what change makes of it.
func gatewayLike(issuer *string, change func(document map[string]string)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		document := map[string]string{"issuer": *issuer}
		for _, name := range []string{"authorization", "token", "userinfo", "end_session"} {
			document[name+"_endpoint"] = *issuer + "/" + name
		}
		document["jwks_uri"] = *issuer + "/keys"
		change(document)
		w.Header().Set("Strict-Transport-Security", document["hsts"])
		if document["hsts"] == "" {
			w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		} else if document["hsts"] == "none" {
			w.Header().Del("Strict-Transport-Security")
		}
		if date := document["date"]; date != "" {
			w.Header().Set("Date", date)
		}
		_, _ = fmt.Fprint(w, "{")
		for name, value := range document {
			_, _ = fmt.Fprintf(w, "%q:%q,", name, value)
		}
		_, _ = fmt.Fprint(w, `"x":1}`)
	})
}

func TestPublicAddress(t *testing.T) {
	p := newPKI(t)
	year := time.Now().AddDate(1, 0, 0)
	asIs := func(map[string]string) {}
	for _, tt := range []struct {
		name   string
		pair   tls.Certificate
		change func(map[string]string)
		word   string
		want   []Status
	}{
		{"well", p.issue(year, true, "127.0.0.1"), asIs, "over TLS 1.3", []Status{OK}},
		{"expires", p.issue(time.Now().AddDate(0, 0, 20), true, "127.0.0.1"), asIs, "expires", []Status{Warning}},
		{"expired", p.issue(time.Now().AddDate(0, 0, -1), true, "127.0.0.1"), asIs, "renew", []Status{Fault}},
		{"another host", p.issue(year, true, "other.example.vn"), asIs, "is not for", []Status{Fault}},
		{"no intermediate", p.issue(year, false, "127.0.0.1"), asIs, "no authority", []Status{Fault}},
		{"another issuer", p.issue(year, true, "127.0.0.1"), func(d map[string]string) { d["issuer"] = "https://evil.example.vn" }, "another issuer", []Status{Fault}},
		{"an endpoint elsewhere", p.issue(year, true, "127.0.0.1"), func(d map[string]string) { d["jwks_uri"] = "https://evil.example.vn/keys" }, "jwks_uri", []Status{Fault}},
		{"no HSTS", p.issue(year, true, "127.0.0.1"), func(d map[string]string) { d["hsts"] = "none" }, "Strict-Transport", []Status{Warning}},
	} {
		issuer := ""
		server := httptest.NewUnstartedServer(gatewayLike(&issuer, tt.change))
		server.TLS = &tls.Config{Certificates: []tls.Certificate{tt.pair}, MinVersion: tls.VersionTLS12}
		server.Config.ErrorLog = nil
		server.StartTLS()
		issuer = server.URL
		look := Public{Issuer: issuer, Roots: p.roots, Clocks: &Clocks{}, Now: time.Now}
		wants(t, tt.name, look.Look(t.Context()), tt.word, tt.want...)
		server.Close()
		wants(t, tt.name+", gone", look.Look(t.Context()), "start the gateway", Fault)
		look.Fresh = true
		wants(t, tt.name+", never there", look.Look(t.Context()), "eidgate serve", Warning)
	}
}

// TestPublicAddressVia: --url leads the connection elsewhere, and the issuer is asked
// all the same.
func TestPublicAddressVia(t *testing.T) {
	issuer, asked := "https://login.example.vn", ""
	document := gatewayLike(&issuer, func(map[string]string) {})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.Host
		document.ServeHTTP(w, r)
	}))
	defer server.Close()
	look := Public{Issuer: issuer, Via: server.URL, Clocks: &Clocks{}, Now: time.Now}
	wants(t, "via", look.Look(t.Context()), "answers with its discovery", OK)
	if asked != "login.example.vn" {
		t.Errorf("Host = %q, want the issuer's", asked)
	}
	silent, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	look.Via = "http://" + silent.Addr().String()
	wants(t, "silent", look.Look(ctx), "in time", Fault)
}

// TestProxiesAsked: the probe goes through the public address with a forged header,
// and what comes back is judged; a gateway that does not tell is a warning.
func TestProxiesAsked(t *testing.T) {
	status, got := http.StatusOK, http.Header{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Clone()
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"address":"127.0.0.1","peer":%q,"forwarded":%q,"version":"live"}`, r.RemoteAddr, r.Header.Get("X-Forwarded-For"))
	}))
	defer server.Close()
	look := Public{Issuer: server.URL, Version: "live", Clocks: &Clocks{}, Now: time.Now, Probe: func(context.Context) (string, error) { return "sealed", nil }}
	wants(t, "direct", look.LookProxies(t.Context()), "no proxy on the way", OK)
	if got.Get(provider.ProbeHeader) != "sealed" || got.Get("X-Forwarded-For") != forged {
		t.Errorf("headers = %v, want the probe and a forged address", got)
	}
	look.Version = "other"
	wants(t, "another configuration is live", look.LookProxies(t.Context()), "SIGHUP", OK, Warning)
	status = http.StatusNotFound
	wants(t, "does not tell", look.LookProxies(t.Context()), "status 404", Warning)
	look.Probe = func(context.Context) (string, error) { return "", errors.New("no master key") }
	wants(t, "no master key", look.LookProxies(t.Context()), "master key", Warning)
	look.Issuer = "https://login.example.vn"
	wants(t, "https without proxies", look.LookProxies(t.Context()), "proxies names none", Warning)
}

// TestSourceLook: a provider over real sockets, as it should be and otherwise.
func TestSourceLook(t *testing.T) {
	upstream := fedtest.StartOpenID(t, fedtest.Config{Title: "Synthetic provider", Clients: []fedtest.Client{{ID: "eidgate", RedirectURIs: []string{"http://127.0.0.1/callback"}}}, People: []fedtest.Person{{Subject: "u", Login: "one", Password: "pw", ACR: "a"}}})
	host := strings.TrimPrefix(upstream.Issuer(), "http://")
	source := func(issuer string) eid.Source {
		return eid.Source{ID: "old", Kind: federation.KindOpenID, Window: eid.Window{From: time.Now().AddDate(-1, 0, 0)}, Settings: fmt.Appendf(nil, `{"issuer":%q,"client_id":"eidgate","client_secret":"x","acr":{"a":1}}`, issuer)}
	}
	look := func(allow []string, src eid.Source) []Finding {
		client, err := federation.HTTPClient(allow)
		if err != nil {
			t.Fatal(err)
		}
		defer client.CloseIdleConnections()
		return Sources{HTTP: client, Clocks: &Clocks{}, Now: time.Now}.Look(t.Context(), src)
	}
	allow := []string{host}
	wants(t, "well", look(allow, source(upstream.Issuer())), "usable keys", OK)
	wants(t, "not allowed", look(nil, source(upstream.Issuer())), "outbound.allow", OK, Fault)
	wants(t, "no name", look(nil, source("https://nowhere.invalid")), "", OK, Fault)
	upstream.TamperDiscovery(fedtest.Set("issuer", "https://other.example.vn"))
	wants(t, "another issuer", look(allow, source(upstream.Issuer())), "issuer", OK, Fault)
	upstream.Behave()
	upstream.Break(fedtest.PathKeys, fedtest.Garbage)
	wants(t, "no keys", look(allow, source(upstream.Issuer())), "keys", OK, Fault)
	ended := source("https://nowhere.invalid")
	ended.Window.Until = time.Now().AddDate(0, 0, -1)
	wants(t, "ended, and not asked", look(nil, ended), "ended", OK)
	wants(t, "the account system", look(nil, eid.Source{Kind: federation.KindAccount, Window: ended.Window}), "ended", OK)
}

// TestLegacySourceLook: servers of other protocols, sound, garbled and gone.
func TestLegacySourceLook(t *testing.T) {
	cas := fedtest.StartCAS(t, fedtest.CASConfig{Title: "Synthetic server", Services: []string{"https://eidgate.invalid/"}, People: []fedtest.Person{{Subject: "u", Login: "one", Password: "pw", ACR: "a"}}})
	idp := fedtest.StartSAML(t, fedtest.SAMLConfig{Title: "Synthetic provider", People: []fedtest.SAMLPerson{{Person: fedtest.Person{Subject: "u", Login: "one", Password: "pw", ACR: "a"}}}})
	platform := fedtest.StartVNeID(t, fedtest.VNeIDConfig{
		Title: "Synthetic platform", Clients: []fedtest.Client{{ID: "a", Secret: "b", RedirectURIs: []string{"https://login.example.vn/callback/old"}}},
		People: []fedtest.Citizen{{Login: "one", Password: "pw", TechID: "t", Level: 1}},
	})
	pair, _, err := saml.NewKeyPair("eidgate", time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	at := platform.Endpoints(fedtest.DialectSSO)
	settings := func(members map[string]any) []byte {
		raw, err := json.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	for _, tt := range []struct {
		kind     string
		settings []byte
		spoil    func()
	}{
		{federation.KindCAS, settings(map[string]any{"server": cas.Server(), "level": 1}), func() { cas.Break(fedtest.PathCASValidate, fedtest.Garbage) }},
		{federation.KindSAML, settings(map[string]any{
			"issuer": idp.EntityID(), "metadata_url": idp.EntityID(), "keys": []string{string(pair)}, "acr": map[string]int{"urn:one": 1},
		}), func() { idp.Break(fedtest.Garbage) }},
		{federation.KindVNeID, settings(map[string]any{
			"dialect": "sso", "authorize": at.Authorize, "token": at.Token, "userinfo": at.UserInfo, "client_id": "a", "client_secret": "b", "levels": map[string]int{"1": 1},
		}), func() { platform.Break(at.UserInfo, fedtest.Garbage) }},
	} {
		src := eid.Source{ID: "old", Kind: tt.kind, Window: eid.Window{From: time.Now().AddDate(-1, 0, 0)}, Settings: tt.settings}
		look := func(allow ...string) []Finding {
			client, err := federation.HTTPClient(allow)
			if err != nil {
				t.Fatal(err)
			}
			defer client.CloseIdleConnections()
			return Sources{Issuer: "https://login.example.vn", HTTP: client, Clocks: &Clocks{}, Now: time.Now}.Look(t.Context(), src)
		}
		var all []string
		for _, address := range []string{cas.Server(), idp.EntityID(), at.UserInfo} {
			u, err := url.Parse(address)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, u.Host)
		}
		wants(t, tt.kind+", sound", look(all...), "as its protocol wants", OK)
		wants(t, tt.kind+", not allowed", look(), "outbound.allow", OK, Fault)
		tt.spoil()
		wants(t, tt.kind+", garbage", look(all...), "", OK, Fault)
	}
}

// TestSourceClock: the Date of a source that is an hour off is a finding.
func TestSourceClock(t *testing.T) {
	issuer := ""
	server := httptest.NewServer(gatewayLike(&issuer, func(d map[string]string) { d["date"] = time.Now().Add(time.Hour).UTC().Format(http.TimeFormat) }))
	defer server.Close()
	issuer = server.URL
	client, err := federation.HTTPClient([]string{strings.TrimPrefix(issuer, "http://")})
	if err != nil {
		t.Fatal(err)
	}
	clocks := &Clocks{}
	Sources{HTTP: client, Clocks: clocks, Now: time.Now}.Look(t.Context(), eid.Source{
		ID: "old", Kind: federation.KindOpenID, Settings: fmt.Appendf(nil, `{"issuer":%q,"client_id":"eidgate","client_secret":"x","acr":{"a":1}}`, issuer),
	})
	list := clocks.Look(t.Context())
	if len(list) == 0 || list[0].Status != Fault || !strings.Contains(list[0].Found, "behind source old") {
		t.Errorf("clock = %+v, want a fault that names the source", list)
	}
}

func TestListeners(t *testing.T) {
	issuer := "http://login.example.vn"
	server := httptest.NewServer(gatewayLike(&issuer, func(map[string]string) {}))
	defer server.Close()
	stranger := httptest.NewServer(http.NotFoundHandler())
	defer stranger.Close()
	metrics := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, "eidgate_x 1\nprocess_max_fds 100\n")
	}))
	defer metrics.Close()
	at := func(s *httptest.Server) string { return strings.TrimPrefix(s.URL, "http://") }
	own := func(cidr ...string) func() ([]net.Addr, error) {
		return func() ([]net.Addr, error) {
			var list []net.Addr
			for _, text := range cidr {
				ip, network, err := net.ParseCIDR(text)
				if err != nil {
					return nil, err
				}
				list = append(list, &net.IPNet{IP: ip, Mask: network.Mask})
			}
			return list, nil
		}
	}
	free := httptest.NewServer(http.NotFoundHandler())
	freeAt := at(free)
	free.Close()
	public := func(listen, issuer string) []Finding {
		return Listener{Key: "listen", Listen: listen, Issuer: issuer, Addresses: own("10.1.1.9/24")}.LookPublic(t.Context())
	}
	told := func(listen string, pprof bool, addresses ...string) []Finding {
		return Listener{Key: "metrics.listen", Listen: listen, Addresses: own(addresses...)}.LookMetrics(t.Context(), pprof)
	}
	for _, tt := range []struct {
		name string
		got  []Finding
		word string
		want Status
	}{
		{"a gateway", public(at(server), issuer), "a gateway of this issuer", OK},
		{"of another issuer", public(at(server), "http://other.example.vn"), "another issuer", Fault},
		{"a stranger", public(at(stranger), issuer), "another program", Fault},
		{"free", public(freeAt, issuer), "free", OK},
		{"not of this machine", public("10.1.1.8:8400", issuer), "no address of this machine", Fault},
		{"metrics", told(at(metrics), true), "tells its metrics", OK},
		{"metrics free", told(freeAt, false), "free", OK},
		{"a stranger's metrics", told(at(stranger), false), "another program", Fault},
		{"metrics on a public address", told("203.0.114.7:8401", false, "203.0.114.7/24"), "public address", Fault},
		{"metrics everywhere, the Internet too", told("0.0.0.0:8401", false, "10.1.1.9/24", "2400:cb00::1/64"), "public address", Fault},
		{"metrics everywhere", told(":8401", false, "10.1.1.9/24", "127.0.0.1/8"), "every address", Warning},
		{"profiles on a network", told("10.1.1.9:8401", true, "10.1.1.9/24"), "profiles", Warning},
		{"files of the running gateway", Files(t.Context(), 4096, at(metrics)), "the running gateway may open 100", Warning},
		{"files of this shell", Files(t.Context(), 1, ""), "this shell", OK},
	} {
		wants(t, tt.name, tt.got, tt.word, tt.want)
	}
}

// TestServedCertificate: what a gateway serves is held against the file.
func TestServedCertificate(t *testing.T) {
	p := newPKI(t)
	issuer := "https://login.example.vn"
	server := httptest.NewUnstartedServer(gatewayLike(&issuer, func(map[string]string) {}))
	pair := p.issue(time.Now().AddDate(1, 0, 0), true, "login.example.vn")
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	defer server.Close()
	l := Listener{Key: "listen", Listen: strings.TrimPrefix(server.URL, "https://"), Issuer: issuer, Cert: pair.Certificate[0]}
	wants(t, "the same", l.LookPublic(t.Context()), "", OK)
	l.Cert = p.issue(time.Now().AddDate(1, 0, 0), true, "login.example.vn").Certificate[0]
	wants(t, "an older one", l.LookPublic(t.Context()), "another certificate", Warning)
}

func TestAllowed(t *testing.T) {
	lookup := func(_ context.Context, host string) ([]string, error) {
		if host == "here.example.vn" {
			return []string{"10.0.0.1"}, nil
		}
		return nil, errors.New("no such host")
	}
	wants(t, "found", Allowed(t.Context(), []string{"here.example.vn:443"}, lookup), "1 destination", OK)
	wants(t, "gone", Allowed(t.Context(), []string{"here.example.vn:443", "gone.example.vn:443"}, lookup), "gone.example.vn", Warning)
}
