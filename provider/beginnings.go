package provider

import (
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"eidgate/federation"
)

// beginnings bounds how many logins are begun while one lives, and so what
// strangers can make this process keep. Holders who are signed in have a part of
// it that nobody else gets. Once half of it is used up, no address (a /64 of
// IPv6), and no session, gets more than a hundredth, and no network (a /24, or a
// /48) more than a tenth: a flood from few places then shuts out itself, and a
// village alone is never held back.
type beginnings struct {
	most   int
	window time.Duration
	now    func() time.Time

	mu      sync.Mutex
	started time.Time
	total   int
	of      map[string]int // as many entries as logins at most, twice
	refused uint64
}

func newBeginnings(most int, window time.Duration, now func() time.Time) *beginnings {
	return &beginnings{most: most, window: window, now: now}
}

// take counts one login of who, an address with the network around it or, where
// that is empty, a session of somebody who is signed in. false means that it may
// not begin.
func (b *beginnings) take(who, around string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now := b.now(); b.of == nil || now.Sub(b.started) >= b.window || now.Before(b.started) {
		b.started, b.total, b.of = now, 0, map[string]int{}
	}
	most := b.most
	if around != "" {
		most = b.most * 3 / 4
	}
	tooMany := b.of[who] >= max(b.most/100, 1) || around != "" && b.of[around] >= max(b.most/10, 1)
	if b.total >= most || b.total >= b.most/2 && tooMany {
		b.refused++
		return false
	}
	b.total++
	b.of[who]++
	if around != "" {
		b.of[around]++
	}
	return true
}

func (b *beginnings) load() (begun int, refused uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.total, b.refused
}

// mayBegin counts a login that is about to be kept. It returns an error that
// wraps federation.ErrBusy where there is no room for it.
func (p *Provider) mayBegin(c *gin.Context, s session) error {
	who, around := s.ID, ""
	if s.Account == "" {
		who, around = addressOf(c), network(c)
	}
	if !p.beginnings.take(who, around) {
		return fmt.Errorf("beginning a login: %w", federation.ErrBusy)
	}
	return nil
}

// addressOf names the address of a request, or its /64 of IPv6.
func addressOf(c *gin.Context) string {
	addr := clientAddress(c)
	if addr.Is6() {
		return netip.PrefixFrom(addr, 64).Masked().String()
	}
	return addr.String()
}
