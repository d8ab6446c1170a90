package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// profiler is a file that a profiled build has beside the gateway's own. It is no
// part of the product: the go command lays it over the source for one build.
//
//go:embed profiler.go.txt
var profiler []byte

// envProfiler names the address that a profiled build serves profiles on.
const envProfiler = "BENCH_PROFILER"

// buildProfiled builds the gateway with the profiler. It runs in the module's
// directory, as `make bench` does.
func buildProfiled(ctx context.Context, dir string) (binary string, err error) {
	root, err := os.Getwd()
	if err != nil {
		return "", err
	}
	source, overlay := filepath.Join(dir, "profiler.go"), filepath.Join(dir, "overlay.json")
	binary = filepath.Join(dir, "eidgate")
	raw, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(root, "cmd", "eidgate", "profiler.go"): source}})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(source, profiler, 0o600); err != nil {
		return "", err
	}
	if err := os.WriteFile(overlay, raw, 0o600); err != nil {
		return "", err
	}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-overlay", overlay, "-o", binary, "./cmd/eidgate")
	if text, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the profiled gateway: %w\n%s", err, text)
	}
	return binary, nil
}

// profile runs every cell of a gateway for some seconds and keeps a processor
// profile of each. Nothing is measured: profiling costs time itself.
func (r *rig) profile(ctx context.Context, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	const seconds = 4
	for _, c := range r.cells {
		if c.subject == ofFloor {
			continue
		}
		name := filepath.Join(dir, fileName(c.name())+".pprof")
		fetched := make(chan error, 1)
		go func() { fetched <- fetchProfile(ctx, c.proc.profiler, seconds, name) }()
		_, err := measure(ctx, c, r.workers, (seconds+1)*time.Second)
		if fetched := <-fetched; err == nil {
			err = fetched
		}
		if err != nil {
			return err
		}
		fmt.Fprintln(r.progress, name)
	}
	return nil
}

// fileName makes a name of a cell fit for a file.
func fileName(name string) string {
	out := []rune(name)
	for i, c := range out {
		switch {
		case c == ' ':
			out[i] = '-'
		case c == ',':
			out[i] = '_'
		}
	}
	return string(out)
}

func fetchProfile(ctx context.Context, addr string, seconds int, name string) error {
	address := fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", addr, seconds)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	got, err := do(newClient(newTransport(1)), r)
	if err != nil {
		return err
	}
	if got.status != http.StatusOK {
		return got.wrong()
	}
	return os.WriteFile(name, got.body, 0o600)
}
