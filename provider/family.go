package provider

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"eidgate/eid"
	"eidgate/store"
)

// accessName is what an access token says of itself: its own record, and its
// family's, so that both are read in one step.
type accessName struct {
	handle
	family string // key
}

// accessText writes the name as tokens carry it. The family's part is hidden: whoever
// knew it could make up a refresh token, and end the family with that.
func (p *Provider) accessText(n accessName) string {
	raw, err := base64.RawURLEncoding.DecodeString(familyName(n.family))
	if err != nil {
		panic("provider: a family whose name is no hash") // we made it
	}
	return n.handle.String() + "~" + base64.RawURLEncoding.EncodeToString(p.masked(n.secret, raw))
}

// parseAccess reads what accessText wrote; anything else is none.
func (p *Provider) parseAccess(text string) (accessName, bool) {
	own, hidden, ok := strings.Cut(text, "~")
	h, fits := parseHandle(own)
	if !ok || !fits || !isRandomText(hidden, secretBytes) {
		return accessName{}, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(hidden) // one token has one spelling
	if err != nil {
		return accessName{}, false
	}
	return accessName{h, kindFamily + ":" + base64.RawURLEncoding.EncodeToString(p.masked(h.secret, raw))}, true
}

// masked hides a name under the secret of one token and the gateway's key, or
// shows it again. Nothing is decided by it: both records are looked up.
func (p *Provider) masked(secret string, name []byte) []byte {
	mac := hmac.New(sha256.New, p.deps.TokenKey)
	mac.Write([]byte("eidgate access 1\x00" + secret))
	mask := mac.Sum(nil)
	subtle.XORBytes(mask, mask, name)
	return mask
}

// accessToken is an access token about to be given, with what keeps it.
type accessToken struct {
	text     string
	lifetime time.Duration
	op       store.Op
}

// opaqueToken makes an access token that only this gateway can read.
func (p *Provider) opaqueToken(slot, family string, now time.Time, scopes ...string) accessToken {
	n, ttl := accessName{handleIn(slot), family}, p.cfg.Lifetimes.AccessToken
	kept := accessRecord{Family: family, IssuedAt: now, ExpiresAt: now.Add(ttl), Scopes: scopes}
	return accessToken{text: p.accessText(n), lifetime: ttl, op: store.PutIfAbsent(n.key(kindAccess), kept.record(), ttl)}
}

// newFamilyTTL is how long the family of a code is kept that is being redeemed,
// before anything is known of it.
func (p *Provider) newFamilyTTL(rp *eid.RelyingParty) time.Duration {
	ttl := p.familyTTL(nil, time.Time{})
	if rp.Refresh {
		ttl = max(ttl, p.cfg.Lifetimes.RefreshIdle)
	}
	return ttl
}

// familyTTL is how long a family is kept: as long as a token of it may live.
func (p *Provider) familyTTL(r *refreshState, now time.Time) time.Duration {
	ttl := max(p.cfg.Lifetimes.AccessToken, p.cfg.Lifetimes.JWTAccess)
	if r != nil {
		ttl = max(ttl, r.Until.Sub(now))
	}
	return ttl
}

// keepFamily writes a family that nobody changed or ended since raw was read,
// together with what else is to be kept. false: somebody did, and nothing was
// written.
func (p *Provider) keepFamily(ctx context.Context, slot, family string, raw []byte, g *grantRecord, now time.Time, also ...store.Op) (bool, error) {
	ops := append([]store.Op{store.CompareAndSet(family, raw, g.record(), p.familyTTL(g.Refresh, now))}, also...)
	results, err := p.deps.State.Apply(ctx, slot, ops...)
	if err != nil {
		return false, fmt.Errorf("keeping tokens: %w", err)
	}
	if !results[0].OK {
		return false, nil
	}
	if len(results) < len(ops) || !results[len(results)-1].OK {
		return false, errors.New("keeping tokens: a new key was taken")
	}
	return true, nil
}

// Why a family of tokens ended, for the audit.
const (
	whyCodeAgain    = "code_used_again"
	whyCodeMisfit   = "code_does_not_fit"
	whyRefreshAgain = "refresh_token_used_again"
	whyOtherClient  = "refresh_token_of_another_client"
	whyTerms        = "terms_no_longer_hold"
	whyIdle         = "not_used_for_long"
	whyClient       = "revoked_by_client"
)

// endTimeout bounds the end of a family. It is carried through when the caller
// has left meanwhile, or a thief could prevent it by hanging up.
const endTimeout = 5 * time.Second

// endFamily ends every token of a family and puts it on record, once. It gives
// the refusal to answer with; nil for none.
func (p *Provider) endFamily(ctx context.Context, call *tokenCall, slot, family, why string, refusal *oauthError) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	results, err := p.deps.State.Apply(ctx, slot, store.Take(family))
	if err != nil {
		return fmt.Errorf("ending tokens: %w", err)
	}
	if results[0].OK {
		g, err := readGrant(results[0].Value)
		if err != nil {
			return fmt.Errorf("reading grant: %w", err)
		}
		detail, err := json.Marshal(map[string]string{"grant": g.Grant.ID, "why": why})
		if err != nil {
			return fmt.Errorf("writing audit: %w", err)
		}
		if err := p.deps.Grants.Record(ctx, eid.AuditEntry{
			At: p.deps.Now(), Actor: "client:" + call.rp.ID, Action: eid.ActionTokensRevoked,
			Account: g.Grant.Account, Client: g.Grant.Client, Ref: ref(call.c), Detail: detail,
		}); err != nil {
			return fmt.Errorf("recording the end of tokens: %w", err)
		}
	}
	if refusal == nil {
		return nil
	}
	return refusal
}

