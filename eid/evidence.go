package eid

import (
	"slices"
	"time"
)

// EvidenceKind is what a level rests on.
type EvidenceKind string

// The kinds of evidence.
const (
	EvidenceRegistry     EvidenceKind = "registry"     // what was declared matched a database
	EvidenceBiometric    EvidenceKind = "biometric"    // portrait or fingerprint matched a database
	EvidenceCard         EvidenceKind = "card"         // a valid card was presented
	EvidenceConfirmation EvidenceKind = "confirmation" // the person checked what was taken in, and said so
)

// Evidence is one comparison on record (Decision 34/2021, Art. 7): that it was made,
// how, against what, by whom and when. It holds no image and nothing of the person.
type Evidence struct {
	Kind      EvidenceKind
	Method    BiometricMethod // of a biometric
	Database  Database
	Reference string    // what the other side calls the comparison
	Officer   AccountID // empty: the gateway itself
	At        time.Time
}

// DocumentKind is a kind of paper that can be integrated into an account.
type DocumentKind string

// The kinds (Decision 34/2021, Art. 8).
const (
	DrivingLicence      DocumentKind = "driving_licence"
	VehicleRegistration DocumentKind = "vehicle_registration"
	SocialInsurance     DocumentKind = "social_insurance"
	HealthInsurance     DocumentKind = "health_insurance"
)

// DocumentKinds lists them all.
func DocumentKinds() []DocumentKind {
	return []DocumentKind{DrivingLicence, VehicleRegistration, SocialInsurance, HealthInsurance}
}

// Claim names the scope of a kind, and the one claim that the scope releases.
func (k DocumentKind) Claim() string { return "eid_" + string(k) }

// Document is a paper whose original an officer compared. An account has one of a kind
// at most.
type Document struct {
	ID         string
	Kind       DocumentKind
	Number     Secret
	Issuer     string
	ExpiresOn  string // 2006-01-02; empty: it does not end
	VerifiedAt time.Time
	VerifiedBy AccountID // the officer
}

// Valid reports whether the document still counts at t: through the whole day of
// ExpiresOn in Viet Nam. One whose last day cannot be read does not.
func (d Document) Valid(t time.Time) bool {
	if d.ExpiresOn == "" {
		return true
	}
	last, err := time.ParseInLocation(time.DateOnly, d.ExpiresOn, LawTime())
	return err == nil && t.Before(last.AddDate(0, 0, 1))
}

// Task is what an officer may do at a counter.
type Task string

// The tasks.
const (
	TaskIntake  Task = "intake"  // take in applications
	TaskApprove Task = "approve" // approve what another officer took in
	TaskReview  Task = "review"  // decide on registrations that left a doubt
	TaskLocks   Task = "locks"   // set, lift and decide on locks
)

// Tasks lists them all.
func Tasks() []Task { return []Task{TaskIntake, TaskApprove, TaskReview, TaskLocks} }

// Officer is somebody who may act for others. Operators name them; nobody names
// themselves.
type Officer struct {
	Account AccountID
	Office  string
	Tasks   []Task
}

// May reports whether the officer has a task.
func (o Officer) May(t Task) bool { return slices.Contains(o.Tasks, t) }
