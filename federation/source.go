// Package federation owns what the gateway asks of a source of identity and
// what it believes of the answer: windows, limits and the choices a holder has.
package federation

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"net/url"
	"time"

	"eidgate/eid"
)

// Errors of a source, for the login to turn into pages. Anything else means the
// source failed and may be tried again.
var (
	// ErrDenied: the holder cancelled at the source.
	ErrDenied = errors.New("sign-in declined at the source")
	// ErrUntrusted: the answer is not one that may be believed.
	ErrUntrusted = errors.New("answer of the source not believed")
	// ErrBusy: there was no room to look at the answer; it may be sent again. See
	// BusyError.
	ErrBusy = errors.New("source busy")
	// ErrDown: the source did not answer, or not as its protocol wants.
	ErrDown = errors.New("source does not answer")
	// ErrThrottled: too many tries; see ThrottledError.
	ErrThrottled = errors.New("too many tries")
)

// ThrottledError says when the next try counts. It wraps ErrThrottled.
type ThrottledError struct{ Until time.Time }

func (e *ThrottledError) Error() string {
	return "too many tries until " + e.Until.Format(time.RFC3339)
}
func (e *ThrottledError) Unwrap() error { return ErrThrottled }

// BusyError asks for a form to be sent again in a few seconds: nothing of it was
// evaluated, counted or kept. It wraps ErrBusy.
type BusyError struct{ Form *Form }

func (e *BusyError) Error() string { return ErrBusy.Error() }
func (e *BusyError) Unwrap() error { return ErrBusy }

// Kinds of sources, as configured in eid.Source.Kind.
const (
	KindAccount = "account" // the built-in account system
	KindOpenID  = "openid"  // a standard OpenID provider
	KindVNeID   = "vneid"   // the national platform's own dialects of OAuth 2.0
	KindSAML    = "saml"    // a SAML 2.0 identity provider
	KindCAS     = "cas"     // a CAS 3 server
	KindLDAP    = "ldap"    // a directory, bound to as the person who signs in
	KindPortal  = "portal"  // the imported accounts of a portal, with their old passwords
)

// Source speaks one protocol to one provider. Implementations are safe for
// concurrent use and keep nothing between calls: what they must remember goes
// into Step.Memory and comes back in Request.Memory.
type Source interface {
	// Begin starts a sign-in.
	Begin(ctx context.Context, req Request) (Step, error)
	// Finish takes the answer: a callback's parameters or a form's fields. It
	// may return another step, such as the form for a second factor.
	Finish(ctx context.Context, req Request, reply Reply) (Step, error)
}

// Request is what the login wants of a source.
type Request struct {
	// State is opaque, random, used once and bound to this browser's cookie by
	// the login. A source that redirects or posts sends it along. It has 80 bytes
	// at most, of letters, digits and -._~, as SAML wants (SAML Bindings §3.4.3).
	State string
	// Callback is the absolute address that takes redirects back.
	Callback string
	// Level is the least identity level wanted.
	Level eid.Level
	// Account is the holder of the living session whose proof is to be raised;
	// empty for a fresh sign-in. A source that can ask for the missing factor
	// only does so.
	Account eid.AccountID
	// Fresh asks for an authentication now, not one remembered by the source.
	Fresh bool
	// Unlock: a holder wants to end a lock of their own. A source of factors asks for
	// each that the account has, although it is locked.
	Unlock bool
	// Hint is what the portal or the holder gave as a login name, if anything.
	Hint eid.Secret
	// Language is that of the pages so far, as a BCP 47 tag; empty where nothing is
	// known of it.
	Language string
	// Address is where the browser is; the zero value where that is unknown.
	Address netip.Addr
	// Device is what an earlier Step.Device left in this browser, or what somebody
	// made up.
	Device string
	// Memory is what the step before returned.
	Memory []byte
	// Now is the gateway's time.
	Now time.Time
}

// Reply is what came back from the browser: the parameters of a redirect, or the
// fields of a form that the source or the holder posted.
type Reply struct {
	Values url.Values
}

// Post is a form that the browser sends on to a source (SAML Bindings §3.5).
type Post struct {
	Address string
	Fields  map[string]string
}

// Step is what happens next: exactly one of Redirect, Post, Form and Assertion is
// set.
type Step struct {
	Redirect  string
	Post      *Post
	Form      *Form
	Assertion *Assertion
	Memory    []byte
	// Device, beside an Assertion, is to be left in this browser for a year.
	Device string
}

// Assertion is what a source says of a person.
type Assertion struct {
	// Account is set by the built-in account system only.
	Account eid.AccountID
	// Subject is what any other source calls the person; the link is found by it.
	Subject string
	// Level is the identity level as mapped; for the account system what the
	// methods carry.
	Level eid.Level
	// Methods are the amr values (RFC 8176).
	Methods []string
	// At is when the person authenticated.
	At time.Time
	// Anew: the source says that the person authenticated for this very sign-in, and
	// was not remembered from one before. False where it does not say.
	Anew bool
	// Person is what the source says of the person, as far as it says anything.
	Person Person
	// Session is what the source calls the session that the person has there, such
	// as a sid, a SessionIndex or a service ticket: a Notice of its end names it.
	// Empty where there is none.
	Session string
	// Logout is what LogoutSource.Logout wants again of this sign-in, 2 KiB at
	// most. It is kept sealed, beside the proof.
	Logout []byte
	// Once names this assertion where it counts once, over all replicas, until
	// OnceUntil (SAML Profiles §4.1.4.5); empty where the protocol itself sees to it,
	// as a code does.
	Once      string
	OnceUntil time.Time
}

// Person is what a source says of a person, for comparison with a civil registry
// and with the account that a link leads to. Nothing of it goes to a portal.
type Person struct {
	// Number is the personal number as the source wrote it, spaces and dots apart.
	Number string
	// Name is the full name, family name first.
	Name string
	// BirthDate is dd/MM/yyyy, yyyy-MM-dd, or a year alone, as the source wrote it.
	BirthDate string
}

// String tells nothing of the person.
func (Person) String() string { return "[person]" }

// GoString tells nothing of the person.
func (Person) GoString() string { return "[person]" }

// LogValue tells nothing of the person.
func (Person) LogValue() slog.Value { return slog.StringValue("[person]") }

// Proof is an assertion that was believed: what a session keeps of it.
type Proof struct {
	Login   string        `json:"login"` // the login that it was given in
	Source  string        `json:"source"`
	Account eid.AccountID `json:"account"`
	Link    string        `json:"link,omitempty"` // id of the link that led to the account; empty for the account system
	Level   eid.Level     `json:"level"`
	Methods []string      `json:"methods"`
	At      time.Time     `json:"at"`
	// Given is when it was believed here, by the gateway's clock; At may be long
	// before, where the source remembered the person.
	Given  time.Time `json:"given,omitzero"`
	Logout []byte    `json:"logout,omitempty"` // Assertion.Logout, sealed
}

// Believed is when the proof was believed here.
func (p *Proof) Believed() time.Time { return p.given() }

// given is At for proofs of before there was Given.
func (p *Proof) given() time.Time {
	if p.Given.IsZero() {
		return p.At
	}
	return p.Given
}
