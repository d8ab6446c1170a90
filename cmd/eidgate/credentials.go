package main

import (
	"context"
	"fmt"

	"eidgate/config"
	"eidgate/eid/accounts"
	"eidgate/eid/credential"
	"eidgate/eid/recovery"
	"eidgate/federation"
	"eidgate/federation/account"
)

// wireCredentials makes what changes and sends what holders sign in with.
func (g *gateway) wireCredentials(ctx context.Context) error {
	key, err := g.db.Secret(ctx, "sent-codes")
	if err != nil {
		return err
	}
	if g.codes, err = credential.NewCodes(g.measured, key); err != nil {
		return err
	}
	g.account.Activator = accounts.NewCredentials(g.db, g.now)
	g.account.Codes, g.account.Poster = g.codes, g.db
	return nil
}

// recovery makes the ways back to an account, under a configuration.
func (g *gateway) recovery(cfg *config.Config, policy *credential.Policy) (*recovery.Service, error) {
	return recovery.New(channels(cfg), recovery.Deps{
		Accounts: g.db, Credentials: accounts.NewCredentials(g.db, g.now), Passwords: g.passwords, Policy: policy, Codes: g.codes,
		Poster: g.db, State: g.measured, Log: g.log, Key: g.account.Key, Now: g.now,
	})
}

// buildAccount makes the account system as it is registered, under a configuration.
func (g *gateway) buildAccount(cfg *config.Config, deps account.Deps) (federation.Source, error) {
	policy, err := passwordPolicy(cfg)
	if err != nil {
		return nil, err
	}
	deps.Policy, deps.Channels = policy, channels(cfg)
	return account.New(guessLimits(cfg.Limits), deps)
}

// passwordPolicy says which passwords may be chosen under a configuration.
func passwordPolicy(cfg *config.Config) (*credential.Policy, error) {
	p := cfg.AccountSystem.Passwords
	var leaks credential.Leaks
	if p.LeakedFile != "" {
		file, err := credential.NewLeakedFile(p.LeakedFile)
		if err != nil {
			return nil, fmt.Errorf("account_system.passwords.leaked_file: %w", err)
		}
		leaks = file
	}
	return credential.NewPolicy(p.Least, leaks)
}
