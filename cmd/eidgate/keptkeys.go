package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"eidgate/config"
	"eidgate/eid"
	"eidgate/federation"
	"eidgate/federation/openid"
	"eidgate/federation/saml"
	"eidgate/federation/vneid"
	"eidgate/keys"
)

// maxKept is how many keys of one kind a source uses at a time, so that what it gets
// is tried on no more. There are three or four, unless somebody hurries.
const maxKept = 8

// keptKeys are the keys that the ring keeps for one source.
type keptKeys struct {
	ring      *keys.Ring
	source    string
	algorithm keys.Algorithm // that signs
	// lag is how long another process may be without a key that this one has.
	lag time.Duration
	now func() time.Time
}

var _ federation.OwnKeys = keptKeys{}

// keptKeys gives the keys of a source whose settings want them kept, nil where they
// do not.
func (g *gateway) keptKeys(source string, managed *federation.ManagedKeys, cfg *config.Config) federation.OwnKeys {
	if managed == nil {
		return nil
	}
	return keptKeys{ring: g.ring, source: source, algorithm: keys.Algorithm(managed.Algorithm), lag: cfg.Lifetimes.JWKSMaxAge, now: g.now}
}

// Signing gives the keys to sign with, of this moment.
func (k keptKeys) Signing() []federation.OwnKey {
	return ownKeys(k.ring.Snapshot().Keys(keys.SourceSigning(k.source)), k.algorithm)
}

// Decryption gives the keys that open, of this moment.
func (k keptKeys) Decryption() []federation.OwnKey {
	kept := k.ring.Snapshot().Keys(keys.SourceDecryption(k.source))
	list := ownKeys(kept, keys.RSA)
	for i, own := range list {
		fresh := func(key keys.Key) bool { return key.ID == own.ID && k.now().Before(key.PublishedAt.Add(k.lag)) }
		if own.Turn == federation.Next && slices.ContainsFunc(kept, fresh) {
			list[i].Turn = federation.Fresh
		}
	}
	return list
}

// ownKeys puts keys of a ring as sources take them. Where the algorithm was changed,
// keys of the one before are in use until the first of alg is.
func ownKeys(kept []keys.Key, alg keys.Algorithm) []federation.OwnKey {
	slices.SortStableFunc(kept, func(a, b keys.Key) int { return b.PublishedAt.Compare(a.PublishedAt) }) // newest first
	changed := slices.ContainsFunc(kept, func(k keys.Key) bool { return k.Algorithm == alg && k.State == keys.Signing })
	turns := map[keys.State]federation.Turn{keys.Published: federation.Next, keys.Signing: federation.InUse, keys.Verifying: federation.Past}
	var list []federation.OwnKey
	for _, k := range kept {
		own := federation.OwnKey{ID: k.ID, Turn: turns[k.State], Algorithm: string(k.Algorithm), Certificate: k.Certificate}
		switch {
		case k.Signer != nil:
			own.Private = k.Signer
		case k.Decrypter != nil:
			own.Private, own.Algorithm = k.Decrypter, ""
		default: // its custody has not opened it
			continue
		}
		switch {
		case k.Algorithm == alg:
		case own.Turn == federation.Next: // its turn will not come
			continue
		case changed:
			own.Turn = federation.Past
		}
		list = append(list, own)
	}
	rank := []federation.Turn{federation.InUse, federation.Next, federation.Past}
	slices.SortStableFunc(list, func(a, b federation.OwnKey) int {
		return cmp.Compare(slices.Index(rank, a.Turn), slices.Index(rank, b.Turn))
	})
	return list[:min(len(list), maxKept)]
}

// sourceReader reads the registered sources.
type sourceReader interface {
	Sources(ctx context.Context) ([]eid.Source, error)
}

// planSources has the ring keep the keys that the registered sources want kept, where
// there are those known.
func planSources(ctx context.Context, from sourceReader, ring *keys.Ring, known []keys.Info, lag time.Duration) error {
	sources, err := from.Sources(ctx)
	if err != nil {
		return fmt.Errorf("planning keys of sources: %w", err)
	}
	return ring.Plan(plansOf(sources, lag, known))
}

// plansOf are the plans of keys that sources want kept. lag is how long a gateway that
// cannot reach the database goes on with keys of before. A source whose settings
// cannot be read has no plan; its sign-ins say why.
func plansOf(sources []eid.Source, lag time.Duration, known []keys.Info) []keys.Plan {
	var plans []keys.Plan
	for _, src := range sources {
		if own, err := keysOfSource(src); err == nil {
			plans = append(plans, own.plans(src.ID, lag, known)...)
		}
	}
	return plans
}

// sourceKeys is what a source says of the gateway's keys there.
type sourceKeys struct {
	managed *federation.ManagedKeys // nil: none are kept
	// signs and opens tell that there are files of such keys, from which the kept ones
	// take over.
	signs, opens bool
}

func keysOfSource(src eid.Source) (sourceKeys, error) {
	switch src.Kind {
	case federation.KindOpenID:
		s, err := openid.ParseSettings(src.Settings)
		return sourceKeys{s.Managed, len(s.SigningKeys) > 0, len(s.EncryptionKeys) > 0}, err
	case federation.KindSAML:
		s, err := saml.ParseSettings(src.Settings)
		return sourceKeys{s.Managed, len(s.Keys) > 0, len(s.Keys) > 0}, err
	case federation.KindVNeID:
		s, err := vneid.ParseSettings(src.Settings)
		return sourceKeys{s.Managed, false, len(s.DecryptionKeys) > 0}, err
	}
	return sourceKeys{}, nil
}

// plans are those of the lines of a source.
func (own sourceKeys) plans(source string, lag time.Duration, known []keys.Info) []keys.Plan {
	m := own.managed
	if m == nil {
		return nil
	}
	plan := keys.Plan{RotateEvery: m.RotateEvery, PublishFor: m.PublishFor + lag, VerifyFor: m.KeepFor + lag, Confirm: m.Confirm, RSABits: m.RSABits}
	if m.Confirm { // nobody is waited for but the operator, and other processes
		plan.PublishFor = lag
	}
	if m.Years > 0 {
		plan.Certificate = keys.Certificate{CommonName: "eidgate " + source, Years: m.Years}
	}
	var plans []keys.Plan
	if m.Algorithm != "" {
		sign := plan
		sign.Purpose, sign.Algorithm = keys.SourceSigning(source), keys.Algorithm(m.Algorithm)
		sign.Succeeds = own.signs || slices.ContainsFunc(known, func(k keys.Info) bool {
			return k.Purpose == sign.Purpose && k.Algorithm != sign.Algorithm && k.State == keys.Signing
		})
		plans = append(plans, sign)
	}
	if m.Decryption {
		open := plan
		open.Purpose, open.Algorithm, open.Succeeds = keys.SourceDecryption(source), keys.RSA, own.opens
		plans = append(plans, open)
	}
	return plans
}
