package eid

import (
	"errors"
	"fmt"
	"slices"
)

// MethodSMS says that a one-time code came to a phone (RFC 8176 §2). A code that came by
// e-mail is OneTimeCode alone.
const MethodSMS = "sms"

// Second is what somebody shows beside a password.
type Second string

// The second factors. Those that are sent go to a contact that the holder proved.
const (
	SecondTOTP  Second = "totp"
	SecondSMS   Second = "sms"
	SecondEmail Second = "email"
)

// Seconds lists them, the preferred first.
func Seconds() []Second { return []Second{SecondTOTP, SecondSMS, SecondEmail} }

// Methods are the amr values of a password with a second factor.
func (s Second) Methods() []string {
	methods := []string{string(Password), string(OneTimeCode)}
	if s == SecondSMS {
		methods = append(methods, MethodSMS)
	}
	return methods
}

// Carriage says what level a sign-in at the built-in account system can carry, by its
// methods (Decree 69/2024, Art. 20). LevelNone: it is no way to sign in. A password
// alone is one factor and carries Level 1, whatever is configured. The zero value lets
// nobody beyond that.
type Carriage struct {
	// Of a password with a code from an app, by SMS, by e-mail.
	TOTP    Level `json:"totp,omitempty"`
	SMS     Level `json:"sms,omitempty"`
	Email   Level `json:"email,omitempty"`
	Passkey Level `json:"passkey,omitempty"`
	// PasskeyAAL is the strength of a passkey with user verification: 02, or 03 where a
	// biometric is attested.
	PasskeyAAL string `json:"passkey_aal,omitempty"`
}

// StandardCarriage is what holds where nothing is configured and codes can be sent.
func StandardCarriage() Carriage {
	return Carriage{TOTP: Level2, SMS: Level2, Email: Level2, Passkey: Level2, PasskeyAAL: "02"}
}

// Unsent is what is left where nobody sends on a channel.
func (c Carriage) Unsent(sms, email bool) Carriage {
	if !sms {
		c.SMS = LevelNone
	}
	if !email {
		c.Email = LevelNone
	}
	return c
}

// Carries is what methods carry at a source that is the built-in account system.
func (s *Source) Carries() Carriage {
	if s.Carriage == nil {
		return StandardCarriage().Unsent(false, false)
	}
	return *s.Carriage
}

// Check refuses levels that are none, and strengths that a passkey has not.
func (c Carriage) Check() error {
	var errs []error
	for name, level := range map[string]Level{"totp": c.TOTP, "sms": c.SMS, "email": c.Email, "passkey": c.Passkey} {
		if level < LevelNone || level > Level2 {
			errs = append(errs, fmt.Errorf("%s carries level %d: want 0 to 2", name, level))
		}
	}
	if c.PasskeyAAL != "" && c.PasskeyAAL != "02" && c.PasskeyAAL != "03" {
		errs = append(errs, errors.New("strength of a passkey: want 02 or 03"))
	}
	return errors.Join(errs...)
}

// Of is what a password carries with a second factor.
func (c Carriage) Of(s Second) Level {
	switch s {
	case SecondTOTP:
		return c.TOTP
	case SecondSMS:
		return c.SMS
	case SecondEmail:
		return c.Email
	}
	return LevelNone
}

// Carries is what methods can carry at most (amr values, RFC 8176). They do not tell a
// code by e-mail from one of an app: for a sign-in at hand, Of does.
func (c Carriage) Carries(methods []string) Level {
	has := func(m string) bool { return slices.Contains(methods, m) }
	best := LevelNone
	if has(MethodUser) && (has(MethodHardwareKey) || has(MethodSoftwareKey)) {
		best = max(best, c.Passkey)
	}
	if !has(string(Password)) {
		return best
	}
	best = max(best, Level1)
	switch {
	case has(string(OneTimeCode)) && has(MethodSMS):
		best = max(best, c.SMS)
	case has(string(OneTimeCode)):
		best = max(best, c.TOTP, c.Email)
	}
	return best
}

// Seconds are the second factors that an account has and that carry more than its
// password does, the preferred first. A contact that was only declared is none.
func (c Carriage) Seconds(a *Account) []Second {
	var list []Second
	for _, s := range Seconds() {
		has := s == SecondTOTP && a.Has(OneTimeCode) ||
			s == SecondSMS && a.Phone.Verified && a.Phone.Value != "" ||
			s == SecondEmail && a.Email.Verified && a.Email.Value != ""
		if has && c.Of(s) > Level1 {
			list = append(list, s)
		}
	}
	return list
}

// Reach is the most that an account can carry with all it has to sign in with.
func (c Carriage) Reach(a *Account) Level {
	best := LevelNone
	if a.Has(Passkey) {
		best = max(best, c.Passkey)
	}
	if !a.Has(Password) {
		return best
	}
	best = max(best, Level1)
	for _, s := range c.Seconds(a) {
		best = max(best, c.Of(s))
	}
	return best
}

// AAL is the strength of a sign-in with these methods (Decree 69/2024, Art. 20): 01 one
// factor, 02 two, 03 two with a biometric. Empty where it has no place on that scale.
func (c Carriage) AAL(methods []string) string {
	has := func(m string) bool { return slices.Contains(methods, m) }
	switch {
	case has(MethodUser) && (has(MethodHardwareKey) || has(MethodSoftwareKey)):
		return c.PasskeyAAL
	case has(string(Password)) && has(string(OneTimeCode)):
		return "02"
	case has(string(Password)):
		return "01"
	}
	return ""
}
