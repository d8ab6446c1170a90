package citizen

import (
	"context"
	"testing"

	"eidgate/eid"
)

// held are the passkeys of whoever asks.
type held struct {
	Holders
	passkeys []eid.PasskeyRecord
}

func (h held) Passkeys(context.Context, eid.AccountID) ([]eid.PasskeyRecord, error) {
	return h.passkeys, nil
}

// TestProofs: nobody is asked for more than they can prove, and an app, which reaches
// Level 2, is added by nobody who proved less than the account's own level.
func TestProofs(t *testing.T) {
	standard := eid.StandardCarriage()
	weak := eid.Carriage{TOTP: eid.Level1, SMS: eid.Level1, Email: eid.Level1, Passkey: eid.Level1}
	pwd, otp, key := eid.Password, eid.OneTimeCode, eid.Passkey
	phone := eid.Contact{Value: "+84900000001", Verified: true}
	declared := eid.Contact{Value: "+84900000001"}
	for _, tt := range []struct {
		name           string
		level          eid.Level
		factors        []eid.Factor
		phone          eid.Contact
		passkey        eid.Level // at which it was made; none: there is none
		carriage       eid.Carriage
		change, toLock eid.Level
	}{
		{"password alone", eid.Level2, []eid.Factor{pwd}, eid.Contact{}, 0, standard, eid.Level1, eid.Level1},
		{"phone that was declared", eid.Level2, []eid.Factor{pwd}, declared, 0, standard, eid.Level1, eid.Level1},
		{"phone", eid.Level2, []eid.Factor{pwd}, phone, 0, standard, eid.Level2, eid.Level2},
		{"phone that carries Level 1", eid.Level2, []eid.Factor{pwd}, phone, 0, weak, eid.Level1, eid.Level1},
		{"app", eid.Level2, []eid.Factor{pwd, otp}, eid.Contact{}, 0, standard, eid.Level2, eid.Level2},
		{"app that carries Level 1", eid.Level2, []eid.Factor{pwd, otp}, eid.Contact{}, 0, weak, eid.Level1, eid.Level1},
		{"app of an account at Level 1", eid.Level1, []eid.Factor{pwd, otp}, phone, 0, standard, eid.Level1, eid.Level1},
		{"passkey", eid.Level2, []eid.Factor{key}, eid.Contact{}, eid.Level2, standard, eid.Level2, eid.Level2},
		{"passkey made at Level 1", eid.Level2, []eid.Factor{key}, eid.Contact{}, eid.Level1, standard, eid.Level1, eid.Level1},
		{"passkey made at Level 1, and an app", eid.Level2, []eid.Factor{pwd, otp, key}, eid.Contact{}, eid.Level1, standard, eid.Level2, eid.Level2},
		{"passkey that carries Level 1", eid.Level2, []eid.Factor{key}, eid.Contact{}, eid.Level2, weak, eid.Level1, eid.Level1},
		{"nothing here", eid.Level2, nil, phone, 0, standard, eid.Level2, eid.LevelNone},
	} {
		h := held{}
		if tt.passkey.Valid() {
			h.passkeys = []eid.PasskeyRecord{{Level: tt.passkey}}
		}
		p := &Pages{d: Deps{My: MeDeps{Holders: h, Carriage: func(context.Context) (eid.Carriage, error) { return tt.carriage, nil }}}}
		a := &eid.Account{Level: tt.level, Factors: tt.factors, Phone: tt.phone}
		for _, want := range []struct {
			name  string
			of    func(context.Context, *eid.Account) (eid.Level, error)
			level eid.Level
		}{{"toChange", p.toChange, tt.change}, {"toLock", p.toLock, tt.toLock}, {"toReach2", p.toReach2, tt.level}} {
			if got, err := want.of(t.Context(), a); got != want.level || err != nil {
				t.Errorf("%s: %s() = %v, %v, want %v", tt.name, want.name, got, err, want.level)
			}
		}
	}
}
