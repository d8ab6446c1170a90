package account_test

import (
	"context"
	"errors"
	"net/url"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/credential"
	"eidgate/eid/notify"
	"eidgate/federation"
	"eidgate/federation/account"
	"eidgate/store/statestore"
)

// Synthetic people beside those of newBench.
const (
	phoneNumber = "001203000005" // Level 2, password and a proved phone and address
	firstNumber = "001203000006" // waits for the holder, who was sent a first password
	lateNumber  = "001203000007" // the same, too late
	passport    = "PA0000001"    // Level 2, password; of Laos

	firstPassword = "kT7mQ2xWp9"
	ownPassword   = "trâu vàng uống nước ao"
)

// outbox keeps what was posted.
type outbox struct {
	mu    sync.Mutex
	posts []notify.Post
}

func (o *outbox) Post(_ context.Context, posts ...notify.Post) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.posts = append(o.posts, posts...)
	return nil
}

func (o *outbox) last(t *testing.T) notify.Post {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.posts) == 0 {
		t.Fatal("nothing was posted")
	}
	return o.posts[len(o.posts)-1]
}

// activator activates accounts of the bench, each once.
type activator struct {
	mu       sync.Mutex
	accounts *fakeAccounts
	taken    []accounts.Activation
}

func (f *activator) Activate(_ context.Context, id eid.AccountID, a accounts.Activation) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for number, held := range f.accounts.byNumber {
		if held.ID != id {
			continue
		}
		if held.Status != eid.PendingActivation || f.accounts.first[id].Hash != a.FirstPasswordHash {
			return accounts.ErrCredentialGone
		}
		changed := map[string]eid.Account{}
		for n, other := range f.accounts.byNumber {
			changed[n] = other
		}
		held.Status, held.Factors = eid.Active, []eid.Factor{eid.Password}
		changed[number] = held
		f.accounts.byNumber = changed
		delete(f.accounts.first, id)
		f.taken = append(f.taken, a)
	}
	return nil
}

// ways is a bench whose codes are sent and whose holders may choose a password.
type ways struct {
	*bench
	outbox    *outbox
	activator *activator
	clock     *atomic.Int64
}

