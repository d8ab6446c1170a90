package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"eidgate/config"
)

// authority issues certificates for 127.0.0.1.
type authority struct {
	t     *testing.T
	cert  *x509.Certificate
	key   crypto.Signer
	roots *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	check(t, err)
	a := &authority{t: t, key: key, roots: x509.NewCertPool()}
	a.cert, err = x509.ParseCertificate(raw)
	check(t, err)
	a.roots.AddCert(a.cert)
	return a
}

// issue makes a pair in PEM, valid until a time.
func (a *authority) issue(serial int64, key crypto.Signer, until time.Time) (cert, private []byte) {
	a.t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: until,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	check(a.t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	check(a.t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func ecKey(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	return key
}

// tlsServer serves "ok" through a certificate's listener.
type tlsServer struct {
	authority *authority
	files     config.TLS
	cert      *certificate
	addr      string
	log       *bytes.Buffer
}

func startTLS(t *testing.T, key crypto.Signer, every time.Duration) *tlsServer {
	t.Helper()
	dir := t.TempDir()
	s := &tlsServer{
		authority: newAuthority(t), files: config.TLS{CertFile: filepath.Join(dir, "tls.crt"), KeyFile: filepath.Join(dir, "tls.key")},
		log: new(bytes.Buffer),
	}
	s.write(t, 100, key)
	var err error
	s.cert, err = openCertificate(s.files, time.Now, slog.New(slog.NewTextHandler(s.log, nil)))
	check(t, err)
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(hangup) })
	w := &watch{hangup: hangup, every: every, subjects: []*subject{s.cert.watched}}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	check(t, err)
	s.addr = l.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) })
		if err := serveHTTP(ctx, s.cert.listen(l), h, 64, slog.New(slog.DiscardHandler), func() {}); err != nil {
			t.Errorf("serveHTTP() = %v", err)
		}
	})
	running.Go(func() {
		if err := w.run(ctx); err != nil {
			t.Errorf("run() = %v", err)
		}
	})
	t.Cleanup(func() { stop(); running.Wait() })
	return s
}

// write puts a new pair in place as a careless operator does: one file after the
// other.
func (s *tlsServer) write(t *testing.T, serial int64, key crypto.Signer) {
	t.Helper()
	cert, private := s.authority.issue(serial, key, time.Now().Add(time.Hour))
	check(t, os.WriteFile(s.files.CertFile, cert, 0o600))
	check(t, os.WriteFile(s.files.KeyFile, private, 0o600))
}

// shake makes one handshake and gives the serial of the certificate shown.
func (s *tlsServer) shake(ctx context.Context, change func(*tls.Config)) (int64, tls.ConnectionState, error) {
	cfg := &tls.Config{RootCAs: s.authority.roots, MinVersion: tls.VersionTLS10}
	change(cfg)
	conn, err := (&tls.Dialer{Config: cfg}).DialContext(ctx, "tcp", s.addr)
	if err != nil {
		return 0, tls.ConnectionState{}, err
	}
	defer func() { _ = conn.Close() }()
	state := conn.(*tls.Conn).ConnectionState()
	return state.PeerCertificates[0].SerialNumber.Int64(), state, nil
}

func asIs(*tls.Config) {}

func TestTLSVersionsAndSuites(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	check(t, err)
	servers := map[string]*tlsServer{"RSA": startTLS(t, rsaKey, time.Hour), "ECDSA": startTLS(t, ecKey(t), time.Hour)}
	only := func(version uint16, suites ...uint16) func(*tls.Config) {
		return func(c *tls.Config) { c.MinVersion, c.MaxVersion, c.CipherSuites = version, version, suites }
	}
	for _, tt := range []struct {
		name, server string
		change       func(*tls.Config)
		ok           bool
	}{
		{"TLS 1.3", "RSA", only(tls.VersionTLS13), true},
		{"TLS 1.3", "ECDSA", only(tls.VersionTLS13), true},
		{"1.2 AES-128-GCM", "RSA", only(tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256), true},
		{"1.2 AES-256-GCM", "RSA", only(tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384), true},
		{"1.2 AES-128-GCM", "ECDSA", only(tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256), true},
		{"1.2 AES-256-GCM", "ECDSA", only(tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384), true},
		{"TLS 1.0", "RSA", only(tls.VersionTLS10), false},
		{"TLS 1.1", "RSA", only(tls.VersionTLS11), false},
		{"TLS 1.1", "ECDSA", only(tls.VersionTLS11), false},
		{"CBC", "RSA", only(tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA), false},
		{"CBC SHA-256", "RSA", only(tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256), false},
		{"CBC", "ECDSA", only(tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA), false},
		{"RSA key exchange", "RSA", only(tls.VersionTLS12, tls.TLS_RSA_WITH_AES_128_GCM_SHA256), false},
		{"ChaCha20", "RSA", only(tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256), false},
	} {
		t.Run(tt.server+" "+tt.name, func(t *testing.T) {
			_, state, err := servers[tt.server].shake(t.Context(), tt.change)
			if got := err == nil; got != tt.ok {
				t.Errorf("handshake = %v (version %x, suite %x), want ok %v", err, state.Version, state.CipherSuite, tt.ok)
			}
		})
	}
}

