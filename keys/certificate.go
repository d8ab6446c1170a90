package keys

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// certify makes the self-signed certificate of a key. Nobody checks a chain: it
// carries the public key to products that want it in this form.
func certify(private crypto.Signer, alg Algorithm, c Certificate, now time.Time) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("drawing serial number: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: c.CommonName},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(c.Years, 0, 0), // for clocks that are behind
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
	}
	switch alg {
	case PS256: // such a key signs in no other way
		template.SignatureAlgorithm = x509.SHA256WithRSAPSS
	case RSA:
		template.KeyUsage = x509.KeyUsageKeyEncipherment | x509.KeyUsageDataEncipherment
	case RS256, ES256:
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return nil, fmt.Errorf("making certificate: %w", err)
	}
	return der, nil
}

// certified checks that a certificate was made by the key that it is for, so that a
// row cannot be given another.
func certified(der []byte, public crypto.PublicKey) error {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return errors.New("the certificate is malformed")
	}
	of, ok := cert.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !of.Equal(public) {
		return errors.New("the certificate is of another key")
	}
	if err := cert.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature); err != nil {
		return errors.New("the certificate was not signed by its key")
	}
	return nil
}
