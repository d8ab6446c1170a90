package provider

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"eidgate/eid"
)

// subjectOf is what a party's tokens call an account. Nothing else decides it: what was
// issued stays; a party that keeps its old subjects has the one that the holder proved;
// everybody else gets one that follows from the sector's secret.
func (p *Provider) subjectOf(ctx context.Context, rp *eid.RelyingParty, id eid.AccountID) (string, error) {
	known, err := p.deps.Grants.Subjects(ctx, rp.Sector, id)
	if err != nil {
		return "", err
	}
	if kept := known.Kept(rp.OldSubjects); kept != "" {
		return kept, nil
	}
	secret, err := p.deps.Grants.SectorSecret(ctx, rp.Sector)
	if err != nil {
		return "", fmt.Errorf("reading sector: %w", err)
	}
	return subject(secret, rp.Sector, id), nil
}

// subject derives the pairwise subject of an account in a sector (OpenID Connect
// Core §8.1): an HMAC under the sector's own secret, which is never rotated.
func subject(sectorSecret []byte, sector string, account eid.AccountID) string {
	mac := hmac.New(sha256.New, sectorSecret)
	mac.Write([]byte("eidgate subject 1\x00" + sector + "\x00" + string(account)))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// recordGrant puts a grant on record under the subject that it gives. Subjects may have
// changed hands since they were read: then they are read once more.
func (p *Provider) recordGrant(ctx context.Context, rp *eid.RelyingParty, g eid.Grant, entry eid.AuditEntry) (string, error) {
	for again := false; ; again = true {
		sub, err := p.subjectOf(ctx, rp, g.Account)
		if err != nil {
			return "", err
		}
		err = p.deps.Grants.RecordGrant(ctx, rp.Sector, sub, g, entry)
		if errors.Is(err, eid.ErrSubject) && !again {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("recording grant: %w", err)
		}
		return sub, nil
	}
}
