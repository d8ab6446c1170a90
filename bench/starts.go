package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const (
	startTries = 9
	// idleFor is how long a started gateway is left alone before its memory is read.
	idleFor = time.Second
)

// starts are what starting the gateway on SQLite with keys present showed.
type starts struct {
	first []float64 // ms from the start of the process to its first answer
	idle  []float64 // MiB in RAM when nothing was asked for a second
}

// measureStarts starts the gateway several times, each on a copy of data that a
// first one made and closed.
func (r *rig) measureStarts(ctx context.Context) (s starts, err error) {
	transport := newTransport(1)
	first, err := newGateway(ctx, r.dir, "first", "", newPeople(8, 0), transport)
	if err != nil {
		return s, err
	}
	if err := first.serve(ctx, r.eidgate, r.up); err != nil {
		return s, err
	}
	if err := first.stop(); err != nil {
		return s, err
	}
	ended := make(chan error, startTries)
	ending := 0
	defer func() {
		for range ending {
			err = errors.Join(err, <-ended)
		}
	}()
	for i := range startTries {
		g, err := newGateway(ctx, r.dir, fmt.Sprintf("start-%d", i), "", nil, transport)
		if err != nil {
			return s, err
		}
		if err := copyData(g.data, first.data); err != nil {
			return s, err
		}
		if err := g.configure(r.up); err != nil {
			return s, err
		}
		started := time.Now()
		if err := g.run(ctx, r.eidgate); err != nil {
			return s, err
		}
		// A stop waits for proxies to see it, so they all stop in the background.
		ending++
		took, err := g.answers(ctx, newClient(transport), started, g.issuer+pathDiscovery)
		if err == nil {
			time.Sleep(idleFor)
			var now int64
			now, _, err = memory(g.pid())
			s.idle = append(s.idle, float64(now)/(1<<20))
		}
		go func() { ended <- g.stop() }()
		if err != nil {
			return s, err
		}
		s.first = append(s.first, ms(took))
	}
	return s, nil
}

// copyData copies a closed data directory. The gateway insists on private files.
func copyData(to, from string) error {
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return err
	}
	files, err := os.ReadDir(to)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := os.Chmod(filepath.Join(to, f.Name()), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// sizeOf is the size of a file in MiB.
func sizeOf(path string) (float64, error) {
	info, err := os.Stat(filepath.Clean(path))
	if err != nil {
		return 0, err
	}
	return float64(info.Size()) / (1 << 20), nil
}
