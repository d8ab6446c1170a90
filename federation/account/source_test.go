package account_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/federation/account"
	"eidgate/store"
)

func TestNewRefuses(t *testing.T) {
	b := newBench(t)
	tests := map[string]func(*account.Config, *account.Deps){
		"short key":     func(_ *account.Config, d *account.Deps) { d.Key = d.Key[:31] },
		"no key":        func(_ *account.Config, d *account.Deps) { d.Key = nil },
		"no accounts":   func(_ *account.Config, d *account.Deps) { d.Accounts = nil },
		"no passwords":  func(_ *account.Config, d *account.Deps) { d.Passwords = nil },
		"no state":      func(_ *account.Config, d *account.Deps) { d.State = nil },
		"no audit":      func(_ *account.Config, d *account.Deps) { d.Audit = nil },
		"no guesses":    func(c *account.Config, _ *account.Deps) { c.Guesses = -1 },
		"many guesses":  func(c *account.Config, _ *account.Deps) { c.Guesses = 21 },
		"short window":  func(c *account.Config, _ *account.Deps) { c.Window = time.Second },
		"endless locks": func(c *account.Config, _ *account.Deps) { c.Window = 25 * time.Hour },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			cfg, deps := account.Config{}, b.deps()
			change(&cfg, &deps)
			if _, err := account.New(cfg, deps); err == nil {
				t.Error("New() = nil, want an error")
			}
		})
	}
}

func TestBegin(t *testing.T) {
	b := newBench(t)
	tests := map[string]struct {
		req  federation.Request
		want federation.Form
	}{
		"first":                {federation.Request{}, federation.Form{Page: "password"}},
		"hint":                 {federation.Request{Hint: eid.NewSecret("001 203 000 001")}, federation.Form{Page: "password", Fields: map[string]string{"personal_number": anNumber}}},
		"hint that is none":    {federation.Request{Hint: eid.NewSecret("<b>an@example.vn")}, federation.Form{Page: "password"}},
		"step-up":              {federation.Request{Account: "an", Level: eid.Level2}, federation.Form{Page: "code", Second: &federation.Second{Kind: eid.SecondTOTP}}},
		"step-up, fresh":       {federation.Request{Account: "an", Level: eid.Level2, Fresh: true}, federation.Form{Page: "password"}},
		"step-up, no factor":   {federation.Request{Account: "binh", Level: eid.Level2}, federation.Form{Page: "password"}},
		"step-up, locked":      {federation.Request{Account: "locked", Level: eid.Level2}, federation.Form{Page: "password"}},
		"step-up, not enabled": {federation.Request{Account: "new", Level: eid.Level2}, federation.Form{Page: "password"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			step, err := b.Begin(t.Context(), tt.req)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(step.Form, &tt.want); diff != "" || step.Assertion != nil || step.Redirect != "" {
				t.Errorf("Begin() form (-got +want):\n%s", diff)
			}
		})
	}
	if _, err := b.Begin(t.Context(), federation.Request{Account: "gone"}); !errors.Is(err, eid.ErrNotFound) {
		t.Errorf("Begin(account gone) = %v, want %v", err, eid.ErrNotFound)
	}
}

