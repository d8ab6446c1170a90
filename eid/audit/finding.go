package audit

import (
	"fmt"
	"slices"
	"strings"

	"eidgate/eid"
)

// Kind says what is wrong with a piece of evidence.
type Kind string

// The kinds of findings. What each means to an auditor stands in the operator's guide.
const (
	RowEdited         Kind = "row_edited"         // its columns are not those that were sealed
	RowMoved          Kind = "row_moved"          // it was sealed under another number
	RowDeleted        Kind = "row_deleted"        // it was sealed, and is gone unlawfully
	RowInserted       Kind = "row_inserted"       // it stands between sealed rows, and no checkpoint knows it
	RowLost           Kind = "row_lost"           // its number was given, and nothing was ever sealed under it
	RowUnsealed       Kind = "row_unsealed"       // it waits for a checkpoint for too long
	RowUnproven       Kind = "row_unproven"       // the checkpoint that would prove it is gone or forged
	RowMisdated       Kind = "row_misdated"       // it tells of a pruning later than its own checkpoint
	CheckpointForged  Kind = "checkpoint_forged"  // no key of the gateway signed it
	CheckpointAltered Kind = "checkpoint_altered" // it does not fit its signature, its place or the one before
	CheckpointRemoved Kind = "checkpoint_removed" // its number is missing
	CheckpointDiffers Kind = "checkpoint_differs" // another one of its number was shipped
	TailCut           Kind = "tail_cut"           // the end of the audit is gone
)

// Finding is one thing that is not as it was sealed.
type Finding struct {
	Kind       Kind   `json:"kind"`
	Row        int64  `json:"row,omitempty"`        // id of the row, or of the first
	Through    int64  `json:"through,omitempty"`    // id of the last row, where there are several
	Checkpoint int64  `json:"checkpoint,omitempty"` // number of the checkpoint that shows it
	What       string `json:"what"`
}

// String is the finding in one line.
func (f Finding) String() string {
	var where []string
	switch {
	case f.Row != 0 && f.Through > f.Row:
		where = append(where, fmt.Sprintf("rows %d to %d", f.Row, f.Through))
	case f.Row != 0 || f.Kind == RowMoved || f.Kind == RowInserted:
		where = append(where, fmt.Sprintf("row %d", f.Row))
	}
	if f.Checkpoint != 0 {
		where = append(where, fmt.Sprintf("checkpoint %d", f.Checkpoint))
	}
	return string(f.Kind) + ": " + strings.Join(append(where, f.What), ": ")
}

// differences names the columns in which a row differs from what it was.
func differences(was, is Row) string {
	var list []string
	add := func(column, was, is string) {
		if was != is {
			list = append(list, fmt.Sprintf("%s was %q and is %q", column, was, is))
		}
	}
	add("at", was.Time().Format(microseconds), is.Time().Format(microseconds))
	add("actor", was.Actor, is.Actor)
	add("action", was.Action, is.Action)
	add("account", was.Account, is.Account)
	add("client", was.Client, is.Client)
	add("ref", was.Ref, is.Ref)
	add("detail", was.Detail, is.Detail)
	add("types of columns", was.Odd, is.Odd)
	return strings.Join(list, "; ")
}

// inferred finds which one column was edited, where one of the values that are likely
// gives the sealed hash again.
func inferred(is Row, sealed [hashLen]byte) string {
	try := func(change func(*Row)) string {
		was := is
		change(&was)
		if was.Hash() == sealed {
			return differences(was, is)
		}
		return ""
	}
	var tries []func(*Row)
	for _, action := range eid.Actions() {
		tries = append(tries, func(r *Row) { r.Action = action })
	}
	for _, actor := range []string{"holder", "system", "client:" + is.Client} {
		tries = append(tries, func(r *Row) { r.Actor = actor })
	}
	for _, word := range words(is.Detail) { // a grant's detail says account and client as well
		tries = append(tries, func(r *Row) { r.Account = word }, func(r *Row) { r.Client = word })
	}
	tries = append(tries, func(r *Row) { r.Account = "" }, func(r *Row) { r.Client = "" }, func(r *Row) { r.Ref = "" }, func(r *Row) { r.Odd = "" })
	for i := range len(is.Detail) { // a level in the detail
		if c := is.Detail[i]; c == '1' || c == '2' {
			other := is.Detail[:i] + string('1'+'2'-c) + is.Detail[i+1:]
			tries = append(tries, func(r *Row) { r.Detail = other })
		}
		if i > maxTried {
			break
		}
	}
	for _, change := range tries {
		if found := try(change); found != "" {
			return found
		}
	}
	return ""
}

// maxTried bounds how much of a detail is looked at for what was edited.
const maxTried = 4096

// words are the texts in quotes of a JSON text, each once.
func words(detail string) []string {
	parts := strings.Split(detail[:min(len(detail), maxTried)], `"`)
	var list []string
	for i := 1; i < len(parts); i += 2 {
		if !slices.Contains(list, parts[i]) {
			list = append(list, parts[i])
		}
	}
	return list
}
