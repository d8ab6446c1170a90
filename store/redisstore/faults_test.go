package redisstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"eidgate/store"
	"eidgate/store/storetest"
)

// patience is how long an Apply may take at the very most. It is an outcome, not a
// measure: what hangs is noticed.
const patience = 5 * time.Second

// fails wants an Apply to say that the store is away, before patience ends.
func fails(t *testing.T, what string, s store.State, ops ...store.Op) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	results, err := s.Apply(ctx, "s", ops...)
	if !errors.Is(err, store.ErrUnavailable) || results != nil || ctx.Err() != nil {
		t.Errorf("%s: Apply() = %v, %v (waited until %v), want store.ErrUnavailable in time", what, results, err, ctx.Err())
	}
}

// tended runs what looks after a store until the test ends.
func tended(t *testing.T, s *Store) *Store {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run() = %v, want nil at the end of its context", err)
		}
	})
	return s
}

// eventually waits until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("waited too long for %s", what)
}

func works(t *testing.T, s store.State) func() bool {
	return func() bool {
		_, err := s.Apply(t.Context(), "probe", store.Delete("probe"))
		return err == nil
	}
}

func TestGoneAndBack(t *testing.T) {
	server := storetest.StartRedis(t, "--appendonly", "yes", "--appendfsync", "always")
	s := tended(t, open(t, at(server)))
	apply(t, s, store.PutIfAbsent("session", []byte("alive"), time.Hour))
	server.Kill()
	for range 40 { // more than there are connections
		fails(t, "reading from a server that is gone", s, store.Get("session"))
		fails(t, "writing to it", s, store.Take("session"))
	}
	if err := s.Ping(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Ping() = %v, want store.ErrUnavailable", err)
	}
	server.Start()
	eventually(t, "the server that is back", works(t, s))
	// It has lost nothing, so nobody signs in again.
	if got := apply(t, s, store.Take("session")); !got[0].OK || s.number() != 1 {
		t.Errorf("after a restart: %+v in epoch %d, want the session in the first", got, s.number())
	}
}

func TestComesLater(t *testing.T) {
	server := storetest.StartRedis(t)
	server.Kill()
	s := tended(t, closed(t, at(server), &notes{}))
	if _, err := s.Admit(t.Context()); err == nil {
		t.Error("Admit() of nobody gave no error")
	}
	fails(t, "before the server is there", s, store.Get("k"))
	server.Start()
	eventually(t, "the server", works(t, s))
}

func TestSlowIsBounded(t *testing.T) {
	server := storetest.StartRedis(t)
	cfg := at(server)
	cfg.PoolSize = 8
	s := tended(t, open(t, cfg))
	apply(t, s, store.PutIfAbsent("k", nil, time.Hour), store.Count("n", 1000, time.Hour))
	server.Pause()
	const callers = 64
	var group sync.WaitGroup
	for i := range callers {
		group.Go(func() {
			if i%2 == 0 {
				fails(t, "reading from a server that hangs", s, store.Get("k"))
			} else {
				fails(t, "writing to it", s, store.Count("n", 1000, time.Hour))
			}
		})
	}
	group.Wait()
	server.Resume()
	eventually(t, "the server that goes on", works(t, s))
	got := apply(t, s, store.Count("n", 1000, time.Hour))
	if n := got[0].N; n < 2 || n > 2+callers/2 {
		t.Errorf("the counter is %d after %d counts that failed: some were sent twice", n, callers/2)
	}
}

// TestCutOff: the connection breaks after the server has done what was asked.
func TestCutOff(t *testing.T) {
	server := storetest.StartRedis(t)
	direct, cut := open(t, at(server)), startCutter(t, server.Addr)
	cfg := at(server)
	cfg.Addrs = []string{cut.addr}
	s := open(t, cfg)
	apply(t, s, store.PutIfAbsent("k", []byte("v"), time.Hour)) // the script is known from here on
	for _, tt := range []struct {
		name string
		op   store.Op
		then store.Op
		want store.Result
	}{
		{"count", store.Count("n", 9, time.Hour), store.Count("n", 9, time.Hour), store.Result{OK: true, N: 2}},
		{"take", store.Take("k"), store.Get("k"), store.Result{}},
		{"put", store.PutIfAbsent("p", []byte("mine"), time.Hour), store.Get("p"), store.Result{OK: true, Value: []byte("mine")}},
	} {
		apply(t, s, store.Delete("nothing")) // dials
		cut.next.Store(true)
		before := cut.sent.Load()
		fails(t, tt.name, s, tt.op)
		if got := cut.sent.Load() - before; got != 1 {
			t.Errorf("%s was sent %d times, want once", tt.name, got)
		}
		got := apply(t, direct, tt.then)[0]
		if got.OK != tt.want.OK || string(got.Value) != string(tt.want.Value) || got.N != tt.want.N {
			t.Errorf("%s: the server then says %+v, want %+v", tt.name, got, tt.want)
		}
	}
	// A read has no effect, so it is asked again.
	apply(t, s, store.Delete("nothing"))
	cut.next.Store(true)
	if got := apply(t, s, store.Get("p")); !got[0].OK {
		t.Errorf("a read whose answer was cut off gives %+v, want it from a second connection", got)
	}
}