// errBadToken is the one error of every token that is not valid.
var errBadToken = errors.New("token not valid")

// foundToken is a token that is known, with the grant behind it. Whether its
// terms still hold is for stillGood to say.
type foundToken struct {
	kind         string // kindAccess, kindJWT, or kindFamily for a refresh token
	slot, family string
	record       grantRecord
	scopes       []string
	audience     []string
	issued       time.Time
	expires      time.Time
	spent        bool // a refresh token that is not the one in force
}

// findToken finds what was presented as a token, of whichever kind. errBadToken
// for everything that is not a living token of a living family.
func (p *Provider) findToken(ctx context.Context, text string) (*foundToken, error) {
	if t, ok := parseRefreshToken(text); ok {
		return p.findRefreshToken(ctx, t)
	}
	kind := kindAccess
	n, ok := p.parseAccess(text)
	if !ok {
		kind = kindJWT
		if n, ok = p.nameOfJWT(text); !ok {
			return nil, errBadToken
		}
	}
	results, err := p.deps.State.Apply(ctx, n.slot, store.Get(n.key(kind)), store.Get(n.family))
	if err != nil {
		return nil, fmt.Errorf("finding access token: %w", err)
	}
	if !results[0].OK || !results[1].OK {
		return nil, errBadToken
	}
	access, err := readAccess(results[0].Value)
	if err != nil {
		return nil, fmt.Errorf("reading access token: %w", err)
	}
	if access.Family != n.family || !p.deps.Now().Before(access.ExpiresAt) {
		return nil, errBadToken
	}
	t := &foundToken{
		kind: kind, slot: n.slot, family: access.Family, scopes: access.Scopes, audience: access.Audience,
		issued: access.IssuedAt, expires: access.ExpiresAt,
	}
	if t.record, err = readGrant(results[1].Value); err != nil {
		return nil, fmt.Errorf("reading grant: %w", err)
	}
	if len(t.scopes) == 0 {
		t.scopes = t.record.Scopes
	}
	return t, nil
}

// loadFamily reads the family of a token.
func (p *Provider) loadFamily(ctx context.Context, t *foundToken) error {
	results, err := p.deps.State.Apply(ctx, t.slot, store.Get(t.family))
	if err != nil {
		return fmt.Errorf("finding grant: %w", err)
	}
	if !results[0].OK {
		return errBadToken
	}
	if t.record, err = readGrant(results[0].Value); err != nil {
		return fmt.Errorf("reading grant: %w", err)
	}
	return nil
}

// findRefreshToken finds the family that a refresh token names.
func (p *Provider) findRefreshToken(ctx context.Context, rt refreshToken) (*foundToken, error) {
	t := &foundToken{kind: kindFamily, slot: rt.slot, family: rt.familyKey()}
	if err := p.loadFamily(ctx, t); err != nil {
		return nil, err
	}
	state := t.record.Refresh
	if state == nil || !p.deps.Now().Before(state.Until) {
		return nil, errBadToken
	}
	t.scopes, t.issued, t.expires = t.record.Scopes, state.At, state.Until
	t.spent = !equalText(state.Current, hashText(rt.secret))
	return t, nil
}

// familyName is the key of a family without its kind: the part of it that refresh
// tokens carry.
func familyName(key string) string { return strings.TrimPrefix(key, kindFamily+":") }
