package fedtest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
)

// Sealing is how the encrypted dialect seals its answers and codes.
type Sealing int

// The ways of sealing. All but the first are faults or attacks.
const (
	SealProperly      Sealing = iota
	SealNot                   // answers in the clear
	SealForeignKey            // to another RSA key
	SealBadKeyPadding         // a wrapped key that is no PKCS #1 v1.5
	SealShortKey              // a wrapped AES key of another size
	SealBadPadding            // no PKCS #7 padding
	SealOtherMode             // CBC instead of ECB, or the other way about
	SealCutBlock              // not a whole number of blocks
	SealNothing               // no data at all
	SealBadDataBase64         // letters that base64 does not have
	SealBadKeyBase64          // the same of the key
	SealNoJSON                // sealed well, but no JSON
)

// seal encrypts as the dialect was seen to, or in one of the wrong ways.
func (v *VNeID) seal(text []byte) (data, key string, err error) {
	v.mu.Lock()
	to, how := v.sealTo, v.faults.sealing
	v.mu.Unlock()
	cbc, aesKey := v.cfg.CBC != (how == SealOtherMode), make([]byte, v.cfg.AESBits/8)
	_, _ = rand.Read(aesKey) // never fails
	if how == SealForeignKey {
		foreign, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return "", "", fmt.Errorf("making a foreign key: %w", err)
		}
		to = &foreign.PublicKey
	}
	if how == SealNoJSON {
		text = []byte("\x01" + LeakedText)
	}
	wrapped, err := wrap(to, aesKey, how)
	if err != nil {
		return "", "", err
	}
	sealed, err := encrypt(aesKey, text, cbc, how == SealBadPadding)
	if err != nil {
		return "", "", err
	}
	if how == SealCutBlock {
		sealed = sealed[:len(sealed)-1]
	}
	if how == SealNothing {
		sealed = nil
	}
	data, key = base64.StdEncoding.EncodeToString(sealed), base64.StdEncoding.EncodeToString(wrapped)
	if how == SealBadDataBase64 {
		data = "%" + data[1:]
	}
	if how == SealBadKeyBase64 {
		key = "%" + key[1:]
	}
	return data, key, nil
}

func wrap(to *rsa.PublicKey, key []byte, how Sealing) ([]byte, error) {
	if how == SealBadKeyPadding {
		wrapped := make([]byte, to.Size())
		_, _ = rand.Read(wrapped)
		wrapped[0] = 0 // below the modulus
		return wrapped, nil
	}
	if how == SealShortKey {
		key = key[:len(key)-1]
	}
	wrapped, err := rsa.EncryptPKCS1v15(rand.Reader, to, key) //nolint:staticcheck // deprecated, and what the real one does
	if err != nil {
		return nil, fmt.Errorf("wrapping a key: %w", err)
	}
	return wrapped, nil
}

// encrypt pads (RFC 5652 §6.3) and encrypts.
func encrypt(key, text []byte, cbc, unpadded bool) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("making a cipher: %w", err)
	}
	n := aes.BlockSize - len(text)%aes.BlockSize
	padding := bytes.Repeat([]byte{byte(n)}, n)
	if unpadded {
		padding[n-1] = 0
	}
	text = append(bytes.Clone(text), padding...)
	if cbc {
		sealed := make([]byte, aes.BlockSize+len(text))
		_, _ = rand.Read(sealed[:aes.BlockSize])
		cipher.NewCBCEncrypter(block, sealed[:aes.BlockSize]).CryptBlocks(sealed[aes.BlockSize:], text) //nolint:gosec // the IV is the random bytes above
		return sealed, nil
	}
	sealed := make([]byte, len(text))
	for i := 0; i < len(text); i += aes.BlockSize {
		block.Encrypt(sealed[i:], text[i:i+aes.BlockSize])
	}
	return sealed, nil
}
