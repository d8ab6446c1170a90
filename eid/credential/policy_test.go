package credential_test

import (
	"context"
	"crypto/sha1"
	"errors"
	"strings"
	"testing"

	"eidgate/eid"
	"eidgate/eid/credential"
	"eidgate/store"
)

func newPolicy(t *testing.T, leaks credential.Leaks) *credential.Policy {
	t.Helper()
	p, err := credential.NewPolicy(0, leaks)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPolicy(t *testing.T) {
	p := newPolicy(t, nil)
	n, err := eid.ParsePersonalNumber("001190000123")
	if err != nil {
		t.Fatal(err)
	}
	an := &eid.Account{
		Person: eid.Person{Name: "Nguyễn Thị Mẫu Đơn", Identifier: eid.IdentifierOf(n), BirthDate: "1990-02-28"},
		Phone:  eid.Contact{Value: "+84912345678"}, Email: eid.Contact{Value: "mau.don@example.test"},
	}
	for name, tt := range map[string]struct {
		password string
		want     credential.Weakness
	}{
		"seven characters":                 {"tz4#kQw", credential.TooShort},
		"seven Vietnamese ones, composed":  {"ộộộộộộộ", credential.TooShort},
		"seven, decomposed":                {strings.Repeat("o\u0323\u0302", 7), credential.TooShort},
		"empty":                            {"", credential.TooShort},
		"too long":                         {strings.Repeat("a", credential.MaxPassword+1), credential.TooLong},
		"the most used":                    {"password", credential.Guessable},
		"with capital, signs and a number": {"P@ssw0rd1", credential.Guessable},
		"digits in order":                  {"123456789", credential.Guessable},
		"one key":                          {"aaaaaaaaaaaa", credential.Guessable},
		"keys side by side":                {"qwertyuiop", credential.Guessable},
		"Vietnamese for password":          {"matkhau123", credential.Guessable},
		"the same with marks":              {"MậtKhẩu@123", credential.Guessable},
		"I love you":                       {"anhyeuem1", credential.Guessable},
		"a date":                           {"28021990", credential.Guessable},
		"the country and the year":         {"VietNam2024!", credential.Guessable},
		"one word twice":                   {"hanoihanoi", credential.Guessable},
		"the number":                       {"001190000123", credential.Guessable},
		"name and year of birth":           {"maudon1990", credential.Personal},
		"phone":                            {"0912345678", credential.Guessable},
		"phone with a sign":                {"912345678#", credential.Guessable},
		"the address":                      {"mau.don@example.test", credential.Personal},
		"four words":                       {"trâu vàng uống nước ao", ""},
		"an English phrase":                {"correct horse battery staple", ""},
		"random":                           {"tz4#kQw9pL", ""},
		"eight random letters":             {"xkqvbztw", ""},
		"long":                             {strings.Repeat("bánh chưng xanh ", 40), ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := p.Judge(t.Context(), eid.NewSecret(tt.password), credential.OwnWords(an)); got != tt.want || err != nil {
				t.Errorf("Judge() = %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

// leaks knows one password.
type leaks struct {
	sum [20]byte
	err error
}

func (l leaks) Leaked(_ context.Context, sum [20]byte) (bool, error) { return sum == l.sum, l.err }

func TestPolicyAsksForLeaks(t *testing.T) {
	for _, tt := range []struct {
		leaks credential.Leaks
		want  credential.Weakness
		fails bool
	}{
		{leaks{}, "", false},
		{leaks{sum: sha1.Sum([]byte("tz4#kQw9pL"))}, credential.Leaked, false},
		{leaks{err: errors.New("down")}, "", true},
	} {
		got, err := newPolicy(t, tt.leaks).Judge(t.Context(), eid.NewSecret("tz4#kQw9pL"), nil)
		if got != tt.want || errors.Is(err, store.ErrUnavailable) != tt.fails || (err != nil) != tt.fails {
			t.Errorf("Judge() = %q, %v, want %q, store.ErrUnavailable: %t", got, err, tt.want, tt.fails)
		}
	}
}

func TestPolicyBounds(t *testing.T) {
	for _, least := range []int{7, -1, 65} {
		if _, err := credential.NewPolicy(least, nil); err == nil {
			t.Errorf("NewPolicy(%d) = nil, want an error", least)
		}
	}
	p, err := credential.NewPolicy(12, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := p.Judge(t.Context(), eid.NewSecret("tz4#kQw9pL"), nil); got != credential.TooShort {
		t.Errorf("Judge() = %q for ten characters where twelve are wanted, want %q", got, credential.TooShort)
	}
}

func BenchmarkPolicy(b *testing.B) {
	p, err := credential.NewPolicy(0, nil)
	if err != nil {
		b.Fatal(err)
	}
	long := eid.NewSecret(strings.Repeat("12ab", 256))
	for b.Loop() {
		if _, err := p.Judge(b.Context(), long, []string{"an"}); err != nil {
			b.Fatal(err)
		}
	}
}
