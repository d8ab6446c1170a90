package audit

import (
	"context"
	"fmt"
	"time"
)

// walk goes over the rows of one checkpoint and its list of hashes side by side.
type walk struct {
	*inspector
	n     int64
	at    time.Time // of the checkpoint
	after int64     // id of the row before
	list  []entry
	was   []Row

	learned  bool    // what retention did meanwhile
	k        int     // the next of list
	seen     int64   // id of the row that was visited last
	edited   []fault // rows that are not as they were sealed
	inserted []Row
	gone     []entry
}

// fault is a row with the hash that was sealed under its number.
type fault struct {
	row    Row
	sealed [hashLen]byte
}

func (w *walk) rows(ctx context.Context, through int64) error {
	w.lost()
	w.seen = w.after
	first := true
	err := w.evidence.EachRow(ctx, w.after, through, func(r Row) error {
		if r.ID < w.seen {
			return errOrder
		}
		twice := !first && r.ID == w.seen
		first, w.seen = false, r.ID
		return w.row(ctx, r, twice)
	})
	for ; err == nil && w.k < len(w.list); w.k++ {
		err = w.absent(ctx, w.list[w.k])
	}
	if err == nil {
		w.tell()
	}
	return err
}

// row judges one row.
func (w *walk) row(ctx context.Context, r Row, twice bool) error {
	w.result.Rows++
	w.progress()
	if twice {
		w.report(Finding{Kind: RowInserted, Row: r.ID, Checkpoint: w.n, What: "it is there twice"})
		return nil
	}
	for w.k < len(w.list) && w.list[w.k].id < r.ID {
		if err := w.absent(ctx, w.list[w.k]); err != nil {
			return err
		}
		w.k++
	}
	if w.k == len(w.list) || w.list[w.k].id != r.ID {
		if w.inserted = append(w.inserted, r); len(w.inserted) == most {
			w.tell()
		}
		return nil
	}
	sealed := w.list[w.k].hash
	w.k++
	if r.Hash() != sealed {
		if w.edited = append(w.edited, fault{r, sealed}); len(w.edited) == most {
			w.tell()
		}
		return nil
	}
	if r.Odd != "" {
		w.report(Finding{Kind: RowEdited, Row: r.ID, Checkpoint: w.n, What: "it was sealed so, and eidgate never writes it so: " + r.Odd})
	}
	if r.Action == ActionPruned && r.Time().After(w.at.Add(clockSkew)) {
		w.report(Finding{Kind: RowMisdated, Row: r.ID, Checkpoint: w.n, What: "it tells of a pruning after its own checkpoint"})
	}
	return nil
}

// absent judges a row that was sealed and is gone.
func (w *walk) absent(ctx context.Context, e entry) error {
	if !w.lawful.covers(e.id, w.at) && !w.learned {
		w.learned = true
		if err := w.lawful.learn(ctx, w.evidence); err != nil { // retention may be at work beside us
			return err
		}
	}
	if w.lawful.covers(e.id, w.at) {
		w.result.Pruned++
		return nil
	}
	if w.gone = append(w.gone, e); len(w.gone) == MaxRows {
		w.tell()
	}
	return nil
}

// lost reports numbers of rows that were given, where every one is, and never sealed.
func (w *walk) lost() {
	if !w.known.Dense || (!w.prev.known && w.n != 1) {
		return
	}
	last := max(w.after, 0)
	for _, e := range w.list {
		if e.id > last+1 {
			w.report(Finding{Kind: RowLost, Row: last + 1, Through: e.id - 1, Checkpoint: w.n, What: "taken away between its writing and its checkpoint"})
		}
		last = e.id
	}
}

// tell reports what was gathered. Rows that changed places are known by their hashes
// under each other's numbers.
func (w *walk) tell() {
	places := make([]entry, 0, len(w.edited)+len(w.gone))
	for _, f := range w.edited {
		places = append(places, entry{f.row.ID, f.sealed})
	}
	places = append(places, w.gone[:min(len(w.gone), most)]...)
	moved := map[int64]bool{} // numbers whose rows stand elsewhere
	for _, f := range w.edited {
		if from := origin(f.row, places); from != 0 {
			moved[from] = true
			w.report(Finding{Kind: RowMoved, Row: f.row.ID, Checkpoint: w.n, What: fmt.Sprintf("what stands here was sealed as row %d: rows were reordered", from)})
			continue
		}
		w.report(Finding{Kind: RowEdited, Row: f.row.ID, Checkpoint: w.n, What: w.explain(f)})
	}
	for _, r := range w.inserted {
		if from := origin(r, places); from != 0 {
			moved[from] = true
			w.report(Finding{Kind: RowMoved, Row: r.ID, Checkpoint: w.n, What: fmt.Sprintf("what stands here was sealed as row %d", from)})
			continue
		}
		w.report(Finding{Kind: RowInserted, Row: r.ID, Checkpoint: w.n, What: "it was not there when the rows around it were sealed"})
	}
	for k := 0; k < len(w.gone); {
		first, last := w.gone[k].id, w.gone[k].id
		for k++; k < len(w.gone) && w.gone[k].id == last+1 && !moved[last] && !moved[w.gone[k].id]; k++ {
			last = w.gone[k].id
		}
		if !moved[first] {
			w.report(Finding{Kind: RowDeleted, Row: first, Through: last, Checkpoint: w.n, What: "sealed, and gone" + w.recalled(first)})
		}
	}
	w.edited, w.inserted, w.gone = nil, nil, nil
}

// origin is the number under which a row was sealed, zero where no place has it.
func origin(r Row, places []entry) int64 {
	at := r.ID
	for _, p := range places {
		if p.id == at {
			continue
		}
		if r.ID = p.id; r.Hash() == p.hash {
			return p.id
		}
	}
	return 0
}

// explain says what of a row was edited, as far as it can be known.
func (w *walk) explain(f fault) string {
	for _, was := range w.was {
		if was.ID == f.row.ID && was.Hash() == f.sealed {
			return differences(was, f.row)
		}
	}
	if what := inferred(f.row, f.sealed); what != "" {
		return what
	}
	if f.row.Odd != "" {
		return f.row.Odd
	}
	return "it is not what was sealed; which column cannot be told from its hash alone"
}

// recalled is what a row was that is gone, where it was shipped.
func (w *walk) recalled(id int64) string {
	for _, was := range w.was {
		if was.ID == id {
			return fmt.Sprintf(": it was %s by %s at %s, reference %q", was.Action, was.Actor, was.Time().Format(microseconds), was.Ref)
		}
	}
	return ""
}
