package fedtest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
)

// LDAPConfig is what a directory is made of.
type LDAPConfig struct {
	// Base is where people are, such as ou=people,dc=example,dc=vn.
	Base string
	// ServiceDN and ServicePassword are the account that looks for people; nobody
	// else but a person bound as may.
	ServiceDN, ServicePassword string
	// People are entries uid=Login below Base, with Subject as entryUUID, ACR as
	// loa, Name as cn, Email as mail, and their Attributes.
	People []Person
	// Encrypted serves TLS from the first byte (ldaps). Otherwise StartTLS is there
	// for who asks.
	Encrypted bool
}

// LDAP is a directory: simple binds, searches for people, StartTLS. Like most real
// ones it takes a bind without a password for one without a name (RFC 4513 §5.1.2).
type LDAP struct {
	cfg     LDAPConfig
	address string
	tls     *tls.Config
	ca      []byte

	mu     sync.Mutex
	conns  map[net.Conn]bool
	binds  []string
	opened int
	found  int
	faults ldapFaults
	wg     sync.WaitGroup
}

// NewLDAP makes a directory that will be reached at address, host:port. It starts
// nothing.
func NewLDAP(address string, cfg LDAPConfig) (*LDAP, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil || cfg.Base == "" || len(cfg.People) == 0 {
		return nil, errors.New("a directory needs an address, a base and people")
	}
	conf, ca, err := selfSigned(host)
	if err != nil {
		return nil, err
	}
	return &LDAP{cfg: cfg, address: address, tls: conf, ca: ca, conns: map[net.Conn]bool{}}, nil
}

// StartLDAP serves a directory on a free port of 127.0.0.1 until the test ends.
func StartLDAP(t TB, cfg LDAPConfig) *LDAP {
	t.Helper()
	listener := listen(t)
	s, err := NewLDAP(listener.Addr().String(), cfg)
	if err != nil {
		_ = listener.Close()
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(listener) // ends by Close
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return s
}

// URL is ldaps:// or ldap:// and the address.
func (s *LDAP) URL() string {
	if s.cfg.Encrypted {
		return "ldaps://" + s.address
	}
	return "ldap://" + s.address
}

// Address is host:port.
func (s *LDAP) Address() string { return s.address }

// CA is the certificate to trust, in PEM.
func (s *LDAP) CA() string { return string(s.ca) }

// Binds lists the names that were bound as since the start, or the last call.
func (s *LDAP) Binds() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := s.binds
	s.binds = nil
	return names
}

// Connections is how many connections were ever opened.
func (s *LDAP) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opened
}

// Searches is how many searches were asked.
func (s *LDAP) Searches() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.found
}

// Drop closes every connection that is open, as a server does that restarts.
func (s *LDAP) Drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		_ = conn.Close()
	}
}

// Serve answers connections until the listener closes; then it closes them.
func (s *LDAP) Serve(listener net.Listener) error {
	defer s.wg.Wait()
	defer s.Drop()
	for {
		conn, err := listener.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			return fmt.Errorf("accepting: %w", err)
		}
		s.mu.Lock()
		crowded := len(s.conns) >= maxShelf
		if !crowded {
			s.conns[conn] = true
			s.opened++
		}
		s.mu.Unlock()
		if crowded {
			_ = conn.Close()
			continue
		}
		s.wg.Go(func() { s.answer(conn) })
	}
}

// ldapConn is one connection.
type ldapConn struct {
	net.Conn
	bound string // DN; empty: nobody
}

const (
	maxRequest   = 64 << 10
	idleLDAP     = 5 * time.Minute
	opBind       = 0
	opUnbind     = 2
	opSearch     = 3
	opExtended   = 23
	oidStartTLS  = "1.3.6.1.4.1.1466.20037"
	resultOK     = 0
	resultBad    = 49
	resultOdd    = 2  // protocolError
	resultDenied = 50 // insufficientAccessRights
	resultMany   = 4  // sizeLimitExceeded
	resultNobody = 32 // noSuchObject
)

func (s *LDAP) answer(raw net.Conn) {
	defer func() {
		_ = recover() // of a request that is none: the connection ends
		s.mu.Lock()
		delete(s.conns, raw)
		s.mu.Unlock()
		_ = raw.Close()
	}()
	c := &ldapConn{Conn: raw}
	if s.cfg.Encrypted {
		c.Conn = tls.Server(raw, s.tls)
	}
	for {
		_ = c.SetDeadline(time.Now().Add(idleLDAP))
		request, err := ber.ReadPacket(io.LimitReader(c, maxRequest))
		if err != nil || len(request.Children) < 2 {
			return
		}
		id, op := request.Children[0].Value.(int64), request.Children[1]
		if s.misbehaves(c, id, op.Tag) {
			return
		}
		switch op.Tag {
		case opBind:
			err = s.bind(c, id, op)
		case opSearch:
			err = s.search(c, id, op)
		case opExtended:
			err = s.extended(c, id, op)
		default: // unbind among them
			return
		}
		if err != nil {
			return
		}
	}
}

