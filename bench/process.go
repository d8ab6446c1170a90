package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// startTime is how long a program may take to answer.
const startTime = 20 * time.Second

// process is a program under the bench, with what it printed in a file.
type process struct {
	name   string
	cmd    *exec.Cmd
	log    string // path
	exited chan struct{}
	// profiler is where a profiled build serves profiles.
	profiler string
}

// start runs a program until stop. Its output goes to a file, as a service's
// would.
func start(ctx context.Context, name, log string, environ []string, argv ...string) (*process, error) {
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }()                                                                                    // the program has its own
	p := &process{name: name, cmd: exec.CommandContext(ctx, argv[0], argv[1:]...), log: log, exited: make(chan struct{})} //nolint:gosec // programs of this bench
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.Env = append(os.Environ(), environ...)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() {
		_ = p.cmd.Wait() // stop reads the state
		close(p.exited)
	}()
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// answers waits until a GET of the address is answered 200, and says how long
// the program took from its start.
func (p *process) answers(ctx context.Context, client *http.Client, started time.Time, address string) (time.Duration, error) {
	for time.Since(started) < startTime {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return 0, err
		}
		if res, err := client.Do(r); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return time.Since(started), nil
			}
		}
		select {
		case <-p.exited:
			return 0, fmt.Errorf("%s ended before it answered:\n%s", p.name, p.tail())
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
	return 0, fmt.Errorf("%s does not answer:\n%s", p.name, p.tail())
}

// stop asks the program to end and waits for it.
func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(35 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.exited
		return fmt.Errorf("%s did not stop", p.name)
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("%s ended with code %d:\n%s", p.name, code, p.tail())
	}
	return nil
}

// tail is the end of what the program printed.
func (p *process) tail() string {
	raw, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(raw[max(0, len(raw)-2000):])
}

// failures are the lines in the program's log of requests that it failed.
func (p *process) failures() (int, error) {
	raw, err := os.ReadFile(p.log)
	return bytes.Count(raw, []byte(`"level":"ERROR"`)), err
}

// cpu is the processor time that a process has used so far, in user and kernel
// mode, all threads: the sum of utime and stime in /proc/PID/stat, by the clock of
// the process, which is finer than the 10 ms there.
func cpu(pid int) (time.Duration, error) {
	var t unix.Timespec
	// The clock of another process, as clock_getcpuclockid(3) makes it.
	if err := unix.ClockGettime(int32(^pid<<3|2), &t); err != nil {
		return 0, fmt.Errorf("reading the clock of process %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}

// memory is what a process holds in RAM now and held at most, in bytes.
func memory(pid int) (now, most int64, err error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	return parseMemory(string(raw))
}

// parseMemory reads proc_pid_status(5).
func parseMemory(status string) (now, most int64, err error) {
	for line := range strings.Lines(status) {
		name, rest, _ := strings.Cut(line, ":")
		var target *int64
		switch name {
		case "VmRSS":
			target = &now
		case "VmHWM":
			target = &most
		default:
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("reading %s: %w", name, err)
		}
		*target = kib << 10
	}
	if now == 0 || most == 0 {
		return 0, 0, errors.New("no VmRSS and VmHWM in the status of the process")
	}
	return now, most, nil
}

// freeAddr is an address of loopback that nobody listens on.
func freeAddr(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}
