package main

import (
	"context"
	"fmt"
	"time"

	"eidgate/cmd/eidgate/demo"
	"eidgate/eid"
	"eidgate/eid/accounts"
)

// demoCounter brings people of a demo to where they stand after a visit at a counter.
type demoCounter struct {
	g   *gateway
	now func() time.Time
}

// appoint makes an account an officer's.
func (d demoCounter) appoint(ctx context.Context, id eid.AccountID, p demo.Person) error {
	o := eid.Officer{Account: id, Office: p.Office, Tasks: p.Tasks}
	return d.g.db.PutOfficer(ctx, o, eid.AuditEntry{At: d.now(), Actor: demoOperator})
}

// enrol gives a person an account of Level 2 with documents, and activates it, as an
// officer and the person would.
func (d demoCounter) enrol(ctx context.Context, p demo.Person, hash string) (eid.AccountID, error) {
	at := d.now()
	set, err := d.g.rules.At(at)
	if err != nil {
		return "", err
	}
	officer, err := d.officer(ctx)
	if err != nil {
		return "", err
	}
	const reference = "GIẢ-ĐỊNH-1"
	documents := make([]eid.Document, len(p.Documents))
	for i, doc := range p.Documents {
		doc.VerifiedAt, doc.VerifiedBy = at, officer
		documents[i] = doc
	}
	done, err := accounts.NewEnroller(d.g.db, d.now).Enrol(ctx, accounts.Enrolment{
		Person: p.Person, Phone: eid.Contact{Value: p.Phone}, Email: eid.Contact{Value: p.Email}, Level: eid.Level2,
		Evidence: []eid.Evidence{
			{Kind: eid.EvidenceRegistry, Database: eid.Population, Reference: reference, At: at},
			{Kind: eid.EvidenceCard, Database: eid.CitizenCard, Reference: reference, Officer: officer, At: at},
			{Kind: eid.EvidenceBiometric, Method: eid.Portrait, Database: eid.Population, Reference: reference, Officer: officer, At: at},
			{Kind: eid.EvidenceConfirmation, Officer: officer, At: at},
		},
		Documents: documents, Rules: set.ID, Actor: demoOperator, Ref: "DEMO",
	})
	if err != nil {
		return "", fmt.Errorf("enrolling: %w", err)
	}
	act, credentials := accounts.Act{Actor: demoOperator, Ref: "DEMO"}, accounts.NewCredentials(d.g.db, d.now)
	if err := credentials.Activate(ctx, done.Account, accounts.Activation{Act: act, PasswordHash: hash, Proved: p.Phone}); err != nil {
		return "", err
	}
	return done.Account, credentials.EnrolTOTP(ctx, done.Account, eid.NewSecret(p.TOTPSecret), act)
}

// officer is the account of somebody who works at the demo's counter.
func (d demoCounter) officer(ctx context.Context) (eid.AccountID, error) {
	for _, p := range demo.People() {
		if len(p.Tasks) > 0 {
			a, err := d.g.db.AccountByIdentifier(ctx, p.Identifier)
			return a.ID, err
		}
	}
	return "", eid.ErrNotFound
}
