package openid

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"eidgate/federation"
)

// Examine fetches what a provider publishes and believes it as a sign-in would. The
// error says what is wrong with it.
func Examine(ctx context.Context, client *http.Client, settings Settings) error {
	m, err := discover(ctx, client, settings.Issuer)
	if err != nil {
		return err
	}
	if settings.UserInfo {
		if err := federation.CheckURL(m.UserInfoEndpoint); err != nil {
			return fmt.Errorf("checking the provider's metadata: userinfo_endpoint: %w", err)
		}
	}
	body, err := federation.FetchJSON(ctx, client, m.JWKSURI)
	if err != nil {
		return fmt.Errorf("fetching keys: %w", err)
	}
	keys, err := federation.ParseKeys(body)
	if err != nil {
		return err
	}
	usable := slices.ContainsFunc(keys, func(key jose.JSONWebKey) bool {
		return slices.ContainsFunc(m.algs, func(alg jose.SignatureAlgorithm) bool {
			return len(federation.MatchKeys([]jose.JSONWebKey{key}, key.KeyID, alg)) > 0
		})
	})
	if !usable {
		return errors.New("no key that fits the signing algorithms of the metadata")
	}
	return nil
}
