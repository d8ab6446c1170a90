package federation

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"eidgate/eid"
	"eidgate/store"
)

// GuessLimits bound guessing at secrets that are checked here. The zero value of
// a field means its default.
type GuessLimits struct {
	// Guesses is how many passwords, and apart from them how many codes, are
	// evaluated for one account or login name in a Window. Default 5, at most 20.
	Guesses int64
	// Window is the time that guesses are counted over. Default 15 min, from 1
	// min to 24 h.
	Window time.Duration
	// SecretFailures is how often one password may fail in a Window, whatever the
	// numbers. Default 20.
	SecretFailures int64
	// AddressFailures and NetworkFailures are how many passwords may fail in a
	// Window from one address (a /64 of IPv6) and from the network around it (a
	// /24, or a /48). They count browsers only that were not signed in with
	// before, and what succeeds is taken back, so that a village behind one
	// address may sign in together. Default 300 and 3000.
	AddressFailures, NetworkFailures int64
}

// Guesses counts tries at secrets before they are evaluated, in passing state
// that all replicas share. Names of counters do not tell whose they are.
type Guesses struct {
	limits GuessLimits
	state  store.State
	key    []byte
}

// NewGuesses checks the limits. key hides names: 32 random bytes, the same on
// every replica.
func NewGuesses(limits GuessLimits, state store.State, key []byte) (*Guesses, error) {
	if limits.Guesses == 0 {
		limits.Guesses = 5
	}
	if limits.Window == 0 {
		limits.Window = 15 * time.Minute
	}
	if limits.SecretFailures == 0 {
		limits.SecretFailures = 20
	}
	if limits.AddressFailures == 0 {
		limits.AddressFailures = 300
	}
	if limits.NetworkFailures == 0 {
		limits.NetworkFailures = 3000
	}
	var errs []error
	if limits.Guesses < 1 || limits.Guesses > 20 {
		errs = append(errs, fmt.Errorf("guesses %d: want 1 to 20", limits.Guesses))
	}
	if limits.Window < time.Minute || limits.Window > 24*time.Hour {
		errs = append(errs, fmt.Errorf("window %v: want 1 min to 24 h", limits.Window))
	}
	if min(limits.SecretFailures, limits.AddressFailures, limits.NetworkFailures) < 1 {
		errs = append(errs, errors.New("failures of a password, an address and a network: each must be at least 1"))
	}
	if len(key) != 32 {
		errs = append(errs, fmt.Errorf("key: %d bytes, want 32", len(key)))
	}
	if state == nil {
		errs = append(errs, errors.New("passing state is needed"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &Guesses{limits: limits, state: state, key: key}, nil
}

// Slot names the slot of one account or login name without telling which.
func (g *Guesses) Slot(kind, name string) string { return "signin." + encode(g.name(kind, name)) }

// Counter is one counter of a slot.
type Counter struct {
	Key string
	// Share is how many times GuessLimits.Guesses it holds; zero means once.
	Share int64
}

// Count takes one guess out of each counter's window before it is evaluated. It
// returns ThrottledError when one of them has none left.
func (g *Guesses) Count(ctx context.Context, slot string, now time.Time, counters ...Counter) error {
	ops := make([]store.Op, len(counters))
	for i, c := range counters {
		ops[i] = store.Count(c.Key, max(c.Share, 1)*g.limits.Guesses, g.limits.Window)
	}
	return g.count(ctx, slot, now, ops...)
}

func (g *Guesses) count(ctx context.Context, slot string, now time.Time, ops ...store.Op) error {
	results, err := g.state.Apply(ctx, slot, ops...)
	if err != nil {
		return fmt.Errorf("counting a guess: %w", err)
	}
	if len(results) == 0 {
		return fmt.Errorf("counting a guess: no results: %w", store.ErrUnavailable)
	}
	last := results[len(results)-1]
	if last.OK && len(results) == len(ops) {
		return nil
	}
	left := last.Left // how long a full counter stays full
	if left <= 0 || left > g.limits.Window {
		left = g.limits.Window
	}
	return &ThrottledError{Until: now.Add(left)}
}

// Forget ends the window of a counter after a right secret, and those of others
// beside it. It returns how many guesses the first had; of several right secrets at
// a time one gets them.
func (g *Guesses) Forget(ctx context.Context, slot, key string, beside ...string) (tries int64, err error) {
	ops := make([]store.Op, 0, len(beside)+1)
	for _, other := range beside {
		ops = append(ops, store.Delete(other))
	}
	results, err := g.state.Apply(ctx, slot, append(ops, store.Take(key))...)
	if err != nil {
		return 0, fmt.Errorf("resetting guesses: %w", err)
	}
	last := len(results) - 1
	if last != len(ops) || !results[last].OK {
		return 0, nil
	}
	if tries, err = strconv.ParseInt(string(results[last].Value), 10, 64); err != nil {
		return 0, errors.New("resetting guesses: no counter")
	}
	return tries, nil
}

// name hides what a counter is of. The label is that of the first source that
// counted: another would empty every counter at an upgrade.
func (g *Guesses) name(kind, name string) []byte {
	mac := hmac.New(sha256.New, g.key)
	mac.Write([]byte("eidgate account slot\x00" + kind + "\x00" + name))
	return mac.Sum(nil)
}

// Bounds of codes that are sent for browsers of one address and of the network around it,
// in a window: so many people of one office, or one who has many accounts messaged.
const (
	maxSentAddress = 60
	maxSentNetwork = 600
)

// CountSent counts a code that is sent for a browser at an address, before it is. It
// returns ThrottledError where there were too many.
func (g *Guesses) CountSent(ctx context.Context, from netip.Addr, now time.Time) error {
	one, around := eid.Networks(from)
	return g.count(ctx, slotCrowd, now,
		store.Count("sent.address."+encode(g.name("address", one)), maxSentAddress, g.limits.Window),
		store.Count("sent.network."+encode(g.name("network", around)), maxSentNetwork, g.limits.Window))
}
