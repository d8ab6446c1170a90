package ldap

import (
	"context"
	"errors"
	"strings"
	"time"

	"eidgate/eid"
	"eidgate/federation"
)

// Keys of the counters of one login name and of one entry.
const (
	keyName  = "ldap.name"
	keyEntry = "ldap.entry"
)

// guess is one password at one name, with what it counts against. Names are
// counted whether somebody has them or not.
type guess struct {
	guesses *federation.Guesses
	source  string
	name    string // slot
	entry   string // slot, once an entry was found
	crowd   federation.Crowd
}

func (s *Source) guess(name string, password eid.Secret, req federation.Request) *guess {
	return &guess{
		guesses: s.guesses, source: s.id, name: s.guesses.Slot("ldap name", s.id+"\x00"+federation.FoldedLogin(name)),
		crowd: s.guesses.Crowd(req.Address, password),
	}
}

// count counts the guess before anything is asked of the directory. The crowd comes
// first: what it refuses takes nobody's guesses.
func (g *guess) count(ctx context.Context, now time.Time) error {
	if err := g.crowd.Count(ctx, now); err != nil {
		return err
	}
	return g.guesses.Count(ctx, g.name, now, federation.Counter{Key: keyName})
}

// countEntry counts the guess at the entry that a name led to, since a person may
// have several names: a uid, an address, another spelling. ok is false when none is
// left. That answers like a wrong password: another answer would tell which names
// are one person's. unknown stands in for the entry of a name that has none.
func (g *guess) countEntry(ctx context.Context, dn, unknown string, now time.Time) (ok bool, err error) {
	kind, name := "ldap entry", strings.ToLower(dn)
	if dn == "" {
		kind, name = "ldap nobody", federation.FoldedLogin(unknown)
	}
	g.entry = g.guesses.Slot(kind, g.source+"\x00"+name)
	err = g.guesses.Count(ctx, g.entry, now, federation.Counter{Key: keyEntry})
	if errors.Is(err, federation.ErrThrottled) {
		return false, nil
	}
	return err == nil, err
}

// forgive takes the guess back everywhere: it was none.
func (g *guess) forgive(ctx context.Context) error {
	if g.entry != "" {
		if _, err := g.guesses.Forget(ctx, g.entry, keyEntry); err != nil {
			return err
		}
	}
	tries, err := g.guesses.Forget(ctx, g.name, keyName)
	if err != nil {
		return err
	}
	return g.crowd.Forgive(ctx, tries)
}
