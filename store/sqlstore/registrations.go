package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"

	"eidgate/eid"
	"eidgate/store/sqlstore/sqlcgen"
)

// RelyingParty returns a registered party, or eid.ErrNotFound.
func (db *DB) RelyingParty(ctx context.Context, id string) (eid.RelyingParty, error) {
	document, err := db.reader.RelyingParty(ctx, id)
	if err != nil {
		return eid.RelyingParty{}, fmt.Errorf("finding relying party: %w", found(err))
	}
	return partyOf(document)
}

// RelyingParties returns all registered parties by id.
func (db *DB) RelyingParties(ctx context.Context) ([]eid.RelyingParty, error) {
	documents, err := db.reader.RelyingParties(ctx)
	if err != nil {
		return nil, fmt.Errorf("finding relying parties: %w", err)
	}
	var list []eid.RelyingParty
	for _, d := range documents {
		p, err := partyOf(d)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

// Source returns a registered source with its settings, or eid.ErrNotFound.
func (db *DB) Source(ctx context.Context, id string) (eid.Source, error) {
	row, err := db.reader.Source(ctx, id)
	if err != nil {
		return eid.Source{}, fmt.Errorf("finding source: %w", found(err))
	}
	return db.sourceOf(id, row.Document, row.Sealed)
}

// Sources returns all registered sources by id.
func (db *DB) Sources(ctx context.Context) ([]eid.Source, error) {
	return db.sources(ctx, db.reader)
}

func (db *DB) sources(ctx context.Context, q *sqlcgen.Queries) ([]eid.Source, error) {
	rows, err := q.Sources(ctx)
	if err != nil {
		return nil, fmt.Errorf("finding sources: %w", err)
	}
	var list []eid.Source
	for _, row := range rows {
		s, err := db.sourceOf(row.ID, row.Document, row.Sealed)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

func partyOf(document string) (eid.RelyingParty, error) {
	var p eid.RelyingParty
	if err := json.Unmarshal([]byte(document), &p); err != nil {
		return eid.RelyingParty{}, fmt.Errorf("reading relying party: %w", err)
	}
	return p, nil
}

// sourceOf joins the public part of a source and its sealed settings.
func (db *DB) sourceOf(id, document string, sealed []byte) (eid.Source, error) {
	var s eid.Source
	if err := json.Unmarshal([]byte(document), &s); err != nil {
		return eid.Source{}, fmt.Errorf("reading source %s: %w", id, err)
	}
	settings, err := db.sealer.Open(sealed, sourceContext(id))
	if err != nil {
		return eid.Source{}, fmt.Errorf("opening settings of source %s: %w", id, err)
	}
	if len(settings) > 0 {
		s.Settings = settings
	}
	return s, nil
}
