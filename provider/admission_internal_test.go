package provider

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
)

// claimed is a body that is long by its header and brings nothing.
type claimed struct{ room int }

func (b *claimed) Read(p []byte) (int, error) {
	b.room = max(b.room, len(p))
	return 0, io.EOF
}

// Memory is given to what has come: thousands of senders may claim long bodies
// and hold them back.
func TestClaimedBodyTakesNoMemory(t *testing.T) {
	body := &claimed{}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/login", body)
	r.ContentLength = maxBody
	c, _ := gin.CreateTestContext(httptest.NewRecorder())
	c.Request = r
	if ok := (&Provider{}).receive(c); !ok || body.room > 1<<10 {
		t.Errorf("receive() = %v with room for %d bytes, want true with at most 1 KiB", ok, body.room)
	}
}

func TestAdmissionShares(t *testing.T) {
	a := newAdmission(16)
	enter := func(stranger bool) (n int) {
		for range 100 {
			if a.enter(stranger) {
				n++
			}
		}
		return n
	}
	if n := enter(true); n != 4 {
		t.Errorf("strangers have %d of 16 places, want 4", n)
	}
	if n := enter(false); n != 12 {
		t.Errorf("the others have %d places beside them, want 12", n)
	}
	if a.enter(true) || a.enter(false) {
		t.Error("there is room where every place is taken")
	}
	a.leave(true)
	if !a.enter(false) || a.enter(true) {
		t.Error("a place that a stranger left is not for others")
	}
	if running, shed := a.running.Load(), a.shed.Load(); running != 16 || shed != 96+88+2+1 {
		t.Errorf("running %d, shed %d, want 16, 187", running, shed)
	}
}

func TestBeginnings(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	b := newBeginnings(1000, time.Minute, func() time.Time { return now })
	take := func(n int, who, around string) (taken int) {
		for range n {
			if b.take(who, around) {
				taken++
			}
		}
		return taken
	}
	if n := take(2000, "village", "its network"); n != 500 {
		t.Errorf("one address begins %d logins, want half of them", n)
	}
	if n := take(50, "home", "another network"); n != 10 {
		t.Errorf("an address under pressure begins %d, want a hundredth", n)
	}
	rented := 0
	for i := range 1000 { // addresses of one /48 cost nothing
		rented += take(10, fmt.Sprint("rented ", i), "a rented network")
	}
	if rented != 100 {
		t.Errorf("a network under pressure begins %d, want a tenth", rented)
	}
	for i := range 1000 {
		take(10, fmt.Sprint("bot ", i), fmt.Sprint("network ", i))
	}
	if n, _ := b.load(); n != 750 {
		t.Errorf("strangers began %d, want three quarters", n)
	}
	if n := take(50, "session", ""); n != 10 {
		t.Errorf("a holder who is signed in begins %d, want a hundredth", n)
	}
	if len(b.of) > 2*b.most {
		t.Errorf("%d names are kept, want %d at most", len(b.of), 2*b.most)
	}
	now = now.Add(time.Minute)
	if n := take(50, "home", "another network"); n != 50 {
		t.Errorf("in the next window %d begin, want all", n)
	}
}
