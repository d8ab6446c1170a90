package portal_test

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"eidgate/eid"
	"eidgate/federation"
)

func TestSignIn(t *testing.T) {
	w := start(t)
	step, err := w.try(" mau.cho ", password)
	want := &federation.Assertion{
		Subject: "mau.cho", Level: eid.Level1, Methods: []string{"pwd"}, At: w.now, Anew: true,
		Person: federation.Person{Number: "001303000017", Name: "Nguyễn Thị Mẫu", BirthDate: "2003-02-01"},
	}
	if diff := cmp.Diff(step.Assertion, want); err != nil || diff != "" {
		t.Fatalf("Finish() = %v, differs: %s", err, diff)
	}
	if kept := w.accounts.hash("mau.cho"); !strings.HasPrefix(kept, "$argon2id$") {
		t.Errorf("after the right password %.12q is kept, want a hash of ours", kept)
	}
	kept := w.accounts.hash("mau.cho")
	for _, tt := range []struct{ name, password, want string }{
		{"mau.cho", password, "in as mau.cho"},
		{"mau.cho", password + " ", wrong},
		{"mau.tranh-chap", password, "in as mau.tranh-chap"},
		{"mau.da-xac-minh", password, "in as mau.da-xac-minh"},
		{"mau.bi-bac", password, wrong},
		{"mau.chua-co-mat-khau", password, wrong},
		{"mau.hong", password, wrong},
		{"khong-ai", password, wrong},
		{"Mau.cho", password, wrong},
		{"zzz", password, wrong},
	} {
		step, err := w.try(tt.name, tt.password)
		if got := outcome(step, err); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
		if step.Form != nil && !cmp.Equal(step.Form.Fields, map[string]string{federation.FieldLoginName: tt.name}) {
			t.Errorf("%s: form shows %v again, want the name alone", tt.name, step.Form.Fields)
		}
	}
	if w.accounts.hash("mau.cho") != kept || w.accounts.hash("mau.bi-bac") != md5Hash {
		t.Error("a hash was replaced that was up to date, or of a refused account")
	}
}

// TestSameWork: whether a name is known, and what became of its account, shows neither
// in the work nor in the answer to a wrong password, and a refused account shows it not
// even to who knows its password.
func TestSameWork(t *testing.T) {
	type cost struct {
		evaluations uint64
		reads       string
		writes      int
	}
	for name, password := range map[string]string{
		"mau.cho": "sai", "mau.tranh-chap": "sai", "mau.da-xac-minh": "sai", "mau.chua-co-mat-khau": "sai", "mau.hong": "sai",
		"mau.bi-bac": password, "khong-ai": "sai", "zzz": "sai", "*)(uid=*": "sai", "' OR 1=1 --": "sai",
	} {
		w := start(t)
		step, err := w.try(name, password)
		writes := len(w.audit.entries)
		for _, n := range w.audit.counts {
			writes += n
		}
		got := cost{w.passwords.Evaluations(), strings.Join(w.accounts.reads, " "), writes}
		if want := (cost{1, "near link", 1}); got != want || outcome(step, err) != wrong {
			t.Errorf("%s: %+v, answer %s, want %+v, %s", name, got, outcome(step, err), want, wrong)
		}
		audited := len(w.audit.entries) == 1 && w.audit.entries[0].Account == "A" && w.audit.entries[0].Action == eid.ActionSignInFailed
		if audited != (name == "mau.da-xac-minh") {
			t.Errorf("%s: audited %v, want the account that the name leads to alone", name, w.audit.entries)
		}
	}
}

