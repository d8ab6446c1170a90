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
func (g *gateway) wireCredentials(ctx context.Context, cfg *config.Config) error {
	var err error
	if g.leaks, err = openLeaks(cfg); err != nil {
		return err
	}
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
		Poster: g.db, State: g.measured, Key: g.account.Key, Now: g.now,
	})
}

// buildAccount makes the account system as it is registered, under a configuration.
func (g *gateway) buildAccount(cfg *config.Config, deps account.Deps) (federation.Source, error) {
	policy, err := g.passwordPolicy(cfg)
	if err != nil {
		return nil, err
	}
	deps.Policy, deps.Channels = policy, channels(cfg)
	return account.New(guessLimits(cfg.Limits), deps)
}

// passwordPolicy says which passwords may be chosen under a configuration.
func (g *gateway) passwordPolicy(cfg *config.Config) (*credential.Policy, error) {
	return credential.NewPolicy(cfg.AccountSystem.Passwords.Least, g.leaks)
}

// openLeaks opens the list of passwords that got out; nil where none is configured.
func openLeaks(cfg *config.Config) (credential.Leaks, error) {
	path := cfg.AccountSystem.Passwords.LeakedFile
	if path == "" {
		return nil, nil //nolint:nilnil // none is no fault
	}
	file, err := credential.NewLeakedFile(path)
	if err != nil {
		return nil, fmt.Errorf("account_system.passwords.leaked_file: %w", err)
	}
	return file, nil
}
