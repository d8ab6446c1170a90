package credential

import (
	"context"
	"fmt"
	"strings"

	"eidgate/eid"
)

// VerifyOld compares a password with a hash that a portal made (see CheckOldHash), or
// with one that was stored in its place. It returns ErrMismatch for another password.
// updated is empty, or the hash to store from now on; only the right password gives
// one. Whatever the kind, one evaluation of ours is part of the work: what is cheap to
// evaluate shows no sooner that the name is known.
func (p *Passwords) VerifyOld(ctx context.Context, hash string, password eid.Secret) (updated string, err error) {
	text, ok := prepare(password)
	if !ok {
		return "", ErrMismatch
	}
	if _, err := CheckOldHash(hash); err != nil {
		return "", fmt.Errorf("reading a portal's password hash: %w", err)
	}
	return p.evaluate(ctx, func() (string, error) {
		if strings.HasPrefix(hash, ownPrefix) {
			return p.swapper.Verify(hash, text)
		}
		right, err := matchesOld(hash, password.Reveal())
		if err == nil && right {
			return p.swapper.Hash(text)
		}
		if _, mismatch := p.swapper.Verify(p.decoy, text); err == nil {
			err = mismatch
		}
		return "", err
	})
}

// ownPrefix begins what Hash makes.
const ownPrefix = "$argon2id$v=19$m=19456,t=2,p=1$"

// DummyOld does the work of VerifyOld for a name that nobody has: with the hash of
// somebody else, since the kind and the costs of the hashes of one portal are mostly
// one. An empty one is none. It never matches.
func (p *Passwords) DummyOld(ctx context.Context, hash string, password eid.Secret) error {
	if hash == "" {
		return p.Dummy(ctx, password)
	}
	if _, err := p.VerifyOld(ctx, hash, password); err != nil {
		return err
	}
	return ErrMismatch
}
