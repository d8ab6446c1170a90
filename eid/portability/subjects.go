package portability

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"eidgate/eid"
)

// SubjectStore keeps the subjects that portals knew people by before.
type SubjectStore interface {
	// AddOldSubjects puts rows on record in one transaction and tells the fate of each.
	AddOldSubjects(ctx context.Context, sector, source string, rows []eid.OldSubject, dry bool) ([]eid.OldSubjectFate, error)
	SubjectTaker
	Record(ctx context.Context, entries ...eid.AuditEntry) error
}

// SubjectOptions say how a file of subjects is imported.
type SubjectOptions struct {
	Sector string
	Source string
	// Logins: what the source calls people are login names of a portal, of which there is
	// one spelling (NFC).
	Logins bool
	Actor  string
	DryRun bool
	Now    func() time.Time
	// Report is told after each batch; nil tells nobody.
	Report func(done SubjectCounts, of int)
}

// SubjectCounts is what became of the rows of a file.
type SubjectCounts struct {
	Rows   int `json:"rows"`
	Added  int `json:"added"`
	There  int `json:"there"` // brought before, or twice in the file
	Faults int `json:"faults"`
	// Taken are subjects of the sector whose people were linked already.
	Taken int `json:"taken"`
}

// SubjectResult is how an import ended.
type SubjectResult struct {
	SubjectCounts

	FaultsFile string   `json:"faults_file,omitempty"` // empty: there was no fault
	Ignored    []string `json:"ignored,omitempty"`     // columns that nothing is read from
}

const (
	subjectBatch  = 500
	maxPersonName = 255 // bytes of what a source calls a person
)

// ImportSubjects reads a file with the columns source_subject and subject: what the
// source calls a person, and the sub that the portal knew the person by. A subject that
// rows give to several people is nobody's: neither row counts. The same file again
// changes nothing.
func ImportSubjects(ctx context.Context, store SubjectStore, file File, o SubjectOptions) (SubjectResult, error) {
	i := subjectImport{store: store, file: file, SubjectOptions: o, seed: maphash.MakeSeed(), people: map[uint64]uint64{}, several: map[uint64]bool{}}
	if err := i.survey(); err != nil {
		return SubjectResult{}, err
	}
	if err := i.record(ctx, "begun"); err != nil {
		return SubjectResult{}, err
	}
	if err := i.each(nil, func(r *reader, rec record) error { return i.row(ctx, r, rec) }); err != nil {
		return i.result, errors.Join(err, i.close())
	}
	if err := i.write(ctx); err != nil {
		return i.result, errors.Join(err, i.close())
	}
	var err error
	if !i.DryRun {
		if i.result.Taken, err = takeSubjects(ctx, store, o.Sector, i.began, o.Now); err != nil {
			return i.result, errors.Join(err, i.close())
		}
	}
	if i.faults != nil {
		if i.result.FaultsFile, err = i.faults.finish(); err != nil {
			return i.result, err
		}
	}
	return i.result, i.record(ctx, "ended")
}

// subjectImport is one import under way.
type subjectImport struct {
	SubjectOptions

	store  SubjectStore
	file   File
	result SubjectResult
	rows   int
	digest [sha256.Size]byte

	// people are hashes of what the file calls the person of each subject, several the
	// subjects of more than one.
	seed    maphash.Seed
	people  map[uint64]uint64
	several map[uint64]bool

	faults  *faultsFile
	raw     []faultRow
	pending []eid.OldSubject
	began   time.Time // when the first rows were written
}

// each goes through the file.
func (i *subjectImport) each(also io.Writer, visit func(*reader, record) error) error {
	in, err := i.file.Open()
	if err != nil {
		return fmt.Errorf("opening the file: %w", err)
	}
	defer func() { _ = in.Close() }()
	var text io.Reader = in
	if also != nil {
		text = io.TeeReader(in, also)
	}
	r, err := newReader(text, i.file.Encoding, 0, 0)
	if err == nil && (r.holds(colLogin) < 0 || r.holds(colSubject) < 0) {
		err = ErrFile
	}
	if err != nil {
		return fmt.Errorf("%w: a file of subjects has the columns source_subject and subject", err)
	}
	if i.faults == nil {
		i.faults = newFaultsFile(i.file.Faults, r)
		i.result.Ignored = r.ignored()
	}
	for {
		rec, err := r.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := visit(r, rec); err != nil {
			return err
		}
	}
}

// holds is the place of a column, below zero where there is none.
func (r *reader) holds(c column) int {
	for i, have := range r.columns {
		if have == c {
			return i
		}
	}
	return -1
}

