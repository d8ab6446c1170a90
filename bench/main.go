// Command bench measures what the gateway costs, as the processes that an
// operator would run, and beside a floor in the same run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	var s settings
	flag.StringVar(&s.eidgate, "eidgate", "bin/eidgate", "the gateway's binary")
	flag.StringVar(&s.floor, "floor", "bin/floor", "the floor's binary")
	flag.IntVar(&s.workers, "workers", 4, "connections, each with one request under way")
	flag.IntVar(&s.people, "people", 512, "synthetic people with a session each")
	flag.IntVar(&s.rounds, "rounds", 10, "rounds in which every cell has its slice")
	flag.DurationVar(&s.slice, "slice", 500*time.Millisecond, "time of one slice")
	flag.StringVar(&s.redis, "redis", "auto", "the gateway on Redis too: on, off, or auto where the binary can")
	profiles := flag.String("profile", "", "directory for a processor profile of each cell, instead of measuring")
	out := flag.String("out", "", "file of the report; none prints the numbers alone")
	flag.Parse()
	dir, err := os.MkdirTemp("", "eidgate-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if *profiles != "" {
		return profile(ctx, s, dir, *profiles)
	}
	return bench(ctx, s, dir, *out)
}

// profile takes profiles of a build that can be profiled.
func profile(ctx context.Context, s settings, dir, into string) (err error) {
	if s.eidgate, err = buildProfiled(ctx, dir); err != nil {
		return err
	}
	r, err := newRig(ctx, s, dir, os.Stderr)
	if err == nil {
		err = r.profile(ctx, into)
	}
	return errors.Join(err, r.stop())
}

// bench measures, checks, and only then writes.
func bench(ctx context.Context, s settings, dir, out string) error {
	where := machine(ctx)
	r, err := newRig(ctx, s, dir, os.Stderr)
	if err == nil {
		err = r.run(ctx)
	}
	if err = errors.Join(err, r.stop()); err != nil {
		return err
	}
	if err := r.check(ctx); err != nil {
		return err
	}
	printNumbers(os.Stdout, r)
	if out == "" {
		return nil
	}
	size, err := sizeOf(s.eidgate)
	if err != nil {
		return err
	}
	return newReport(r, where, size).write(out)
}
