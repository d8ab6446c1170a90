package openid

import (
	"context"
	"crypto"
	_ "crypto/sha256" // the hashes of at_hash
	_ "crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	stdjson "encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
	"github.com/go-jose/go-jose/v4/jwt"

	"eidgate/federation"
)

const (
	maxToken   = 64 << 10 // bytes
	maxSubject = 255      // OpenID Connect Core §2
	maxMethods = 8
	maxClock   = 60 * time.Second // that a provider's clock may differ from ours
)

// idToken is what of an ID token is read (OpenID Connect Core §2). The decoder
// of go-jose takes member names exactly and refuses one given twice.
type idToken struct {
	Issuer    string                 `json:"iss"`
	Subject   string                 `json:"sub"`
	Audience  jwt.Audience           `json:"aud"`
	Party     string                 `json:"azp"`
	Expires   federation.NumericDate `json:"exp"`
	IssuedAt  federation.NumericDate `json:"iat"`
	NotBefore federation.NumericDate `json:"nbf"`
	AuthTime  federation.NumericDate `json:"auth_time"`
	Nonce     string                 `json:"nonce"`
	TokenHash *string                `json:"at_hash"`
	ACR       string                 `json:"acr"`
	AMR       stdjson.RawMessage     `json:"amr"`
	Session   string                 `json:"sid"` // Back-Channel Logout §2.1

	all claims
}

// claims are all members of a JWT or of userinfo.
type claims map[string]stdjson.RawMessage

// distrust makes the error of an answer that must not be believed. The reason is
// one of ours: nothing that came from outside is quoted.
func distrust(reason string) error {
	return fmt.Errorf("%s: %w", reason, federation.ErrUntrusted)
}

// verify checks an ID token by OpenID Connect Core §3.1.3.7. It returns
// federation.ErrUntrusted for one that must not be believed and another error
// when the provider's keys cannot be had.
func (s *Source) verify(ctx context.Context, raw, accessToken string, m memory, now time.Time) (idToken, error) {
	provider, err := s.metadata.Get(ctx)
	if err != nil {
		return idToken{}, down(err)
	}
	payload, alg, err := s.verifySigned(ctx, "ID token", raw, provider.algs)
	if err != nil {
		return idToken{}, err
	}
	var t idToken
	if json.Unmarshal(payload, &t) != nil || json.Unmarshal(payload, &t.all) != nil {
		return idToken{}, distrust("claims of the ID token malformed")
	}
	if err := s.checkParties(t); err != nil {
		return idToken{}, err
	}
	if err := checkTimes(t, m, now); err != nil {
		return idToken{}, err
	}
	if subtle.ConstantTimeCompare([]byte(t.Nonce), []byte(m.Nonce)) != 1 || m.Nonce == "" {
		return idToken{}, distrust("nonce is another one")
	}
	if t.TokenHash != nil && !hashMatches(*t.TokenHash, accessToken, alg) {
		return idToken{}, distrust("at_hash is another one")
	}
	if len(t.Session) > maxSubject || !federation.Printable(t.Session) {
		return idToken{}, distrust("sid of the ID token malformed")
	}
	return t, nil
}

// verifySigned gives the payload of a JWT under one of the provider's keys; what
// names the JWT in errors.
func (s *Source) verifySigned(ctx context.Context, what, raw string, algs []jose.SignatureAlgorithm) ([]byte, jose.SignatureAlgorithm, error) {
	if raw == "" || len(raw) > maxToken {
		return nil, "", distrust(what + " missing or too long")
	}
	signed, err := jose.ParseSignedCompact(raw, algs)
	if err != nil || len(signed.Signatures) != 1 {
		return nil, "", distrust(what + " malformed or signed by another algorithm")
	}
	header := signed.Signatures[0].Protected
	alg := jose.SignatureAlgorithm(header.Algorithm)
	keys, err := s.keys.Find(ctx, header.KeyID, alg)
	if err != nil {
		return nil, "", down(err)
	}
	for _, key := range keys {
		if payload, err := signed.Verify(key.Key); err == nil {
			return payload, alg, nil
		}
	}
	return nil, "", distrust("signature of the " + what + " is not the provider's")
}

func (s *Source) checkParties(t idToken) error {
	stranger := func(aud string) bool {
		return aud != s.settings.ClientID && !slices.Contains(s.settings.TrustedAudiences, aud)
	}
	switch {
	case t.Issuer != s.settings.Issuer:
		return distrust("issuer of the ID token is another one")
	case !t.Audience.Contains(s.settings.ClientID) || slices.ContainsFunc(t.Audience, stranger):
		return distrust("audience of the ID token is another one")
	case t.Party != "" && t.Party != s.settings.ClientID, len(t.Audience) > 1 && t.Party == "":
		return distrust("authorized party of the ID token is another one")
	case t.Subject == "" || len(t.Subject) > maxSubject || !federation.Printable(t.Subject):
		return distrust("subject of the ID token missing or malformed")
	}
	return nil
}

func checkTimes(t idToken, m memory, now time.Time) error {
	switch {
	case t.Expires.IsZero() || !now.Before(t.Expires.Add(maxClock)):
		return distrust("ID token expired")
	case t.IssuedAt.IsZero() || t.IssuedAt.After(now.Add(maxClock)):
		return distrust("ID token issued in the future")
	case t.IssuedAt.Before(m.Started.Add(-maxClock)):
		return distrust("ID token issued before the sign-in began")
	case !t.NotBefore.IsZero() && t.NotBefore.After(now.Add(maxClock)):
		return distrust("ID token not valid yet")
	case !t.AuthTime.IsZero() && t.AuthTime.After(now.Add(maxClock)):
		return distrust("authentication lies in the future")
	case m.Fresh && (t.AuthTime.IsZero() || t.AuthTime.Before(m.earliestAuth(t, now))):
		return distrust("authentication is older than was asked")
	}
	return nil
}

// earliestAuth is when the sign-in began, told by the provider's own clock, which
// stood at iat not after now: its difference from ours does not matter.
func (m memory) earliestAuth(t idToken, now time.Time) time.Time {
	elapsed := max(now.Sub(m.Started), 0)
	return t.IssuedAt.Add(-elapsed - 2*time.Second) // both times are cut to seconds
}

// hashMatches checks at_hash (OpenID Connect Core §3.1.3.6).
func hashMatches(got, accessToken string, alg jose.SignatureAlgorithm) bool {
	hash := crypto.SHA256
	if alg == jose.EdDSA {
		hash = crypto.SHA512 // what Ed25519 hashes with
	}
	h := hash.New()
	h.Write([]byte(accessToken))
	sum := h.Sum(nil)
	want := base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
	return accessToken != "" && subtle.ConstantTimeCompare([]byte(got), []byte(want)) == 1
}

// methods are the provider's amr values when they have the shape of RFC 8176,
// else only that the sign-in was federated.
func (t idToken) methods() []string {
	var amr []string
	if len(t.AMR) == 0 || stdjson.Unmarshal(t.AMR, &amr) != nil ||
		len(amr) == 0 || len(amr) > maxMethods ||
		slices.ContainsFunc(amr, func(method string) bool { return !federation.IsMethod(method) }) {
		return []string{"fed"}
	}
	return amr
}
