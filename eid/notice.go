package eid

import (
	"slices"
	"time"
)

// ConsentGiven is a holder's standing consent: which claims a party may receive
// (Decree 13/2023, Art. 11). The evidence of it is the audit row it commits with.
type ConsentGiven struct {
	Account AccountID
	Client  string
	Claims  []string // names of claims, sorted
	// Declined are claims that were asked for one by one and not agreed to, sorted.
	Declined []string
	GivenAt  time.Time
	Until    time.Time
}

// Covers reports whether the consent is in force at t and has all these claims.
func (c ConsentGiven) Covers(claims []string, t time.Time) bool {
	return c.inForce(t) && !slices.ContainsFunc(claims, func(claim string) bool { return !slices.Contains(c.Claims, claim) })
}

// Answers reports whether the consent is in force at t and says yes or no to each of
// these claims.
func (c ConsentGiven) Answers(claims []string, t time.Time) bool {
	return c.inForce(t) && !slices.ContainsFunc(claims, func(claim string) bool {
		return !slices.Contains(c.Claims, claim) && !slices.Contains(c.Declined, claim)
	})
}

func (c ConsentGiven) inForce(t time.Time) bool {
	return !t.Before(c.GivenAt.Add(-maxSkew)) && t.Before(c.Until)
}

// LogoutNotice tells one party that a session ended, or with an empty SID that
// all sessions of the subject did (OpenID Connect Back-Channel Logout §2.4). With an
// empty Subject it is the session alone.
type LogoutNotice struct {
	ID        string
	Client    string
	Subject   string // the party's own subject
	SID       string
	Attempts  int // made so far
	CreatedAt time.Time
}

// EventKind names what happened to an account.
type EventKind string

// The events that parties are told of.
const (
	EventLocked    EventKind = "account.locked"
	EventLinkEnded EventKind = "link.ended"
	// EventCredentialsReset: what the holder signs in with was changed, and every session
	// ended.
	EventCredentialsReset EventKind = "credentials.reset"
)

// Event is a change that must be told. It commits with the change.
type Event struct {
	ID      int64
	Kind    EventKind
	Account AccountID
	At      time.Time
}