func TestNothingEvaluated(t *testing.T) {
	w := start(t)
	for name, tt := range map[string]struct {
		values url.Values
		want   string
	}{
		"empty password": {url.Values{"login_name": {"mau.cho"}, "password": {""}}, federation.ProblemPasswordMissing},
		"two passwords":  {url.Values{"login_name": {"mau.cho"}, "password": {password, ""}}, federation.ProblemPasswordMissing},
		"no name":        {url.Values{"password": {password}}, federation.ProblemLoginMissing},
		"two names":      {url.Values{"login_name": {"mau.cho", "zz"}, "password": {password}}, federation.ProblemLoginMissing},
		"NUL":            {url.Values{"login_name": {"mau.cho\x00"}, "password": {password}}, wrong},
		"not UTF-8":      {url.Values{"login_name": {"mau.cho\xff"}, "password": {password}}, wrong},
		"long":           {url.Values{"login_name": {strings.Repeat("a", 257)}, "password": {password}}, wrong},
		"long password":  {url.Values{"login_name": {"mau.cho"}, "password": {strings.Repeat("a", 1025)}}, wrong},
	} {
		if got := outcome(w.source.Finish(t.Context(), federation.Request{Now: w.now}, federation.Reply{Values: tt.values})); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
	if got := w.passwords.Evaluations(); got != 0 || len(w.accounts.reads) > 0 {
		t.Errorf("%d evaluations, look-ups %v, want none", got, w.accounts.reads)
	}
}

// TestHint: a personal number is not for the field of a legacy account.
func TestHint(t *testing.T) {
	w := start(t)
	for hint, want := range map[string]string{"mau.cho": "mau.cho", "001 303 000 017": "", "a\nb": "", "": ""} {
		step, err := w.source.Begin(t.Context(), federation.Request{Hint: eid.NewSecret(hint), Now: w.now})
		if err != nil || step.Form.Fields[federation.FieldLoginName] != want {
			t.Errorf("Begin(%q) = %+v, %v, want %q", hint, step.Form, err, want)
		}
	}
}

// TestGuesses sends 200 guesses at once at one name under all spellings, from as many
// addresses: five are evaluated at most, whether somebody has the name or not.
func TestGuesses(t *testing.T) {
	for name, spellings := range map[string][]string{
		"known":   {"mau.cho", "MAU.CHO", " mau.cho ", "ｍａｕ.cho", "mau.ch\u00f2", "m au.cho"},
		"unknown": {"khong", "KHONG", "không", "khôn g"},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			var refused, throttled, busy atomic.Int64
			var wg sync.WaitGroup
			for i := range 200 {
				wg.Go(func() {
					switch got := outcome(w.tryFrom(fmt.Sprintf("198.51.%d.1", i), spellings[i%len(spellings)], fmt.Sprint("guess ", i))); got {
					case wrong:
						refused.Add(1)
					case "throttled":
						throttled.Add(1)
					case federation.ProblemBusy:
						busy.Add(1)
					default:
						t.Errorf("guess %d: %s", i, got)
					}
				})
			}
			wg.Wait()
			if n := w.passwords.Evaluations(); n > 5 || int64(n) != refused.Load() {
				t.Errorf("%d evaluations, %d refused, %d throttled, %d busy, want 5 evaluations at most", n, refused.Load(), throttled.Load(), busy.Load())
			}
		})
	}
}

// TestCrowd: one password at many names is stopped, whoever has the names; and a right
// one ends the count of wrong ones.
func TestCrowd(t *testing.T) {
	w := start(t)
	for range 3 {
		for i := range 4 {
			if got := outcome(w.try("mau.cho", fmt.Sprint("guess ", i))); got != wrong {
				t.Fatalf("guess %d: %s, want %s", i, got, wrong)
			}
		}
		if got := outcome(w.try("mau.cho", password)); got != "in as mau.cho" {
			t.Fatalf("right after four wrong ones: %s", got)
		}
	}
	evaluated := 0
	for i := range 40 {
		if got := outcome(w.tryFrom(fmt.Sprintf("198.51.%d.1", i), fmt.Sprint("name", i), "Matkhau@123")); got == wrong {
			evaluated++
		} else if got != "throttled" {
			t.Fatal(got)
		}
	}
	if evaluated != 20 {
		t.Errorf("evaluated %d, want 20", evaluated)
	}
}

// TestUpgradeRaces: two right sign-ins at once both come in, and one hash stands.
func TestUpgradeRaces(t *testing.T) {
	w := start(t)
	var wg sync.WaitGroup
	for i := range 2 {
		wg.Go(func() {
			if got := outcome(w.tryFrom(fmt.Sprintf("198.51.%d.1", i), "mau.tranh-chap", password)); got != "in as mau.tranh-chap" && got != federation.ProblemBusy {
				t.Errorf("%s", got)
			}
		})
	}
	wg.Wait()
	if got := outcome(w.try("mau.tranh-chap", password)); got != "in as mau.tranh-chap" {
		t.Errorf("afterwards: %s", got)
	}
}