// cutter is a proxy that, when told, swallows one answer and hangs up.
type cutter struct {
	addr string
	next atomic.Bool
	sent atomic.Int64 // scripts that went through
}

func startCutter(t *testing.T, server string) *cutter {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	c := &cutter{addr: l.Addr().String()}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go c.serve(client, server)
		}
	}()
	return c
}

func (c *cutter) serve(client net.Conn, addr string) {
	defer func() { _ = client.Close() }()
	server, err := (&net.Dialer{}).Dial("tcp", addr)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	go func() {
		buf := make([]byte, 64<<10)
		for {
			n, err := client.Read(buf)
			if strings.Contains(strings.ToUpper(string(buf[:n])), "EVALSHA") {
				c.sent.Add(1)
			}
			if err != nil {
				_ = server.Close()
				return
			}
			if _, err := server.Write(buf[:n]); err != nil {
				return
			}
		}
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := server.Read(buf)
		if err != nil || c.next.CompareAndSwap(true, false) {
			return
		}
		if _, err := client.Write(buf[:n]); err != nil {
			return
		}
	}
}

// TestFull: a full server refuses, and throws nothing away.
func TestFull(t *testing.T) {
	server := storetest.StartRedis(t)
	s := tended(t, open(t, at(server)))
	apply(t, s, store.PutIfAbsent("jti", []byte{1}, time.Hour), store.Count("guesses", 5, time.Hour))
	server.CLI("CONFIG", "SET", "maxmemory", "3mb")
	full := false
	for i := 0; i < 500 && !full; i++ {
		_, err := s.Apply(t.Context(), fmt.Sprint("fill", i), store.PutIfAbsent("k", make([]byte, 32<<10), time.Hour))
		full = errors.Is(err, store.ErrUnavailable)
	}
	if !full {
		t.Fatal("the server never was full")
	}
	server.CLI("CONFIG", "SET", "maxmemory", "2mb") // no gap is left for a small one
	fails(t, "writing to a full server", s, store.PutIfAbsent("jti2", []byte{1}, time.Hour))
	fails(t, "counting there", s, store.Count("guesses", 5, time.Hour))
	if got := apply(t, s, store.Get("jti"), store.Get("guesses"), store.Get("jti2")); !got[0].OK || string(got[1].Value) != "1" || got[2].OK {
		t.Errorf("a full server holds %+v, want what was there and nothing half done", got)
	}
	server.CLI("CONFIG", "SET", "maxmemory", "0")
	if got := apply(t, s, store.Count("guesses", 5, time.Hour)); got[0].N != 2 || s.number() != 1 {
		t.Errorf("with room again: count %d in epoch %d, want 2 in the first", got[0].N, s.number())
	}
}

func TestEmptied(t *testing.T) {
	server := storetest.StartRedis(t)
	a, b := open(t, at(server)), open(t, at(server))
	for _, s := range []*Store{a, b} {
		apply(t, s, store.PutIfAbsent("session", nil, time.Hour), store.Delete("x"))
	}
	server.CLI("FLUSHALL")
	for name, s := range map[string]*Store{"one": a, "another": b} {
		if got := apply(t, s, store.Get("session")); got[0].OK || s.number() != 2 {
			t.Errorf("%s process after FLUSHALL: %+v in epoch %d, want nothing in the second", name, got, s.number())
		}
	}
	if got := apply(t, b, store.PutIfAbsent("session", nil, time.Hour)); !got[0].OK {
		t.Error("nobody can sign in after FLUSHALL")
	}
	if got := apply(t, a, store.Get("session")); !got[0].OK {
		t.Error("the two processes are not in the same epoch")
	}
}

// TestRestoredBackup: what was burned after the backup stays burned.
func TestRestoredBackup(t *testing.T) {
	for _, tt := range []struct {
		name string
		then func(t *testing.T, s *Store, memory *notes, cfg Config) *Store
	}{
		{"under a process that goes on", func(_ *testing.T, s *Store, _ *notes, _ Config) *Store { return s }},
		{"under a process that starts again", func(t *testing.T, _ *Store, memory *notes, cfg Config) *Store {
			return closed(t, cfg, memory)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := storetest.StartRedis(t)
			cfg, memory := at(server), &notes{}
			s := closed(t, cfg, memory)
			if _, err := s.Admit(t.Context()); err != nil {
				t.Fatal(err)
			}
			apply(t, s, store.PutIfAbsent("code", []byte("burn me"), time.Hour))
			server.CLI("SAVE")
			if got := apply(t, s, store.Take("code")); !got[0].OK {
				t.Fatal("the code is not there")
			}
			if err := s.keep(t.Context(), s.epoch.Load()); err != nil {
				t.Fatal(err)
			}
			server.Kill()
			if _, err := os.Stat(filepath.Join(server.Dir, "dump.rdb")); err != nil {
				t.Fatalf("no backup: %v", err)
			}
			server.Start()
			if n := server.CLI("DBSIZE"); n != "4" {
				t.Fatalf("the backup holds %s keys, want the code, the count, the epoch and the server's name", n)
			}
			s = tt.then(t, s, memory, cfg)
			tended(t, s)
			eventually(t, "the server that is back", works(t, s))
			if got := apply(t, s, store.Take("code")); got[0].OK {
				t.Error("a code that was burned is alive again")
			}
			if s.number() != 2 || memory.epoch != 2 {
				t.Errorf("epoch = %d, remembered %d, want 2", s.number(), memory.epoch)
			}
		})
	}
}

