package provider

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"eidgate/eid"
)

// authenticateClient accepts the registered method and nothing else (OpenID
// Connect Core §9). Every failure is the same invalid_client.
func (p *Provider) authenticateClient(r *http.Request, form url.Values) (*eid.RelyingParty, *oauthError, error) {
	failed := refuse(codeInvalidClient, "client authentication failed")
	id, secret, basic := r.BasicAuth()
	switch {
	case basic:
		var err1, err2 error
		id, err1 = url.QueryUnescape(id)
		secret, err2 = url.QueryUnescape(secret)
		if err1 != nil || err2 != nil {
			return nil, failed, nil
		}
		if form.Has("client_secret") || form.Has("client_assertion") {
			return nil, refuse(codeInvalidRequest, "more than one way of client authentication"), nil
		}
		if form.Has("client_id") && form.Get("client_id") != id {
			return nil, failed, nil
		}
	case r.Header.Get("Authorization") != "", form.Has("client_secret"), form.Has("client_assertion"):
		return nil, failed, nil
	default:
		id = form.Get("client_id")
	}
	rp, err := p.deps.Clients.RelyingParty(r.Context(), id)
	if errors.Is(err, eid.ErrNotFound) {
		return nil, failed, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("finding client: %w", err)
	}
	switch {
	case rp.AuthMethod == eid.AuthNone && !basic:
		return &rp, nil, nil
	case rp.AuthMethod == eid.AuthSecretBasic && basic && matchSecret(rp.SecretHashes, secret):
		return &rp, nil, nil
	}
	return nil, failed, nil
}

// matchSecret compares with every hash in constant time. Secrets are random and
// long, so SHA-256 is enough.
func matchSecret(hashes []string, secret string) bool {
	sum := sha256.Sum256([]byte(secret))
	got := base64.RawURLEncoding.EncodeToString(sum[:])
	match := 0
	for _, want := range hashes {
		match |= subtle.ConstantTimeCompare([]byte(got), []byte(want))
	}
	return match == 1
}

func equalText(a, b string) bool {
	return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}
