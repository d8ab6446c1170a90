package account_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/zitadel/passwap/argon2"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/federation/account"
)

// Two hundred guesses at once, in every spelling of one number, meet one counter.
func TestParallelGuesses(t *testing.T) {
	spellings := []string{
		"001203000001", "001 203 000 001", "001.203.000.001", "001-203-000-001",
		"001\u00a0203\u00a0000\u00a0001", " 001203000001 ", "001 203.000001", "0 0 1 2 0 3 0 0 0 0 0 1",
		"００１２０３０００００１", // other digits: refused before any work
	}
	for name, number := range map[string]string{"known": anNumber, "unknown": nobodyNumber} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			before := b.passwords.Evaluations()
			var throttled, shed, wrong, malformed atomic.Int64
			var wg sync.WaitGroup
			for i := range 200 {
				typed := spellings[i%len(spellings)]
				if number == nobodyNumber {
					typed = strings.Replace(strings.Replace(typed, "１", "９", 1), "1", "9", 1) // 009…
				}
				wg.Go(func() {
					step, err := b.Finish(context.Background(), b.request(eid.Level1), credentials(typed, "guess"))
					var late *federation.ThrottledError
					switch {
					case errors.As(err, &late):
						if want := b.now.Add(14 * time.Minute); !late.Until.Equal(want) {
							t.Errorf("throttled until %v, want %v", late.Until, want)
						}
						throttled.Add(1)
					case errors.Is(err, federation.ErrBusy):
						shed.Add(1)
					case err != nil || step.Form == nil:
						t.Errorf("Finish(%q) = %+v, %v, want a form", typed, step, err)
					case step.Form.Problem == federation.ProblemWrongCredentials:
						wrong.Add(1)
					case step.Form.Problem == federation.ProblemNumberInvalid:
						malformed.Add(1)
					}
				})
			}
			wg.Wait()
			evaluated := b.passwords.Evaluations() - before
			if evaluated == 0 || evaluated > 5 || wrong.Load() != int64(evaluated) || malformed.Load() != 22 || throttled.Load()+shed.Load()+wrong.Load() != 178 {
				t.Errorf("evaluated %d, wrong %d, malformed %d, throttled %d, shed %d, want at most 5, as many, 22, and 178 in all",
					evaluated, wrong.Load(), malformed.Load(), throttled.Load(), shed.Load())
			}
		})
	}
}

func TestThrottledRefusesTheRightPassword(t *testing.T) {
	b := newBench(t)
	for range 5 {
		b.finish(t, b.request(eid.Level1), credentials(anNumber, "guess"))
	}
	before := b.passwords.Evaluations()
	if _, err := b.Finish(t.Context(), b.request(eid.Level1), credentials(anNumber, password)); !errors.Is(err, federation.ErrThrottled) {
		t.Errorf("Finish() = %v, want %v", err, federation.ErrThrottled)
	}
	if n := b.passwords.Evaluations() - before; n != 0 {
		t.Errorf("evaluations = %d, want 0", n)
	}
	// Another person's counter is another one.
	if step := b.finish(t, b.request(eid.Level1), credentials(binhNumber, password)); step.Assertion == nil {
		t.Error("guesses at one account locked out another")
	}
	b.state.clear()
	if step := b.finish(t, b.request(eid.Level1), credentials(anNumber, password)); step.Assertion == nil {
		t.Error("Finish() gives no assertion after the window, want one")
	}
}

func TestRightPasswordResetsTheCounter(t *testing.T) {
	b := newBench(t)
	for range 3 {
		for range 4 {
			b.finish(t, b.request(eid.Level1), credentials(anNumber, "guess"))
		}
		if step := b.finish(t, b.request(eid.Level1), credentials(anNumber, password)); step.Assertion == nil {
			t.Fatal("Finish(right password) gives no assertion")
		}
	}
}

