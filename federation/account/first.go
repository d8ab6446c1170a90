package account

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/credential"
	"eidgate/federation"
)

// firstMatched goes on after the right first password: it opens the choice of a password
// and nothing else (Decision 34/2021, Art. 10). Who knows it may be told how the account
// stands.
func (s *Source) firstMatched(ctx context.Context, req federation.Request, m memory, acct *eid.Account, first accounts.FirstPassword) (federation.Step, error) {
	unusable := acct.Usable()
	if len(acct.Locks) == 0 && acct.Status == eid.PendingActivation && first.Counts(first.Hash, req.Now) && s.d.Activator != nil {
		m.First = s.markOf(first)
		return s.choiceForm(m, "")
	}
	if unusable == nil { // an active account has a password, or none
		unusable = eid.ErrNotActivated
	}
	if err := s.recordRefused(ctx, acct.ID, req); err != nil {
		return federation.Step{}, err
	}
	return federation.Step{}, fmt.Errorf("first password: %w", unusable)
}

// finishFirst takes the password that a holder chose, activates the account with it and
// goes on with the sign-in.
func (s *Source) finishFirst(ctx context.Context, req federation.Request, m memory, acct *eid.Account, values url.Values) (federation.Step, error) {
	chosen := eid.NewSecret(federation.Sent(values, federation.FieldNewPassword))
	if chosen.IsZero() {
		return s.choiceForm(m, federation.ProblemPasswordMissing)
	}
	first, err := s.d.Accounts.FirstPassword(ctx, m.Account)
	if err != nil && !errors.Is(err, eid.ErrNotFound) {
		return federation.Step{}, fmt.Errorf("reading the first password: %w", err)
	}
	if subtle.ConstantTimeCompare(m.First, s.markOf(first)) != 1 {
		return passwordForm("", ""), nil // it was used, or replaced by another
	}
	weakness, err := s.d.Policy.Judge(ctx, chosen, credential.OwnWords(acct))
	if err != nil {
		return federation.Step{}, err
	}
	if weakness != "" {
		return s.choiceForm(m, federation.ProblemOfPassword(weakness))
	}
	leave, err := s.d.Passwords.Admit(m.Number+"choice", true)
	if errors.Is(err, credential.ErrBusy) {
		again, formErr := s.choiceForm(m, federation.ProblemBusy)
		return federation.Step{}, errors.Join(formErr, busy(again, err))
	}
	if err != nil {
		return federation.Step{}, fmt.Errorf("hashing a password: %w", err)
	}
	defer leave()
	// Whoever handed the first one over may know it still.
	if _, err := s.d.Passwords.Verify(ctx, first.Hash, chosen); err == nil {
		return s.choiceForm(m, federation.ProblemPasswordSame)
	} else if !errors.Is(err, credential.ErrMismatch) {
		return federation.Step{}, fmt.Errorf("comparing with the first password: %w", err)
	}
	hash, err := s.d.Passwords.Hash(ctx, chosen)
	if err != nil {
		return federation.Step{}, fmt.Errorf("hashing a password: %w", err)
	}
	proved := acct.Phone.Value // where it was sent
	if proved == "" || !s.d.Channels.SMS {
		proved = acct.Email.Value
	}
	if proved == "" {
		proved = acct.Phone.Value
	}
	err = s.d.Activator.Activate(ctx, m.Account, accounts.Activation{
		Act: accounts.Act{Actor: "holder"}, PasswordHash: hash, Proved: proved, FirstPasswordHash: first.Hash,
	})
	switch {
	case errors.Is(err, accounts.ErrCredentialGone), errors.Is(err, eid.ErrExists):
		return passwordForm("", ""), nil
	case err != nil:
		return federation.Step{}, err
	}
	active, err := s.d.Accounts.Account(ctx, m.Account)
	if err != nil {
		return federation.Step{}, fmt.Errorf("reading the account: %w", err)
	}
	m.First, m.PasswordAt = nil, req.Now
	return s.passwordMatched(ctx, req, m, &active)
}

func (s *Source) choiceForm(m memory, problem string) (federation.Step, error) {
	form := federation.Form{Page: federation.PageNewPassword, Problem: problem}
	if s.d.Policy != nil {
		form.Fields = map[string]string{federation.FieldLeast: strconv.Itoa(s.d.Policy.Least())}
	}
	return m.ask(form)
}

// markOf names a first password without its hash: the login record keeps it.
func (s *Source) markOf(first accounts.FirstPassword) []byte {
	mac := hmac.New(sha256.New, s.d.Key)
	mac.Write([]byte("eidgate first password\x00" + first.Hash))
	return mac.Sum(nil)
}

// recordRefused audits a right first password that opened nothing.
func (s *Source) recordRefused(ctx context.Context, id eid.AccountID, req federation.Request) error {
	detail, err := json.Marshal(map[string]string{"factor": string(eid.FirstPassword)})
	if err != nil {
		return fmt.Errorf("describing a refused sign-in: %w", err)
	}
	err = s.d.Audit.Record(ctx, eid.AuditEntry{
		At: req.Now, Actor: "holder", Action: eid.ActionSignInRefused, Account: id, Detail: detail,
	})
	if err != nil {
		return fmt.Errorf("recording a refused sign-in: %w", err)
	}
	return nil
}
