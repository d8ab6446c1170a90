// Package shell owns what the pages of citizens and officers do alike: the cookie of a
// device and the marks of its forms, reading forms, the switch of the language, counting.
package shell

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"eidgate/store"
	"eidgate/web"
)

// Deps are what a shell works with.
type Deps struct {
	Pages *web.Pages
	State store.State
	Key   []byte // 32 bytes at least; all replicas have the same
}

// Shell is safe for concurrent use.
type Shell struct{ d Deps }

// New checks what it is given.
func New(d Deps) (*Shell, error) {
	if d.Pages == nil || d.State == nil || len(d.Key) < 32 {
		return nil, errors.New("shell: pages, state and a key of 32 bytes are needed")
	}
	return &Shell{d: d}, nil
}

// Common is what a page carries that has no form.
func Common(r *http.Request) web.Common {
	c := web.Common{Ref: web.VisitOf(r).Ref}
	if r.Method == http.MethodPost {
		c.Return = r.URL.Path
	}
	return c
}

// Form is what a page carries whose form is posted to the page's own address.
func Form(r *http.Request, mark string) web.Common {
	return web.Common{Ref: web.VisitOf(r).Ref, Form: web.Hidden{Action: r.URL.Path, CSRF: mark}}
}

// Render answers with a page in the language of the reader.
func (s *Shell) Render(w http.ResponseWriter, r *http.Request, page web.Page) {
	page.Language = web.VisitOf(r).Language
	s.d.Pages.Render(w, r, page)
}

// Failure answers for a failure of ours: 503 where waiting helps. The cause goes to the
// log line.
func (s *Shell) Failure(w http.ResponseWriter, r *http.Request, err error) {
	v := web.VisitOf(r)
	v.Note("err", err)
	if errors.Is(err, store.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
		w.Header().Set("Retry-After", "5")
		v.Fail(http.StatusServiceUnavailable, web.ErrorUnavailable, "")
		return
	}
	v.Fail(http.StatusInternalServerError, web.ErrorSystem, "")
}

// SeeOther leads on to another page: what was posted is done, and reading the next
// page again does nothing twice.
func SeeOther(w http.ResponseWriter, address string) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Location", address)
	w.WriteHeader(http.StatusSeeOther)
}

// Limits of a form.
const (
	maxFields = 128
	maxField  = 4 << 10 // bytes
)

// Posted reads the form of a POST, which the gateway has capped. Where it says no it has
// answered: a form that no page of ours has.
func Posted(r *http.Request) (url.Values, bool) {
	v := web.VisitOf(r)
	if err := r.ParseForm(); err != nil {
		v.Fail(http.StatusBadRequest, web.ErrorInvalidRequest, "form")
		return nil, false
	}
	fields := 0
	for _, values := range r.PostForm {
		fields += len(values)
		if slices.ContainsFunc(values, func(text string) bool { return len(text) > maxField }) {
			v.Fail(http.StatusRequestEntityTooLarge, web.ErrorTooLarge, "field")
			return nil, false
		}
	}
	if fields > maxFields {
		v.Fail(http.StatusRequestEntityTooLarge, web.ErrorTooLarge, "fields")
		return nil, false
	}
	return r.PostForm, true
}

// Typed takes the switch of the language of a posted form: then the request goes on as
// the GET of the page, with what was typed in the fields that may be given back. Nothing
// is tried, counted or written by a switch, and no handler can forget that. The last
// result is false where the request is answered already.
func Typed(r *http.Request, form url.Values, keep []string) (*http.Request, url.Values, bool) {
	tag := form.Get(web.FieldLanguage)
	if r.Method != http.MethodPost || tag == "" {
		return r, nil, true
	}
	v := web.VisitOf(r)
	if !v.Switch(tag) {
		return r, nil, false
	}
	v.Language = tag
	again := web.WithVisit(r.Clone(r.Context()), v)
	again.Method, again.PostForm = http.MethodGet, nil
	return again, Kept(form, keep), true
}

// Kept is what of a form may be given back later.
func Kept(form url.Values, keep []string) url.Values {
	kept := url.Values{}
	for _, name := range keep {
		if values, ok := form[name]; ok {
			kept[name] = values
		}
	}
	return kept
}

// CookieName carries the prefix that pins a cookie to one host over https (RFC 6265bis
// §4.1.3.2). Plain http exists on loopback only.
func CookieName(v web.Visit, name string) string {
	if v.Secure {
		return "__Host-eidgate-" + name
	}
	return "eidgate-" + name
}

// SetCookie gives this browser a value for as long as it is open, marked as made here.
func (s *Shell) SetCookie(w http.ResponseWriter, r *http.Request, name, value string) {
	v := web.VisitOf(r)
	http.SetCookie(w, &http.Cookie{
		Name: CookieName(v, name), Value: value + "~" + s.mark("cookie "+name, value, 16), Path: "/",
		Secure: v.Secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// Cookie is the value of a cookie that was made here; anything else is none, and costs
// no look at the store. Over https only the name with the prefix counts: a neighbour
// under the same domain can plant the other one, with a value that was made for them.
func (s *Shell) Cookie(r *http.Request, name string) (string, bool) {
	return s.cookie(r, CookieName(web.VisitOf(r), name), name)
}

// Brings reports whether a request carries such a cookie under either name. It lets
// nobody in.
func (s *Shell) Brings(r *http.Request, name string) bool {
	_, pinned := s.cookie(r, CookieName(web.Visit{Secure: true}, name), name)
	_, plain := s.cookie(r, CookieName(web.Visit{}, name), name)
	return pinned || plain
}

func (s *Shell) cookie(r *http.Request, full, name string) (string, bool) {
	cookie, err := r.Cookie(full)
	if err != nil {
		return "", false
	}
	value, mark, ok := strings.Cut(cookie.Value, "~")
	return value, ok && equal(mark, s.mark("cookie "+name, value, 16))
}

// DropCookie has the browser forget a value.
func (s *Shell) DropCookie(w http.ResponseWriter, r *http.Request, name string) {
	v := web.VisitOf(r)
	http.SetCookie(w, &http.Cookie{
		Name: CookieName(v, name), Path: "/", MaxAge: -1, Secure: v.Secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// Mark is the value that shows that a form comes from a page that was given to the holder
// of a secret.
func (s *Shell) Mark(purpose, secret string) string { return s.mark("form "+purpose, secret, 32) }

// Marked reports whether a posted form carries a mark.
func Marked(form url.Values, mark string) bool {
	got := form[web.FieldCSRF]
	return len(got) == 1 && equal(got[0], mark)
}

func (s *Shell) mark(purpose, text string, bytes int) string {
	mac := hmac.New(sha256.New, s.d.Key)
	mac.Write([]byte("eidgate shell 1\x00" + purpose + "\x00" + text))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:bytes])
}

// Random is a text of so many random bytes.
func Random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program instead
	return base64.RawURLEncoding.EncodeToString(b)
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