// Before the right password nothing tells a known account from an unknown, a
// locked or a pending one: neither the answer nor the work.
func TestNothingTellsAccountsApart(t *testing.T) {
	type seen struct {
		steps       []federation.Step
		errs        []string
		evaluations uint64
		commits     int // of an audit row or a counter: both are one write
	}
	observe := func(number string) seen {
		b := newBench(t)
		var s seen
		before := b.passwords.Evaluations()
		for range 7 { // past the limit
			step, err := b.Finish(t.Context(), b.request(eid.Level2), credentials(number, "guess"))
			if step.Form != nil {
				delete(step.Form.Fields, federation.FieldPersonalNumber)
			}
			s.steps = append(s.steps, step)
			if err != nil {
				s.errs = append(s.errs, err.Error())
			}
		}
		s.evaluations = b.passwords.Evaluations() - before
		s.commits = b.audit.writes()
		return s
	}
	want := observe(anNumber)
	if want.evaluations != 5 || want.commits != 5 || len(want.errs) != 2 {
		t.Fatalf("known account: %d evaluations, %d commits, %d refusals, want 5, 5, 2", want.evaluations, want.commits, len(want.errs))
	}
	for name, number := range map[string]string{
		"unknown": nobodyNumber, "locked": lockedNumber, "not activated": newNumber, "without second factor": binhNumber,
	} {
		if diff := cmp.Diff(observe(number), want, cmp.AllowUnexported(seen{})); diff != "" {
			t.Errorf("%s differs from known (-got +want):\n%s", name, diff)
		}
	}
}

