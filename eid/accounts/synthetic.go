package accounts

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"time"

	"eidgate/eid"
)

// MaxSynthetic is how many invented people there are.
const MaxSynthetic = 10_000_000

// SyntheticNumber is the personal number of the i-th invented person, from 0. No place
// has the code 999, so it is nobody's.
func SyntheticNumber(i int) (eid.PersonalNumber, error) {
	if i < 0 || i >= MaxSynthetic {
		return eid.PersonalNumber{}, fmt.Errorf("%w: synthetic person %d", ErrInvalid, i)
	}
	year := i % syntheticYears
	return eid.ParsePersonalNumber(fmt.Sprintf("999%d%02d%06d", i/syntheticYears%2, 50+year, 100_000+i/syntheticYears))
}

// syntheticYears is how many years of birth there are, from 1950 on.
const syntheticYears = 50

// synthetic is the i-th invented person, whose name and address say so.
func synthetic(i int, passwordHash string) (NewAccount, error) {
	number, err := SyntheticNumber(i)
	if err != nil {
		return NewAccount{}, err
	}
	families := []string{"Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Vũ", "Đặng", "Bùi", "Đỗ", "Ngô"}
	given := []string{"Giả Định", "Mẫu", "Thử", "Ví Dụ", "Thí Nghiệm"}
	gender, middle := "male", "Văn"
	if i/syntheticYears%2 == 1 {
		gender, middle = "female", "Thị"
	}
	born := time.Date(1950+i%syntheticYears, time.Month(1+i/7%12), 1+i/3%28, 0, 0, 0, 0, time.UTC)
	return NewAccount{
		Person: eid.Person{
			Type: eid.Citizen, Identifier: eid.IdentifierOf(number), Name: families[i%len(families)] + " " + middle + " " + given[i/3%len(given)],
			BirthDate: born.Format(time.DateOnly), Gender: gender, Nationality: "VNM", Address: "Địa chỉ giả định",
		},
		Level: eid.Level1, Status: eid.Active, PasswordHash: passwordHash,
		Email: eid.Contact{Value: fmt.Sprintf("gia-dinh-%d@example.test", i)},
	}, nil
}

// Crowd writes many accounts at once.
type Crowd interface {
	// CreateAccounts inserts them all with the audit entry, or none: eid.ErrExists when an
	// account in use has one of the identifiers.
	CreateAccounts(ctx context.Context, list []Record, entry eid.AuditEntry) error
	// AccountByIdentifier gives the account in use, or eid.ErrNotFound.
	AccountByIdentifier(ctx context.Context, i eid.Identifier) (eid.Account, error)
}

// Populator makes invented people for demonstrations and measurements: many of them in
// one transaction, whose audit row says how many.
type Populator struct {
	store Crowd
	now   func() time.Time
}

// NewPopulator makes one. It starts nothing.
func NewPopulator(store Crowd, now func() time.Time) *Populator {
	return &Populator{store: store, now: now}
}

// populatedAtOnce is how many accounts one transaction makes.
const populatedAtOnce = 5000

type populated struct {
	Synthetic int `json:"synthetic"` // how many accounts of invented people
}

// Fill makes invented people until there are n of them, all with one password. It goes
// on where an earlier run was broken off, and tells how many there are after each
// transaction.
func (p *Populator) Fill(ctx context.Context, n int, passwordHash, actor string, tell func(done int)) error {
	done, err := p.Filled(ctx, n)
	for err == nil && done < n {
		next := min(done+populatedAtOnce, n)
		if err = p.add(ctx, done, next, passwordHash, actor); err == nil {
			done = next
			tell(done)
		}
	}
	if err != nil {
		return fmt.Errorf("creating synthetic accounts: %w", err)
	}
	return nil
}

// Filled is how many of the first n invented people there are. They were made in order.
func (p *Populator) Filled(ctx context.Context, n int) (int, error) {
	if n < 0 || n > MaxSynthetic {
		return 0, fmt.Errorf("%w: %d synthetic people, %d at most", ErrInvalid, n, MaxSynthetic)
	}
	var failed error
	done := sort.Search(n, func(i int) bool {
		number, err := SyntheticNumber(i)
		if err == nil {
			_, err = p.store.AccountByIdentifier(ctx, eid.IdentifierOf(number))
		}
		if err != nil && !errors.Is(err, eid.ErrNotFound) {
			failed = err
		}
		return err != nil
	})
	return done, failed
}

func (p *Populator) add(ctx context.Context, from, to int, passwordHash, actor string) error {
	now := p.now().UTC().Truncate(time.Microsecond)
	list := make([]Record, 0, to-from)
	for i := from; i < to; i++ {
		n, err := synthetic(i, passwordHash)
		if err != nil {
			return err
		}
		if n = n.normal(); len(list) == 0 {
			if err := n.check(now); err != nil { // one is made like the other
				return err
			}
		}
		list = append(list, n.record(eid.AccountID(newID()), now))
	}
	entry, err := entryOf(now, actor, eid.ActionAccountCreated, "", populated{Synthetic: len(list)})
	if err != nil {
		return err
	}
	return p.store.CreateAccounts(ctx, list, entry)
}
