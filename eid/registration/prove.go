package registration

import (
	"context"
	"errors"
	"fmt"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/credential"
	"eidgate/eid/notify"
)

// Prove takes the code that was sent, once; the draft goes on under another token, at
// StageChecking. ErrCode where the code is not right.
func (s *Service) Prove(ctx context.Context, t Token, code string) (Token, error) {
	draft, said, err := s.at(ctx, t, StageSent)
	if err != nil {
		return Token{}, err
	}
	ch, to := said.contact(draft.Sent.By)
	right, err := s.d.Codes.TakeFor(ctx, credential.PurposeRegistration, subjectOf(ch, to), draft.Sent.Serial, code, s.d.Now())
	switch {
	case err != nil:
		return Token{}, err
	case !right:
		return Token{}, ErrCode
	}
	draft.Stage, draft.Sent.Serial = StageChecking, ""
	next := t.again()
	if err := s.drafts.move(context.WithoutCancel(ctx), t, next, draft, endedFor); err != nil {
		return Token{}, err
	}
	return next, nil
}

// Settle compares what was declared with the registry and does what follows: an account
// that waits for its activation, a case for an officer, or nothing. Whoever proved the
// contact learns one bit: StageProved, or StageRefused for every other reason. A try of
// the number is counted before anything is compared; civil.ErrDown gives it back, makes
// nothing and leaves the draft at StageChecking, to be settled later.
func (s *Service) Settle(ctx context.Context, t Token, v Visitor) (stage Stage, err error) {
	err = s.alone(ctx, t, func(ctx context.Context) error {
		stage, err = s.settle(ctx, t, v)
		return err
	})
	return stage, err
}

func (s *Service) settle(ctx context.Context, t Token, v Visitor) (Stage, error) {
	draft, said, err := s.at(ctx, t, StageChecking)
	if errors.Is(err, ErrIncomplete) && (draft.Stage == StageProved || draft.Stage == StageRefused) {
		return draft.Stage, nil // somebody was faster
	}
	if err != nil {
		return "", err
	}
	rules, err := s.Rules()
	if err != nil {
		return "", err
	}
	got, err := s.compare(ctx, said.Person, &rules)
	if err != nil {
		return "", err
	}
	account, err := s.follow(ctx, said, got, draft.Sent, &rules, v)
	if err != nil {
		return "", err
	}
	after, err := s.drafts.change(ctx, t, endedFor, func(d *Draft) error {
		if d.Stage != StageChecking || d.Form != draft.Form {
			return ErrIncomplete // somebody goes on typing in another tab
		}
		if account == "" {
			*d = refused(draft)
			return nil
		}
		d.Stage, d.Sent.Holder = StageProved, account
		return nil
	})
	return after.Stage, err
}

// refused is all that is kept of a draft that ended without an account.
func refused(d Draft) Draft {
	return Draft{Stage: StageRefused, Sent: Sent{At: d.Sent.At, Until: d.Sent.Until, Ref: d.Sent.Ref}}
}

// compare counts a try and asks the registry. Where no try is left nothing is asked.
func (s *Service) compare(ctx context.Context, said eid.Person, rules *eid.RuleSet) (result, error) {
	if !s.open(rules, said.Type) {
		return result{}, ErrClosed
	}
	left, err := s.countNumber(ctx, said.Identifier, rules.Times.TriesPerDay)
	if err != nil || !left {
		return result{}, err
	}
	got, err := s.d.Registries.Compare(ctx, said)
	if err != nil {
		return result{}, errors.Join(fmt.Errorf("comparing a declaration: %w", err), s.uncountNumber(ctx, said.Identifier))
	}
	return judge(said, got), nil
}

// follow does what a comparison leads to. It gives the account where there is one.
func (s *Service) follow(ctx context.Context, said Declaration, got result, sent Sent, rules *eid.RuleSet, v Visitor) (eid.AccountID, error) {
	switch got.outcome {
	case outcomeMatch:
	case outcomeReview:
		return "", s.file(ctx, said, got, sent, rules, v)
	default:
		return "", nil
	}
	enrolled, err := s.d.Enroller.Enrol(ctx, accounts.Enrolment{
		Person: got.held, Level: eid.Level1, Rules: rules.ID, Actor: "holder", Ref: v.Ref,
		Phone: eid.Contact{Value: said.Phone}, Email: eid.Contact{Value: said.Email},
		Evidence: []eid.Evidence{{Kind: eid.EvidenceRegistry, Database: got.database, Reference: sent.Ref, At: stamp(s.d.Now())}},
	})
	switch {
	case errors.Is(err, eid.ErrExists):
		return "", s.tellHolder(ctx, said.Person.Identifier)
	case errors.Is(err, accounts.ErrInvalid): // the registry holds what no account can
		got.doubt = DoubtContradiction
		return "", s.file(ctx, said, got, sent, rules, v)
	case err != nil:
		return "", err
	}
	return enrolled.Account, nil
}

