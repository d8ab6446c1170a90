package config

import (
	"errors"
	"strconv"
	"strings"
)

// Fault is one thing wrong with a configuration. Its text holds no secret.
type Fault struct {
	Path    string // such as clients[2].redirect_uris[0], or a variable's name
	Problem string
	Remedy  string // what to write instead; may be empty
}

func (f *Fault) Error() string {
	text := f.Path + ": " + f.Problem
	if f.Remedy != "" {
		text += " (" + f.Remedy + ")"
	}
	return text
}

// faults collects all that is wrong before anything is reported.
type faults struct {
	list []error
	// broken are paths whose value could not be read. What a check would say of
	// them, or of what lies below them, would only repeat it.
	broken []string
}

// add reports a value that was read and is wrong.
func (f *faults) add(path, problem, remedy string) {
	if !f.isBroken(path) {
		f.list = append(f.list, &Fault{Path: path, Problem: problem, Remedy: remedy})
	}
}

// unreadable reports a value that could not be read at all.
func (f *faults) unreadable(path, problem, remedy string) {
	f.add(path, problem, remedy)
	f.broken = append(f.broken, path)
}

func (f *faults) isBroken(path string) bool {
	for _, b := range f.broken {
		rest, below := strings.CutPrefix(path, b)
		if below && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return true
		}
	}
	return false
}

// err joins everything reported; nil when nothing was.
func (f *faults) err() error { return errors.Join(f.list...) }

// member is the path of a key below path.
func member(path, key string) string {
	if !plainKey(key) {
		return path + "[" + clip(key) + "]"
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// item is the path of an element of a list.
func item(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

func plainKey(key string) bool {
	for _, r := range key {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-' {
			return false
		}
	}
	return key != ""
}

// clip quotes a text for a message, shortened.
func clip(s string) string {
	const most = 60
	if len(s) > most {
		return strconv.Quote(strings.ToValidUTF8(s[:most], "") + "…")
	}
	return strconv.Quote(s)
}

// meant guesses which of the known names was meant, for a remedy.
func meant(name string, known []string) string {
	if guess, ok := nearest(name, known); ok {
		return "did you mean " + guess + "?"
	}
	return "one of " + strings.Join(known, ", ")
}

// nearest finds the known name that a few slips of the finger lead to.
func nearest(name string, known []string) (best string, ok bool) {
	least := max(2, len(name)/3) + 1
	for _, k := range known {
		if d := distance(strings.ToLower(name), k); d < least {
			best, least = k, d
		}
	}
	return best, best != ""
}

// distance counts the letters to insert, remove or replace between two names
// (Levenshtein). Long names are far from everything.
func distance(a, b string) int {
	const longest = 64
	if len(a) > longest || len(b) > longest {
		return longest
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
