package provider

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/store"
)

// session is what one browser is to the gateway. It begins nameless, when the
// first login starts, and is given a person by a proof.
type session struct {
	ID      string             `json:"id"`
	Account eid.AccountID      `json:"account,omitempty"`
	Proofs  []federation.Proof `json:"proofs,omitempty"`
	Grants  []sessionGrant     `json:"grants,omitempty"`
	// Idle is what an idle session of this browser left: grants whose tokens still
	// live. They join the session if the same person comes back.
	Idle      *idleSession `json:"idle,omitempty"`
	StartedAt time.Time    `json:"started_at"`
	SeenAt    time.Time    `json:"seen_at"`
	// Watched: a source may say that this session is over. See trail.
	Watched bool `json:"watched,omitempty"`
}

// Bounds of a session's lists; the oldest entries go first.
const (
	maxProofs = 8
	maxGrants = 64
)

// idleSession is a session that went idle, as far as a later logout needs it.
type idleSession struct {
	Account eid.AccountID  `json:"account"`
	Grants  []sessionGrant `json:"grants"`
}

// sessionGrant is a grant that was made from a session: where its tokens are, so
// that they end with it, and whom to tell.
type sessionGrant struct {
	Client string
	SID    string
	Slot   string
	Family string
	Until  int64 // seconds since 1970: when its last token ends at the latest
}

// sid names the session to one party (OpenID Connect Back-Channel Logout §2.1).
// Two parties see two names, or they could tell that they share a visitor.
func (s session) sid(client string) string { return hashText(s.ID + "\x00" + client) }

// sids are the names by which a party knows the grants of the session, the latest
// last. Grants that outlived an idle session keep the name of that one.
func (s session) sids(client string) []string {
	var list []string
	for _, g := range s.Grants {
		if g.Client == client && !slices.Contains(list, g.SID) {
			list = append(list, g.SID)
		}
	}
	return list
}

// granted adds a grant to the list. What leaves it is of no more use, for its
// tokens have ended and a later grant carries the same name, or ousted: its tokens
// must end now, or no logout would find them.
func (s session) granted(g sessionGrant, now time.Time) (listed session, ousted *sessionGrant) {
	listed = s
	listed.SeenAt, listed.Grants = now, make([]sessionGrant, 0, len(s.Grants)+1)
	for i, old := range s.Grants {
		sameName := func(later sessionGrant) bool { return later.Client == old.Client && later.SID == old.SID }
		if old.Until > now.Unix() || !sameName(g) && !slices.ContainsFunc(s.Grants[i+1:], sameName) {
			listed.Grants = append(listed.Grants, old)
		}
	}
	listed.Grants = append(listed.Grants, g)
	if i := listed.crowdedOut(); i >= 0 {
		ousted = new(listed.Grants[i])
		listed.Grants = slices.Delete(listed.Grants, i, i+1)
	}
	return listed, ousted
}

// crowdedOut is the grant that a list too long gives up, -1 where there is room:
// the oldest of the party that has most. Whoever asks often pushes out its own.
func (s session) crowdedOut() int {
	if len(s.Grants) <= maxGrants {
		return -1
	}
	count, first := map[string]int{}, map[string]int{}
	for i, g := range s.Grants {
		if count[g.Client]++; count[g.Client] == 1 {
			first[g.Client] = i
		}
	}
	most := s.Grants[0].Client
	for client, n := range count {
		if n > count[most] || n == count[most] && first[client] < first[most] {
			most = client
		}
	}
	return first[most]
}

// keepFor is how long the record of a session stays: as long as it is a session,
// and after that as long as tokens made from it live, so that a logout finds them.
func (p *Provider) keepFor(s session) time.Duration {
	if s.Account == "" {
		return p.cfg.Lifetimes.Login
	}
	last := int64(0)
	for _, g := range s.Grants {
		last = max(last, g.Until)
	}
	return min(max(p.cfg.Lifetimes.SessionIdle, time.Unix(last, 0).Sub(p.deps.Now())), store.MaxTTL)
}

// Kinds of records in a browser's slot.
const (
	kindSession = "session"
	kindLogin   = "login"
	kindState   = "state"
	kindPosted  = "posted" // a state whose answer was posted
	kindPlace   = "place"  // where a session is, by its id
)

// touchEvery keeps the idle time of a session without a write at each request.
const touchEvery = time.Minute

// errGone reports that a record is no longer there: expired, used, or another
// browser's. Which one is nobody's business.
var errGone = errors.New("gone")

// browser is one browser's cookie with the session behind it.
type browser struct {
	handle  handle
	session session
	raw     []byte // the session as stored; nil when it is new
	place   string // the key of the session, where the handle's secret is not known
}

// key is that of the session's record.
func (b browser) key() string { return cmp.Or(b.place, b.handle.key(kindSession)) }

