package redisstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"sync/atomic"

	"github.com/redis/go-redis/v9"

	"eidgate/store"
)

// errEnded says that the epoch is over: its records must not be believed.
var errEnded = errors.New("the server has forgotten writes, or another replica says so: passing state begins again")

const (
	// marker is the key that holds the number of the epoch.
	marker = "eidgate:epoch"
	// parts is into how many parts a Cluster's slots are divided. The keys of a
	// part are in one hash slot, beside the count of the part's writes.
	parts = 256
	// endedFor is how long the end of an epoch is remembered: longer than any of
	// its records lives (store.MaxTTL).
	endedFor = "2678400000"
)

// epoch is a time in which the server forgot nothing. Each part of the passing
// state counts its writes on the server, and a process remembers the highest
// count that it was told. A lower one means that writes were lost, by a restart, a
// fail-over, a backup or a FLUSHALL: burned codes could be alive. Then all
// records of the epoch are dead, and the next one begins, empty.
type epoch struct {
	number int64
	prefix string
	seen   []atomic.Int64 // by part
}

func newEpoch(number int64, topology Topology) *epoch {
	n := 1
	if topology == Cluster {
		n = parts
	}
	return &epoch{number: number, prefix: "eidgate:" + strconv.FormatInt(number, 10) + ":{", seen: make([]atomic.Int64, n)}
}

// place is where the records of a part's slots are.
type place struct {
	count string // key of the count of writes
	tag   string // begins the keys
	seen  *atomic.Int64
}

func (e *epoch) place(part int) place {
	tag := e.tag(part)
	return place{count: tag + "writes", tag: tag, seen: &e.seen[part]}
}

// part is the one that a slot belongs to.
func (e *epoch) part(slot string) int {
	if len(e.seen) == 1 {
		return 0
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(slot)) // never fails
	return int(h.Sum32() % uint32(len(e.seen)))
}

// together is the part of the first operations, and how many they are: one step
// can run these.
func (e *epoch) together(slot string, ops []store.Op) (part, n int) {
	part = e.part(cmp.Or(ops[0].Slot, slot))
	for n = 1; n < len(ops) && e.part(cmp.Or(ops[n].Slot, slot)) == part; n++ {
	}
	return part, n
}

func (e *epoch) tag(part int) string { return e.prefix + strconv.Itoa(part) + "}" }

func (p place) key(slot, key string) string {
	return p.tag + strconv.Itoa(len(slot)) + ":" + slot + ":" + key
}

// see takes a count that was read, when at least least was known to have been.
func (p place) see(value any, least int64) error {
	var count int64
	if text, ok := value.(string); ok {
		var err error
		if count, err = strconv.ParseInt(text, 10, 64); err != nil {
			return errEnded
		}
	}
	if count < least {
		return errEnded
	}
	p.sawAtLeast(count)
	return nil
}

func (p place) sawAtLeast(count int64) {
	for {
		seen := p.seen.Load()
		if seen >= count || p.seen.CompareAndSwap(seen, count) {
			return
		}
	}
}

// look compares what the server says with what this process knows: the number of
// the epoch and the counts of all parts.
func (s *Store) look(ctx context.Context, e *epoch) error {
	pipe := s.looker.Pipeline()
	number := pipe.Get(ctx, marker)
	counts, least := make([]*redis.StringCmd, len(e.seen)), make([]int64, len(e.seen))
	for i := range counts {
		least[i] = e.seen[i].Load()
		counts[i] = pipe.Get(ctx, e.tag(i)+"writes")
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return fmt.Errorf("looking at the epoch: %w", err)
	}
	if number.Val() != strconv.FormatInt(e.number, 10) {
		return errEnded
	}
	for i, cmd := range counts {
		var value any
		switch text, err := cmd.Result(); {
		case err == nil:
			value = text
		case !errors.Is(err, redis.Nil):
			return fmt.Errorf("looking at the epoch: %w", err)
		}
		if err := (place{seen: &e.seen[i]}).see(value, least[i]); err != nil {
			return err
		}
	}
	return nil
}

