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
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

const usage = `usage: bench measure|scale|profile|load [flags]

measure  the cost of each operation, beside the floor; -out writes the report
scale    what the number of people costs, and nothing else
profile  a processor profile of each operation, into -out
load     mixed work for -duration: rates, percentiles and statuses
`

// run does what the first argument says, in a directory that it removes.
func run(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), usage)
		flags.PrintDefaults()
	}
	var s settings
	flags.StringVar(&s.eidgate, "eidgate", "bin/eidgate", "the gateway's binary")
	flags.StringVar(&s.floor, "floor", "bin/floor", "the floor's binary")
	flags.IntVar(&s.workers, "workers", 4, "connections, each with one request under way")
	flags.IntVar(&s.people, "people", 512, "synthetic people with a session each")
	flags.IntVar(&s.rounds, "rounds", 10, "rounds in which every cell has its slice")
	flags.DurationVar(&s.slice, "slice", 500*time.Millisecond, "time of one slice, 10s at most")
	flags.StringVar(&s.redis, "redis", "auto", "the gateway on Redis: on, off, or auto for a measurement where the binary can")
	scale := flags.String("scale", "10000,1000000", "numbers of people whose costs are compared; empty for none")
	duration := flags.Duration("duration", 30*time.Second, "of a load, 20m at most")
	out := flags.String("out", "", "file of the report, or directory of the profiles")
	if len(args) == 0 {
		flags.Usage()
		return errors.New("say what to do")
	}
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	if flags.NArg() > 0 || s.people < 1 || s.rounds < 1 || s.workers < 1 || s.slice < 10*time.Millisecond || s.slice > 10*time.Second {
		flags.Usage()
		return errors.New("these flags make no run")
	}
	if s.sizes, err = sizesOf(*scale); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "eidgate-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	switch args[0] {
	case "measure":
		return bench(ctx, s, dir, *out)
	case "scale":
		return benchScale(ctx, s, dir)
	case "profile":
		return profile(ctx, s, dir, *out)
	case "load":
		return runLoad(ctx, s, *duration, dir, os.Stdout, os.Stderr)
	}
	flags.Usage()
	return fmt.Errorf("%q is nothing to do", args[0])
}

// profile takes profiles of a build that can be profiled.
func profile(ctx context.Context, s settings, dir, into string) (err error) {
	if into == "" {
		return errors.New("-out names the directory of the profiles")
	}
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
		err = r.startCrowds(ctx, s.sizes)
	}
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
