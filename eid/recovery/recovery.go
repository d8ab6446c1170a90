// Package recovery owns how holders come back to their accounts without a password: with
// a code to a contact, every other factor that the account has, and a new password. It
// tells nobody who has an account, skips no factor and gives no level.
package recovery

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/credential"
	"eidgate/eid/notify"
	"eidgate/store"
)

// Mode is what somebody comes for. The zero value is nothing.
type Mode string

// The modes.
const (
	Recover  Mode = "recover"  // a new password for an account in use
	Activate Mode = "activate" // the first one, for an account that waits for its holder
)

// Stage is what is asked next. The zero value: the number.
type Stage string

// The stages, in order.
const (
	StageCode     Stage = "code"     // that was sent, if there was anywhere to send it
	StageFactor   Stage = "factor"   // the code of an app
	StagePassword Stage = "password" // the new one
	// StageElsewhere: a code is not enough, and what else the account has is not shown here.
	// Its holder signs in with that, or goes to a counter.
	StageElsewhere Stage = "elsewhere"
	StageDone      Stage = "done" // nothing more: it is said once again for a while
)

// Errors, for callers to test with errors.Is. Besides them methods return what
// eid.Account.Usable does, after the right code only, and credential.ErrBusy.
var (
	// ErrGone: there is nothing to go on with; begin anew.
	ErrGone = errors.New("recovery is over")
	// ErrWrong: the code is wrong, has ended or was used; it is not told which.
	ErrWrong = errors.New("wrong code")
)

// Accounts reads what a recovery needs.
type Accounts interface {
	AccountByIdentifier(ctx context.Context, id eid.Identifier) (eid.Account, error)
	Account(ctx context.Context, id eid.AccountID) (eid.Account, error)
	TOTPSecret(ctx context.Context, id eid.AccountID) (eid.Secret, error)
	// Count adds one to a counter of today: as much work as a message that is posted.
	Count(ctx context.Context, name string) error
}

// Credentials changes what holders sign in with.
type Credentials interface {
	Recover(ctx context.Context, id eid.AccountID, r accounts.Recovery) error
	Activate(ctx context.Context, id eid.AccountID, a accounts.Activation) error
}

// Passwords hashes. Admit takes a place for it, or returns credential.ErrBusy.
type Passwords interface {
	Admit(who string, familiar bool) (leave func(), err error)
	Hash(ctx context.Context, password eid.Secret) (string, error)
}

// Deps are what a Service works with; all are needed.
type Deps struct {
	Accounts    Accounts
	Credentials Credentials
	Passwords   Passwords
	Policy      *credential.Policy
	Codes       *credential.Codes
	Poster      notify.Poster
	State       store.State
	Key         []byte // hides names in passing state: 32 bytes, the account system's, on every replica
	Now         func() time.Time
}

// Service keeps where each recovery stands in passing state, by the browser.
type Service struct {
	d        Deps
	channels notify.Channels
}

// New checks what it is given.
func New(channels notify.Channels, d Deps) (*Service, error) {
	if d.Accounts == nil || d.Credentials == nil || d.Passwords == nil || d.Policy == nil || d.Codes == nil || d.Poster == nil || d.State == nil || len(d.Key) != sha256.Size || d.Now == nil {
		return nil, errors.New("recovery: every dependency is needed")
	}
	return &Service{d: d, channels: channels}, nil
}

// record is where one recovery stands. It names no address and no number.
type record struct {
	ID    string    `json:"id"`
	At    time.Time `json:"at"` // when it was begun
	Mode  Mode      `json:"mode"`
	Stage Stage     `json:"stage"`
	// Familiar: somebody signed in with the number from this browser before.
	Familiar bool           `json:"familiar,omitempty"`
	Account  eid.AccountID  `json:"account,omitempty"` // empty: nobody's, which only the code would show
	Subject  string         `json:"subject"`           // hidden name of the number, among the familiar or not
	Channel  notify.Channel `json:"channel,omitempty"`
	Address  []byte         `json:"address,omitempty"` // hidden name of where the code went
	Shown    []eid.Factor   `json:"shown,omitempty"`
	raw      []byte
}