// renew begins a new epoch in the place of one that has ended, or joins the one
// that another process began.
func (s *Store) renew(ctx context.Context, ended *epoch) error {
	s.turn.Lock()
	defer s.turn.Unlock()
	if s.epoch.Load() != ended {
		return nil
	}
	return s.settle(ctx, ended.number+1)
}

// Renew ends the present epoch: everybody signs in again. It is for an operator
// who restored a backup of Redis. The new epoch's number is returned.
func (s *Store) Renew(ctx context.Context) (int64, error) {
	s.turn.Lock()
	defer s.turn.Unlock()
	number, err := s.looker.Get(ctx, marker).Int64()
	if err != nil && !errors.Is(err, redis.Nil) {
		return 0, fmt.Errorf("reading the epoch: %w", err)
	}
	if err := s.settle(ctx, number+1); err != nil {
		return 0, err
	}
	return s.epoch.Load().number, nil
}

// raise gives the marker a number unless it has a higher one, and returns the
// number before and after.
var raise = redis.NewScript(`
local before = tonumber(redis.call('GET', KEYS[1]) or 0)
if not before or before < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[1])
  return {before or 0, tonumber(ARGV[1])}
end
return {before, before}`)

// settle finds the epoch that stands, which is least or later, and ends those
// before it. The caller holds the turn.
func (s *Store) settle(ctx context.Context, least int64) error {
	remembered, writes, err := s.memory.StateEpoch(ctx)
	if err != nil && s.epoch.Load() == nil {
		return fmt.Errorf("remembering the epoch: %w", err)
	}
	for range 3 {
		numbers, err := raise.Run(ctx, s.looker, []string{marker}, max(least, remembered, 1)).Int64Slice()
		if err != nil {
			return fmt.Errorf("setting the epoch: %w", err)
		}
		before, number := numbers[0], numbers[1]
		e := newEpoch(number, s.cfg.Topology)
		if number == remembered && len(e.seen) == 1 {
			e.seen[0].Store(writes)
		}
		for _, old := range []int64{before, s.number()} {
			if err := s.end(ctx, old, number); err != nil {
				return err
			}
		}
		switch err := s.look(ctx, e); {
		case errors.Is(err, errEnded):
			least = number + 1
			continue
		case err != nil:
			return err
		}
		if last := s.number(); number > max(last, 1) {
			s.log.WarnContext(ctx, "Redis has forgotten something: passing state begins again, everybody signs in again", "epoch", number)
		}
		s.epoch.Store(e)
		if err := s.keep(ctx, e); err != nil {
			s.log.WarnContext(ctx, "the epoch is not written down: Run tries again", "err", err)
		}
		return nil
	}
	return errEnded
}

// number is that of the present epoch, 0 before the first.
func (s *Store) number() int64 {
	if e := s.epoch.Load(); e != nil {
		return e.number
	}
	return 0
}

// end tells every process that still is in an old epoch that it is over.
func (s *Store) end(ctx context.Context, old, number int64) error {
	if old < 1 || old >= number {
		return nil
	}
	e := newEpoch(old, s.cfg.Topology)
	pipe := s.looker.Pipeline()
	for i := range e.seen {
		_ = pipe.Process(ctx, redis.NewStatusCmd(ctx, "SET", e.tag(i)+"writes", "ended", "PX", endedFor)) // Exec gives the error
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("ending epoch %d: %w", old, err)
	}
	return nil
}

// keep writes down what must be remembered when no process is left to do so. A
// Cluster's counts are too many; its epoch is kept alone.
func (s *Store) keep(ctx context.Context, e *epoch) error {
	var writes int64
	if len(e.seen) == 1 {
		writes = e.seen[0].Load()
	}
	if err := s.memory.KeepStateEpoch(ctx, e.number, writes); err != nil {
		return fmt.Errorf("keeping the epoch: %w", err)
	}
	return nil
}