func newWays(t *testing.T) *ways {
	t.Helper()
	b := newBench(t)
	w := &ways{bench: b, outbox: &outbox{}, activator: &activator{accounts: b.accounts}, clock: new(atomic.Int64)}
	state, err := statestore.Open(t.Context(), statestore.Config{Path: filepath.Join(t.TempDir(), "state.db")},
		func() time.Time { return b.now.Add(time.Duration(w.clock.Load())) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = state.Close() })
	codes, err := credential.NewCodes(state, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	policy, err := credential.NewPolicy(0, nil)
	if err != nil {
		t.Fatal(err)
	}
	firstHash, err := b.passwords.Hash(t.Context(), eid.NewSecret(firstPassword))
	if err != nil {
		t.Fatal(err)
	}
	b.accounts.first = map[eid.AccountID]accounts.FirstPassword{
		"first": {Hash: firstHash, Until: b.now.Add(time.Hour)}, "late": {Hash: firstHash, Until: b.now},
	}
	phone := eid.Contact{Value: "+84912345678", Verified: true}
	b.accounts.byNumber[phoneNumber] = eid.Account{ID: "phone", Level: eid.Level2, Status: eid.Active, Factors: []eid.Factor{eid.Password},
		Phone: phone, Email: eid.Contact{Value: "mau@example.test", Verified: true}}
	pending := eid.Account{ID: "first", Level: eid.Level2, Status: eid.PendingActivation, Factors: []eid.Factor{eid.FirstPassword}, Phone: eid.Contact{Value: phone.Value}}
	b.accounts.byNumber[firstNumber] = pending
	pending.ID = "late"
	b.accounts.byNumber[lateNumber] = pending
	b.accounts.byNumber[passport] = eid.Account{ID: "guest", Level: eid.Level2, Status: eid.Active, Factors: []eid.Factor{eid.Password},
		Person: eid.Person{Type: eid.Foreigner, Identifier: eid.NewIdentifier(eid.KindPassport, "LAO", passport)}}
	deps := b.deps()
	carriage := eid.StandardCarriage()
	deps.State, deps.Carriage, deps.Codes, deps.Poster, deps.Channels = state, &carriage, codes, w.outbox, notify.Channels{SMS: true, Email: true}
	deps.Activator, deps.Policy = w.activator, policy
	if b.Source, err = account.New(account.Config{}, deps); err != nil {
		t.Fatal(err)
	}
	return w
}

// next answers the form of a step.
func (w *ways) next(t *testing.T, level eid.Level, before federation.Step, values ...string) federation.Step {
	t.Helper()
	req := w.request(level)
	req.Memory = before.Memory
	form := url.Values{}
	for i := 0; i < len(values); i += 2 {
		form.Set(values[i], values[i+1])
	}
	return w.finish(t, req, federation.Reply{Values: form})
}

func chosen(before string) []string { return []string{federation.FieldNewPassword, before} }

// A foreigner signs in with a passport and its country, in any spelling; the number of
// one country is none of another.
func TestRow8PassportIsALoginName(t *testing.T) {
	w := newWays(t)
	step := w.next(t, eid.Level1, federation.Step{}, federation.FieldWay, federation.WayPassport, federation.FieldPersonalNumber, "")
	if step.Form == nil || step.Form.Page != federation.PagePassport {
		t.Fatalf("Finish(way) = %+v, want the page of passports", step)
	}
	for name, tt := range map[string]struct {
		country, number, password string
		want                      string // problem; empty signs in
	}{
		"as printed":        {"LAO", "PA0000001", password, ""},
		"as typed":          {"LAO", " pa-000 0001", password, ""},
		"another password":  {"LAO", "PA0000001", "khác", federation.ProblemWrongCredentials},
		"of nobody":         {"LAO", "PA0000009", password, federation.ProblemWrongCredentials},
		"no country":        {"", "PA0000001", password, federation.ProblemPassportInvalid},
		"no such country":   {"QQQ", "PA0000001", password, federation.ProblemPassportInvalid},
		"too long":          {"LAO", "PA00000012", password, federation.ProblemPassportInvalid},
		"other digits":      {"LAO", "PA000000１", password, federation.ProblemPassportInvalid},
		"password is empty": {"LAO", "PA0000001", "", federation.ProblemPasswordMissing},
	} {
		t.Run(name, func(t *testing.T) {
			step := w.next(t, eid.Level1, federation.Step{}, federation.FieldCountry, tt.country, federation.FieldPassport, tt.number, federation.FieldPassword, tt.password)
			switch {
			case tt.want == "" && (step.Assertion == nil || step.Assertion.Account != "guest"):
				t.Errorf("Finish() = %+v, want the guest", step)
			case tt.want != "" && (step.Form == nil || step.Form.Page != federation.PagePassport || step.Form.Problem != tt.want):
				t.Errorf("Finish() = %+v, want problem %s", step.Form, tt.want)
			}
		})
	}
}

// Passports are throttled by what they say, and not by how they are written.
func TestRow8PassportsAreThrottled(t *testing.T) {
	w := newWays(t)
	for i := range 6 {
		_, err := w.Finish(t.Context(), w.request(eid.Level1), federation.Reply{Values: url.Values{
			federation.FieldCountry: {"LAO"}, federation.FieldPassport: {strings.Repeat(" ", i) + "pa" + strings.Repeat("-", i) + "0000001"}, federation.FieldPassword: {"guess " + string(rune('a'+i))},
		}})
		if want := i == 5; errors.Is(err, federation.ErrThrottled) != want {
			t.Errorf("guess %d: %v, want throttled %v", i, err, want)
		}
	}
}

// The password that was sent opens the choice of one's own and nothing else, once.
func TestRow9FirstPasswordIsChangedAtFirstUse(t *testing.T) {
	w := newWays(t)
	first := w.next(t, eid.Level2, federation.Step{}, federation.FieldPersonalNumber, firstNumber, federation.FieldPassword, firstPassword)
	if first.Form == nil || first.Form.Page != federation.PageNewPassword || first.Assertion != nil {
		t.Fatalf("Finish(first password) = %+v, want the choice of a password", first)
	}
	if strings.Contains(string(first.Memory), "argon2") || strings.Contains(string(first.Memory), firstPassword) {
		t.Error("the login record keeps the first password or its hash")
	}
	for name, tt := range map[string]struct{ password, want string }{
		"nothing":      {"", federation.ProblemPasswordMissing},
		"short":        {"tz4#k", federation.ProblemOfPassword(credential.TooShort)},
		"common":       {"matkhau123", federation.ProblemOfPassword(credential.Guessable)},
		"the sent one": {firstPassword, federation.ProblemPasswordSame},
	} {
		if step := w.next(t, eid.Level2, first, chosen(tt.password)...); step.Form == nil || step.Form.Problem != tt.want || len(step.Memory) == 0 {
			t.Errorf("Finish(%s) = %+v, want problem %s", name, step.Form, tt.want)
		}
	}
	if len(w.activator.taken) != 0 {
		t.Fatal("a refused password activated the account")
	}
	second := w.next(t, eid.Level2, first, chosen(ownPassword)...)
	if second.Form == nil || second.Form.Page != federation.PageCode || second.Form.Second.Kind != eid.SecondTOTP && second.Assertion != nil {
		// The phone is proved by the activation in the store; the fake leaves it as it was.
		if second.Assertion == nil || !slices.Equal(second.Assertion.Methods, []string{"pwd"}) || second.Assertion.Level != eid.Level1 {
			t.Fatalf("Finish(own password) = %+v, want the sign-in to go on", second)
		}
	}
	if got := w.activator.taken; len(got) != 1 || got[0].Proved != "+84912345678" || !strings.HasPrefix(got[0].PasswordHash, "$argon2id$") {
		t.Errorf("activations = %d, want one that proves the phone", len(got))
	}
	if step := w.next(t, eid.Level2, first, chosen("một câu khác hẳn nữa")...); step.Form == nil || step.Form.Page != federation.PagePassword {
		t.Errorf("Finish() again = %+v, want the sign-in from its beginning", step)
	}
	if step := w.next(t, eid.Level1, federation.Step{}, federation.FieldPersonalNumber, firstNumber, federation.FieldPassword, firstPassword); step.Form == nil || step.Form.Problem != federation.ProblemWrongCredentials {
		t.Errorf("Finish(first password) again = %+v, want wrong credentials", step)
	}
}

// Of many that come with one first password, one chooses.
func TestRow9FirstPasswordIsTakenOnce(t *testing.T) {
	w := newWays(t)
	first := w.next(t, eid.Level1, federation.Step{}, federation.FieldPersonalNumber, firstNumber, federation.FieldPassword, firstPassword)
	var in atomic.Int64
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			req := w.request(eid.Level1)
			req.Memory = first.Memory
			step, err := w.Finish(t.Context(), req, federation.Reply{Values: url.Values{federation.FieldNewPassword: {ownPassword}}})
			if busy := (&federation.BusyError{}); err != nil && !errors.As(err, &busy) {
				t.Error(err)
			}
			if step.Assertion != nil {
				in.Add(1)
			}
		})
	}
	wg.Wait()
	if in.Load() != 1 || len(w.activator.taken) != 1 {
		t.Errorf("%d of 16 got in and %d activated, want one", in.Load(), len(w.activator.taken))
	}
}

