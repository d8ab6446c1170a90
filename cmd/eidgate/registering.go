package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"time"

	"eidgate/config"
	"eidgate/eid/accounts"
	"eidgate/eid/civil"
	"eidgate/eid/credential"
	"eidgate/eid/registration"
)

// registration makes the way to an account in the app for a configuration.
func (g *gateway) registration(cfg *config.Config) (*registration.Service, error) {
	codes, err := credential.NewCodes(g.measured, g.derivedKey("sent codes"))
	if err != nil {
		return nil, err
	}
	reach, enroller := channels(cfg), accounts.NewEnroller(g.db, g.now)
	return registration.New(registration.Deps{
		State: g.measured, Sealer: g.sealer, Key: g.derivedKey("registration"), Rules: g.rules,
		Registries: civil.Registries{Population: g.population, Immigration: g.immigration}, Codes: codes,
		Enroller: enroller, Activator: accounts.NewCredentials(g.db, g.now), Holders: g.db, Poster: g.db,
		Cases:    registration.NewCases(g.db, enroller, g.db, reach, g.now),
		Channels: reach, Limits: registration.DefaultLimits(), Now: g.now,
	})
}

// pruneEvery is how often registrations go that officers decided on long ago.
const pruneEvery = time.Hour

// pruneCases does so until ctx ends. What cannot be removed now is next time.
func (g *gateway) pruneCases(ctx context.Context) error {
	tick := time.NewTicker(pruneEvery)
	defer tick.Stop()
	for {
		n, err := g.db.PruneCases(ctx)
		if err != nil && ctx.Err() == nil {
			g.log.WarnContext(ctx, "old registrations were not removed", "err", err)
		}
		if n > 0 && ctx.Err() == nil {
			continue // there may be more
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// derivedKey is a key of our own pages for one purpose: all replicas have the same.
func (g *gateway) derivedKey(purpose string) []byte {
	mac := hmac.New(sha256.New, g.pageKey)
	mac.Write([]byte("eidgate key 1\x00" + purpose))
	return mac.Sum(nil)
}
