//go:build interop

package interop_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// makeTime is how long a domain may take to be made: three seconds of work, on a
// machine that may have much else to do. Until then connections wait.
const makeTime = 2 * time.Minute

// authority is a certificate authority with one certificate, for 127.0.0.1.
type authority struct {
	ca, certificate, key string // PEM files
	roots                *x509.CertPool
}

func newAuthority(dir string) (*authority, error) {
	a := &authority{
		ca: filepath.Join(dir, "ca.pem"), certificate: filepath.Join(dir, "server.pem"), key: filepath.Join(dir, "server.key"),
		roots: x509.NewCertPool(),
	}
	now := time.Now()
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority of a test"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "directory of a test"},
		NotBefore: root.NotBefore, NotAfter: root.NotAfter, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	rootDER, err := x509.CreateCertificate(rand.Reader, root, root, &rootKey.PublicKey, rootKey)
	if err != nil {
		return nil, err
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, root, &leafKey.PublicKey, rootKey)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(leafKey)
	if err != nil {
		return nil, err
	}
	for file, block := range map[string]*pem.Block{
		a.ca:          {Type: "CERTIFICATE", Bytes: rootDER},
		a.certificate: {Type: "CERTIFICATE", Bytes: leafDER},
		a.key:         {Type: "PRIVATE KEY", Bytes: keyDER},
	} {
		text := pem.EncodeToMemory(block)
		if err := os.WriteFile(file, text, 0o600); err != nil {
			return nil, err
		}
		if file == a.ca {
			a.roots.AppendCertsFromPEM(text)
		}
	}
	return a, nil
}

// directory is an LDAP server with the residents, as its operator knows it.
type directory struct {
	addr            string // LDAPS
	plain           string // LDAP with StartTLS; empty where that is not reachable
	base            string // below it are the people
	service         string // the account that looks people up, as it binds
	servicePassword string
	login           string // attribute of the login name
	filter          string // finds a person by what is typed
	subject         string // attribute that names a person for good
	number, name    string // attributes
	born, level     string
	levels          map[string]int // what its words for levels mean
	warns           bool           // it takes a password that must be changed, and says so
}

// settings are the gateway's for a source that is this directory.
func (d *directory) settings(g *gateway, url string) map[string]any {
	return map[string]any{
		"url": url, "ca_file": g.servers.authority.ca, "base_dn": d.base, "filter": d.filter, "subject": d.subject,
		"bind_dn": d.service, "bind_password": d.servicePassword,
		"level_attribute": d.level, "levels": d.levels,
		"number_attribute": d.number, "name_attribute": d.name, "birth_date_attribute": d.born,
	}
}

// subjectIn gives what the gateway calls a resident of a directory.
func subjectIn(of func(*gateway) *directory) func(*testing.T, *resident) string {
	return func(t *testing.T, who *resident) string {
		t.Helper()
		d := of(gw)
		entry := d.find(t, who.Login)
		if d.subject != "objectGUID" {
			return entry.GetAttributeValue(d.subject)
		}
		raw := entry.GetRawAttributeValue(d.subject) // mixed-endian, [MS-DTYP] §2.3.4.2
		if len(raw) != 16 {
			t.Fatalf("objectGUID has %d bytes, want 16", len(raw))
		}
		return fmt.Sprintf("%08x-%04x-%04x-%x-%x", binary.LittleEndian.Uint32(raw), binary.LittleEndian.Uint16(raw[4:]),
			binary.LittleEndian.Uint16(raw[6:]), raw[8:10], raw[10:])
	}
}

// connect opens a connection over TLS.
func (d *directory) connect(t *testing.T) *ldap.Conn {
	t.Helper()
	dialer := &net.Dialer{Deadline: time.Now().Add(makeTime)}
	c, err := ldap.DialURL("ldaps://"+d.addr, ldap.DialWithDialer(dialer),
		ldap.DialWithTLSConfig(&tls.Config{RootCAs: gw.servers.authority.roots, MinVersion: tls.VersionTLS12}))
	must(t, err)
	c.SetTimeout(10 * time.Second)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// find looks a person up as the service account does.
func (d *directory) find(t *testing.T, login string) *ldap.Entry {
	t.Helper()
	c := d.connect(t)
	must(t, c.Bind(d.service, d.servicePassword))
	found, err := c.Search(ldap.NewSearchRequest(
		d.base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 2, 5, false,
		"("+d.login+"="+ldap.EscapeFilter(login)+")", []string{d.subject, d.number, d.name, d.born, d.level}, nil,
	))
	must(t, err)
	if len(found.Entries) != 1 {
		t.Fatalf("%d entries of %s, want 1", len(found.Entries), login)
	}
	return found.Entries[0]
}

// proves shows that the directory itself is what the gateway relies on: it
// refuses what it should, and nobody writes what the gateway believes of them.
func (d *directory) proves(t *testing.T) {
	who := residents()[0]
	entry := d.find(t, who.Login)
	for name, want := range map[string]string{d.number: who.Number, d.name: who.Name, d.born: who.Born} {
		if got := entry.GetAttributeValues(name); len(got) != 1 || got[0] != want {
			t.Errorf("%s of %s = %q, want %q", name, who.Login, got, want)
		}
	}
	if got := d.levels[entry.GetAttributeValue(d.level)]; got != who.Level {
		t.Errorf("%s of %s means level %d, want %d", d.level, who.Login, got, who.Level)
	}

	refuses := func(what string, err error, codes ...uint16) {
		t.Helper()
		for _, code := range codes {
			if ldap.IsErrorWithCode(err, code) {
				return
			}
		}
		t.Errorf("%s: %v, want one of the result codes %v", what, err, codes)
	}
	c := d.connect(t)
	refuses("a wrong password", c.Bind(entry.DN, who.Password+"x"), ldap.LDAPResultInvalidCredentials)
	for _, who := range turnedAway() {
		// A password that is good for a change alone: OpenLDAP takes it and says so.
		if err := d.connect(t).Bind(d.find(t, who.Login).DN, who.Password); err != nil || who.State == locked || !d.warns {
			refuses("somebody who is "+who.State, err, ldap.LDAPResultInvalidCredentials)
		}
	}
	refuses("an unknown person", c.Bind("cn=nobody,"+d.base, who.Password), ldap.LDAPResultInvalidCredentials)
	_, err := c.Search(ldap.NewSearchRequest(d.base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 2, 5, false, "(objectClass=*)", nil, nil))
	refuses("a search without a name", err,
		ldap.LDAPResultOperationsError, ldap.LDAPResultInsufficientAccessRights, ldap.LDAPResultInappropriateAuthentication,
		ldap.LDAPResultNoSuchObject, ldap.LDAPResultStrongAuthRequired)
	must(t, c.Bind(entry.DN, who.Password))
	for _, name := range []string{d.level, d.number, d.name, d.born} {
		change := ldap.NewModifyRequest(entry.DN, nil)
		change.Replace(name, []string{"2"})
		refuses(name+" written by its holder", c.Modify(change), ldap.LDAPResultInsufficientAccessRights)
	}
	if d.plain == "" {
		return
	}
	open, err := ldap.DialURL("ldap://" + d.plain)
	must(t, err)
	t.Cleanup(func() { _ = open.Close() })
	refuses("a password without TLS", open.Bind(entry.DN, who.Password), ldap.LDAPResultConfidentialityRequired)
	must(t, open.StartTLS(&tls.Config{RootCAs: gw.servers.authority.roots, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}))
	must(t, open.Bind(entry.DN, who.Password))
}
