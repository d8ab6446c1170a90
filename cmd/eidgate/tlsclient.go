package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// clientTLS is how the gateway speaks TLS to a server of its operator's: it
// believes the authorities of caFile, those of the system where that is empty, and
// shows a certificate where there is one. Errors begin with the key of the block
// at a path that they are about.
func clientTLS(at, caFile, certFile, keyFile string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile != "" {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, fmt.Errorf("%s.ca_file: %w", at, err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New(at + ".ca_file: no certificate in PEM")
		}
	}
	if certFile != "" {
		pair, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			return nil, fmt.Errorf("%[1]s.cert_file and %[1]s.key_file: %[2]w", at, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}
