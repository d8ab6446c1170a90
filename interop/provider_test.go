//go:build interop

package interop_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/template"
	"time"
)

// provider is a program that can be several sources, with the key it signs with.
type provider struct {
	dir, origin              string
	secret                   string // of the gateway as a client
	key, public, certificate string // PEM
	keyFile, certificateFile string
}

func (p *provider) addr() string { return strings.TrimPrefix(p.origin, "http://") }

func newProvider(dir, name string) (*provider, error) {
	addr, err := freeAddr(1)
	if err != nil {
		return nil, err
	}
	p := &provider{dir: filepath.Join(dir, name), origin: "http://" + addr, secret: randomText()}
	if err := os.Mkdir(p.dir, 0o700); err != nil {
		return nil, err
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	subject := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name + " of a test"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, subject, subject, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	text := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	p.key, p.public, p.certificate = text("PRIVATE KEY", private), text("PUBLIC KEY", public), text("CERTIFICATE", certificate)
	p.keyFile, p.certificateFile = filepath.Join(p.dir, "key.pem"), filepath.Join(p.dir, "certificate.pem")
	if err := os.WriteFile(p.keyFile, []byte(p.key), 0o600); err != nil {
		return nil, err
	}
	return p, os.WriteFile(p.certificateFile, []byte(p.certificate), 0o600)
}

// render writes a template with its values into the provider's folder.
func (p *provider) render(t *testing.T, from, to string, values any) {
	t.Helper()
	text, err := template.New(filepath.Base(from)).Funcs(template.FuncMap{
		"json": func(v any) (string, error) {
			raw, err := json.Marshal(v)
			return string(raw), err
		},
	}).ParseFiles(from)
	must(t, err)
	to = filepath.Join(p.dir, to)
	must(t, os.MkdirAll(filepath.Dir(to), 0o700))
	file, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	must(t, err)
	must(t, text.Execute(file, values))
	must(t, file.Close())
}

// fetch gets a document of a server that is running.
func fetch(t *testing.T, address string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	must(t, err)
	res, err := http.DefaultClient.Do(r)
	must(t, err)
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	must(t, err)
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%s = %d\n%.600s", address, res.StatusCode, body)
	}
	return string(body)
}
