package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.yaml.in/yaml/v3"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/credential"
	"eidgate/keys"
	"eidgate/store/sqlstore"
)

// crowd is one `eidgate serve` on SQLite with many people, and its database, which the
// bench reads besides: one at a time, as all databases of a process share their memory.
type crowd struct {
	*gateway
	size   int
	took   time.Duration // to make the people
	weighs int64         // bytes of the database
	open   func(context.Context) (*sqlstore.DB, error)
	db     *sqlstore.DB // while look-ups are measured; else nil
	tokens []string
	ids    []eid.AccountID // of some of the people
	// entering is held by who signs in: the gateway refuses a crowd before its passwords
	// cost too much, and on a slow machine that is soon.
	entering sync.Mutex
	turn     atomic.Int64
}

const (
	// knownPeople have a token each, whose userinfo is asked for.
	knownPeople = 64
	namedPeople = 16_384 // whose accounts are read
)

// sizesOf reads -scale: the sizes that are compared, the smallest first.
func sizesOf(text string) ([]int, error) {
	var sizes []int
	for part := range strings.SplitSeq(text, ",") {
		if part == "" {
			continue
		}
		n, err := strconv.Atoi(part)
		if err != nil || n < namedPeople/2 || n > accounts.MaxSynthetic {
			return nil, fmt.Errorf("-scale %s: %q is no number of people from %d to %d", text, part, namedPeople/2, accounts.MaxSynthetic)
		}
		sizes = append(sizes, n)
	}
	slices.Sort(sizes)
	return slices.Compact(sizes), nil
}

// startCrowds makes the people of each size and starts their gateways.
func (r *rig) startCrowds(ctx context.Context, sizes []int) error {
	for _, size := range sizes {
		c := &crowd{size: size}
		var err error
		if c.gateway, err = newGateway(ctx, r.dir, fmt.Sprintf("%d people", size), "", nil, newTransport(r.workers)); err != nil {
			return err
		}
		r.crowds = append(r.crowds, c)
		fmt.Fprintf(r.progress, "making %d synthetic people\n", size)
		if err := c.fill(ctx); err != nil {
			return fmt.Errorf("making %d people: %w", size, err)
		}
		if err := c.begin(ctx, r.eidgate); err != nil {
			return err
		}
	}
	r.planCrowds()
	return nil
}

