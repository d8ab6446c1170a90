package eid_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
)

func TestAccountUsable(t *testing.T) {
	locked := func(reasons ...eid.LockReason) []eid.Lock {
		var locks []eid.Lock
		for _, r := range reasons {
			locks = append(locks, eid.Lock{ID: "lock", Reason: r})
		}
		return locks
	}
	tests := []struct {
		name    string
		account eid.Account
		want    error
	}{
		{"active", eid.Account{Status: eid.Active}, nil},
		{"pending activation", eid.Account{Status: eid.PendingActivation}, eid.ErrNotActivated},
		{"closed", eid.Account{Status: eid.Closed}, eid.ErrNotActivated},
		{"zero", eid.Account{}, eid.ErrNotActivated},
		{"unknown status", eid.Account{Status: "ACTIVE"}, eid.ErrNotActivated},
		{"locked by the holder", eid.Account{Status: eid.Active, Locks: locked(eid.LockSelf)}, eid.ErrLocked},
		{"locked by an authority", eid.Account{Status: eid.Active, Locks: locked(eid.LockAuthority)}, eid.ErrLocked},
		{"locked for a breach of terms", eid.Account{Status: eid.Active, Locks: locked(eid.LockTerms)}, eid.ErrLocked},
		{"locked as the number was cancelled", eid.Account{Status: eid.Active, Locks: locked(eid.LockNumber)}, eid.ErrLocked},
		{"locked by death", eid.Account{Status: eid.Active, Locks: locked(eid.LockDeath)}, eid.ErrLocked},
		{"locked for no reason", eid.Account{Status: eid.Active, Locks: locked("")}, eid.ErrLocked},
		{"locked twice", eid.Account{Status: eid.Active, Locks: locked(eid.LockSelf, eid.LockDeath)}, eid.ErrLocked},
		{"locked and pending", eid.Account{Status: eid.PendingActivation, Locks: locked(eid.LockSelf)}, eid.ErrLocked},
		{"locked and closed", eid.Account{Status: eid.Closed, Locks: locked(eid.LockSelf)}, eid.ErrLocked},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.account.Usable()
			if !errors.Is(err, tt.want) {
				t.Errorf("Usable() = %v, want %v", err, tt.want)
			}
			var bar *eid.LockedError
			if got, want := errors.As(err, &bar), len(tt.account.Locks) > 0; got != want {
				t.Fatalf("Usable() carries a lock: %v, want %v", got, want)
			}
		})
	}
}

// The holder is told of a lock that cannot be undone before one that can, and
// of the oldest among equals.
func TestUsableNamesTheBarringLock(t *testing.T) {
	for _, tt := range []struct {
		locks []eid.LockReason
		want  eid.LockReason
	}{
		{[]eid.LockReason{eid.LockSelf}, eid.LockSelf},
		{[]eid.LockReason{eid.LockSelf, eid.LockTerms}, eid.LockSelf},
		{[]eid.LockReason{eid.LockSelf, eid.LockDeath}, eid.LockDeath},
		{[]eid.LockReason{eid.LockNumber, eid.LockDeath}, eid.LockNumber},
		{[]eid.LockReason{eid.LockSelf, "unheard of"}, "unheard of"},
	} {
		account := eid.Account{Status: eid.Active}
		for _, r := range tt.locks {
			account.Locks = append(account.Locks, eid.Lock{Reason: r})
		}
		var bar *eid.LockedError
		if err := account.Usable(); !errors.As(err, &bar) || bar.Lock.Reason != tt.want {
			t.Errorf("locks %v: Usable() = %v, want %q", tt.locks, err, tt.want)
		}
	}
}

// The refusal names the category, not who asked nor by which document.
func TestLockedErrorKeepsTheDetail(t *testing.T) {
	account := eid.Account{Status: eid.Active, Locks: []eid.Lock{{
		ID: "lock-7731", Reason: eid.LockAuthority, Requester: "Synthetic Court", Document: "QD-115-SYN",
	}}}
	text := account.Usable().Error()
	if !strings.Contains(text, string(eid.LockAuthority)) {
		t.Errorf("Error() = %q, want the category in it", text)
	}
	for _, detail := range []string{"lock-7731", "Synthetic Court", "QD-115-SYN"} {
		if strings.Contains(text, detail) {
			t.Errorf("Error() = %q tells %q", text, detail)
		}
	}
}

func TestLockReasonTerminal(t *testing.T) {
	want := map[eid.LockReason]bool{
		eid.LockSelf:      false,
		eid.LockAuthority: false,
		eid.LockTerms:     false,
		eid.LockNumber:    true,
		eid.LockDeath:     true,
	}
	if got := eid.LockReasons(); len(got) != len(want) {
		t.Errorf("LockReasons() = %v, want the %d of the law", got, len(want))
	}
	for reason, terminal := range want {
		if !slices.Contains(eid.LockReasons(), reason) {
			t.Errorf("LockReasons() lacks %q", reason)
		}
		if got := reason.Terminal(); got != terminal {
			t.Errorf("%q.Terminal() = %v, want %v", reason, got, terminal)
		}
	}
}

func TestAccountHas(t *testing.T) {
	account := eid.Account{Factors: []eid.Factor{eid.Password}}
	if !account.Has(eid.Password) || account.Has(eid.OneTimeCode) || account.Has("") {
		t.Errorf("Has(pwd, otp, none) = %v, %v, %v, want true, false, false",
			account.Has(eid.Password), account.Has(eid.OneTimeCode), account.Has(""))
	}
	if (&eid.Account{}).Has(eid.Password) {
		t.Error("zero Account.Has(pwd) = true, want false")
	}
}

func TestLinkAlive(t *testing.T) {
	end := time.Date(2024, 7, 1, 0, 0, 0, 0, time.UTC)
	tests := []struct {
		name string
		link eid.Link
		at   time.Time
		want bool
	}{
		{"no end", eid.Link{ID: "link"}, end, true},
		{"1 ns before its end", eid.Link{ID: "link", Expires: end}, end.Add(-1), true},
		{"at its end", eid.Link{ID: "link", Expires: end}, end, false},
		{"1 s after its end", eid.Link{ID: "link", Expires: end}, end.Add(time.Second), false},
		{"zero", eid.Link{}, end, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.link.Alive(tt.at); got != tt.want {
				t.Errorf("Alive(%v) = %v, want %v", tt.at, got, tt.want)
			}
		})
	}
}
