package eid

import "time"

// Category says whose identities a service may take (Decision 34/2021, Art. 13;
// Decree 69/2024). The zero value is administrative.
type Category string

// The categories.
const (
	// Administrative: accounts for administrative procedures use the identity of the
	// Ministry of Public Security, and no other outside NotReady.
	Administrative Category = "administrative"
	// OtherCategory: the service's owner decides.
	OtherCategory Category = "other"
)

// Decision is on what authority something holds.
type Decision struct {
	Reference string    `json:"reference"` // number of the document
	Date      time.Time `json:"date,omitzero"`
}

// NotReady is the exception for an administrative portal that was not ready for
// the national identity (Decision 34/2021, transition): between two dates it may
// take the identities of legacy providers.
type NotReady struct {
	// Decision is the document that says so: without it there is no exception.
	Decision string `json:"decision"`
	// From and Until bound the exception, From ≤ t < Until; zero leaves that side to
	// the window of the source.
	From  time.Time `json:"from,omitzero"`
	Until time.Time `json:"until,omitzero"`
	// SignIn: it covers signing in, and not the making of accounts alone.
	SignIn bool `json:"sign_in"`
}

// window is when a party may use a source: the source's own window, and within it
// the exception of an administrative party that takes a legacy provider. The accounts
// that a portal made itself are that portal's alone, whatever its category: they go on
// until they have to be verified, and after that only those do which stand for the
// national identity (Decision 34/2021, transition).
func (p *RelyingParty) window(s *Source) Window {
	w := s.Window
	if s.Portal != nil {
		if s.Portal.Sector == "" || s.Portal.Sector != p.Sector {
			return Window{}
		}
		return w
	}
	if p.Category == OtherCategory || s.National {
		return w
	}
	e := p.NotReady
	if e == nil || e.Decision == "" || !e.SignIn || w.From.IsZero() {
		return Window{}
	}
	if e.From.After(w.From) {
		w.From = e.From
	}
	if !e.Until.IsZero() && (w.Until.IsZero() || e.Until.Before(w.Until)) {
		w.Until = e.Until
	}
	return w
}

// Accepts gives the window in which a party takes sign-ins through a source; it is
// never open where the party does not take them at all.
func (p *RelyingParty) Accepts(s *Source) Window {
	if !p.AllowsSource(s.ID) {
		return Window{}
	}
	return p.window(s)
}

// Switch is an operator's hand on a source. The zero value is on.
type Switch struct {
	Off    bool
	Reason string // for operators
	At     time.Time
}

// Ended reports whether what was given through the source at a time has ended by
// the switch: all of it while the source is off, and what came before the source
// was switched on again.
func (s Switch) Ended(given time.Time) bool { return s.Off || given.Before(s.At) }

// SwitchEvent asks for one party to be told of the sessions that a switched-off
// source ends. It commits with the switch.
type SwitchEvent struct {
	ID     int64
	Source string
	Client string
	After  string // the subject that was told last
	At     time.Time
}
