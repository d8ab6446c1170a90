package shell_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"eidgate/store/statestore"
	"eidgate/web"
	"eidgate/web/shell"
)

// A neighbour under the same domain can set the cookie without the prefix, with a value
// that was made for them: over https it is none (RFC 6265bis §4.1.3.2).
func TestCookieOfANeighbour(t *testing.T) {
	state, err := statestore.Open(context.Background(), statestore.Config{Path: filepath.Join(t.TempDir(), "state.db")}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = state.Close() })
	pages, err := web.New()
	if err != nil {
		t.Fatal(err)
	}
	s, err := shell.New(shell.Deps{Pages: pages, State: state, Key: []byte(strings.Repeat("k", 32))})
	if err != nil {
		t.Fatal(err)
	}
	visit := func(secure bool) *http.Request {
		return web.WithVisit(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/recover", nil), web.Visit{Secure: secure})
	}
	for _, made := range []bool{false, true} {
		for _, read := range []bool{false, true} {
			rw := httptest.NewRecorder()
			s.SetCookie(rw, visit(made), "guest", "device")
			answer := rw.Result()
			_ = answer.Body.Close()
			r := visit(read)
			r.AddCookie(answer.Cookies()[0])
			if value, ok := s.Cookie(r, "guest"); ok != (made == read) || ok && value != "device" {
				t.Errorf("a cookie made with https %t and read with %t = %q, %t", made, read, value, ok)
			}
			if !s.Brings(r, "guest") || s.Brings(r, "me") {
				t.Errorf("Brings() of a cookie made with https %t is not right", made)
			}
		}
	}
}
