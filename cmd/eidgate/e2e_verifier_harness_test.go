package main_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// given is an ID token as a party got it.
type given struct {
	raw, kid string
	client   fleetClient
	asked    time.Time // by our clock, before and after
	issued   time.Time
	expires  time.Time
}

// read tells of a token what no verifier relies on.
func read(raw string, client fleetClient, asked time.Time) (given, error) {
	token, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{client.Alg})
	if err != nil {
		return given{}, err
	}
	var claims jwt.Claims
	if err := token.UnsafeClaimsWithoutVerification(&claims); err != nil {
		return given{}, err
	}
	return given{
		raw: raw, kid: token.Headers[0].KeyID, client: client, asked: asked, issued: time.Now(), expires: claims.Expiry.Time(),
	}, nil
}

// cachingVerifier is a portal that verifies by go-oidc and go-jose, with a key set
// that it keeps for the whole max-age whatever comes: a kid that it does not know is
// not there.
type cachingVerifier struct {
	issuer string
	from   *member   // whose key set it reads
	others []*member // whose it reads while that one does not answer
	maxAge time.Duration

	mu      sync.Mutex
	set     jose.JSONWebKeySet
	etag    string
	until   time.Time
	fetches int
}

var _ oidc.KeySet = jose2oidc{}

// jose2oidc is a fixed key set, looked into by kid.
type jose2oidc struct{ set jose.JSONWebKeySet }

// VerifySignature implements oidc.KeySet.
func (k jose2oidc) VerifySignature(_ context.Context, raw string) ([]byte, error) {
	jws, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.ES256, jose.RS256, jose.PS256})
	if err != nil {
		return nil, err
	}
	kid := jws.Signatures[0].Header.KeyID
	found := k.set.Key(kid)
	if len(found) != 1 {
		return nil, fmt.Errorf("%d keys of the cached set are %s", len(found), kid)
	}
	return jws.Verify(found[0])
}

// verifier is a portal that reaches one process, and the others where that is down.
func (f *fleet) verifier(i int) *cachingVerifier {
	return &cachingVerifier{
		issuer: f.Issuer, from: f.members[i], others: slices.Delete(slices.Clone(f.members), i, i+1), maxAge: f.settings.maxAge,
	}
}

// verify verifies a token with the cached set of a moment.
func (v *cachingVerifier) verify(ctx context.Context, tok given, at time.Time) error {
	set, err := v.cached(ctx)
	if err != nil {
		return err
	}
	return verifyWith(ctx, set, v.issuer, tok, at)
}

// verifyWith verifies an ID token with a key set.
func verifyWith(ctx context.Context, set jose.JSONWebKeySet, issuer string, tok given, at time.Time) error {
	_, err := oidc.NewVerifier(issuer, jose2oidc{set}, &oidc.Config{
		ClientID: tok.client.ClientID, SupportedSigningAlgs: []string{string(tok.client.Alg)}, Now: func() time.Time { return at },
	}).Verify(ctx, tok.raw)
	return err
}

// cached is the set of now. Its age counts from the asking (RFC 9111 §4.2.3).
func (v *cachingVerifier) cached(ctx context.Context) (jose.JSONWebKeySet, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	asked := time.Now()
	if asked.Before(v.until) {
		return v.set, nil
	}
	var header []string
	if v.etag != "" {
		header = []string{"If-None-Match", v.etag}
	}
	got, err := v.from.get(ctx, v.issuer+"/keys", header...)
	for i := 0; err != nil && i < len(v.others); i++ {
		asked = time.Now()
		got, err = v.others[i].get(ctx, v.issuer+"/keys", header...)
	}
	if err != nil {
		return v.set, fmt.Errorf("fetching the key set: %w", err)
	}
	if want := fmt.Sprintf("max-age=%d", int(v.maxAge.Seconds())); !strings.Contains(got.header.Get("Cache-Control"), want) {
		return v.set, fmt.Errorf("the key set comes with %q, want %s", got.header.Get("Cache-Control"), want)
	}
	if got.status != http.StatusNotModified {
		if v.set, err = got.keySet(); err != nil {
			return v.set, err
		}
	}
	v.etag, v.until = got.header.Get("ETag"), asked.Add(v.maxAge)
	v.fetches++
	return v.set, nil
}

// examination verifies each token at several moments of its life, by verifiers whose
// caches are of different ages and from different processes.
type examination struct {
	t         *testing.T
	verifiers []*cachingVerifier
	stages    []chan given
	work      sync.WaitGroup
	turn      atomic.Uint64

	tokens, verified, rejected, revoked, late atomic.Int64

	mu        sync.Mutex
	kids      map[string]jose.SignatureAlgorithm // that signed, by the tokens
	emergency emergency
}