// life is how long a recovery may take.
const life = 30 * time.Minute

// Visitor is who comes back, as far as anybody knows.
type Visitor struct {
	// Familiar: somebody signed in with the number from this browser before. Its codes are
	// counted apart, so that strangers who ask for codes use up none of theirs. All such
	// browsers of a number count together: a mark of one is had for a password alone.
	Familiar bool
	Language string
}

// Begin begins for the account of an identifier, if there is one that it can be for. The
// answer and the work are the same if there is none.
func (s *Service) Begin(ctx context.Context, device string, m Mode, id eid.Identifier, v Visitor) error {
	acct, err := s.d.Accounts.AccountByIdentifier(ctx, id)
	if err != nil && !errors.Is(err, eid.ErrNotFound) {
		return fmt.Errorf("finding the account: %w", err)
	}
	r := record{ID: rand.Text(), At: s.d.Now(), Mode: m, Stage: StageCode, Familiar: v.Familiar, Subject: s.name("subject", id.Canonical())}
	if v.Familiar {
		r.Subject = s.name("familiar", id.Canonical())
	}
	if channel, to, ok := s.contact(m, &acct); ok {
		r.Account, r.Channel, r.Address = acct.ID, channel, s.mark(to)
	}
	raw, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("keeping a recovery: %w", err)
	}
	if _, err := s.d.State.Apply(ctx, s.slot(device), store.Delete(keyRecord), store.PutIfAbsent(keyRecord, raw, life)); err != nil {
		return fmt.Errorf("keeping a recovery: %w", err)
	}
	return s.send(ctx, device, &r, &acct, v.Language)
}

// contact is where the code of an account goes: to a contact that was proved or, where
// there is none yet, to the one that was declared.
func (s *Service) contact(m Mode, a *eid.Account) (notify.Channel, eid.Secret, bool) {
	phone, email := a.Phone, a.Email
	switch {
	case a.ID == "", m == Recover && (a.Status == eid.PendingActivation || !a.Has(eid.Password)), m == Activate && a.Status != eid.PendingActivation:
		return "", eid.Secret{}, false
	case m == Activate:
		phone.Verified, email.Verified = phone.Value != "", email.Value != ""
	}
	return notify.Reach(phone, email, s.channels)
}

// send makes a code and sends it where it goes. Too many codes for a number are as silent
// as a number of nobody: each has a time until which it would count.
func (s *Service) send(ctx context.Context, device string, r *record, acct *eid.Account, language string) error {
	now := s.d.Now()
	until := now.Add(credential.SentCodeLife)
	_, err := s.d.State.Apply(ctx, s.slot(device), store.Delete(keyUntil), store.PutIfAbsent(keyUntil, []byte(until.Format(time.RFC3339)), life))
	if err != nil {
		return fmt.Errorf("keeping a recovery: %w", err)
	}
	code, err := s.d.Codes.MakeFor(ctx, purposes[r.Mode], r.Subject, r.ID, now)
	tooMany := errors.Is(err, credential.ErrTooMany)
	if err != nil && !tooMany {
		return fmt.Errorf("making a code: %w", err)
	}
	channel, to, ok := s.contact(r.Mode, acct)
	if tooMany || r.Account == "" || !ok || channel != r.Channel || !hmac.Equal(s.mark(to), r.Address) {
		if err := s.d.Accounts.Count(ctx, countSilent); err != nil {
			return fmt.Errorf("counting a code that went nowhere: %w", err)
		}
		return nil
	}
	kind := notify.Code
	if r.Mode == Activate {
		kind = notify.Activation
	}
	err = s.d.Poster.Post(ctx, notify.Post{
		Kind: kind, Channel: channel, To: to, Code: code, Stranger: !r.Familiar, Language: language, Until: until,
	})
	if err != nil && !errors.Is(err, notify.ErrRefused) {
		return fmt.Errorf("sending a code: %w", err)
	}
	return nil
}

