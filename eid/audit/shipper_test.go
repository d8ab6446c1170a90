package audit_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"eidgate/eid/audit"
)

// flaky is a receiver that fails after it received, so many times.
type flaky struct {
	audit.Receiver
	fails int
}

func (f *flaky) Receive(ctx context.Context, list []audit.Checkpoint) error {
	if err := f.Receiver.Receive(ctx, list); err != nil {
		return err
	}
	if f.fails--; f.fails >= 0 {
		return errAway
	}
	return nil
}

// TestShipping: everything arrives, in order, whatever fails, and proves what the
// database alone does not.
func TestShipping(t *testing.T) {
	d := newDesk(t)
	path := filepath.Join(t.TempDir(), "checkpoints.jsonl")
	r := &flaky{audit.NewAppender(path), 1}
	s := audit.NewShipper(d.db, "file", r, slog.New(slog.DiscardHandler))
	for range 3 {
		d.write(2)
		d.seal()
	}
	if n, err := s.Turn(t.Context()); err == nil || n != 0 {
		t.Errorf("Turn() = %d, %v, want the failure", n, err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o600)
	must(t, err)
	_, err = f.WriteString(`{"kind":"checkpoint","n":9,"ha`) // a crash in the middle of a line
	must(t, err)
	must(t, f.Close())
	if n, err := s.Turn(t.Context()); err != nil || n != 3 {
		t.Errorf("Turn() = %d, %v, want 3", n, err)
	}
	d.write(2)
	d.seal()
	if n, err := s.Turn(t.Context()); err != nil || n != 1 {
		t.Errorf("Turn() = %d, %v, want 1", n, err)
	}
	if n, err := s.Turn(t.Context()); err != nil || n != 0 {
		t.Errorf("Turn() with nothing new = %d, %v, want 0", n, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("file: %v, %v, want mode 0600", info, err)
	}
	verify := func() []string {
		raw, err := os.ReadFile(path)
		must(t, err)
		file, err := audit.Open(strings.NewReader(string(raw)))
		must(t, err)
		got, _ := d.verifyWith(file.Shipped)
		return got
	}
	if got := verify(); got != nil {
		t.Errorf("verify = %q, want nothing", got)
	}
	d.tamper("DELETE FROM audit WHERE id > 4; DELETE FROM checkpoints WHERE n > 2; DELETE FROM audit_head; UPDATE sqlite_sequence SET seq = 4")
	want := []string{"tail_cut/3", "row_deleted 5-6/3", "tail_cut/4", "row_deleted 7-8/4", "tail_cut"}
	if got := verify(); !reflect.DeepEqual(got, want) {
		t.Errorf("verify = %q, want %q", got, want)
	}
}

// keeper keeps what it gets in memory.
type keeper struct{ list *[]audit.Checkpoint }

func (k keeper) Receive(_ context.Context, list []audit.Checkpoint) error {
	*k.list = append(*k.list, list...)
	return nil
}

func first(found []string, _ audit.Result) []string { return found }
