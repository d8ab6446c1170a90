package signin_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/keys"
	"eidgate/store/statestore"
	"eidgate/web"
	"eidgate/web/shell"
	"eidgate/web/signin"
)

// world is a gate with pages behind it, and the gateway that it asks.
type world struct {
	t       *testing.T
	gateway *fakeGateway
	gate    *signin.Gate
	pages   *http.ServeMux

	mu    sync.Mutex
	clock time.Time
	acted []string // values that the form's handler acted on
}

// accounts knows the people of the fake gateway.
type accounts map[string]eid.AccountID

func (a accounts) AccountOfSubject(_ context.Context, sector, subject string) (eid.AccountID, error) {
	if id, ok := a[sector+" "+subject]; ok {
		return id, nil
	}
	return "", eid.ErrNotFound
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, clock: time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC), pages: http.NewServeMux()}
	w.gateway = newFakeGateway(t, w.now)
	state, err := statestore.Open(t.Context(), statestore.Config{Path: filepath.Join(t.TempDir(), "state.db")}, w.now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = state.Close() })
	sealer, err := keys.LoadSealer(filepath.Join(t.TempDir(), "master.key"), true, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := web.New()
	if err != nil {
		t.Fatal(err)
	}
	key := []byte(strings.Repeat("k", 32))
	frame, err := shell.New(shell.Deps{Pages: pages, State: state, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	w.gate, err = signin.New(signin.Config{
		Name: "me", Home: "/me", Issuer: issuer, ClientID: "eidgate-me", Secret: eid.NewSecret("secret-of-the-gate"), Sector: "s", Vocabulary: eid.StandardVocabulary(),
	}, signin.Deps{
		Shell: frame, State: state, Sealer: sealer, Gateway: w.gateway, Key: key, Now: w.now,
		Accounts: accounts{"s sub-1": "account-1", "s sub-2": "account-2"},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.pages.Handle("/signin/me", w.gate.Handler())
	w.pages.Handle("/signin/me/", w.gate.Handler())
	show := func(rw http.ResponseWriter, r *http.Request, p signin.Person) {
		if r.Method == http.MethodPost {
			w.mu.Lock()
			w.acted = append(w.acted, r.PostForm.Get("name"))
			w.mu.Unlock()
		}
		if err := json.NewEncoder(rw).Encode(p); err != nil {
			t.Error(err)
		}
	}
	w.pages.Handle("/me", w.gate.Guard(signin.Need{Keep: []string{"name"}}, show))
	w.pages.Handle("/me/level2", w.gate.Guard(signin.Need{Level: eid.Level2}, show))
	w.pages.Handle("/me/fresh", w.gate.Guard(signin.Need{MaxAge: 5 * time.Minute}, show))
	return w
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clock
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(d)
}

// actions are what the form's handler did.
func (w *world) actions() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.acted)
}

// browser keeps cookies, and stops at each redirect.
type browser struct {
	w       *world
	cookies map[string]string
}

func (w *world) browser() *browser { return &browser{w, map[string]string{}} }

type page struct {
	status   int
	location string
	refresh  string
	body     string
	failed   string // kind and detail of an error page
}

func (b *browser) get(address string) page { return b.do(http.MethodGet, address, nil) }

func (b *browser) post(address string, pairs ...string) page {
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return b.do(http.MethodPost, address, form)
}

func (b *browser) do(method, address string, form url.Values) page {
	b.w.t.Helper()
	r := httptest.NewRequestWithContext(b.w.t.Context(), method, strings.TrimPrefix(address, issuer), strings.NewReader(form.Encode()))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	rw := httptest.NewRecorder()
	var p page
	r = web.WithVisit(r, web.Visit{
		Ref: "K7QF-2M9D", Language: "vi", Address: netip.MustParseAddr("192.0.2.1"),
		Switch: func(tag string) bool { return tag == "en" || tag == "vi" },
		Note:   func(...any) {},
		Fail: func(status int, kind, detail string) {
			rw.WriteHeader(status)
			p.failed = kind + " " + detail
		},
	})
	b.w.pages.ServeHTTP(rw, r)
	got := rw.Result()
	defer func() { _ = got.Body.Close() }()
	for _, c := range got.Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
			continue
		}
		if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" {
			b.w.t.Errorf("cookie %s = %v, want HttpOnly, Lax and for /", c.Name, c)
		}
		b.cookies[c.Name] = c.Value
	}
	p.status, p.location, p.refresh, p.body = got.StatusCode, got.Header.Get("Location"), got.Header.Get("Refresh"), rw.Body.String()
	return p
}

// signIn goes to a page, through the gateway and back.
func (b *browser) signIn(address string) page {
	b.w.t.Helper()
	begun := b.get(address)
	if begun.status != http.StatusSeeOther {
		b.w.t.Fatalf("GET %s = %d %s, want a way to the gateway", address, begun.status, begun.failed)
	}
	back := b.get(b.w.gateway.authorize(begun.location))
	if back.status != http.StatusSeeOther || back.location != address {
		b.w.t.Fatalf("the callback = %d to %q (%s), want 303 to %s", back.status, back.location, back.failed, address)
	}
	return b.get(address)
}

// person reads the page of a person who is let in.
func (p page) person(t *testing.T) signin.Person {
	t.Helper()
	var who signin.Person
	if p.status != http.StatusOK {
		t.Fatalf("the page = %d %s %s, want it shown", p.status, p.location, p.failed)
	}
	if err := json.Unmarshal([]byte(p.body), &who); err != nil {
		t.Fatal(fmt.Errorf("the page is no person: %w", err))
	}
	return who
}

// away reports whether a page leads to the gateway.
func (p page) away() bool {
	return p.status == http.StatusSeeOther && strings.HasPrefix(p.location, issuer+"/authorize?")
}
