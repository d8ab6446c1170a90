package web

import (
	"context"
	"net/http"
	"net/netip"
)

// Visit is what is known of a request before the page that it is for: who has pages at
// the gateway's address takes it from here, and decides none of it.
type Visit struct {
	Ref      string     // reference of the request, such as K7QF-2M9D
	Language string     // of the pages
	Secure   bool       // browsers come by https
	Address  netip.Addr // where the browser is; the zero value where that is unknown
	// Switch keeps the reader's choice of a language on this device. It is false for
	// what is none of Languages; the request is answered then.
	Switch func(tag string) bool
	// Note adds to the one log line of the request. Values must be safe to log.
	Note func(keyValues ...any)
	// Fail answers with an error page of a kind; detail is a word for the log.
	Fail func(status int, kind, detail string)
}

type visitKey struct{}

// WithVisit gives a request its visit.
func WithVisit(r *http.Request, v Visit) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), visitKey{}, v))
}

// VisitOf is the visit of a request. Its zero value, where there is none, has no
// functions: such a request came past the gateway.
func VisitOf(r *http.Request) Visit {
	v, _ := r.Context().Value(visitKey{}).(Visit)
	return v
}
