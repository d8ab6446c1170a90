package federation_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"eidgate/federation"
)

// turns writes keys as id:turn.
func turns(keys []federation.OwnKey) string {
	names := map[federation.Turn]string{federation.Next: "next", federation.InUse: "used", federation.Past: "past", federation.Fresh: "fresh"}
	var list []string
	for _, key := range keys {
		list = append(list, key.ID+":"+names[key.Turn])
	}
	return strings.Join(list, " ")
}

func ownKey(t *testing.T, id string, turn federation.Turn) federation.OwnKey {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return federation.OwnKey{ID: id, Turn: turn, Private: private}
}

// keptNow are keys that the gateway keeps, as they are at one moment.
type keptNow struct{ list []federation.OwnKey }

func (k *keptNow) Signing() []federation.OwnKey    { return slices.Clone(k.list) }
func (k *keptNow) Decryption() []federation.OwnKey { return slices.Clone(k.list) }

// Files are in use until a kept key is, and what is past or fresh is encrypted to by
// nobody.
func TestSucceed(t *testing.T) {
	files := federation.KeyFiles{}
	for _, id := range []string{"f1", "f2"} {
		key := ownKey(t, id, 0)
		files.Sign, files.Open = append(files.Sign, key), append(files.Open, key)
	}
	next, used, past, fresh := ownKey(t, "k2", federation.Next), ownKey(t, "k1", federation.InUse), ownKey(t, "k0", federation.Past), ownKey(t, "k3", federation.Fresh)
	for _, tt := range []struct {
		name                   string
		kept                   *keptNow
		files                  federation.KeyFiles
		all, signs, encryption string
	}{
		{"files alone", nil, files, "f1:used f2:next", "f1", "f1:used f2:next"},
		{"kept alone", &keptNow{[]federation.OwnKey{used, next, past}}, federation.KeyFiles{}, "k1:used k2:next k0:past", "k1", "k1:used k2:next"},
		{"the kept one waits", &keptNow{[]federation.OwnKey{next}}, files, "f1:used f2:next k2:next", "f1", "f1:used f2:next k2:next"},
		{"the kept one took over", &keptNow{[]federation.OwnKey{used, next}}, files, "k1:used k2:next f1:past f2:past", "k1", "k1:used k2:next"},
		{"another process lacks one", &keptNow{[]federation.OwnKey{used, fresh}}, federation.KeyFiles{}, "k1:used k3:fresh", "k1", "k1:used"},
		{"only a standby", &keptNow{[]federation.OwnKey{next}}, federation.KeyFiles{}, "k2:next", "", "k2:next"},
		{"only a key of no turn", &keptNow{[]federation.OwnKey{ownKey(t, "k", 0)}}, federation.KeyFiles{}, "k:", "", ""},
		{"none", &keptNow{}, federation.KeyFiles{}, "", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var kept federation.OwnKeys
			if tt.kept != nil {
				kept = tt.kept
			}
			own := federation.Succeed(kept, tt.files)
			for range 2 { // what one caller got is not what the next one gets
				if got := turns(own.Signing()); got != tt.all {
					t.Errorf("Signing() = %q, want %q", got, tt.all)
				}
				if got := turns(own.Decryption()); got != tt.all {
					t.Errorf("Decryption() = %q, want %q", got, tt.all)
				}
			}
			if got := turns(federation.EncryptionKeys(own)); got != tt.encryption {
				t.Errorf("EncryptionKeys() = %q, want %q", got, tt.encryption)
			}
			key, signer, err := federation.SigningKey(own)
			if key.ID != tt.signs || (signer == nil) != (tt.signs == "") || (tt.signs == "") != errors.Is(err, federation.ErrNoOwnKey) {
				t.Errorf("SigningKey() = %q, %v, %v, want %q", key.ID, signer != nil, err, tt.signs)
			}
		})
	}
}

func TestOwnKeyTellsNothing(t *testing.T) {
	key := ownKey(t, "kid", federation.InUse)
	if got := fmt.Sprintf("%v %+v %#v %v", key, key, key, slog.AnyValue(key).Resolve()); got != "[key] [key] [key] [key]" {
		t.Errorf("a key prints as %s", got)
	}
}

func TestManagedKeysCheck(t *testing.T) {
	sound := federation.ManagedKeys{RotateEvery: time.Hour, PublishFor: time.Minute, KeepFor: time.Minute, Algorithm: "RS256", RSABits: 2048}
	for name, tt := range map[string]struct {
		change func(*federation.ManagedKeys)
		want   string // empty: sound
	}{
		"sound":                     {func(*federation.ManagedKeys) {}, ""},
		"by operators alone":        {func(m *federation.ManagedKeys) { m.RotateEvery = 0 }, ""},
		"not published":             {func(m *federation.ManagedKeys) { m.PublishFor = 0 }, "publish_for"},
		"gone while it may be used": {func(m *federation.ManagedKeys) { m.KeepFor-- }, "keep_for"},
		"changed before known":      {func(m *federation.ManagedKeys) { m.RotateEvery = m.PublishFor }, "rotate_every"},
		"for nothing":               {func(m *federation.ManagedKeys) { m.Algorithm = "" }, "nothing to sign"},
		"another algorithm":         {func(m *federation.ManagedKeys) { m.Algorithm = "none" }, "algorithm"},
		"small":                     {func(m *federation.ManagedKeys) { m.RSABits = 1024 }, "rsa_bits"},
		"for ever":                  {func(m *federation.ManagedKeys) { m.Years = 31 }, "years"},
	} {
		m := sound
		tt.change(&m)
		err := m.Check("RS256")
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: Check() = %v, want %q", name, err, tt.want)
		}
	}
	if err := (*federation.ManagedKeys)(nil).Check(); err != nil {
		t.Errorf("Check() of none = %v, want nil", err)
	}
}
