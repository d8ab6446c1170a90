package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"eidgate/citizen"
	"eidgate/config"
	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/credential"
	"eidgate/federation"
	"eidgate/federation/account"
)

// passkeyHandles names the secret that user handles are made with. Another one would
// part every passkey from its account.
const passkeyHandles = "passkey-handles"

// openPasskeys makes what verifies passkeys; nil where browsers have none for the issuer.
func openPasskeys(ctx context.Context, cfg *config.Config, d *durable) (*credential.Passkeys, error) {
	key, err := d.db.Secret(ctx, passkeyHandles)
	if err != nil {
		return nil, err
	}
	p, err := credential.NewPasskeys(cfg.Issuer, "eidgate", key)
	if errors.Is(err, credential.ErrNoPasskeys) {
		return nil, nil //nolint:nilnil // none is no fault
	}
	return p, err
}

// withPasskeys puts passkeys in front of the account system, where they are a way to sign
// in.
func (g *gateway) withPasskeys(own federation.Source, carriage eid.Carriage, cfg *config.Config) (federation.Source, error) {
	if g.passkeys == nil || carriage.Passkey == eid.LevelNone {
		return own, nil
	}
	guesses, err := federation.NewGuesses(guessLimits(cfg.Limits), g.account.State, g.account.Key)
	if err != nil {
		return nil, fmt.Errorf("counting guesses: %w", err)
	}
	return account.WithPasskeys(own, account.PasskeyDeps{
		Verifier: g.passkeys, Store: g.db, State: g.account.State, Audit: g.account.Audit, Guesses: guesses, Carries: carriage.Carries,
	})
}

// meDeps are what the holder's own pages work with under a configuration.
func (g *gateway) meDeps(cfg *config.Config, policy *credential.Policy) citizen.MeDeps {
	return citizen.MeDeps{
		Holders: g.db, Ways: accounts.NewCredentials(g.db, g.now), Passkeys: g.passkeys, Passwords: g.passwords, Policy: policy,
		State: g.measured, Sealer: g.sealer, Locks: accounts.NewLocks(g.db, g.rules, g.now), Sharing: g.db, Key: g.account.Key, Carriage: g.carriage,
		Issuer: shownInApps(cfg.Issuer), Now: g.now,
	}
}

// carriage is what methods carry at the account system now; nothing where it is not a
// source.
func (g *gateway) carriage(ctx context.Context) (eid.Carriage, error) {
	sources, err := g.db.Sources(ctx)
	if err != nil {
		return eid.Carriage{}, err
	}
	for _, src := range sources {
		if src.Kind == federation.KindAccount {
			return src.Carries(), nil
		}
	}
	return eid.Carriage{}, nil
}

// shownInApps is what authenticator apps show of an address.
func shownInApps(issuer string) string {
	if u, err := url.Parse(issuer); err == nil {
		return u.Hostname()
	}
	return issuer
}
