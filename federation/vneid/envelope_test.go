package vneid_test

import (
	"crypto/rsa"
	"net/url"
	"strings"
	"testing"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/federation/fedtest"
	"eidgate/federation/vneid"
)

func wrongSealings() map[string]fedtest.Sealing {
	return map[string]fedtest.Sealing{
		"foreign key": fedtest.SealForeignKey, "no PKCS #1 padding": fedtest.SealBadKeyPadding, "AES key too short": fedtest.SealShortKey,
		"no PKCS #7 padding": fedtest.SealBadPadding, "other mode": fedtest.SealOtherMode, "cut block": fedtest.SealCutBlock,
		"no data": fedtest.SealNothing, "data no base64": fedtest.SealBadDataBase64, "key no base64": fedtest.SealBadKeyBase64,
		"not what was sealed": fedtest.SealNoJSON,
	}
}

// Whatever is wrong with an encrypted answer, the error is the same to the byte.
func TestAnswersAreNoOracle(t *testing.T) {
	for _, cbc := range []bool{false, true} {
		b := newBench(t, fedtest.DialectEncrypted, func(c *fedtest.VNeIDConfig, s *vneid.Settings) {
			if c.CBC = cbc; cbc {
				s.Cipher = vneid.CBC
			}
		})
		ways := wrongSealings()
		ways["in the clear"] = fedtest.SealNot
		seen := map[string]string{}
		for name, how := range ways {
			b.platform.Seal(how)
			step, err := b.signIn(t, "one", "pw-1")
			refused(t, step, err, federation.ErrUntrusted)
			seen[err.Error()] = name
		}
		if len(seen) != 1 {
			t.Errorf("errors tell failures apart: %v", seen)
		}
		b.platform.Behave()
		if step, err := b.signIn(t, "one", "pw-1"); err != nil || step.Assertion == nil {
			t.Errorf("sign-in afterwards = %+v, %v, want an assertion", step, err)
		}
	}
}

// A code that cannot be opened goes the way of one that is wrong: the same error,
// and the same one call. A browser can send any, so this is where an oracle would
// be asked.
func TestCodesAreNoOracle(t *testing.T) {
	for _, cbc := range []bool{false, true} {
		b := newBench(t, fedtest.DialectEncrypted, func(c *fedtest.VNeIDConfig, s *vneid.Settings) {
			if c.SealCode, c.CBC = true, cbc; cbc {
				s.Cipher = vneid.CBC
			}
		})
		seen := map[string]string{}
		try := func(name string, change func(url.Values)) {
			req, target := b.begin(t, federation.Request{})
			values := b.visit(t, target, "one", "pw-1")
			change(values)
			before := b.platform.Calls(b.at.Token)
			step, err := b.end(t.Context(), req, values)
			refused(t, step, err, nil, values.Get("code"), values.Get("encrypt_key"))
			seen[err.Error()] = name
			if n := b.platform.Calls(b.at.Token) - before; n != 1 {
				t.Errorf("%s: token endpoint called %d times, want 1", name, n)
			}
		}
		for name, how := range wrongSealings() {
			if how == fedtest.SealNothing {
				continue // no code at all
			}
			b.platform.Seal(how)
			try(name, func(url.Values) {})
		}
		b.platform.Behave()
		try("wrong code in the clear", func(v url.Values) { v.Set("code", "made-up"); v.Del("encrypt_key") })
		try("key left out", func(v url.Values) { v.Del("encrypt_key") })
		try("key empty", func(v url.Values) { v.Set("encrypt_key", "") })
		try("code in the clear, with a key", func(v url.Values) { v.Set("code", "made-up") })
		try("bit flipped", func(v url.Values) {
			last := map[bool]string{true: "B", false: "A"}[v.Get("code")[0] == 'A']
			v.Set("code", last+v.Get("code")[1:])
		})
		try("key of zeros", func(v url.Values) { v.Set("encrypt_key", strings.Repeat("A", 342)) })
		try("key above the modulus", func(v url.Values) { v.Set("encrypt_key", strings.Repeat("_", 341)+"w") })
		try("short key", func(v url.Values) { v.Set("encrypt_key", "AAAA") })
		if len(seen) != 1 {
			t.Errorf("errors tell failures apart: %v", seen)
		}
	}
}

// The platform may go on with the old key for a while after a new one is here, and
// may have the new one first.
func TestKeyRollOver(t *testing.T) {
	old, next := privateKey(), newKey()
	b := newBench(t, fedtest.DialectEncrypted, func(c *fedtest.VNeIDConfig, s *vneid.Settings) {
		c.SealCode = true
		s.DecryptionKeys = []eid.Secret{inPEM(next), inPEM(old)}
	})
	for range 3 {
		for i, key := range []*rsa.PrivateKey{old, next} {
			b.platform.SealTo(&key.PublicKey)
			if step, err := b.signIn(t, "two", "pw-2"); err != nil || step.Assertion == nil {
				t.Errorf("key %d: sign-in = %+v, %v, want an assertion", i, step, err)
			}
		}
	}
	b.settings.DecryptionKeys = []eid.Secret{inPEM(old)}
	b.renew(t)
	step, err := b.signIn(t, "two", "pw-2")
	refused(t, step, err, nil)
}
