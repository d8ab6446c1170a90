package accounts_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
)

// enrolments keeps the account of one identifier.
type enrolments struct{ held eid.Account }

func (e *enrolments) Enrol(_ context.Context, _ eid.Identifier, decide func(eid.Account) (accounts.EnrolmentRecord, error)) error {
	r, err := decide(e.held)
	if err == nil {
		e.held = r.Account
	}
	return err
}

// evidenceOf is what an officer has of each kind.
func evidenceOf(who eid.SubjectType) map[eid.EvidenceKind]eid.Evidence {
	registry := map[eid.SubjectType]eid.Database{eid.Citizen: eid.Population, eid.Foreigner: eid.Immigration}[who]
	return map[eid.EvidenceKind]eid.Evidence{
		eid.EvidenceRegistry:     {Kind: eid.EvidenceRegistry, Database: registry, At: stamp()},
		eid.EvidenceBiometric:    {Kind: eid.EvidenceBiometric, Method: eid.Portrait, Database: registry, Reference: "m", Officer: "o", At: stamp()},
		eid.EvidenceCard:         {Kind: eid.EvidenceCard, Database: eid.CitizenCard, Officer: "o", At: stamp()},
		eid.EvidenceConfirmation: {Kind: eid.EvidenceConfirmation, Officer: "o", At: stamp()},
	}
}

var evidenceKinds = []eid.EvidenceKind{eid.EvidenceRegistry, eid.EvidenceBiometric, eid.EvidenceCard, eid.EvidenceConfirmation}

func enrolment(who eid.SubjectType, level eid.Level) accounts.Enrolment {
	person := citizen().Person
	if who == eid.Foreigner {
		person = foreigner().Person
	}
	n := accounts.Enrolment{
		Person: person, Phone: eid.Contact{Value: "+84900000001"}, Level: level, Rules: "decree-69-2024", Actor: "officer:o", Ref: "r",
		FirstPasswordHash: "$first", FirstPasswordUntil: clock().Add(time.Hour), Replace: true,
	}
	for _, kind := range evidenceKinds {
		n.Evidence = append(n.Evidence, evidenceOf(who)[kind])
	}
	return n
}

// TestNoLevel2WithoutEvidence enrols with every set of kinds of evidence, whoever asks.
// Nothing that is enrolled can sign in.
func TestNoLevel2WithoutEvidence(t *testing.T) {
	for _, who := range []eid.SubjectType{eid.Citizen, eid.Foreigner} {
		for _, level := range []eid.Level{eid.LevelNone, eid.Level1, eid.Level2, 3} {
			for set := range 1 << len(evidenceKinds) {
				n := enrolment(who, level)
				n.Evidence = nil
				has := map[eid.EvidenceKind]bool{}
				for i, kind := range evidenceKinds {
					if has[kind] = set>>i&1 == 1; has[kind] {
						n.Evidence = append(n.Evidence, evidenceOf(who)[kind])
					}
				}
				want := has[eid.EvidenceRegistry] && level.Valid() && (level == eid.Level1 ||
					has[eid.EvidenceBiometric] && has[eid.EvidenceConfirmation] && (has[eid.EvidenceCard] || who == eid.Foreigner))
				e := &enrolments{}
				_, err := accounts.NewEnroller(e, clock).Enrol(t.Context(), n)
				if (err == nil) != want || err != nil && !errors.Is(err, accounts.ErrInvalid) {
					t.Errorf("%s at level %d with %v: Enrol() = %v, want it enrolled %v", who, level, has, err, want)
				}
				if err == nil && (!errors.Is(e.held.Usable(), eid.ErrNotActivated) || e.held.Level != level) {
					t.Errorf("%s at level %d: %s, want one that waits for its activation", who, level, e.held.Status)
				}
			}
		}
	}
}