// TestLostWriteOfAnotherProcess: a process that was never told of a write does not
// believe a server that has lost it either.
func TestLostWriteOfAnotherProcess(t *testing.T) {
	server := storetest.StartRedis(t)
	told, other := tended(t, open(t, at(server))), tended(t, open(t, at(server)))
	apply(t, told, store.PutIfAbsent("code", nil, time.Hour))
	apply(t, other, store.Get("code"))
	server.CLI("SAVE")
	apply(t, told, store.Take("code")) // told alone knows
	server.Kill()
	server.Start()
	eventually(t, "both processes", func() bool {
		got, err := other.Apply(t.Context(), "s", store.Take("code"))
		if err == nil && got[0].OK {
			t.Fatal("a code that was burned is alive again at the process that was not told")
		}
		return err == nil && works(t, told)()
	})
	if told.number() != 2 || other.number() != 2 {
		t.Errorf("epochs = %d and %d, want 2", told.number(), other.number())
	}
}

// TestRenew: an operator's word ends the epoch of all processes at once.
func TestRenew(t *testing.T) {
	server := storetest.StartRedis(t)
	a, b := open(t, at(server)), open(t, at(server))
	apply(t, a, store.PutIfAbsent("session", nil, time.Hour))
	apply(t, b, store.Get("session"))
	if n, err := a.Renew(t.Context()); err != nil || n != 2 {
		t.Fatalf("Renew() = %d, %v, want 2", n, err)
	}
	for name, op := range map[string]store.Op{"get": store.Get("session"), "take": store.Take("session")} {
		if got := apply(t, b, op); got[0].OK {
			t.Errorf("%s in another process finds a session of the old epoch", name)
		}
	}
	if b.number() != 2 {
		t.Errorf("the other process is in epoch %d, want 2", b.number())
	}
}

// TestOlderEpochOfABackup: a process that starts between the restoring of a backup
// and its discovery is in an old epoch, and is told so.
func TestOlderEpochOfABackup(t *testing.T) {
	server := storetest.StartRedis(t)
	old := open(t, at(server))
	apply(t, old, store.PutIfAbsent("session", nil, time.Hour))
	server.CLI("SAVE")
	if _, err := old.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	apply(t, old, store.PutIfAbsent("session", nil, time.Hour))
	server.Kill()
	server.Start()
	fresh := closed(t, at(server), &notes{}) // remembers nothing
	if _, err := fresh.Admit(t.Context()); err == nil {
		t.Error("a server that was restarted is used before others could compare")
	}
	tended(t, fresh)
	eventually(t, "the fresh process to go on alone", works(t, fresh))
	if got := apply(t, fresh, store.Get("session")); !got[0].OK || fresh.number() != 1 {
		t.Fatalf("the fresh process is in epoch %d with %+v, want the backup's", fresh.number(), got)
	}
	tended(t, old)
	eventually(t, "the old process to find out", func() bool { return works(t, old)() && old.number() == 3 })
	if got := apply(t, fresh, store.Take("session")); got[0].OK || fresh.number() != 3 {
		t.Errorf("the fresh process: %+v in epoch %d, want nothing in the third", got, fresh.number())
	}
}

func TestErrorsHideKeysAndValues(t *testing.T) {
	server := storetest.StartRedis(t, "--requirepass", "hidden-password")
	cfg := at(server)
	cfg.Password = secret("hidden-password")
	s := open(t, cfg)
	apply(t, s, store.PutIfAbsent("hidden-key", []byte("hidden-value"), time.Hour))
	wrong := cfg
	wrong.Password = secret("hidden-too")
	other := closed(t, wrong, &notes{})
	_, refused := other.Admit(t.Context())
	_, noCounter := s.Apply(t.Context(), "s", store.Count("hidden-key", 1, time.Hour))
	server.Kill()
	_, gone := s.Apply(t.Context(), "hidden-slot", store.Take("hidden-key"))
	for name, err := range map[string]error{"wrong password": refused, "no counter": noCounter, "gone": gone} {
		if err == nil || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: error = %v, want one that tells no secret", name, err)
		}
	}
	if text := fmt.Sprintf("%v %+v %#v", cfg, cfg, cfg); strings.Contains(text, "hidden") {
		t.Errorf("the configuration prints as %s", text)
	}
}
