package federation

import (
	"context"
	"net/url"
	"time"
)

// LogoutSource is a Source whose own session can be ended as well.
type LogoutSource interface {
	// Logout gives the address that ends the browser's session at the source. It
	// is empty, without an error, where the source offers none. Calling it ends
	// nothing: the browser has to go there.
	Logout(ctx context.Context, req LogoutRequest) (redirect string, err error)
}

// LogoutRequest is what a source needs in order to send the browser back.
type LogoutRequest struct {
	// Return is the absolute address of ours to come back to, as registered at
	// the source.
	Return string
	// State is opaque and random; it comes back as the parameter state.
	State string
	// Memory is Assertion.Logout of the sign-in that ends.
	Memory []byte
	// Address is the absolute address where answers and notices of this source
	// arrive: see Listener.
	Address string
	Now     time.Time
}

// Listener is a Source that says when a session there ended: by a call of its own
// (OpenID Connect Back-Channel Logout, CAS single logout), or by way of the
// holder's browser (SAML Profiles §4.4).
type Listener interface {
	// Hear reads what arrived. It returns ErrUntrusted for what is not a notice of
	// this source to this gateway.
	Hear(ctx context.Context, in Incoming) (Notice, error)
}

// Incoming is a request at the source's own address of the gateway.
type Incoming struct {
	// Address is that address, absolute, without a query.
	Address string
	// RawQuery is the query as sent, for bindings that sign its bytes.
	RawQuery string
	// Form are the fields of a post, nil for a GET.
	Form url.Values
	Now  time.Time
}

// Notice is what a source says of ended sessions, and what it wants for answer.
type Notice struct {
	// Sessions are those that ended, as Assertion.Session named them; 32 at most.
	Sessions []string
	// Subject, where Sessions is empty, is a person all of whose sessions ended.
	Subject string
	// Once names this notice where it counts once (jti, ID of a request), until
	// Until; empty where the same notice may come again.
	Once  string
	Until time.Time
	// Answer takes the browser back to the source, once the sessions are over; nil
	// where the source itself called.
	Answer *Step
	// Return, in the answer to a logout that the gateway asked for, is the
	// LogoutRequest.State to go on with. Nothing else is set then.
	Return string
}

// Publisher is a Source that needs a document of the gateway's own, such as SAML
// metadata (SAML Metadata §2).
type Publisher interface {
	// Publish makes the document, empty where this source needs none. callback
	// takes sign-ins back, address takes notices, entity is where the document
	// itself lies.
	Publish(entity, callback, address string) (contentType string, body []byte, err error)
}

// Changer is a Publisher whose document changes by a plan.
type Changer interface {
	// CacheFor is how long the source may go on with what Publish gave it; 0 where there
	// is no plan.
	CacheFor() time.Duration
}
