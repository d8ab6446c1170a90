package keys

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestScheduledRotation(t *testing.T) {
	cfg := es256()
	cfg.Plans[0].RotateEvery = 24 * time.Hour
	r, store, c := loaded(t, cfg)
	first, standby := store.in(ES256, Signing)[0], store.in(ES256, Published)[0]
	token := sign(t, r.Snapshot(), ES256)

	c.advance(24*time.Hour - time.Second)
	load(t, r)
	if got := store.in(ES256, Signing)[0].ID; got != first.ID {
		t.Fatalf("%s signs a second before the term, want %s", got, first.ID)
	}
	c.advance(time.Second)
	load(t, r)
	if got := store.in(ES256, Signing)[0].ID; got != standby.ID {
		t.Fatalf("%s signs at the term, want %s", got, standby.ID)
	}
	if got := kidOf(t, sign(t, r.Snapshot(), ES256)); got != standby.ID {
		t.Errorf("signed with %s, want %s", got, standby.ID)
	}
	if got := len(store.in(ES256, Published)); got != 1 {
		t.Errorf("%d standbys after the rotation, want 1", got)
	}

	c.advance(cfg.verifyAge() - time.Microsecond)
	load(t, r)
	if _, err := r.Snapshot().Verify(Tokens, token, "JWT"); err != nil {
		t.Errorf("Verify() of the old key's token = %v, want nil until it retires", err)
	}
	c.advance(time.Microsecond)
	load(t, r)
	if _, err := r.Snapshot().Verify(Tokens, token, "JWT"); !errors.Is(err, ErrToken) {
		t.Errorf("Verify() of a retired key's token = %v, want ErrToken", err)
	}
	retired := store.in(ES256, Retired)
	if len(retired) != 1 || retired[0].ID != first.ID {
		t.Fatalf("retired = %+v, want %s", retired, first.ID)
	}
	if key, err := open(retired[0], r.box); err != nil || key.private != nil || key.id != first.ID || retired[0].RetiredAt.IsZero() {
		t.Errorf("the retired record opens to %+v, %v, want its public part alone and the time", key, err)
	}
	if strings.Contains(string(r.Snapshot().JWKS()), first.ID) {
		t.Error("the JWKS names a retired key")
	}
}

func TestLongDowntimeRotatesOnce(t *testing.T) {
	cfg := es256()
	cfg.Plans[0].RotateEvery = 24 * time.Hour
	r, store, c := loaded(t, cfg)
	standby := store.in(ES256, Published)[0].ID
	c.advance(365 * 24 * time.Hour)
	load(t, r)
	load(t, r)
	if got := store.in(ES256, Signing)[0].ID; got != standby {
		t.Errorf("%s signs, want the old standby %s", got, standby)
	}
	if got := len(store.in(ES256, Verifying)); got != 1 {
		t.Errorf("%d verifying, want 1: a token may have been signed a moment ago", got)
	}
}

func TestRotationByHandOnly(t *testing.T) {
	r, store, c := loaded(t, es256())
	first := store.in(ES256, Signing)[0].ID
	c.advance(10 * 365 * 24 * time.Hour)
	load(t, r)
	if got := store.in(ES256, Signing)[0].ID; got != first {
		t.Errorf("%s signs, want %s still", got, first)
	}
	infos, err := r.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, info := range infos {
		if info.Next != "" || !info.NextAt.IsZero() {
			t.Errorf("List() plans %+v, want nothing planned", info)
		}
	}
}

