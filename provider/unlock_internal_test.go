package provider

import (
	"testing"

	"eidgate/eid"
	"eidgate/federation"
)

// TestWholeProof: a holder undoes the own lock with the most that the account can prove,
// whatever that carries now, and with nothing less.
func TestWholeProof(t *testing.T) {
	standard, weak := eid.StandardCarriage(), eid.Carriage{TOTP: eid.Level1, Passkey: eid.Level1}
	pwd, otp, key := string(eid.Password), string(eid.OneTimeCode), []string{eid.MethodHardwareKey, eid.MethodUser}
	for _, tt := range []struct {
		name     string
		factors  []eid.Factor
		carriage eid.Carriage
		methods  []string
		want     bool
	}{
		{"password alone", []eid.Factor{eid.Password}, standard, []string{pwd}, true},
		{"password where there is an app", []eid.Factor{eid.Password, eid.OneTimeCode}, standard, []string{pwd}, false},
		{"password and app", []eid.Factor{eid.Password, eid.OneTimeCode}, standard, []string{pwd, otp}, true},
		{"password where there is a passkey", []eid.Factor{eid.Password, eid.Passkey}, standard, []string{pwd}, false},
		{"passkey", []eid.Factor{eid.Passkey}, standard, key, true},
		{"passkey that carries Level 1", []eid.Factor{eid.Passkey}, weak, key, true},
		{"app that carries Level 1", []eid.Factor{eid.Password, eid.OneTimeCode}, weak, []string{pwd}, true},
		{"nothing", []eid.Factor{eid.Password}, standard, nil, false},
	} {
		src := &eid.Source{Kind: federation.KindAccount, Carriage: &tt.carriage}
		a := &eid.Account{Level: eid.Level2, Factors: tt.factors}
		if got := wholeProof(src, a, federation.Assertion{Methods: tt.methods}); got != tt.want {
			t.Errorf("%s: wholeProof() = %t, want %t", tt.name, got, tt.want)
		}
	}
}