// TestEvidenceIsWhole: of each kind, what it rests on has to be there.
func TestEvidenceIsWhole(t *testing.T) {
	for _, tt := range []struct {
		name   string
		kind   eid.EvidenceKind
		change func(*eid.Evidence)
	}{
		{"a registry of foreigners", eid.EvidenceRegistry, func(e *eid.Evidence) { e.Database = eid.Immigration }},
		{"no registry", eid.EvidenceRegistry, func(e *eid.Evidence) { e.Database = "" }},
		{"a biometric by no method", eid.EvidenceBiometric, func(e *eid.Evidence) { e.Method = "iris" }},
		{"a biometric against nothing", eid.EvidenceBiometric, func(e *eid.Evidence) { e.Database = "" }},
		{"a biometric that the matcher does not name", eid.EvidenceBiometric, func(e *eid.Evidence) { e.Reference = "" }},
		{"a biometric that nobody took", eid.EvidenceBiometric, func(e *eid.Evidence) { e.Officer = "" }},
		{"a card that nobody saw", eid.EvidenceCard, func(e *eid.Evidence) { e.Officer = "" }},
		{"a card of another registry", eid.EvidenceCard, func(e *eid.Evidence) { e.Database = eid.Population }},
		{"a confirmation that nobody took", eid.EvidenceConfirmation, func(e *eid.Evidence) { e.Officer = "" }},
		{"of no time", eid.EvidenceConfirmation, func(e *eid.Evidence) { e.At = time.Time{} }},
		{"of a time to come", eid.EvidenceBiometric, func(e *eid.Evidence) { e.At = clock().Add(time.Second) }},
		{"of no kind", eid.EvidenceCard, func(e *eid.Evidence) { e.Kind = "word" }},
	} {
		n := enrolment(eid.Citizen, eid.Level2)
		for i := range n.Evidence {
			if n.Evidence[i].Kind == tt.kind {
				tt.change(&n.Evidence[i])
			}
		}
		if _, err := accounts.NewEnroller(&enrolments{}, clock).Enrol(t.Context(), n); !errors.Is(err, accounts.ErrInvalid) {
			t.Errorf("%s: Enrol() = %v, want ErrInvalid", tt.name, err)
		}
	}
}

// TestWhomAnEnrolmentMayTouch: the app takes over what nobody ever used; a counter renews
// what is in use, and unlocks, opens and lowers nothing.
func TestWhomAnEnrolmentMayTouch(t *testing.T) {
	pending := eid.Account{ID: "a", Status: eid.PendingActivation, Level: eid.Level1}
	with := func(change func(*eid.Account)) eid.Account {
		a := pending
		change(&a)
		return a
	}
	for _, tt := range []struct {
		name         string
		held         eid.Account
		app, counter error // of an enrolment at level 1
	}{
		{"nobody", eid.Account{}, nil, nil},
		{"waits", pending, nil, nil},
		{"active", with(func(a *eid.Account) { a.Status = eid.Active }), eid.ErrExists, nil},
		{"closed", with(func(a *eid.Account) { a.Status = eid.Closed }), eid.ErrExists, accounts.ErrClosed},
		{"locked", with(func(a *eid.Account) { a.Locks = []eid.Lock{{ID: "l", Reason: eid.LockDeath}} }), eid.ErrExists, eid.ErrLocked},
		{"of a higher level", with(func(a *eid.Account) { a.Level = eid.Level2 }), eid.ErrExists, accounts.ErrLower},
		{"of a national source", with(func(a *eid.Account) { a.ManagedBy = "mps" }), eid.ErrExists, accounts.ErrManaged},
		{"linked", with(func(a *eid.Account) { a.Linked = true }), eid.ErrExists, nil},
		{"renewed before", with(func(a *eid.Account) { a.SessionsFrom = clock().Add(-time.Hour) }), eid.ErrExists, nil},
	} {
		for _, counter := range []bool{false, true} {
			n, want := enrolment(eid.Citizen, eid.Level1), tt.app
			if n.Replace = counter; counter {
				want = tt.counter
			} else {
				n.FirstPasswordHash, n.FirstPasswordUntil = "", time.Time{}
			}
			e := &enrolments{held: tt.held}
			_, err := accounts.NewEnroller(e, clock).Enrol(t.Context(), n)
			if !errors.Is(err, want) || want == nil && err != nil {
				t.Errorf("%s, counter %v: Enrol() = %v, want %v", tt.name, counter, err, want)
			}
			if reset := !e.held.SessionsFrom.IsZero() && e.held.SessionsFrom.Equal(stamp()); err == nil && reset != (counter && tt.held.ID != "") {
				t.Errorf("%s, counter %v: what was proved before ends %v", tt.name, counter, reset)
			}
			if err != nil && fmt.Sprint(e.held) != fmt.Sprint(tt.held) {
				t.Errorf("%s, counter %v: refused, and changed", tt.name, counter)
			}
		}
	}
}

// means keeps what one account has to sign in with.
type means struct {
	accounts.CredentialStanding
	written int
}

func (m *means) ChangeCredentials(_ context.Context, _ eid.AccountID, decide func(accounts.CredentialStanding) (accounts.CredentialChange, error)) error {
	c, err := decide(m.CredentialStanding)
	if err != nil {
		return err
	}
	m.written++
	if c.Activate {
		m.Account.Status = eid.Active
	}
	if c.PasswordHash != "" {
		m.PasswordHash, m.First = c.PasswordHash, accounts.FirstPassword{}
	}
	return nil
}