// A first password whose time has come opens nothing; whoever knows it is told so.
func TestRow9FirstPasswordEnds(t *testing.T) {
	w := newWays(t)
	_, err := w.Finish(t.Context(), w.request(eid.Level1), credentials(lateNumber, firstPassword))
	if !errors.Is(err, eid.ErrNotActivated) {
		t.Errorf("Finish(ended) = %v, want %v", err, eid.ErrNotActivated)
	}
	if got := w.audit.recorded(); len(got) != 1 || got[0].Action != eid.ActionSignInRefused || got[0].Account != "late" {
		t.Errorf("audit = %+v, want the refused sign-in", got)
	}
}

// Nobody learns from the answer to a wrong password how an account stands, or whether
// there is one: the same form, one evaluation and one write each.
func TestRow9WaitingAccountsAnswerAsUnknownOnes(t *testing.T) {
	w := newWays(t)
	var want federation.Step
	for i, number := range []string{nobodyNumber, binhNumber, phoneNumber, lockedNumber, newNumber, firstNumber, lateNumber} {
		before, writes := w.passwords.Evaluations(), w.audit.writes()
		got := w.next(t, eid.Level2, federation.Step{}, federation.FieldPersonalNumber, number, federation.FieldPassword, "sai "+number)
		if n := w.passwords.Evaluations() - before; n != 1 {
			t.Errorf("%d: %d evaluations, want 1", i, n)
		}
		if n := w.audit.writes() - writes; n != 1 {
			t.Errorf("%d: %d writes, want 1", i, n)
		}
		if got.Form != nil {
			delete(got.Form.Fields, federation.FieldPersonalNumber)
		}
		if want.Form == nil {
			want = got
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%d: Finish() = %+v, want %+v", i, got.Form, want.Form)
		}
	}
	if len(w.outbox.posts) != 0 {
		t.Errorf("%d messages were posted for wrong passwords, want none", len(w.outbox.posts))
	}
}

