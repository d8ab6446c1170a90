package registration

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/civil"
	"eidgate/eid/credential"
	"eidgate/eid/notify"
	"eidgate/store"
)

// Errors of a registration, for callers to test with errors.Is. Besides them there are
// eid.ErrNotFound for a draft that is not there, civil.ErrDown for a registry that does
// not answer, and LaterError.
var (
	// ErrIncomplete: the form has faults, or is not at the stage that was asked for.
	ErrIncomplete = errors.New("registration is not complete")
	// ErrTooYoung: the rules give no account of one's own at that age.
	ErrTooYoung = errors.New("too young for an account of one's own")
	// ErrClosed: the rules, or the registries at hand, open this channel to nobody of that
	// kind.
	ErrClosed = errors.New("nobody of that kind registers here")
	// ErrCode: the code is wrong, used, or its time is over.
	ErrCode = errors.New("code is not right")
)

// LaterError says that a limit was reached that has nothing to do with who is declared.
type LaterError struct{ Until time.Time }

func (e *LaterError) Error() string { return "too many until " + e.Until.Format(time.RFC3339) }

// Rules gives the rules in force at a time.
type Rules interface {
	At(t time.Time) (eid.RuleSet, error)
}

// Codes are sent to prove a contact.
type Codes interface {
	MakeFor(ctx context.Context, p credential.Purpose, subject, session string, now time.Time) (eid.Secret, error)
	TakeFor(ctx context.Context, p credential.Purpose, subject, session, code string, now time.Time) (bool, error)
}

// Activator makes a pending account active, once.
type Activator interface {
	Activate(ctx context.Context, id eid.AccountID, a accounts.Activation) error
}

// Holders finds the account of a number; eid.ErrNotFound.
type Holders interface {
	AccountByIdentifier(ctx context.Context, i eid.Identifier) (eid.Account, error)
}

// Deps are what the service works with.
type Deps struct {
	State      store.State
	Sealer     Sealer
	Key        []byte // of counters: 32 bytes, the same on every replica
	Rules      Rules
	Registries civil.Registries // those that are nil open the channel to nobody
	Codes      Codes
	Enroller   Enroller
	Activator  Activator
	Holders    Holders
	Poster     Poster
	Cases      *Cases
	Channels   notify.Channels
	Limits     Limits
	Now        func() time.Time
}

// Service takes people from a form to an account that they activated. It is safe for
// concurrent use, on several replicas.
type Service struct {
	d      Deps
	drafts drafts
}

// New checks what it is given. It starts nothing.
func New(d Deps) (*Service, error) {
	if d.State == nil || d.Sealer == nil || d.Rules == nil || d.Codes == nil || d.Enroller == nil || d.Activator == nil ||
		d.Holders == nil || d.Poster == nil || d.Cases == nil || d.Now == nil {
		return nil, errors.New("registration: something is missing")
	}
	if len(d.Key) != 32 {
		return nil, fmt.Errorf("registration: want a key of 32 bytes, have %d", len(d.Key))
	}
	if err := d.Limits.check(); err != nil {
		return nil, err
	}
	return &Service{d: d, drafts: drafts{d.State, d.Sealer}}, nil
}

// Visitor is who is at the page, as far as anybody knows.
type Visitor struct {
	From     netip.Addr
	Language string
	Ref      string // of the request
}

// Rules gives the rules of today.
func (s *Service) Rules() (eid.RuleSet, error) {
	r, err := s.d.Rules.At(s.d.Now())
	if err != nil {
		return eid.RuleSet{}, fmt.Errorf("finding the rules: %w", err)
	}
	return r, nil
}

// Kinds are the subject types that may register here today.
func (s *Service) Kinds() ([]eid.SubjectType, error) {
	r, err := s.Rules()
	if err != nil {
		return nil, err
	}
	var kinds []eid.SubjectType
	for _, kind := range []eid.SubjectType{eid.Citizen, eid.Foreigner} {
		if s.open(&r, kind) {
			kinds = append(kinds, kind)
		}
	}
	return kinds, nil
}

// Channels are those on which codes are sent.
func (s *Service) Channels() notify.Channels { return s.d.Channels }

// Draft finds a draft, or eid.ErrNotFound.
func (s *Service) Draft(ctx context.Context, t Token) (Draft, error) {
	draft, _, err := s.drafts.load(ctx, t)
	return draft, err
}

// Save changes what was typed, and makes the draft where there is none. A draft that was
// sent is filled in again: its code, and what was proved with it, count no more.
func (s *Service) Save(ctx context.Context, t Token, change func(*Form)) (Draft, error) {
	r, err := s.Rules()
	if err != nil {
		return Draft{}, err
	}
	return s.drafts.change(ctx, t, draftTime(&r), func(d *Draft) error {
		*d = Draft{Form: d.Form} // what was proved or compared was of another form
		change(&d.Form)
		return nil
	})
}

// Forget removes a draft.
func (s *Service) Forget(ctx context.Context, t Token) error { return s.drafts.forget(ctx, t) }

// Faults are what is wrong with a step today.
func (s *Service) Faults(f Form, step Step) ([]Fault, error) {
	r, err := s.Rules()
	if err != nil {
		return nil, err
	}
	return f.Faults(step, &r, s.d.Channels, s.d.Now()), nil
}

// Access is how the person of a form comes to an account, by age.
func (s *Service) Access(f Form) (eid.Access, error) {
	r, err := s.Rules()
	if err != nil {
		return "", err
	}
	return f.Access(&r, s.d.Now()), nil
}

// Declare reads a form without faults, for the page where it is checked.
func (s *Service) Declare(f Form) (Declaration, error) {
	r, err := s.Rules()
	if err != nil {
		return Declaration{}, err
	}
	d, ok := f.Declare(&r, s.d.Channels, s.d.Now())
	if !ok {
		return Declaration{}, ErrIncomplete
	}
	return d, nil
}

// open reports whether somebody of a kind may register in this channel: by the rules, and
// because the registry is at hand that they name.
func (s *Service) open(r *eid.RuleSet, kind eid.SubjectType) bool {
	rule := r.Level(eid.Level1)
	names := func(d eid.Database) bool { return slices.Contains(rule.Compared[kind], d) }
	switch {
	case !slices.Contains(rule.Channels, eid.ChannelApp):
		return false
	case kind == eid.Foreigner:
		return names(eid.Immigration) && s.d.Registries.Immigration != nil
	}
	return kind == eid.Citizen && names(eid.Population) && s.d.Registries.Population != nil
}

func draftTime(r *eid.RuleSet) time.Duration {
	return min(time.Duration(max(r.Times.DraftDays, 1))*24*time.Hour, store.MaxTTL)
}
