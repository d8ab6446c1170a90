package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"eidgate/eid"
	"eidgate/keys"
	"eidgate/store"
)

// How notices are delivered.
const (
	deliverEvery  = 500 * time.Millisecond // how often the outbox is looked into unasked
	deliverLease  = 30 * time.Second       // how long a claimed notice is ours
	deliverBatch  = 64                     // notices of one claim
	deliverAtOnce = 512                    // notices in hand
	deliverFor    = 24 * time.Hour         // then a notice is given up
	perParty      = 4                      // calls to one party at once
	callTimeout   = 5 * time.Second
	tokenLifetime = 2 * time.Minute // of a logout token (Back-Channel Logout §2.4 recommends it)
)

// backOff is the pause after a failed attempt, given how many failed before.
func backOff(failed int) time.Duration {
	pauses := []time.Duration{
		time.Second, 5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour,
	}
	return pauses[min(max(failed, 0), len(pauses)-1)]
}

// PartyHealth is how the delivery of logouts to one party goes, as far as this
// process knows.
type PartyHealth struct {
	Client      string
	Failures    int // in a row
	LastSuccess time.Time
	LastFailure time.Time
}

// courier carries logout notices to parties.
type courier struct {
	client *http.Client
	wake   chan struct{}
	inHand sync.WaitGroup

	mu      sync.Mutex
	holding int
	lanes   map[string]chan struct{} // by client: the calls under way
	health  map[string]PartyHealth
}

// newCourier uses the guarded client, save that an answer is what the party
// itself answers: a redirect, say to its sign-in page, is a failure.
func newCourier(client *http.Client) *courier {
	own := *client
	own.Timeout = callTimeout
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &courier{
		client: &own, wake: make(chan struct{}, 1), lanes: map[string]chan struct{}{}, health: map[string]PartyHealth{},
	}
}

// poke has the outbox looked into now.
func (p *Provider) poke() {
	select {
	case p.courier.wake <- struct{}{}:
	default:
	}
}

// LogoutHealth tells how deliveries go, for each party that had one.
func (p *Provider) LogoutHealth() []PartyHealth {
	p.courier.mu.Lock()
	defer p.courier.mu.Unlock()
	all := make([]PartyHealth, 0, len(p.courier.health))
	for _, h := range p.courier.health {
		all = append(all, h)
	}
	return all
}

// Run tells parties of ended sessions, of locks, of ended links and of revoked keys, and
// records who fetched keys, until ctx ends. Several processes may run it on one outbox.
func (p *Provider) Run(ctx context.Context) error {
	ticker := time.NewTicker(deliverEvery)
	defer ticker.Stop()
	defer p.courier.inHand.Wait()
	for {
		if err := errors.Join(p.dispatchEvents(ctx), p.dispatchSwitches(ctx), p.dispatchRevocations(ctx)); err != nil && ctx.Err() == nil {
			p.deps.Log.Error("telling of events", "err", err)
		}
		if err := p.keyFetches.keep(ctx); err != nil && ctx.Err() == nil {
			p.deps.Log.Error("noting who fetched keys", "err", err)
		}
		for {
			more, err := p.carry(ctx)
			if err != nil && ctx.Err() == nil {
				p.deps.Log.Error("reading the outbox of logouts", "err", err)
			}
			if err != nil || !more {
				break
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		case <-p.courier.wake:
		}
	}
}

// dispatchEvents turns events into notices to every party that knows the account.
// An event of an account that no party knows is done with.
func (p *Provider) dispatchEvents(ctx context.Context) error {
	events, err := p.deps.Events.PendingEvents(ctx, deliverBatch)
	if err != nil {
		return fmt.Errorf("reading events: %w", err)
	}
	var failed []error
	for _, event := range events {
		if err := p.dispatchEvent(ctx, event); err != nil {
			failed = append(failed, fmt.Errorf("dispatching %s: %w", event.Kind, err))
		}
	}
	return errors.Join(failed...)
}

func (p *Provider) dispatchEvent(ctx context.Context, event eid.Event) error {
	// No session and no token of ours is older.
	notices, err := p.deps.Events.SubjectsOf(ctx, event.Account, event.At.Add(-store.MaxTTL))
	if err != nil {
		return fmt.Errorf("reading subjects: %w", err)
	}
	var told []eid.LogoutNotice
	for _, n := range notices {
		rp, err := p.deps.Clients.RelyingParty(ctx, n.Client)
		if errors.Is(err, eid.ErrNotFound) || err == nil && rp.Logout.BackchannelURI == "" {
			continue
		}
		if err != nil {
			return fmt.Errorf("finding client: %w", err)
		}
		n.ID, n.SID, n.CreatedAt = randomText(16), "", p.deps.Now()
		told = append(told, n)
	}
	return p.deps.Events.DispatchEvent(ctx, event.ID, told)
}

// carry claims notices and sets each on its way. It reports whether more may be
// due now.
func (p *Provider) carry(ctx context.Context) (more bool, err error) {
	c := p.courier
	c.mu.Lock()
	free := min(deliverAtOnce-c.holding, deliverBatch)
	c.mu.Unlock()
	if free <= 0 {
		return false, nil
	}
	notices, err := p.deps.Outbox.ClaimLogouts(ctx, p.deps.Now(), deliverLease, free)
	if err != nil {
		return false, fmt.Errorf("claiming: %w", err)
	}
	claimed := time.Now()
	for _, n := range notices {
		lane := c.take(n.Client)
		c.inHand.Go(func() {
			defer c.put()
			select {
			case lane <- struct{}{}:
				defer func() { <-lane }()
			case <-ctx.Done():
				p.putBack(ctx, n)
				return
			}
			// The lease must outlast the call; else another process has the notice.
			if time.Since(claimed) > deliverLease-2*callTimeout {
				return
			}
			p.deliver(ctx, n)
		})
	}
	return len(notices) == free, nil
}

// take notes a notice in hand and gives the lane of its party.
func (c *courier) take(client string) chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holding++
	lane, ok := c.lanes[client]
	if !ok {
		lane = make(chan struct{}, perParty)
		c.lanes[client] = lane
	}
	return lane
}

