package shell

import (
	"net/http"
	"net/url"

	"eidgate/web"
)

// Guest is somebody at a page that needs no sign-in.
type Guest struct {
	// Device names this browser for as long as it is open: what is kept for it, and
	// counted. It is a secret of the browser; a hash of it is not.
	Device string
	// CSRF goes into the forms of the page.
	CSRF string
	// Typed is what was typed in the page's form before the language was switched: it is
	// given back, and nothing is tried. Nil at first.
	Typed url.Values
}

// deviceCookie is the cookie of guests.
const deviceCookie = "guest"

// Open gives a page to guests. A form is taken only with the mark of this browser; keep
// names its fields that may be given back after a switch of the language, never
// passwords and codes.
func (s *Shell) Open(keep []string, next func(http.ResponseWriter, *http.Request, Guest)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		device, known := s.Cookie(r, deviceCookie)
		if !known {
			device = NewDevice()
		}
		g := Guest{Device: device, CSRF: s.Mark("guest", device)}
		if r.Method == http.MethodPost {
			form, ok := Posted(r)
			if !ok {
				return
			}
			if !known || !Marked(form, g.CSRF) {
				web.VisitOf(r).Fail(http.StatusForbidden, web.ErrorForbidden, "csrf")
				return
			}
			if r, g.Typed, ok = Typed(r, form, keep); !ok {
				return
			}
		}
		if !known {
			s.Rename(w, r, device)
		}
		next(w, r, g)
	})
}

// NewDevice is a name for a browser that no one has.
func NewDevice() string { return Random(16) }

// Rename gives the browser of a guest a name: what was kept for the one of before is
// there no more for it.
func (s *Shell) Rename(w http.ResponseWriter, r *http.Request, device string) {
	s.SetCookie(w, r, deviceCookie, device)
}
