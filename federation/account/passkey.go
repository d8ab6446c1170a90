package account

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"eidgate/eid"
	"eidgate/eid/credential"
	"eidgate/federation"
	"eidgate/store"
)

// PasskeyStore keeps passkeys.
type PasskeyStore interface {
	// PasskeyByCredential finds one; eid.ErrNotFound when nobody has it.
	PasskeyByCredential(ctx context.Context, credentialID []byte) (eid.PasskeyRecord, error)
	// UsePasskey reads one anew, asks next and writes what it gives, in one transaction.
	// An error of next is returned and nothing is written; eid.ErrNotFound when it was
	// removed meanwhile.
	UsePasskey(ctx context.Context, id string, at time.Time, next func(eid.PasskeyRecord) (eid.PasskeyRecord, error)) error
	// HasPasskey reports whether an account has one.
	HasPasskey(ctx context.Context, id eid.AccountID) (bool, error)
}

// PasskeyDeps are what Passkeys works with; all are needed.
type PasskeyDeps struct {
	Verifier *credential.Passkeys
	Store    PasskeyStore
	State    store.State
	Audit    Recorder
	Guesses  *federation.Guesses
	// Carries is the level that methods carry (amr values).
	Carries func(methods []string) eid.Level
}

// Passkeys lets holders sign in with a passkey where the account system asks for a
// password, and where it asks for a second factor of somebody who has one. Everything
// else is left to the source behind it.
//
// A passkey says itself whose it is. The page asks for none in particular, so that it
// tells nobody who has an account, and what was typed beside it does not count.
type Passkeys struct {
	d    PasskeyDeps
	next federation.Source
}

var _ federation.Source = (*Passkeys)(nil)

// WithPasskeys puts passkeys in front of the account system.
func WithPasskeys(next federation.Source, d PasskeyDeps) (*Passkeys, error) {
	if next == nil || d.Verifier == nil || d.Store == nil || d.State == nil || d.Audit == nil || d.Guesses == nil || d.Carries == nil {
		return nil, errors.New("passkeys: a source, a verifier, a store, state, audit, guesses and levels are all needed")
	}
	return &Passkeys{d: d, next: next}, nil
}

// Unwrap gives the source behind, for federation.As.
func (s *Passkeys) Unwrap() federation.Source { return s.next }

// offered is what a step that offers a passkey leaves to the next.
type offered struct {
	Challenge string `json:"challenge,omitempty"`
	// OnCode: the person of the session has a passkey, so that the page of the second
	// factor offers it too.
	OnCode bool   `json:"on_code,omitempty"`
	Page   string `json:"page,omitempty"`
	Next   []byte `json:"next,omitempty"` // the memory of the source behind
}

// Begin begins at the source behind, and offers a passkey on its form.
func (s *Passkeys) Begin(ctx context.Context, req federation.Request) (federation.Step, error) {
	var o offered
	if req.Account != "" {
		var err error
		if o.OnCode, err = s.d.Store.HasPasskey(ctx, req.Account); err != nil {
			return federation.Step{}, fmt.Errorf("looking for passkeys: %w", err)
		}
	}
	step, err := s.next.Begin(ctx, req)
	if err != nil {
		return federation.Step{}, err
	}
	return s.offer(o, step)
}

// Finish takes the answer of a passkey, or leaves the fields to the source behind.
func (s *Passkeys) Finish(ctx context.Context, req federation.Request, reply federation.Reply) (federation.Step, error) {
	var o offered
	if len(req.Memory) > 0 {
		if err := json.Unmarshal(req.Memory, &o); err != nil {
			return federation.Step{}, errors.New("reading the memory of passkeys: malformed")
		}
	}
	if answer := federation.Sent(reply.Values, federation.FieldPasskey); answer != "" {
		return s.finishPasskey(ctx, req, o, answer, reply.Values)
	}
	req.Memory = o.Next
	step, err := s.next.Finish(ctx, req, reply)
	if err != nil {
		return federation.Step{}, err
	}
	return s.offer(o, step)
}

// offer puts a fresh challenge on a form that may be answered by a passkey.
func (s *Passkeys) offer(o offered, step federation.Step) (federation.Step, error) {
	if step.Form == nil {
		return step, nil
	}
	o.Challenge, o.Page, o.Next = "", step.Form.Page, step.Memory
	if o.Page == federation.PagePassword || o.Page == federation.PageCode && o.OnCode {
		o.Challenge = s.d.Verifier.Challenge()
	}
	kept, err := json.Marshal(o)
	if err != nil {
		return federation.Step{}, fmt.Errorf("keeping the memory of passkeys: %w", err)
	}
	form := *step.Form
	form.Challenge = o.Challenge
	step.Form, step.Memory = &form, kept
	return step, nil
}