func (c *courier) put() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holding--
}

// note keeps the health of a party.
func (c *courier) note(client string, now time.Time, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.health[client]
	h.Client = client
	if err == nil {
		h.Failures, h.LastSuccess = 0, now
	} else {
		h.Failures, h.LastFailure = h.Failures+1, now
	}
	c.health[client] = h
}

// failing reports whether the last delivery to a party failed.
func (c *courier) failing(client string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.health[client].Failures > 0
}

// deliver tries a notice once and writes down how it went. What cannot be
// written is tried again when the lease ends.
func (p *Provider) deliver(ctx context.Context, n eid.LogoutNotice) {
	rp, err := p.deps.Clients.RelyingParty(ctx, n.Client)
	switch {
	case errors.Is(err, eid.ErrNotFound) || err == nil && rp.Logout.BackchannelURI == "":
		p.settle(ctx, n, p.deps.Outbox.LogoutFailed(ctx, n.ID, time.Time{})) // nobody to tell any more
		return
	case err != nil:
		p.putBack(ctx, n)
		return
	}
	err = p.tell(ctx, &rp, n)
	if ctx.Err() != nil {
		p.putBack(ctx, n)
		return
	}
	now := p.deps.Now()
	p.courier.note(n.Client, now, err)
	if err == nil {
		p.settle(ctx, n, p.deps.Outbox.LogoutDelivered(ctx, n.ID))
		p.poke() // only so many of one party are claimed at a time: more of them may wait
		return
	}
	next := now.Add(backOff(n.Attempts))
	if next.Sub(n.CreatedAt) > deliverFor {
		next = time.Time{}
	}
	p.deps.Log.Warn("a party was not told of a logout", "client", n.Client, "notice", n.ID, "attempts", n.Attempts+1,
		"given_up", next.IsZero(), "err", err)
	p.settle(ctx, n, p.deps.Outbox.LogoutFailed(ctx, n.ID, next))
}

// putBack frees a notice that this process cannot try any more.
func (p *Provider) putBack(ctx context.Context, n eid.LogoutNotice) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	p.settle(ctx, n, p.deps.Outbox.LogoutFailed(ctx, n.ID, p.deps.Now().Add(deliverEvery)))
}

func (p *Provider) settle(ctx context.Context, n eid.LogoutNotice, err error) {
	if err != nil && ctx.Err() == nil {
		p.deps.Log.Error("noting a delivery", "client", n.Client, "notice", n.ID, "err", err)
	}
}

// tell posts a logout token (Back-Channel Logout §2.5). Each try has a token of
// its own: the one before may have arrived, and a jti counts once.
func (p *Provider) tell(ctx context.Context, rp *eid.RelyingParty, n eid.LogoutNotice) error {
	token, err := p.logoutToken(rp, n)
	if err != nil {
		return err
	}
	body := strings.NewReader(url.Values{"logout_token": {token}}.Encode())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, rp.Logout.BackchannelURI, body)
	if err != nil {
		return errors.New("the registered address is not one") // err would hold the address
	}
	r.Header.Set("Content-Type", formType)
	res, err := p.courier.client.Do(r)
	if err != nil {
		return fmt.Errorf("calling: %w", withoutAddress(err))
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, maxBody)) // so that the connection may be used again
	if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusNoContent {
		return fmt.Errorf("answered %d", res.StatusCode)
	}
	return nil
}

// withoutAddress keeps what went wrong and drops the address, which may hold
// anything the party put into it.
func withoutAddress(err error) error {
	var at *url.Error
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// logoutClaims are the claims of a logout token (Back-Channel Logout §2.4). It
// has no nonce, so that it cannot pass as an ID token.
type logoutClaims struct {
	Issuer    string         `json:"iss"`
	Subject   string         `json:"sub,omitempty"` // it or sid
	Audience  string         `json:"aud"`
	IssuedAt  int64          `json:"iat"`
	ExpiresAt int64          `json:"exp"`
	ID        string         `json:"jti"`
	SID       string         `json:"sid,omitempty"`
	Events    map[string]any `json:"events"`
}

const (
	logoutEvent     = "http://schemas.openid.net/event/backchannel-logout"
	logoutTokenType = "logout+jwt"
)

func (p *Provider) logoutToken(rp *eid.RelyingParty, n eid.LogoutNotice) (string, error) {
	now := p.deps.Now()
	payload, err := json.Marshal(logoutClaims{
		Issuer: p.cfg.Issuer, Subject: n.Subject, Audience: rp.ID, IssuedAt: now.Unix(), ExpiresAt: now.Add(tokenLifetime).Unix(),
		ID: randomText(16), SID: n.SID, Events: map[string]any{logoutEvent: struct{}{}},
	})
	if err != nil {
		return "", fmt.Errorf("writing logout token: %w", err)
	}
	token, err := p.deps.Keys.Snapshot().Sign(keys.LogoutTokens, keys.Algorithm(rp.IDTokenAlg), logoutTokenType, payload)
	if err != nil {
		return "", fmt.Errorf("signing logout token: %w", err)
	}
	return token, nil
}
