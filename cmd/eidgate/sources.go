package main

import (
	"fmt"

	"eidgate/config"
	"eidgate/eid"
	"eidgate/federation"
	"eidgate/federation/account"
	"eidgate/federation/openid"
	"eidgate/federation/vneid"
)

// buildSource makes the code that speaks to a registered source.
func (g *gateway) buildSource(src eid.Source, limits config.Limits) (federation.Source, error) {
	switch src.Kind {
	case federation.KindAccount:
		return account.New(account.Config{
			Guesses: int64(limits.Guesses), Window: limits.GuessWindow, SecretFailures: int64(limits.PasswordFailures),
			AddressFailures: int64(limits.AddressFailures), NetworkFailures: int64(limits.NetworkFailures),
		}, g.account)
	case federation.KindOpenID:
		settings, err := openid.ParseSettings(src.Settings)
		if err != nil {
			return nil, fmt.Errorf("reading settings: %w", err)
		}
		return openid.New(settings, openid.Deps{HTTP: g.calls, Now: g.now})
	case federation.KindVNeID:
		settings, err := vneid.ParseSettings(src.Settings)
		if err != nil {
			return nil, fmt.Errorf("reading settings: %w", err)
		}
		return vneid.New(settings, vneid.Deps{HTTP: g.calls})
	}
	return nil, unknownKind(src.Kind)
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
	case federation.KindAccount:
	case federation.KindOpenID:
		_, err = openid.ParseSettings(src.Settings)
	case federation.KindVNeID:
		_, err = vneid.ParseSettings(src.Settings)
	default:
		err = unknownKind(src.Kind)
	}
	return err
}

func unknownKind(kind string) error { return fmt.Errorf("kind %q is not known", kind) }