func TestRotateAtOnceWhenStandbyIsKnown(t *testing.T) {
	r, store, c := loaded(t, es256())
	first, standby := store.in(ES256, Signing)[0].ID, store.in(ES256, Published)[0].ID
	c.advance(r.cfg.standbyAge())
	store.events = nil
	got := rotate(t, r, ES256)
	want := Rotation{Purpose: Tokens, Algorithm: ES256, From: first, To: standby, At: r.time()}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Rotate() (-want +got):\n%s", diff)
	}
	if kid := kidOf(t, sign(t, r.Snapshot(), ES256)); kid != standby {
		t.Errorf("signed with %s, want %s at once", kid, standby)
	}
	fresh := store.in(ES256, Published)[0].ID
	by := func(action, kid string) Event {
		return Event{Action: action, KeyID: kid, Purpose: Tokens, Actor: "operator:synthetic", Reason: "test"}
	}
	wantEvents := []Event{by(ActionVerifying, first), by(ActionSigning, standby), by(ActionPublished, fresh)}
	if diff := cmp.Diff(wantEvents, store.events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestRotateIsScheduledWhenStandbyIsFresh(t *testing.T) {
	r, store, c := loaded(t, es256())
	first, standby := store.in(ES256, Signing)[0], store.in(ES256, Published)[0]
	c.advance(r.cfg.standbyAge() - time.Minute)
	want := Rotation{
		Purpose: Tokens, Algorithm: ES256, From: first.ID, To: standby.ID, Pending: true,
		At: standby.PublishedAt.Add(r.cfg.standbyAge()),
	}
	store.events = nil
	for range 3 { // asking again changes nothing
		if diff := cmp.Diff(want, rotate(t, r, ES256)); diff != "" {
			t.Errorf("Rotate() (-want +got):\n%s", diff)
		}
	}
	if len(store.events) != 1 || store.events[0].Action != ActionScheduled || store.events[0].Actor != "operator:synthetic" {
		t.Errorf("events = %+v, want one key.scheduled by the operator", store.events)
	}
	c.advance(time.Minute - time.Microsecond)
	load(t, r)
	if got := store.in(ES256, Signing)[0].ID; got != first.ID {
		t.Errorf("%s signs too early, want %s", got, first.ID)
	}
	c.advance(time.Microsecond)
	load(t, r)
	if got := store.in(ES256, Signing)[0].ID; got != standby.ID {
		t.Errorf("%s signs, want %s as scheduled", got, standby.ID)
	}
}

// A max-age that was raised meanwhile counts for rotations on their way too:
// verifiers hold what was served under it for longer.
func TestRaisedMaxAgeDelaysAScheduledRotation(t *testing.T) {
	r, store, c := loaded(t, es256())
	first := store.in(ES256, Signing)[0].ID
	rot := rotate(t, r, ES256)
	raised := es256()
	raised.JWKSMaxAge *= 2
	next, _ := newRing(t, raised, store, r.box.(*Sealer), c)
	c.advance(rot.At.Sub(r.time()))
	load(t, next)
	if got := store.in(ES256, Signing)[0].ID; got != first {
		t.Errorf("%s signs after %s, want %s until the raised time is over", got, es256().standbyAge(), first)
	}
	c.advance(raised.standbyAge() - es256().standbyAge())
	load(t, next)
	if got := store.in(ES256, Signing)[0].ID; got != rot.To {
		t.Errorf("%s signs after %s, want %s", got, raised.standbyAge(), rot.To)
	}
}

func TestRotateByManyAtOnceHappensOnce(t *testing.T) {
	store, sealer, c := &memStore{}, newSealer(t), newClock()
	rings := make([]*Ring, 4)
	for i := range rings {
		rings[i], _ = newRing(t, es256(), store, sealer, c)
		load(t, rings[i])
	}
	c.advance(es256().standbyAge())
	first, standby := store.in(ES256, Signing)[0].ID, store.in(ES256, Published)[0].ID
	want := Rotation{Purpose: Tokens, Algorithm: ES256, From: first, To: standby, At: rings[0].time()}
	var wg sync.WaitGroup
	for _, r := range rings {
		wg.Go(func() {
			got, err := r.Rotate(t.Context(), Tokens, ES256, "operator:synthetic", "test")
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("Rotate() = %+v, %v, want %+v", got, err, want)
			}
		})
	}
	wg.Wait()
	if got := len(store.in(ES256, Verifying)); got != 1 {
		t.Errorf("%d keys gave way, want 1", got)
	}
	if got := len(store.in(ES256, Published)); got != 1 {
		t.Errorf("%d standbys, want 1", got)
	}
}

