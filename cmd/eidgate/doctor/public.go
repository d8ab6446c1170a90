package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 1 << 20

// Public looks at the gateway's public address, as browsers and portals reach it.
type Public struct {
	Issuer string
	// Via is where to connect to instead of the issuer's host, with the scheme to
	// speak there; empty: to the issuer.
	Via     string
	Version string   // of the configuration that was read
	Proxies []string // whose X-Forwarded-For is believed
	OwnTLS  bool     // the gateway speaks TLS itself
	// Fresh says that no gateway has run here, so that none has to answer.
	Fresh  bool
	Roots  *x509.CertPool // nil: this machine's
	Clocks *Clocks
	Now    func() time.Time
	// Probe makes what provider.ProbeHeader wants.
	Probe func(context.Context) (string, error)
}

// answer is what came of a request to the public address.
type answer struct {
	*http.Response
	body  []byte
	local string // host and port of this side of the connection
}

// get asks for a path of the issuer.
func (p Public) get(ctx context.Context, path string, header http.Header) (answer, error) {
	target, err := url.Parse(p.Issuer)
	if err != nil {
		return answer{}, err
	}
	dial := (&net.Dialer{Timeout: 2 * time.Second}).DialContext
	transport := &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: p.Roots, MinVersion: tls.VersionTLS12, ServerName: target.Hostname()},
		DisableKeepAlives: true, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: 64 << 10,
		DialContext: dial,
	}
	if p.Via != "" {
		via, err := url.Parse(p.Via)
		if err != nil {
			return answer{}, err
		}
		target.Scheme = via.Scheme
		port := via.Port()
		if port == "" {
			port = map[string]string{"http": "80", "https": "443"}[via.Scheme]
		}
		transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dial(ctx, network, net.JoinHostPort(via.Hostname(), port))
		}
	}
	var a answer
	var remote net.Addr
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		a.local, remote = info.Conn.LocalAddr().String(), info.Conn.RemoteAddr()
	}})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String()+path, nil)
	if err != nil {
		return answer{}, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	sent := p.Now()
	res, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	a.Response = res
	if !sameHost(a.local, remote) { // else it is this machine's own clock
		p.Clocks.Note("the public address", res, sent, p.Now())
	}
	a.body, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	return a, err
}

func sameHost(local string, remote net.Addr) bool {
	if remote == nil {
		return false
	}
	here, _, err1 := net.SplitHostPort(local)
	there, _, err2 := net.SplitHostPort(remote.String())
	return err1 == nil && err2 == nil && here == there
}

// Look asks for the discovery document, and sees how it comes.
func (p Public) Look(ctx context.Context) []Finding {
	a, err := p.get(ctx, "/.well-known/openid-configuration", nil)
	if err != nil {
		return []Finding{p.unreached(err)}
	}
	list := p.judgeDiscovery(a.StatusCode, a.body)
	if a.TLS != nil {
		for _, f := range judgeChain(a.TLS.PeerCertificates, p.host(), p.Roots, p.Now()) {
			if f.Status != OK {
				list = append(list, f)
			}
		}
		if len(list) == 0 && a.Header.Get("Strict-Transport-Security") == "" {
			list = append(list, warning("let the proxy pass Strict-Transport-Security on", "its answers come without Strict-Transport-Security, which the gateway sends"))
		}
	}
	if len(list) > 0 {
		return list
	}
	if a.TLS == nil {
		return []Finding{ok("%s answers with its discovery", p.Issuer)}
	}
	return []Finding{ok("%s answers with its discovery, over %s, with a certificate until %s",
		p.Issuer, tls.VersionName(a.TLS.Version), day(a.TLS.PeerCertificates[0].NotAfter))}
}

func (p Public) host() string {
	u, err := url.Parse(p.Issuer)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// judgeDiscovery holds the document against the configuration (OpenID Connect
// Discovery §4.3).
func (p Public) judgeDiscovery(status int, body []byte) []Finding {
	const mend = "have the name and the proxy of issuer lead to this gateway"
	if status != http.StatusOK {
		return []Finding{fault(mend, "%s answers %d instead of its discovery", p.Issuer, status)}
	}
	var document map[string]any
	if json.Unmarshal(body, &document) != nil {
		return []Finding{fault(mend, "%s answers with something that is no discovery", p.Issuer)}
	}
	if issuer, _ := document["issuer"].(string); issuer != p.Issuer {
		return []Finding{fault(mend+", or set issuer to what portals use", "at %s another issuer answers: %.200q", p.Issuer, issuer)}
	}
	var list []Finding
	for _, name := range []string{"authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "end_session_endpoint"} {
		address, _ := document[name].(string)
		if !strings.HasPrefix(address, p.Issuer+"/") {
			list = append(list, fault("have the proxy pass the document on as it is", "%s of its discovery lies elsewhere: %.200q", name, address))
		}
	}
	return list
}

// unreached says why the public address gave no answer.
func (p Public) unreached(err error) Finding {
	var call *url.Error
	if errors.As(err, &call) {
		err = call.Err
	}
	var name *net.DNSError
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var plain tls.RecordHeaderError
	switch {
	case p.Fresh && errors.Is(err, syscall.ECONNREFUSED):
		return warning("eidgate serve, then ask again", "nothing answers at %s: no gateway has run here", p.Issuer)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fault("start the gateway, and the proxy in front of it", "nothing answers at %s", p.Issuer)
	case errors.As(err, &name):
		return fault("enter the name in DNS, or reach it with --url https://<address>", "%s does not resolve here", p.host())
	case errors.As(err, &unknown):
		return fault("have the intermediates sent with the certificate; for an authority of your own, SSL_CERT_FILE names it to doctor",
			"the certificate at %s leads to no authority that this machine knows", p.Issuer)
	case errors.As(err, &host):
		return fault("have it made for the host of issuer", "the certificate at %s is not for %s", p.Issuer, p.host())
	case errors.As(err, &invalid):
		return fault("renew it, or set this machine's clock", "the certificate at %s is refused: %v", p.Issuer, err)
	case errors.As(err, &plain):
		return fault("set tls.cert_file and tls.key_file, or have the proxy speak TLS", "no TLS is spoken at %s", p.Issuer)
	case errors.Is(err, context.DeadlineExceeded):
		return fault("look for a firewall, or reach it with --url https://<address>", "%s does not answer in time", p.Issuer)
	}
	return fault("reach it from elsewhere, or with --url https://<address>", "%s cannot be reached from here: %v", p.Issuer, err)
}
