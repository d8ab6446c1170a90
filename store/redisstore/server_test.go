package redisstore

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"eidgate/store"
	"eidgate/store/storetest"
)

// TestLeastACL: the user that ADR 9 documents is enough for everything.
func TestLeastACL(t *testing.T) {
	rules := documentedACL(t)
	server := storetest.StartRedis(t)
	server.CLI(append([]string{"ACL", "SETUSER"}, rules...)...)
	cfg := at(server)
	cfg.Username, cfg.Password = "eidgate", secret("PASSWORD")
	s := open(t, cfg)
	everything(t, s)
	if _, err := s.Renew(t.Context()); err != nil {
		t.Errorf("Renew(): %v", err)
	}
	if err := errors.Join(s.Ping(t.Context()), s.tend(t.Context(), inspectTicks)); err != nil {
		t.Errorf("looking after it: %v", err)
	}
	everything(t, s)

	server.CLI("ACL", "SETUSER", "eidgate", "-info")
	_, err := closed(t, cfg, &notes{}).Admit(t.Context())
	var refused *RefusedError
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "+info") {
		t.Errorf("Admit() without INFO = %v, want a refusal that names it", err)
	}
	server.CLI("ACL", "SETUSER", "eidgate", "+info", "resetkeys", "~other:*")
	if _, err := closed(t, cfg, &notes{}).Admit(t.Context()); err == nil {
		t.Error("Admit() without the keys gave no error")
	}
}

// documentedACL reads the user's rules from the ADR.
func documentedACL(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../../docs/adr/0009-*.md")
	if err != nil || len(files) != 1 {
		t.Fatalf("ADR 9: %v, %v", files, err)
	}
	raw, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	_, rules, ok := strings.Cut(string(raw), "ACL SETUSER ")
	rules, _, closes := strings.Cut(rules, "```")
	if !ok || !closes {
		t.Fatal("ADR 9 shows no ACL SETUSER")
	}
	return strings.Fields(strings.ReplaceAll(rules, "\\\n", " "))
}

// everything does each operation once.
func everything(t *testing.T, s store.State) {
	t.Helper()
	v := []byte("v")
	got := apply(
		t, s, store.Get("none"), store.PutIfAbsent("a", v, time.Hour), store.CompareAndSet("a", v, v, time.Hour), store.Move("a", "b", time.Hour),
		store.Take("b"), store.Delete("c"), store.Count("n", 9, time.Hour), store.Count("n", 9, time.Hour), store.Delete("n"),
	)
	if len(got) != 9 || !got[7].OK || got[7].N != 2 {
		t.Errorf("everything gives %+v", got)
	}
	if got := apply(t, s, store.Get("a"), store.Get("b")); got[0].OK || got[1].OK {
		t.Errorf("reading gives %+v, want nothing left", got)
	}
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	ca := newCA(t)
	ca.issue(t, dir, "server")
	ca.issue(t, dir, "client")
	path := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(path("ca.crt"), ca.pem, 0o600); err != nil {
		t.Fatal(err)
	}
	addr := storetest.FreeAddr(t)
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	storetest.StartRedis(t, "--tls-port", port, "--tls-cert-file", path("server.crt"), "--tls-key-file", path("server.key"),
		"--tls-ca-cert-file", path("ca.crt"), "--tls-auth-clients", "yes")
	pair, err := tls.LoadX509KeyPair(path("client.crt"), path("client.key"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca.pem)
	with := func(c *tls.Config) Config { return Config{Topology: Single, Addrs: []string{addr}, TLS: c} }

	everything(t, open(t, with(&tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}})))
	for name, c := range map[string]*tls.Config{
		"no certificate":       {RootCAs: roots},
		"an unknown authority": {Certificates: []tls.Certificate{pair}},
		"another name":         {RootCAs: roots, Certificates: []tls.Certificate{pair}, ServerName: "redis.example.vn"},
		"no TLS":               nil,
	} {
		if _, err := closed(t, with(c), &notes{}).Admit(t.Context()); err == nil {
			t.Errorf("Admit() with %s gave no error", name)
		}
	}
}

// authority signs the certificates of a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newCA(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

// issue writes name.crt and name.key for 127.0.0.1.
func (a *authority) issue(t *testing.T, dir, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		name + ".crt": {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "PRIVATE KEY", Bytes: secret},
	} {
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRefuses(t *testing.T) {
	good := map[string]string{
		"redis_version": "7.0.15", "maxmemory_policy": "noeviction", "maxmemory": "100", "role": "master", "aof_enabled": "1",
		"connected_slaves": "1", "cluster_enabled": "0",
	}
	for _, tt := range []struct {
		name, value string
		refuses     bool
		says        string // "" for nothing
	}{
		{"redis_version", "7.0.15", false, ""},
		{"redis_version", "8.2.1", false, ""},
		{"redis_version", "6.2.7", true, "7.0 or later"},
		{"redis_version", "", true, "7.0 or later"},
		{"maxmemory_policy", "allkeys-lru", true, "noeviction"},
		{"maxmemory_policy", "volatile-ttl", true, "noeviction"},
		{"maxmemory_policy", "", true, "noeviction"},
		{"maxmemory", "0", false, "set maxmemory"},
		{"role", "slave", true, "name the master"},
		{"cluster_enabled", "1", true, "scheme"},
		{"connected_slaves", "0", false, "wait_replicas"},
	} {
		s := &Store{cfg: Config{Topology: Single, WaitReplicas: 1}}
		info := map[string]string{}
		for name, value := range good {
			info[name] = value
		}
		info[tt.name] = tt.value
		var found []Finding
		s.judge(info, func(refuses bool, problem, mend string) {
			found = append(found, Finding{Refuses: refuses, Problem: problem, Mend: mend})
		})
		said := slices.ContainsFunc(found, func(f Finding) bool {
			return f.Refuses == tt.refuses && strings.Contains(f.Mend, tt.says)
		})
		if want := tt.says != ""; len(found) > 1 || said != want {
			t.Errorf("%s=%s: findings %+v, want one (%v) that says %q", tt.name, tt.value, found, want, tt.says)
		}
	}
}

// TestPolicyChanges: a server that begins to evict is not used any more.
func TestPolicyChanges(t *testing.T) {
	server := storetest.StartRedis(t, "--maxmemory-policy", "allkeys-lru")
	s := tended(t, closed(t, at(server), &notes{}))
	var refused *RefusedError
	if _, err := s.Admit(t.Context()); !errors.As(err, &refused) || !strings.Contains(err.Error(), "noeviction") {
		t.Fatalf("Admit() = %v, want a refusal with its mend", err)
	}
	fails(t, "a server that evicts", s, store.Get("k"))
	server.CLI("CONFIG", "SET", "maxmemory-policy", "noeviction")
	eventually(t, "the mended server", works(t, s))
	server.CLI("CONFIG", "SET", "maxmemory-policy", "volatile-lru")
	if err := s.tend(t.Context(), inspectTicks); !errors.As(err, &refused) {
		t.Errorf("an inspection of a server that evicts = %v, want a refusal", err)
	}
	fails(t, "a server that begins to evict", s, store.Get("k"))
}
