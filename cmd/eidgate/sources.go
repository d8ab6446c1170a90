package main

import (
	"fmt"

	"eidgate/config"
	"eidgate/eid"
	"eidgate/federation"
	"eidgate/federation/cas"
	"eidgate/federation/ldap"
	"eidgate/federation/openid"
	"eidgate/federation/portal"
	"eidgate/federation/saml"
	"eidgate/federation/vneid"
)

// buildSource makes the code that speaks to a registered source.
func (g *gateway) buildSource(src eid.Source, cfg *config.Config) (federation.Source, error) {
	switch src.Kind {
	case federation.KindAccount:
		deps := g.account
		carriage := src.Carries()
		deps.Carriage = &carriage
		own, err := g.buildAccount(cfg, deps)
		if err != nil {
			return nil, err
		}
		return g.withPasskeys(own, carriage, cfg)
	case federation.KindOpenID:
		settings, err := openid.ParseSettings(src.Settings)
		if err != nil {
			return nil, fmt.Errorf("reading settings: %w", err)
		}
		return openid.New(settings, openid.Deps{HTTP: g.calls, Now: g.now, Keys: g.keptKeys(src.ID, settings.Managed, cfg)})
	case federation.KindVNeID:
		settings, err := vneid.ParseSettings(src.Settings)
		if err != nil {
			return nil, fmt.Errorf("reading settings: %w", err)
		}
		return vneid.New(settings, vneid.Deps{HTTP: g.calls, Keys: g.keptKeys(src.ID, settings.Managed, cfg)})
	case federation.KindCAS:
		settings, err := cas.ParseSettings(src.Settings)
		if err != nil {
			return nil, fmt.Errorf("reading settings: %w", err)
		}
		return cas.New(settings, cas.Deps{HTTP: g.calls})
	case federation.KindLDAP:
		settings, err := ldap.ParseSettings(src.Settings)
		if err != nil {
			return nil, fmt.Errorf("reading settings: %w", err)
		}
		guesses, err := federation.NewGuesses(guessLimits(cfg.Limits), g.account.State, g.account.Key)
		if err != nil {
			return nil, fmt.Errorf("counting guesses: %w", err)
		}
		return ldap.New(src.ID, settings, ldap.Deps{Dial: g.outbound.DialContext, Guesses: guesses})
	case federation.KindPortal:
		guesses, err := federation.NewGuesses(guessLimits(cfg.Limits), g.account.State, g.account.Key)
		if err != nil {
			return nil, fmt.Errorf("counting guesses: %w", err)
		}
		return portal.New(src.ID, portal.Deps{Accounts: g.db, Passwords: g.passwords, Audit: g.db, Guesses: guesses})
	case federation.KindSAML:
		settings, err := saml.ParseSettings(src.Settings)
		if err != nil {
			return nil, fmt.Errorf("reading settings: %w", err)
		}
		return saml.New(settings, saml.Deps{
			HTTP: g.calls, Now: g.now, Entity: cfg.Issuer + "/source/" + src.ID + "/metadata", Keys: g.keptKeys(src.ID, settings.Managed, cfg),
		})
	}
	return nil, unknownKind(src.Kind)
}

// guessLimits hold for every source that checks passwords here.
func guessLimits(limits config.Limits) federation.GuessLimits {
	return federation.GuessLimits{
		Guesses: int64(limits.Guesses), Window: limits.GuessWindow, SecretFailures: int64(limits.PasswordFailures),
		AddressFailures: int64(limits.AddressFailures), NetworkFailures: int64(limits.NetworkFailures),
	}
}

// federationSources are the sources of a configuration, whose settings the code
// that speaks to them can read.
func federationSources(cfg *config.Config) ([]eid.Source, error) {
	sources, err := cfg.FederationSources()
	if err != nil {
		return nil, fmt.Errorf("reading sources: %w", err)
	}
	for _, src := range sources {
		if err := readable(src); err != nil {
			return nil, fmt.Errorf("source %s: %w", src.ID, err)
		}
	}
	return sources, nil
}

// readable reports what is wrong with the settings of a source.
func readable(src eid.Source) (err error) {
	switch src.Kind {
	case federation.KindAccount, federation.KindPortal: // there are none
	case federation.KindOpenID:
		_, err = openid.ParseSettings(src.Settings)
	case federation.KindVNeID:
		_, err = vneid.ParseSettings(src.Settings)
	case federation.KindCAS:
		_, err = cas.ParseSettings(src.Settings)
	case federation.KindLDAP:
		_, err = ldap.ParseSettings(src.Settings)
	case federation.KindSAML:
		_, err = saml.ParseSettings(src.Settings)
	default:
		err = unknownKind(src.Kind)
	}
	return err
}

func unknownKind(kind string) error { return fmt.Errorf("kind %q is not known", kind) }
