package accounts

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"eidgate/eid"
)

// Errors of imports, for callers to test with errors.Is.
var (
	// ErrStale: what was staged is not what stands there any more. Nothing was written;
	// stage it anew.
	ErrStale = errors.New("changed meanwhile")
	// ErrImportElsewhere: another process goes on with this very import.
	ErrImportElsewhere = errors.New("another process imports this file now")
)

// ImportStore keeps the old accounts of portals. Each change is one transaction.
type ImportStore interface {
	// Import finds the import of a file, or eid.ErrNotFound.
	Import(ctx context.Context, source string, digest [32]byte) (Import, error)
	// BeginImport writes an import that begins, or begins again, with its audit entry.
	BeginImport(ctx context.Context, i Import, entry eid.AuditEntry) error
	// StageImport finds out what each row is here, and writes nothing. No two rows have
	// one login name. keep takes over from an account that is there what the file says
	// nothing of; nil where it says all.
	StageImport(ctx context.Context, at Place, rows []OldAccount, keep func(row *OldAccount, there OldAccount)) ([]StagedRow, error)
	// WriteImport writes staged rows together with how far the import came; before is
	// what it says of that now. Rows that share a number with another of the source
	// become contested; it counts them in. ErrStale and ErrImportElsewhere write nothing.
	WriteImport(ctx context.Context, at Place, before Import, after *Import, rows []StagedRow) (Pressure, error)
	// FinishImport notes the end of an import, with its audit entry.
	FinishImport(ctx context.Context, i Import, entry eid.AuditEntry) error
}

// Place is where old accounts belong: a source, and the sector of the portal that made
// them, which alone knows people by their old subjects.
type Place struct{ Source, Sector string }

// Import is a file of old accounts, and how far it was read.
type Import struct {
	ID         string
	Source     string
	Digest     [32]byte // SHA-256 of the whole file
	Rows       int      // that were read
	Offset     int64    // in the text of the file, behind the last of them
	Counts     ImportCounts
	StartedBy  string
	StartedAt  time.Time
	UpdatedAt  time.Time
	FinishedAt time.Time // zero: not yet
}

// ImportCounts are what became of the rows. The four matches are of those that were
// new or changed.
type ImportCounts struct {
	New        int `json:"new"`
	Changed    int `json:"changed"`
	Unchanged  int `json:"unchanged"`
	Duplicates int `json:"duplicates"` // the same as a row before
	Faults     int `json:"faults"`     // not imported
	Contested  int `json:"contested"`  // new ones for officers: two accounts state one number
	NoNumber   int `json:"no_number"`
	Unknown    int `json:"unknown"`
	Agrees     int `json:"agrees"`
	Differs    int `json:"differs"`
	// FaultsSize is the length of the file of faults, in bytes.
	FaultsSize int64 `json:"faults_size"`
}

// RowOutcome is what becomes of a row. The zero value is nothing.
type RowOutcome int

// The outcomes.
const (
	RowRefused   RowOutcome = iota // with a fault
	RowNew                         // an account that was not there
	RowChanged                     // one that waits, with other details
	RowUnchanged                   // it stands there like this
)

// StagedRow is a row as it would be written.
type StagedRow struct {
	Outcome RowOutcome
	Fault   string // for RowRefused: why, and the mend; nothing of the row
	ID      string
	State   eid.ImportedState
	Account eid.AccountID // for ImportedVerified
	Match   eid.ImportedMatch
	Subject string // the old sub to note; empty: none, or it is there
	// Outdated is the old sub that the account had and that nothing carries; empty: none.
	Outdated string
	// The keyed hashes and the sealed text. Was is the sealed text that stood there.
	SubjectIndex, NumberIndex, Content, Sealed, Was []byte
}

// Pressure is what a transaction met.
type Pressure struct {
	Held   time.Duration // how long it kept others from writing
	Worked time.Duration // that, without the commit: what follows from its size
	Others bool          // others wrote since the last one
}

// OldStanding is what is known here of the old account that a row names.
type OldStanding struct {
	State eid.ImportedState // empty: it is not here
	Same  bool              // and the row says the same as the one that was imported
	// Linked is whom the login name is linked to already, where it is not here.
	Linked eid.AccountID
	// SubjectElsewhere: another account has the old subject, here or at the same party.
	SubjectElsewhere bool
	// SubjectTaken: the account's own old subject is in use, and the row has another.
	SubjectTaken bool
}

