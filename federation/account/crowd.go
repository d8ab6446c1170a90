package account

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/text/unicode/norm"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/store"
)

// slotCrowd holds the counters over all numbers. They share one slot, so that a
// guess meets all of them in one step.
const slotCrowd = "signin.crowd"

// crowd is what one guess counts against beside its number: the failures of an
// address, of the network around it, and of this very password at any number. It
// is what stops one guess at each of many numbers (OWASP ASVS 5, 6.3.1; NIST SP
// 800-63B-4 §3.2.2), and holds for browsers without a mark only.
type crowd struct {
	s                        *Source
	address, network, secret string // hidden names
}

func (s *Source) crowdOf(from netip.Addr, password eid.Secret) crowd {
	from = from.Unmap().WithZone("")
	one, around := 32, 24
	if from.Is6() {
		one, around = 64, 48
	}
	// Four bytes of the password's name: enough to tell passwords apart while a
	// window lasts, too few to learn a password from a leaked name and key.
	secret := s.name("secret", norm.NFC.String(password.Reveal()))
	return crowd{
		s:       s,
		address: "address." + encode(s.name("address", prefix(from, one))),
		network: "network." + encode(s.name("network", prefix(from, around))),
		secret:  "secret." + encode(secret[:4]),
	}
}

// count counts one guess before it is evaluated. It returns
// federation.ThrottledError when one of the limits is reached.
func (c crowd) count(ctx context.Context, now time.Time) error {
	cfg := c.s.cfg
	results, err := c.s.d.State.Apply(ctx, slotCrowd,
		store.Count(c.address, cfg.AddressFailures, cfg.Window),
		store.Count(c.network, cfg.NetworkFailures, cfg.Window),
		store.Count(c.secret, cfg.SecretFailures, cfg.Window))
	if err != nil {
		return fmt.Errorf("counting a guess: %w", err)
	}
	if len(results) == 0 {
		return fmt.Errorf("counting a guess: no results: %w", store.ErrUnavailable)
	}
	if last := results[len(results)-1]; !last.OK || len(results) != 3 {
		return c.s.throttled(last, now)
	}
	return nil
}

// forgive takes back what a right password showed to be no guess: the password's
// own count, and with it the typing errors at the same number in this window.
// tries are those of the number's counter, which nobody else gives back.
func (c crowd) forgive(ctx context.Context, tries int64) error {
	ops := []store.Op{store.Uncount(c.secret, 1)}
	if tries > 0 {
		ops = append(ops, store.Uncount(c.address, tries), store.Uncount(c.network, tries))
	}
	if _, err := c.s.d.State.Apply(ctx, slotCrowd, ops...); err != nil {
		return fmt.Errorf("giving back a guess: %w", err)
	}
	return nil
}

// prefix names the network of an address; every address that is unknown is one.
func prefix(from netip.Addr, bits int) string {
	p, err := from.Prefix(bits)
	if err != nil {
		return "unknown"
	}
	return p.String()
}

// throttled says how long a full counter stays full.
func (s *Source) throttled(full store.Result, now time.Time) error {
	left := full.Left
	if left <= 0 || left > s.cfg.Window {
		left = s.cfg.Window
	}
	return &federation.ThrottledError{Until: now.Add(left)}
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