// emergency is a key that is revoked while tokens are verified.
type emergency struct {
	kid     string
	begun   time.Time // from then on a rejection of its tokens is right
	inForce time.Time // from then on nobody signs with it; zero: not known yet
	over    time.Time // from then on no cache holds it
}

// moments of a token's life at which it is verified, in parts of it: at the first by
// a verifier of each process, at the others by one.
func moments() []float64 { return []float64{0, 0.3, 0.6, 0.95} }

// examine begins an examination with two verifiers for each process. finish ends it.
func (f *fleet) examine(t *testing.T) *examination {
	t.Helper()
	e := &examination{t: t, kids: map[string]jose.SignatureAlgorithm{}}
	for i := range 2 * len(f.members) {
		v := f.verifier(i % len(f.members))
		_, err := v.cached(t.Context())
		must(t, err)
		// The first set is kept shorter by some, so that their ages differ.
		v.until = v.until.Add(-time.Duration(i) * v.maxAge / time.Duration(2*len(f.members)))
		e.verifiers = append(e.verifiers, v)
	}
	for range moments() {
		e.stages = append(e.stages, make(chan given, 1<<15))
	}
	for i := range e.stages {
		e.work.Go(func() { e.stage(i) })
	}
	return e
}

// take begins the examination of a token.
func (e *examination) take(tok given) {
	e.tokens.Add(1)
	e.mu.Lock()
	e.kids[tok.kid] = tok.client.Alg
	if m := e.emergency; tok.kid == m.kid && !m.inForce.IsZero() && tok.asked.After(m.inForce) {
		e.t.Errorf("the revoked key signed %v after it was out of every key set", tok.asked.Sub(m.inForce))
	}
	e.mu.Unlock()
	e.stages[0] <- tok
}

// stage verifies tokens at one moment of their lives and hands them on.
func (e *examination) stage(i int) {
	for tok := range e.stages[i] {
		part := time.Duration(moments()[i] * float64(tok.expires.Sub(tok.issued)))
		time.Sleep(time.Until(tok.issued.Add(part)))
		times := 1
		if i == 0 {
			times = len(e.verifiers) / 2
		}
		for range times {
			e.verify(tok)
		}
		if i+1 < len(e.stages) {
			e.stages[i+1] <- tok
		}
	}
	if i+1 < len(e.stages) {
		close(e.stages[i+1])
	}
}

// verify verifies a token once, by the next verifier.
func (e *examination) verify(tok given) {
	v := e.verifiers[e.turn.Add(1)%uint64(len(e.verifiers))]
	at := time.Now()
	if !at.Before(tok.expires) { // the machine was slow: nobody has to accept it
		e.late.Add(1)
		return
	}
	err := v.verify(context.WithoutCancel(e.t.Context()), tok, at)
	e.mu.Lock()
	m := e.emergency
	e.mu.Unlock()
	revoked := tok.kid == m.kid
	switch {
	case err == nil && revoked && !m.over.IsZero() && at.After(m.over):
		e.t.Errorf("a token of the revoked key is accepted %v after no cache may hold it", at.Sub(m.over))
	case err == nil:
		e.verified.Add(1)
	case revoked && !at.Before(m.begun):
		e.revoked.Add(1)
	case e.rejected.Add(1) <= 10: // ten tell enough
		e.t.Errorf("rejected %v after it was issued, by a set of process %s: %v", at.Sub(tok.issued), v.from.addr, err)
	}
}

// revoke notes that a key is about to be revoked.
func (e *examination) revoke(kid string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.emergency = emergency{kid: kid, begun: time.Now()}
}

// revokedEverywhere notes that no process has the revoked key any more.
func (e *examination) revokedEverywhere() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.emergency.inForce = time.Now()
	e.emergency.over = e.emergency.inForce.Add(e.verifiers[0].maxAge)
}

// finish waits until the last token has been verified at the end of its life.
func (e *examination) finish() {
	close(e.stages[0])
	e.work.Wait()
}

// signed are the numbers of keys that signed, by algorithm.
func (e *examination) signed() map[jose.SignatureAlgorithm]int {
	byAlg := map[jose.SignatureAlgorithm]int{}
	for _, alg := range e.kidsOf() {
		byAlg[alg]++
	}
	return byAlg
}

// kidsOf are the keys that signed.
func (e *examination) kidsOf() map[string]jose.SignatureAlgorithm {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.kids)
}

// errNoToken reports an answer without a token.
var errNoToken = errors.New("no token")
