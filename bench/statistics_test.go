package main

import (
	"os"
	"slices"
	"syscall"
	"testing"
	"time"
)

func TestSpread(t *testing.T) {
	for _, tt := range []struct {
		name   string
		values []float64
		want   spread
	}{
		{"one", []float64{3}, spread{3, 3, 3}},
		{"two", []float64{4, 2}, spread{2.5, 3, 3.5}},
		{"five, unsorted", []float64{5, 1, 4, 2, 3}, spread{2, 3, 4}},
		{"an outlier moves no quartile", []float64{1, 2, 3, 4, 1000}, spread{2, 3, 4}},
	} {
		if got := spreadOf(tt.values); got != tt.want {
			t.Errorf("%s: spreadOf() = %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestPercentile(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i + 1)
	}
	for _, tt := range []struct {
		sorted []time.Duration
		p      int
		want   time.Duration
	}{
		{nil, 50, 0}, {hundred[:1], 99, 1}, {hundred, 50, 50}, {hundred, 99, 99}, {hundred, 100, 100}, {hundred[:10], 95, 10},
	} {
		if got := percentile(tt.sorted, tt.p); got != tt.want {
			t.Errorf("percentile(%d values, %d) = %d, want %d", len(tt.sorted), tt.p, got, tt.want)
		}
	}
}

// sampleOf has n operations that cost so much each.
func sampleOf(n int, subject, redis time.Duration) sample {
	return sample{
		latencies: slices.Repeat([]time.Duration{time.Millisecond}, n), elapsed: time.Second,
		subject: subject * time.Duration(n), redis: redis * time.Duration(n), commands: int64(3 * n),
	}
}

// TestRatioIsOfTheSameRound: a slow round slows both, and the ratio stays.
func TestRatioIsOfTheSameRound(t *testing.T) {
	floor := &cell{rounds: []sample{sampleOf(10, 80, 20), sampleOf(30, 800, 200), sampleOf(20, 80, 20)}}
	c := &cell{floor: floor, rounds: []sample{sampleOf(5, 200, 50), sampleOf(4, 2000, 500), sampleOf(3, 200, 50)}}
	if got, want := c.ratio(), (spread{2.5, 2.5, 2.5}); got != want {
		t.Errorf("ratio() = %v, want %v", got, want)
	}
}

func TestParseMemory(t *testing.T) {
	now, most, err := parseMemory("Name:\teidgate\nVmHWM:\t   50000 kB\nVmRSS:\t   40000 kB\nThreads:\t9\n")
	if now != 40000<<10 || most != 50000<<10 || err != nil {
		t.Errorf("parseMemory() = %d, %d, %v, want %d, %d", now, most, err, 40000<<10, 50000<<10)
	}
	for _, status := range []string{"", "VmRSS:\t1 kB\n", "VmRSS:\tmuch\nVmHWM:\t1 kB\n"} {
		if _, _, err := parseMemory(status); err == nil {
			t.Errorf("parseMemory(%q) succeeds, want an error", status)
		}
	}
}

func TestParseCommands(t *testing.T) {
	info := "# Commandstats\r\ncmdstat_get:calls=7,usec=1,usec_per_call=0.1\r\ncmdstat_set:calls=5,usec=1\r\ncmdstat_info:calls=100,usec=9\r\n"
	if got := parseCommands(info); got != 12 {
		t.Errorf("parseCommands() = %d, want 12: INFO is the bench's own", got)
	}
}

// TestCPU: the clock of a process is the one that the kernel bills it by.
func TestCPU(t *testing.T) {
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			t.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := used()
	got, err := cpu(os.Getpid())
	// Both clocks are rounded, this one to microseconds.
	if after := used(); err != nil || got < before-time.Millisecond || got > after+time.Millisecond {
		t.Errorf("cpu() = %v, %v, want between %v and %v", got, err, before, after)
	}
	if _, err := cpu(1 << 22); err == nil { // the least number that is no process' (PID_MAX_LIMIT)
		t.Error("cpu() of a process that does not exist succeeds")
	}
}
