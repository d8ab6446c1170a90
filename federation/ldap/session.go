package ldap

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/go-ldap/ldap/v3"

	"eidgate/federation"
)

// Limits of one operation.
const (
	opTimeout = 4 * time.Second
	maxAnswer = 256 << 10 // bytes on the wire
	idleLife  = time.Minute
)

// wire is a connection that reads so much in one operation and no more. What is
// read is decoded into many times its size.
type wire struct {
	net.Conn
	left atomic.Int64
}

func (w *wire) Read(p []byte) (int, error) {
	left := w.left.Load()
	if left <= 0 {
		return 0, federation.ErrBodyTooLarge
	}
	n, err := w.Conn.Read(p[:min(int64(len(p)), left)])
	w.left.Add(-int64(n))
	return n, err
}

// session is one connection to a directory.
type session struct {
	conn *ldap.Conn
	wire *wire
	base *ldap.DN
}

// start begins TLS as the settings say.
func (s *session) start(ctx context.Context, d *directory) error {
	switch {
	case d.settings.encrypted():
		encrypted := tls.Client(s.wire, d.tls)
		if err := encrypted.HandshakeContext(ctx); err != nil {
			return down(fmt.Errorf("beginning TLS: %w", err))
		}
		s.conn = ldap.NewConn(encrypted, true)
		s.conn.Start()
	case d.settings.StartTLS:
		s.conn = ldap.NewConn(s.wire, false)
		s.conn.Start()
		if err := s.conn.StartTLS(d.tls); err != nil {
			return down(fmt.Errorf("StartTLS: %s", code(err)))
		}
	default:
		s.conn = ldap.NewConn(s.wire, false)
		s.conn.Start()
	}
	return nil
}

// during runs one operation within its limits. The library knows no contexts: the
// connection's deadline ends what takes too long.
func (s *session) during(ctx context.Context, operation func() error) (err error) {
	end := time.Now().Add(opTimeout)
	if until, ok := ctx.Deadline(); ok && until.Before(end) {
		end = until
	}
	s.wire.left.Store(maxAnswer)
	_ = s.wire.SetDeadline(end) // fails on a closed connection only, which the operation finds
	stop := context.AfterFunc(ctx, func() { _ = s.wire.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	defer func() { // the library decodes hostile answers in this goroutine as well
		if recover() != nil {
			err = down(errors.New("reading an answer: panic"))
		}
	}()
	return operation()
}

// bind binds by name and password. Refusals of a password that is wrong, has
// expired or must be changed, and of an account that is locked or has none, are
// the same: right is false.
func (s *session) bind(ctx context.Context, name, password string) (right bool, err error) {
	if name == "" || password == "" {
		return false, errors.New("binding: name or password missing") // RFC 4513 §5.1
	}
	err = s.during(ctx, func() error {
		request := ldap.NewSimpleBindRequest(name, password, []ldap.Control{ldap.NewControlBeheraPasswordPolicy()})
		result, err := s.conn.SimpleBind(request)
		switch {
		case err == nil:
			right = !mustChange(result.Controls)
			return nil
		case refusesCredentials(err):
			return nil
		}
		return down(fmt.Errorf("binding: %s", code(err)))
	})
	return right, err
}

// refusesCredentials lists the results by which directories refuse a person (RFC
// 4511, Appendix A). Active Directory says in its text why: 49 with data 532, 533,
// 701, 773, 775 and others.
func refusesCredentials(err error) bool {
	return ldap.IsErrorAnyOf(err,
		ldap.LDAPResultInvalidCredentials,
		ldap.LDAPResultInappropriateAuthentication, // no password
		ldap.LDAPResultConstraintViolation,         // locked, at 389 Directory Server
		ldap.LDAPResultUnwillingToPerform,          // deactivated
		ldap.LDAPResultNoSuchObject,
		ldap.LDAPResultInsufficientAccessRights,
		ldap.LDAPResultInvalidDNSyntax,
	)
}

// mustChange reports whether a bind that succeeded is good for changing the password
// alone (draft-behera-ldap-password-policy-10 §6.2, draft-vchu-ldap-pwd-policy-00).
func mustChange(controls []ldap.Control) bool {
	const noError = -1
	for _, control := range controls {
		switch c := control.(type) {
		case *ldap.ControlBeheraPasswordPolicy:
			if c.Error != noError {
				return true
			}
		case *ldap.ControlVChuPasswordMustChange:
			return true
		}
	}
	return false
}

// find gives the one entry that a search finds, below the base; nil is none, or
// several. References to other servers are not followed.
func (s *session) find(ctx context.Context, request *ldap.SearchRequest) (found *ldap.Entry, err error) {
	err = s.during(ctx, func() error {
		result, err := s.conn.Search(request)
		if findsNobody(err) {
			return nil
		}
		if err != nil {
			return down(fmt.Errorf("searching: %s", code(err)))
		}
		if len(result.Entries) != 1 {
			return nil
		}
		dn, ok := parseDN(result.Entries[0].DN)
		if !ok || s.base != nil && !s.base.EqualFold(dn) && !s.base.AncestorOfFold(dn) {
			return distrust("entry lies elsewhere than was asked")
		}
		found = result.Entries[0]
		return nil
	})
	return found, err
}

// findsNobody lists the results that come of what was typed: too many entries, or
// a value that no entry can have. Nobody cuts a directory off by typing.
func findsNobody(err error) bool {
	return ldap.IsErrorAnyOf(err,
		ldap.LDAPResultSizeLimitExceeded,
		ldap.LDAPResultInvalidAttributeSyntax,
		ldap.LDAPResultInappropriateMatching,
		ldap.LDAPResultConstraintViolation,
	)
}

// code names a failure by its number: the text beside it is the directory's own.
func code(err error) string {
	var failed *ldap.Error
	if errors.As(err, &failed) && failed.ResultCode < ldap.ErrorNetwork {
		return fmt.Sprintf("result %d", failed.ResultCode)
	}
	return "no answer that can be read"
}

// rest lets an idle connection close itself after a while, with all that hangs on it.
func (s *session) rest() { _ = s.wire.SetDeadline(time.Now().Add(idleLife)) }

func (s *session) close() {
	_ = s.wire.Close() // first, so that nothing waits for the directory
	if s.conn != nil {
		_ = s.conn.Close()
	}
}
