package sqlstore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"eidgate/eid"
	"eidgate/store/sqlstore/sqlcgen"
)

// Errors of ApplyRegistrations.
var (
	// ErrSectorChanged: a sector is immutable, for the party's subjects hang on it.
	ErrSectorChanged = errors.New("sector of a relying party cannot change")
	// ErrManagedElsewhere: the id is registered by another means.
	ErrManagedElsewhere = errors.New("registered by another means")
)

// ApplyRegistrations makes the registrations of managedBy exactly these: it adds,
// changes and removes what differs, each with an audit row, all or nothing. It
// writes nothing when nothing differs. Registrations of other managers stay as
// they are; an id of theirs is ErrManagedElsewhere. A party that was removed
// keeps its sector for when it comes back.
func (db *DB) ApplyRegistrations(ctx context.Context, parties []eid.RelyingParty, sources []eid.Source,
	managedBy, actor string,
) error {
	if managedBy == "" {
		return errors.New("applying registrations: no manager")
	}
	err := db.write(ctx, func(q *sqlcgen.Queries) error {
		a := apply{db: db, q: q, managedBy: managedBy, actor: actor}
		if err := a.parties(ctx, parties); err != nil {
			return err
		}
		return a.sources(ctx, sources)
	})
	db.forget()
	if err != nil {
		return fmt.Errorf("applying registrations: %w", err)
	}
	return nil
}

// apply is one run of ApplyRegistrations inside its transaction.
type apply struct {
	db        *DB
	q         *sqlcgen.Queries
	managedBy string
	actor     string
}

func (a apply) parties(ctx context.Context, parties []eid.RelyingParty) error {
	rows, err := a.q.PartyRegistrations(ctx)
	if err != nil {
		return fmt.Errorf("reading relying parties: %w", err)
	}
	have := make(map[string]sqlcgen.PartyRegistrationsRow, len(rows))
	for _, row := range rows {
		have[row.ID] = row
	}
	wanted := make(map[string]bool, len(parties))
	for _, p := range parties {
		if p.ID == "" || p.Sector == "" || wanted[p.ID] {
			return fmt.Errorf("relying party %q: id or sector missing, or declared twice", p.ID)
		}
		wanted[p.ID] = true
		row, exists := have[p.ID]
		if err := a.party(ctx, p, row, exists); err != nil {
			return fmt.Errorf("relying party %q: %w", p.ID, err)
		}
	}
	for _, row := range rows {
		if row.ManagedBy != a.managedBy || row.RemovedAt.Valid || wanted[row.ID] {
			continue
		}
		err := a.q.RemoveRelyingParty(ctx, sqlcgen.RemoveRelyingPartyParams{
			UpdatedAt: a.db.stamp(), RemovedAt: nullable(a.db.now()), ID: row.ID,
		})
		if err != nil {
			return fmt.Errorf("removing relying party %q: %w", row.ID, err)
		}
		if err := a.q.CleanKeyFetches(ctx); err != nil {
			return fmt.Errorf("removing the fetches of relying party %q: %w", row.ID, err)
		}
		if err := a.audit(ctx, "relying_party", row.ID, "removed"); err != nil {
			return err
		}
	}
	return nil
}

func (a apply) party(ctx context.Context, p eid.RelyingParty, row sqlcgen.PartyRegistrationsRow, exists bool) error {
	document, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("writing document: %w", err)
	}
	living := exists && !row.RemovedAt.Valid
	switch {
	case living && row.ManagedBy != a.managedBy:
		return ErrManagedElsewhere
	case exists && row.Sector != p.Sector:
		return ErrSectorChanged
	case living && row.Document == string(document):
		return nil
	}
	err = a.q.PutRelyingParty(ctx, sqlcgen.PutRelyingPartyParams{
		ID: p.ID, ManagedBy: a.managedBy, Sector: p.Sector, Document: string(document), UpdatedAt: a.db.stamp(),
	})
	if err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return a.audit(ctx, "relying_party", p.ID, addedOrChanged(living))
}

func (a apply) sources(ctx context.Context, sources []eid.Source) error {
	rows, err := a.q.Sources(ctx)
	if err != nil {
		return fmt.Errorf("reading sources: %w", err)
	}
	have := make(map[string]sqlcgen.SourcesRow, len(rows))
	for _, row := range rows {
		have[row.ID] = row
	}
	wanted := make(map[string]bool, len(sources))
	for _, s := range sources {
		if s.ID == "" || wanted[s.ID] {
			return fmt.Errorf("source %q: id missing or declared twice", s.ID)
		}
		wanted[s.ID] = true
		row, exists := have[s.ID]
		if err := a.source(ctx, s, row, exists); err != nil {
			return fmt.Errorf("source %q: %w", s.ID, err)
		}
	}
	for _, row := range rows {
		if row.ManagedBy != a.managedBy || wanted[row.ID] {
			continue
		}
		if err := a.q.RemoveSource(ctx, row.ID); err != nil {
			return fmt.Errorf("removing source %q: %w", row.ID, err)
		}
		if err := a.audit(ctx, "source", row.ID, "removed"); err != nil {
			return err
		}
	}
	return nil
}

func (a apply) source(ctx context.Context, s eid.Source, row sqlcgen.SourcesRow, exists bool) error {
	if exists && row.ManagedBy != a.managedBy {
		return ErrManagedElsewhere
	}
	settings := []byte(s.Settings)
	s.Settings = nil
	document, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("writing document: %w", err)
	}
	if exists && row.Document == string(document) {
		old, err := a.db.sealer.Open(row.Sealed, sourceContext(s.ID))
		if err != nil {
			return fmt.Errorf("opening settings: %w", err)
		}
		if bytes.Equal(old, settings) {
			return nil
		}
	}
	sealed, err := a.db.sealer.Seal(settings, sourceContext(s.ID))
	if err != nil {
		return fmt.Errorf("sealing settings: %w", err)
	}
	err = a.q.PutSource(ctx, sqlcgen.PutSourceParams{
		ID: s.ID, ManagedBy: a.managedBy, Document: string(document), Sealed: sealed, UpdatedAt: a.db.stamp(),
	})
	if err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return a.audit(ctx, "source", s.ID, addedOrChanged(exists))
}

func (a apply) audit(ctx context.Context, kind, id, change string) error {
	detail, err := json.Marshal(struct {
		Kind      string `json:"kind"`
		ID        string `json:"id"`
		Change    string `json:"change"`
		ManagedBy string `json:"managed_by"`
	}{kind, id, change, a.managedBy})
	if err != nil {
		return fmt.Errorf("writing audit detail: %w", err)
	}
	return insertAudit(ctx, a.q, eid.AuditEntry{
		At: a.db.stamp(), Actor: a.actor, Action: eid.ActionRegistration, Detail: detail,
	})
}

func addedOrChanged(existed bool) string {
	if existed {
		return "changed"
	}
	return "added"
}
