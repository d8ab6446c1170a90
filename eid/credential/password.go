// Package credential owns the verification of passwords and one-time codes, and
// what level the methods of the built-in account system carry. It keeps no
// accounts and counts no guesses: its callers do.
package credential

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/zitadel/passwap"
	"github.com/zitadel/passwap/argon2"
	"golang.org/x/text/unicode/norm"

	"eidgate/eid"
)

// Errors of passwords.
var (
	// ErrMismatch: the password is not the one that was hashed.
	ErrMismatch = errors.New("password does not match")
	// ErrUnusable: the text is empty or longer than MaxPassword.
	ErrUnusable = errors.New("password empty or too long")
	// ErrBusy: there was no room; nothing was evaluated.
	ErrBusy = errors.New("too many evaluations under way")
)

// MaxPassword is the longest password taken, in bytes. It is far above what
// NIST SP 800-63B-4 §3.1.1.2 wants accepted and keeps the work bounded.
const MaxPassword = 1024

// Passwords hashes and verifies with argon2id at the cost that OWASP's Password
// Storage Cheat Sheet gives: 19 MiB, two passes, one lane. It is safe for
// concurrent use; a pool bounds how many evaluations run at a time and with them
// the memory in use, an admission before it how many wait.
type Passwords struct {
	swapper     *passwap.Swapper
	admission   *admission
	running     chan struct{}
	decoy       string
	evaluations atomic.Uint64
}

// NewPasswords makes a verifier that runs at most limit evaluations at a time.
// Zero means one per processor but one, which answers everybody else meanwhile.
func NewPasswords(limit int) (*Passwords, error) {
	if limit < 0 {
		return nil, fmt.Errorf("password evaluations at a time: %d is negative", limit)
	}
	if limit == 0 {
		limit = max(runtime.GOMAXPROCS(0)-1, 1)
	}
	return &Passwords{
		swapper: passwap.NewSwapper(argon2.NewArgon2id(
			argon2.Params{Memory: memory, Time: passes, Threads: 1, KeyLen: hashLen, SaltLen: saltLen}, nil)),
		admission: newAdmission(limit, firstCost),
		running:   make(chan struct{}, limit),
		decoy:     newDecoy(),
	}, nil
}

// The cost of a hash.
const (
	memory  = 19 << 10 // KiB
	passes  = 2
	hashLen = 32 // bytes
	saltLen = 16
)

// firstCost is what an evaluation is taken to cost until the first was measured.
// Evaluating one at the start would keep its memory in the process.
const firstCost = 40 * time.Millisecond

// newDecoy makes the hash of no password: random bytes in its place.
func newDecoy() string {
	b := make([]byte, saltLen+hashLen)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	text := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=1$%s$%s", memory, passes, text(b[:saltLen]), text(b[saltLen:]))
}

// Admit takes a place in the queue for one evaluation by Verify or Dummy, before
// the guess is counted. It returns ErrBusy at once where there is no room, or
// where who has its share of it already: a name such as a counter's, hidden. A
// part of the queue is for the familiar, who showed that they signed in before.
// leave gives the place back and may be called again.
func (p *Passwords) Admit(who string, familiar bool) (leave func(), err error) {
	return p.admission.enter(who, familiar)
}

// Hash makes the hash to store for a password. It returns ErrUnusable for a
// text that no password may be, and ErrBusy or the context's error when the pool
// stayed busy for too long.
func (p *Passwords) Hash(ctx context.Context, password eid.Secret) (string, error) {
	text, ok := prepare(password)
	if !ok {
		return "", ErrUnusable
	}
	release, err := p.acquire(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	hash, err := p.swapper.Hash(text)
	if err != nil {
		return "", fmt.Errorf("hashing a password: %w", err)
	}
	return hash, nil
}

// Verify compares a password with a stored hash. It returns ErrMismatch for
// another password. updated is empty, or a new hash to store in place of one
// made at an older cost. Any other error means the hash could not be used.
func (p *Passwords) Verify(ctx context.Context, hash string, password eid.Secret) (updated string, err error) {
	text, ok := prepare(password)
	if !ok {
		return "", ErrMismatch
	}
	// The bounds come first: a stored hash must not choose its own cost.
	if err := p.swapper.Validate(hash); err != nil {
		return "", fmt.Errorf("reading a password hash: %w", err)
	}
	return p.evaluate(ctx, func() (string, error) { return p.swapper.Verify(hash, text) })
}

// Dummy does the work of Verify for an account that does not exist or has no
// password. It never matches: the error is ErrMismatch or the context's.
func (p *Passwords) Dummy(ctx context.Context, password eid.Secret) error {
	text, ok := prepare(password)
	if !ok {
		return ErrMismatch
	}
	if _, err := p.evaluate(ctx, func() (string, error) { return p.swapper.Verify(p.decoy, text) }); err != nil {
		return err
	}
	return ErrMismatch
}

// Evaluations is how many comparisons ran since the start.
func (p *Passwords) Evaluations() uint64 { return p.evaluations.Load() }

// evaluate compares in a place of the pool.
func (p *Passwords) evaluate(ctx context.Context, compare func() (updated string, err error)) (updated string, err error) {
	release, err := p.acquire(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	p.evaluations.Add(1)
	start := time.Now()
	updated, err = compare()
	p.admission.measured(time.Since(start))
	switch {
	case errors.Is(err, passwap.ErrPasswordMismatch):
		return "", ErrMismatch
	case err != nil:
		return "", fmt.Errorf("verifying a password: %w", err)
	}
	return updated, nil
}

// maxWait bounds the wait for a place in the pool, should the admission have
// taken the work for cheaper than it is.
const maxWait = 5 * time.Second

// acquire waits for a place in the pool.
func (p *Passwords) acquire(ctx context.Context) (release func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("waiting to evaluate a password: %w", err)
	}
	wait := time.NewTimer(maxWait)
	defer wait.Stop()
	select {
	case p.running <- struct{}{}:
		return func() { <-p.running }, nil
	case <-wait.C:
		return nil, fmt.Errorf("waiting to evaluate a password: %w", ErrBusy)
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting to evaluate a password: %w", ctx.Err())
	}
}

// prepare brings a password to the form that is hashed: keyboards differ in how
// they compose Vietnamese letters, NFC makes them one (RFC 8265 §4.2.2). ok is
// false for a text that no password may be.
func prepare(password eid.Secret) (text string, ok bool) {
	text = password.Reveal()
	if text == "" || len(text) > MaxPassword {
		return "", false
	}
	text = norm.NFC.String(text)
	return text, len(text) <= MaxPassword
}
