package provider

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"

	"eidgate/eid"
	"eidgate/store"
)

// refreshToken is what a client presents: where the family is, which one it is,
// and the secret that changes with each use. The family's name is random and no
// other token shows it, so that nobody but the client can end a family by guessing.
type refreshToken struct{ slot, family, secret string }

// refreshState is the refreshing of a family.
type refreshState struct {
	Current string    `json:"current"` // hash of the secret in force
	At      time.Time `json:"at"`      // when it was given
	Until   time.Time `json:"until"`   // used by then, or no longer
	Ends    time.Time `json:"ends"`    // the end, however much it is used
}

// maxRefreshGrace bounds what a party may register (design: Tokens).
const maxRefreshGrace = 10 * time.Second

// refreshTries bounds the races of one client with itself within the grace.
const refreshTries = 16

var errBadRefresh = refuse(codeInvalidGrant, "the refresh token is not valid")

// parseRefreshToken reads what String wrote; anything else is none.
func parseRefreshToken(s string) (refreshToken, bool) {
	const half = 43 // characters of 32 bytes
	slot, rest, ok := strings.Cut(s, ".")
	if !ok || len(rest) != 2*half || !isRandomText(slot, slotBytes) ||
		!isRandomText(rest[:half], secretBytes) || !isRandomText(rest[half:], secretBytes) {
		return refreshToken{}, false
	}
	return refreshToken{slot: slot, family: rest[:half], secret: rest[half:]}, true
}

func (t refreshToken) String() string    { return t.slot + "." + t.family + t.secret }
func (t refreshToken) familyKey() string { return kindFamily + ":" + t.family }
func (t refreshToken) graceKey() string  { return kindGrace + ":" + hashText(t.secret) }

// successor is the token after t, made from its secret under a key: whoever has
// both makes the same again, and neither alone does.
func (t refreshToken) successor(key []byte) refreshToken {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("eidgate refresh 1\x00" + t.secret))
	t.secret = base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	return t
}

// beginRefreshing gives a grant its first refresh token before its code goes out.
// The token is made from the code under a key that is sealed beside it, so that
// redeeming the code is one step, and neither the code nor the store has it.
func (p *Provider) beginRefreshing(g *grantRecord, code handle, now time.Time) (err error) {
	key := []byte(randomText(secretBytes))
	if g.FirstKey, err = p.deps.Sealer.Seal(key, firstKeyContext(code)); err != nil {
		return fmt.Errorf("sealing key of refresh token: %w", err)
	}
	absolute := p.cfg.Lifetimes.RefreshAbsolute
	if g.Grant.ACR.Level >= eid.Level2 {
		absolute = min(absolute, p.cfg.Lifetimes.RefreshLevel2)
	}
	s := &refreshState{Ends: g.Grant.IssuedAt.Add(absolute)}
	g.Refresh = s.next(refreshOf(code).successor(key), p.cfg.Lifetimes.RefreshIdle, now)
	return nil
}

// firstToken is the refresh token that beginRefreshing made.
func (p *Provider) firstToken(g *grantRecord, code handle) (refreshToken, error) {
	key, err := p.deps.Sealer.Open(g.FirstKey, firstKeyContext(code))
	if err != nil {
		return refreshToken{}, fmt.Errorf("opening key of refresh token: %w", err)
	}
	return refreshOf(code).successor(key), nil
}

// refreshOf is what the first refresh token is the successor of.
func refreshOf(code handle) refreshToken {
	return refreshToken{slot: code.slot, family: familyName(code.key(kindFamily)), secret: code.secret}
}

func firstKeyContext(code handle) string { return "refresh/" + code.key(kindFamily) }

// next puts another token in force.
func (s *refreshState) next(t refreshToken, idle time.Duration, now time.Time) *refreshState {
	until := now.Add(idle)
	if until.After(s.Ends) {
		until = s.Ends
	}
	return &refreshState{Current: hashText(t.secret), At: now, Until: until, Ends: s.Ends}
}

// refreshing is what a client sends to use a refresh token.
type refreshing struct {
	token, scope string
	resources    []string
}

// refresh uses a refresh token: it is replaced, and every term of the grant is
// checked again (RFC 6749 §6, RFC 9700 §4.14.2). acr, amr and auth_time stay as
// they were granted. A token that was used before ends the family, whoever sent
// it: the thief and the client cannot be told apart.
func (p *Provider) refresh(ctx context.Context, call *tokenCall, r refreshing) (*oidc.AccessTokenResponse, error) {
	t, ok := parseRefreshToken(r.token)
	if !ok {
		return nil, errBadRefresh
	}
	for range refreshTries {
		answer, again, err := p.refreshOnce(ctx, call, t, r)
		if !again {
			return answer, err
		}
	}
	return nil, refuse(codeTemporarilyUnavailable, "try again in a few seconds")
}

