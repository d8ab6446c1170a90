package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"eidgate/config"
)

// certificate is the server's certificate, read again when its files change.
type certificate struct {
	files config.TLS
	now   func() time.Time
	log   *slog.Logger

	current atomic.Pointer[tls.Certificate]
	watched *subject
}

var errCertificateTime = errors.New("not valid today")

// openCertificate reads the files. A pair that cannot serve stops the start.
func openCertificate(files config.TLS, now func() time.Time, log *slog.Logger) (*certificate, error) {
	c := &certificate{files: files, now: now, log: log}
	c.watched = newSubject(func() []string { return []string{files.CertFile, files.KeyFile} }, c.reload)
	pair, err := loadCertificate(files, now())
	if err != nil {
		return nil, err
	}
	c.current.Store(pair)
	return c, nil
}

// loadCertificate reads a pair that fits together and is valid now.
func loadCertificate(files config.TLS, now time.Time) (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(files.CertFile, files.KeyFile)
	if err != nil {
		return nil, err
	}
	if now.Before(pair.Leaf.NotBefore) || now.After(pair.Leaf.NotAfter) {
		return nil, fmt.Errorf("%s: %w, but from %s to %s", files.CertFile, errCertificateTime, clock(pair.Leaf.NotBefore), clock(pair.Leaf.NotAfter))
	}
	return &pair, nil
}

// expires is when the certificate that serves ends.
func (c *certificate) expires() time.Time { return c.current.Load().Leaf.NotAfter }

// reload takes a new pair into use, or keeps the old one and says why. A pair
// found half written is read again once the other file has changed.
func (c *certificate) reload(ctx context.Context, _ bool) bool {
	pair, err := loadCertificate(c.files, c.now())
	if err != nil {
		c.log.ErrorContext(ctx, "keeping the old certificate", "err", err, "until", clock(c.current.Load().Leaf.NotAfter))
		return true
	}
	c.current.Store(pair)
	c.log.InfoContext(ctx, "certificate read", "until", clock(pair.Leaf.NotAfter))
	return true
}

// listen speaks TLS on a listener: 1.3, or 1.2 with ECDHE and AES-GCM alone
// (FAPI 2.0 Security Profile §5.2.2), with HTTP/2 where the browser offers it.
func (c *certificate) listen(l net.Listener) net.Listener {
	return tls.NewListener(l, &tls.Config{
		MinVersion: tls.VersionTLS12,
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		},
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
	})
}
