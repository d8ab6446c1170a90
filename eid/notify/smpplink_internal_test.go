package notify

import (
	"context"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"
)

// TestAnIdleLinkIsGivenBack though the server goes on asking for signs of life; one in use
// answers it.
func TestAnIdleLinkIsGivenBack(t *testing.T) {
	for _, tt := range []struct {
		name string
		used time.Duration // ago
		want data.CommandIDType
		ends bool
	}{{"in use", 0, data.ENQUIRE_LINK_RESP, false}, {"idle", 2 * idleTime, data.UNBIND, true}} {
		ours, theirs := net.Pipe()
		l := newLink(ours)
		l.mu.Lock()
		l.used = time.Now().Add(-tt.used)
		l.mu.Unlock()
		buf := pdu.NewBuffer(nil)
		pdu.NewEnquireLink().Marshal(buf)
		if _, err := theirs.Write(buf.Bytes()); err != nil {
			t.Fatal(err)
		}
		if got, err := pdu.Parse(theirs); err != nil || got.GetHeader().CommandID != tt.want {
			t.Errorf("%s: said %v, %v, want 0x%x", tt.name, got, err, uint32(tt.want))
		}
		if l.alive() == tt.ends {
			t.Errorf("%s: alive() = %v, want %v", tt.name, l.alive(), !tt.ends)
		}
		l.end()
		<-l.done
	}
}

// TestAnAnswerCountsThoughTheLinkEnds: the server hung up, or the time was over, right
// behind it.
func TestAnAnswerCountsThoughTheLinkEnds(t *testing.T) {
	ended := make(chan struct{})
	close(ended)
	over, stop := context.WithCancel(t.Context())
	stop()
	for range 50 { // of several that are ready, select takes any
		for name, ctx := range map[string]context.Context{"hung up": t.Context(), "time over": over} {
			ours, _ := net.Pipe()
			w := waiter{status: make(chan data.CommandStatusType, 1)}
			w.status <- data.ESME_RINVDSTADR
			l := &link{conn: ours, done: ended}
			if got, err := l.await(ctx, w); got != data.ESME_RINVDSTADR || err != nil {
				t.Fatalf("%s: await() = %v, %v, want the answer", name, got, err)
			}
			if _, err := l.await(ctx, w); err == nil {
				t.Fatalf("%s: await() without an answer = nil error", name)
			}
		}
	}
}

// TestASlowSMSCIsSentNothingTwice: more messages than it takes at once wait for their
// place, then for their answers, and all get them on the one link. Who stops waiting does
// not end it.
func TestASlowSMSCIsSentNothingTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		l := newLink(ours)
		var served sync.WaitGroup
		served.Go(func() {
			var writing sync.Mutex
			for {
				unit, err := pdu.Parse(theirs)
				if err != nil {
					return
				}
				served.Go(func() {
					time.Sleep(answerTime * 6 / 10)
					buf := pdu.NewBuffer(nil)
					unit.GetResponse().Marshal(buf)
					writing.Lock()
					defer writing.Unlock()
					_, _ = theirs.Write(buf.Bytes())
				})
			}
		})
		var sent sync.WaitGroup
		sent.Go(func() {
			hurried, stop := context.WithTimeout(t.Context(), time.Second)
			defer stop()
			if _, err := l.submit(hurried, pdu.NewSubmitSM()); err == nil {
				t.Error("submit() of who stops waiting = nil error")
			}
		})
		synctest.Wait()
		for range 2 * windowSize {
			sent.Go(func() {
				if _, err := l.submit(t.Context(), pdu.NewSubmitSM()); err != nil {
					t.Errorf("submit() = %v, want an answer", err)
				}
			})
		}
		sent.Wait()
		if !l.alive() {
			t.Error("the link has ended")
		}
		l.end()
		served.Wait()
		<-l.done
	})
}
