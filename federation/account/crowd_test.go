package account_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/credential"
	"eidgate/federation"
	"eidgate/federation/account"
)

// plainPasswords verifies without the cost of hashing: the hash is the password.
type plainPasswords struct {
	evaluations atomic.Int64
	full        atomic.Bool
	during      func() // what happens while a password is evaluated
}

func (p *plainPasswords) Admit(string, bool) (func(), error) {
	if p.full.Load() {
		return nil, credential.ErrBusy
	}
	return func() {}, nil
}

func (p *plainPasswords) Verify(_ context.Context, hash string, password eid.Secret) (string, error) {
	p.evaluations.Add(1)
	if p.during != nil {
		p.during()
	}
	if hash != password.Reveal() {
		return "", credential.ErrMismatch
	}
	return "", nil
}

func (p *plainPasswords) Dummy(context.Context, eid.Secret) error {
	p.evaluations.Add(1)
	return credential.ErrMismatch
}

func (p *plainPasswords) Hash(_ context.Context, password eid.Secret) (string, error) {
	return password.Reveal(), nil
}

// crowded is a bench with plain passwords and this many synthetic people.
func crowded(t *testing.T, people int) (*bench, *plainPasswords) {
	t.Helper()
	b := newBench(t)
	passwords := &plainPasswords{}
	deps := b.deps()
	deps.Passwords = passwords
	b.accounts.hash = password
	for i := range people {
		b.accounts.byNumber[number(i)] = eid.Account{
			ID: eid.AccountID(fmt.Sprint("person ", i)), Level: eid.Level1, Status: eid.Active, Factors: []eid.Factor{eid.Password},
		}
	}
	var err error
	if b.Source, err = account.New(account.Config{}, deps); err != nil {
		t.Fatal(err)
	}
	return b, passwords
}

// number is that of a synthetic person.
func number(i int) string { return fmt.Sprintf("001203%06d", 100_000+i) }

func (b *bench) from(address string) federation.Request {
	req := b.request(eid.Level1)
	req.Address = netip.MustParseAddr(address)
	return req
}

// Three hundred people behind one address, each with a few typing errors: all of
// them get in, and none is counted against the village afterwards.
func TestVillage(t *testing.T) {
	b, _ := crowded(t, 300)
	req := b.from("100.64.0.1")
	for i := range 300 {
		for typo := range 1 + i%4 {
			if _, err := b.Finish(t.Context(), req, credentials(number(i), fmt.Sprint("typo ", i, typo))); err != nil {
				t.Fatalf("typing error %d of person %d: %v", typo, i, err)
			}
		}
		if step := b.finish(t, req, credentials(number(i), password)); step.Assertion == nil {
			t.Fatalf("person %d is not signed in", i)
		}
	}
	for key, n := range b.state.counts {
		if !strings.Contains(key, "secret.") && n != 0 {
			t.Errorf("a counter stands at %d, want 0", n)
		}
	}
}

// Sprays over ten thousand numbers: what is evaluated is bounded, whoever sprays.
func TestSprays(t *testing.T) {
	tests := map[string]struct {
		address func(i int) string
		guess   func(i int) string
		most    int64
	}{
		"one address, one password": {
			func(int) string { return "192.0.2.1" }, func(int) string { return "Matkhau@123" }, 20},
		"one address, many passwords": {
			func(int) string { return "192.0.2.1" }, func(i int) string { return fmt.Sprint("guess ", i) }, 300},
		"one /64 of IPv6, many passwords": {
			func(i int) string { return fmt.Sprintf("2001:db8::%x", i) }, func(i int) string { return fmt.Sprint("guess ", i) }, 300},
		"a /24, many passwords": {
			func(i int) string { return fmt.Sprint("192.0.2.", i%256) }, func(i int) string { return fmt.Sprint("guess ", i) }, 3000},
		"a /48 of IPv6, many passwords": {
			func(i int) string { return fmt.Sprintf("2001:db8:0:%x::1", i) }, func(i int) string { return fmt.Sprint("guess ", i) }, 3000},
		"a botnet, one password": {
			func(i int) string { return fmt.Sprintf("198.%d.%d.1", 18+i/256, i%256) }, func(int) string { return "Matkhau@123" }, 20},
		"a botnet, one password in two forms": {
			func(i int) string { return fmt.Sprintf("198.%d.%d.1", 18+i/256, i%256) },
			func(i int) string { return []string{"Mật@123", "Ma\u0323\u0302t@123"}[i%2] }, 20},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b, passwords := crowded(t, 0)
			throttled := 0
			for i := range 10_000 {
				_, err := b.Finish(t.Context(), b.from(tt.address(i)), credentials(number(i), tt.guess(i)))
				switch {
				case errors.Is(err, federation.ErrThrottled):
					throttled++
				case err != nil:
					t.Fatal(err)
				}
			}
			if n := passwords.evaluations.Load(); n != tt.most || throttled != 10_000-int(tt.most) {
				t.Errorf("evaluated %d, throttled %d, want %d and the rest", n, throttled, tt.most)
			}
		})
	}
}

