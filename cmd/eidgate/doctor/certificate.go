package doctor

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"time"
)

const (
	expiresSoon = 30 * 24 * time.Hour
	expiresNow  = 7 * 24 * time.Hour
)

// Certificate looks at the pair that the gateway serves by itself. roots are the
// authorities that browsers know; nil means this machine's.
func Certificate(certFile, keyFile, host string, roots *x509.CertPool, now time.Time) []Finding {
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return []Finding{fault("put the files in place and let the gateway's user read them", "%v", err)}
	case err != nil:
		return []Finding{fault("put the certificate, its intermediates, and the key that belongs to them in place, in PEM", "%s: %v", certFile, err)}
	}
	chain := []*x509.Certificate{pair.Leaf}
	for _, der := range pair.Certificate[1:] {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return []Finding{fault("append the intermediates as their authority gives them, in PEM", "%s: an intermediate cannot be read", certFile)}
		}
		chain = append(chain, cert)
	}
	return judgeChain(chain, host, roots, now)
}

// judgeChain looks at a certificate and its intermediates as a server sends them.
func judgeChain(chain []*x509.Certificate, host string, roots *x509.CertPool, now time.Time) []Finding {
	leaf := chain[0]
	const renew = "renew it; the gateway takes new files as they come"
	var list []Finding
	switch left := leaf.NotAfter.Sub(now); {
	case now.Before(leaf.NotBefore):
		list = append(list, fault("wait, or set this machine's clock", "the certificate is valid from %s on only", day(leaf.NotBefore)))
	case left <= 0:
		list = append(list, fault(renew, "the certificate has expired, on %s", day(leaf.NotAfter)))
	case left < expiresNow:
		list = append(list, fault(renew, "the certificate expires on %s", day(leaf.NotAfter)))
	case left < expiresSoon:
		list = append(list, warning(renew, "the certificate expires on %s", day(leaf.NotAfter)))
	}
	if err := leaf.VerifyHostname(host); err != nil {
		list = append(list, fault("have it made for the host of issuer", "the certificate is not for %s", host))
	}
	between := x509.NewCertPool()
	for _, cert := range chain[1:] {
		between.AddCert(cert)
	}
	at := now
	if at.Before(leaf.NotBefore) || at.After(leaf.NotAfter) {
		at = leaf.NotBefore.Add(leaf.NotAfter.Sub(leaf.NotBefore) / 2) // said above
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: at}); err != nil {
		list = append(list, fault("append the intermediates to the certificate; for an authority of your own, SSL_CERT_FILE names it to this machine",
			"the certificate leads to no authority that this machine knows: %v", err))
	}
	if len(list) == 0 {
		list = append(list, ok("for %s, until %s, and its chain is whole", host, day(leaf.NotAfter)))
	}
	return list
}
