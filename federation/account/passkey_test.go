package account_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"eidgate/eid"
	"eidgate/eid/credential"
	"eidgate/eid/credential/passkeytest"
	"eidgate/federation"
	"eidgate/federation/account"
)

const issuer = "https://dinh-danh.example.test"

// fakePasskeys keeps passkeys in memory.
type fakePasskeys struct {
	*fakeAccounts
	mu   sync.Mutex
	list []eid.PasskeyRecord
	uses int
}

func (f *fakePasskeys) PasskeyByCredential(_ context.Context, id []byte) (eid.PasskeyRecord, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.list {
		if bytes.Equal(p.CredentialID, id) {
			return p, f.broken
		}
	}
	return eid.PasskeyRecord{}, eid.ErrNotFound
}

func (f *fakePasskeys) UsePasskey(_ context.Context, id string, at time.Time, next func(eid.PasskeyRecord) (eid.PasskeyRecord, error)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, p := range f.list {
		if p.ID == id {
			p, err := next(p)
			if err != nil {
				return err
			}
			p.UsedAt = at
			f.list[i] = p
			f.uses++
			return nil
		}
	}
	return eid.ErrNotFound
}

// keyed is a bench with passkeys in front, and devices of An, Bình and the locked holder.
type keyed struct {
	*account.Passkeys
	*bench
	store   *fakePasskeys
	devices map[eid.AccountID]*passkeytest.Device
}

