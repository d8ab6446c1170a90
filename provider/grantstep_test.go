package provider_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"eidgate/provider"
	"eidgate/store"
)

// meddledState does something once, before a step that keeps a code.
type meddledState struct {
	store.State
	before func(slot string, ops []store.Op) error
}

func (s *meddledState) Apply(ctx context.Context, slot string, ops ...store.Op) ([]store.Result, error) {
	for _, op := range ops {
		if before := s.before; op.Slot != "" && before != nil {
			s.before = nil
			if err := before(slot, ops); err != nil {
				return nil, fmt.Errorf("%w: %w", store.ErrUnavailable, err)
			}
		}
	}
	return s.State.Apply(ctx, slot, ops...)
}

// A code is kept only with its place on the session's list: what ends or changes the
// session between the decision and this step decides.
func TestCodeIsKeptWithItsPlaceInTheSession(t *testing.T) {
	state := &meddledState{}
	w := newWorldWith(t, func(_ *provider.Config, d *provider.Deps) { state.State, d.State = d.State, state })
	a, first := w.signedIn(numberLevel1)
	var code store.Op
	kept := func() bool {
		t.Helper()
		if code.Slot == "" {
			t.Fatal("no step kept a code beside the session")
		}
		results, err := state.State.Apply(t.Context(), code.Slot, store.Get(code.Key))
		must(t, err)
		return results[0].OK
	}
	note := func(ops []store.Op) {
		if code = ops[len(ops)-1]; code.Kind != store.OpPutIfAbsent || code.Slot == "" {
			t.Errorf("the last operation is %+v, want the code", code)
		}
	}

	state.before = func(_ string, ops []store.Op) error {
		note(ops)
		return errors.New("the store is away")
	}
	wantError(t, a.get(w.authorizeURL("portal", "prompt", "none")), "temporarily_unavailable")
	if kept() {
		t.Error("a step that failed kept the code")
	}

	var faster tokens
	state.before = func(_ string, ops []store.Op) error {
		note(ops)
		faster = a.also() // another tab
		return nil
	}
	p := a.get(w.authorizeURL("portal", "prompt", "none"))
	if p.back == nil || !kept() {
		t.Fatalf("a race with another tab: %d, code kept %v", p.status, kept())
	}
	slower := w.redeem(p.back.Query().Get("code"))
	a.logout(first.IDToken)
	for name, got := range map[string]tokens{"before": first, "of the other tab": faster, "of the slower tab": slower} {
		if got.AccessToken == "" || w.active(got.AccessToken) {
			t.Errorf("the token %s outlived the logout, or never was", name)
		}
	}

	a, _ = w.signedIn(numberLevel1)
	state.before = func(slot string, ops []store.Op) error {
		note(ops)
		_, err := state.State.Apply(t.Context(), slot, store.Delete(ops[0].Key)) // signed out elsewhere
		return err
	}
	if p := a.get(w.authorizeURL("portal", "prompt", "none")); p.status != http.StatusBadRequest {
		t.Errorf("a session that ended meanwhile gave %d, back %v, want a page that says so", p.status, p.back)
	}
	if kept() {
		t.Error("a session that ended kept a code")
	}
}
