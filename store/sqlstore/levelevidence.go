package sqlstore

import (
	"context"
	"fmt"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/store/sqlstore/sqlcgen"
)

// maxEvidenceRead is how many rows of evidence of an account are read at most.
const maxEvidenceRead = 200

// LevelEvidence returns what an account's level rests on, oldest first.
func (db *DB) LevelEvidence(ctx context.Context, id eid.AccountID) ([]accounts.EvidenceRecord, error) {
	rows, err := db.reader.EvidenceOf(ctx, string(id), maxEvidenceRead)
	if err != nil {
		return nil, fmt.Errorf("finding evidence of account: %w", away(err))
	}
	var list []accounts.EvidenceRecord
	for _, row := range rows {
		list = append(list, accounts.EvidenceRecord{ID: row.ID, Rules: row.Rules, Evidence: eid.Evidence{
			Kind: eid.EvidenceKind(row.Kind), Method: eid.BiometricMethod(row.Method), Database: eid.Database(row.Database),
			Reference: row.Reference, Officer: eid.AccountID(row.Officer), At: row.At,
		}})
	}
	return list, nil
}

// Documents returns the documents that are integrated into an account, by kind.
func (db *DB) Documents(ctx context.Context, id eid.AccountID) ([]eid.Document, error) {
	rows, err := db.reader.DocumentsOf(ctx, string(id))
	if err != nil {
		return nil, fmt.Errorf("finding documents of account: %w", away(err))
	}
	var list []eid.Document
	for _, row := range rows {
		number, err := db.sealer.Open(row.Sealed, documentContext(row.ID))
		if err != nil {
			return nil, fmt.Errorf("opening document: %w", err)
		}
		list = append(list, eid.Document{
			ID: row.ID, Kind: eid.DocumentKind(row.Kind), Number: eid.NewSecret(string(number)), Issuer: row.Issuer,
			ExpiresOn: row.ExpiresOn, VerifiedAt: row.VerifiedAt, VerifiedBy: eid.AccountID(row.VerifiedBy),
		})
	}
	return list, nil
}

// putLevelEvidence writes what the level of an enrolled account rests on, and its
// documents: a new one of a kind takes the place of the one before.
func (db *DB) putLevelEvidence(ctx context.Context, q *sqlcgen.Queries, r accounts.EnrolmentRecord) error {
	for _, e := range r.Evidence {
		err := q.InsertEvidence(ctx, sqlcgen.InsertEvidenceParams{
			ID: e.ID, Account: string(r.ID), Kind: string(e.Kind), Method: string(e.Method), Database: string(e.Database),
			Reference: e.Reference, Officer: string(e.Officer), Rules: e.Rules, At: stamp(e.At),
		})
		if err != nil {
			return fmt.Errorf("inserting evidence: %w", err)
		}
	}
	for _, d := range r.Documents {
		sealed, err := db.sealer.Seal([]byte(d.Number.Reveal()), documentContext(d.ID))
		if err != nil {
			return fmt.Errorf("sealing document: %w", err)
		}
		if err := q.EndDocument(ctx, sqlcgen.EndDocumentParams{EndedAt: nullable(r.CreatedAt), Account: string(r.ID), Kind: string(d.Kind)}); err != nil {
			return fmt.Errorf("ending the document before: %w", err)
		}
		err = q.InsertDocument(ctx, sqlcgen.InsertDocumentParams{
			ID: d.ID, Account: string(r.ID), Kind: string(d.Kind), Sealed: sealed, Issuer: d.Issuer, ExpiresOn: d.ExpiresOn,
			VerifiedAt: stamp(d.VerifiedAt), VerifiedBy: string(d.VerifiedBy),
		})
		if err != nil {
			return fmt.Errorf("inserting document: %w", err)
		}
	}
	return nil
}