func TestFinishPassword(t *testing.T) {
	form := func(problem, number string) federation.Step {
		f := &federation.Form{Page: "password", Problem: problem}
		if number != "" {
			f.Fields = map[string]string{"personal_number": number}
		}
		return federation.Step{Form: f}
	}
	tests := map[string]struct {
		reply       federation.Reply
		want        federation.Step
		evaluations uint64
	}{
		"wrong password":     {credentials(anNumber, "wrong"), form("wrong_credentials", anNumber), 1},
		"unknown number":     {credentials(nobodyNumber, password), form("wrong_credentials", nobodyNumber), 1},
		"no password yet":    {credentials(newNumber, password), form("wrong_credentials", newNumber), 1},
		"malformed number":   {credentials("00120300000", password), form("personal_number_invalid", "00120300000"), 0},
		"full-width digits":  {credentials("００１２０３０００００１", password), form("personal_number_invalid", "００１２０３０００００１"), 0},
		"impossible century": {credentials("001603000001", password), form("personal_number_invalid", "001603000001"), 0},
		"no number":          {credentials("", password), form("personal_number_invalid", ""), 0},
		"endless number":     {credentials(strings.Repeat("0", 1000), password), form("personal_number_invalid", ""), 0},
		"not UTF-8":          {credentials("\xff\xfe", password), form("personal_number_invalid", ""), 0},
		"no password":        {credentials(anNumber, ""), form("password_missing", anNumber), 0},
		"nothing":            {federation.Reply{}, form("personal_number_invalid", ""), 0},
		"number twice": {federation.Reply{Values: url.Values{"personal_number": {nobodyNumber, anNumber}, "password": {password}}},
			form("personal_number_invalid", ""), 0},
		"password twice": {federation.Reply{Values: url.Values{"personal_number": {anNumber}, "password": {"wrong", password}}},
			form("password_missing", anNumber), 0},
		"code only": {code("123456"), form("personal_number_invalid", ""), 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			before := b.passwords.Evaluations()
			got := b.finish(t, b.request(eid.Level1), tt.reply)
			if diff := cmp.Diff(got, tt.want); diff != "" {
				t.Errorf("Finish() (-got +want):\n%s", diff)
			}
			if n := b.passwords.Evaluations() - before; n != tt.evaluations {
				t.Errorf("evaluations = %d, want %d", n, tt.evaluations)
			}
		})
	}
}

func TestRightPassword(t *testing.T) {
	tests := map[string]struct {
		number string
		level  eid.Level
		want   eid.AccountID // empty: the code is asked
	}{
		"level 1":                       {anNumber, eid.Level1, "an"},
		"level 2":                       {anNumber, eid.Level2, ""},
		"level 2 without second factor": {binhNumber, eid.Level2, "binh"},
		"locked, level 1":               {lockedNumber, eid.Level1, "locked"},
		"locked, level 2":               {lockedNumber, eid.Level2, "locked"},
		"spaces, dots, NBSP":            {" 001.203\u00a0000-001 ", eid.Level1, "an"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			step := b.finish(t, b.request(tt.level), credentials(tt.number, password))
			if tt.want == "" {
				page, problem := formOf(t, step)
				if page != federation.PageCode || problem != "" {
					t.Errorf("Finish() = page %q, problem %q, want the code page", page, problem)
				}
				if strings.Contains(string(step.Memory), password) || strings.Contains(string(step.Memory), anNumber) {
					t.Error("Memory holds a secret or a number")
				}
				return
			}
			want := federation.Step{Assertion: &federation.Assertion{
				Account: tt.want, Level: eid.Level1, Methods: []string{"pwd"}, At: b.now}}
			if step.Device == "" || strings.Contains(step.Device, tt.number) {
				t.Errorf("Device = %q, want a mark that tells no number", step.Device)
			}
			step.Device = ""
			if diff := cmp.Diff(step, want); diff != "" {
				t.Errorf("Finish() (-got +want):\n%s", diff)
			}
		})
	}
}

