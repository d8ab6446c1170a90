package recovery_test

import (
	"context"
	"crypto/sha1"
	"errors"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"pgregory.net/rapid"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/credential"
	"eidgate/eid/notify"
	"eidgate/eid/recovery"
	"eidgate/store"
	"eidgate/store/statestore"
	"eidgate/store/storetest"
)

const (
	secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
	fresh  = "trâu vàng uống nước ao"
)

// world is a service over synthetic people.
type world struct {
	*recovery.Service
	t     testing.TB
	clock *storetest.Clock
	state *statestore.Store

	mu       sync.Mutex
	people   map[string]eid.Account // by number
	posts    []notify.Post
	counted  int
	hashes   int
	recover  []accounts.Recovery
	activate []accounts.Activation
	leaks    error // of the list of leaked passwords
}

func (w *world) Leaked(context.Context, [sha1.Size]byte) (bool, error) { return false, w.leaks }

func newWorld(t testing.TB, dir string) *world {
	w := &world{t: t, clock: storetest.NewClock(), people: map[string]eid.Account{}}
	state, err := statestore.Open(context.Background(), statestore.Config{Path: filepath.Join(dir, "state.db")}, w.clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = state.Close() })
	w.state = state
	codes, err := credential.NewCodes(state, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	policy, err := credential.NewPolicy(0, w)
	if err != nil {
		t.Fatal(err)
	}
	w.Service, err = recovery.New(notify.Channels{SMS: true, Email: true}, recovery.Deps{
		Accounts: w, Credentials: w, Passwords: w, Policy: policy, Codes: codes, Poster: w, State: state, Key: make([]byte, 32), Now: w.clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// person adds somebody with a proved phone, and gives their identifier.
func (w *world) person(n int, change func(*eid.Account)) eid.Identifier {
	number, err := eid.ParsePersonalNumber("0012030000" + strconv.Itoa(10+n))
	if err != nil {
		w.t.Fatal(err)
	}
	a := eid.Account{ID: eid.AccountID("a" + strconv.Itoa(n)), Status: eid.Active, Level: eid.Level1, Factors: []eid.Factor{eid.Password},
		Phone: eid.Contact{Value: "+84912345678", Verified: true}}
	if change != nil {
		change(&a)
	}
	w.people[number.Reveal()] = a
	return eid.IdentifierOf(number)
}

func (w *world) AccountByIdentifier(_ context.Context, id eid.Identifier) (eid.Account, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if a, ok := w.people[id.Reveal()]; ok {
		return a, nil
	}
	return eid.Account{}, eid.ErrNotFound
}

func (w *world) Account(_ context.Context, id eid.AccountID) (eid.Account, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.people {
		if a.ID == id {
			return a, nil
		}
	}
	return eid.Account{}, eid.ErrNotFound
}

func (w *world) TOTPSecret(context.Context, eid.AccountID) (eid.Secret, error) {
	return eid.NewSecret(secret), nil
}

func (w *world) Count(context.Context, string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counted++
	return nil
}

func (w *world) Post(_ context.Context, posts ...notify.Post) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.posts = append(w.posts, posts...)
	return nil
}

func (w *world) Admit(string, bool) (func(), error) { return func() {}, nil }

func (w *world) Hash(context.Context, eid.Secret) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hashes++
	return "$hash", nil
}

func (w *world) Recover(_ context.Context, id eid.AccountID, r accounts.Recovery) error {
	a, err := w.Account(context.Background(), id)
	if err != nil {
		return err
	}
	if len(accounts.Unshown(a, r.Shown)) > 0 {
		return accounts.ErrFactorMissing
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.recover = append(w.recover, r)
	return nil
}

func (w *world) Activate(_ context.Context, _ eid.AccountID, a accounts.Activation) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.activate = append(w.activate, a)
	return nil
}

func (w *world) begin(device string, m recovery.Mode, id eid.Identifier) {
	if err := w.Begin(context.Background(), device, m, id, recovery.Visitor{Language: "vi"}); err != nil {
		w.t.Fatalf("Begin() = %v", err)
	}
}

func (w *world) sent() string { return w.posts[len(w.posts)-1].Code.Reveal() }

func (w *world) stage(device string, m recovery.Mode) recovery.Stage {
	s, err := w.Stage(context.Background(), device, m)
	if err != nil {
		w.t.Fatalf("Stage() = %v", err)
	}
	return s
}

func TestRecoverWithEveryFactor(t *testing.T) {
	w := newWorld(t, t.TempDir())
	id := w.person(1, func(a *eid.Account) { a.Factors = append(a.Factors, eid.OneTimeCode) })
	w.begin("device", recovery.Recover, id)
	if _, err := w.Choose(t.Context(), "device", recovery.Recover, eid.NewSecret(fresh), ""); !errors.Is(err, recovery.ErrGone) {
		t.Errorf("Choose() before the code = %v, want %v", err, recovery.ErrGone)
	}
	code := w.sent()
	if err := w.Code(t.Context(), "another", "another", recovery.Recover, code); !errors.Is(err, recovery.ErrGone) {
		t.Errorf("Code() of another browser = %v, want %v", err, recovery.ErrGone)
	}
	if err := w.Code(t.Context(), "device", "device", recovery.Activate, code); !errors.Is(err, recovery.ErrGone) {
		t.Errorf("Code() for another purpose = %v, want %v", err, recovery.ErrGone)
	}
	if err := w.Code(t.Context(), "device", "device", recovery.Recover, code); err != nil {
		t.Fatalf("Code() = %v", err)
	}
	if got := w.stage("device", recovery.Recover); got != recovery.StageFactor {
		t.Fatalf("stage = %s, want %s", got, recovery.StageFactor)
	}
	if _, err := w.Choose(t.Context(), "device", recovery.Recover, eid.NewSecret(fresh), ""); !errors.Is(err, recovery.ErrGone) {
		t.Errorf("Choose() before the factor = %v, want %v", err, recovery.ErrGone)
	}
	app, err := totp.GenerateCode(secret, w.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Factor(t.Context(), "device", recovery.Recover, "000000"); !errors.Is(err, recovery.ErrWrong) && app != "000000" {
		t.Errorf("Factor(wrong) = %v, want %v", err, recovery.ErrWrong)
	}
	if err := w.Factor(t.Context(), "device", recovery.Recover, app); err != nil {
		t.Fatalf("Factor() = %v", err)
	}
	if weakness, err := w.Choose(t.Context(), "device", recovery.Recover, eid.NewSecret("matkhau123"), ""); weakness != credential.Guessable || err != nil {
		t.Errorf("Choose(weak) = %q, %v, want %q", weakness, err, credential.Guessable)
	}
	if weakness, err := w.Choose(t.Context(), "device", recovery.Recover, eid.NewSecret(fresh), "ref"); weakness != "" || err != nil {
		t.Fatalf("Choose() = %q, %v", weakness, err)
	}
	if len(w.recover) != 1 || w.recover[0].Proved != "+84912345678" || !slices.Equal(w.recover[0].Shown, []eid.Factor{eid.OneTimeCode}) || w.recover[0].Ref != "ref" || !w.recover[0].ProvedAt.Equal(w.clock.Now()) {
		t.Errorf("recoveries = %+v, want one with the factor shown", w.recover)
	}
	if got := w.stage("device", recovery.Recover); got != recovery.StageDone {
		t.Errorf("stage afterwards = %s, want %s", got, recovery.StageDone)
	}
	if _, err := w.Choose(t.Context(), "device", recovery.Recover, eid.NewSecret(fresh), ""); !errors.Is(err, recovery.ErrGone) || len(w.recover) != 1 {
		t.Errorf("Choose() again = %v, want %v", err, recovery.ErrGone)
	}
}

// Who knows the cookie that a browser had before the code has nothing of what follows it.
func TestRecoverGoesOnUnderAnotherName(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.begin("shared", recovery.Recover, w.person(1, nil))
	if err := w.Code(t.Context(), "shared", "holder", recovery.Recover, w.sent()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Choose(t.Context(), "shared", recovery.Recover, eid.NewSecret(fresh), ""); !errors.Is(err, recovery.ErrGone) || len(w.recover) != 0 {
		t.Errorf("Choose() of who knew the cookie = %v, want %v", err, recovery.ErrGone)
	}
	if _, err := w.Choose(t.Context(), "holder", recovery.Recover, eid.NewSecret(fresh), ""); err != nil || len(w.recover) != 1 {
		t.Errorf("Choose() = %v", err)
	}
}

// A code of an app that was shown at a sign-in is none here (RFC 6238 §5.2).
func TestRecoverWithAUsedCode(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.begin("device", recovery.Recover, w.person(1, func(a *eid.Account) { a.Factors = append(a.Factors, eid.OneTimeCode) }))
	if err := w.Code(t.Context(), "device", "device", recovery.Recover, w.sent()); err != nil {
		t.Fatal(err)
	}
	app, err := totp.GenerateCode(secret, w.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	step := w.clock.Now().Unix() / int64(credential.CodePeriod/time.Second)
	if ok, err := credential.UseStep(t.Context(), w.state, make([]byte, 32), "a1", step); !ok || err != nil {
		t.Fatalf("UseStep() = %t, %v", ok, err)
	}
	if err := w.Factor(t.Context(), "device", recovery.Recover, app); !errors.Is(err, recovery.ErrWrong) {
		t.Errorf("Factor() with a used code = %v, want %v", err, recovery.ErrWrong)
	}
}

// Of the same password sent many times at once, one counts.
// Strangers who ask for all codes of a day keep nobody away who has one already, or whose
// browser is known.
func TestStrangersUseUpTheirCodesAlone(t *testing.T) {
	w := newWorld(t, t.TempDir())
	id := w.person(1, nil)
	w.begin("holder", recovery.Recover, id)
	first := w.sent()
	for range 30 {
		w.begin("stranger", recovery.Recover, id)
	}
	if got := len(w.posts); got != 5 {
		t.Fatalf("%d codes within minutes, want 5", got)
	}
	if err := w.Code(t.Context(), "holder", "holder", recovery.Recover, first); err != nil || w.stage("holder", recovery.Recover) != recovery.StagePassword {
		t.Errorf("the code that the holder has: %v", err)
	}
	for range 5 {
		w.clock.Advance(16 * time.Minute)
		for range 10 {
			w.begin("stranger", recovery.Recover, id)
		}
	}
	if got := len(w.posts); got != 20 {
		t.Errorf("%d codes in a day, want 20", got)
	}
	for i := range 7 {
		if err := w.Begin(t.Context(), "known", recovery.Recover, id, recovery.Visitor{Familiar: true}); err != nil {
			t.Fatalf("Begin() = %v", err)
		}
		if got := len(w.posts); got != min(21+i, 25) || w.posts[got-1].Stranger {
			t.Fatalf("known browsers have %d codes, want %d, and as no strangers", got-20, min(i+1, 5))
		}
	}
	code := w.sent()
	if err := w.Code(t.Context(), "stranger", "stranger", recovery.Recover, code); !errors.Is(err, recovery.ErrWrong) {
		t.Errorf("a stranger with the code of a known browser: %v, want ErrWrong", err)
	}
	if !w.posts[0].Stranger {
		t.Errorf("a code for nobody known is not marked as a stranger's")
	}
}

// While the list of leaks cannot be read no password is taken, and the recovery waits.
func TestRecoverWithoutTheListOfLeaks(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.leaks = errors.New("no such file")
	w.begin("device", recovery.Recover, w.person(1, nil))
	if err := w.Code(t.Context(), "device", "device", recovery.Recover, w.sent()); err != nil {
		t.Fatalf("Code() = %v", err)
	}
	if weakness, err := w.Choose(t.Context(), "device", recovery.Recover, eid.NewSecret("12345678"), ""); err != nil || weakness != credential.Guessable {
		t.Errorf("Choose() of a weak password = %q, %v", weakness, err)
	}
	if _, err := w.Choose(t.Context(), "device", recovery.Recover, eid.NewSecret(fresh), ""); !errors.Is(err, store.ErrUnavailable) || len(w.recover) != 0 {
		t.Errorf("Choose() = %v, and %d recoveries; want ErrUnavailable and none", err, len(w.recover))
	}
	w.leaks = nil
	if weakness, err := w.Choose(t.Context(), "device", recovery.Recover, eid.NewSecret(fresh), ""); err != nil || weakness != "" || len(w.recover) != 1 {
		t.Errorf("Choose() = %q, %v, and %d recoveries; want one", weakness, err, len(w.recover))
	}
}

func TestRecoverRace(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.begin("device", recovery.Recover, w.person(1, nil))
	code := w.sent()
	var right, done atomic.Int64
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if err := w.Code(context.Background(), "device", "device", recovery.Recover, code); err == nil {
				right.Add(1)
			}
		})
	}
	wg.Wait()
	for range 16 {
		wg.Go(func() {
			if _, err := w.Choose(context.Background(), "device", recovery.Recover, eid.NewSecret(fresh), ""); err == nil {
				done.Add(1)
			}
		})
	}
	wg.Wait()
	if done.Load() != 1 || len(w.recover) != 1 {
		t.Errorf("%d changed the password, %d times written, want once (%d codes)", done.Load(), len(w.recover), right.Load())
	}
}

// Whoever comes with the number of nobody, of somebody who waits, or of somebody without
// a proved contact sees what a holder sees: the same stage, the same error, one write.
func TestRecoverTellsNobodyWhoExists(t *testing.T) {
	w := newWorld(t, t.TempDir())
	nobody, err := eid.ParsePersonalNumber("001203000099")
	if err != nil {
		t.Fatal(err)
	}
	for name, id := range map[string]eid.Identifier{
		"known":      w.person(1, nil),
		"locked":     w.person(2, func(a *eid.Account) { a.Locks = []eid.Lock{{Reason: eid.LockTerms}} }),
		"closed":     w.person(3, func(a *eid.Account) { a.Status = eid.Closed }),
		"pending":    w.person(4, func(a *eid.Account) { a.Status, a.Factors = eid.PendingActivation, nil }),
		"no contact": w.person(5, func(a *eid.Account) { a.Phone.Verified = false }),
		"nobody":     eid.IdentifierOf(nobody),
	} {
		before := len(w.posts) + w.counted
		w.begin(name, recovery.Recover, id)
		if got := len(w.posts) + w.counted - before; got != 1 {
			t.Errorf("%s: Begin() wrote %d times, want once", name, got)
		}
		if got := w.stage(name, recovery.Recover); got != recovery.StageCode {
			t.Errorf("%s: stage = %s, want %s", name, got, recovery.StageCode)
		}
		for range 7 { // more than there are tries
			if err := w.Code(t.Context(), name, name, recovery.Recover, "not a code"); !errors.Is(err, recovery.ErrWrong) {
				t.Errorf("%s: Code(wrong) = %v, want %v", name, err, recovery.ErrWrong)
			}
		}
		for i := range 8 { // most of them too many: the page says of each until when it counts
			w.clock.Advance(time.Minute)
			before = len(w.posts) + w.counted
			if err := w.Resend(t.Context(), name, recovery.Recover, "vi"); err != nil || len(w.posts)+w.counted-before != 1 {
				t.Errorf("%s: Resend() %d = %v, wrote %d times, want once", name, i, err, len(w.posts)+w.counted-before)
			}
			want := w.clock.Now().Add(credential.SentCodeLife).Truncate(time.Second)
			if got, err := w.CodeUntil(t.Context(), name, recovery.Recover); err != nil || !got.Equal(want) {
				t.Errorf("%s: CodeUntil() after Resend() %d = %v, %v, want %v", name, i, got, err, want)
			}
		}
	}
	if len(w.posts) > 3*5 {
		t.Errorf("%d messages went out, want five for a number at most", len(w.posts))
	}
}

// A locked account is told so after the right code, and nothing of it changes.
func TestRecoverLocked(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.begin("device", recovery.Recover, w.person(1, func(a *eid.Account) { a.Locks = []eid.Lock{{Reason: eid.LockAuthority}} }))
	if err := w.Code(t.Context(), "device", "device", recovery.Recover, w.sent()); !errors.Is(err, eid.ErrLocked) {
		t.Errorf("Code() = %v, want %v", err, eid.ErrLocked)
	}
	if _, err := w.Choose(t.Context(), "device", recovery.Recover, eid.NewSecret(fresh), ""); !errors.Is(err, recovery.ErrGone) || len(w.recover) != 0 {
		t.Errorf("Choose() = %v, want %v", err, recovery.ErrGone)
	}
}

// A code that went to a contact of before opens nothing once it is another.
func TestRecoverAfterTheContactChanged(t *testing.T) {
	w := newWorld(t, t.TempDir())
	id := w.person(1, nil)
	w.begin("device", recovery.Recover, id)
	if err := w.Code(t.Context(), "device", "device", recovery.Recover, w.sent()); err != nil {
		t.Fatal(err)
	}
	w.person(1, func(a *eid.Account) { a.Phone.Value = "+84987654321" })
	if _, err := w.Choose(t.Context(), "device", recovery.Recover, eid.NewSecret(fresh), ""); !errors.Is(err, recovery.ErrGone) || len(w.recover) != 0 {
		t.Errorf("Choose() = %v, want %v", err, recovery.ErrGone)
	}
}

// An account that waits is activated with a code to the contact that was declared.
func TestRow23ActivationIsSentAgain(t *testing.T) {
	w := newWorld(t, t.TempDir())
	id := w.person(1, func(a *eid.Account) {
		a.Status, a.Factors, a.Phone.Verified = eid.PendingActivation, []eid.Factor{eid.FirstPassword}, false
	})
	w.begin("device", recovery.Activate, id)
	if w.posts[0].Kind != notify.Activation {
		t.Errorf("kind = %s, want %s", w.posts[0].Kind, notify.Activation)
	}
	if err := w.Code(t.Context(), "device", "device", recovery.Activate, w.sent()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Choose(t.Context(), "device", recovery.Activate, eid.NewSecret(fresh), ""); err != nil {
		t.Fatal(err)
	}
	if len(w.activate) != 1 || w.activate[0].Proved != "+84912345678" || !w.activate[0].ProvedAt.Equal(w.clock.Now()) {
		t.Errorf("activations = %+v, want one that proves the phone", w.activate)
	}
	w.begin("active", recovery.Activate, w.person(2, nil))
	if len(w.posts) != 1 {
		t.Error("an active account was sent an activation")
	}
}

// Whatever order somebody asks in, no password changes before the code and every factor
// of the account were shown, and at Level 2 never by the phone alone.
func TestRecoveryNeverSkipsAFactor(t *testing.T) {
	dir := t.TempDir()
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		sub := filepath.Join(dir, strconv.Itoa(run))
		w := newWorld(t, sub)
		factors := rapid.SliceOfDistinct(rapid.SampledFrom([]eid.Factor{eid.OneTimeCode, eid.Passkey}), rapid.ID[eid.Factor]).Draw(rt, "factors")
		level := rapid.SampledFrom([]eid.Level{eid.Level1, eid.Level2}).Draw(rt, "level")
		id := w.person(1, func(a *eid.Account) { a.Level, a.Factors = level, append([]eid.Factor{eid.Password}, factors...) })
		coded, shown := false, false
		w.begin("d", recovery.Recover, id)
		for range rapid.IntRange(1, 8).Draw(rt, "acts") {
			switch rapid.IntRange(0, 4).Draw(rt, "act") {
			case 0:
				if stage, err := w.Stage(t.Context(), "d", recovery.Recover); err == nil && stage == recovery.StageCode && w.Code(t.Context(), "d", "d", recovery.Recover, w.sent()) == nil {
					coded = true
				}
			case 1:
				app, err := totp.GenerateCode(secret, w.clock.Now())
				if err != nil {
					rt.Fatal(err)
				}
				if stage, err := w.Stage(t.Context(), "d", recovery.Recover); err == nil && stage == recovery.StageFactor && w.Factor(t.Context(), "d", recovery.Recover, app) == nil {
					shown = true
				}
			case 2:
				_ = w.Code(t.Context(), "d", "d", recovery.Recover, "000000")
			case 3:
				w.clock.Advance(time.Minute)
			case 4:
				_, _ = w.Choose(t.Context(), "d", recovery.Recover, eid.NewSecret(fresh), "")
			}
		}
		if len(w.recover) > 0 && (!coded || slices.Contains(factors, eid.OneTimeCode) && !shown || slices.Contains(factors, eid.Passkey) || level == eid.Level2 && !shown) {
			rt.Fatalf("a password changed at %v with factors %v: code %v, app %v", level, factors, coded, shown)
		}
	})
}
