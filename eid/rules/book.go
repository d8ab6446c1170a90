// Package rules reads the dated rules of electronic identities: what each decision or
// decree says, from when to when, and where that was read. A new decree is a new file.
package rules

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"eidgate/eid"
)

//go:embed sets/*.json
var builtIn embed.FS

// ErrNone reports a time at which no rules are in force: before the first set began, or
// after the last one ended.
var ErrNone = errors.New("no rules are in force")

const (
	maxSets = 100
	maxFile = 256 << 10 // bytes of one rule set
	suffix  = ".json"
)

// Book holds rule sets one after another. It is safe for use by several goroutines.
type Book struct{ sets atomic.Pointer[[]eid.RuleSet] }

// Open reads the rule sets that come with the program and those of a directory, if one
// is named. A file there with the id of one of ours stands in its place. Errors name the
// file.
func Open(directory string) (*Book, error) {
	sets, errs := read(builtIn, "sets", "")
	if directory != "" {
		own, faults := read(os.DirFS(directory), ".", directory)
		errs = append(errs, faults...)
		sets = slices.DeleteFunc(sets, func(s source) bool {
			return slices.ContainsFunc(own, func(o source) bool { return o.ID == s.ID })
		})
		sets = append(sets, own...)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	ordered, err := order(sets)
	if err != nil {
		return nil, err
	}
	b := &Book{}
	b.sets.Store(&ordered)
	return b, nil
}

// Files lists the files of a directory of rule sets, for who watches them.
func Files(directory string) []string {
	if directory == "" {
		return nil
	}
	entries, err := os.ReadDir(directory)
	if err != nil {
		return []string{directory}
	}
	files := []string{directory}
	for _, e := range entries {
		if filepath.Ext(e.Name()) == suffix {
			files = append(files, filepath.Join(directory, e.Name()))
		}
	}
	return files[:min(len(files), maxSets+1)]
}

// At gives the rule set in force at t, or ErrNone.
func (b *Book) At(t time.Time) (eid.RuleSet, error) {
	sets := *b.sets.Load()
	for i := range sets {
		if sets[i].InForce(t) {
			return sets[i], nil
		}
	}
	first, last := sets[0], sets[len(sets)-1]
	if t.Before(first.From) {
		return eid.RuleSet{}, fmt.Errorf("%w: the first, %s, begins on %s", ErrNone, first.Title, day(first.From))
	}
	return eid.RuleSet{}, fmt.Errorf("%w: the last, %s, ended on %s", ErrNone, last.Title, day(last.Until))
}

// All lists the rule sets, the oldest first.
func (b *Book) All() []eid.RuleSet { return slices.Clone(*b.sets.Load()) }

// Replace puts the sets of another book in the place of these, for all who hold b.
func (b *Book) Replace(next *Book) { b.sets.Store(next.sets.Load()) }

// source is a rule set and the file that it was read from.
type source struct {
	eid.RuleSet
	file string
}

// read parses every rule set of a folder. shown is how its path is named in errors.
func read(files fs.FS, folder, shown string) (sets []source, errs []error) {
	entries, err := fs.ReadDir(files, folder)
	if err != nil {
		return nil, []error{fmt.Errorf("reading rule sets: %w", err)}
	}
	for _, e := range entries {
		if e.IsDir() || filepath.Ext(e.Name()) != suffix {
			continue
		}
		name := filepath.Join(shown, e.Name())
		if len(sets) == maxSets {
			return nil, []error{fmt.Errorf("%s: more than %d rule sets", name, maxSets)}
		}
		set, err := readFile(files, filepath.ToSlash(filepath.Join(folder, e.Name())))
		if err != nil {
			errs = append(errs, fmt.Errorf("rule set %s: %w", name, err))
			continue
		}
		if set.ID != strings.TrimSuffix(e.Name(), suffix) {
			errs = append(errs, fmt.Errorf("rule set %s: id %q is not the name of the file", name, set.ID))
			continue
		}
		sets = append(sets, source{set, name})
	}
	return sets, errs
}

func readFile(files fs.FS, name string) (eid.RuleSet, error) {
	info, err := fs.Stat(files, name)
	if err != nil {
		return eid.RuleSet{}, err
	}
	if info.Size() > maxFile {
		return eid.RuleSet{}, fmt.Errorf("larger than %d bytes", maxFile)
	}
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return eid.RuleSet{}, err
	}
	return parse(text)
}

// order sorts rule sets and sees that one follows the other: whatever has no end ends
// where the next begins.
func order(sets []source) ([]eid.RuleSet, error) {
	slices.SortFunc(sets, func(a, b source) int { return a.From.Compare(b.From) })
	var errs []error
	ordered := make([]eid.RuleSet, len(sets))
	for i, s := range sets {
		if i+1 < len(sets) {
			next := sets[i+1]
			switch {
			case s.From.Equal(next.From):
				errs = append(errs, fmt.Errorf("rule sets %s and %s begin at the same time", s.file, next.file))
			case s.Until.IsZero():
				s.Until = next.From
			case s.Until.After(next.From):
				errs = append(errs, fmt.Errorf("rule sets %s and %s overlap: one ends on %s, the other begins on %s", s.file, next.file, day(s.Until), day(next.From)))
			case s.Until.Before(next.From):
				errs = append(errs, fmt.Errorf("between the rule sets %s and %s nothing is in force: one ends on %s, the other begins on %s", s.file, next.file, day(s.Until), day(next.From)))
			}
		}
		ordered[i] = s.RuleSet
	}
	if len(ordered) == 0 {
		errs = append(errs, errors.New("there are no rule sets"))
	}
	return ordered, errors.Join(errs...)
}

func day(t time.Time) string { return t.In(eid.LawTime()).Format(time.DateOnly) }