// bind checks a name and a password (RFC 4511 §4.2).
func (s *LDAP) bind(c *ldapConn, id int64, op *ber.Packet) error {
	name, password := op.Children[1].Value.(string), op.Children[2].Data.String()
	s.mu.Lock()
	s.binds = append(s.binds, name)
	if len(s.binds) > maxShelf {
		s.binds = s.binds[1:]
	}
	refused, mustChange, anything := s.faults.refused, s.faults.mustChange, s.faults.anything
	s.mu.Unlock()
	c.bound = ""
	if password == "" || anything && !strings.EqualFold(name, s.cfg.ServiceDN) {
		return c.send(id, result(opBind+1, resultOK, ""))
	}
	if s.cfg.ServiceDN != "" && strings.EqualFold(name, s.cfg.ServiceDN) {
		if password != s.cfg.ServicePassword {
			return c.send(id, result(opBind+1, resultBad, LeakedText))
		}
		c.bound = s.cfg.ServiceDN
		return c.send(id, result(opBind+1, resultOK, ""))
	}
	person, ok := s.named(name)
	if refusal, is := refused[person.Login]; ok && is {
		return c.send(id, result(opBind+1, refusal.code, refusal.text))
	}
	if !ok || person.Password != password {
		return c.send(id, result(opBind+1, resultBad, LeakedText))
	}
	c.bound = s.dn(person)
	if mustChange == person.Login && mustChange != "" {
		return c.send(id, result(opBind+1, resultOK, ""), changeAfterReset())
	}
	return c.send(id, result(opBind+1, resultOK, ""))
}

// named finds a person by DN or by userPrincipalName.
func (s *LDAP) named(name string) (Person, bool) {
	for _, p := range s.cfg.People {
		upn := p.Attributes["userPrincipalName"]
		if strings.EqualFold(name, s.dn(p)) || len(upn) == 1 && strings.EqualFold(name, upn[0]) {
			return p, true
		}
	}
	return Person{}, false
}

func (s *LDAP) dn(p Person) string { return "uid=" + escapeDN(p.Login) + "," + s.cfg.Base }

// extended knows StartTLS (RFC 4511 §4.14).
func (s *LDAP) extended(c *ldapConn, id int64, op *ber.Packet) error {
	if len(op.Children) == 0 || op.Children[0].Data.String() != oidStartTLS || s.cfg.Encrypted {
		return c.send(id, result(opExtended+1, resultOdd, ""))
	}
	if err := c.send(id, result(opExtended+1, resultOK, "")); err != nil {
		return err
	}
	c.Conn = tls.Server(c.Conn, s.tls)
	return nil
}

// send writes one message.
func (c *ldapConn) send(id int64, op *ber.Packet, controls ...*ber.Packet) error {
	message := ber.NewSequence("message")
	message.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, "id"))
	message.AppendChild(op)
	if len(controls) > 0 {
		list := ber.Encode(ber.ClassContext, ber.TypeConstructed, 0, nil, "controls")
		for _, control := range controls {
			list.AppendChild(control)
		}
		message.AppendChild(list)
	}
	_, err := c.Write(message.Bytes())
	return err
}

// result is an LDAPResult (RFC 4511 §4.1.9).
func result(tag ber.Tag, code int64, text string) *ber.Packet {
	p := ber.Encode(ber.ClassApplication, ber.TypeConstructed, tag, nil, "result")
	p.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, code, "code"))
	p.AppendChild(octets(""))
	p.AppendChild(octets(text))
	return p
}

func octets(text string) *ber.Packet {
	return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, text, "")
}

// changeAfterReset is the control of draft-behera-ldap-password-policy-10 §6.2 with
// that error.
func changeAfterReset() *ber.Packet {
	value := ber.NewSequence("")
	value.AppendChild(ber.NewInteger(ber.ClassContext, ber.TypePrimitive, 1, int64(2), "error"))
	control := ber.NewSequence("control")
	control.AppendChild(octets("1.3.6.1.4.1.42.2.27.8.5.1"))
	control.AppendChild(octets(string(value.Bytes())))
	return control
}

// escapeDN writes a value of a DN (RFC 4514 §2.4).
func escapeDN(value string) string {
	var b strings.Builder
	for _, r := range value {
		if slices.Contains([]rune(`"+,;<>\=`), r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