// The limits are taken before the work: many at once get no more than one by one.
func TestSprayInParallel(t *testing.T) {
	b, passwords := crowded(t, 0)
	var wg sync.WaitGroup
	for i := range 500 {
		wg.Go(func() {
			_, _ = b.Finish(context.Background(), b.from(fmt.Sprintf("198.18.%d.%d", i/256, i%256)), credentials(number(i), "Matkhau@123"))
		})
	}
	wg.Wait()
	if n := passwords.evaluations.Load(); n != 20 {
		t.Errorf("evaluated %d, want 20", n)
	}
}

// Who owns an account gains no guesses at others by signing in at it again and
// again, whatever that account's own failures were.
func TestOwnAccountBuysNoGuesses(t *testing.T) {
	b, passwords := crowded(t, 1)
	own, spray := 0, int64(0)
	for i := range 5_000 {
		switch i % 6 {
		case 0, 1, 2, 3: // failures at the own number, from the next address
			_, _ = b.Finish(t.Context(), b.from("203.0.113.7"), credentials(number(0), fmt.Sprint("wrong ", i)))
		case 4:
			if step, _ := b.Finish(t.Context(), b.from("192.0.2.1"), credentials(number(0), password)); step.Assertion != nil {
				own++
			}
		default:
			before := passwords.evaluations.Load()
			_, _ = b.Finish(t.Context(), b.from("192.0.2.1"), credentials(number(i), fmt.Sprint("guess ", i)))
			spray += passwords.evaluations.Load() - before
		}
	}
	if own == 0 || spray > 600 {
		t.Errorf("signed in %d times, guessed %d times, want at most the limits of two addresses", own, spray)
	}
}

// Failures of strangers, at the number, the password or behind the same address,
// keep nobody out of a device that was signed in with before.
func TestMarkedDeviceIsNotLockedOut(t *testing.T) {
	b, _ := crowded(t, 2)
	home := b.from("192.0.2.1")
	home.Device = b.finish(t, home, credentials(number(0), password)).Device
	for i := range 400 {
		_, _ = b.Finish(t.Context(), b.from("192.0.2.1"), credentials(number(0), fmt.Sprint("guess ", i)))
		_, _ = b.Finish(t.Context(), b.from("192.0.2.1"), credentials(number(50+i), password))
	}
	if _, err := b.Finish(t.Context(), b.from("192.0.2.1"), credentials(number(0), password)); !errors.Is(err, federation.ErrThrottled) {
		t.Errorf("an unknown device: Finish() = %v, want %v", err, federation.ErrThrottled)
	}
	// A typing error of the holder is one of five, and not among the strangers'.
	if page, problem := formOf(t, b.finish(t, home, credentials(number(0), "typo"))); problem != federation.ProblemWrongCredentials {
		t.Errorf("page %q, problem %q", page, problem)
	}
	step := b.finish(t, home, credentials(number(0), password))
	if step.Assertion == nil || step.Device == "" || step.Device == home.Device {
		t.Errorf("the holder's device gives %+v, want to be signed in with a new mark", step)
	}
	// The mark opens nothing for another number.
	if _, err := b.Finish(t.Context(), home, credentials(number(1), password)); !errors.Is(err, federation.ErrThrottled) {
		t.Errorf("another number on the marked device: %v, want %v", err, federation.ErrThrottled)
	}
}

// A stolen mark gives the limit of one account and no more.
func TestMarkedDeviceIsLimited(t *testing.T) {
	b, passwords := crowded(t, 1)
	req := b.from("192.0.2.1")
	req.Device = b.finish(t, req, credentials(number(0), password)).Device
	before := passwords.evaluations.Load()
	for i := range 100 {
		_, _ = b.Finish(t.Context(), req, credentials(number(0), fmt.Sprint("guess ", i)))
	}
	if n := passwords.evaluations.Load() - before; n != 5 {
		t.Errorf("evaluated %d, want 5", n)
	}
}