func TestRotateRefuses(t *testing.T) {
	r, store, _ := loaded(t, es256())
	for _, tt := range []struct {
		name          string
		alg           Algorithm
		actor, reason string
	}{
		{"algorithm that is not configured", RS256, "operator:synthetic", "test"},
		{"no algorithm", "", "operator:synthetic", "test"},
		{"nobody", ES256, "", "test"},
		{"no reason", ES256, "operator:synthetic", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := r.Rotate(t.Context(), Tokens, tt.alg, tt.actor, tt.reason); err == nil {
				t.Errorf("Rotate() = %+v, nil, want an error", got)
			}
		})
	}
	if store.updates != 1 {
		t.Errorf("%d updates, want 1: a refused rotation wrote", store.updates)
	}
}

func TestAlgorithmAddedAndDropped(t *testing.T) {
	r, store, c := loaded(t, es256())
	token := sign(t, r.Snapshot(), ES256)
	cfg := es256()
	cfg.Plans = []Plan{{Purpose: Tokens, Algorithm: RS256}}
	next, _ := newRing(t, cfg, store, r.box.(*Sealer), c)
	load(t, next)
	sign(t, next.Snapshot(), RS256)
	if _, err := next.Snapshot().Verify(Tokens, token, "JWT"); err != nil {
		t.Errorf("Verify() of a dropped algorithm's token = %v, want nil", err)
	}
	if got := len(store.in(ES256, Signing)); got != 1 {
		t.Errorf("%d ES256 keys sign, want 1: the other process still uses it", got)
	}
	infos, err := next.List(t.Context())
	if err != nil || len(infos) != 4 {
		t.Errorf("List() = %d keys, %v, want 4", len(infos), err)
	}
}

func TestList(t *testing.T) {
	cfg := es256()
	cfg.Plans[0].RotateEvery = 24 * time.Hour
	r, _, c := loaded(t, cfg)
	start := r.time()
	c.advance(time.Hour)
	rotate(t, r, ES256)
	infos, err := r.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	type row struct {
		State, Next State
		NextAt      time.Time
	}
	got := map[row]int{}
	for _, info := range infos {
		got[row{info.State, info.Next, info.NextAt}]++
	}
	rotated := start.Add(time.Hour)
	want := map[row]int{
		{Verifying, Retired, rotated.Add(cfg.verifyAge())}: 1,
		{Signing, Verifying, rotated.Add(24 * time.Hour)}:  1,
		{Published, Signing, rotated.Add(24 * time.Hour)}:  1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("List() (-want +got):\n%s", diff)
	}
	if !slices.IsSortedFunc(infos, func(a, b Info) int { return a.PublishedAt.Compare(b.PublishedAt) }) {
		t.Error("List() is not in order of age")
	}
}

// A gateway that signed before logout tokens had keys of their own gets these beside
// key sets in caches that lack them: they wait, and the key of tokens signs meanwhile.
func TestFirstLogoutKeyWaitsForCaches(t *testing.T) {
	before, store, c := loaded(t, es256())
	had := before.Snapshot().signingID(Line{Tokens, ES256})
	c.advance(time.Hour)
	cfg := es256()
	cfg.Plans = TokenPlans(cfg.Plans[0].RotateEvery, ES256)
	after, err := New(cfg, Deps{Store: store, Sealer: before.box, Now: c.now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	load(t, after)
	signs := func() string {
		t.Helper()
		token, err := after.Snapshot().Sign(LogoutTokens, ES256, "logout+jwt", []byte("{}"))
		if err != nil {
			t.Fatal(err)
		}
		if !verifies(token, parseJWKS(t, after.Snapshot().JWKS())) {
			t.Errorf("the logout token does not verify with the key set")
		}
		return kidOf(t, token)
	}
	if got := signs(); got != had {
		t.Errorf("%s signs logout tokens at once, want %s, which caches have", got, had)
	}
	c.advance(cfg.standbyAge() - time.Second)
	pass(t, after)
	if got := signs(); got != had {
		t.Errorf("%s signs logout tokens before caches have it, want %s", got, had)
	}
	c.advance(time.Second)
	pass(t, after)
	if got := signs(); got == had || got != after.Snapshot().signingID(Line{LogoutTokens, ES256}) {
		t.Errorf("%s signs logout tokens once caches have their own key, want that one", got)
	}
	if got := after.Snapshot().signingID(Line{Tokens, ES256}); got != had {
		t.Errorf("%s signs tokens, want %s as before", got, had)
	}
}