// TestNoSignInBeforeActivation: an account that waits is activated with what reached its
// holder and with a password, once; whatever else is asked for, it waits.
func TestNoSignInBeforeActivation(t *testing.T) {
	const phone = "+84900000001"
	ctx := t.Context()
	act := accounts.Act{Actor: "holder", Ref: "r"}
	right := accounts.Activation{Act: act, PasswordHash: "$own", Proved: phone, FirstPasswordHash: "$first"}
	byCode := accounts.Activation{Act: act, PasswordHash: "$own", Proved: phone, ProvedAt: clock()}
	activate := func(a accounts.Activation) func(*accounts.Credentials) error {
		return func(c *accounts.Credentials) error { return c.Activate(ctx, "a", a) }
	}
	with := func(a accounts.Activation, change func(*accounts.Activation)) func(*accounts.Credentials) error {
		change(&a)
		return activate(a)
	}
	for _, tt := range []struct {
		name  string
		stand func(*means)
		ask   func(*accounts.Credentials) error
		want  error
	}{
		{"the first password", nil, activate(right), nil},
		{"a code", nil, activate(byCode), nil},
		{"another first password", nil, with(right, func(a *accounts.Activation) { a.FirstPasswordHash = "$other" }), accounts.ErrCredentialGone},
		{"the first password too late", func(m *means) { m.First.Until = stamp() }, activate(right), accounts.ErrCredentialGone},
		{"a first password that ended", func(m *means) { m.First = accounts.FirstPassword{} }, activate(right), accounts.ErrCredentialGone},
		{"a code of before another enrolment", func(m *means) { m.Account.SessionsFrom = clock().Add(time.Second) }, activate(byCode), accounts.ErrCredentialGone},
		{"a contact of somebody else", nil, with(byCode, func(a *accounts.Activation) { a.Proved = "+84900000002" }), accounts.ErrInvalid},
		{"no contact", nil, with(byCode, func(a *accounts.Activation) { a.Proved = "" }), accounts.ErrInvalid},
		{"no password", nil, with(right, func(a *accounts.Activation) { a.PasswordHash = "" }), accounts.ErrInvalid},
		{"nobody", nil, with(right, func(a *accounts.Activation) { a.Actor = "" }), accounts.ErrInvalid},
		{"locked", func(m *means) { m.Account.Locks = []eid.Lock{{ID: "l", Reason: eid.LockDeath}} }, activate(right), eid.ErrLocked},
		{"active", func(m *means) { m.Account.Status = eid.Active }, activate(right), eid.ErrExists},
		{"closed", func(m *means) { m.Account.Status = eid.Closed }, activate(right), eid.ErrExists},
		{"a password in its place", nil, func(c *accounts.Credentials) error {
			return c.SetPassword(ctx, "a", accounts.PasswordChange{Act: act, PasswordHash: "$own", Expected: "$first", First: true})
		}, eid.ErrNotActivated},
		{"a recovery", nil, func(c *accounts.Credentials) error {
			return c.Recover(ctx, "a", accounts.Recovery{Act: act, PasswordHash: "$own", Proved: phone, ProvedAt: clock()})
		}, eid.ErrNotActivated},
		{"one-time codes", nil, func(c *accounts.Credentials) error {
			return c.EnrolTOTP(ctx, "a", eid.NewSecret("JBSWY3DPEHPK3PXP"), act)
		}, eid.ErrNotActivated},
		{"a passkey", nil, func(c *accounts.Credentials) error {
			_, err := c.AddPasskey(ctx, eid.PasskeyRecord{Account: "a", Name: "x", Level: eid.Level1, CredentialID: []byte{1}, PublicKey: []byte{2}}, act)
			return err
		}, eid.ErrNotActivated},
	} {
		m := &means{CredentialStanding: accounts.CredentialStanding{
			Account: eid.Account{ID: "a", Status: eid.PendingActivation, Level: eid.Level1, Phone: eid.Contact{Value: phone}},
			First:   accounts.FirstPassword{Hash: "$first", Until: clock().Add(time.Hour)},
		}}
		if tt.stand != nil {
			tt.stand(m)
		}
		before := m.Account.Status
		err := tt.ask(accounts.NewCredentials(m, clock))
		if !errors.Is(err, tt.want) || tt.want == nil && err != nil {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
		if err == nil && m.Account.Usable() != nil || err != nil && (m.written != 0 || m.Account.Status != before) {
			t.Errorf("%s: %v, and the account is %s after %d writes", tt.name, err, m.Account.Status, m.written)
		}
		if err == nil {
			if err := tt.ask(accounts.NewCredentials(m, clock)); !errors.Is(err, eid.ErrExists) {
				t.Errorf("%s once more: %v, want ErrExists", tt.name, err)
			}
		}
	}
}
