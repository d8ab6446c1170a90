//go:build interop

package interop_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	startTime = 30 * time.Second // a process answers
	stopTime  = 15 * time.Second // it ends when asked to
)

// process is a program of ours or of another party, in a process group of its
// own, so that nothing of it stays.
type process struct {
	name   string
	cmd    *exec.Cmd
	log    *log
	exited chan struct{}
}

// start runs a program until something listens at addr.
func start(ctx context.Context, addr string, cmd *exec.Cmd) (*process, error) {
	p := &process{name: filepath.Base(cmd.Path), cmd: cmd, log: &log{}, exited: make(chan struct{})}
	if cmd.Stdout == nil {
		cmd.Stdout = p.log
	}
	cmd.Stderr = p.log
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second // for children that hold the log open
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = cmd.Wait()
		close(p.exited)
	}()
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		if err == nil {
			_ = c.Close()
			return p, nil
		}
		select {
		case <-p.exited:
			return nil, fmt.Errorf("%s ended: %v\n%s", p.name, cmd.ProcessState, p.log)
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("%s does not listen at %s\n%s", p.name, addr, p.log), p.stop())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// ended reports whether the process is gone.
func (p *process) ended() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// stop asks the process to end, then ends its whole group.
func (p *process) stop() error {
	var err error
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(stopTime):
		err = fmt.Errorf("%s did not end in %v", p.name, stopTime)
	}
	if e := syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL); e != nil && !errors.Is(e, syscall.ESRCH) {
		err = errors.Join(err, e)
	}
	<-p.exited
	return err
}

// startParty runs a program of another maker for one test.
func startParty(t *testing.T, addr string, env []string, command ...string) {
	t.Helper()
	cmd := exec.CommandContext(gw.ctx, command[0], command[1:]...)
	cmd.Env = env
	startCommand(t, addr, cmd)
}

// startCommand runs a command for one test and prints its log if that fails. It
// ends with the test, or with the whole run's time.
func startCommand(t *testing.T, addr string, cmd *exec.Cmd) {
	t.Helper()
	p, err := start(gw.ctx, addr, cmd)
	must(t, err)
	t.Cleanup(func() {
		if err := p.stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("log of %s:\n%s", p.name, p.log)
		}
	})
}

// freeAddr is a loopback address with n free ports from there on. They lie below
// those that the system gives to outgoing connections, so that none of these takes
// one of them before its program starts.
func freeAddr(n int) (string, error) {
	const first, last = 20000, 32000
	for range 50 {
		offset, err := rand.Int(rand.Reader, big.NewInt(int64(last-first-n)))
		if err != nil {
			return "", err
		}
		port, free := first+int(offset.Int64()), true
		var listeners []net.Listener
		for i := 0; i < n && free; i++ {
			l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port+i))
			if free = err == nil; free {
				listeners = append(listeners, l)
			}
		}
		for _, l := range listeners {
			_ = l.Close()
		}
		if free {
			return fmt.Sprintf("127.0.0.1:%d", port), nil
		}
	}
	return "", fmt.Errorf("no %d free ports in a row", n)
}

// environment is what a party's process sees: no more of ours than it needs.
func environment(more ...string) []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "LANG=C.UTF-8", "NO_PROXY=*", "no_proxy=*"}
	return append(env, more...)
}

// log collects what a process prints.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.text.Bytes())
}

func (l *log) String() string { return string(l.bytes()) }