// fill makes the database.
func (c *crowd) fill(ctx context.Context) (err error) {
	if err := os.MkdirAll(c.data, 0o700); err != nil {
		return err
	}
	where := sqlstore.Config{Path: filepath.Join(c.data, "eidgate.db")}
	if err := sqlstore.Migrate(ctx, where); err != nil {
		return err
	}
	sealer, err := keys.LoadSealer(filepath.Join(c.data, "master.key"), true, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	// A clock that hurries on: nothing is remembered of whom the bench looks up.
	start, asked := time.Now(), atomic.Int64{}
	hurried := func() time.Time { return start.Add(time.Duration(asked.Add(1)) * time.Minute) }
	c.open = func(ctx context.Context) (*sqlstore.DB, error) { return sqlstore.Open(ctx, where, sealer, hurried) }
	done, err := c.look(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	passwords, err := credential.NewPasswords(1)
	if err != nil {
		return err
	}
	hash, err := passwords.Hash(ctx, eid.NewSecret(password))
	if err != nil {
		return err
	}
	began := time.Now()
	if err := accounts.NewPopulator(c.db, time.Now).Fill(ctx, c.size, hash, "operator:bench", func(int) {}); err != nil {
		return err
	}
	c.took = time.Since(began)
	for range namedPeople {
		a, err := c.anybody(ctx)
		if err != nil {
			return err
		}
		c.ids = append(c.ids, a.ID)
	}
	return nil
}

// look opens the database until it is told that the look-ups are done.
func (c *crowd) look(ctx context.Context) (done func() error, err error) {
	if c.db, err = c.open(ctx); err != nil {
		return nil, err
	}
	return func() error {
		err := c.db.Close()
		c.db = nil
		return err
	}, nil
}

// choice goes through n things in wide steps, each as often as the others.
func (c *crowd) choice(n int) int {
	const step = 7919 // a prime
	return int(c.turn.Add(step) % int64(n))
}

// number is that of anybody, so that no page of the database is asked for more often
// than others.
func (c *crowd) number() (eid.PersonalNumber, error) {
	return accounts.SyntheticNumber(c.choice(c.size))
}

func (c *crowd) anybody(ctx context.Context) (eid.Account, error) {
	number, err := c.number()
	if err != nil {
		return eid.Account{}, err
	}
	return c.db.AccountByIdentifier(ctx, eid.IdentifierOf(number))
}

// begin starts the binary and signs some people in.
func (c *crowd) begin(ctx context.Context, binary string) error {
	p := c.party("cong-dong-nguoi", "ES256", acr1)
	c.direct = map[string]*party{"ES256": p}
	raw, err := yaml.Marshal(map[string]any{
		"issuer": c.issuer, "listen": c.addr, "data": c.data,
		"lifetimes": map[string]any{"access_token": "1h", "session_idle": "2h"},
		"clients":   []map[string]any{client(p, 1, sourceAccount)},
		"sources": []map[string]any{
			{"id": sourceAccount, "kind": "account", "name": "Tài khoản định danh điện tử", "provider": "eidgate", "may_assert": []int{1, 2}, "grants_at_most": 2},
		},
	})
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.config, raw, 0o600); err != nil {
		return err
	}
	if err := c.run(ctx, binary); err != nil {
		return err
	}
	if _, err := c.answers(ctx, newClient(c.transport), time.Now(), c.issuer+"/readyz"); err != nil {
		return err
	}
	if err := p.learnKeys(ctx); err != nil {
		return err
	}
	for range knownPeople {
		set, err := c.enters(ctx)
		if err != nil {
			return fmt.Errorf("signing people in: %w", err)
		}
		c.tokens = append(c.tokens, set.Access)
	}
	for _, name := range []string{"eidgate.db", "eidgate.db-wal"} { // the second is what is not yet in the first
		info, err := os.Stat(filepath.Join(c.data, name))
		if err != nil {
			return err
		}
		c.weighs += info.Size()
	}
	return nil
}

// enters is a whole sign-in of anybody in a new browser: number, password, consent, code,
// tokens.
func (c *crowd) enters(ctx context.Context) (tokens, error) {
	c.entering.Lock()
	defer c.entering.Unlock()
	number, err := c.number()
	if err != nil {
		return tokens{}, err
	}
	b, err := newBrowser(c.transport)
	if err != nil {
		return tokens{}, err
	}
	p := c.direct["ES256"]
	a := p.ask()
	location, err := b.signIn(ctx, a.address, person{number: number.Reveal()})
	if err != nil {
		return tokens{}, err
	}
	return p.exchange(ctx, a, location)
}

// planCrowds lists the cells of all sizes, those of one operation together. Each is held
// against the same of the smallest size.
func (r *rig) planCrowds() {
	for _, op := range []string{opSignIn, opNumber, opAccount, opUserinfo} {
		var least *cell
		for _, cr := range r.crowds {
			c := &cell{operation: op, subject: cr.store, proc: cr.process, floor: least}
			if least == nil {
				least = c
			}
			switch op {
			case opSignIn:
				c.do = func(ctx context.Context, _ int) error {
					_, err := cr.enters(ctx)
					return err
				}
			case opNumber:
				c.proc, c.here, c.around = nil, true, cr.look
				c.do = func(ctx context.Context, _ int) error {
					_, err := cr.anybody(ctx)
					return err
				}
			case opAccount:
				c.proc, c.here, c.around = nil, true, cr.look
				c.do = func(ctx context.Context, _ int) error {
					_, err := cr.db.Account(ctx, cr.ids[cr.choice(len(cr.ids))])
					return err
				}
			case opUserinfo:
				c.do = func(ctx context.Context, _ int) error {
					return cr.direct["ES256"].userinfo(ctx, cr.tokens[cr.choice(len(cr.tokens))])
				}
			}
			r.scaled = append(r.scaled, c)
		}
	}
}

// The operations that are measured by the number of people.
const (
	opSignIn   = "sign-in with number and password"
	opNumber   = "account of a personal number"
	opAccount  = "account by its id"
	opUserinfo = "userinfo"
)

// benchScale measures the crowds alone, and prints the numbers.
func benchScale(ctx context.Context, s settings, dir string) error {
	r := &rig{settings: s, dir: dir, progress: os.Stderr}
	err := r.startCrowds(ctx, s.sizes)
	if err == nil {
		err = r.measureAll(ctx, r.scaled)
	}
	if err = errors.Join(err, r.stop()); err != nil {
		return err
	}
	if err := r.check(ctx); err != nil {
		return err
	}
	for _, c := range r.crowds {
		fmt.Println(c.made())
	}
	for _, row := range scaleRows(r) {
		fmt.Printf("%-34s %9d people: %s ms, × the fewest %s\n", row.Operation, row.People, row.Cost, row.Ratio)
	}
	return nil
}

// made says what it took to make the people.
func (c *crowd) made() string {
	return fmt.Sprintf("%d people: %.0f a second, %.0f bytes each in the database", c.size, float64(c.size)/c.took.Seconds(), float64(c.weighs)/float64(c.size))
}

// scaleRow is an operation at one number of people.
type scaleRow struct {
	Operation   string
	People      int
	Cost, Ratio string
}

func scaleRows(r *rig) []scaleRow {
	var rows []scaleRow
	for i, c := range r.scaled {
		row := scaleRow{
			Operation: c.operation, People: r.crowds[i%len(r.crowds)].size, Cost: text(c.cost(), 3), Ratio: "1"}
		if c.floor != nil {
			row.Ratio = text(c.ratio(), 2)
		}
		rows = append(rows, row)
	}
	return rows
}
