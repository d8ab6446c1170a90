package account

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"slices"

	"eidgate/eid"
	"eidgate/eid/credential"
	"eidgate/eid/notify"
	"eidgate/federation"
)

// askSecond asks for a second factor of an account, and sends a code where it is one that
// is sent.
func (s *Source) askSecond(ctx context.Context, req federation.Request, m memory, acct *eid.Account, second eid.Second) (federation.Step, error) {
	m.Second = federation.Second{Kind: second}
	for _, other := range s.carriage.Seconds(acct) {
		if other != second {
			m.Second.Others = append(m.Second.Others, other)
		}
	}
	if second != eid.SecondTOTP {
		if err := s.send(ctx, req, &m, acct); err != nil {
			return federation.Step{}, err
		}
	}
	return codeForm(m, "")
}

// send sends a code to the contact of the second factor in m.
func (s *Source) send(ctx context.Context, req federation.Request, m *memory, acct *eid.Account) error {
	channel, to, masked := notify.SMS, acct.Phone.Value, eid.MaskPhone(acct.Phone.Value)
	if m.Second.Kind == eid.SecondEmail {
		channel, to, masked = notify.Email, acct.Email.Value, eid.MaskEmail(acct.Email.Value)
	}
	if m.Session == "" {
		m.Session = rand.Text()
	}
	if err := s.limits.CountSent(ctx, req.Address, req.Now); err != nil {
		return err
	}
	code, err := s.d.Codes.MakeFor(ctx, credential.PurposeSignIn, string(acct.ID), m.Session, req.Now)
	var late *credential.TooManyError
	if errors.As(err, &late) {
		return &federation.ThrottledError{Until: late.Until}
	}
	if err != nil {
		return fmt.Errorf("making a code: %w", err)
	}
	m.Second.To, m.Second.Until = masked, req.Now.Add(credential.SentCodeLife)
	err = s.d.Poster.Post(ctx, notify.Post{
		Kind: notify.Code, Channel: channel, To: eid.NewSecret(to), Code: code, Language: req.Language, Until: m.Second.Until,
	})
	if err != nil {
		return fmt.Errorf("sending a code: %w", err)
	}
	return nil
}

// finishCode takes a code of the account in memory, or another way to show a second
// factor.
func (s *Source) finishCode(ctx context.Context, req federation.Request, m memory, acct *eid.Account, values url.Values) (federation.Step, error) {
	if way := eid.Second(federation.Sent(values, federation.FieldWay)); way != "" {
		if goesOn(req, acct) && slices.Contains(s.carriage.Seconds(acct), way) {
			return s.askSecond(ctx, req, m, acct, way)
		}
		return codeForm(m, "")
	}
	code := federation.Sent(values, federation.FieldCode)
	if code == "" {
		return codeForm(m, federation.ProblemCodeMissing)
	}
	guesses := s.guessesAtCode(m)
	if err := guesses.count(ctx, req.Now); err != nil {
		return federation.Step{}, err
	}
	ok, err := s.takeCode(ctx, req, m, code)
	if err != nil {
		return federation.Step{}, err
	}
	// One that was removed meanwhile, or whose contact was, is none.
	if !ok || !slices.Contains(s.carriage.Seconds(acct), m.Second.Kind) {
		if err := s.recordFailure(ctx, m.Account, eid.OneTimeCode, req); err != nil {
			return federation.Step{}, err
		}
		return codeForm(m, federation.ProblemCodeWrong)
	}
	if _, err := guesses.forget(ctx); err != nil {
		return federation.Step{}, err
	}
	return s.assertion(m, req, s.carriage.Of(m.Second.Kind), m.Second.Kind.Methods()), nil
}

// takeCode evaluates one code.
func (s *Source) takeCode(ctx context.Context, req federation.Request, m memory, code string) (bool, error) {
	if m.Second.Kind != eid.SecondTOTP {
		ok, err := s.d.Codes.TakeFor(ctx, credential.PurposeSignIn, string(m.Account), m.Session, code, req.Now)
		if err != nil {
			return false, fmt.Errorf("verifying a sent code: %w", err)
		}
		return ok, nil
	}
	secret, err := s.d.Accounts.TOTPSecret(ctx, m.Account)
	if errors.Is(err, eid.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading the secret of one-time codes: %w", err)
	}
	step, ok, err := credential.MatchCode(secret, code, req.Now)
	if err != nil {
		return false, fmt.Errorf("verifying a one-time code: %w", err)
	}
	if !ok {
		return false, nil
	}
	// A code that was seen over a shoulder is as good as a wrong one.
	return credential.UseStep(ctx, s.d.State, s.d.Key, m.Account, step)
}