// finishPasskey takes what an authenticator answered. Whatever is wrong with it, the
// answer is the same: an unknown passkey, a removed one, a forged signature.
func (s *Passkeys) finishPasskey(ctx context.Context, req federation.Request, o offered, answer string, typed url.Values) (federation.Step, error) {
	again := func() (federation.Step, error) {
		form := &federation.Form{Page: o.Page, Problem: federation.ProblemPasskey}
		if number := again(federation.Sent(typed, federation.FieldPersonalNumber)); number != "" {
			form.Fields = map[string]string{federation.FieldPersonalNumber: number}
		}
		return s.offer(o, federation.Step{Form: form, Memory: o.Next})
	}
	first, err := s.takeChallenge(ctx, o.Challenge)
	if err != nil {
		return federation.Step{}, err
	}
	if !first {
		return again()
	}
	record, read, err := s.find(ctx, answer)
	if err != nil {
		return federation.Step{}, err
	}
	if record.ID == "" {
		if err := s.d.Audit.Count(ctx, countUnknown); err != nil {
			return federation.Step{}, fmt.Errorf("counting a failed sign-in: %w", err)
		}
		return again()
	}
	slot := s.d.Guesses.Slot("passkey", record.ID)
	if err := s.d.Guesses.Count(ctx, slot, req.Now, federation.Counter{Key: keyPasskey}); err != nil {
		return federation.Step{}, err
	}
	use, err := s.d.Verifier.Verify(read, record, o.Challenge)
	if err == nil {
		err = s.d.Store.UsePasskey(ctx, record.ID, req.Now, use.Next)
	}
	switch {
	case errors.Is(err, credential.ErrPasskey), errors.Is(err, credential.ErrCloned), errors.Is(err, eid.ErrNotFound):
		if err := s.recordFailure(ctx, record, req.Now, errors.Is(err, credential.ErrCloned)); err != nil {
			return federation.Step{}, err
		}
		return again()
	case err != nil:
		return federation.Step{}, fmt.Errorf("using a passkey: %w", err)
	}
	if _, err := s.d.Guesses.Forget(ctx, slot, keyPasskey); err != nil {
		return federation.Step{}, err
	}
	methods := record.Methods()
	return federation.Step{Assertion: &federation.Assertion{
		Account: record.Account, Level: s.d.Carries(methods), Methods: methods, At: req.Now, Anew: true,
	}}, nil
}

const (
	keyPasskey = "passkey" // counts evaluated answers of one passkey
	// challengeLife is longer than any login that a challenge can be answered in.
	challengeLife = 2 * time.Hour
)

// takeChallenge uses up a challenge, whoever answers it and however: it counts once.
func (s *Passkeys) takeChallenge(ctx context.Context, challenge string) (first bool, err error) {
	if challenge == "" {
		return false, nil
	}
	results, err := s.d.State.Apply(ctx, s.d.Guesses.Slot("challenge", challenge), store.PutIfAbsent("used", []byte{1}, challengeLife))
	if err != nil {
		return false, fmt.Errorf("marking a challenge as used: %w", err)
	}
	return len(results) == 1 && results[0].OK, nil
}

// find reads an answer and finds the passkey that it names; a record without id is none.
func (s *Passkeys) find(ctx context.Context, answer string) (eid.PasskeyRecord, credential.Answer, error) {
	read, err := credential.ReadAnswer(answer)
	if err != nil {
		return eid.PasskeyRecord{}, read, nil //nolint:nilerr // what cannot be read names none
	}
	record, err := s.d.Store.PasskeyByCredential(ctx, read.CredentialID())
	if errors.Is(err, eid.ErrNotFound) {
		return eid.PasskeyRecord{}, read, nil
	}
	if err != nil {
		return eid.PasskeyRecord{}, read, fmt.Errorf("finding a passkey: %w", err)
	}
	return record, read, nil
}

// recordFailure audits an evaluated answer of a known passkey. One that counts backwards
// may be a copy: the row says so.
func (s *Passkeys) recordFailure(ctx context.Context, record eid.PasskeyRecord, at time.Time, cloned bool) error {
	detail, err := json.Marshal(struct {
		Factor  eid.Factor `json:"factor"`
		Passkey string     `json:"passkey"`
		Cloned  bool       `json:"cloned,omitempty"`
	}{eid.Passkey, record.ID, cloned})
	if err != nil {
		return fmt.Errorf("describing a failed sign-in: %w", err)
	}
	err = s.d.Audit.Record(ctx, eid.AuditEntry{
		At: at, Actor: "holder", Action: eid.ActionSignInFailed, Account: record.Account, Detail: detail,
	})
	if err != nil {
		return fmt.Errorf("recording a failed sign-in: %w", err)
	}
	return nil
}