// cookieName carries the prefix that pins a cookie to one host over https
// (RFC 6265bis §4.1.3.2). Plain http exists on loopback only.
func (p *Provider) cookieName() string {
	if p.secure {
		return "__Host-eidgate"
	}
	return "eidgate"
}

func (p *Provider) setCookie(c *gin.Context, h handle) {
	http.SetCookie(c.Writer, &http.Cookie{
		Name: p.cookieName(), Value: h.String() + "~" + p.cookieMark(h), Path: "/",
		Secure: p.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// cookieHandle reads the handle that this browser holds, if any. One that we did
// not make is none: it costs no look at the store, and no place of those that
// browsers have which began here.
func (p *Provider) cookieHandle(c *gin.Context) (handle, bool) {
	cookie, err := c.Request.Cookie(p.cookieName())
	if err != nil {
		return handle{}, false
	}
	own, mark, _ := strings.Cut(cookie.Value, "~")
	h, ok := parseHandle(own)
	if !ok || !equalText(mark, p.cookieMark(h)) {
		return handle{}, false
	}
	return h, true
}

// cookieMark shows that a handle in a cookie was made here.
func (p *Provider) cookieMark(h handle) string { return p.mark("cookie", h, 16) }

// mark shows in so many bytes that a handle was made here, for one purpose.
func (p *Provider) mark(purpose string, h handle, bytes int) string {
	mac := hmac.New(sha256.New, p.deps.TokenKey)
	mac.Write([]byte("eidgate " + purpose + " 1\x00" + h.String()))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:bytes])
}

// newBrowser is a browser without a past; its cookie is set with the answer.
func (p *Provider) newBrowser() browser {
	now := p.deps.Now()
	return browser{handle: newHandle(), session: session{ID: randomText(16), StartedAt: now, SeenAt: now}}
}

// loadBrowser reads the living session of the cookie, together with whatever
// else the caller wants of the slot. errGone means there is none; where it has
// only gone idle it is returned all the same, for its end.
func (p *Provider) loadBrowser(ctx context.Context, h handle, ops ...store.Op) (browser, []store.Result, error) {
	return p.load(ctx, browser{handle: h}, ops...)
}

// load is loadBrowser for a session whose place is known.
func (p *Provider) load(ctx context.Context, b browser, ops ...store.Op) (browser, []store.Result, error) {
	results, err := p.deps.State.Apply(ctx, b.handle.slot, append([]store.Op{store.Get(b.key())}, ops...)...)
	if err != nil {
		return browser{}, nil, fmt.Errorf("loading session: %w", err)
	}
	if !results[0].OK {
		return browser{}, nil, errGone
	}
	b.raw = results[0].Value
	if b.session, err = readSession(b.raw); err != nil {
		return browser{}, nil, fmt.Errorf("reading session: %w", err)
	}
	now := p.deps.Now()
	if now.Sub(b.session.SeenAt) > p.cfg.Lifetimes.SessionIdle || now.Sub(b.session.StartedAt) > p.cfg.Lifetimes.SessionAbsolute {
		return b, nil, errGone
	}
	return b, results[1:], nil
}

// touch notes that the session is in use.
func (p *Provider) touch(ctx context.Context, b *browser) error {
	now := p.deps.Now()
	if now.Sub(b.session.SeenAt) < touchEvery {
		return nil
	}
	b.session.SeenAt = now
	raw := b.session.record()
	_, err := p.deps.State.Apply(ctx, b.handle.slot, store.CompareAndSet(b.key(), b.raw, raw, p.keepFor(b.session)))
	if err != nil {
		return fmt.Errorf("keeping session: %w", err)
	}
	b.raw = raw
	return nil
}

// watched notes whether a source may say that the session is over.
func (s session) watched(listens bool) session {
	s.Watched = s.Watched || listens
	return s
}

// prove gives the session a proof. It adds to the proofs, unless the sign-in was
// to be a fresh one: then it replaces them, for a level once reached must not
// outlive a weaker sign-in. Another person's proof replaces the session.
func (s session) prove(proof federation.Proof, fresh bool, now time.Time) session {
	switch {
	case s.Account != proof.Account:
		s.ID, s.StartedAt, s.Proofs, s.Grants, s.Watched = randomText(16), now, nil, nil, false
		if s.Idle != nil && s.Idle.Account == proof.Account {
			s.Grants = s.Idle.Grants
		}
	case fresh:
		s.Proofs = nil
	}
	s.Account, s.SeenAt, s.Idle = proof.Account, now, nil
	// A new array: the old session may still be read.
	s.Proofs = append(append([]federation.Proof(nil), s.Proofs...), proof)
	if len(s.Proofs) > maxProofs {
		s.Proofs = s.Proofs[len(s.Proofs)-maxProofs:]
	}
	return s
}
