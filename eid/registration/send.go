package registration

import (
	"context"
	"errors"
	"fmt"
	"time"

	"eidgate/eid"
	"eidgate/eid/credential"
	"eidgate/eid/notify"
)

const (
	// actTime is what sending, or settling, takes at most; it does not end with the
	// browser's request.
	actTime = 15 * time.Second
	// lookEvery is how often one who presses twice looks whether the first is done.
	lookEvery = 100 * time.Millisecond
)

// Send sends a code to the contact that was declared. No registry is asked and no account
// is looked at before that code comes back, so that nothing here can tell who exists, and
// nobody's tries are used up by strangers.
//
// A draft that was sent is not sent again. ErrIncomplete, ErrTooYoung, ErrClosed and a
// LaterError leave the draft as it was.
func (s *Service) Send(ctx context.Context, t Token, v Visitor) error {
	return s.alone(ctx, t, func(ctx context.Context) error { return s.send(ctx, t, v) })
}

// alone acts on a draft while nobody else does: who presses a button twice waits, and
// then finds what the first one did.
func (s *Service) alone(ctx context.Context, t Token, act func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), actTime)
	defer cancel()
	for {
		first, err := s.drafts.lock(ctx, t)
		if err != nil {
			return err
		}
		if first {
			return errors.Join(act(ctx), s.drafts.unlock(ctx, t))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the draft: %w", ctx.Err())
		case <-time.After(lookEvery):
		}
	}
}

func (s *Service) send(ctx context.Context, t Token, v Visitor) error {
	draft, _, err := s.drafts.load(ctx, t)
	if err != nil {
		return err
	}
	now := s.d.Now()
	if !draft.Filling(now) {
		return nil
	}
	rules, err := s.Rules()
	if err != nil {
		return err
	}
	said, ok := draft.Form.Declare(&rules, s.d.Channels, now)
	if !ok {
		return ErrIncomplete
	}
	if draft.Form.Access(&rules, now) != eid.AccessOwn {
		return ErrTooYoung
	}
	if !s.open(&rules, said.Person.Type) {
		return ErrClosed
	}
	if err := s.countCrowd(ctx, t, v.From); err != nil {
		return err
	}
	sent := Sent{
		At: stamp(now), Until: now.Add(time.Duration(max(rules.Times.ActivationHours, 1)) * time.Hour),
		Serial: randomText(slotBytes), By: said.way(s.d.Channels), Ref: v.Ref,
	}
	post, err := s.code(ctx, said, sent, v)
	if err != nil {
		return err
	}
	sent.CodeUntil = post.Until
	_, err = s.drafts.change(ctx, t, draftTime(&rules), func(d *Draft) error {
		if d.Form != draft.Form || d.Stage != draft.Stage {
			return ErrIncomplete // somebody goes on typing in another tab
		}
		d.Stage, d.Sent = StageSent, sent
		return nil
	})
	if err != nil {
		return err
	}
	return s.d.Poster.Post(ctx, post)
}

// Resend sends another code to the same contact. Tries at the one of before stay counted.
func (s *Service) Resend(ctx context.Context, t Token, v Visitor) error {
	draft, said, err := s.at(ctx, t, StageSent)
	if err != nil {
		return err
	}
	rules, err := s.Rules()
	if err != nil {
		return err
	}
	post, err := s.code(ctx, said, draft.Sent, v)
	if err != nil {
		return err
	}
	_, err = s.drafts.change(ctx, t, draftTime(&rules), func(d *Draft) error {
		if d.Stage != StageSent || d.Sent.Serial != draft.Sent.Serial {
			return ErrIncomplete // another tab went on
		}
		d.Sent.CodeUntil = post.Until
		return nil
	})
	if err != nil {
		return err
	}
	return s.d.Poster.Post(ctx, post)
}

// at finds a draft that was sent, counts, and stands at a stage; else ErrIncomplete,
// beside the draft.
func (s *Service) at(ctx context.Context, t Token, stage Stage) (Draft, Declaration, error) {
	draft, _, err := s.drafts.load(ctx, t)
	if err != nil {
		return Draft{}, Declaration{}, err
	}
	if draft.Stage != stage || !draft.Sent.Open(s.d.Now()) {
		return draft, Declaration{}, ErrIncomplete
	}
	said, err := s.Declare(draft.Form)
	return draft, said, err
}

// code makes a code for the contact: what is asked for one contact counts together,
// whoever asks, and the code counts for this sending alone.
func (s *Service) code(ctx context.Context, said Declaration, sent Sent, v Visitor) (notify.Post, error) {
	ch, to := said.contact(sent.By)
	now := s.d.Now()
	code, err := s.d.Codes.MakeFor(ctx, credential.PurposeRegistration, subjectOf(ch, to), sent.Serial, now)
	var many *credential.TooManyError
	switch {
	case errors.As(err, &many):
		return notify.Post{}, &LaterError{Until: many.Until}
	case err != nil:
		return notify.Post{}, err
	}
	return notify.Post{
		Kind: notify.Activation, Channel: ch, To: eid.NewSecret(to), Code: code, Stranger: true,
		Language: v.Language, Until: now.Add(credential.SentCodeLife),
	}, nil
}

func subjectOf(ch notify.Channel, to string) string { return string(ch) + ":" + to }
