package provider

import (
	"strings"
	"testing"
)

// What strangers send as codes, tokens and cookies is one of ours to the letter,
// or nothing.
func FuzzHandles(f *testing.F) {
	p := &Provider{deps: Deps{TokenKey: make([]byte, 32)}}
	f.Add(newHandle().String())
	f.Add(p.stateText(newHandle()))
	f.Add(refreshToken{slot: randomText(slotBytes), family: randomText(secretBytes), secret: randomText(secretBytes)}.String())
	for _, seed := range []string{"", ".", "..", "a.b", strings.Repeat("A", 16) + "." + strings.Repeat("A", 43), "\x00.\xff", strings.Repeat(".", 200)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		h, ok := parseHandle(s)
		if ok && h.String() != s {
			t.Errorf("parseHandle(%q) = %v, which is written %q", s, h, h.String())
		}
		state, made := p.parseState(s)
		if made && (p.stateText(state) != s || len(s) > 80) {
			t.Errorf("parseState(%q) = %v, which is written %q", s, state, p.stateText(state))
		}
		if ok && strings.Contains(h.key(kindCode), h.secret) {
			t.Errorf("the key of %q holds its secret", s)
		}
		r, refreshes := parseRefreshToken(s)
		if refreshes && r.String() != s {
			t.Errorf("parseRefreshToken(%q) = %v, which is written %q", s, r, r.String())
		}
		if ok && refreshes {
			t.Errorf("%q is both an access and a refresh token", s)
		}
	})
}

// Handles are long and never the same.
func TestHandlesAreRandom(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		h := newHandle()
		if len(h.secret) != 43 || len(h.slot) != 16 || seen[h.secret] || seen[h.slot] {
			t.Fatalf("handle %q is short or known", h)
		}
		seen[h.secret], seen[h.slot] = true, true
	}
}
