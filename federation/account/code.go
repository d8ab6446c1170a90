package account

import (
	"context"
	"fmt"
	"net/url"

	"eidgate/eid"
	"eidgate/eid/credential"
	"eidgate/federation"
)

// finishCode takes the one-time code of the account in memory.
func (s *Source) finishCode(ctx context.Context, req federation.Request, m memory, values url.Values) (federation.Step, error) {
	code := federation.Sent(values, federation.FieldCode)
	if code == "" {
		return codeForm(m, federation.ProblemCodeMissing)
	}
	guesses := s.guessesAtCode(m)
	if err := guesses.count(ctx, req.Now); err != nil {
		return federation.Step{}, err
	}
	secret, err := s.d.Accounts.TOTPSecret(ctx, m.Account)
	if err != nil {
		return federation.Step{}, fmt.Errorf("reading the secret of one-time codes: %w", err)
	}
	step, ok, err := credential.MatchCode(secret, code, req.Now)
	if err != nil {
		return federation.Step{}, fmt.Errorf("verifying a one-time code: %w", err)
	}
	if ok {
		// A code that was seen over a shoulder is as good as a wrong one.
		if ok, err = s.useStep(ctx, m.Account, step); err != nil {
			return federation.Step{}, err
		}
	}
	if !ok {
		if err := s.recordFailure(ctx, m.Account, eid.OneTimeCode, req); err != nil {
			return federation.Step{}, err
		}
		return codeForm(m, federation.ProblemCodeWrong)
	}
	if _, err := guesses.forget(ctx); err != nil {
		return federation.Step{}, err
	}
	return s.assertion(m, req, eid.Password, eid.OneTimeCode), nil
}
