package provider

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"eidgate/store"
)

// Who gives way in a trail that is full, and how long it is kept.
func TestTrail(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	in := func(d time.Duration) int64 { return now.Add(d).Unix() }
	full := func(untils ...int64) trail {
		var list trail
		for i := range trailWidth {
			list = append(list, trailed{in(time.Hour), strconv.Itoa(i)})
		}
		for i, until := range untils {
			list[i].until = until
		}
		return list
	}
	for _, tt := range []struct {
		name   string
		before trail
		one    trailed
		ousted string
		places int
		life   time.Duration
	}{
		{"the first", nil, trailed{in(time.Minute), "a b"}, "", 1, time.Minute},
		{"beside one that lasts longer", full()[:1], trailed{in(time.Minute), "a b"}, "", 2, time.Hour},
		{"there already, for longer", full(), trailed{in(2 * time.Hour), "3"}, "", trailWidth, 2 * time.Hour},
		{"there already, for less", full(), trailed{in(time.Minute), "3"}, "", trailWidth, time.Hour},
		{"the oldest gives way", full(), trailed{in(time.Hour), "a b"}, "0", trailWidth, time.Hour},
		{"what is over gives way first", full(in(time.Hour), in(time.Hour), in(-time.Second)), trailed{in(time.Hour), "a b"}, "2", trailWidth, time.Hour},
		{"no longer than the store keeps", nil, trailed{in(2 * store.MaxTTL), "a b"}, "", 1, store.MaxTTL},
	} {
		kept := slices.Clone(tt.before)
		got, ousted := tt.before.with(tt.one, now)
		if ousted != tt.ousted || len(got) != tt.places || got.life(now) != tt.life {
			t.Errorf("%s: %q gives way, %d places kept for %v; want %q, %d, %v", tt.name, ousted, len(got), got.life(now), tt.ousted, tt.places, tt.life)
		}
		if !slices.ContainsFunc(got, func(one trailed) bool { return one.to == tt.one.to }) {
			t.Errorf("%s: %v does not lead to %s", tt.name, got, tt.one.to)
		}
		if !slices.Equal(tt.before, kept) {
			t.Errorf("%s: the trail of before was changed", tt.name)
		}
		if again, err := readTrail(got.text()); err != nil || !slices.Equal(again, got) {
			t.Errorf("%s: read as %v, %v; want %v", tt.name, again, err, got)
		}
	}
	if got, err := readTrail([]byte("slot session\n")); err == nil {
		t.Errorf("a line without its end is read as %v", got)
	}
}