// countSilent counts codes that were asked for and went nowhere.
const countSilent = "recovery.silent"

var purposes = map[Mode]credential.Purpose{Recover: credential.PurposeRecovery, Activate: credential.PurposeActivation}

// Stage is what is asked of a browser next; ErrGone when there is nothing.
func (s *Service) Stage(ctx context.Context, device string, m Mode) (Stage, error) {
	r, err := s.load(ctx, device, m)
	return r.Stage, err
}

// CodeUntil is until when the code counts that was asked for last, whether or not there
// was anywhere to send it; ErrGone when there is nothing.
func (s *Service) CodeUntil(ctx context.Context, device string, m Mode) (time.Time, error) {
	if _, err := s.load(ctx, device, m); err != nil {
		return time.Time{}, err
	}
	results, err := s.d.State.Apply(ctx, s.slot(device), store.Get(keyUntil))
	if err != nil {
		return time.Time{}, fmt.Errorf("finding a recovery: %w", err)
	}
	if len(results) != 1 || !results[0].OK {
		return time.Time{}, ErrGone
	}
	until, err := time.Parse(time.RFC3339, string(results[0].Value))
	if err != nil {
		return time.Time{}, errors.New("reading a recovery: malformed")
	}
	return until, nil
}

// Number is what the holder signs in with, for who has proved to be it; ErrGone before.
func (s *Service) Number(ctx context.Context, device string, m Mode) (eid.Identifier, error) {
	r, err := s.load(ctx, device, m)
	if err != nil {
		return eid.Identifier{}, err
	}
	if r.Stage != StagePassword {
		return eid.Identifier{}, ErrGone
	}
	acct, err := s.d.Accounts.Account(ctx, r.Account)
	if err != nil {
		return eid.Identifier{}, fmt.Errorf("reading the account: %w", err)
	}
	return acct.Person.Identifier, nil
}

// Resend sends another code. Tries at the one before stay counted.
func (s *Service) Resend(ctx context.Context, device string, m Mode, language string) error {
	r, err := s.load(ctx, device, m)
	if err != nil || r.Stage != StageCode {
		return err
	}
	var acct eid.Account
	if r.Account != "" {
		if acct, err = s.d.Accounts.Account(ctx, r.Account); err != nil && !errors.Is(err, eid.ErrNotFound) {
			return fmt.Errorf("reading the account: %w", err)
		}
	}
	return s.send(ctx, device, &r, &acct, language)
}

// Code takes the code that was sent. After the right one, and not before, it returns what
// bars the account. The recovery goes on as next, a new name of the browser: who knew the
// one of before, on a device that people share, has nothing of it.
func (s *Service) Code(ctx context.Context, device, next string, m Mode, code string) error {
	r, err := s.load(ctx, device, m)
	if err != nil || r.Stage != StageCode {
		return err
	}
	ok, err := s.d.Codes.TakeFor(ctx, purposes[m], r.Subject, r.ID, code, s.d.Now())
	if err != nil {
		return fmt.Errorf("taking a code: %w", err)
	}
	if !ok || r.Account == "" {
		return ErrWrong
	}
	acct, err := s.d.Accounts.Account(ctx, r.Account)
	if err != nil {
		return fmt.Errorf("reading the account: %w", err)
	}
	if err := bars(m, &acct); err != nil {
		return err
	}
	return s.move(ctx, device, next, r)
}

// bars says why an account cannot be come back to, as its holder may be told.
func bars(m Mode, a *eid.Account) error {
	if m == Activate && len(a.Locks) == 0 {
		if a.Status != eid.PendingActivation {
			return ErrGone
		}
		return nil
	}
	return a.Usable()
}

