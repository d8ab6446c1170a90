package saml

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1" //nolint:gosec // the default of RSA-OAEP in XML Encryption, where collisions do not matter
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/subtle"
	"errors"

	"github.com/beevik/etree"

	"eidgate/federation"
)

// maxRecipients is how many encrypted keys one assertion may bring.
const maxRecipients = 4

// errDecryption is every failure to decrypt: which one it was would tell whoever
// asks often enough what the text is.
var errDecryption = errors.New("encrypted assertion cannot be read")

// encryptedXML is an EncryptedAssertion (XML Encryption 1.1 §3). Keys stand in
// the data or beside it.
type encryptedXML struct {
	Data struct {
		Method methodXML `xml:"http://www.w3.org/2001/04/xmlenc# EncryptionMethod"`
		Info   struct {
			Keys []encryptedKeyXML `xml:"http://www.w3.org/2001/04/xmlenc# EncryptedKey"`
		} `xml:"http://www.w3.org/2000/09/xmldsig# KeyInfo"`
		Cipher string `xml:"http://www.w3.org/2001/04/xmlenc# CipherData>CipherValue"`
	} `xml:"http://www.w3.org/2001/04/xmlenc# EncryptedData"`
	Keys []encryptedKeyXML `xml:"http://www.w3.org/2001/04/xmlenc# EncryptedKey"`
}

type encryptedKeyXML struct {
	Method methodXML `xml:"http://www.w3.org/2001/04/xmlenc# EncryptionMethod"`
	Cipher string    `xml:"http://www.w3.org/2001/04/xmlenc# CipherData>CipherValue"`
}

// methodXML is an EncryptionMethod with what RSA-OAEP takes.
type methodXML struct {
	Algorithm string `xml:"Algorithm,attr"`
	Digest    struct {
		Algorithm string `xml:"Algorithm,attr"`
	} `xml:"http://www.w3.org/2000/09/xmldsig# DigestMethod"`
	Mask struct {
		Algorithm string `xml:"Algorithm,attr"`
	} `xml:"http://www.w3.org/2009/xmlenc11# MGF"`
	Label string `xml:"http://www.w3.org/2001/04/xmlenc# OAEPparams"`
}

// decrypt gives the assertion in an EncryptedAssertion, by any of the keys. It
// says nothing of who wrote it: that is for a signature inside or around.
func decrypt(el *etree.Element, own federation.OwnKeys) (*etree.Element, error) {
	var in encryptedXML
	if decode(el, &in) != nil {
		return nil, errDecryption
	}
	keys := append(in.Data.Info.Keys, in.Keys...)
	data, err := unbase64(in.Data.Cipher)
	if err != nil || len(keys) == 0 || len(keys) > maxRecipients {
		return nil, errDecryption
	}
	ours := own.Decryption()
	for _, key := range keys {
		for _, one := range ours {
			content, err := unwrap(one.Private, key)
			if err != nil {
				continue
			}
			plain, err := open(in.Data.Method.Algorithm, content, data)
			if err != nil {
				continue
			}
			if assertion, err := parseMessage(plain); err == nil {
				return assertion, nil
			}
		}
	}
	return nil, errDecryption
}

// unwrap decrypts a content key. RSA-OAEP only: padding of PKCS #1 v1.5 tells
// attackers too much (XML Encryption 1.1 §5.5.1).
func unwrap(own federation.Private, key encryptedKeyXML) ([]byte, error) {
	options := rsa.OAEPOptions{Hash: crypto.SHA1, MGFHash: crypto.SHA1}
	var known bool
	if digest := key.Method.Digest.Algorithm; digest != "" {
		if options.Hash, known = digestOf(digest); !known {
			return nil, errDecryption
		}
	}
	switch mask := key.Method.Mask.Algorithm; key.Method.Algorithm {
	case "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p": // whose mask is always made with SHA-1
	case "http://www.w3.org/2009/xmlenc11#rsa-oaep":
		if mask == "" {
			break
		}
		if options.MGFHash, known = maskOf(mask); !known {
			return nil, errDecryption
		}
	default:
		return nil, errDecryption
	}
	wrapped, err := unbase64(key.Cipher)
	if err != nil {
		return nil, errDecryption
	}
	if options.Label, err = unbase64(key.Method.Label); err != nil {
		return nil, errDecryption
	}
	private, ok := own.(crypto.Decrypter)
	if !ok {
		return nil, errDecryption
	}
	content, err := private.Decrypt(rand.Reader, wrapped, &options)
	if err != nil {
		return nil, errDecryption
	}
	return content, nil
}

func digestOf(method string) (crypto.Hash, bool) {
	switch method {
	case "http://www.w3.org/2000/09/xmldsig#sha1":
		return crypto.SHA1, true
	case "http://www.w3.org/2001/04/xmlenc#sha256":
		return crypto.SHA256, true
	case "http://www.w3.org/2001/04/xmlenc#sha512":
		return crypto.SHA512, true
	}
	return 0, false
}

func maskOf(method string) (crypto.Hash, bool) {
	switch method {
	case "http://www.w3.org/2009/xmlenc11#mgf1sha1":
		return crypto.SHA1, true
	case "http://www.w3.org/2009/xmlenc11#mgf1sha256":
		return crypto.SHA256, true
	case "http://www.w3.org/2009/xmlenc11#mgf1sha512":
		return crypto.SHA512, true
	}
	return 0, false
}

// open decrypts data with a content key of the size that the method names.
func open(method string, key, data []byte) ([]byte, error) {
	size, authenticated := 0, false
	switch method {
	case "http://www.w3.org/2009/xmlenc11#aes128-gcm":
		size, authenticated = 16, true
	case "http://www.w3.org/2009/xmlenc11#aes256-gcm":
		size, authenticated = 32, true
	case "http://www.w3.org/2001/04/xmlenc#aes128-cbc":
		size = 16
	case "http://www.w3.org/2001/04/xmlenc#aes256-cbc":
		size = 32
	}
	if size == 0 || len(key) != size {
		return nil, errDecryption
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, errDecryption
	}
	if authenticated {
		return openGCM(block, data)
	}
	return openCBC(block, data)
}

func openGCM(block cipher.Block, data []byte) ([]byte, error) {
	gcm, err := cipher.NewGCM(block)
	if err != nil || len(data) < gcm.NonceSize()+gcm.Overhead() {
		return nil, errDecryption
	}
	plain, err := gcm.Open(nil, data[:gcm.NonceSize()], data[gcm.NonceSize():], nil)
	if err != nil {
		return nil, errDecryption
	}
	return plain, nil
}

// openCBC takes the padding off by its last byte alone, as XML Encryption §5.2
// says. A wrong one fails like whatever else is wrong later on.
func openCBC(block cipher.Block, data []byte) ([]byte, error) {
	size := block.BlockSize()
	if len(data) < 2*size || len(data)%size != 0 {
		return nil, errDecryption
	}
	plain := make([]byte, len(data)-size)
	cipher.NewCBCDecrypter(block, data[:size]).CryptBlocks(plain, data[size:])
	padding := int(plain[len(plain)-1])
	if subtle.ConstantTimeLessOrEq(1, padding)&subtle.ConstantTimeLessOrEq(padding, size) != 1 {
		return nil, errDecryption
	}
	return plain[:len(plain)-padding], nil
}
