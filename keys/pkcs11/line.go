//go:build pkcs11

package pkcs11

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/ThalesGroup/crypto11"
	p11 "github.com/miekg/pkcs11"

	"eidgate/keys"
)

// maxPIN bounds the PIN's file, in bytes.
const maxPIN = 1 << 10

// calm is how long a login that failed is not tried again.
const calm = time.Second

// line is the way to the token: one login, used by all, made anew after a failure.
type line struct {
	cfg Config
	now func() time.Time

	mu      sync.Mutex
	open    *login    // nil: none
	failed  error     // why the last login was refused
	until   time.Time // it counts
	refused [sha256.Size]byte
}

// login is one session with the token. It ends when nobody uses it any more.
type login struct {
	context *crypto11.Context
	users   int
	dropped bool
}

// use does work with a login. One that failed in it is not used again.
func (l *line) use(work func(*crypto11.Context) error) error {
	in, err := l.enter()
	if err != nil {
		return err
	}
	err = work(in.context)
	if err != nil && !errors.Is(err, keys.ErrCustody) {
		l.drop(in)
	}
	l.leave(in)
	return err
}

func (l *line) enter() (*login, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		if l.now().Before(l.until) {
			return nil, l.failed
		}
		context, err := l.login()
		if err != nil {
			l.failed, l.until = err, l.now().Add(calm)
			return nil, err
		}
		l.open = &login{context: context}
	}
	l.open.users++
	return l.open, nil
}

func (l *line) leave(in *login) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if in.users--; in.users == 0 && in.dropped {
		_ = in.context.Close() // never waits: nobody has a session of it
	}
}

func (l *line) current() *login {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open
}

// drop has nobody use a login from now on.
func (l *line) drop(in *login) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if in == nil || in.dropped {
		return
	}
	in.dropped = true
	if l.open == in {
		l.open = nil
	}
	if in.users == 0 {
		_ = in.context.Close()
	}
}

// login asks the token with the PIN of the file. A PIN that it refused is never tried
// again: some ten wrong ones lock a token for good.
func (l *line) login() (*crypto11.Context, error) {
	pin, err := readPIN(l.cfg.PINFile)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", keys.ErrCustody, err)
	}
	sum := sha256.Sum256(pin)
	if sum == l.refused {
		return nil, fmt.Errorf("%w: the token refused the PIN of %s: write another into it", keys.ErrCustody, l.cfg.PINFile)
	}
	context, err := crypto11.Configure(&crypto11.Config{
		Path: l.cfg.Module, TokenLabel: l.cfg.Token, Pin: string(pin),
		MaxSessions: maxOperations + 1, PoolWaitTimeout: l.cfg.Timeout,
	})
	var code p11.Error
	if errors.As(err, &code) && (code == p11.CKR_PIN_INCORRECT || code == p11.CKR_PIN_INVALID || code == p11.CKR_PIN_LEN_RANGE || code == p11.CKR_PIN_LOCKED || code == p11.CKR_PIN_EXPIRED) {
		l.refused = sum
	}
	if err != nil {
		return nil, fmt.Errorf("%w: logging in to token %s: %w", keys.ErrCustody, l.cfg.Token, err)
	}
	l.refused = [sha256.Size]byte{}
	return context, nil
}

func readPIN(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the PIN's file: %w", err)
	}
	defer func() { _ = f.Close() }()
	raw, err := io.ReadAll(io.LimitReader(f, maxPIN+1))
	pin := bytes.TrimRight(raw, "\r\n")
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the PIN's file: %w", err)
	case len(pin) == 0 || len(raw) > maxPIN:
		return nil, fmt.Errorf("the PIN's file %s is empty or too long", path)
	}
	return pin, nil
}