// Judge says what becomes of the row of an account that stands so. An account that
// somebody has verified, or that an officer looks at, is not changed by a file.
func (s OldStanding) Judge() (RowOutcome, string) {
	switch {
	case s.State != "" && s.Same:
		return RowUnchanged, ""
	case s.State == eid.ImportedVerified:
		return RowRefused, "row: its holder has verified the account, and what was imported stands: take the row out"
	case s.State == eid.ImportedContested:
		return RowRefused, "row: an officer has to decide on the account first, see eidgate conflicts list: bring the row again then"
	case s.State == eid.ImportedRejected:
		return RowRefused, "row: an officer has refused the account: take the row out"
	case s.SubjectElsewhere:
		return RowRefused, "subject is that of another account: mend one of the two, or leave it empty"
	case s.SubjectTaken:
		return RowRefused, "subject is another than tokens carry for this account already: leave it as it was"
	case s.State == "":
		return RowNew, ""
	}
	return RowChanged, ""
}

// importStore is what an Importer needs.
type importStore interface {
	ImportStore
	// TakeOldSubjects gives old subjects of a sector after one to the accounts that their
	// people are linked to by now; last is where to go on, empty at the end.
	TakeOldSubjects(ctx context.Context, sector, after string, limit int) (taken int, last string, err error)
}

// Importer takes in what portals say of accounts that they made themselves. It links
// nobody: see Linker.
type Importer struct {
	store importStore
	now   func() time.Time
}

// NewImporter makes an importer. It starts nothing.
func NewImporter(store importStore, now func() time.Time) *Importer {
	return &Importer{store: store, now: now}
}

// Find finds the import of a file, or eid.ErrNotFound.
func (p *Importer) Find(ctx context.Context, source string, digest [32]byte) (Import, error) {
	return p.store.Import(ctx, source, digest)
}

// Begin begins the import of a file, or begins it again. i is what Find found, its
// zero value for a new file; with resume it goes on where it was.
func (p *Importer) Begin(ctx context.Context, i Import, source string, digest [32]byte, resume bool, actor string) (Import, error) {
	now, phase := p.now().UTC().Truncate(time.Microsecond), "resumed"
	if !resume {
		i, phase = Import{ID: i.ID, Source: source, Digest: digest, StartedBy: actor, StartedAt: now}, "begun"
	}
	if i.ID == "" {
		i.ID = newID()
	}
	i.UpdatedAt = now
	entry, err := entryOf(now, actor, eid.ActionAccountsImport, "", i.detail(phase))
	if err == nil {
		err = p.store.BeginImport(ctx, i, entry)
	}
	if err != nil {
		return Import{}, fmt.Errorf("beginning an import at %s: %w", source, err)
	}
	return i, nil
}

// Stage finds out what each row is here, and writes nothing: see ImportStore.
func (p *Importer) Stage(ctx context.Context, at Place, rows []OldAccount, keep func(row *OldAccount, there OldAccount)) ([]StagedRow, error) {
	staged, err := p.store.StageImport(ctx, at, rows, keep)
	if err != nil {
		return nil, fmt.Errorf("looking for old accounts at %s: %w", at.Source, err)
	}
	return staged, nil
}

// Write writes staged rows and how far the import came: see ImportStore.
func (p *Importer) Write(ctx context.Context, at Place, before Import, after *Import, rows []StagedRow) (Pressure, error) {
	after.UpdatedAt = p.now().UTC().Truncate(time.Microsecond)
	pressure, err := p.store.WriteImport(ctx, at, before, after, rows)
	if err != nil {
		return Pressure{}, fmt.Errorf("writing old accounts at %s: %w", at.Source, err)
	}
	return pressure, nil
}

// TakeOldSubjects gives old subjects to people who were linked before they were brought.
func (p *Importer) TakeOldSubjects(ctx context.Context, sector, after string, limit int) (taken int, last string, err error) {
	return p.store.TakeOldSubjects(ctx, sector, after, limit)
}

// Finish puts the end of an import on record.
func (p *Importer) Finish(ctx context.Context, i *Import, actor string) error {
	i.FinishedAt = p.now().UTC().Truncate(time.Microsecond)
	i.UpdatedAt = i.FinishedAt
	entry, err := entryOf(i.FinishedAt, actor, eid.ActionAccountsImport, "", i.detail("finished"))
	if err == nil {
		err = p.store.FinishImport(ctx, *i, entry)
	}
	if err != nil {
		return fmt.Errorf("ending an import at %s: %w", i.Source, err)
	}
	return nil
}

func (i *Import) detail(phase string) importDetail {
	return importDetail{Import: i.ID, Source: i.Source, Phase: phase, Digest: hex.EncodeToString(i.Digest[:]), Rows: i.Rows, Counts: i.Counts}
}

// importDetail is the detail of eid.ActionAccountsImport.
type importDetail struct {
	Import string       `json:"import"`
	Source string       `json:"source"`
	Phase  string       `json:"phase"`
	Digest string       `json:"sha256"`
	Rows   int          `json:"rows"`
	Counts ImportCounts `json:"counts"`
}