func newKeyed(t *testing.T) *keyed {
	t.Helper()
	b := newBench(t)
	verifier, err := credential.NewPasskeys(issuer, "Mẫu", bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	guesses, err := federation.NewGuesses(federation.GuessLimits{}, b.state, bytes.Repeat([]byte{8}, 32))
	if err != nil {
		t.Fatal(err)
	}
	k := &keyed{bench: b, store: &fakePasskeys{fakeAccounts: b.accounts}, devices: map[eid.AccountID]*passkeytest.Device{}}
	for number, id := range map[string]eid.AccountID{anNumber: "an", binhNumber: "binh", lockedNumber: "locked"} {
		d := passkeytest.New(passkeytest.Traits{})
		record, err := d.Enrol(verifier, passkeytest.At(issuer), id)
		if err != nil {
			t.Fatal(err)
		}
		record.ID, record.Level = "passkey of "+string(id), eid.Level2
		k.store.list, k.devices[id] = append(k.store.list, record), d
		a := b.accounts.byNumber[number]
		a.Factors = append(a.Factors[:len(a.Factors):len(a.Factors)], eid.Passkey)
		b.accounts.byNumber[number] = a
	}
	k.Passkeys, err = account.WithPasskeys(b.Source, account.PasskeyDeps{
		Verifier: verifier, Store: k.store, State: b.state, Audit: b.audit, Guesses: guesses, Carries: eid.StandardCarriage().Carries,
	})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// begin begins a sign-in, or a step-up of a session, and gives the challenge of its form.
func (k *keyed) begin(t *testing.T, of eid.AccountID) (federation.Request, string) {
	t.Helper()
	req := k.request(eid.Level2)
	req.Account = of
	step, err := k.Passkeys.Begin(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	req.Memory = step.Memory
	return req, step.Form.Challenge
}

func (k *keyed) answer(t *testing.T, of eid.AccountID, challenge string) federation.Reply {
	t.Helper()
	text, err := k.devices[of].Get(passkeytest.At(issuer), challenge)
	if err != nil {
		t.Fatal(err)
	}
	return passkey(text)
}

func passkey(answer string) federation.Reply {
	r := credentials(anNumber, "")
	r.Values.Set(federation.FieldPasskey, answer)
	return r
}

func (k *keyed) submit(t *testing.T, req federation.Request, reply federation.Reply) federation.Step {
	t.Helper()
	step, err := k.Passkeys.Finish(t.Context(), req, reply)
	if err != nil {
		t.Fatalf("Finish() = %v, want nil", err)
	}
	return step
}

func TestPasskeySignIn(t *testing.T) {
	k := newKeyed(t)
	before := k.passwords.Evaluations()
	req, challenge := k.begin(t, "")
	step := k.submit(t, req, k.answer(t, "an", challenge))
	want := &federation.Assertion{Account: "an", Level: eid.Level2, Methods: []string{"hwk", "user"}, At: k.now, Anew: true}
	if diff := gocmp.Diff(step.Assertion, want); diff != "" {
		t.Errorf("assertion (-got +want):\n%s", diff)
	}
	if k.passwords.Evaluations() != before || k.store.uses != 1 {
		t.Errorf("%d passwords evaluated, %d uses, want 0, 1", k.passwords.Evaluations()-before, k.store.uses)
	}
	// The password goes on working beside it, and its code.
	req, _ = k.begin(t, "")
	step = k.submit(t, req, credentials(anNumber, password))
	if page, _ := formOf(t, step); page != federation.PageCode || step.Form.Challenge != "" {
		t.Fatalf("after the password: page %q, challenge %q, want the code alone", page, step.Form.Challenge)
	}
	req.Memory = step.Memory
	if step = k.submit(t, req, code(codeAt(t, k.now))); step.Assertion == nil || step.Assertion.Level != eid.Level2 {
		t.Errorf("after the code: %+v, want level 2", step)
	}
}

// A passkey carries what was proved when it was made, whatever the account has by now.
func TestPasskeyCarriesWhatWasProved(t *testing.T) {
	for _, proved := range []eid.Level{eid.LevelNone, eid.Level1, eid.Level2} {
		k := newKeyed(t)
		for i := range k.store.list {
			k.store.list[i].Level = proved
		}
		req, challenge := k.begin(t, "")
		if step := k.submit(t, req, k.answer(t, "an", challenge)); step.Assertion == nil || step.Assertion.Level != proved {
			t.Errorf("made at %v: %+v, want that level", proved, step.Assertion)
		}
	}
}

// A holder whose session is to rise is offered a passkey where a code is asked for, if
// they have one.
func TestPasskeyStepUp(t *testing.T) {
	k := newKeyed(t)
	req, challenge := k.begin(t, "an")
	if challenge == "" {
		t.Fatal("the page of the code offers no passkey")
	}
	if step := k.submit(t, req, k.answer(t, "an", challenge)); step.Assertion == nil || step.Assertion.Account != "an" {
		t.Errorf("step-up gives %+v, want an assertion", step)
	}
	a := k.accounts.byNumber[anNumber]
	a.Factors = []eid.Factor{eid.Password, eid.OneTimeCode}
	k.accounts.byNumber[anNumber] = a
	if _, challenge := k.begin(t, "an"); challenge != "" {
		t.Error("a passkey is offered to somebody known to have none")
	}
}

// TestPasskeyRefusals: the answer is the same whatever is wrong, and nobody is signed in.
func TestPasskeyRefusals(t *testing.T) {
	type want struct{ rows, counted int }
	tests := map[string]struct {
		reply func(t *testing.T, k *keyed, challenge string) federation.Reply
		want  want
	}{
		"another origin": {func(t *testing.T, k *keyed, challenge string) federation.Reply {
			text, err := k.devices["an"].Get(passkeytest.Site{ID: "dinh-danh.example.test", Origin: "https://evil.example.test"}, challenge)
			if err != nil {
				t.Fatal(err)
			}
			return passkey(text)
		}, want{rows: 1}},
		"a challenge of another login": {func(t *testing.T, k *keyed, _ string) federation.Reply {
			_, other := k.begin(t, "")
			return k.answer(t, "an", other)
		}, want{rows: 1}},
		"not verified": {func(t *testing.T, k *keyed, challenge string) federation.Reply {
			k.devices["an"].Behave(passkeytest.Traits{Unverified: true})
			return k.answer(t, "an", challenge)
		}, want{rows: 1}},
		"user handle of another": {func(t *testing.T, k *keyed, challenge string) federation.Reply {
			k.devices["an"].Handle = k.devices["binh"].Handle
			return k.answer(t, "an", challenge)
		}, want{rows: 1}},
		"nobody's": {func(t *testing.T, k *keyed, challenge string) federation.Reply {
			k.store.list = nil
			return k.answer(t, "an", challenge)
		}, want{counted: 1}},
		"junk": {func(*testing.T, *keyed, string) federation.Reply { return passkey("{") }, want{counted: 1}},
		"counting backwards": {func(t *testing.T, k *keyed, challenge string) federation.Reply {
			k.store.list[0].SignCount, k.store.list[1].SignCount, k.store.list[2].SignCount = 9, 9, 9
			k.devices["an"].Count = 9
			return k.answer(t, "an", challenge)
		}, want{rows: 1}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			k := newKeyed(t)
			req, challenge := k.begin(t, "")
			step := k.submit(t, req, tt.reply(t, k, challenge))
			page, problem := formOf(t, step)
			if page != federation.PagePassword || problem != federation.ProblemPasskey || step.Form.Challenge == "" || step.Form.Challenge == challenge {
				t.Errorf("page %q, problem %q, want the password form with a new challenge", page, problem)
			}
			got := want{len(k.audit.recorded()), k.audit.counts["signin.failed.unknown"]}
			if got != tt.want || k.store.uses != 0 {
				t.Errorf("recorded %+v, %d uses, want %+v, 0", got, k.store.uses, tt.want)
			}
			for _, row := range k.audit.recorded() {
				if cloned := strings.Contains(string(row.Detail), `"cloned":true`); row.Account != "an" || row.Action != eid.ActionSignInFailed || cloned != (name == "counting backwards") {
					t.Errorf("row %+v", row)
				}
			}
		})
	}
}

// One challenge counts once, also of sixteen right answers at once; a failure uses it up
// as well.
func TestPasskeyChallengeCountsOnce(t *testing.T) {
	k := newKeyed(t)
	req, challenge := k.begin(t, "")
	reply := k.answer(t, "an", challenge)
	var won, lost atomic.Int64
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			step, err := k.Passkeys.Finish(context.Background(), req, reply)
			switch {
			case err != nil:
				t.Errorf("Finish() = %v, want nil", err)
			case step.Assertion != nil:
				won.Add(1)
			case step.Form.Problem == federation.ProblemPasskey:
				lost.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 || lost.Load() != 15 {
		t.Errorf("won %d, lost %d, want 1, 15", won.Load(), lost.Load())
	}
	req, challenge = k.begin(t, "")
	k.submit(t, req, passkey("{"))
	if step := k.submit(t, req, k.answer(t, "an", challenge)); step.Assertion != nil {
		t.Error("a challenge that was answered wrongly counts again")
	}
	// Without a challenge of ours an answer is none: there is no form that offered it.
	req.Memory = nil
	if step := k.submit(t, req, k.answer(t, "an", "")); step.Assertion != nil {
		t.Error("an answer to no challenge signs in")
	}
}

// Wrong answers in the name of one passkey are few, and leave few rows.
func TestPasskeyGuessesAreLimited(t *testing.T) {
	k := newKeyed(t)
	throttled := 0
	for range 20 {
		req, _ := k.begin(t, "")
		_, other := k.begin(t, "")
		if _, err := k.Passkeys.Finish(t.Context(), req, k.answer(t, "an", other)); errors.Is(err, federation.ErrThrottled) {
			throttled++
		}
	}
	if n := len(k.audit.recorded()); n != 5 || throttled != 15 {
		t.Errorf("%d rows, %d throttled, want 5, 15", n, throttled)
	}
	req, challenge := k.begin(t, "")
	if step := k.submit(t, req, k.answer(t, "binh", challenge)); step.Assertion == nil {
		t.Error("another passkey is throttled too")
	}
}

// Nothing on the page tells who has a passkey, whoever begins.
func TestPasskeyOfferTellsNothing(t *testing.T) {
	k := newKeyed(t)
	for name, hint := range map[string]string{"nobody": "", "has one": anNumber, "unknown": nobodyNumber, "locked": lockedNumber, "pending": newNumber} {
		req := k.request(eid.Level2)
		req.Hint = eid.NewSecret(hint)
		step, err := k.Passkeys.Begin(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		if page, _ := formOf(t, step); page != federation.PagePassword || len(step.Form.Challenge) != 43 {
			t.Errorf("%s: page %q, challenge %q, want the same for all", name, page, step.Form.Challenge)
		}
		req.Memory = step.Memory
		if step = k.submit(t, req, credentials(cmp.Or(hint, anNumber), "guess")); len(step.Form.Challenge) != 43 {
			t.Errorf("%s: after a wrong password challenge %q, want one", name, step.Form.Challenge)
		}
	}
}

// Where the store is away nothing is decided.
func TestPasskeyStoreAway(t *testing.T) {
	k := newKeyed(t)
	req, challenge := k.begin(t, "")
	k.accounts.broken = errors.New("away")
	if step, err := k.Passkeys.Finish(t.Context(), req, k.answer(t, "an", challenge)); err == nil || step.Assertion != nil {
		t.Errorf("Finish() = %+v, %v, want an error", step, err)
	}
	req.Memory = []byte("junk")
	if _, err := k.Passkeys.Finish(t.Context(), req, passkey("{}")); err == nil {
		t.Error("Finish(malformed memory) = nil, want an error")
	}
}