// Who knew a password once and signed in often with it has many marks. After the
// password changed, all of them together give a few guesses.
func TestManyMarksBuyFewGuesses(t *testing.T) {
	b, passwords := crowded(t, 1)
	var marks []string
	for i := range 100 {
		req := b.from(fmt.Sprint("192.0.2.", i))
		marks = append(marks, b.finish(t, req, credentials(number(0), password)).Device)
	}
	b.accounts.hash = "another password"
	before := passwords.evaluations.Load()
	for i := range 1000 {
		req := b.from("192.0.2.1")
		req.Device = marks[i%len(marks)]
		_, _ = b.Finish(t.Context(), req, credentials(number(0), fmt.Sprint("guess ", i)))
	}
	if n := passwords.evaluations.Load() - before; n != 20 {
		t.Errorf("evaluated %d, want 20", n)
	}
}

// A device of a family holds the marks of eight people, and only marks of ours
// that are not too old count.
func TestMarks(t *testing.T) {
	b, _ := crowded(t, 10)
	marks := ""
	for i := range 10 {
		req := b.from("192.0.2.1")
		req.Device = marks
		marks = b.finish(t, req, credentials(number(i), password)).Device
	}
	if n := len(strings.Split(marks, ".")); n != 8 {
		t.Fatalf("%d marks, want 8", n)
	}
	for i := range 400 { // the address is used up
		_, _ = b.Finish(t.Context(), b.from("192.0.2.1"), credentials(number(1000+i), fmt.Sprint("guess ", i)))
	}
	newest := strings.Split(marks, ".")[0]
	flipped := []byte(newest)
	flipped[20] ^= 1
	tests := map[string]struct {
		marks string
		who   int
		later time.Duration
		want  bool
	}{
		"newest":             {marks, 9, 0, true},
		"oldest kept":        {marks, 2, 0, true},
		"pushed out":         {marks, 1, 0, false},
		"alone":              {newest, 9, 0, true},
		"in a year":          {marks, 9, 364 * 24 * time.Hour, true},
		"after a year":       {marks, 9, 367 * 24 * time.Hour, false},
		"a clock behind":     {marks, 9, -23 * time.Hour, true},
		"from the future":    {marks, 9, -72 * time.Hour, false},
		"of another person":  {newest, 3, 0, false},
		"changed":            {string(flipped), 9, 0, false},
		"cut":                {newest[:35], 9, 0, false},
		"twice":              {newest + "." + newest, 9, 0, true},
		"none":               {"", 9, 0, false},
		"junk":               {strings.Repeat(".", 200), 9, 0, false},
		"endless":            {strings.Repeat(newest+".", 1000), 9, 0, false},
		"line ends":          {strings.Repeat("\n", 36), 9, 0, false},
		"not base64":         {strings.Repeat("!", 36), 9, 0, false},
		"junk beside a mark": {"x." + strings.Repeat("!", 36) + "." + newest, 9, 0, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			req := b.from("192.0.2.1")
			req.Device, req.Now = tt.marks, b.now.Add(tt.later)
			n, err := eid.ParsePersonalNumber(number(tt.who))
			if err != nil {
				t.Fatal(err)
			}
			if got := b.Familiar(tt.marks, eid.IdentifierOf(n), req.Now); got != tt.want {
				t.Errorf("Familiar() = %v, want %v", got, tt.want)
			}
			step, err := b.Finish(t.Context(), req, credentials(number(tt.who), password))
			if got := step.Assertion != nil; got != tt.want || !got && !errors.Is(err, federation.ErrThrottled) {
				t.Errorf("signed in %v (%v), want %v", got, err, tt.want)
			}
		})
	}
}

