package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"eidgate/eid"
)

// fakeSet is a key set of these kids.
type fakeSet []string

func (s fakeSet) ETag() string { return fmt.Sprint([]string(s)) }

func (s fakeSet) JWKS() []byte {
	text := ""
	for _, kid := range s {
		text += fmt.Sprintf(`,{"kid":%q}`, kid)
	}
	return []byte(`{"keys":[` + text[1:] + `]}`)
}

// fakeFetches keeps fetches in memory.
type fakeFetches struct {
	parties []eid.RelyingParty
	kept    map[fetchedKey]time.Time
	batches []int
	err     error
}

func (f *fakeFetches) AwaitingParties(context.Context) ([]eid.RelyingParty, error) {
	return f.parties, f.err
}

func (f *fakeFetches) RecordKeyFetches(_ context.Context, fetches []eid.KeyFetch) error {
	f.batches = append(f.batches, len(fetches))
	if f.err != nil {
		return f.err
	}
	for _, one := range fetches {
		f.kept[fetchedKey{one.Client, one.KeyID}] = one.At
	}
	return nil
}

func awaitingParties(n int) (parties []eid.RelyingParty) {
	for i := range n {
		parties = append(parties, eid.RelyingParty{ID: fmt.Sprint("p", i)})
	}
	return parties
}

// What could not be recorded waits, within a bound, and is recorded later in batches;
// what is noted is not noted again, until it is time to ask.
func TestKeyFetchesWait(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	store := &fakeFetches{parties: awaitingParties(3), kept: map[fetchedKey]time.Time{}, err: errors.New("away")}
	k := newKeyFetches(store)
	first := fakeSet{"a", "b"}
	k.note("p0", first, now)
	for range 3 {
		if err := k.keep(t.Context()); err == nil {
			t.Fatal("keep() = nil, want an error of the store")
		}
	}
	k.note("p0", first, now.Add(time.Second))
	if len(k.waiting) != 2 {
		t.Errorf("%d fetches wait, want 2", len(k.waiting))
	}
	store.err, store.batches = nil, nil
	for range 3 {
		if err := k.keep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if at := store.kept[fetchedKey{"p0", "b"}]; len(store.kept) != 2 || !at.Equal(now) || len(store.batches) != 1 || len(k.waiting) != 0 {
		t.Errorf("kept %v in batches %v, want two of the first time in one", store.kept, store.batches)
	}
	// Fetches of before cost nothing; a new set and a party that may have been
	// forgotten are looked at anew.
	for _, tt := range []struct {
		name string
		set  fakeSet
		at   time.Duration
		want int
	}{
		{"again", first, fetchNoted - time.Second, 0},
		{"later", first, fetchNoted, 2},
		{"new set", fakeSet{"a", "b", "c"}, fetchNoted, 3},
		{"new set again", fakeSet{"a", "b", "c"}, fetchNoted, 0},
		{"the clock went back", fakeSet{"a", "b", "c"}, -fetchNoted, 3},
	} {
		k.note("p0", tt.set, now.Add(tt.at))
		if len(k.waiting) != tt.want {
			t.Errorf("%s: %d fetches wait, want %d", tt.name, len(k.waiting), tt.want)
		}
		if err := k.keep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestKeyFetchesAreBounded(t *testing.T) {
	const parties = mostFetches
	store := &fakeFetches{parties: awaitingParties(parties), kept: map[fetchedKey]time.Time{}, err: errors.New("away")}
	k, now := newKeyFetches(store), time.Unix(1_700_000_000, 0)
	k.awaiting.Store(newAwaiting(store.parties))
	for i := range parties {
		k.note(fmt.Sprint("p", i), fakeSet{"a", "b", "c"}, now)
	}
	if len(k.waiting) > mostFetches || len(k.waiting) < mostFetches-3 {
		t.Errorf("%d fetches wait, want %d at most", len(k.waiting), mostFetches)
	}
	store.err = nil
	if err := k.keep(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, n := range store.batches {
		if n > fetchBatch {
			t.Errorf("a batch of %d, want %d at most", n, fetchBatch)
		}
	}
	// Those that found no room are noted at their next fetch.
	k.note(fmt.Sprint("p", parties-1), fakeSet{"a", "b", "c"}, now)
	if len(k.waiting) != 3 {
		t.Errorf("%d fetches wait after there is room, want 3", len(k.waiting))
	}
}

// A flood of invented names and addresses leaves nothing.
func TestStrangersLeaveNoFetches(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	k := newKeyFetches(&fakeFetches{})
	k.awaiting.Store(newAwaiting([]eid.RelyingParty{{ID: "portal", KeyFetchFrom: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/28")}}}))
	p := &Provider{keyFetches: k, deps: Deps{Now: time.Now}}
	engine := gin.New()
	handle := func(c *gin.Context) { p.fetched(c, fakeSet{"a"}) }
	engine.GET(pathKeys, handle)
	engine.GET(pathKeysOf, handle)
	ask := func(path, from string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
		r.RemoteAddr = from
		engine.ServeHTTP(httptest.NewRecorder(), r)
	}
	for i := range 20_000 {
		ask(fmt.Sprintf("/keys/portal-%d", i), "198.51.100.1:1")
		ask("/keys", fmt.Sprintf("203.0.%d.%d:1", i/256, i%256))
	}
	ask("/keys", "no address")
	if len(k.noted)+len(k.waiting) != 0 {
		t.Errorf("%d parties noted and %d fetches waiting, want none", len(k.noted), len(k.waiting))
	}
	ask("/keys", "198.51.100.15:1")
	if len(k.waiting) != 1 {
		t.Errorf("%d fetches waiting after the party's own, want 1", len(k.waiting))
	}
}

// BenchmarkKeyFetched is what a fetch costs beside the answer: of a stranger, and of a
// party that is known to have the keys.
func BenchmarkKeyFetched(b *testing.B) {
	gin.SetMode(gin.ReleaseMode)
	var parties []eid.RelyingParty
	for i := range 1000 {
		network := netip.PrefixFrom(netip.AddrFrom4([4]byte{198, byte(i / 16), byte(i % 16 * 16), 0}), 24+i%3*4).Masked()
		parties = append(parties, eid.RelyingParty{ID: fmt.Sprint("p", i), KeyFetchFrom: []netip.Prefix{network}})
	}
	k := newKeyFetches(&fakeFetches{})
	k.awaiting.Store(newAwaiting(parties))
	p := &Provider{keyFetches: k, deps: Deps{Now: time.Now}}
	for name, from := range map[string]string{"stranger": "203.0.113.7:1", "party": "198.0.0.1:1"} {
		b.Run(name, func(b *testing.B) {
			c, _ := gin.CreateTestContext(httptest.NewRecorder())
			c.Request = httptest.NewRequestWithContext(b.Context(), http.MethodGet, pathKeys, nil)
			c.Request.RemoteAddr = from
			b.ReportAllocs()
			for b.Loop() {
				p.fetched(c, fakeSet{"a", "b", "c"})
			}
		})
	}
}
