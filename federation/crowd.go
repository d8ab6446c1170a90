package federation

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/text/unicode/norm"

	"eidgate/eid"
	"eidgate/store"
)

// slotCrowd holds the counters over all numbers and login names. They share one
// slot, so that a guess meets all of them in one step.
const slotCrowd = "signin.crowd"

// Crowd is what one guess counts against beside the name it is made at: the
// failures of an address, of the network around it, and of this very password at
// any name. It is what stops one guess at each of many names (OWASP ASVS 5, 6.3.1;
// NIST SP 800-63B-4 §3.2.2). All sources that check passwords here share it.
type Crowd struct {
	g                        *Guesses
	address, network, secret string // hidden names
}

// Crowd gives what a password from an address counts against.
func (g *Guesses) Crowd(from netip.Addr, password eid.Secret) Crowd {
	one, around := eid.Networks(from)
	// Four bytes of the password's name: enough to tell passwords apart while a
	// window lasts, too few to learn a password from a leaked name and key.
	secret := g.name("secret", norm.NFC.String(password.Reveal()))
	return Crowd{
		g:       g,
		address: "address." + encode(g.name("address", one)),
		network: "network." + encode(g.name("network", around)),
		secret:  "secret." + encode(secret[:4]),
	}
}

// Count counts one guess before it is evaluated. It returns ThrottledError when
// one of the limits is reached.
func (c Crowd) Count(ctx context.Context, now time.Time) error {
	most := c.g.limits
	return c.g.count(ctx, slotCrowd, now,
		store.Count(c.address, most.AddressFailures, most.Window),
		store.Count(c.network, most.NetworkFailures, most.Window),
		store.Count(c.secret, most.SecretFailures, most.Window))
}

// Forgive takes back what a right password showed to be no guess: the password's
// own count, and with it the typing errors at the same name in this window. tries
// are those of the name's counter, which nobody else gives back.
func (c Crowd) Forgive(ctx context.Context, tries int64) error {
	ops := []store.Op{store.Uncount(c.secret, 1)}
	if tries > 0 {
		ops = append(ops, store.Uncount(c.address, tries), store.Uncount(c.network, tries))
	}
	if _, err := c.g.state.Apply(ctx, slotCrowd, ops...); err != nil {
		return fmt.Errorf("giving back a guess: %w", err)
	}
	return nil
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