func TestTLSSpeaksHTTP2(t *testing.T) {
	s := startTLS(t, ecKey(t), time.Hour)
	for want, h2 := range map[string]bool{"HTTP/2.0": true, "HTTP/1.1": false} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.authority.roots}, ForceAttemptHTTP2: h2}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+s.addr, nil)
		check(t, err)
		res, err := (&http.Client{Transport: transport}).Do(r)
		check(t, err)
		body, err := io.ReadAll(res.Body)
		check(t, err)
		check(t, res.Body.Close())
		if string(body) != want {
			t.Errorf("protocol = %s, want %s", body, want)
		}
		transport.CloseIdleConnections()
	}
}

// TestReloadUnderLoad changes the files while clients connect: none is refused,
// each new certificate comes into use.
func TestReloadUnderLoad(t *testing.T) {
	s := startTLS(t, ecKey(t), time.Millisecond)
	ctx, stop := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for ctx.Err() == nil {
				if _, _, err := s.shake(context.WithoutCancel(ctx), asIs); err != nil {
					t.Errorf("handshake refused: %v", err)
					return
				}
			}
		})
	}
	for serial := int64(101); serial <= 110; serial++ {
		s.write(t, serial, ecKey(t))
		s.waitFor(t, serial)
	}
	stop()
	clients.Wait()
}

// waitFor waits until the server shows a certificate.
func (s *tlsServer) waitFor(t *testing.T, serial int64) {
	t.Helper()
	end := time.Now().Add(20 * time.Second)
	for time.Now().Before(end) {
		got, _, err := s.shake(t.Context(), asIs)
		check(t, err)
		if got == serial {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("certificate %d did not come into use", serial)
}

// TestBadPairKeepsTheOld goes through the ways in which a renewal fails.
func TestBadPairKeepsTheOld(t *testing.T) {
	a := newAuthority(t)
	dir := t.TempDir()
	files := config.TLS{CertFile: filepath.Join(dir, "tls.crt"), KeyFile: filepath.Join(dir, "tls.key")}
	cert, private := a.issue(1, ecKey(t), time.Now().Add(time.Hour))
	newCert, newPrivate := a.issue(2, ecKey(t), time.Now().Add(time.Hour))
	oldCert, oldPrivate := a.issue(3, ecKey(t), time.Now().Add(-time.Hour))
	put := func(cert, private []byte) {
		t.Helper()
		check(t, os.WriteFile(files.CertFile, cert, 0o600))
		check(t, os.WriteFile(files.KeyFile, private, 0o600))
	}
	put(cert, private)
	var log bytes.Buffer
	c, err := openCertificate(files, time.Now, slog.New(slog.NewTextHandler(&log, nil)))
	check(t, err)
	serial := func() int64 { return c.current.Load().Leaf.SerialNumber.Int64() }
	for _, tt := range []struct {
		name          string
		cert, private []byte
	}{
		{"half written", newCert, private},
		{"cut off", newCert[:len(newCert)/2], newPrivate},
		{"empty", nil, nil},
		{"expired", oldCert, oldPrivate},
		{"no key", newCert, newCert},
	} {
		log.Reset()
		put(tt.cert, tt.private)
		c.reload(t.Context(), true)
		if got := serial(); got != 1 {
			t.Errorf("%s: certificate %d, want the old one", tt.name, got)
		}
		if !strings.Contains(log.String(), "keeping the old certificate") || strings.Contains(log.String(), "PRIVATE KEY") {
			t.Errorf("%s: log = %q, want it told", tt.name, &log)
		}
		if _, err := openCertificate(files, time.Now, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%s: openCertificate() = nil, want an error at the start", tt.name)
		}
	}
	check(t, os.Remove(files.KeyFile))
	c.reload(t.Context(), true)
	if got := serial(); got != 1 {
		t.Errorf("missing file: certificate %d, want the old one", got)
	}
	put(newCert, newPrivate)
	c.reload(t.Context(), true)
	if got := serial(); got != 2 {
		t.Errorf("certificate %d after a good pair, want the new one", got)
	}
}

func TestReloadOnHangup(t *testing.T) {
	s := startTLS(t, ecKey(t), time.Hour)
	s.write(t, 7, ecKey(t))
	end := time.Now().Add(20 * time.Second)
	for s.cert.current.Load().Leaf.SerialNumber.Int64() != 7 {
		if time.Now().After(end) {
			t.Fatal("SIGHUP did not bring the new certificate into use")
		}
		check(t, syscall.Kill(os.Getpid(), syscall.SIGHUP))
		time.Sleep(5 * time.Millisecond)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
