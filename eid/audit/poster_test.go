package audit_test

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"eidgate/eid/audit"
)

// receiver is somebody else's server, in a mood.
type receiver struct {
	mu    sync.Mutex
	mood  http.HandlerFunc // nil: it keeps what comes
	kept  strings.Builder
	keys  map[string]int
	calls int
}

func (r *receiver) be(mood http.HandlerFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mood = mood
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	r.calls++
	mood := r.mood
	r.mu.Unlock()
	if mood != nil {
		mood(w, req)
		return
	}
	r.keep(w, req)
}

func (r *receiver) keep(w http.ResponseWriter, req *http.Request) {
	raw, err := io.ReadAll(req.Body)
	if err != nil || req.Header.Get("Authorization") != "Bearer tok-1" || req.Header.Get("Content-Type") != "application/x-ndjson" || req.Method != http.MethodPost {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.keys[req.Header.Get("Idempotency-Key")]++; r.keys[req.Header.Get("Idempotency-Key")] == 1 {
		r.kept.Write(raw)
	}
	w.WriteHeader(http.StatusNoContent)
}

// TestPosting: whatever the receiver does, everything arrives there, in order and once,
// and what it does is in no error.
func TestPosting(t *testing.T) {
	d := newDesk(t)
	r := &receiver{keys: map[string]int{}}
	server := httptest.NewTLSServer(r)
	deaf := make(chan struct{})
	defer server.Close()
	defer close(deaf)
	over := server.Client().Transport.(*http.Transport).Clone()
	over.ResponseHeaderTimeout = 50 * time.Millisecond
	defer over.CloseIdleConnections()
	var tokenErr error
	s := audit.NewShipper(d.db, "url", audit.NewPoster(server.URL+"/in/secret-path", func() (string, error) { return "tok-1", tokenErr }, over), slog.New(slog.DiscardHandler))
	for range 25 { // more than one page
		d.write(1)
		d.seal()
	}
	const words = "what-the-receiver-says"
	elsewhere := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	defer elsewhere.Close()
	answers := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, words, status) }
	}
	for name, mood := range map[string]http.HandlerFunc{
		"500": answers(500), "409": answers(409), "401": answers(401), "304": answers(304),
		"a redirect": func(w http.ResponseWriter, req *http.Request) {
			http.Redirect(w, req, elsewhere.URL+"/"+words, http.StatusTemporaryRedirect)
		},
		"silence": func(_ http.ResponseWriter, req *http.Request) {
			_, _ = io.Copy(io.Discard, req.Body)
			<-req.Context().Done()
		},
		"a hang-up":  func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"no reading": func(http.ResponseWriter, *http.Request) { <-deaf },
	} {
		r.be(mood)
		n, err := s.Turn(t.Context())
		if err == nil || n != 0 {
			t.Errorf("%s: Turn() = %d, %v, want the failure", name, n, err)
		} else if text := err.Error(); strings.Contains(text, words) || strings.Contains(text, "secret-path") || strings.Contains(text, "tok-1") {
			t.Errorf("%s: the error says %q", name, text)
		}
		if at, err := d.db.Unshipped(t.Context(), "url"); err != nil || at.IsZero() {
			t.Errorf("%s: Unshipped() = %v, %v, want the first checkpoint's time", name, at, err)
		}
	}
	// It kept a page, and the answer was lost: the page comes again under the same key.
	r.be(func(w http.ResponseWriter, req *http.Request) {
		r.keep(httptest.NewRecorder(), req)
		w.WriteHeader(http.StatusBadGateway)
	})
	if n, err := s.Turn(t.Context()); err == nil || n != 0 {
		t.Errorf("the answer was lost: Turn() = %d, %v, want the failure", n, err)
	}
	r.be(nil)
	tokenErr = errAway
	calls := r.calls
	if _, err := s.Turn(t.Context()); !errors.Is(err, errAway) || r.calls != calls {
		t.Errorf("without a token: Turn() = %v in %d calls, want %v and none", err, r.calls-calls, errAway)
	}
	tokenErr = nil
	if n, err := s.Turn(t.Context()); err != nil || n != 25 {
		t.Errorf("Turn() = %d, %v, want 25", n, err)
	}
	if at, err := d.db.Unshipped(t.Context(), "url"); err != nil || !at.IsZero() {
		t.Errorf("Unshipped() = %v, %v, want none", at, err)
	}
	f, err := audit.Open(strings.NewReader(r.kept.String()))
	must(t, err)
	if got, result := d.verifyWith(f.Shipped); got != nil || result.Shipped != 25 {
		t.Errorf("verify = %q, %+v, want 25 shipped and nothing wrong", got, result)
	}
}

// TestShippingIsNotCutShort: whoever moves the note of what was shipped is noticed.
func TestShippingIsNotCutShort(t *testing.T) {
	d := newDesk(t).filled()
	var kept []audit.Checkpoint
	s := audit.NewShipper(d.db, "file", keeper{&kept}, slog.New(slog.DiscardHandler))
	must(t, d.db.Ship(t.Context(), "file", 2))
	d.exec("UPDATE audit_shipped SET n = 99")
	if _, err := s.Turn(t.Context()); !errors.Is(err, audit.ErrTampered) {
		t.Errorf("beyond the end: Turn() = %v, want %v", err, audit.ErrTampered)
	}
	// Moved within: the copy has a hole.
	list := d.stored()
	if got, want := first(d.verifyWith(each([]audit.Sealed{list[0], list[1], list[4]}))), []string{"checkpoint_removed/3"}; !reflect.DeepEqual(got, want) {
		t.Errorf("verify with a hole = %q, want %q", got, want)
	}
}
