package eid

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestCarries(t *testing.T) {
	low := StandardCarriage()
	low.SMS, low.Passkey = Level1, LevelNone
	for _, tt := range []struct {
		methods        []string
		want, ifLowers Level
		aal            string
	}{
		{nil, LevelNone, LevelNone, ""},
		{[]string{"pwd"}, Level1, Level1, "01"},
		{[]string{"pwd", "otp"}, Level2, Level2, "02"},
		{[]string{"otp", "pwd"}, Level2, Level2, "02"},
		{[]string{"pwd", "otp", "sms"}, Level2, Level1, "02"},
		{[]string{"pwd", "sms"}, Level1, Level1, "01"},
		{[]string{"otp"}, LevelNone, LevelNone, ""},
		{[]string{"otp", "sms"}, LevelNone, LevelNone, ""},
		{[]string{"otp", "otp"}, LevelNone, LevelNone, ""},
		{[]string{"PWD", "OTP"}, LevelNone, LevelNone, ""},
		{[]string{"pwd otp"}, LevelNone, LevelNone, ""},
		{[]string{"first_pwd"}, LevelNone, LevelNone, ""},
		{[]string{"first_pwd", "otp"}, LevelNone, LevelNone, ""},
		{[]string{"fed"}, LevelNone, LevelNone, ""},
		{[]string{"hwk", "user"}, Level2, LevelNone, "02"},
		{[]string{"swk", "user"}, Level2, LevelNone, "02"},
		{[]string{"swk"}, LevelNone, LevelNone, ""},
		{[]string{"user"}, LevelNone, LevelNone, ""},
	} {
		if got := StandardCarriage().Carries(tt.methods); got != tt.want {
			t.Errorf("Carries(%q) = %v, want %v", tt.methods, got, tt.want)
		}
		if got := low.Carries(tt.methods); got != tt.ifLowers {
			t.Errorf("Carries(%q) = %v where SMS carries 1 and passkeys nothing, want %v", tt.methods, got, tt.ifLowers)
		}
		if got := StandardCarriage().AAL(tt.methods); got != tt.aal {
			t.Errorf("AAL(%q) = %q, want %q", tt.methods, got, tt.aal)
		}
	}
}

// Nothing that can be configured makes a password alone carry Level 2, and no account
// reaches by its means what none of its sign-ins carries.
func TestNoCarriageLiftsAPassword(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		level := rapid.Custom(func(t *rapid.T) Level { return Level(rapid.IntRange(-1, 3).Draw(t, "level")) })
		c := Carriage{
			level.Draw(t, "totp"), level.Draw(t, "sms"), level.Draw(t, "email"), level.Draw(t, "passkey"),
			rapid.SampledFrom([]string{"", "02", "03"}).Draw(t, "aal"),
		}
		if got := c.Carries([]string{"pwd"}); got != Level1 {
			t.Fatalf("Carries(pwd) = %v, want %v", got, Level1)
		}
		a := &Account{
			Phone: Contact{"0900000001", rapid.Bool().Draw(t, "phone")}, Email: Contact{"a@example.test", rapid.Bool().Draw(t, "email")},
			Factors: rapid.SliceOfDistinct(rapid.SampledFrom([]Factor{Password, OneTimeCode, FirstPassword, Passkey}), rapid.ID[Factor]).Draw(t, "factors"),
		}
		best := LevelNone
		if a.Has(Password) {
			best = Level1
			for _, s := range c.Seconds(a) {
				best = max(best, c.Of(s))
			}
		}
		if a.Has(Passkey) {
			best = max(best, c.Carries([]string{"hwk", "user"}))
		}
		if got := c.Reach(a); got != best {
			t.Fatalf("Reach() = %v, want %v", got, best)
		}
	})
}

func TestSecondsOfAnAccount(t *testing.T) {
	a := &Account{Factors: []Factor{Password, OneTimeCode}, Phone: Contact{"0900000001", true}, Email: Contact{"a@example.test", false}}
	if got, want := StandardCarriage().Seconds(a), []Second{SecondTOTP, SecondSMS}; !slices.Equal(got, want) {
		t.Errorf("Seconds() = %v, want %v: an address that was only declared is none", got, want)
	}
	if got, want := StandardCarriage().Unsent(false, true).Seconds(a), []Second{SecondTOTP}; !slices.Equal(got, want) {
		t.Errorf("Seconds() = %v where no SMS is sent, want %v", got, want)
	}
	if err := (Carriage{TOTP: 3}).Check(); err == nil {
		t.Error("Check() = nil for level 3, want an error")
	}
}