// asked is what is asked after a code that was right. It is pure.
func asked(m Mode, a *eid.Account, shown []eid.Factor) Stage {
	if m == Activate { // it has nothing yet but what it waits with
		return StagePassword
	}
	missing := accounts.Unshown(*a, shown)
	switch {
	case len(missing) == 0:
		return StagePassword
	case len(missing) == 1 && missing[0] == eid.OneTimeCode:
		return StageFactor
	}
	return StageElsewhere
}

// move goes on to the next stage, once, under another name of the browser or its own.
func (s *Service) move(ctx context.Context, device, to string, r record) error {
	acct, err := s.d.Accounts.Account(ctx, r.Account)
	if err != nil {
		return fmt.Errorf("reading the account: %w", err)
	}
	before := r.raw
	r.Stage = asked(r.Mode, &acct, r.Shown)
	raw, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("keeping a recovery: %w", err)
	}
	results, err := s.d.State.Apply(ctx, s.slot(device), store.CompareAndSet(keyRecord, before, []byte("{}"), time.Second), store.Delete(keyRecord))
	if err != nil {
		return fmt.Errorf("keeping a recovery: %w", err)
	}
	if len(results) != 2 {
		return ErrGone
	}
	if _, err := s.d.State.Apply(ctx, s.slot(to), store.Delete(keyRecord), store.PutIfAbsent(keyRecord, raw, life)); err != nil {
		return fmt.Errorf("keeping a recovery: %w", err)
	}
	return nil
}

// Bounds of guessing at codes of an app, as at the sign-in.
const (
	factorTries  = 5
	factorWindow = 15 * time.Minute
)

// Factor takes the code of an app. It returns a credential.TooManyError where no try is
// left.
func (s *Service) Factor(ctx context.Context, device string, m Mode, code string) error {
	r, err := s.load(ctx, device, m)
	if err != nil || r.Stage != StageFactor {
		return err
	}
	now, slot := s.d.Now(), "recovery.factor."+s.name("account", string(r.Account))
	results, err := s.d.State.Apply(ctx, slot, store.Count("tries", factorTries, factorWindow))
	if err != nil {
		return fmt.Errorf("counting a guess: %w", err)
	}
	if len(results) != 1 || !results[0].OK {
		return &credential.TooManyError{Until: now.Add(max(results[0].Left, time.Second))}
	}
	secret, err := s.d.Accounts.TOTPSecret(ctx, r.Account)
	if errors.Is(err, eid.ErrNotFound) {
		return ErrGone // it was removed meanwhile
	}
	if err != nil {
		return fmt.Errorf("reading the secret of one-time codes: %w", err)
	}
	step, ok, err := credential.MatchCode(secret, code, now)
	if err != nil {
		return fmt.Errorf("verifying a one-time code: %w", err)
	}
	if !ok {
		return ErrWrong
	}
	first, err := credential.UseStep(ctx, s.d.State, s.d.Key, r.Account, step)
	if err != nil {
		return err
	}
	if !first {
		return ErrWrong
	}
	if _, err := s.d.State.Apply(ctx, slot, store.Delete("tries")); err != nil {
		return fmt.Errorf("forgetting guesses: %w", err)
	}
	r.Shown = append(r.Shown, eid.OneTimeCode)
	return s.move(ctx, device, device, r)
}

