// Package store declares the port to passing state: logins, codes, sessions,
// token families, replay marks and counters. Nothing behind it is durable.
package store

import (
	"context"
	"errors"
	"time"
)

// ErrUnavailable reports that a store, of passing state or of durable data,
// cannot be reached or is too busy. Callers answer 503 and decide nothing.
var ErrUnavailable = errors.New("store unavailable")

// Limits of one entry; Apply refuses what exceeds them.
const (
	MaxKey   = 128      // bytes, slot and key each
	MaxValue = 64 << 10 // bytes
	MaxTTL   = 31 * 24 * time.Hour
)

// State runs the operations of one slot in order, atomically and in one round
// trip. The first operation whose condition fails (see Op) ends the run: what
// came before it stays done, what comes after it is not done, and results has
// an entry for each operation up to and including the failed one.
//
// Operations on other slots (In) run in the same order and end in the same way,
// but a backend that keeps slots apart (Redis Cluster) gives each slot a round
// trip of its own and may fail between two of them. So what comes first must be
// harmless without what comes after.
type State interface {
	Apply(ctx context.Context, slot string, ops ...Op) (results []Result, err error)
}

// Kind names an operation.
type Kind int

// The operations. Every write carries a time to live.
const (
	opInvalid       Kind = iota
	OpGet                // never fails; OK says whether the key was there
	OpPutIfAbsent        // fails when the key is there
	OpCompareAndSet      // fails when the key's value is not Old
	OpTake               // reads and removes, a counter as decimal digits; fails when the key is absent
	OpMove               // renames Key to To with a new TTL, returns the value; fails when Key is absent or To is there
	OpDelete             // never fails; OK says whether the key was there
	OpCount              // adds one to a counter of a fixed window; fails, without adding, at Limit
	OpUncount            // takes Limit from a counter, not below zero, and keeps its window; never fails; OK says whether the counter was there
)

// Op is one operation on one key. Make it with the functions below.
type Op struct {
	Kind  Kind
	Key   string
	To    string        // OpMove
	Value []byte        // OpPutIfAbsent, OpCompareAndSet
	Old   []byte        // OpCompareAndSet
	TTL   time.Duration // writes; the window's length for OpCount
	Limit int64         // OpCount; for OpUncount how many
	Slot  string        // where it is not that of Apply: see In
}

// Conditional reports whether the operation has a condition that may fail.
func (o Op) Conditional() bool {
	return o.Kind != OpGet && o.Kind != OpDelete && o.Kind != OpUncount
}

// Result is what one operation gave.
type Result struct {
	OK    bool
	Value []byte        // OpGet, OpTake, OpMove
	N     int64         // OpCount: the count in this window, this one included; OpUncount: what is left of it
	Left  time.Duration // OpCount: until the window ends
}

// Get reads a key.
func Get(key string) Op { return Op{Kind: OpGet, Key: key} }

// PutIfAbsent writes a key that must not exist.
func PutIfAbsent(key string, value []byte, ttl time.Duration) Op {
	return Op{Kind: OpPutIfAbsent, Key: key, Value: value, TTL: ttl}
}

// CompareAndSet replaces a value that must still be old.
func CompareAndSet(key string, old, value []byte, ttl time.Duration) Op {
	return Op{Kind: OpCompareAndSet, Key: key, Old: old, Value: value, TTL: ttl}
}

// Take reads a key and removes it: at most one caller gets the value.
func Take(key string) Op { return Op{Kind: OpTake, Key: key} }

// Move renames a key: at most one caller succeeds.
func Move(key, to string, ttl time.Duration) Op {
	return Op{Kind: OpMove, Key: key, To: to, TTL: ttl}
}

// Delete removes a key.
func Delete(key string) Op { return Op{Kind: OpDelete, Key: key} }

// Count adds one to a counter that starts again a window after its first count,
// unless limit is reached.
func Count(key string, limit int64, window time.Duration) Op {
	return Op{Kind: OpCount, Key: key, Limit: limit, TTL: window}
}

// Uncount takes back n of what Count added: for what was counted before its
// outcome was known. A window that ended meanwhile has nothing to give back.
func Uncount(key string, n int64) Op {
	return Op{Kind: OpUncount, Key: key, Limit: n}
}

// In makes an operation one on another slot than Apply's.
func In(slot string, op Op) Op {
	op.Slot = slot
	return op
}
