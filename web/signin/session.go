package signin

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"eidgate/eid"
	"eidgate/store"
	"eidgate/web/shell"
)

// Bounds of a sign-in at our own pages. Tokens end on their own, earlier.
const (
	idle     = 30 * time.Minute
	absolute = 12 * time.Hour
	draftFor = 30 * time.Minute
	// refreshAhead is how long before its end an access token is replaced, and
	// touchEvery how often the use of a session is written down.
	refreshAhead = 30 * time.Second
	touchEvery   = time.Minute
	maxDraft     = 32 << 10 // bytes
)

// session is a sign-in at one gate. It is sealed wherever it is kept.
type session struct {
	Account   eid.AccountID `json:"account"`
	Level     eid.Level     `json:"level"`
	AMR       []string      `json:"amr,omitempty"`
	AuthTime  time.Time     `json:"auth_time"`
	Access    string        `json:"access,omitempty"` // empty: it has ended
	AccessEnd time.Time     `json:"access_end,omitzero"`
	Refresh   string        `json:"refresh,omitempty"`
	IDToken   string        `json:"id_token,omitempty"`
	StartedAt time.Time     `json:"started_at"`
	SeenAt    time.Time     `json:"seen_at"`
}

// handle names a record to the browser: a slot, where it lives, and 256 random bits, of
// which state holds a hash.
type handle struct{ slot, secret string }

func newHandle() handle { return handle{shell.Random(12), shell.Random(32)} }

func (h handle) String() string { return h.slot + "." + h.secret }

func (h handle) key(kind string) string { return kind + ":" + hash(h.secret) }

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// held is what a browser holds at a gate.
type held struct {
	handle  handle
	session session
	raw     []byte
	draft   []byte // what was typed before it ended; nil without
	known   bool   // there is a record of it; it may have ended
	living  bool
}

// Kinds of records. They are apart for each gate: a cookie of one opens nothing at
// another.
func (g *Gate) kindSession() string { return "signin-" + g.cfg.Name }
func (g *Gate) kindDraft() string   { return "draft-" + g.cfg.Name }

// place binds a sealed record to its key.
func (g *Gate) place(kind string, h handle) string { return "signin/" + h.slot + "/" + h.key(kind) }

// cookie reads the handle that a browser holds, if it was made here.
func (g *Gate) cookie(r *http.Request) (handle, bool) {
	value, ok := g.d.Shell.Cookie(r, g.cfg.Name)
	slot, secret, cut := strings.Cut(value, ".")
	return handle{slot, secret}, ok && cut
}

// find gives the sign-in of a request as of now: the gateway is asked whether the token
// still holds, so that locks, logouts and ended links are in force at once. It fails
// where that cannot be told.
func (g *Gate) find(ctx context.Context, r *http.Request) (held, error) {
	hd, ok := g.cookie(r)
	if !ok {
		return held{}, nil
	}
	h, err := g.read(ctx, hd)
	now := g.d.Now()
	if err != nil || !h.known || h.session.Access == "" {
		return h, err
	}
	if now.Sub(h.session.SeenAt) > idle || now.Sub(h.session.StartedAt) > absolute {
		return h, g.end(ctx, h)
	}
	next := h.session
	if next.AccessEnd.Sub(now) < refreshAhead {
		good, err := g.party.refresh(ctx, &next)
		if err != nil {
			return h, err
		}
		if !good {
			return h, g.end(ctx, h)
		}
	}
	active, err := g.party.active(ctx, &next)
	if err != nil {
		return h, err
	}
	if !active {
		return h, g.end(ctx, h)
	}
	refreshed := next.Access != h.session.Access
	if now.Sub(next.SeenAt) >= touchEvery {
		next.SeenAt = now
	}
	if refreshed || next.SeenAt != h.session.SeenAt {
		if err := g.replace(ctx, h, next); err != nil {
			return h, err
		}
	}
	h.session, h.living = next, true
	return h, nil
}

// read finds the record of a handle.
func (g *Gate) read(ctx context.Context, hd handle) (held, error) {
	h := held{handle: hd}
	results, err := g.d.State.Apply(ctx, hd.slot, store.Get(hd.key(g.kindSession())), store.Get(hd.key(g.kindDraft())))
	if err != nil {
		return h, fmt.Errorf("finding sign-in: %w", err)
	}
	if !results[0].OK {
		return h, nil
	}
	h.raw, h.draft = results[0].Value, results[1].Value
	if err := g.open(h.raw, g.place(g.kindSession(), hd), &h.session); err != nil {
		return h, fmt.Errorf("reading sign-in: %w", err)
	}
	h.known = true
	return h, nil
}

