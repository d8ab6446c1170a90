package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// machine describes where and when a run takes place, as far as a reader needs
// to judge its numbers. It is asked before the run, for the load of others.
func machine(ctx context.Context) string {
	var model, memory, others string
	if raw, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		model = field(string(raw), "model name")
	}
	if raw, err := os.ReadFile("/proc/meminfo"); err == nil {
		memory = field(string(raw), "MemTotal")
	}
	if raw, err := os.ReadFile("/proc/loadavg"); err == nil {
		others, _, _ = strings.Cut(string(raw), " ")
	}
	revision := "unknown"
	if out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output(); err == nil {
		revision = strings.TrimSpace(string(out))
	}
	return fmt.Sprintf("%s, revision %s, %s, %s/%s, %d processors (%s), %s of memory. Load average before the run: %s.",
		time.Now().UTC().Format(time.DateOnly), revision, runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), model, memory, others)
}

// field reads the first "name : value" of a file of /proc.
func field(text, name string) string {
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}