// file leaves a doubt to an officer.
func (s *Service) file(ctx context.Context, said Declaration, got result, sent Sent, rules *eid.RuleSet, v Visitor) error {
	sides := Sides{
		Said: sideOf(said.Person), Held: sideOf(got.held), Database: got.database,
		Phone: said.Phone, Email: said.Email, Proved: sent.By, Language: v.Language,
	}
	due := rules.Due(s.d.Now(), rules.Level(eid.Level1).WorkingDays)
	return s.d.Cases.file(ctx, Case{
		Ref: sent.Ref, SubjectType: said.Person.Type, Doubt: got.doubt, Rules: rules.ID, DueAt: stamp(due),
	}, said.Person.Identifier, sides)
}

// tellHolder lets the holder of an account know that somebody registered with the
// number. Who registers learns nothing of it.
func (s *Service) tellHolder(ctx context.Context, i eid.Identifier) error {
	holder, err := s.d.Holders.AccountByIdentifier(ctx, i)
	if errors.Is(err, eid.ErrNotFound) {
		return nil // it was closed meanwhile
	}
	if err != nil {
		return fmt.Errorf("finding the holder: %w", err)
	}
	ch, to, ok := notify.Reach(holder.Phone, holder.Email, s.d.Channels)
	if !ok {
		return nil
	}
	if ok, err := s.toTell(ctx, i); err != nil || !ok {
		return err
	}
	return s.d.Poster.Post(ctx, notify.Post{Kind: notify.RegisteredAgain, Channel: ch, To: to})
}

// Activate gives the account that was made its password, once, and ends the draft at
// StageDone. The hash is of a password that the policy let pass. StageRefused is what is
// left of a registration that somebody else's has overtaken, which has its own contact.
func (s *Service) Activate(ctx context.Context, t Token, passwordHash string, v Visitor) (stage Stage, err error) {
	err = s.alone(ctx, t, func(ctx context.Context) error {
		stage, err = s.activate(ctx, t, passwordHash, v)
		return err
	})
	return stage, err
}

func (s *Service) activate(ctx context.Context, t Token, passwordHash string, v Visitor) (Stage, error) {
	draft, said, err := s.proved(ctx, t)
	if errors.Is(err, ErrIncomplete) && (draft.Stage == StageDone || draft.Stage == StageRefused) {
		return draft.Stage, nil // the button was pressed twice
	}
	if err != nil {
		return "", err
	}
	_, to := said.contact(draft.Sent.By)
	err = s.d.Activator.Activate(ctx, draft.Sent.Holder, accounts.Activation{
		Act: accounts.Act{Actor: "holder", Ref: v.Ref}, PasswordHash: passwordHash, Proved: to, ProvedAt: draft.Sent.At,
	})
	after := Draft{Stage: StageDone}
	switch {
	case errors.Is(err, eid.ErrExists), errors.Is(err, eid.ErrNotFound), errors.Is(err, eid.ErrLocked), errors.Is(err, accounts.ErrInvalid), errors.Is(err, accounts.ErrCredentialGone):
		after = refused(draft)
	case err != nil:
		return "", err
	}
	_, err = s.drafts.change(ctx, t, endedFor, func(d *Draft) error {
		*d = after
		return nil
	})
	return after.Stage, err
}

// Proved gives what was declared in a draft whose contact is proved, for the choice of a
// password.
func (s *Service) Proved(ctx context.Context, t Token) (Declaration, error) {
	_, said, err := s.proved(ctx, t)
	return said, err
}

func (s *Service) proved(ctx context.Context, t Token) (Draft, Declaration, error) {
	draft, said, err := s.at(ctx, t, StageProved)
	if err == nil && draft.Sent.Holder == "" {
		return draft, Declaration{}, ErrIncomplete
	}
	return draft, said, err
}