// Sixteen uses of one code at once: one counts. The limit of guesses is raised, so
// that it is not what decides.
func TestOneCodeCountsOnce(t *testing.T) {
	for _, stepUp := range []bool{false, true} {
		b := newBench(t)
		deps := b.deps()
		src, err := account.New(account.Config{Guesses: 20}, deps)
		if err != nil {
			t.Fatal(err)
		}
		b.Source = src
		req := b.request(eid.Level2)
		if stepUp {
			req.Account = "an"
			step, err := b.Begin(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			req.Memory = step.Memory
		} else {
			req.Memory = b.finish(t, req, credentials(anNumber, password)).Memory
		}
		text := codeAt(t, b.now)
		var won, lost atomic.Int64
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				step, err := b.Finish(context.Background(), req, code(text))
				switch {
				case err != nil:
					t.Errorf("Finish() = %v, want nil", err)
				case step.Assertion != nil:
					won.Add(1)
				case step.Form.Problem == federation.ProblemCodeWrong:
					lost.Add(1)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 || lost.Load() != 15 {
			t.Errorf("step-up %v: won %d, lost %d, want 1, 15", stepUp, won.Load(), lost.Load())
		}
		// Used at sign-in, it does not serve a step-up either, nor 30 s later.
		late := federation.Request{Level: eid.Level2, Account: "an", Now: b.now.Add(30 * time.Second)}
		step, err := b.Begin(t.Context(), late)
		if err != nil {
			t.Fatal(err)
		}
		late.Memory = step.Memory
		if step := b.finish(t, late, code(text)); step.Assertion != nil {
			t.Errorf("step-up %v: a used code served again", stepUp)
		}
	}
}

func TestCodeGuessesAreLimited(t *testing.T) {
	b := newBench(t)
	req := b.request(eid.Level2)
	req.Memory = b.finish(t, req, credentials(anNumber, password)).Memory
	for range 5 {
		b.finish(t, req, code("000000"))
	}
	// Neither the right code, nor beginning anew, nor the password again helps.
	again := b.request(eid.Level2)
	again.Memory = b.finish(t, again, credentials(anNumber, password)).Memory
	for name, r := range map[string]federation.Request{"same login": req, "new login": again} {
		if _, err := b.Finish(t.Context(), r, code(codeAt(t, b.now))); !errors.Is(err, federation.ErrThrottled) {
			t.Errorf("%s: Finish() = %v, want %v", name, err, federation.ErrThrottled)
		}
	}
	// Nor does it keep the living session of the holder from rising.
	up := b.request(eid.Level2)
	up.Account = "an"
	step, err := b.Begin(t.Context(), up)
	if err != nil {
		t.Fatal(err)
	}
	up.Memory = step.Memory
	if step := b.finish(t, up, code(codeAt(t, b.now))); step.Assertion == nil {
		t.Error("step-up gives no assertion while guesses at sign-in are throttled")
	}
}

func TestOutsiderLocksOutNoLivingSession(t *testing.T) {
	b := newBench(t)
	for range 50 {
		_, _ = b.Finish(t.Context(), b.request(eid.Level2), credentials(anNumber, "guess"))
	}
	req := b.request(eid.Level2)
	req.Account = "an"
	step, err := b.Begin(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	req.Memory = step.Memory
	if step := b.finish(t, req, code(codeAt(t, b.now))); step.Assertion == nil {
		t.Error("step-up gives no assertion, want one")
	}
}

func TestFailuresAreRecorded(t *testing.T) {
	b := newBench(t)
	b.finish(t, b.request(eid.Level1), credentials(anNumber, "guess"))
	b.finish(t, b.request(eid.Level1), credentials(nobodyNumber, "guess")) // a stranger's: counted only
	b.finish(t, b.request(eid.Level1), credentials(lockedNumber, "guess"))
	req := b.request(eid.Level2)
	req.Memory = b.finish(t, req, credentials(anNumber, password)).Memory
	b.finish(t, req, code("000000"))

	row := func(id eid.AccountID, factor string) eid.AuditEntry {
		return eid.AuditEntry{At: b.now, Actor: "holder", Action: eid.ActionSignInFailed, Account: id,
			Detail: []byte(`{"factor":"` + factor + `"}`)}
	}
	want := []eid.AuditEntry{row("an", "pwd"), row("locked", "pwd"), row("an", "otp")}
	if diff := cmp.Diff(b.audit.recorded(), want, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("audit (-got +want):\n%s", diff)
	}
}

// Passing state holds no number and no account id, and fits the port's limits.
func TestSlotsTellNothing(t *testing.T) {
	b := newBench(t)
	req := b.request(eid.Level2)
	req.Memory = b.finish(t, req, credentials(anNumber, password)).Memory
	b.finish(t, req, code(codeAt(t, b.now)))
	if len(b.state.slots) != 4 {
		t.Errorf("slots = %d, want those of the crowd, the number, the account and its used codes", len(b.state.slots))
	}
	for key := range b.state.counts {
		if strings.Contains(key, "192.0.2") || len(key) > 128 {
			t.Errorf("counter %q tells the address or is long", key)
		}
	}
	for slot := range b.state.slots {
		if strings.Contains(slot, anNumber) || len(slot) > 64 {
			t.Errorf("slot %q tells the number or is long", slot)
		}
	}
	for key := range b.state.values {
		if strings.Contains(key, codeAt(t, b.now)) {
			t.Error("a key of the state holds the code")
		}
	}
}

// renewals keeps the hashes that were renewed.
type renewals struct{ from, to []string }

func (r *renewals) Rehash(_ context.Context, _ eid.AccountID, outdated, updated string) error {
	r.from, r.to = append(r.from, outdated), append(r.to, updated)
	return nil
}

func TestOutdatedHashIsRenewed(t *testing.T) {
	b := newBench(t)
	old, err := argon2.NewArgon2id(argon2.Params{Memory: 8 << 10, Time: 1, Threads: 1, KeyLen: 32, SaltLen: 16}, nil).Hash(password)
	if err != nil {
		t.Fatal(err)
	}
	b.accounts.hash = old
	kept := &renewals{}
	deps := b.deps()
	deps.Rehasher = kept
	if b.Source, err = account.New(account.Config{}, deps); err != nil {
		t.Fatal(err)
	}
	b.finish(t, b.request(eid.Level1), credentials(anNumber, "guess"))
	if len(kept.to) != 0 {
		t.Fatal("a wrong password renewed the hash")
	}
	if step := b.finish(t, b.request(eid.Level1), credentials(anNumber, password)); step.Assertion == nil {
		t.Fatal("Finish() gives no assertion")
	}
	if len(kept.to) != 1 || kept.from[0] != old || !strings.Contains(kept.to[0], "m=19456,t=2,p=1") {
		t.Errorf("renewed %d hashes, want the old one renewed once at the current cost", len(kept.to))
	}
}
