package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"eidgate/config"
	"eidgate/eid"
	"eidgate/federation"
	"eidgate/federation/saml"
	"eidgate/keys"
)

// Keys of sources change while people sign in, as fast as operators can have them
// change, in two processes of which one hears of everything as late as it may, at
// sources of which one reads what each publishes; these go on with it for as long as they may, and
// encrypt to any of the keys in it: before, at and after each step nobody is refused.
// VNeID is given each key by hand.
func TestRollover(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, 2)
	idp, viaSAML := samlUpstream(t, k, "nganh", managed(false))
	op, viaOpenID := openidUpstream(t, k, "buu-chinh", managed(false))
	platform, viaVNeID := vneidUpstream(t, k, "vneid", managed(true))
	list := k.register(t, []string{hostOf(t, idp.EntityID()), hostOf(t, op.Issuer()), hostOf(t, platform.Base())}, viaSAML, viaOpenID, viaVNeID)

	lines := []keys.Line{
		{Purpose: keys.SourceSigning("nganh"), Algorithm: keys.RS256}, {Purpose: keys.SourceDecryption("nganh"), Algorithm: keys.RSA},
		{Purpose: keys.SourceSigning("buu-chinh"), Algorithm: keys.ES256}, {Purpose: keys.SourceDecryption("buu-chinh"), Algorithm: keys.RSA},
	}
	reads := 0
	all := []*upstream{
		{src: list[0], read: func(t *testing.T, body []byte) { require(t, idp.Trust(body)) }},
		{src: list[1], read: func(t *testing.T, body []byte) { reads++; reread(t, op, body, reads%2 == 0) }},
		{src: list[2]},
	}
	unwrapping := keys.SourceDecryption("vneid")
	platform.SealTo(rsaPublic(t, k.byState(unwrapping, keys.Signing)))
	begun := k.clock.Now()
	var heard, handed, stepped time.Time // when the second process last read the store; when the platform got the next key; when a key last changed
	turn := 0
	visit := func(at time.Time) {
		k.clock.set(at)
		before := k.gateways[0].ring.Snapshot()
		require(t, k.gateways[0].ring.Load(t.Context()))
		if k.gateways[0].ring.Snapshot() != before {
			stepped = at
		}
		if at.Sub(heard) >= lag-time.Second { // so that it misses what comes a second later
			require(t, k.gateways[1].ring.Load(t.Context()))
			heard = at
		}
		for i, u := range all {
			turn++
			here, there := k.open(t, turn%2, u.src), k.open(t, (turn+1)%2, u.src)
			if u.read != nil && (at.Sub(u.at) >= published || at.Sub(stepped) == time.Second) {
				u.read(t, publishedBy(t, k.open(t, i%2, u.src)))
				u.at = at
			}
			if p := u.pending; p != nil && at.Sub(p.at) <= 2*time.Second {
				if err := end(t, there, p, at); err != nil {
					t.Errorf("%s after %s: a sign-in that began before: %v", u.src.ID, at.Sub(begun), err)
				}
				u.done++
			}
			u.pending = nil
			for _, process := range []federation.Source{here, there} {
				if err := signIn(t, process, at); err != nil {
					t.Errorf("%s after %s: sign-in: %v", u.src.ID, at.Sub(begun), err)
				}
				u.done++
			}
			var err error
			if u.pending, err = begin(t, there, at); err != nil {
				t.Errorf("%s after %s: beginning: %v", u.src.ID, at.Sub(begun), err)
			}
		}
	}
	visit(begun)
	for k.clock.Now().Before(begun.Add(5 * (published + lag))) {
		next := k.next(t, all)
		for _, at := range []time.Time{next.Add(-time.Second), next, next.Add(time.Second)} {
			if at.After(k.clock.Now()) {
				visit(at)
			}
		}
		for _, l := range lines {
			_, err := k.gateways[0].ring.Rotate(t.Context(), l.Purpose, l.Algorithm, "operator:test", "as soon as can be")
			require(t, err)
		}
		// The operator hands the next key over, and says so an hour later at the earliest.
		standby := k.byState(unwrapping, keys.Published)
		switch {
		case handed.IsZero():
			platform.SealTo(rsaPublic(t, standby))
			handed = k.clock.Now()
		case k.clock.Now().Sub(standby.PublishedAt) >= time.Hour:
			rot, err := k.gateways[0].ring.Activate(t.Context(), unwrapping, keys.RSA, "operator:test", "handed over", false)
			if err != nil || rot.To != standby.ID {
				t.Fatalf("Activate() = %+v, %v, want %s", rot, err, standby.ID)
			}
			handed = time.Time{}
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	infos, err := k.gateways[0].ring.List(t.Context())
	require(t, err)
	signed := map[keys.Purpose]int{}
	for _, info := range infos {
		if !info.SigningAt.IsZero() {
			signed[info.Purpose]++
		}
	}
	for _, l := range append(lines, keys.Line{Purpose: unwrapping}) {
		if n := signed[l.Purpose]; n < 4 {
			t.Errorf("%s: %d keys came into use, want 4 or more", l.Purpose, n)
		}
	}
	for _, u := range all {
		if u.done < 60 {
			t.Errorf("%s: %d sign-ins, want 60 or more", u.src.ID, u.done)
		}
	}
}

// next is when something happens next: a step of a key, a cache that runs out, or
// three hours of nothing.
func (k *keeper) next(t *testing.T, all []*upstream) time.Time {
	t.Helper()
	now := k.clock.Now()
	first := now.Add(3 * time.Hour)
	at := func(when time.Time) {
		if when.After(now.Add(time.Second)) && when.Before(first) {
			first = when
		}
	}
	infos, err := k.gateways[0].ring.List(t.Context())
	require(t, err)
	for _, info := range infos {
		if info.Purpose.Source() != "" {
			at(info.NextAt)
			at(info.PublishedAt.Add(lag))
			at(info.SigningAt.Add(lag))
		}
	}
	for _, u := range all {
		at(u.at.Add(published))
	}
	return first
}

// From files to kept keys nobody is refused: the file signs and is encrypted to until
// the first kept key has been published for as long as the other side caches, or until
// an operator says that it is known there. Then the file can go.
func TestFromFiles(t *testing.T) {
	t.Parallel()
	for name, confirm := range map[string]bool{"by itself": false, "by hand": true} {
		t.Run(name, func(t *testing.T) {
			k := newKeeper(t, 1)
			idp, src := samlUpstream(t, k, "nganh", nil)
			pair, _, err := saml.NewKeyPair("Synthetic gateway", k.clock.Now(), 24*365*time.Hour)
			require(t, err)
			src.SAML.Keys = []eid.Secret{eid.NewSecret(string(pair))}
			allow := []string{hostOf(t, idp.EntityID())}
			fine := func(what string, reg eid.Source) {
				t.Helper()
				require(t, k.gateways[0].ring.Load(t.Context()))
				if err := signIn(t, k.open(t, 0, reg), k.clock.Now()); err != nil {
					t.Errorf("%s: sign-in: %v", what, err)
				}
			}
			reg := k.register(t, allow, src)[0]
			filed := publishedBy(t, k.open(t, 0, reg))
			require(t, idp.Trust(filed))
			fine("with a file", reg)

			src.SAML.ManagedKeys = managed(confirm)
			reg = k.register(t, allow, src)[0]
			both := publishedBy(t, k.open(t, 0, reg))
			if bytes.Equal(both, filed) {
				t.Error("the kept keys are not published")
			}
			begun := k.clock.Now()
			for _, after := range []time.Duration{0, lag, published - time.Second} { // the source has what it had
				k.clock.set(begun.Add(after))
				fine("moving", reg)
			}
			require(t, idp.Trust(publishedBy(t, k.open(t, 0, reg))))
			for _, after := range []time.Duration{published, published + lag, published + lag + time.Second, 2 * published} {
				k.clock.set(begun.Add(after))
				fine("read again", reg)
			}
			purpose := keys.SourceSigning("nganh")
			if inUse := k.byState(purpose, keys.Signing) != nil; inUse == confirm {
				t.Fatalf("a kept key signs: %v, want %v", inUse, !confirm)
			}
			if confirm {
				k.clock.set(begun.Add(10 * rotation))
				fine("not confirmed", reg)
				if k.byState(purpose, keys.Signing) != nil {
					t.Fatal("a standby signs that nobody confirmed")
				}
				for _, l := range []keys.Line{{Purpose: purpose, Algorithm: keys.RS256}, {Purpose: keys.SourceDecryption("nganh"), Algorithm: keys.RSA}} {
					_, err := k.gateways[0].ring.Activate(t.Context(), l.Purpose, l.Algorithm, "operator:test", "handed over", false)
					require(t, err)
				}
			}
			fine("taken over", reg)
			k.clock.set(k.clock.Now().Add(published))
			require(t, idp.Trust(publishedBy(t, k.open(t, 0, reg))))
			fine("taken over, read again", reg)
			src.SAML.Keys = nil
			reg = k.register(t, allow, src)[0]
			fine("the file gone", reg)
		})
	}
}

// What a provider knew the gateway by before stays until the new has come: a secret
// until it is taken out, keys of one algorithm until those of the next have been
// published for long enough.
func TestAnotherAlgorithm(t *testing.T) {
	k := newKeeper(t, 1)
	op, src := openidUpstream(t, k, "buu-chinh", managed(false))
	src.OpenID.ManagedKeys.RotateEvery = 100 * rotation
	allow := []string{hostOf(t, op.Issuer())}
	var reg eid.Source
	change := func(algorithm string) {
		src.OpenID.ManagedKeys.Algorithm = algorithm
		reg = k.register(t, allow, src)[0]
	}
	fine := func(what string) {
		t.Helper()
		require(t, k.gateways[0].ring.Load(t.Context()))
		if err := signIn(t, k.open(t, 0, reg), k.clock.Now()); err != nil {
			t.Errorf("%s: sign-in: %v", what, err)
		}
	}
	read := func() { reread(t, op, publishedBy(t, k.open(t, 0, reg)), true) }
	change("ES256")
	read()
	fine("ES256")
	for _, algorithm := range []string{"PS256", "RS256", "ES256"} {
		change(algorithm)
		begun := k.clock.Now()
		for _, after := range []time.Duration{0, lag, published - time.Second} {
			k.clock.set(begun.Add(after))
			fine(algorithm + ", not read yet")
		}
		read()
		for _, after := range []time.Duration{published, published + lag - time.Second, published + lag, 2 * published} {
			k.clock.set(begun.Add(after))
			fine(algorithm + ", read again")
		}
		list := k.gateways[0].keptKeys("buu-chinh", &federation.ManagedKeys{Algorithm: algorithm}, k.cfg).Signing()
		if len(list) == 0 || list[0].Turn != federation.InUse || list[0].Algorithm != algorithm {
			t.Errorf("%s: another key is in use", algorithm)
		}
	}
}

// In an emergency the standby signs at once, which the source has read long before;
// what was revoked is published no more, and opens nothing.
func TestSourceEmergency(t *testing.T) {
	k := newKeeper(t, 2)
	idp, viaSAML := samlUpstream(t, k, "nganh", managed(false))
	platform, viaVNeID := vneidUpstream(t, k, "vneid", managed(true))
	list := k.register(t, []string{hostOf(t, idp.EntityID()), hostOf(t, platform.Base())}, viaSAML, viaVNeID)
	unwrapping := keys.SourceDecryption("vneid")
	exposed := rsaPublic(t, k.byState(unwrapping, keys.Signing))
	platform.SealTo(exposed)
	k.clock.set(k.clock.Now().Add(published + lag))
	require(t, idp.Trust(publishedBy(t, k.open(t, 0, list[0]))))

	for _, purpose := range []keys.Purpose{keys.SourceSigning("nganh"), keys.SourceDecryption("nganh"), unwrapping} {
		key := k.byState(purpose, keys.Signing)
		rev, err := k.gateways[0].ring.Revoke(t.Context(), key.ID, "operator:test", "exposed")
		if err != nil || rev.Signing == "" || rev.Signing == key.ID || rev.Standby == "" {
			t.Fatalf("Revoke() = %+v, %v, want the standby in use and a new one", rev, err)
		}
		if key.Certificate != nil && strings.Contains(string(publishedBy(t, k.open(t, 0, list[0]))), base64.StdEncoding.EncodeToString(key.Certificate)) {
			t.Errorf("%s: a revoked key is published", purpose)
		}
	}
	for process := range k.gateways {
		require(t, k.gateways[process].ring.Load(t.Context()))
		// The source goes on with what it read: it encrypts to the standby, the last.
		if err := signIn(t, k.open(t, process, list[0]), k.clock.Now()); err != nil {
			t.Errorf("process %d: sign-in after an emergency: %v", process, err)
		}
		if err := signIn(t, k.open(t, process, list[1]), k.clock.Now()); err == nil {
			t.Errorf("process %d: what was sealed to a revoked key opens", process)
		}
	}
	platform.SealTo(rsaPublic(t, k.byState(unwrapping, keys.Signing)))
	if err := signIn(t, k.open(t, 1, list[1]), k.clock.Now()); err != nil {
		t.Errorf("sign-in once the platform has the next key: %v", err)
	}
}

// No key is that of two sources, whatever their names and kinds: neither a request nor
// what was encrypted for one is worth anything at another.
func TestKeysOfOneSource(t *testing.T) {
	k := newKeeper(t, 1)
	var sources []config.Source
	var allow []string
	for _, id := range []string{"a", "a-b", "b", "sign", "decrypt"} {
		idp, src := samlUpstream(t, k, id, managed(false))
		sources, allow = append(sources, src), append(allow, hostOf(t, idp.EntityID()))
	}
	list := k.register(t, allow, sources...)
	seen := map[string]string{}
	for _, src := range list {
		own := k.gateways[0].keptKeys(src.ID, &federation.ManagedKeys{Algorithm: "RS256"}, k.cfg)
		signing, opening := own.Signing(), own.Decryption()
		if len(signing) != 2 || len(opening) != 2 {
			t.Fatalf("%s: %d keys sign and %d open, want two of each", src.ID, len(signing), len(opening))
		}
		for _, key := range append(signing, opening...) {
			if other, twice := seen[key.ID]; twice {
				t.Errorf("a key is %s's and %s's", other, src.ID)
			}
			seen[key.ID] = src.ID
		}
	}
	for _, id := range []string{"", "a/sign", "A", "a ", "c"} {
		own := k.gateways[0].keptKeys(id, &federation.ManagedKeys{Algorithm: "RS256"}, k.cfg)
		if n := len(own.Signing()) + len(own.Decryption()); n > 0 {
			t.Errorf("%q has %d keys, want none", id, n)
		}
		if _, _, err := federation.SigningKey(own); !errors.Is(err, federation.ErrNoOwnKey) {
			t.Errorf("SigningKey(%q) = %v, want %v", id, err, federation.ErrNoOwnKey)
		}
	}
	// What a source asks for that goes and comes back are the same keys.
	before := publishedBy(t, k.open(t, 0, list[0]))
	k.register(t, allow[1:], sources[1:]...)
	k.clock.set(k.clock.Now().Add(10 * rotation))
	require(t, k.gateways[0].ring.Load(t.Context()))
	if k.byState(keys.SourceSigning("a"), keys.Verifying) != nil {
		t.Error("a key changes that nobody wants kept")
	}
	if after := publishedBy(t, k.open(t, 0, list[0])); len(after) < len(before) {
		t.Error("keys are gone with their source")
	}
}
