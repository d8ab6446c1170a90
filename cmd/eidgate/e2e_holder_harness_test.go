package main_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// refreshes is how many tokens of a family a holder takes before the next sign-in.
const refreshes = 15

// holder is a living session at the gateway, and the tokens that one portal gets by
// it: by the code of an authorization now and then, by refreshing in between.
type holder struct {
	f       *fleet
	client  fleetClient
	session string // the gateway's cookie
	via     http.RoundTripper

	refresh string // token in force; "" begins with an authorization
	used    int
	access  string // the last one
}

// holders signs a person in n times at each client, and gives the sessions.
func (f *fleet) holders(t *testing.T, n int) []*holder {
	t.Helper()
	var list []*holder
	for _, c := range f.clients {
		for range n {
			p, a := f.party(t, c.ClientID), f.browser(t)
			r := p.request()
			p.answer(r, a.fill(a.get(r.address), f.account("002")))
			list = append(list, &holder{f: f, client: c, session: a.session(), via: f})
		}
	}
	return list
}

// next gets one more ID token.
func (h *holder) next(ctx context.Context) (given, error) {
	if h.refresh == "" || h.used >= refreshes {
		return h.authorize(ctx)
	}
	h.used++
	return h.redeem(ctx, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {h.refresh}})
}

// authorize goes through an authorization in the session, without a page, with more
// parameters: name, value, …
func (h *holder) authorize(ctx context.Context, params ...string) (given, error) {
	verifier, state := rand.Text()+rand.Text(), rand.Text()
	sum := sha256.Sum256([]byte(verifier))
	asking := url.Values{
		"response_type": {"code"}, "client_id": {h.client.ClientID}, "redirect_uri": {h.client.RedirectURI}, "scope": {"openid profile"},
		"state": {state}, "nonce": {rand.Text()}, "prompt": {"none"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	for i := 0; i < len(params); i += 2 {
		asking.Set(params[i], params[i+1])
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, h.f.Issuer+"/authorize?"+asking.Encode(), nil)
	if err != nil {
		return given{}, err
	}
	r.Header.Set("Cookie", "eidgate="+h.session)
	got, err := ask(h.via, r)
	if err != nil {
		return given{}, err
	}
	back, err := url.Parse(got.header.Get("Location"))
	if err != nil {
		return given{}, err
	}
	q := back.Query()
	if !strings.HasPrefix(back.String(), h.client.RedirectURI+"?") || q.Get("code") == "" || q.Get("state") != state {
		return given{}, fmt.Errorf("%w: the authorization is answered with %d %s", errNoToken, got.status, q.Get("error"))
	}
	h.used = 0
	return h.redeem(ctx, url.Values{
		"grant_type": {"authorization_code"}, "code": {q.Get("code")}, "redirect_uri": {h.client.RedirectURI}, "code_verifier": {verifier},
	})
}

// redeem calls the token endpoint.
func (h *holder) redeem(ctx context.Context, form url.Values) (given, error) {
	asked := time.Now()
	got, err := h.post(ctx, "/token", form)
	if err != nil {
		return given{}, err
	}
	h.refresh = "" // whatever was sent is used up
	var set struct {
		ID      string `json:"id_token"`
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
		Error   string `json:"error"`
	}
	if err := json.Unmarshal(got.body, &set); err != nil || got.status != http.StatusOK || set.ID == "" || set.Refresh == "" {
		return given{}, fmt.Errorf("%w: the token endpoint answers %d %s", errNoToken, got.status, set.Error)
	}
	h.refresh, h.access = set.Refresh, set.Access
	return read(set.ID, h.client, asked)
}

// post sends a form to the gateway as the client.
func (h *holder) post(ctx context.Context, path string, form url.Values) (*answered, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.f.Issuer+path, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(h.client.ClientID, h.client.ClientSecret)
	return ask(h.via, r)
}

// resource gets an ID token with an access token in JWT form.
func (h *holder) resource(ctx context.Context) (given, error) {
	return h.redeem(ctx, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {h.refresh}, "resource": {h.client.Resource}})
}

// knows reports whether a process answers for an opaque access token at userinfo.
func (m *member) knows(ctx context.Context, issuer, access string) (bool, error) {
	got, err := m.get(ctx, issuer+"/userinfo", "Authorization", "Bearer "+access)
	if err != nil {
		return false, err
	}
	if got.status != http.StatusOK && got.status != http.StatusUnauthorized {
		return false, fmt.Errorf("userinfo is answered with %d", got.status)
	}
	return got.status == http.StatusOK, nil
}

// active reports whether a process says at introspection that a token counts.
func (h *holder) active(ctx context.Context, m *member, access string) (bool, error) {
	at := *h
	at.via = m
	got, err := at.post(ctx, "/introspect", url.Values{"token": {access}})
	if err != nil {
		return false, err
	}
	var answer struct {
		Active bool `json:"active"`
	}
	if err := json.Unmarshal(got.body, &answer); err != nil || got.status != http.StatusOK {
		return false, fmt.Errorf("introspection is answered with %d: %w", got.status, err)
	}
	return answer.Active, nil
}

// hinted reports whether a process gives a code to an authorization in the session
// with an ID token as hint.
func (h *holder) hinted(ctx context.Context, m *member, hint string) (bool, error) {
	at := *h
	at.via = m
	_, err := at.authorize(ctx, "id_token_hint", hint)
	if errors.Is(err, errNoToken) {
		return false, nil
	}
	return err == nil, err
}