// survey reads the file once, for subjects that it gives to several people.
func (i *subjectImport) survey() error {
	digest := sha256.New()
	err := i.each(digest, func(r *reader, rec record) error {
		i.rows++
		row, fault := i.parse(r, rec)
		if fault != "" {
			return nil
		}
		sub, person := maphash.String(i.seed, row.Subject), maphash.String(i.seed, row.Person)
		if before, ok := i.people[sub]; ok && before != person {
			i.several[sub] = true
		}
		i.people[sub] = person
		return nil
	})
	if err == nil && i.rows == 0 {
		err = fmt.Errorf("%w: it has no rows", ErrFile)
	}
	digest.Sum(i.digest[:0])
	i.people = nil
	return err
}

// parse reads a row, or says what is wrong with it in words that hold nothing of it.
func (i *subjectImport) parse(r *reader, rec record) (eid.OldSubject, string) {
	if rec.fault != "" {
		return eid.OldSubject{}, rec.fault
	}
	if len(rec.fields) != len(r.columns) {
		return eid.OldSubject{}, "row has another number of columns than the header: a separator within a field needs quotes around the field"
	}
	person := unprotected(strings.TrimSpace(rec.fields[r.holds(colLogin)]))
	subject := unprotected(strings.TrimSpace(rec.fields[r.holds(colSubject)]))
	if problem := unreadable(person); problem != "" {
		return eid.OldSubject{}, "source_subject " + problem
	}
	if i.Logins {
		person = norm.NFC.String(person)
	}
	switch {
	case person == "":
		return eid.OldSubject{}, "source_subject is missing"
	case len(person) > maxPersonName:
		return eid.OldSubject{}, "source_subject is too long"
	case strings.ContainsFunc(person, invisible):
		return eid.OldSubject{}, "source_subject has control characters, or some that are not seen: type it again"
	}
	if err := eid.CheckOldSubject(subject); err != nil {
		return eid.OldSubject{}, "subject cannot be kept: " + err.Error()
	}
	return eid.OldSubject{Person: person, Subject: subject}, ""
}

func (i *subjectImport) row(ctx context.Context, r *reader, rec record) error {
	i.result.Rows++
	row, fault := i.parse(r, rec)
	if fault == "" && i.several[maphash.String(i.seed, row.Subject)] {
		fault = "subject is that of other rows too, for other people: keep the right one"
	}
	if fault != "" {
		return i.refuse(faultRow{rec.row, rec.fields, fault})
	}
	i.pending, i.raw = append(i.pending, row), append(i.raw, faultRow{row: rec.row, fields: rec.fields})
	if len(i.pending) < subjectBatch {
		return nil
	}
	return i.write(ctx)
}

func (i *subjectImport) refuse(rows ...faultRow) error {
	i.result.Faults += len(rows)
	return i.faults.add(rows)
}

// write puts the rows that wait on record, and lets others write for as long.
func (i *subjectImport) write(ctx context.Context) error {
	if len(i.pending) == 0 {
		return ctx.Err()
	}
	began := time.Now()
	fates, err := i.store.AddOldSubjects(ctx, i.Sector, i.Source, i.pending, i.DryRun)
	if err != nil {
		return err
	}
	if i.began.IsZero() {
		i.began = i.Now()
	}
	held := time.Since(began)
	var refused []faultRow
	for n, fate := range fates {
		switch fate {
		case eid.OldSubjectAdded:
			i.result.Added++
		case eid.OldSubjectThere:
			i.result.There++
		default:
			i.raw[n].fault = faultOf(fate)
			refused = append(refused, i.raw[n])
		}
	}
	if err := i.refuse(refused...); err != nil {
		return err
	}
	i.pending, i.raw = i.pending[:0], i.raw[:0]
	if i.Report != nil {
		i.Report(i.result.SubjectCounts, i.rows)
	}
	return wait(ctx, held/2)
}

// faultOf says why a subject was not taken in.
func faultOf(fate eid.OldSubjectFate) string {
	if fate == eid.OldSubjectOthers {
		return "subject was brought for another person before: find out whose it is"
	}
	return "subject is one that tokens of the gateway carry: it is no old one"
}

// record puts the import on record: what it is, and at the end what became of it.
func (i *subjectImport) record(ctx context.Context, state string) error {
	if i.DryRun {
		return nil
	}
	about := struct {
		State  string         `json:"state"`
		Sector string         `json:"sector"`
		Source string         `json:"source"`
		Digest string         `json:"digest"` // SHA-256 of the file
		Counts *SubjectCounts `json:"counts,omitempty"`
	}{state, i.Sector, i.Source, hex.EncodeToString(i.digest[:]), nil}
	if state == "ended" {
		about.Counts = &i.result.SubjectCounts
	}
	detail, err := json.Marshal(about)
	if err != nil {
		return fmt.Errorf("writing audit detail: %w", err)
	}
	return i.store.Record(ctx, eid.AuditEntry{At: i.Now(), Actor: i.Actor, Action: eid.ActionSubjectsImport, Detail: detail})
}

// close leaves what is known of faults by now.
func (i *subjectImport) close() error {
	if i.faults == nil {
		return nil
	}
	return i.faults.close()
}