// A code goes to the proved phone where Level 2 is wanted, and the page says where.
func TestSentCode(t *testing.T) {
	w := newWays(t)
	if step := w.next(t, eid.Level1, federation.Step{}, federation.FieldPersonalNumber, phoneNumber, federation.FieldPassword, password); step.Assertion == nil || len(w.outbox.posts) != 0 {
		t.Fatalf("Finish() at Level 1 = %+v, want no code", step)
	}
	ask := w.next(t, eid.Level2, federation.Step{}, federation.FieldPersonalNumber, phoneNumber, federation.FieldPassword, password)
	post := w.outbox.last(t)
	want := &federation.Second{Kind: eid.SecondSMS, To: eid.MaskPhone("+84912345678"), Until: w.now.Add(credential.SentCodeLife), Others: []eid.Second{eid.SecondEmail}}
	if ask.Form == nil || ask.Form.Page != federation.PageCode || !reflect.DeepEqual(ask.Form.Second, want) || post.Channel != notify.SMS || post.To.Reveal() != "+84912345678" {
		t.Fatalf("Finish() = %+v by %s, want a code by SMS", ask.Form.Second, post.Channel)
	}
	if strings.Contains(string(ask.Memory), post.Code.Reveal()) {
		t.Error("the login record keeps the code")
	}
	if step := w.next(t, eid.Level2, ask, federation.FieldCode, "000000"); step.Form == nil || step.Form.Problem != federation.ProblemCodeWrong && post.Code.Reveal() != "000000" {
		t.Errorf("Finish(wrong) = %+v, want a wrong code", step)
	}
	// Another way, from the page of the code: the code of before stays as good as none.
	mail := w.next(t, eid.Level2, ask, federation.FieldWay, "email", federation.FieldCode, "")
	mailed := w.outbox.last(t)
	if mail.Form == nil || mail.Form.Second.Kind != eid.SecondEmail || mailed.Channel != notify.Email || mail.Form.Second.To != "m•••@example.test" {
		t.Fatalf("Finish(way=email) = %+v by %s, want a code by e-mail", mail.Form, mailed.Channel)
	}
	in := w.next(t, eid.Level2, mail, federation.FieldCode, mailed.Code.Reveal())
	if in.Assertion == nil || in.Assertion.Level != eid.Level2 || !slices.Equal(in.Assertion.Methods, []string{"pwd", "otp"}) {
		t.Fatalf("Finish(code by e-mail) = %+v, want Level 2 by pwd and otp", in)
	}
	if step := w.next(t, eid.Level2, mail, federation.FieldCode, mailed.Code.Reveal()); step.Assertion != nil {
		t.Error("Finish() takes a code twice")
	}
}

