package account

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"eidgate/eid"
	"eidgate/eid/credential"
	"eidgate/federation"
	"eidgate/store"
)

// guesses is the counter of evaluated guesses at one secret.
type guesses struct {
	state  store.State
	slot   string
	key    string
	limit  int64
	window time.Duration
}

// guessesAtPassword counts by the canonical number, known or not, so that every
// spelling meets the same counter and an unknown number the same limit.
func (s *Source) guessesAtPassword(id eid.Identifier) guesses {
	return s.guesses(s.slot("number", id.Canonical()), "password")
}

// guessesAtCode counts apart for a step-up: who knows a password and guesses at
// codes does not keep the holder's living session from rising.
func (s *Source) guessesAtCode(m memory) guesses {
	key := "code"
	if m.PasswordAt.IsZero() {
		key = "code.stepup"
	}
	return s.guesses(s.slot("account", string(m.Account)), key)
}

func (s *Source) guesses(slot, key string) guesses {
	return guesses{state: s.d.State, slot: slot, key: key, limit: s.cfg.Guesses, window: s.cfg.Window}
}

// count takes one guess out of the window before it is evaluated. It returns
// federation.ThrottledError when none is left.
func (g guesses) count(ctx context.Context, now time.Time) error {
	results, err := g.state.Apply(ctx, g.slot, store.Count(g.key, g.limit, g.window))
	if err != nil {
		return fmt.Errorf("counting a guess: %w", err)
	}
	if len(results) != 1 {
		return fmt.Errorf("counting a guess: %d results: %w", len(results), store.ErrUnavailable)
	}
	if !results[0].OK {
		left := results[0].Left
		if left <= 0 || left > g.window {
			left = g.window
		}
		return &federation.ThrottledError{Until: now.Add(left)}
	}
	return nil
}

// forget ends the window after a right secret.
func (g guesses) forget(ctx context.Context) error {
	if _, err := g.state.Apply(ctx, g.slot, store.Delete(g.key)); err != nil {
		return fmt.Errorf("resetting guesses: %w", err)
	}
	return nil
}

// useStep marks a time step of an account as used; ok is false when it was used
// before. One step counts once, whoever shows it (RFC 6238 §5.2).
func (s *Source) useStep(ctx context.Context, id eid.AccountID, step int64) (ok bool, err error) {
	// Twice the validity: the replica that forgets may be ahead in time.
	mark := store.PutIfAbsent("step."+strconv.FormatInt(step, 10), []byte{1}, 2*credential.CodeValidity)
	results, err := s.d.State.Apply(ctx, s.slot("account", string(id)), mark)
	if err != nil {
		return false, fmt.Errorf("marking a one-time code as used: %w", err)
	}
	return len(results) == 1 && results[0].OK, nil
}

// slot names the state of one number or account without telling which.
func (s *Source) slot(kind, name string) string {
	mac := hmac.New(sha256.New, s.d.Key)
	mac.Write([]byte("eidgate account slot\x00" + kind + "\x00" + name))
	return "signin." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

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
