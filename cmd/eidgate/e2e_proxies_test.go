package main_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// proxied is a gateway behind one of the proxies of deploy/, each on ports that are
// free, with the certificate of a demo name.
type proxied struct {
	gateway, https, http string
	log                  *syncBuffer // of the gateway
	dir                  string
	roots                *x509.CertPool
}

const proxiedName = "dangnhap.example.vn"

func startProxied(t *testing.T) *proxied {
	t.Helper()
	dir := t.TempDir()
	p := &proxied{gateway: freeBlock(), https: freeBlock(), http: freeBlock(), log: &syncBuffer{}, dir: dir, roots: x509.NewCertPool()}
	chain, key := p.certificate(t)
	for name, text := range map[string][]byte{"fullchain.pem": chain, "privkey.pem": key, "eidgate.pem": append(chain, key...)} {
		must(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
	file := filepath.Join(dir, "eidgate.yaml")
	must(t, os.WriteFile(file, []byte(`issuer: https://`+proxiedName+`
listen: `+p.gateway+`
proxies: [127.0.0.1]
data: data
metrics: {listen: "off"}
sources: [{id: national, kind: account, name: Tài khoản, provider: test, may_assert: [1, 2], grants_at_most: 2}]
clients:
  - {id: app, name: Ứng dụng, url: "https://app.example.test/", tier: other, auth_method: none, redirect_uris: ["https://app.example.test/cb"],
     scopes: [openid], sector: app.example.test, min_level: 1, sources: [national], consent: {purpose: Thử}}
`), 0o600))
	p.start(t, p.log, binary, "serve", "--config", file)
	waitUntil(t, "the gateway", func() bool {
		res, err := http.Get("http://" + p.gateway + "/readyz")
		return err == nil && res.Body.Close() == nil && res.StatusCode == http.StatusOK
	})
	return p
}

// certificate makes one for the name, which p's clients trust.
func (p *proxied) certificate(t *testing.T) (chain, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{proxiedName}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	must(t, err)
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	chain = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	p.roots.AppendCertsFromPEM(chain)
	return chain, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}

// start runs a program until the test ends.
func (p *proxied) start(t *testing.T, out io.Writer, name string, args ...string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		name = filepath.Join("/usr/sbin", name) // where users may have no path to
	}
	c := exec.CommandContext(t.Context(), name, args...)
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = 35 * time.Second
	c.Stdout, c.Stderr = out, out
	must(t, c.Start())
	t.Cleanup(func() { _ = c.Wait() }) // its context has ended before
}

// example is a file of deploy/ with replacements, each of which has to apply.
func (p *proxied) example(t *testing.T, file string, change ...string) string {
	t.Helper()
	raw, err := os.ReadFile("../../deploy/" + file)
	must(t, err)
	text := string(raw)
	for i := 0; i < len(change); i += 2 {
		if !strings.Contains(text, change[i]) {
			t.Fatalf("%s has no %q", file, change[i])
		}
		text = strings.ReplaceAll(text, change[i], change[i+1])
	}
	name := filepath.Join(p.dir, filepath.Base(file))
	must(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

// client comes from another address of loopback than the proxy's own.
func (p *proxied) client(http2 bool) *http.Client {
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 1, 2, 3)}}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: p.roots, ServerName: proxiedName}, DialContext: dialer.DialContext,
		DisableKeepAlives: true, ForceAttemptHTTP2: http2,
	}
	return &http.Client{Transport: transport, Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func TestProxies(t *testing.T) {
	for name, start := range map[string]func(*testing.T, *proxied) (log func() string){
		"nginx": func(t *testing.T, p *proxied) func() string {
			site := p.example(t, "nginx/eidgate.conf", "127.0.0.1:8400", p.gateway, "/etc/ssl/eidgate/", p.dir+"/", "/var/log/nginx/", p.dir+"/",
				"listen 443 ", "listen "+p.https+" ", "listen 80;", "listen "+p.http+";", "    listen [::]:80;\n", "", "    listen [::]:443 ssl http2;\n", "")
			main := filepath.Join(p.dir, "nginx.conf")
			must(t, os.WriteFile(main, []byte("daemon off; pid "+p.dir+"/nginx.pid; error_log stderr;\nevents {}\nhttp { client_body_temp_path "+p.dir+
				"/body; proxy_temp_path "+p.dir+"/proxy; include "+site+"; }\n"), 0o600))
			p.start(t, os.Stderr, "nginx", "-c", main)
			return func() string {
				access, err := os.ReadFile(filepath.Join(p.dir, "eidgate.log"))
				must(t, err)
				errs, err := os.ReadFile(filepath.Join(p.dir, "eidgate.error.log"))
				must(t, err)
				return string(access) + string(errs)
			}
		},
		"haproxy": func(t *testing.T, p *proxied) func() string {
			file := p.example(t, "haproxy/eidgate.cfg", "127.0.0.1:8400", p.gateway, "/etc/haproxy/", p.dir+"/", "log /dev/log local0", "log stdout format raw local0",
				"bind :::80 v4v6", "bind "+p.http, "bind :::443 v4v6", "bind "+p.https)
			out := &syncBuffer{}
			p.start(t, out, "haproxy", "-f", file)
			return out.String
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startProxied(t)
			log := start(t, p)
			p.check(t, log)
		})
	}
}

