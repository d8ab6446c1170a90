package vneid

import (
	"bytes"
	"crypto/rsa"
	"encoding/base64"
	"slices"
	"testing"

	"eidgate/federation"
)

// keptNow are keys that the gateway keeps, as they are at one moment.
type keptNow struct{ list []federation.OwnKey }

func (*keptNow) Signing() []federation.OwnKey      { return nil }
func (k *keptNow) Decryption() []federation.OwnKey { return slices.Clone(k.list) }

// Whichever of the kept keys something was sealed to, it opens, and the work is the
// same: every key unwraps, and gives a key for failures that stays the same. A key that
// was taken away opens nothing from the next message on.
func TestKeptKeys(t *testing.T) {
	var privates []*rsa.PrivateKey
	kept := &keptNow{}
	for _, turn := range []federation.Turn{federation.InUse, federation.Next, federation.Fresh, federation.Past} {
		private, _ := testKey(t)
		privates = append(privates, private)
		kept.list = append(kept.list, federation.OwnKey{Turn: turn, Private: private})
	}
	stranger, file := testKey(t)
	o, err := newOpener(Settings{Cipher: CBC, AESBits: 256, DecryptionKeys: nil}, kept)
	if err != nil {
		t.Fatal(err)
	}
	std := base64.StdEncoding.EncodeToString
	key := bytes.Repeat([]byte{7}, 32)
	data := std(blocks(t, CBC, key, padded("a-code")))
	for i, private := range privates {
		wrapped := wrapTo(t, private, key)
		if got, ok := o.open(data, std(wrapped), fitsCode); string(got) != "a-code" || !ok {
			t.Errorf("key %d: open() = %q, %v, want a-code", i, got, ok)
		}
		for j, k := range o.keys() {
			first, again := k.unwrap(wrapped, 32), o.keys()[j].unwrap(wrapped, 32)
			if !bytes.Equal(first, again) || bytes.Equal(first, key) != (i == j) {
				t.Errorf("key %d of what was sealed to %d: unwrap() is not steady, or another key's", j, i)
			}
		}
	}
	if got, ok := o.open(data, std(wrapTo(t, stranger, key)), fitsCode); ok || got != nil {
		t.Errorf("open() = %q of what was sealed to a stranger, want nothing", got)
	}
	wrapped := std(wrapTo(t, privates[3], key))
	kept.list = kept.list[:3]
	if got, ok := o.open(data, wrapped, fitsCode); ok || got != nil {
		t.Errorf("open() = %q with a key that is gone, want nothing", got)
	}
	both, err := newOpener(Settings{Cipher: CBC, AESBits: 256, DecryptionKeys: append(testSource(t, Encrypted).settings.DecryptionKeys, file)}, kept)
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := both.open(data, std(wrapTo(t, stranger, key)), fitsCode); string(got) != "a-code" || !ok {
		t.Errorf("open() = %q, %v of what was sealed to the file beside kept keys, want a-code", got, ok)
	}
}
