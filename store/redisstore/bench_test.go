package redisstore

import (
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"eidgate/store"
	"eidgate/store/storetest"
)

// BenchmarkApply reports the processor's time of the gateway's side and of
// Redis, beside a bare pipeline of two GETs.
func BenchmarkApply(b *testing.B) {
	server := storetest.StartRedis(b)
	s := open(b, at(server))
	value, other := make([]byte, 1024), make([]byte, 1024)
	other[0] = 1
	apply(b, s, store.PutIfAbsent("k", value, time.Hour))
	bare := redis.NewClient(&redis.Options{Addr: server.Addr, Protocol: 2, PipelinePoolSize: -1})
	b.Cleanup(func() { _ = bare.Close() })
	key := s.epoch.Load().place(0).key("s", "k")
	now, next := value, other
	for _, bm := range []struct {
		name string
		do   func()
	}{
		{"bare pipeline of two GET", func() {
			pipe := bare.Pipeline()
			pipe.Get(b.Context(), key)
			pipe.Get(b.Context(), key)
			if _, err := pipe.Exec(b.Context()); err != nil {
				b.Fatal(err)
			}
		}},
		{"bare GET", func() {
			if err := bare.Get(b.Context(), key).Err(); err != nil {
				b.Fatal(err)
			}
		}},
		{"get", func() { apply(b, s, store.Get("k")) }},
		{"get, compare and set, put", func() {
			got := apply(
				b, s, store.Get("k"), store.CompareAndSet("k", now, next, time.Hour),
				store.Delete("p"), store.PutIfAbsent("p", value, time.Hour),
			)
			if len(got) != 4 {
				b.Fatalf("stopped: %+v", got)
			}
			now, next = next, now
		}},
		{"count", func() { apply(b, s, store.Count("n", 1<<40, time.Hour)) }},
		{"put and take", func() { apply(b, s, store.PutIfAbsent("t", value, time.Hour), store.Take("t")) }},
	} {
		b.Run(bm.name, func(b *testing.B) {
			bm.do()
			ours, theirs := processTime(b), serverTime(server)
			for b.Loop() {
				bm.do()
			}
			b.ReportMetric(float64(processTime(b)-ours)/float64(b.N)/1e3, "gateway-µs/op")
			b.ReportMetric((serverTime(server)-theirs)/float64(b.N)*1e6, "redis-µs/op")
		})
	}
}

// processTime is what this process has used of the processor.
func processTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// serverTime is what Redis has used, in seconds.
func serverTime(server *storetest.Redis) float64 {
	total := 0.0
	for line := range strings.Lines(server.CLI("INFO", "cpu")) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name == "used_cpu_sys" || name == "used_cpu_user" {
			n, _ := strconv.ParseFloat(value, 64) // INFO writes numbers
			total += n
		}
	}
	return total
}