// A code belongs to the sign-in that asked for it: whoever talks somebody into reading
// one out needs the password of their own session too.
func TestSentCodeOfAnotherSession(t *testing.T) {
	w := newWays(t)
	sign := func() (federation.Step, string) {
		step := w.next(t, eid.Level2, federation.Step{}, federation.FieldPersonalNumber, phoneNumber, federation.FieldPassword, password)
		return step, w.outbox.last(t).Code.Reveal()
	}
	mine, _ := sign()
	_, theirs := sign()
	if step := w.next(t, eid.Level2, mine, federation.FieldCode, theirs); step.Assertion != nil {
		t.Error("Finish() takes the code of another sign-in")
	}
}

func TestSentCodeRace(t *testing.T) {
	w := newWays(t)
	ask := w.next(t, eid.Level2, federation.Step{}, federation.FieldPersonalNumber, phoneNumber, federation.FieldPassword, password)
	sent := w.outbox.last(t).Code.Reveal()
	var in atomic.Int64
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			req := w.request(eid.Level2)
			req.Memory = ask.Memory
			step, err := w.Finish(t.Context(), req, code(sent))
			if err != nil && !errors.Is(err, federation.ErrThrottled) {
				t.Error(err)
			}
			if step.Assertion != nil {
				in.Add(1)
			}
		})
	}
	wg.Wait()
	if in.Load() != 1 {
		t.Errorf("%d of 16 got in with one code, want 1", in.Load())
	}
}

// Asking for codes again and again gives neither messages nor tries without end.
func TestSentCodesAreBounded(t *testing.T) {
	w := newWays(t)
	ask := w.next(t, eid.Level2, federation.Step{}, federation.FieldPersonalNumber, phoneNumber, federation.FieldPassword, password)
	throttled := false
	for range 20 {
		req := w.request(eid.Level2)
		req.Memory = ask.Memory
		step, err := w.Finish(t.Context(), req, federation.Reply{Values: url.Values{federation.FieldWay: {"sms"}, federation.FieldCode: {""}}})
		if errors.Is(err, federation.ErrThrottled) {
			throttled = true
			break
		}
		ask = step
	}
	if n := len(w.outbox.posts); !throttled || n != 5 {
		t.Errorf("%d codes were sent, throttled %v, want 5 and then none", n, throttled)
	}
}

// What changed while the code was on its way counts: credentials, contacts, locks.
func TestSentCodeAfterAChange(t *testing.T) {
	for name, change := range map[string]func(*eid.Account, time.Time){
		"credentials were changed": func(a *eid.Account, now time.Time) { a.SessionsFrom = now.Add(time.Second) },
		"phone is not proved":      func(a *eid.Account, _ time.Time) { a.Phone.Verified = false },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWays(t)
			ask := w.next(t, eid.Level2, federation.Step{}, federation.FieldPersonalNumber, phoneNumber, federation.FieldPassword, password)
			a := w.accounts.byNumber[phoneNumber]
			change(&a, w.now)
			w.accounts.byNumber[phoneNumber] = a
			if step := w.next(t, eid.Level2, ask, federation.FieldCode, w.outbox.last(t).Code.Reveal()); step.Assertion != nil {
				t.Errorf("Finish() = %+v, want no sign-in", step.Assertion)
			}
		})
	}
}

// A living session that lacks the second factor alone is sent a code at once.
func TestStepUpSendsTheCode(t *testing.T) {
	w := newWays(t)
	req := w.request(eid.Level2)
	req.Account = "phone"
	ask, err := w.Begin(t.Context(), req)
	if err != nil || ask.Form == nil || ask.Form.Page != federation.PageCode {
		t.Fatalf("Begin() = %+v, %v, want a code", ask, err)
	}
	req.Memory = ask.Memory
	in := w.finish(t, req, code(w.outbox.last(t).Code.Reveal()))
	if in.Assertion == nil || in.Assertion.Account != "phone" || !slices.Equal(in.Assertion.Methods, []string{"pwd", "otp", "sms"}) {
		t.Errorf("Finish() = %+v, want pwd, otp and sms", in)
	}
}