func (p *proxied) check(t *testing.T, log func() string) {
	const query = "?response_type=code&client_id=app&scope=openid&state=STATE-OF-A-TEST&nonce=n&code_challenge_method=S256" +
		"&code_challenge=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU&redirect_uri=https%3A%2F%2Fapp.example.test%2Fcb"
	waitUntil(t, "the proxy", func() bool {
		res, err := p.client(true).Get("https://" + p.https + "/readyz")
		return err == nil && res.Body.Close() == nil && res.StatusCode == http.StatusOK
	})
	for _, tt := range []struct {
		name, method, path string
		body               int
		http1              bool
		want               int
	}{
		{name: "a sign-in", path: "/authorize" + query, want: http.StatusSeeOther},
		{name: "a long query", path: "/authorize" + query + "&ui_locales=" + strings.Repeat("a", 15_000), want: http.StatusSeeOther},
		{name: "a long query over HTTP/1.1", path: "/authorize" + query + "&ui_locales=" + strings.Repeat("a", 15_000), http1: true, want: http.StatusSeeOther},
		{name: "a large body", method: http.MethodPost, path: "/token", body: 60_000, want: http.StatusUnauthorized},
		{name: "a body too large", method: http.MethodPost, path: "/token", body: 90_000, want: http.StatusRequestEntityTooLarge},
	} {
		r, err := http.NewRequestWithContext(t.Context(), tt.method, "https://"+p.https+tt.path, strings.NewReader(strings.Repeat("a", tt.body)))
		must(t, err)
		r.Header.Add("X-Forwarded-For", "203.0.113.7") // forged
		r.Header.Add("X-Forwarded-For", "203.0.113.8")
		res, err := p.client(!tt.http1).Do(r)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		must(t, res.Body.Close())
		if res.StatusCode != tt.want || (res.ProtoMajor == 2) == tt.http1 {
			t.Errorf("%s: %d over %s, want %d, over HTTP/1.1: %v", tt.name, res.StatusCode, res.Proto, tt.want, tt.http1)
		}
		if hsts := res.Header.Get("Strict-Transport-Security"); hsts == "" && res.StatusCode < 400 {
			t.Errorf("%s: no Strict-Transport-Security", tt.name)
		}
	}
	res, err := p.client(false).Get("http://" + p.http + "/authorize" + query)
	must(t, err)
	must(t, res.Body.Close())
	if got := res.Header.Get("Location"); res.StatusCode != http.StatusMovedPermanently || !strings.HasPrefix(got, "https://") {
		t.Errorf("over http: %d to %s, want 301 to https", res.StatusCode, got)
	}
	gateway := p.log.String()
	if n := strings.Count(gateway, `"net":"127.1.2.0/24"`); n < 4 || strings.Contains(gateway, "203.0.113") {
		t.Errorf("the gateway saw the caller %d times, want four or more and no forged address:\n%s", n, gateway)
	}
	waitUntil(t, "the proxy's log", func() bool { return strings.Count(log(), "/authorize") >= 3 })
	if text := log(); strings.Contains(text, "STATE-OF-A-TEST") || strings.Contains(text, "127.1.2.3") || !strings.Contains(text, "ref=") {
		t.Errorf("the proxy's log holds a query or a whole address, or no reference:\n%s", text)
	}
}
