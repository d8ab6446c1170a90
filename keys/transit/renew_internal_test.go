package transit

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"eidgate/keys/transit/transittest"
)

// TestRenew prolongs a token that has lived half of its time, and no other.
func TestRenew(t *testing.T) {
	for _, tt := range []struct {
		left int64
		want int
	}{{3600, 0}, {1801, 0}, {1800, 1}, {5, 1}, {0, 0}} {
		server := transittest.New("s.token")
		server.SetToken("s.token", tt.left)
		front := httptest.NewServer(server)
		file := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(file, []byte("s.token"), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := New(Config{Address: front.URL, Mount: "transit", TokenFile: file, Prefix: "eidgate", Timeout: time.Second})
		if err == nil {
			err = c.renew(t.Context())
		}
		if _, got, _ := server.Counts(); err != nil || got != tt.want {
			t.Errorf("with %d s left: renewed %d times, %v, want %d", tt.left, got, err, tt.want)
		}
		front.Close()
	}
}