// Choose takes the new password. A weakness says why it may not be chosen. Of several at
// once one counts.
func (s *Service) Choose(ctx context.Context, device string, m Mode, password eid.Secret, ref string) (credential.Weakness, error) {
	r, err := s.load(ctx, device, m)
	if err != nil {
		return "", err
	}
	if r.Stage != StagePassword {
		return "", ErrGone
	}
	acct, err := s.d.Accounts.Account(ctx, r.Account)
	if err != nil {
		return "", fmt.Errorf("reading the account: %w", err)
	}
	weakness, err := s.d.Policy.Judge(ctx, password, credential.OwnWords(&acct))
	if err != nil || weakness != "" {
		return weakness, err
	}
	leave, err := s.d.Passwords.Admit(r.Subject, true)
	if err != nil {
		return "", fmt.Errorf("hashing a password: %w", err)
	}
	defer leave()
	hash, err := s.d.Passwords.Hash(ctx, password)
	if err != nil {
		return "", fmt.Errorf("hashing a password: %w", err)
	}
	results, err := s.d.State.Apply(ctx, s.slot(device), store.CompareAndSet(keyRecord, r.raw, []byte("{}"), time.Second), store.Delete(keyRecord))
	if err != nil {
		return "", fmt.Errorf("ending a recovery: %w", err)
	}
	if len(results) != 2 {
		return "", ErrGone
	}
	proved := acct.Phone.Value
	if r.Channel == notify.Email {
		proved = acct.Email.Value
	}
	if address, err := notify.ParseAddress(r.Channel, proved); err != nil || !hmac.Equal(s.mark(eid.NewSecret(address)), r.Address) {
		return "", ErrGone // the contact is another by now
	}
	act := accounts.Act{Actor: "holder", Ref: ref}
	if m == Activate {
		err = s.d.Credentials.Activate(ctx, r.Account, accounts.Activation{Act: act, PasswordHash: hash, Proved: proved, ProvedAt: r.At})
	} else {
		err = s.d.Credentials.Recover(ctx, r.Account, accounts.Recovery{Act: act, PasswordHash: hash, Proved: proved, ProvedAt: r.At, Shown: r.Shown})
	}
	if errors.Is(err, eid.ErrExists) || errors.Is(err, accounts.ErrCredentialGone) || errors.Is(err, accounts.ErrFactorMissing) {
		return "", ErrGone // it changed meanwhile
	}
	if err != nil {
		return "", err
	}
	r.Stage, r.Account, r.Shown = StageDone, "", nil
	raw, err := json.Marshal(r)
	if err != nil {
		return "", fmt.Errorf("keeping a recovery: %w", err)
	}
	if _, err := s.d.State.Apply(ctx, s.slot(device), store.PutIfAbsent(keyRecord, raw, saidFor)); err != nil {
		return "", fmt.Errorf("keeping a recovery: %w", err)
	}
	return "", nil
}

// saidFor is how long the page that says that it is done can be read again.
const saidFor = 5 * time.Minute

// Keys of a recovery.
const (
	keyRecord = "record"
	keyUntil  = "until" // see CodeUntil
)

// load reads where the recovery of a browser stands.
func (s *Service) load(ctx context.Context, device string, m Mode) (record, error) {
	results, err := s.d.State.Apply(ctx, s.slot(device), store.Get(keyRecord))
	if err != nil {
		return record{}, fmt.Errorf("finding a recovery: %w", err)
	}
	var r record
	if len(results) == 1 && results[0].OK {
		if err := json.Unmarshal(results[0].Value, &r); err != nil {
			return record{}, errors.New("reading a recovery: malformed")
		}
	}
	if r.ID == "" || r.Mode != m {
		return record{}, ErrGone
	}
	r.raw = results[0].Value
	return r, nil
}

func (s *Service) slot(device string) string { return "recovery." + s.name("device", device) }

// mark names an address without telling which.
func (s *Service) mark(address eid.Secret) []byte { return s.sum("address", address.Reveal()) }

func (s *Service) name(kind, text string) string {
	return base64.RawURLEncoding.EncodeToString(s.sum(kind, text))
}

func (s *Service) sum(kind, text string) []byte {
	mac := hmac.New(sha256.New, s.d.Key)
	mac.Write([]byte("eidgate recovery 1\x00" + kind + "\x00" + text))
	return mac.Sum(nil)
}
