package vneid

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"strings"

	"eidgate/eid"
	"eidgate/federation"
)

const (
	maxKeys    = 4    // private keys of one source
	minRSABits = 2048 // RFC 7518 §4.2
	maxRSABits = 4096
)

// opener opens what the platform sealed: data under an AES key, and that key under
// the gateway's RSA key with PKCS #1 v1.5 (RFC 8017 §7.2), both in base64.
//
// Whoever can send such a pair and learn why it was refused decrypts with the
// gateway's help (Bleichenbacher 1998, Vaudenay 2002). So nothing here tells one
// failure from another: not by an error, not by a branch on what is secret, and
// not by chance. Each key that does not unwrap gives another AES key instead, the
// same one each time, and every step is done with it all the same.
type opener struct {
	own  federation.OwnKeys
	cbc  bool
	size int // of the AES key, in bytes
}

type wrappingKey struct {
	private *rsa.PrivateKey
	reject  []byte // what the keys for failures are made from
}

// newOpener joins keys that the gateway keeps, if it does, with those of the settings.
func newOpener(s Settings, kept federation.OwnKeys) (*opener, error) {
	var files federation.KeyFiles
	for _, text := range s.DecryptionKeys {
		private, err := parseKey(text)
		if err != nil {
			return nil, err
		}
		id, err := federation.KeyID(private.Public())
		if err != nil {
			return nil, err
		}
		files.Open = append(files.Open, federation.OwnKey{ID: id, Private: private})
	}
	return &opener{own: federation.Succeed(kept, files), cbc: s.Cipher == CBC, size: s.AESBits / 8}, nil
}

// keys are those of this moment. Which there are is no secret; which of them fits is.
func (o *opener) keys() []wrappingKey {
	var list []wrappingKey
	for _, key := range o.own.Decryption() {
		if private, ok := key.Private.(*rsa.PrivateKey); ok {
			reject := sha256.Sum256(x509.MarshalPKCS1PrivateKey(private))
			list = append(list, wrappingKey{private: private, reject: reject[:]})
		}
	}
	return list
}

// parseKey reads an RSA private key in PEM, as PKCS #8 or PKCS #1. Errors hold
// nothing of it.
func parseKey(text eid.Secret) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(text.Reveal()))
	if block == nil {
		return nil, errors.New("not PEM")
	}
	private, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		var ok bool
		if private, ok = parsed.(*rsa.PrivateKey); err != nil || !ok {
			return nil, errors.New("not an RSA private key")
		}
	}
	if bits := private.N.BitLen(); bits < minRSABits || bits > maxRSABits {
		return nil, errors.New("want an RSA key of 2048 to 4096 bits")
	}
	return private, nil
}

// fitting reports, by 1 or 0 and without a branch on b, whether b may stand at i
// in what was sealed. It tells a right key from one that chance let through.
type fitting func(i int, b byte) int

// fitsCode holds for a code: visible ASCII (RFC 6749 §A.11).
func fitsCode(_ int, b byte) int {
	return subtle.ConstantTimeLessOrEq(0x21, int(b)) & subtle.ConstantTimeLessOrEq(int(b), 0x7e)
}

// fitsObject holds for a JSON object: a brace, then no control character but
// white space (RFC 8259 §2 and §7).
func fitsObject(i int, b byte) int {
	if i == 0 {
		return subtle.ConstantTimeByteEq(b, '{')
	}
	return subtle.ConstantTimeLessOrEq(0x20, int(b)) |
		subtle.ConstantTimeByteEq(b, '\t') | subtle.ConstantTimeByteEq(b, '\r') | subtle.ConstantTimeByteEq(b, '\n')
}

// open decrypts. There is one way to fail, and only lengths and characters that
// everybody sees are looked at before all the work is done.
func (o *opener) open(data, key string, fits fitting) (text []byte, ok bool) {
	sealed, err := decode(data)
	wrapped, err2 := decode(key)
	least := aes.BlockSize
	if o.cbc {
		least += aes.BlockSize
	}
	if err != nil || err2 != nil || len(sealed) < least || len(sealed)%aes.BlockSize != 0 {
		return nil, false
	}
	opened := make([]byte, len(sealed)-least+aes.BlockSize)
	length, found := 0, 0
	for _, k := range o.keys() {
		tried := o.decrypt(k.unwrap(wrapped, o.size), sealed)
		size, good := unpad(tried)
		for i, b := range tried {
			good &= fits(i, b) | subtle.ConstantTimeLessOrEq(size, i)
		}
		first := good &^ found
		subtle.ConstantTimeCopy(first, opened, tried)
		length = subtle.ConstantTimeSelect(first, size, length)
		found |= good
	}
	if found != 1 {
		return nil, false
	}
	return opened[:length], true
}

// unwrap gives the AES key. For what is no wrapped key of this size it gives one
// that only this private key can tell, and that is the same at each try: a random
// one would show itself by giving another outcome now and then
// (draft-irtf-cfrg-rsa-guidance, implicit rejection).
func (k wrappingKey) unwrap(wrapped []byte, size int) []byte {
	mac := hmac.New(sha256.New, k.reject)
	mac.Write(wrapped)
	key := mac.Sum(nil)[:size]
	// The error tells of the length and the range of what was sent, which is no
	// secret; the key stays as it is then.
	_ = rsa.DecryptPKCS1v15SessionKey(nil, k.private, wrapped, key) //nolint:staticcheck // deprecated, and the platform speaks nothing else
	return key
}

// decrypt undoes AES-CBC, or AES-ECB: each block for itself. ECB hides no patterns
// and binds nothing together, which is why the standard library has none; here it
// is the platform's choice, below TLS.
func (o *opener) decrypt(key, sealed []byte) []byte {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("vneid: " + err.Error()) // of the key's size alone, which was checked
	}
	if o.cbc {
		text := make([]byte, len(sealed)-aes.BlockSize)
		cipher.NewCBCDecrypter(block, sealed[:aes.BlockSize]).CryptBlocks(text, sealed[aes.BlockSize:])
		return text
	}
	text := make([]byte, len(sealed))
	for i := 0; i < len(sealed); i += aes.BlockSize {
		block.Decrypt(text[i:], sealed[i:i+aes.BlockSize])
	}
	return text
}

// unpad finds the length of a text without its PKCS #7 padding (RFC 5652 §6.3),
// and says by 1 or 0 whether the padding is right and a text is left.
func unpad(text []byte) (size, good int) {
	last := text[len(text)-1]
	n := int(last)
	good = subtle.ConstantTimeLessOrEq(1, n) & subtle.ConstantTimeLessOrEq(n, aes.BlockSize) &
		subtle.ConstantTimeLessOrEq(n+1, len(text))
	for i := 1; i <= aes.BlockSize; i++ {
		good &= subtle.ConstantTimeByteEq(text[len(text)-i], last) | subtle.ConstantTimeLessOrEq(n+1, i)
	}
	return len(text) - n&-good, good
}

// decode reads base64 as it arrives: padded or not, of either alphabet, on several
// lines, and with blanks where a + was taken for one on the way through a query.
func decode(text string) ([]byte, error) {
	text = strings.NewReplacer(" ", "+", "-", "+", "_", "/").Replace(strings.TrimRight(text, "=\r\n"))
	return base64.RawStdEncoding.DecodeString(text)
}
