package openid

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"

	"eidgate/federation"
)

// metadata is what of a provider's discovery document is used (OpenID Connect
// Discovery §3).
type metadata struct {
	Issuer                string   `json:"issuer"`
	AuthorizationEndpoint string   `json:"authorization_endpoint"`
	TokenEndpoint         string   `json:"token_endpoint"`
	JWKSURI               string   `json:"jwks_uri"`
	EndSessionEndpoint    string   `json:"end_session_endpoint"` // optional; see Logout
	UserInfoEndpoint      string   `json:"userinfo_endpoint"`    // optional; see userInfo
	SigningAlgs           []string `json:"id_token_signing_alg_values_supported"`
	TokenAuthMethods      []string `json:"token_endpoint_auth_methods_supported"`
	// SendsIssuer: RFC 9207 §3.
	SendsIssuer bool `json:"authorization_response_iss_parameter_supported"`

	algs []jose.SignatureAlgorithm
}

// discover fetches and checks the metadata of an issuer.
func discover(ctx context.Context, client *http.Client, issuer string) (metadata, error) {
	body, err := federation.FetchJSON(ctx, client, strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration")
	if err != nil {
		return metadata{}, fmt.Errorf("fetching the provider's metadata: %w", err)
	}
	var m metadata
	if err := json.Unmarshal(body, &m); err != nil {
		return metadata{}, errors.New("reading the provider's metadata: malformed JSON")
	}
	if err := m.check(issuer); err != nil {
		return metadata{}, fmt.Errorf("checking the provider's metadata: %w", err)
	}
	return m, nil
}

func (m *metadata) check(issuer string) error {
	if m.Issuer != issuer {
		return errors.New("issuer is another one") // Discovery §4.3
	}
	for _, endpoint := range []struct{ name, url string }{
		{"authorization_endpoint", m.AuthorizationEndpoint},
		{"token_endpoint", m.TokenEndpoint},
		{"jwks_uri", m.JWKSURI},
	} {
		if err := federation.CheckURL(endpoint.url); err != nil {
			return fmt.Errorf("%s: %w", endpoint.name, err)
		}
	}
	for _, alg := range federation.SigningAlgs() {
		if slices.Contains(m.SigningAlgs, string(alg)) {
			m.algs = append(m.algs, alg)
		}
	}
	if len(m.algs) == 0 {
		return errors.New("no signing algorithm that is accepted")
	}
	return nil
}

// authStyle is how the client authenticates at the token endpoint. It is never
// probed: a code that failed once is burnt. Without a secret the client names
// itself in the form, beside its assertion if it has keys.
func (m *metadata) authStyle(public bool) oauth2.AuthStyle {
	post := slices.Contains(m.TokenAuthMethods, "client_secret_post")
	basic := slices.Contains(m.TokenAuthMethods, "client_secret_basic")
	if public || post && !basic {
		return oauth2.AuthStyleInParams
	}
	return oauth2.AuthStyleInHeader // the default of Discovery §3
}
