package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	"eidgate/admin"
	"eidgate/citizen"
	"eidgate/config"
	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/registration"
	"eidgate/federation/account"
	"eidgate/provider"
	"eidgate/web/shell"
	"eidgate/web/signin"
)

// Names of the gates to the gateway's own pages.
const (
	gateMe      = "me"
	gateOfficer = "officer"
)

// refreshGrace lets two requests of one page refresh its token at once.
const refreshGrace = 10 * time.Second

// mounts makes the gateway's own pages for a configuration.
func (g *gateway) mounts(cfg *config.Config) ([]provider.Mount, error) {
	frame, err := shell.New(shell.Deps{Pages: g.pages, State: g.measured, Key: g.pageKey})
	if err != nil {
		return nil, err
	}
	me, err := g.gate(cfg, frame, signin.Config{Name: gateMe, Home: "/me", ClientID: eid.ClientMe, Sector: eid.SectorMe})
	if err != nil {
		return nil, err
	}
	counter, err := g.gate(cfg, frame, signin.Config{Name: gateOfficer, Home: admin.Path, ClientID: eid.ClientOfficer, Sector: eid.SectorOfficer})
	if err != nil {
		return nil, err
	}
	register, err := g.registration(cfg)
	if err != nil {
		return nil, err
	}
	policy, err := g.passwordPolicy(cfg)
	if err != nil {
		return nil, err
	}
	back, err := g.recovery(cfg, policy)
	if err != nil {
		return nil, err
	}
	devices, err := account.New(guessLimits(cfg.Limits), g.account)
	if err != nil {
		return nil, err
	}
	citizens, err := citizen.New(citizen.Deps{
		Shell: frame, Me: me, Registration: register, Passwords: g.passwords, Policy: policy, Recovery: back, Devices: devices, Least: policy.Least(), Now: g.now,
		My: g.meDeps(cfg, policy),
	})
	if err != nil {
		return nil, err
	}
	officers, err := g.officers(cfg, frame, counter)
	if err != nil {
		return nil, err
	}
	mounts := []provider.Mount{
		{Path: me.Path(), Handler: me.Handler(), Brings: me.Brings},
		{Path: counter.Path(), Handler: counter.Handler(), Brings: counter.Brings},
		{Path: admin.Path, Handler: officers.Handler(), Brings: counter.Brings},
	}
	for _, path := range citizen.Paths() {
		mounts = append(mounts, provider.Mount{Path: path, Handler: citizens.Handler(), Brings: me.Brings})
	}
	return mounts, nil
}

// officers makes the pages of officers.
func (g *gateway) officers(cfg *config.Config, frame *shell.Shell, gate *signin.Gate) (*admin.Pages, error) {
	reach := channels(cfg)
	desk, err := g.counter(reach)
	if err != nil {
		return nil, err
	}
	return admin.New(admin.Deps{
		Shell: frame, Gate: gate, Officers: g.db, Counter: desk, People: g.db, Sealer: g.sealer, State: g.measured, Rules: g.rules, Now: g.now,
		Cases: registration.NewCases(g.db, accounts.NewEnroller(g.db, g.now), g.db, reach, g.now),
		Locks: accounts.NewLocks(g.db, g.rules, g.now), Requests: accounts.NewLockRequests(g.db, g.rules, g.now),
	})
}

// gate makes a gate that asks this gateway, under whichever configuration is in force.
func (g *gateway) gate(cfg *config.Config, frame *shell.Shell, c signin.Config) (*signin.Gate, error) {
	c.Issuer, c.Secret, c.Vocabulary = cfg.Issuer, g.builtinSecret(c.ClientID), cfg.Vocabulary()
	gate, err := signin.New(c, signin.Deps{
		Shell: frame, State: g.measured, Sealer: g.sealer, Accounts: g.db, Gateway: g, Key: g.pageKey, Now: g.now,
	})
	if err != nil {
		return nil, fmt.Errorf("gate %s: %w", c.Name, err)
	}
	return gate, nil
}

// builtinSecret is the client secret of one of our own pages. It follows from a key that
// all replicas share and nobody else has.
func (g *gateway) builtinSecret(client string) eid.Secret {
	mac := hmac.New(sha256.New, g.pageKey)
	mac.Write([]byte("eidgate client 1\x00" + client))
	return eid.NewSecret(base64.RawURLEncoding.EncodeToString(mac.Sum(nil)))
}

// registerBuiltin registers the gateway's own pages as clients of it. They take every
// source through which national identities come; the officers' asks Level 2.
func (g *gateway) registerBuiltin(ctx context.Context, cfg *config.Config) error {
	sources, err := g.db.Sources(ctx)
	if err != nil {
		return err
	}
	var ids []string
	for _, src := range sources {
		if src.Portal == nil {
			ids = append(ids, src.ID)
		}
	}
	party := func(client, sector, name, nameEN, path, gate string, least eid.Level) eid.RelyingParty {
		sum := sha256.Sum256([]byte(g.builtinSecret(client).Reveal()))
		return eid.RelyingParty{
			ID: client, Name: name, NameEN: nameEN, URL: cfg.Issuer + path, Tier: "national", Category: eid.Administrative,
			AuthMethod: eid.AuthSecretBasic, SecretHashes: []string{base64.RawURLEncoding.EncodeToString(sum[:])},
			RedirectURIs: []string{signin.RedirectURI(cfg.Issuer, gate)}, Scopes: []string{"openid"}, Sector: sector,
			IDTokenAlg: slices.Max(cfg.Keys.Algorithms), Levels: eid.LevelPolicy{Minimum: least}, Sources: ids,
			Refresh: true, RefreshGrace: refreshGrace, Builtin: true,
		}
	}
	return g.db.ApplyRegistrations(ctx, []eid.RelyingParty{
		party(eid.ClientMe, eid.SectorMe, "Tài khoản định danh của Quý vị", "Your identity account", "/me", gateMe, eid.Level1),
		party(eid.ClientOfficer, eid.SectorOfficer, "Quầy định danh điện tử", "Identity counter", admin.Path, gateOfficer, eid.Level2),
	}, nil, "builtin", "system")
}

// portals are the clients that people know as services: all but our own pages.
func (d *durable) portals(ctx context.Context) ([]eid.RelyingParty, error) {
	parties, err := d.db.RelyingParties(ctx)
	return slices.DeleteFunc(parties, func(p eid.RelyingParty) bool { return p.Builtin }), err
}
