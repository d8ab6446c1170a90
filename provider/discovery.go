package provider

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"eidgate/eid"
	"eidgate/keys"
	"eidgate/web"
)

// metadata is the discovery document (OpenID Connect Discovery §3, RFC 8414). It
// lists what this provider does, from the same lists that its handlers use.
type metadata struct {
	Issuer                   string   `json:"issuer"`
	AuthorizationEndpoint    string   `json:"authorization_endpoint"`
	TokenEndpoint            string   `json:"token_endpoint"`
	UserinfoEndpoint         string   `json:"userinfo_endpoint"`
	JWKSURI                  string   `json:"jwks_uri"`
	ScopesSupported          []string `json:"scopes_supported"`
	ResponseTypesSupported   []string `json:"response_types_supported"`
	ResponseModesSupported   []string `json:"response_modes_supported"`
	GrantTypesSupported      []string `json:"grant_types_supported"`
	ACRValuesSupported       []string `json:"acr_values_supported"`
	SubjectTypesSupported    []string `json:"subject_types_supported"`
	IDTokenAlgsSupported     []string `json:"id_token_signing_alg_values_supported"`
	TokenAuthMethods         []string `json:"token_endpoint_auth_methods_supported"`
	TokenAuthAlgs            []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	ClaimTypesSupported      []string `json:"claim_types_supported"`
	ClaimsSupported          []string `json:"claims_supported"`
	ClaimsParameter          bool     `json:"claims_parameter_supported"`
	RequestParameter         bool     `json:"request_parameter_supported"`
	RequestObjectAlgs        []string `json:"request_object_signing_alg_values_supported"`
	RequestURIParameter      bool     `json:"request_uri_parameter_supported"`
	CodeChallengeMethods     []string `json:"code_challenge_methods_supported"`
	PromptValues             []string `json:"prompt_values_supported"`
	UILocales                []string `json:"ui_locales_supported"`
	AuthorizationResponseIss bool     `json:"authorization_response_iss_parameter_supported"`

	EndSessionEndpoint        string `json:"end_session_endpoint"`
	BackchannelLogout         bool   `json:"backchannel_logout_supported"`
	BackchannelLogoutSession  bool   `json:"backchannel_logout_session_supported"`
	FrontchannelLogout        bool   `json:"frontchannel_logout_supported"`
	FrontchannelLogoutSession bool   `json:"frontchannel_logout_session_supported"`

	RevocationEndpoint       string   `json:"revocation_endpoint"`
	RevocationAuthMethods    []string `json:"revocation_endpoint_auth_methods_supported"`
	RevocationAuthAlgs       []string `json:"revocation_endpoint_auth_signing_alg_values_supported"`
	IntrospectionEndpoint    string   `json:"introspection_endpoint"`
	IntrospectionAuthMethods []string `json:"introspection_endpoint_auth_methods_supported"`
	IntrospectionAuthAlgs    []string `json:"introspection_endpoint_auth_signing_alg_values_supported"`
	IntrospectionAlgs        []string `json:"introspection_signing_alg_values_supported"` // RFC 9701 §7
	UserinfoAlgs             []string `json:"userinfo_signing_alg_values_supported"`

	// Our own: see renamed and lockRequest.
	SubjectsEndpoint     string `json:"eidgate_subjects_endpoint"`
	LockRequestsEndpoint string `json:"eidgate_lock_requests_endpoint"`
}

// withTokens adds what revocation, introspection and userinfo offer. Clients
// authenticate there as at the token endpoint; only those that can prove who they
// are may introspect.
func (m metadata) withTokens(issuer string) metadata {
	m.RevocationEndpoint, m.RevocationAuthMethods = issuer+pathRevoke, m.TokenAuthMethods
	m.IntrospectionEndpoint = issuer + pathIntrospect
	m.IntrospectionAuthMethods = slices.DeleteFunc(slices.Clone(m.TokenAuthMethods), func(v string) bool { return v == string(eid.AuthNone) })
	m.RevocationAuthAlgs, m.IntrospectionAuthAlgs = m.TokenAuthAlgs, m.TokenAuthAlgs // RFC 8414 §2
	m.IntrospectionAlgs = []string{string(introspectionAlg)}
	m.UserinfoAlgs = m.IDTokenAlgsSupported
	m.SubjectsEndpoint, m.LockRequestsEndpoint = issuer+pathSubjects, issuer+pathLocks
	return m
}

