package eid

import "time"

// Ruling is what an officer decided on a review. The zero value decides
// nothing and lets nobody in.
type Ruling string

// The rulings.
const (
	Undecided Ruling = ""
	Accepted  Ruling = "accepted" // the same person: this very difference does not count any more
	Rejected  Ruling = "rejected"
)

// Review is a comparison with a civil registry that left a doubt.
type Review struct {
	ID       string
	Account  AccountID
	Source   string
	OpenedAt time.Time
	Decision Ruling
	// DecidedAt, DecidedBy and Why are there once it was decided.
	DecidedAt time.Time
	DecidedBy string
	Why       string
}
