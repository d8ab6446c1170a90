package credential_test

import (
	"errors"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/credential"
	"eidgate/store/statestore"
	"eidgate/store/storetest"
)

func newCodes(t *testing.T) (*credential.Codes, *storetest.Clock) {
	t.Helper()
	clock := storetest.NewClock()
	state, err := statestore.Open(t.Context(), statestore.Config{Path: filepath.Join(t.TempDir(), "state.db")}, clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = state.Close() })
	codes, err := credential.NewCodes(state, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	return codes, clock
}

func mustMake(t *testing.T, c *credential.Codes, subject, session string, now time.Time) string {
	t.Helper()
	code, err := c.MakeFor(t.Context(), credential.PurposeSignIn, subject, session, now)
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^[0-9]{6}$`).MatchString(code.Reveal()) {
		t.Fatalf("MakeFor() gives a code of %d characters, want six digits", len(code.Reveal()))
	}
	return code.Reveal()
}

func take(t *testing.T, c *credential.Codes, subject, session, code string, now time.Time) bool {
	t.Helper()
	ok, err := c.TakeFor(t.Context(), credential.PurposeSignIn, subject, session, code, now)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

// other is a code of six digits that is not the given one.
func other(code string) string {
	last := code[5]
	return code[:5] + string('0'+(last-'0'+1)%10)
}

func TestCodesCountOnce(t *testing.T) {
	c, clock := newCodes(t)
	code := mustMake(t, c, "an", "login", clock.Now())
	for name, got := range map[string]bool{
		"another subject": take(t, c, "binh", "login", code, clock.Now()),
		"another session": take(t, c, "an", "login 2", code, clock.Now()),
		"no session":      take(t, c, "an", "", code, clock.Now()),
		"another code":    take(t, c, "an", "login", other(code), clock.Now()),
		"no code":         take(t, c, "an", "login", "", clock.Now()),
		"wide digits":     take(t, c, "an", "login", strings.Repeat("\uff11", 6), clock.Now()),
	} {
		if got {
			t.Errorf("TakeFor(%s) = true, want false", name)
		}
	}
	if ok, err := c.TakeFor(t.Context(), credential.PurposeRecovery, "an", "login", code, clock.Now()); ok || err != nil {
		t.Errorf("TakeFor(another purpose) = %v, %v, want false", ok, err)
	}
	if !take(t, c, "an", "login", " "+code[:3]+" "+code[3:], clock.Now()) {
		t.Error("TakeFor() = false for the code in two groups, want true")
	}
	if take(t, c, "an", "login", code, clock.Now()) {
		t.Error("TakeFor() = true for the second time, want false")
	}
}

func TestCodesEnd(t *testing.T) {
	c, clock := newCodes(t)
	code := mustMake(t, c, "an", "", clock.Now())
	clock.Advance(credential.SentCodeLife)
	if take(t, c, "an", "", code, clock.Now()) {
		t.Error("TakeFor() = true after its time, want false")
	}
}

// A new code ends the one before, and does not give new tries.
func TestCodesResendKeepsTries(t *testing.T) {
	c, clock := newCodes(t)
	first := mustMake(t, c, "an", "", clock.Now())
	for range credential.SentCodeTries - 2 {
		take(t, c, "an", "", other(first), clock.Now())
	}
	second := mustMake(t, c, "an", "", clock.Now())
	if first != second && take(t, c, "an", "", first, clock.Now()) {
		t.Error("TakeFor(first) = true after a second code was made, want false")
	}
	take(t, c, "an", "", other(second), clock.Now())
	if take(t, c, "an", "", second, clock.Now()) {
		t.Error("TakeFor(second) = true after all tries, want false")
	}
	_, err := c.Make(t.Context(), credential.PurposeSignIn, "an", clock.Now())
	if !errors.Is(err, credential.ErrTooMany) {
		t.Errorf("Make() = %v without a try left, want %v", err, credential.ErrTooMany)
	}
}

// Whoever begins anew gets neither more codes nor, with them, more guesses.
func TestCodesAreBounded(t *testing.T) {
	c, clock := newCodes(t)
	made := 0
	for day := clock.Now().Add(24 * time.Hour); clock.Now().Before(day); clock.Advance(4 * time.Minute) {
		_, err := c.MakeFor(t.Context(), credential.PurposeSignIn, "an", clock.Now().String(), clock.Now())
		var late *credential.TooManyError
		switch {
		case err == nil:
			made++
		case !errors.As(err, &late) || !late.Until.After(clock.Now()):
			t.Fatalf("MakeFor() = %v, want a TooManyError that says when", err)
		}
	}
	if made != 10 {
		t.Errorf("%d codes were made in a day, want 10", made)
	}
	mustMake(t, c, "binh", "", clock.Now())
}

func TestCodesRace(t *testing.T) {
	c, clock := newCodes(t)
	code := mustMake(t, c, "an", "", clock.Now())
	var won atomic.Int64
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			ok, err := c.TakeFor(t.Context(), credential.PurposeSignIn, "an", "", code, clock.Now())
			if err != nil {
				t.Error(err)
			}
			if ok {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d of 16 took one code, want 1", won.Load())
	}
}

func TestCodesRefuseAShortKey(t *testing.T) {
	if _, err := credential.NewCodes(nil, make([]byte, 32)); err == nil {
		t.Error("NewCodes(nil) = nil, want an error")
	}
	if got := eid.NewSecret("123456").String(); got != "[redacted]" {
		t.Errorf("a code prints as %q", got)
	}
}