func (p *Provider) metadata() metadata {
	claims := []string{"sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "at_hash", "sid"}
	for _, scope := range scopesSupported {
		claims = append(claims, claimsIn(scope)...)
	}
	claims = append(claims, claimsByName...)
	m := metadata{
		Issuer:                   p.cfg.Issuer,
		AuthorizationEndpoint:    p.cfg.Issuer + pathAuthorize,
		TokenEndpoint:            p.cfg.Issuer + pathToken,
		UserinfoEndpoint:         p.cfg.Issuer + pathUserinfo,
		JWKSURI:                  p.cfg.Issuer + pathKeys,
		ScopesSupported:          scopesSupported,
		ResponseTypesSupported:   []string{"code"},
		ResponseModesSupported:   modesSupported,
		GrantTypesSupported:      grantTypesSupported,
		ACRValuesSupported:       p.cfg.Vocabulary.Values(),
		SubjectTypesSupported:    []string{"pairwise"},
		IDTokenAlgsSupported:     p.cfg.algorithms(),
		TokenAuthMethods:         clientAuthMethods,
		TokenAuthAlgs:            clientAlgs(),
		ClaimTypesSupported:      []string{"normal"},
		ClaimsSupported:          claims,
		ClaimsParameter:          true,
		RequestParameter:         true,
		RequestObjectAlgs:        clientAlgs(),
		CodeChallengeMethods:     []string{"S256"},
		PromptValues:             promptsSupported,
		UILocales:                p.deps.Pages.Languages(),
		AuthorizationResponseIss: true,

		EndSessionEndpoint: p.cfg.Issuer + pathLogout,
		BackchannelLogout:  true, BackchannelLogoutSession: true,
		FrontchannelLogout: true, FrontchannelLogoutSession: true,
	}
	return m.withTokens(p.cfg.Issuer)
}

// algorithms are what parties can have their tokens signed with, the standard's default
// first.
func (c Config) algorithms() []string {
	if len(c.Algorithms) == 0 {
		return []string{string(keys.RS256), string(keys.ES256)}
	}
	list := slices.Clone(c.Algorithms)
	slices.Sort(list)
	slices.Reverse(list)
	return list
}

// document is a JSON answer that is rendered once. gzipped may be missing.
type document struct {
	body, gzipped []byte
	etag          string
}

func newDocument(v any) (document, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return document{}, fmt.Errorf("writing document: %w", err)
	}
	sum := sha256.Sum256(body)
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	if _, err := w.Write(body); err != nil {
		return document{}, fmt.Errorf("compressing document: %w", err)
	}
	if err := w.Close(); err != nil {
		return document{}, fmt.Errorf("compressing document: %w", err)
	}
	etag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	return document{body: body, gzipped: z.Bytes(), etag: etag}, nil
}

func (d document) serve(c *gin.Context) {
	c.Header("Cache-Control", "public, max-age=600")
	d.write(c)
}

func (d document) write(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("Content-Type", "application/json")
	h.Set("ETag", d.etag)
	h.Set("Vary", "Accept-Encoding")
	if strings.Contains(c.GetHeader("If-None-Match"), d.etag) {
		c.Status(http.StatusNotModified)
		c.Writer.WriteHeaderNow()
		return
	}
	body := d.body
	if d.gzipped != nil && web.AcceptsGzip(c.Request) {
		h.Set("Content-Encoding", "gzip")
		body = d.gzipped
	}
	c.Status(http.StatusOK)
	_, _ = c.Writer.Write(body) // the caller left; nothing to do
}

// jwks serves the public keys (RFC 7517 §5), at the common address and at one of each
// party's own. A key signs only after it has been here for longer than caches may hold
// the set. Below /keys/ every name is answered alike, so that nobody learns which
// parties there are. A set that the store has not confirmed for as long is not to be
// cached: new keys wait for one such time of a process that is cut off, and for one of
// the caches.
func (p *Provider) jwks(c *gin.Context) {
	snapshot := p.deps.Keys.Snapshot()
	caching := fmt.Sprintf("public, max-age=%d", seconds(p.cfg.Lifetimes.JWKSMaxAge))
	if snapshot.Stale() {
		caching = "no-store"
	}
	c.Header("Cache-Control", caching)
	document{body: snapshot.JWKS(), etag: snapshot.ETag()}.write(c)
	p.fetched(c, snapshot)
}