func TestCode(t *testing.T) {
	b := newBench(t)
	proved := &federation.Assertion{Account: "an", Level: eid.Level2, Methods: []string{"pwd", "otp"}}

	t.Run("after the password", func(t *testing.T) {
		req := b.request(eid.Level2)
		req.Memory = b.finish(t, req, credentials(anNumber, password)).Memory
		for _, try := range []struct{ text, problem string }{
			{"", "code_missing"}, {"000000", "code_wrong"}, {"１２３４５６", "code_wrong"},
		} {
			step := b.finish(t, req, code(try.text))
			page, problem := formOf(t, step)
			if page != federation.PageCode || problem != try.problem {
				t.Errorf("Finish(%q) = page %q, problem %q, want code, %q", try.text, page, problem, try.problem)
			}
			if diff := cmp.Diff(step.Memory, req.Memory); diff != "" {
				t.Errorf("Memory changed (-got +want):\n%s", diff)
			}
		}
		want := *proved
		want.At = b.now
		if diff := cmp.Diff(b.finish(t, req, code(codeAt(t, b.now))).Assertion, &want); diff != "" {
			t.Errorf("Finish() (-got +want):\n%s", diff)
		}
	})
	t.Run("step-up", func(t *testing.T) {
		b.now = b.now.Add(10 * time.Minute)
		req := b.request(eid.Level2)
		req.Account = "an"
		step, err := b.Begin(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		req.Memory = step.Memory
		want := *proved
		want.At = b.now
		text := codeAt(t, b.now)
		if diff := cmp.Diff(b.finish(t, req, code(text[:3]+" "+text[3:])).Assertion, &want); diff != "" {
			t.Errorf("Finish() (-got +want):\n%s", diff)
		}
	})
}

// A code is taken only in the place it was asked for.
func TestCodeOutOfPlace(t *testing.T) {
	tests := map[string]func(*federation.Request){
		"session of another person":   func(r *federation.Request) { r.Account = "binh" },
		"session over":                func(r *federation.Request) { r.Account = "" },
		"fresh sign-in wanted by now": func(r *federation.Request) { r.Fresh = true },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			req := b.request(eid.Level2)
			req.Account = "an"
			step, err := b.Begin(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			req.Memory = step.Memory
			change(&req)
			if page, _ := formOf(t, b.finish(t, req, code(codeAt(t, b.now)))); page != federation.PagePassword {
				t.Errorf("Finish() = page %q, want %q", page, federation.PagePassword)
			}
		})
	}
	t.Run("password too long ago", func(t *testing.T) {
		b := newBench(t)
		req := b.request(eid.Level2)
		req.Memory = b.finish(t, req, credentials(anNumber, password)).Memory
		req.Now = b.now.Add(10*time.Minute + time.Second)
		if page, _ := formOf(t, b.finish(t, req, code(codeAt(t, req.Now)))); page != federation.PagePassword {
			t.Errorf("Finish() = page %q, want %q", page, federation.PagePassword)
		}
	})
	t.Run("memory malformed", func(t *testing.T) {
		b := newBench(t)
		req := b.request(eid.Level2)
		req.Memory = []byte("{")
		if step, err := b.Finish(t.Context(), req, code("123456")); err == nil {
			t.Errorf("Finish() = %+v, want an error", step)
		}
	})
	t.Run("code in place of a password", func(t *testing.T) {
		b := newBench(t)
		step := b.finish(t, b.request(eid.Level2), federation.Reply{Values: url.Values{
			"personal_number": {anNumber}, "code": {codeAt(t, b.now)}}})
		if step.Assertion != nil {
			t.Errorf("Finish() = %+v, want no assertion", step.Assertion)
		}
	})
}

// What cannot be counted, recorded or read lets nobody in.
func TestFaultsLetNobodyIn(t *testing.T) {
	broken := errors.New("broken")
	tests := map[string]struct {
		fault func(*bench)
		reply federation.Reply
		want  error
	}{
		"state away, right password": {func(b *bench) { b.state.broken = store.ErrUnavailable }, credentials(anNumber, password), store.ErrUnavailable},
		"state away, wrong password": {func(b *bench) { b.state.broken = store.ErrUnavailable }, credentials(anNumber, "wrong"), store.ErrUnavailable},
		"accounts away":              {func(b *bench) { b.accounts.broken = broken }, credentials(anNumber, password), broken},
		"audit away, wrong password": {func(b *bench) { b.audit.broken = broken }, credentials(anNumber, "wrong"), broken},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			tt.fault(b)
			step, err := b.Finish(t.Context(), b.request(eid.Level1), tt.reply)
			if !errors.Is(err, tt.want) || step.Assertion != nil || step.Form != nil {
				t.Errorf("Finish() = %+v, %v, want nothing, %v", step, err, tt.want)
			}
			if strings.Contains(err.Error(), anNumber) {
				t.Error("the error holds a personal number")
			}
		})
	}
}