// refreshOnce reads, decides and writes. again says that another call with the
// same token came between, and that the party has a grace for that.
func (p *Provider) refreshOnce(ctx context.Context, call *tokenCall, t refreshToken, r refreshing) (answer *oidc.AccessTokenResponse, again bool, err error) {
	rp, now, family := call.rp, p.deps.Now(), t.familyKey()
	end := func(why string) error { return p.endFamily(ctx, call, t.slot, family, why, errBadRefresh) }
	results, err := p.deps.State.Apply(ctx, t.slot, store.Get(family), store.Get(t.graceKey()))
	if err != nil {
		return nil, false, fmt.Errorf("finding refresh token: %w", err)
	}
	if !results[0].OK {
		return nil, false, errBadRefresh
	}
	raw := results[0].Value
	g, err := readGrant(raw)
	if err != nil {
		return nil, false, fmt.Errorf("reading grant: %w", err)
	}
	switch {
	case g.Refresh == nil:
		return nil, false, errBadRefresh
	case g.Grant.Client != rp.ID:
		return nil, false, end(whyOtherClient)
	case !now.Before(g.Refresh.Until):
		return nil, false, end(whyIdle)
	}
	grace := min(rp.RefreshGrace, maxRefreshGrace)
	var next refreshToken
	var also []store.Op
	switch {
	case equalText(g.Refresh.Current, hashText(t.secret)):
		key := []byte(randomText(secretBytes))
		next = t.successor(key)
		g.Refresh = g.Refresh.next(next, p.cfg.Lifetimes.RefreshIdle, now)
		if grace > 0 {
			also = append(also, store.PutIfAbsent(t.graceKey(), key, grace))
		}
	case grace > 0 && results[1].OK && equalText(g.Refresh.Current, hashText(t.successor(results[1].Value).secret)):
		next = t.successor(results[1].Value) // the answer was lost: once more
	default:
		return nil, false, end(whyRefreshAgain)
	}

	who, good, err := p.stillGood(ctx, &g)
	if err != nil {
		return nil, false, err
	}
	if !good {
		return nil, false, end(whyTerms)
	}
	scopes, refusal := narrowed(stillRegistered(rp, g.Scopes), r.scope)
	if refusal != nil {
		return nil, false, refusal
	}
	resources, refusal := targets(rp, g.Resources, r.resources)
	if refusal != nil {
		return nil, false, refusal
	}
	snapshot := p.deps.Keys.Snapshot() // one for all tokens of the answer
	var access accessToken
	if len(resources) > 0 {
		access, err = p.jwtToken(snapshot, rp, &g, jwtFor{slot: t.slot, family: family, scopes: scopes, audience: resources}, now)
	} else {
		access = p.opaqueToken(t.slot, family, now, scopes...)
	}
	if err != nil {
		return nil, false, err
	}
	refreshed := g
	refreshed.Nonce = "" // it belongs to the sign-in (OpenID Connect Core §12.2)
	idToken, err := p.idToken(ctx, snapshot, rp, &refreshed, who, access.text, now)
	if err != nil {
		return nil, false, err
	}
	kept, err := p.keepFamily(ctx, t.slot, family, raw, &g, now, append(also, access.op)...)
	switch {
	case err != nil:
		return nil, false, err
	case !kept && grace > 0:
		return nil, true, nil
	case !kept:
		return nil, false, end(whyRefreshAgain)
	}
	return &oidc.AccessTokenResponse{
		AccessToken: access.text, TokenType: oidc.BearerToken, ExpiresIn: uint64(seconds(access.lifetime)),
		RefreshToken: next.String(), IDToken: idToken, Scope: scopes,
	}, false, nil
}

// narrowed is the scope of one refresh: at most what was granted (RFC 6749 §6). An
// ID token comes with each, so openid stays.
func narrowed(granted []string, asked string) ([]string, *oauthError) {
	if asked == "" {
		return granted, nil
	}
	var kept []string
	for _, s := range strings.Fields(asked) {
		if !slices.Contains(granted, s) {
			return nil, refuse(codeInvalidScope, "the scope is wider than what was granted")
		}
		if !slices.Contains(kept, s) {
			kept = append(kept, s)
		}
	}
	if !slices.Contains(kept, scopeOpenID) {
		return nil, refuse(codeInvalidScope, "scope openid is required")
	}
	return kept, nil
}