// Strangers at many numbers fill what they may of the queue. The holder's own
// device is let in then; a device without a mark, with one of another person or
// with a forged one is a stranger, and so is every device at an unknown number.
func TestQueueFullOfStrangers(t *testing.T) {
	b := newBench(t)
	queue, err := credential.NewPasswords(1)
	if err != nil {
		t.Fatal(err)
	}
	deps := b.deps()
	deps.Passwords = queue
	if b.Source, err = account.New(account.Config{}, deps); err != nil {
		t.Fatal(err)
	}
	home := b.from("192.0.2.1")
	an := b.finish(t, home, credentials(anNumber, password)).Device
	binh := b.finish(t, home, credentials(binhNumber, password)).Device
	forged := []byte(binh)
	forged[len(forged)-1] ^= 4       // the last letter carries bits of the MAC
	flood := func() (drain func()) { // anew each time: the room follows what evaluations cost
		var inside []func()
		for {
			leave, busy := queue.Admit(fmt.Sprint("stranger ", len(inside)), false)
			if busy != nil {
				return func() {
					for _, leave := range inside {
						leave()
					}
				}
			}
			inside = append(inside, leave)
		}
	}
	before, writes := queue.Evaluations(), b.audit.writes()
	for name, tt := range map[string]struct {
		number, marks string
		want          bool
	}{
		"own device":                  {binhNumber, binh, true},
		"own device of two people":    {binhNumber, an + "." + binh, true},
		"no mark":                     {binhNumber, "", false},
		"mark of another person":      {binhNumber, an, false},
		"forged mark":                 {binhNumber, string(forged), false},
		"unknown number":              {nobodyNumber, "", false},
		"unknown number, some mark":   {nobodyNumber, binh, false},
		"unknown number, forged mark": {nobodyNumber, string(forged), false},
	} {
		drain := flood()
		home.Device = tt.marks
		step, err := b.Finish(t.Context(), home, credentials(tt.number, password))
		drain()
		if got := step.Assertion != nil; got != tt.want || !got && !errors.Is(err, federation.ErrBusy) {
			t.Errorf("%s: signed in %v (%v), want %v", name, got, err, tt.want)
		}
	}
	if n := queue.Evaluations() - before; n != 2 || b.audit.writes() != writes {
		t.Errorf("%d evaluations, %d writes, want 2, 0", n, b.audit.writes()-writes)
	}
}

// However many marks of one number somebody gathered, one share of the queue is
// what they give.
func TestManyMarksHaveOneShare(t *testing.T) {
	b, _ := crowded(t, 1)
	passwords := &namedPasswords{names: map[string]bool{}}
	deps := b.deps()
	deps.Passwords = passwords
	var err error
	if b.Source, err = account.New(account.Config{}, deps); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		req := b.from("192.0.2.1")
		req.Device = b.finish(t, req, credentials(number(0), password)).Device
		b.finish(t, req, credentials(number(0), password))
	}
	if len(passwords.names) != 2 {
		t.Errorf("%d names in the queue, want one for marked devices and one for strangers", len(passwords.names))
	}
	for who, familiar := range passwords.names {
		if strings.Contains(who, number(0)) || familiar != strings.HasSuffix(who, "marked") {
			t.Errorf("queued as %q, familiar %v", who, familiar)
		}
	}
}

// namedPasswords keeps who was admitted.
type namedPasswords struct {
	plainPasswords
	names map[string]bool
}

func (p *namedPasswords) Admit(who string, familiar bool) (func(), error) {
	p.names[who] = familiar
	return func() {}, nil
}

// Where there is no room nothing is counted, evaluated or recorded, and the same
// form is asked for again with what was typed.
func TestBusy(t *testing.T) {
	b, passwords := crowded(t, 1)
	passwords.full.Store(true)
	for name, n := range map[string]string{"known": number(0), "unknown": nobodyNumber, "locked": lockedNumber} {
		for range 10 {
			_, err := b.Finish(t.Context(), b.from("192.0.2.1"), credentials(n, password))
			var busy *federation.BusyError
			if !errors.As(err, &busy) || !errors.Is(err, federation.ErrBusy) {
				t.Fatalf("%s: Finish() = %v, want %v", name, err, federation.ErrBusy)
			}
			if busy.Form.Problem != federation.ProblemBusy || busy.Form.Fields[federation.FieldPersonalNumber] != n {
				t.Errorf("%s: form %+v, want the number again", name, busy.Form)
			}
		}
	}
	if len(b.state.slots) != 0 || b.audit.writes() != 0 || passwords.evaluations.Load() != 0 {
		t.Errorf("%d slots, %d writes, %d evaluations, want none", len(b.state.slots), b.audit.writes(), passwords.evaluations.Load())
	}
}

// Right passwords sent at once give back what they counted, once: else the owner
// of one account could wipe out the count of an address and guess without end.
func TestOwnAccountAtOnceBuysNoGuesses(t *testing.T) {
	b, passwords := crowded(t, 1)
	from, spray, inside := b.from("192.0.2.1"), int64(0), 0
	signIn := func() { _, _ = b.Finish(t.Context(), from, credentials(number(0), password)) }
	passwords.during = func() { // five of them are under way
		if inside++; inside < 5 {
			signIn()
		}
	}
	for round := range 200 {
		before := passwords.evaluations.Load()
		for i := range 5 {
			_, _ = b.Finish(t.Context(), from, credentials(number(1+5*round+i), fmt.Sprint("guess ", round, " ", i)))
		}
		spray += passwords.evaluations.Load() - before
		inside = 0
		signIn()
	}
	if spray != 300 {
		t.Errorf("guessed %d times from one address, want 300", spray)
	}
}
