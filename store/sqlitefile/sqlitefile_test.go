package sqlitefile

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// TestOpenTogether: a file that nobody has opened yet is opened by several at once,
// each of which turns it to write-ahead logging.
func TestOpenTogether(t *testing.T) {
	for round := range 30 {
		path := filepath.Join(t.TempDir(), fmt.Sprint(round, ".db"))
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		start := make(chan struct{})
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				<-start
				f, err := Open(t.Context(), path, "FULL")
				if err != nil {
					t.Errorf("round %d: Open(): %v", round, err)
					return
				}
				if err := f.Close(); err != nil {
					t.Errorf("round %d: Close(): %v", round, err)
				}
			})
		}
		close(start)
		group.Wait()
	}
}
