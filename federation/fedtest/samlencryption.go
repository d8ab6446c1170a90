package fedtest

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/beevik/etree"
)

// AES-GCM and RSA-OAEP as XML Encryption 1.1 has them, which crewjam/saml does not.
const (
	AES128GCM = "http://www.w3.org/2009/xmlenc11#aes128-gcm"
	AES256GCM = "http://www.w3.org/2009/xmlenc11#aes256-gcm"

	digestSHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
	maskSHA256   = "http://www.w3.org/2009/xmlenc11#mgf1sha256"
)

// GCM encrypts with AES-GCM under a key wrapped by RSA-OAEP with SHA-256. The mask
// is made with SHA-1, as the standard has it where nothing is said, or with
// SHA-256. It implements the Encrypter of crewjam/saml/xmlenc.
type GCM struct {
	Method string // AES128GCM or AES256GCM
	Mask   bool   // made with SHA-256, and named
}

// Encrypt makes the EncryptedData.
func (g GCM) Encrypt(certificate any, plain, _ []byte) (*etree.Element, error) {
	cert, ok := certificate.(*x509.Certificate)
	if !ok {
		return nil, fmt.Errorf("encrypting for %T, want a certificate", certificate)
	}
	public, ok := cert.PublicKey.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("encrypting for %T, want RSA", cert.PublicKey)
	}
	key := make([]byte, 16)
	if g.Method == AES256GCM {
		key = make([]byte, 32)
	}
	_, _ = rand.Read(key)
	options := &rsa.OAEPOptions{Hash: crypto.SHA256, MGFHash: crypto.SHA1}
	mask := ""
	if g.Mask {
		options.MGFHash = crypto.SHA256
		mask = `<xenc11:MGF xmlns:xenc11="http://www.w3.org/2009/xmlenc11#" Algorithm="` + maskSHA256 + `"/>`
	}
	wrapped, err := rsa.EncryptOAEPWithOptions(rand.Reader, public, key, options)
	if err != nil {
		return nil, fmt.Errorf("wrapping a key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("encrypting: %w", err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("encrypting: %w", err)
	}
	nonce := make([]byte, gcm.NonceSize())
	_, _ = rand.Read(nonce)
	text := base64.StdEncoding.EncodeToString
	doc := etree.NewDocument()
	err = doc.ReadFromString(strings.NewReplacer("METHOD", g.Method, "DIGEST", digestSHA256, "MASK", mask,
		"WRAPPED", text(wrapped), "DATA", text(gcm.Seal(nonce, nonce, plain, nil))).Replace(
		`<xenc:EncryptedData xmlns:xenc="http://www.w3.org/2001/04/xmlenc#"><xenc:EncryptionMethod Algorithm="METHOD"/>` +
			`<ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><xenc:EncryptedKey>` +
			`<xenc:EncryptionMethod Algorithm="http://www.w3.org/2009/xmlenc11#rsa-oaep"><ds:DigestMethod Algorithm="DIGEST"/>MASK</xenc:EncryptionMethod>` +
			`<xenc:CipherData><xenc:CipherValue>WRAPPED</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo>` +
			`<xenc:CipherData><xenc:CipherValue>DATA</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData>`))
	if err != nil {
		return nil, fmt.Errorf("encrypting: %w", err)
	}
	return doc.Root(), nil
}
