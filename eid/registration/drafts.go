package registration

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"eidgate/eid"
	"eidgate/store"
)

// Sealer keeps what was typed from whoever reads the passing state.
type Sealer interface {
	Seal(plaintext []byte, context string) ([]byte, error)
	Open(sealed []byte, context string) ([]byte, error)
}

// Lifetimes of drafts that are not filled in any more.
const (
	endedFor = 24 * time.Hour // the code was right
	// sendingFor is longer than acting on a draft takes at most.
	sendingFor = 30 * time.Second
)

// maxChanges is how often a change is tried that others were faster than.
const maxChanges = 8

const (
	slotBytes   = 12
	secretBytes = 32
)

// Token opens one draft: whoever has it in a cookie. It prints and logs as nothing.
type Token struct{ slot, secret string }

// NewToken makes a token of 256 random bits. Nothing is kept under it yet.
func NewToken() Token { return Token{randomText(slotBytes), randomText(secretBytes)} }

// ParseToken reads what Reveal gave.
func ParseToken(text string) (Token, bool) {
	slot, secret, ok := strings.Cut(text, ".")
	return Token{slot, secret}, ok && isRandomText(slot, slotBytes) && isRandomText(secret, secretBytes)
}

// Reveal gives the text for the cookie.
func (t Token) Reveal() string { return t.slot + "." + t.secret }

// CSRF is what a form has to carry that belongs to the token.
func (t Token) CSRF() string { return hashText("register csrf " + t.secret) }

// String tells nothing.
func (Token) String() string { return "[token]" }

// GoString tells nothing.
func (Token) GoString() string { return "[token]" }

// again is a token for the same slot with another secret.
func (t Token) again() Token { return Token{t.slot, randomText(secretBytes)} }

func (t Token) slotName() string { return "register." + t.slot }
func (t Token) key() string      { return "draft." + hashText(t.secret) }
func (t Token) lock() string     { return "sending." + hashText(t.secret) }

// drafts keeps drafts in passing state, sealed. What is kept bears the hash of what
// opens it.
type drafts struct {
	state  store.State
	sealer Sealer
}

// load finds a draft, and how it is kept; eid.ErrNotFound where there is none.
func (d drafts) load(ctx context.Context, t Token) (Draft, []byte, error) {
	results, err := d.state.Apply(ctx, t.slotName(), store.Get(t.key()))
	switch {
	case err != nil:
		return Draft{}, nil, fmt.Errorf("finding draft: %w", err)
	case len(results) != 1 || !results[0].OK:
		return Draft{}, nil, eid.ErrNotFound
	}
	var draft Draft
	text, err := d.sealer.Open(results[0].Value, t.key())
	if err != nil {
		return Draft{}, nil, fmt.Errorf("opening draft: %w", err)
	}
	if err := json.Unmarshal(text, &draft); err != nil {
		return Draft{}, nil, errors.New("opening draft: it cannot be read")
	}
	return draft, results[0].Value, nil
}

// change changes a draft, or makes it where there is none. Of several changes at a time
// each sees what the one before it left; an error of change leaves all as it was.
func (d drafts) change(ctx context.Context, t Token, ttl time.Duration, change func(*Draft) error) (Draft, error) {
	for range maxChanges {
		draft, old, err := d.load(ctx, t)
		if err != nil && !errors.Is(err, eid.ErrNotFound) {
			return Draft{}, err
		}
		if err := change(&draft); err != nil {
			return Draft{}, err
		}
		sealed, err := d.seal(draft, t)
		if err != nil {
			return Draft{}, err
		}
		op := store.CompareAndSet(t.key(), old, sealed, ttl)
		if old == nil {
			op = store.PutIfAbsent(t.key(), sealed, ttl)
		}
		results, err := d.state.Apply(ctx, t.slotName(), op)
		if err != nil {
			return Draft{}, fmt.Errorf("keeping draft: %w", err)
		}
		if len(results) == 1 && results[0].OK {
			return draft, nil
		}
	}
	return Draft{}, fmt.Errorf("keeping draft: others are always faster: %w", store.ErrUnavailable)
}

// move puts a draft under another token and ends the old one: of several at a time one
// does it, the others get eid.ErrNotFound.
func (d drafts) move(ctx context.Context, from, to Token, draft Draft, ttl time.Duration) error {
	sealed, err := d.seal(draft, to)
	if err != nil {
		return err
	}
	results, err := d.state.Apply(ctx, from.slotName(), store.Take(from.key()), store.PutIfAbsent(to.key(), sealed, ttl))
	switch {
	case err != nil:
		return fmt.Errorf("moving draft: %w", err)
	case len(results) != 2 || !results[1].OK:
		return eid.ErrNotFound
	}
	return nil
}

func (d drafts) forget(ctx context.Context, t Token) error {
	if _, err := d.state.Apply(ctx, t.slotName(), store.Delete(t.key())); err != nil {
		return fmt.Errorf("forgetting draft: %w", err)
	}
	return nil
}

// lock takes the right to send a draft; false while somebody else has it.
func (d drafts) lock(ctx context.Context, t Token) (bool, error) {
	results, err := d.state.Apply(ctx, t.slotName(), store.PutIfAbsent(t.lock(), []byte{1}, sendingFor))
	if err != nil {
		return false, fmt.Errorf("sending draft: %w", err)
	}
	return len(results) == 1 && results[0].OK, nil
}

func (d drafts) unlock(ctx context.Context, t Token) error {
	_, err := d.state.Apply(ctx, t.slotName(), store.Delete(t.lock()))
	return err
}

func (d drafts) seal(draft Draft, t Token) ([]byte, error) {
	text, err := json.Marshal(draft)
	if err != nil {
		return nil, fmt.Errorf("writing draft: %w", err)
	}
	sealed, err := d.sealer.Seal(text, t.key())
	if err != nil {
		return nil, fmt.Errorf("sealing draft: %w", err)
	}
	return sealed, nil
}

func hashText(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func randomText(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b)
}

func isRandomText(s string, n int) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(b) == n
}
