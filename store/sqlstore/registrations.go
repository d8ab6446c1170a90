package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"eidgate/eid"
	"eidgate/store/sqlstore/sqlcgen"
)

// registrations are all of them as SQL had them. They are shared: nobody writes
// to them.
type registrations struct {
	parties map[string]eid.RelyingParty
	list    []eid.RelyingParty // by id
	sources []eid.Source       // by id
	withOld map[string]bool    // sectors that old subjects were brought to, or will be
	changes int64              // how often SQL had changed them
	asked   time.Time
}

// RelyingParty returns a registered party, or eid.ErrNotFound. The caller does
// not write to its lists.
func (db *DB) RelyingParty(ctx context.Context, id string) (eid.RelyingParty, error) {
	r, err := db.registrations(ctx)
	if err != nil {
		return eid.RelyingParty{}, fmt.Errorf("finding relying party: %w", err)
	}
	p, ok := r.parties[id]
	if !ok {
		return eid.RelyingParty{}, fmt.Errorf("finding relying party: %w", eid.ErrNotFound)
	}
	return p, nil
}

// RelyingParties returns all registered parties by id.
func (db *DB) RelyingParties(ctx context.Context) ([]eid.RelyingParty, error) {
	r, err := db.registrations(ctx)
	if err != nil {
		return nil, fmt.Errorf("finding relying parties: %w", err)
	}
	return slices.Clone(r.list), nil
}

// Source returns a registered source with its settings, or eid.ErrNotFound.
func (db *DB) Source(ctx context.Context, id string) (eid.Source, error) {
	r, err := db.registrations(ctx)
	if err != nil {
		return eid.Source{}, fmt.Errorf("finding source: %w", err)
	}
	for _, s := range r.sources {
		if s.ID == id {
			return s, nil
		}
	}
	return eid.Source{}, fmt.Errorf("finding source: %w", eid.ErrNotFound)
}

// Sources returns all registered sources by id. The caller does not write to the
// list: it is asked for at every use of a token.
func (db *DB) Sources(ctx context.Context) ([]eid.Source, error) {
	r, err := db.registrations(ctx)
	if err != nil {
		return nil, fmt.Errorf("finding sources: %w", err)
	}
	return slices.Clip(r.sources), nil
}

// registrations gives what is registered now. Without SQL there are none: what is
// no longer known to hold must not let anybody in.
func (db *DB) registrations(ctx context.Context) (*registrations, error) {
	known, now := db.known.Load(), db.now()
	if known != nil {
		if age := now.Sub(known.asked); age >= 0 && age < knownFor {
			return known, nil
		}
	}
	changes, err := db.reader.RegistrationChanges(ctx)
	if err != nil {
		return nil, fmt.Errorf("asking for changes: %w", away(err))
	}
	if known == nil || known.changes != changes {
		return db.readRegistrations(ctx, now)
	}
	fresh := *known
	fresh.asked = now
	db.known.CompareAndSwap(known, &fresh) // else somebody was faster
	return &fresh, nil
}

func (db *DB) readRegistrations(ctx context.Context, now time.Time) (*registrations, error) {
	db.reading.Lock() // what is read must not outlive what forget forgets
	defer db.reading.Unlock()
	r := &registrations{parties: map[string]eid.RelyingParty{}, withOld: map[string]bool{}, asked: now}
	err := db.read(ctx, func(q *sqlcgen.Queries) (err error) {
		if r.changes, err = q.RegistrationChanges(ctx); err != nil {
			return fmt.Errorf("asking for changes: %w", err)
		}
		documents, err := q.RelyingParties(ctx)
		if err != nil {
			return fmt.Errorf("reading relying parties: %w", err)
		}
		for _, d := range documents {
			p, err := partyOf(d)
			if err != nil {
				return err
			}
			r.parties[p.ID], r.list = p, append(r.list, p)
		}
		rows, err := q.Sources(ctx)
		if err != nil {
			return fmt.Errorf("reading sources: %w", err)
		}
		switched, err := switches(ctx, q)
		if err != nil {
			return err
		}
		for _, row := range rows {
			s, err := db.sourceOf(row.ID, row.Document, row.Sealed)
			if err != nil {
				return err
			}
			s.Switch = switched[s.ID]
			r.sources = append(r.sources, s)
			if s.Portal != nil {
				r.withOld[s.Portal.Sector] = true // what its accounts are known by moves
			}
		}
		sectors, err := q.SectorsWithOldSubjects(ctx)
		if err != nil {
			return fmt.Errorf("finding sectors with old subjects: %w", err)
		}
		for _, sector := range sectors {
			r.withOld[sector] = true
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	db.known.Store(r)
	return r, nil
}

// forget makes the next caller read anew.
func (db *DB) forget() {
	db.reading.Lock()
	defer db.reading.Unlock()
	db.known.Store(nil)
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