// keep writes a new sign-in.
func (g *Gate) keep(ctx context.Context, hd handle, s session) error {
	raw, err := g.seal(s, g.place(g.kindSession(), hd))
	if err != nil {
		return err
	}
	results, err := g.d.State.Apply(ctx, hd.slot, store.PutIfAbsent(hd.key(g.kindSession()), raw, absolute))
	if err == nil && !results[0].OK {
		err = errors.New("a new handle was taken")
	}
	if err != nil {
		return fmt.Errorf("keeping sign-in: %w", err)
	}
	return nil
}

// replace writes a sign-in anew, unless another request was faster: what that one wrote
// is as good, and an end stays one.
func (g *Gate) replace(ctx context.Context, h held, s session) error {
	raw, err := g.seal(s, g.place(g.kindSession(), h.handle))
	if err != nil {
		return err
	}
	ttl := s.StartedAt.Add(absolute).Sub(g.d.Now())
	if ttl <= 0 {
		return nil
	}
	if _, err := g.d.State.Apply(ctx, h.handle.slot, store.CompareAndSet(h.handle.key(g.kindSession()), h.raw, raw, ttl)); err != nil {
		return fmt.Errorf("keeping sign-in: %w", err)
	}
	return nil
}

// end takes what a sign-in can do. Whose it was is kept, so that what its holder typed
// comes back to nobody else.
func (g *Gate) end(ctx context.Context, h held) error {
	return g.replace(ctx, h, session{Account: h.session.Account, StartedAt: h.session.StartedAt, SeenAt: h.session.SeenAt})
}

// forget removes all that is kept for a handle.
func (g *Gate) forget(ctx context.Context, hd handle) error {
	if _, err := g.d.State.Apply(ctx, hd.slot, store.Delete(hd.key(g.kindSession())), store.Delete(hd.key(g.kindDraft()))); err != nil {
		return fmt.Errorf("forgetting sign-in: %w", err)
	}
	return nil
}

// draft is what was typed at a page when the sign-in had ended.
type draft struct {
	Account eid.AccountID `json:"account"`
	Path    string        `json:"path"`
	Form    url.Values    `json:"form"`
}

// keepDraft keeps what was typed, one form for each handle, where it is known whose it
// is. It reports whether it did.
func (g *Gate) keepDraft(ctx context.Context, h held, path string, form url.Values) (bool, error) {
	if !h.known || len(form) == 0 || len(form.Encode()) > maxDraft {
		return false, nil
	}
	return true, g.putDraft(ctx, h.handle, draft{h.session.Account, path, form})
}

func (g *Gate) putDraft(ctx context.Context, hd handle, d draft) error {
	raw, err := g.seal(d, g.place(g.kindDraft(), hd))
	if err != nil {
		return err
	}
	key := hd.key(g.kindDraft())
	if _, err := g.d.State.Apply(ctx, hd.slot, store.Delete(key), store.PutIfAbsent(key, raw, draftFor)); err != nil {
		return fmt.Errorf("keeping what was typed: %w", err)
	}
	return nil
}

// takeDraft gives what the same person typed at a page, once.
func (g *Gate) takeDraft(ctx context.Context, h held, path string) (url.Values, error) {
	d, ok, err := g.openDraft(h)
	if err != nil || !ok || d.Path != path {
		return nil, err
	}
	results, err := g.d.State.Apply(ctx, h.handle.slot, store.Take(h.handle.key(g.kindDraft())))
	if err != nil {
		return nil, fmt.Errorf("finding what was typed: %w", err)
	}
	if !results[0].OK { // another tab was faster
		return nil, nil
	}
	return d.Form, nil
}

// openDraft reads what is kept beside a sign-in. It is nobody's but its holder's.
func (g *Gate) openDraft(h held) (d draft, ok bool, err error) {
	if len(h.draft) == 0 {
		return draft{}, false, nil
	}
	if err := g.open(h.draft, g.place(g.kindDraft(), h.handle), &d); err != nil {
		return draft{}, false, fmt.Errorf("reading what was typed: %w", err)
	}
	return d, d.Account == h.session.Account, nil
}

func (g *Gate) seal(v any, place string) ([]byte, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("writing record: %w", err)
	}
	sealed, err := g.d.Sealer.Seal(raw, place)
	if err != nil {
		return nil, fmt.Errorf("sealing record: %w", err)
	}
	return sealed, nil
}

func (g *Gate) open(sealed []byte, place string, v any) error {
	raw, err := g.d.Sealer.Open(sealed, place)
	if err != nil {
		return fmt.Errorf("opening record: %w", err)
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return fmt.Errorf("reading record: %w", err)
	}
	return nil
}
