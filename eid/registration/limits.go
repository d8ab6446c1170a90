package registration

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"eidgate/eid"
	"eidgate/store"
)

// Limits are how many declarations are sent, beside those for one number, which the
// rules say, and those for one contact, which are credential.Codes'. Many people share
// an address (RFC 6269), so theirs are wide.
type Limits struct {
	PerDraft   int64 // in a day, one browser
	PerAddress int64 // in an hour, an IPv4 address or an IPv6 /64
	PerNetwork int64 // in an hour, a /24 or a /48
}

// DefaultLimits leave room for a school class behind one address.
func DefaultLimits() Limits { return Limits{PerDraft: 10, PerAddress: 60, PerNetwork: 300} }

func (l Limits) check() error {
	if l.PerDraft < 1 || l.PerAddress < 1 || l.PerNetwork < l.PerAddress {
		return errors.New("registration: limits are missing, or the network's is below the address's")
	}
	return nil
}

const (
	slotCrowd = "register.crowd"
	day       = 24 * time.Hour
	// toldEvery is how often the holder of an account hears that somebody registered with
	// the number.
	toldEvery = day
)

// countCrowd counts a sending before it happens. A LaterError says that it must not.
func (s *Service) countCrowd(ctx context.Context, t Token, from netip.Addr) error {
	l, now := s.d.Limits, s.d.Now()
	address, network := eid.Networks(from)
	results, err := s.d.State.Apply(
		ctx, slotCrowd,
		store.Count("draft."+s.name("draft", t.slot), l.PerDraft, day),
		store.Count("address."+s.name("address", address), l.PerAddress, time.Hour),
		store.Count("network."+s.name("network", network), l.PerNetwork, time.Hour))
	if err != nil {
		return fmt.Errorf("counting registrations: %w", err)
	}
	if last := results[len(results)-1]; !last.OK {
		return &LaterError{Until: now.Add(max(last.Left, time.Second))}
	}
	return nil
}

// countNumber counts a try for a number before anything is compared: by its one form,
// whoever types it where. It reports whether there was one left.
func (s *Service) countNumber(ctx context.Context, i eid.Identifier, most int) (bool, error) {
	results, err := s.d.State.Apply(ctx, s.slotOf(i), store.Count("tries", int64(max(most, 1)), day))
	if err != nil {
		return false, fmt.Errorf("counting tries: %w", err)
	}
	return len(results) == 1 && results[0].OK, nil
}

// uncountNumber gives a try back that came to nothing through no fault of the person.
func (s *Service) uncountNumber(ctx context.Context, i eid.Identifier) error {
	if _, err := s.d.State.Apply(ctx, s.slotOf(i), store.Uncount("tries", 1)); err != nil {
		return fmt.Errorf("giving back a try: %w", err)
	}
	return nil
}

// toTell reports whether the holder of a number may be told now.
func (s *Service) toTell(ctx context.Context, i eid.Identifier) (bool, error) {
	results, err := s.d.State.Apply(ctx, s.slotOf(i), store.PutIfAbsent("told", []byte{1}, toldEvery))
	if err != nil {
		return false, fmt.Errorf("counting messages: %w", err)
	}
	return len(results) == 1 && results[0].OK, nil
}

func (s *Service) slotOf(i eid.Identifier) string {
	return "register.number." + s.name("number", i.Canonical())
}

// name is a keyed hash: nobody learns from the passing state what was counted.
func (s *Service) name(kind, text string) string {
	mac := hmac.New(sha256.New, s.d.Key)
	mac.Write([]byte("eidgate registration 1\x00" + kind + "\x00" + text))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}
