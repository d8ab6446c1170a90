package credential_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/zitadel/passwap/argon2"

	"eidgate/eid"
	"eidgate/eid/credential"
)

func newPasswords(t *testing.T, limit int) *credential.Passwords {
	t.Helper()
	p, err := credential.NewPasswords(limit)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func mustHash(t *testing.T, p *credential.Passwords, password string) string {
	t.Helper()
	hash, err := p.Hash(t.Context(), eid.NewSecret(password))
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func TestPasswordsVerify(t *testing.T) {
	p := newPasswords(t, 0)
	hash := mustHash(t, p, "mật khẩu dài")
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("Hash() has other costs than 19 MiB, two passes, one lane: %.32s", hash)
	}

	tests := map[string]struct {
		password string
		want     error
		work     uint64
	}{
		"right":               {"mật khẩu dài", nil, 1},
		"right, decomposed":   {"ma\u0323\u0302t kha\u0302\u0309u da\u0300i", nil, 1},
		"wrong":               {"mat khau dai", credential.ErrMismatch, 1},
		"trailing NUL":        {"mật khẩu dài\x00", credential.ErrMismatch, 1},
		"empty":               {"", credential.ErrMismatch, 0},
		"too long":            {strings.Repeat("a", credential.MaxPassword+1), credential.ErrMismatch, 0},
		"too long once whole": {strings.Repeat("\u0344", credential.MaxPassword/2), credential.ErrMismatch, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			before := p.Evaluations()
			updated, err := p.Verify(t.Context(), hash, eid.NewSecret(tt.password))
			if !errors.Is(err, tt.want) || updated != "" {
				t.Errorf("Verify() = %q, %v, want no update, %v", updated, err, tt.want)
			}
			work := p.Evaluations() - before

			before = p.Evaluations()
			if err := p.Dummy(t.Context(), eid.NewSecret(tt.password)); !errors.Is(err, credential.ErrMismatch) {
				t.Errorf("Dummy() = %v, want %v", err, credential.ErrMismatch)
			}
			if dummy := p.Evaluations() - before; work != tt.work || dummy != tt.work {
				t.Errorf("evaluations = %d known, %d unknown, want %d each", work, dummy, tt.work)
			}
		})
	}
}

func TestDummyMatchesNothing(t *testing.T) {
	p := newPasswords(t, 0)
	for _, guess := range []string{"", " ", "\x00"} {
		if err := p.Dummy(t.Context(), eid.NewSecret(guess)); !errors.Is(err, credential.ErrMismatch) {
			t.Errorf("Dummy(%q) = %v, want %v", guess, err, credential.ErrMismatch)
		}
	}
}

func TestHashRefusesUnusable(t *testing.T) {
	p := newPasswords(t, 0)
	for _, text := range []string{"", strings.Repeat("a", credential.MaxPassword+1)} {
		if _, err := p.Hash(t.Context(), eid.NewSecret(text)); !errors.Is(err, credential.ErrUnusable) {
			t.Errorf("Hash(%d bytes) = %v, want %v", len(text), err, credential.ErrUnusable)
		}
	}
}

func TestVerifyUpgradesAnOlderCost(t *testing.T) {
	p := newPasswords(t, 0)
	older, err := argon2.NewArgon2id(argon2.Params{Memory: 8 << 10, Time: 1, Threads: 1, KeyLen: 32, SaltLen: 16}, nil).Hash("secret")
	if err != nil {
		t.Fatal(err)
	}
	updated, err := p.Verify(t.Context(), older, eid.NewSecret("secret"))
	if err != nil || updated == "" {
		t.Fatalf("Verify() = %q, %v, want a new hash", updated, err)
	}
	if again, err := p.Verify(t.Context(), updated, eid.NewSecret("secret")); err != nil || again != "" {
		t.Errorf("Verify(updated) = %q, %v, want no update, nil", again, err)
	}
	if updated, err := p.Verify(t.Context(), older, eid.NewSecret("wrong")); !errors.Is(err, credential.ErrMismatch) || updated != "" {
		t.Errorf("Verify(wrong) = %q, %v, want no update, %v", updated, err, credential.ErrMismatch)
	}
}

func TestVerifyRefusesHashes(t *testing.T) {
	p := newPasswords(t, 0)
	for name, hash := range map[string]string{
		"empty":           "",
		"plain text":      "secret",
		"4 GiB":           "$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g",
		"no lanes":        "$argon2id$v=19$m=19456,t=2,p=0$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g",
		"another scheme":  "$2a$10$7EqJtq98hPqEX7fNZaFWoOhi6pZ0Zb0Zy3zv0N0Qk5S8n5u3mGJ9K",
		"a million turns": "$argon2id$v=19$m=19456,t=1000000,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g",
	} {
		t.Run(name, func(t *testing.T) {
			before := p.Evaluations()
			_, err := p.Verify(t.Context(), hash, eid.NewSecret("secret"))
			if err == nil || errors.Is(err, credential.ErrMismatch) {
				t.Errorf("Verify() = %v, want an unusable hash", err)
			}
			if got := p.Evaluations() - before; got != 0 {
				t.Errorf("evaluations = %d, want 0", got)
			}
		})
	}
}

func TestPoolHonoursContext(t *testing.T) {
	p := newPasswords(t, 1)
	hash := mustHash(t, p, "secret")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	before := p.Evaluations()
	for name, run := range map[string]func() error{
		"Verify": func() error { _, err := p.Verify(gone, hash, eid.NewSecret("secret")); return err },
		"Dummy":  func() error { return p.Dummy(gone, eid.NewSecret("secret")) },
		"Hash":   func() error { _, err := p.Hash(gone, eid.NewSecret("secret")); return err },
	} {
		if err := run(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s() = %v, want %v", name, err, context.Canceled)
		}
	}
	if got := p.Evaluations() - before; got != 0 {
		t.Errorf("evaluations = %d, want 0", got)
	}

	// Every place in the pool comes back.
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, err := p.Verify(t.Context(), hash, eid.NewSecret("secret")); err != nil {
				t.Errorf("Verify() = %v, want nil", err)
			}
		})
	}
	wg.Wait()
}

func TestNewPasswordsRefusesNegativeLimit(t *testing.T) {
	if _, err := credential.NewPasswords(-1); err == nil {
		t.Error("NewPasswords(-1) = nil, want an error")
	}
}
