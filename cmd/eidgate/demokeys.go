package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"

	"golang.org/x/sync/errgroup"
)

// makeKeys makes the gateway's keys towards sources. They are of 2048 bits, since
// somebody waits for the demo; eidgate sources keypair makes larger ones.
func (f *demoFiles) makeKeys() error {
	var group errgroup.Group
	group.Go(func() error {
		_, text, err := newDemoKey()
		f.DecryptionKey = text
		return err
	})
	group.Go(func() error {
		key, text, err := newDemoKey()
		if err != nil {
			return err
		}
		now := time.Now()
		template := &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "eidgate demo"},
			NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(10, 0, 0),
		}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			return fmt.Errorf("making a certificate: %w", err)
		}
		f.SAMLKey = text + string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
		return nil
	})
	return group.Wait()
}

func newDemoKey() (*rsa.PrivateKey, string, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, "", fmt.Errorf("making a key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, "", fmt.Errorf("encoding a key: %w", err)
	}
	return key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), nil
}
