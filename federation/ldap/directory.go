package ldap

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"

	"github.com/go-ldap/ldap/v3"
)

// Limits of what one directory may cost.
const (
	maxService = 8 // connections of the service account at a time
	maxIdle    = 4 // of them, kept between sign-ins
)

// directory opens connections to one directory, and keeps those of the service
// account. Those of people are never kept.
type directory struct {
	settings Settings
	address  string
	tls      *tls.Config
	base     *ldap.DN
	dial     func(ctx context.Context, network, address string) (net.Conn, error)
	places   chan struct{}
	idle     chan *session
}

func newDirectory(s Settings, dial func(ctx context.Context, network, address string) (net.Conn, error)) (*directory, error) {
	u, err := url.Parse(s.URL)
	if err != nil {
		return nil, errors.New("url: not a URL")
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"ldap": ldap.DefaultLdapPort, "ldaps": ldap.DefaultLdapsPort}[u.Scheme]
	}
	conf := &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}
	if s.CA != "" {
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM([]byte(s.CA)) {
			return nil, errors.New("ca: no certificate in it")
		}
	}
	base, _ := parseDN(s.BaseDN)
	return &directory{
		settings: s, address: net.JoinHostPort(u.Hostname(), port), tls: conf, base: base, dial: dial,
		places: make(chan struct{}, maxService), idle: make(chan *session, maxIdle),
	}, nil
}

// find looks for the one entry of a search as the service account; nil is none, or
// several. A kept connection that turns out to be dead is replaced once.
func (d *directory) find(ctx context.Context, request *ldap.SearchRequest) (*ldap.Entry, error) {
	select {
	case d.places <- struct{}{}:
		defer func() { <-d.places }()
	case <-ctx.Done():
		return nil, down(errors.New("waiting for a connection"))
	}
	if kept := d.kept(); kept != nil {
		found, err := kept.find(ctx, request)
		if err == nil {
			d.keep(kept)
			return found, nil
		}
		kept.close()
		if ctx.Err() != nil {
			return nil, err
		}
	}
	s, right, err := d.bind(ctx, d.settings.BindDN, d.settings.BindPassword.Reveal())
	if err != nil {
		return nil, err
	}
	if !right {
		return nil, down(errors.New("the directory refuses the service account"))
	}
	found, err := s.find(ctx, request)
	if err != nil {
		s.close()
		return nil, err
	}
	d.keep(s)
	return found, nil
}

// kept gives an idle connection that is still open, nil where there is none.
func (d *directory) kept() *session {
	for {
		select {
		case s := <-d.idle:
			if !s.conn.IsClosing() {
				return s
			}
			s.close()
		default:
			return nil
		}
	}
}

func (d *directory) keep(s *session) {
	s.rest()
	select {
	case d.idle <- s:
	default:
		s.close()
	}
}

// bind opens a connection and binds. right is false where the directory refuses the
// name and password, whyever; the connection is closed then.
func (d *directory) bind(ctx context.Context, dn, password string) (s *session, right bool, err error) {
	if s, err = d.open(ctx); err != nil {
		return nil, false, err
	}
	if right, err = s.bind(ctx, dn, password); err != nil || !right {
		s.close()
		return nil, false, err
	}
	return s, true, nil
}

// open makes a connection, encrypted unless the directory is on this machine.
func (d *directory) open(ctx context.Context) (*session, error) {
	raw, err := d.dial(ctx, "tcp", d.address)
	if err != nil {
		return nil, down(fmt.Errorf("connecting: %w", err))
	}
	s := &session{wire: &wire{Conn: raw}, base: d.base}
	err = s.during(ctx, func() error { return s.start(ctx, d) })
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}
