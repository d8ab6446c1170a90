package fedtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
)

type ldapFaults struct {
	attributes []func(map[string][]string)
	twoMatches bool
	elsewhere  string
	refused    map[string]ldapRefusal
	mustChange string
	anything   bool
	answers    int64 // of every search, if not 0
	broken     map[ber.Tag]LDAPBreakage
}

type ldapRefusal struct {
	code int64
	text string
}

// LDAPBreakage is how a directory fails at an operation.
type LDAPBreakage int

// The breakages.
const (
	LDAPSound   LDAPBreakage = iota
	LDAPSlow                 // no answer until the caller gives up
	LDAPGarbage              // bytes that are no BER
	LDAPHuge                 // entries without end
	LDAPCuts                 // closes in the middle of an answer
	LDAPRefers               // answers with a referral to another server
	LDAPBusy                 // result 51
)

// Operations that can be broken.
const (
	OpBind     = opBind
	OpSearch   = opSearch
	OpExtended = opExtended
)

// TamperAttributes replaces what is done to the attributes of every entry; without
// arguments they are left alone.
func (s *LDAP) TamperAttributes(with ...func(attributes map[string][]string)) {
	s.set(func(f *ldapFaults) { f.attributes = with })
}

// TwoMatches makes every search find everybody.
func (s *LDAP) TwoMatches() { s.set(func(f *ldapFaults) { f.twoMatches = true }) }

// Elsewhere gives every entry that is found another DN.
func (s *LDAP) Elsewhere(dn string) { s.set(func(f *ldapFaults) { f.elsewhere = dn }) }

// Refuse refuses a person's password, right or wrong, with a result of RFC 4511,
// Appendix A, and the text that directories put beside it.
func (s *LDAP) Refuse(login string, code int64, text string) {
	s.set(func(f *ldapFaults) {
		if f.refused == nil {
			f.refused = map[string]ldapRefusal{}
		}
		f.refused[login] = ldapRefusal{code, text}
	})
}

// TakeAnything takes every name with every password.
func (s *LDAP) TakeAnything() { s.set(func(f *ldapFaults) { f.anything = true }) }

// AnswerSearch ends every search with a result of RFC 4511, Appendix A.
func (s *LDAP) AnswerSearch(code int64) { s.set(func(f *ldapFaults) { f.answers = code }) }

// MustChange takes a person's password for changing it, and for nothing else.
func (s *LDAP) MustChange(login string) { s.set(func(f *ldapFaults) { f.mustChange = login }) }

// Break makes an operation fail: OpBind, OpSearch or OpExtended.
func (s *LDAP) Break(op ber.Tag, how LDAPBreakage) {
	s.set(func(f *ldapFaults) {
		if f.broken == nil {
			f.broken = map[ber.Tag]LDAPBreakage{}
		}
		f.broken[op] = how
	})
}

// Behave ends all misbehaviour.
func (s *LDAP) Behave() { s.set(func(f *ldapFaults) { *f = ldapFaults{} }) }

func (s *LDAP) set(change func(*ldapFaults)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.faults)
}

// misbehaves answers a request in a broken way; true ends the connection.
func (s *LDAP) misbehaves(c *ldapConn, id int64, op ber.Tag) bool {
	s.mu.Lock()
	how := s.faults.broken[op]
	s.mu.Unlock()
	switch how {
	case LDAPSlow:
		_, _ = io.Copy(io.Discard, c) // until the caller leaves
	case LDAPGarbage:
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n"+LeakedText)
	case LDAPHuge:
		attributes := map[string][]string{"cn": {string(make([]byte, 1<<20))}}
		wanted := ber.NewSequence("")
		wanted.AppendChild(octets("cn"))
		for range 100 {
			if c.send(id, entry("uid=huge,"+s.cfg.Base, attributes, wanted)) != nil {
				break
			}
		}
	case LDAPCuts:
		_, _ = c.Write([]byte{0x30, 0x84, 0, 0, 0x10, 0, 0x02, 0x01, byte(id)})
	case LDAPRefers:
		answer := result(op+1, 10, "")
		if op == opSearch {
			answer = result(opSearch+2, 10, "")
		}
		referral := ber.Encode(ber.ClassContext, ber.TypeConstructed, 3, nil, "referral")
		referral.AppendChild(octets("ldap://127.0.0.1:1/dc=evil"))
		answer.AppendChild(referral)
		_ = c.send(id, answer)
	case LDAPBusy:
		answer := result(op+1, 51, LeakedText)
		if op == opSearch {
			answer = result(opSearch+2, 51, LeakedText)
		}
		_ = c.send(id, answer)
	default:
		return false
	}
	return true
}

// selfSigned makes a certificate for an address of this machine.
func selfSigned(host string) (*tls.Config, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("making a key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "synthetic directory"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA: true, BasicConstraintsValid: true,
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, fmt.Errorf("making a certificate: %w", err)
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	return conf, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}
