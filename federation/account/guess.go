package account

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"eidgate/eid"
	"eidgate/federation"
)

// guesses is the counter of evaluated guesses at one secret.
type guesses struct {
	s    *Source
	slot string
	key  string
	// marked is there for a device with a mark: all of them have keyMarked together.
	marked bool
}

// Whoever knew a password may have gathered marks. In one window all devices
// with a mark of a number have so many times the guesses of one.
const (
	keyMarked   = "password.marked"
	markedShare = 4
)

// guessesAtPassword counts by the canonical number, known or not, so that every
// spelling meets the same counter and an unknown number the same limit. A device
// that was signed in with before counts for itself: strangers cannot use up the
// guesses of its holder.
func (s *Source) guessesAtPassword(number string, from device) guesses {
	if from.name == "" {
		return guesses{s: s, slot: number, key: "password"}
	}
	return guesses{s: s, slot: number, key: "password." + from.name, marked: true}
}

// queued names whoever is behind the guesses in the queue for an evaluation. All
// devices with a mark of a number have one share there, however many marks
// somebody gathered, and strangers cannot take it.
func (g guesses) queued() (who string, familiar bool) {
	if g.marked {
		return g.slot + keyMarked, true
	}
	return g.slot + g.key, false
}

// guessesAtCode counts apart for a step-up: who knows a password and guesses at
// codes does not keep the holder's living session from rising.
func (s *Source) guessesAtCode(m memory) guesses {
	key := "code"
	if m.PasswordAt.IsZero() {
		key = "code.stepup"
	}
	return guesses{s: s, slot: s.slot("account", string(m.Account)), key: key}
}

// count takes one guess out of the window before it is evaluated. It returns
// federation.ThrottledError when none is left.
func (g guesses) count(ctx context.Context, now time.Time) error {
	counters := []federation.Counter{{Key: g.key}}
	if g.marked {
		counters = append(counters, federation.Counter{Key: keyMarked, Share: markedShare})
	}
	return g.s.limits.Count(ctx, g.slot, now, counters...)
}

// forget ends the window after a right secret. It returns how many guesses the
// window had; of several right secrets at a time one gets them.
func (g guesses) forget(ctx context.Context) (tries int64, err error) {
	if g.marked {
		return g.s.limits.Forget(ctx, g.slot, g.key, keyMarked)
	}
	return g.s.limits.Forget(ctx, g.slot, g.key)
}

// slot names the state of one number or account without telling which.
func (s *Source) slot(kind, name string) string { return s.limits.Slot(kind, name) }

// numberSlot is the hidden name of a number, known or not.
func (s *Source) numberSlot(id eid.Identifier) string { return s.slot("number", id.Canonical()) }

// countUnknown counts evaluated guesses at numbers that nobody has.
const countUnknown = "signin.failed.unknown"

// recordFailure audits an evaluated guess at a known account. One at an unknown
// number is counted: strangers must not fill the disk, and the answer must not
// come sooner, so both are one commit to the same database.
func (s *Source) recordFailure(ctx context.Context, id eid.AccountID, factor eid.Factor, req federation.Request) error {
	if id == "" {
		if err := s.d.Audit.Count(ctx, countUnknown); err != nil {
			return fmt.Errorf("counting a failed sign-in: %w", err)
		}
		return nil
	}
	detail, err := json.Marshal(map[string]string{"factor": string(factor)})
	if err != nil {
		return fmt.Errorf("describing a failed sign-in: %w", err)
	}
	err = s.d.Audit.Record(ctx, eid.AuditEntry{
		At: req.Now, Actor: "holder", Action: eid.ActionSignInFailed, Account: id, Detail: detail,
	})
	if err != nil {
		return fmt.Errorf("recording a failed sign-in: %w", err)
	}
	return nil
}
