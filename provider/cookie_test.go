package provider_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"eidgate/provider"
	"eidgate/store"
)

// countedState counts the steps of passing state.
type countedState struct {
	store.State
	steps atomic.Int64
}

func (s *countedState) Apply(ctx context.Context, slot string, ops ...store.Op) ([]store.Result, error) {
	s.steps.Add(1)
	return s.State.Apply(ctx, slot, ops...)
}

// A cookie that was not made here costs no look at the store, and opens nothing.
func TestForgedCookieIsNone(t *testing.T) {
	state := &countedState{}
	w := newWorldWith(t, func(_ *provider.Config, d *provider.Deps) { state.State, d.State = d.State, state })
	a := w.browser()
	page := a.get(w.authorizeURL("portal"))
	login := hiddenField.FindStringSubmatch(page.body)
	here, err := url.Parse(w.server.URL)
	must(t, err)
	issued := ""
	for _, c := range a.client.Jar.Cookies(here) {
		if c.Name == "eidgate" {
			issued = c.Value
		}
	}
	own, mark, ok := strings.Cut(issued, "~")
	if !ok || len(login) == 0 {
		t.Fatalf("cookie %q, login field %q", issued, login)
	}
	for name, value := range map[string]string{
		"no mark": own, "empty mark": own + "~", "cut mark": own + "~" + mark[:len(mark)-1], "another's mark": randomHandle() + "~" + mark,
		"made up": randomHandle() + "~" + randomHandle()[:22], "twice": issued + "~" + mark,
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.server.URL+"/login?login="+login[2], nil)
		must(t, err)
		r.Header.Set("Cookie", "eidgate="+value)
		before := state.steps.Load()
		res, err := http.DefaultClient.Do(r)
		must(t, err)
		must(t, res.Body.Close())
		if after := state.steps.Load(); res.StatusCode != http.StatusBadRequest || after != before {
			t.Errorf("%s: %d after %d steps of state, want 400 after none", name, res.StatusCode, after-before)
		}
	}
	if p := a.get(w.server.URL + "/login?login=" + login[2]); p.status != http.StatusOK {
		t.Errorf("the browser's own cookie: %d, want 200", p.status)
	}
}
