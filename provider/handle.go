package provider

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// handle names a record of passing state to the outside: a slot, which says
// where the record lives, and 256 random bits, which prove the right to it.
// State holds only a hash of the bits, so a leaked store opens nothing.
type handle struct{ slot, secret string }

const (
	slotBytes   = 12
	secretBytes = 32
)

func newHandle() handle { return handleIn(randomText(slotBytes)) }

// handleIn makes a handle in an existing slot.
func handleIn(slot string) handle { return handle{slot: slot, secret: randomText(secretBytes)} }

// parseHandle reads what String wrote; anything else is no handle.
func parseHandle(s string) (handle, bool) {
	slot, secret, ok := strings.Cut(s, ".")
	if !ok || !isRandomText(slot, slotBytes) || !isRandomText(secret, secretBytes) {
		return handle{}, false
	}
	return handle{slot, secret}, true
}

func (h handle) String() string { return h.slot + "." + h.secret }

// key is the name of the record of one kind.
func (h handle) key(kind string) string { return kind + ":" + hashText(h.secret) }

func hashText(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func randomText(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program instead
	return base64.RawURLEncoding.EncodeToString(b)
}

// isRandomText reports whether s could be randomText(n).
func isRandomText(s string, n int) bool {
	if len(s) != base64.RawURLEncoding.EncodedLen(n) {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}
