package config

import "eidgate/eid"

// AccountSystem is the built-in account system, where a source of kind account is.
type AccountSystem struct {
	// What its ways of signing in carry.
	Methods Methods `koanf:"methods"`
	// Which passwords may be chosen.
	Passwords Passwords `koanf:"passwords"`
}

// Methods say what level a sign-in carries at most, 1 or 2, by what is shown (Decree
// 69/2024, Art. 20); 0 is no way to sign in. A password alone always carries 1.
type Methods struct {
	TOTP    int `koanf:"totp"`    // a password and a code of an app
	SMS     int `koanf:"sms"`     // a password and a code sent to the proved phone
	Email   int `koanf:"email"`   // a password and a code sent to the proved e-mail address
	Passkey int `koanf:"passkey"` // a passkey that verified the person
	// The strength that a passkey has in aal: 02, or 03 where a biometric is attested.
	PasskeyAAL string `koanf:"passkey_aal"`
}

// Passwords say which ones may be chosen. Common, guessable and personal ones never are.
type Passwords struct {
	// The least number of characters, 8 or more.
	Least int `koanf:"least"`
	// A file of passwords that got out: lines of SHA-1 in hexadecimal, sorted, as Have I
	// Been Pwned gives them. Without it only the most used ones are known.
	LeakedFile string `koanf:"leaked_file"`
}

// defaultAccountSystem is what holds without a word of the configuration.
func defaultAccountSystem() AccountSystem {
	c := eid.StandardCarriage()
	return AccountSystem{
		Methods:   Methods{TOTP: int(c.TOTP), SMS: int(c.SMS), Email: int(c.Email), Passkey: int(c.Passkey), PasskeyAAL: c.PasskeyAAL},
		Passwords: Passwords{Least: 8},
	}
}

// carriage is what methods carry at a source; nil where it is no account system.
func (c *Config) carriage(s *Source) *eid.Carriage {
	if s.Kind != kindAccount {
		return nil
	}
	m := c.AccountSystem.Methods
	carriage := eid.Carriage{
		TOTP: eid.Level(m.TOTP), SMS: eid.Level(m.SMS), Email: eid.Level(m.Email), Passkey: eid.Level(m.Passkey), PasskeyAAL: m.PasskeyAAL,
	}.Unsent(c.Notify.SMS.On(), c.Notify.Mail())
	return &carriage
}

func (c *Config) checkAccountSystem(f *faults) {
	checkChoice(f, "account_system.methods.passkey_aal", c.AccountSystem.Methods.PasskeyAAL, true)
}
