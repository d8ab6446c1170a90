package vneid

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"

	"eidgate/eid"
)

func testKey(t testing.TB) (*rsa.PrivateKey, eid.Secret) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return key, eid.NewSecret(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
}

func testOpener(t testing.TB, mode Cipher, keys ...eid.Secret) *opener {
	t.Helper()
	o, err := newOpener(Settings{Cipher: mode, AESBits: 256, DecryptionKeys: keys}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// wrapTo wraps an AES key, and blocks encrypts whole blocks, with ECB or CBC.
func wrapTo(t testing.TB, to *rsa.PrivateKey, key []byte) []byte {
	t.Helper()
	wrapped, err := rsa.EncryptPKCS1v15(rand.Reader, &to.PublicKey, key) //nolint:staticcheck // what the platform does
	if err != nil {
		t.Fatal(err)
	}
	return wrapped
}

func blocks(t testing.TB, mode Cipher, key, text []byte) []byte {
	t.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	sealed := make([]byte, len(text))
	if mode == CBC {
		iv := make([]byte, aes.BlockSize)
		cipher.NewCBCEncrypter(block, iv).CryptBlocks(sealed, text)
		return append(iv, sealed...)
	}
	for i := 0; i < len(text); i += aes.BlockSize {
		block.Encrypt(sealed[i:], text[i:i+aes.BlockSize])
	}
	return sealed
}

func padded(text string) []byte {
	n := aes.BlockSize - len(text)%aes.BlockSize
	return append([]byte(text), bytes.Repeat([]byte{byte(n)}, n)...)
}

func TestOpen(t *testing.T) {
	private, text := testKey(t)
	key := bytes.Repeat([]byte{0xfb, 0xef}, 16) // whose base64 is full of + and /
	for _, mode := range []Cipher{ECB, CBC} {
		o := testOpener(t, mode, text)
		wrapped := base64.StdEncoding.EncodeToString(wrapTo(t, private, key))
		for name, tt := range map[string]struct {
			plain []byte
			fits  fitting
			want  string // empty: refused
		}{
			"code":                     {padded("abc"), fitsCode, "abc"},
			"code of a block":          {padded("0123456789abcdef"), fitsCode, "0123456789abcdef"},
			"code of fifteen":          {padded("0123456789abcde"), fitsCode, "0123456789abcde"},
			"object":                   {padded("{\"a\":\n\"Đặng\"}"), fitsObject, "{\"a\":\n\"Đặng\"}"},
			"nothing":                  {padded(""), fitsCode, ""},
			"code with a blank":        {padded("a b"), fitsCode, ""},
			"code with a break":        {padded("a\nb"), fitsCode, ""},
			"code beyond ASCII":        {padded("Đ"), fitsCode, ""},
			"no object":                {padded("[1]"), fitsObject, ""},
			"object with a control":    {padded("{\"a\":\"\x01\"}"), fitsObject, ""},
			"padding of 0":             {append([]byte("0123456789abcde"), 0), fitsCode, ""},
			"padding of 17":            {append(bytes.Repeat([]byte{'a'}, 31), 17), fitsCode, ""},
			"padding of 255":           {append([]byte("0123456789abcde"), 255), fitsCode, ""},
			"padding broken":           {append([]byte("0123456789abc"), 3, 2, 3), fitsCode, ""},
			"first of padding broken":  {append([]byte("0"), append([]byte{14}, bytes.Repeat([]byte{15}, 14)...)...), fitsCode, ""},
			"padding and nothing else": {bytes.Repeat([]byte{16}, 16), fitsCode, ""},
		} {
			data := base64.StdEncoding.EncodeToString(blocks(t, mode, key, tt.plain))
			got, ok := o.open(data, wrapped, tt.fits)
			if string(got) != tt.want || ok != (tt.want != "") {
				t.Errorf("%s, %s: open() = %q, %v, want %q", mode, name, got, ok, tt.want)
			}
		}
	}
}

// Base64 is read however it was written and whatever a query made of it.
func TestOpenAlphabets(t *testing.T) {
	private, text := testKey(t)
	key := make([]byte, 32)
	o := testOpener(t, ECB, text)
	sealed, wrapped := blocks(t, ECB, key, padded("a-code")), wrapTo(t, private, key)
	std := base64.StdEncoding.EncodeToString
	lines := func(raw []byte) string {
		text := std(raw)
		return text[:10] + "\r\n" + text[10:] + "\r\n"
	}
	for name, encode := range map[string]func([]byte) string{
		"standard": std, "unpadded": base64.RawStdEncoding.EncodeToString, "url": base64.URLEncoding.EncodeToString,
		"url, unpadded": base64.RawURLEncoding.EncodeToString, "blanks": func(raw []byte) string { return strings.ReplaceAll(std(raw), "+", " ") },
		"lines": lines,
	} {
		if got, ok := o.open(encode(sealed), encode(wrapped), fitsCode); string(got) != "a-code" || !ok {
			t.Errorf("%s: open() = %q, %v, want a-code", name, got, ok)
		}
	}
}

// What is no wrapped key gives the same outcome at each try, as a wrapped key
// does, and another one for each input and each private key. An answer that varies
// would tell that the padding was wrong.
func TestRejectionIsSteady(t *testing.T) {
	_, text := testKey(t)
	_, other := testKey(t)
	one, same, another := testOpener(t, ECB, text).keys()[0], testOpener(t, ECB, text).keys()[0], testOpener(t, ECB, other).keys()[0]
	for name, wrapped := range map[string][]byte{
		"zeros": make([]byte, 256), "ones": bytes.Repeat([]byte{1}, 256), "short": {1, 2}, "none": nil, "long": make([]byte, 300),
		"above the modulus": bytes.Repeat([]byte{255}, 256),
	} {
		got := one.unwrap(wrapped, 32)
		if !bytes.Equal(got, one.unwrap(wrapped, 32)) || !bytes.Equal(got, same.unwrap(wrapped, 32)) {
			t.Errorf("%s: unwrap() differs from try to try", name)
		}
		if bytes.Equal(got, another.unwrap(wrapped, 32)) || bytes.Equal(got, one.unwrap(append([]byte{1}, wrapped...), 32)) || bytes.Equal(got, make([]byte, 32)) {
			t.Errorf("%s: unwrap() gives what can be told without the key", name)
		}
	}
}

// A key that does not fit is not taken for one by chance: one padding in 256 is
// right by itself.
func TestChanceOpensNothing(t *testing.T) {
	old, oldText := testKey(t)
	_, newText := testKey(t)
	o := testOpener(t, ECB, newText, oldText)
	key := make([]byte, 32)
	data := base64.StdEncoding.EncodeToString(blocks(t, ECB, key, padded("ABCDEFGHIJKLMNOPQRSTUVWXYZ")))
	lucky := 0
	for i := 0; i < 10_000 && lucky < 2; i++ {
		wrapped := wrapTo(t, old, key)
		raw, err := decode(data)
		if err != nil {
			t.Fatal(err)
		}
		if _, good := unpad(o.decrypt(o.keys()[0].unwrap(wrapped, 32), raw)); good == 0 {
			continue
		}
		lucky++
		got, ok := o.open(data, base64.StdEncoding.EncodeToString(wrapped), fitsCode)
		if string(got) != "ABCDEFGHIJKLMNOPQRSTUVWXYZ" || !ok {
			t.Errorf("open() = %q, %v, want what the older key opens", got, ok)
		}
	}
	if lucky == 0 {
		t.Error("no key let a padding through by chance: nothing was shown")
	}
}

func TestParseKey(t *testing.T) {
	private, sound := testKey(t)
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	pkcs1 := func(key *rsa.PrivateKey) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	}
	for name, tt := range map[string]struct {
		text string
		ok   bool
	}{
		"PKCS #8": {sound.Reveal(), true}, "PKCS #1": {pkcs1(private), true}, "too small": {pkcs1(small), false}, "empty": {"", false},
		"no PEM": {"hush", false}, "public": {string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&private.PublicKey)})), false},
		"garbage": {"-----BEGIN PRIVATE KEY-----\naHVzaA==\n-----END PRIVATE KEY-----\n", false},
	} {
		_, err := parseKey(eid.NewSecret(tt.text))
		if (err == nil) != tt.ok || err != nil && strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: parseKey() = %v, want sound: %v", name, err, tt.ok)
		}
	}
}
