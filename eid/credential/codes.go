package credential

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"time"

	"eidgate/eid"
	"eidgate/store"
)

// Purpose is what a sent code is for. A code for one is none for another.
type Purpose string

// The purposes.
const (
	PurposeSignIn       Purpose = "signin"       // a second factor
	PurposeRegistration Purpose = "registration" // of a contact, before there is an account
	PurposeActivation   Purpose = "activation"
	PurposeRecovery     Purpose = "recovery"
)

// Bounds of sent codes (NIST SP 800-63B-4 §3.1.3.2).
const (
	// SentCodeLife is how long a code counts.
	SentCodeLife = 5 * time.Minute
	// SentCodeTries is how many codes are compared for a session of a subject in
	// SentCodeWindow. Another code does not give new ones.
	SentCodeTries = 5
	// SentCodeWindow is the time that tries are counted over.
	SentCodeWindow = 15 * time.Minute

	// Over all sessions of a subject. Each code is worth SentCodeTries guesses at most, so
	// that somebody has 100 of them a day, whatever they begin anew.
	maxMade      = 5 // in SentCodeWindow
	maxMadeDaily = 20
	usedFor      = time.Second
)

// ErrTooMany tells that no more codes are made for a subject at the moment. See TooManyError.
var ErrTooMany = errors.New("too many codes asked for")

// TooManyError says when the next code may be asked for. It wraps ErrTooMany.
type TooManyError struct{ Until time.Time }

func (e *TooManyError) Error() string {
	return "too many codes asked for until " + e.Until.Format(time.RFC3339)
}
func (e *TooManyError) Unwrap() error { return ErrTooMany }

// Codes makes and takes codes that are sent to somebody. What is kept of one is a keyed
// hash, under a name that does not tell whose it is.
type Codes struct {
	state store.State
	key   []byte
}

// NewCodes makes Codes. key is 32 random bytes, the same on every replica.
func NewCodes(state store.State, key []byte) (*Codes, error) {
	if state == nil || len(key) != sha256.Size {
		return nil, fmt.Errorf("sent codes: want passing state and a key of %d bytes, have one of %d", sha256.Size, len(key))
	}
	return &Codes{state: state, key: key}, nil
}

// Make makes a code of six digits for a purpose and a subject, such as an account or a
// draft. The one of before does not count any more, the tries at it do. The error is a
// TooManyError where too many were asked for.
//
// A subject that does not exist gets one as well: its caller sends it to nobody.
func (c *Codes) Make(ctx context.Context, p Purpose, subject string, now time.Time) (eid.Secret, error) {
	return c.MakeFor(ctx, p, subject, "", now)
}

// MakeFor does so for one session of the subject, such as a login: the code counts there
// only, and those of other sessions stay. What is counted is counted for the subject.
func (c *Codes) MakeFor(ctx context.Context, p Purpose, subject, session string, now time.Time) (eid.Secret, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return eid.Secret{}, fmt.Errorf("making a code: %w", err)
	}
	code, key := fmt.Sprintf("%06d", n), c.keyOf(p, subject, session)
	results, err := c.state.Apply(
		ctx, c.slot(p, subject),
		// Where no try is left, a code is of no use: one is taken and given back.
		store.Count(triesOf(key), SentCodeTries, SentCodeWindow),
		store.Uncount(triesOf(key), 1),
		store.Count("made", maxMade, SentCodeWindow),
		store.Count("daily", maxMadeDaily, 24*time.Hour),
		store.Delete(key),
		store.PutIfAbsent(key, c.hash(p, subject, session, code), SentCodeLife),
	)
	switch {
	case err != nil:
		return eid.Secret{}, fmt.Errorf("making a code: %w", err)
	case len(results) == 0:
		return eid.Secret{}, fmt.Errorf("making a code: no results: %w", store.ErrUnavailable)
	}
	last := results[len(results)-1]
	switch {
	case !last.OK && len(results) <= 4: // a counter is full
		return eid.Secret{}, fmt.Errorf("making a code: %w", &TooManyError{Until: now.Add(max(last.Left, time.Second))})
	case !last.OK || len(results) != 6:
		return eid.Secret{}, errors.New("making a code: it was not kept")
	}
	return eid.NewSecret(code), nil
}

// Take reports whether a code is the one that was made last, and lets it count once.
// Each call counts before it compares; after SentCodeTries in a window nothing is right.
// Spaces in a code are dropped.
func (c *Codes) Take(ctx context.Context, p Purpose, subject, code string, now time.Time) (bool, error) {
	return c.TakeFor(ctx, p, subject, "", code, now)
}

// TakeFor does so with a code of MakeFor.
func (c *Codes) TakeFor(ctx context.Context, p Purpose, subject, session, code string, _ time.Time) (bool, error) {
	digits, wellFormed := cleanCode(code)
	key := c.keyOf(p, subject, session)
	ops := []store.Op{store.Count(triesOf(key), SentCodeTries, SentCodeWindow)}
	if wellFormed {
		// The used code is overwritten before it goes: of several at a time one finds it.
		ops = append(ops,
			store.CompareAndSet(key, c.hash(p, subject, session, digits), []byte("used"), usedFor),
			store.Delete(key), store.Delete(triesOf(key)))
	}
	results, err := c.state.Apply(ctx, c.slot(p, subject), ops...)
	if err != nil {
		return false, fmt.Errorf("taking a code: %w", err)
	}
	return wellFormed && len(results) == len(ops), nil
}

func (c *Codes) slot(p Purpose, subject string) string {
	return "code." + base64.RawURLEncoding.EncodeToString(c.sum("slot", string(p), subject))
}

// keyOf is the key of a code among those of its subject.
func (c *Codes) keyOf(p Purpose, subject, session string) string {
	return "code." + base64.RawURLEncoding.EncodeToString(c.sum("session", string(p), subject, session)[:12])
}

func triesOf(key string) string { return "tries." + key }

func (c *Codes) hash(p Purpose, subject, session, code string) []byte {
	return c.sum("code", string(p), subject, session, code)
}

func (c *Codes) sum(parts ...string) []byte {
	mac := hmac.New(sha256.New, c.key)
	mac.Write([]byte("eidgate sent code 1"))
	for _, p := range parts {
		_, _ = fmt.Fprintf(mac, "\x00%d\x00%s", len(p), p) // a hash takes everything
	}
	return mac.Sum(nil)
}
