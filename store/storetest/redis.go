package storetest

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Redis is a redis-server of a test, on loopback and a free port.
type Redis struct {
	Addr string // host:port
	Dir  string // where it keeps its files

	t    testing.TB
	file string // configuration; "" but for a sentinel
	args []string
	cmd  *exec.Cmd
	out  *bytes.Buffer
	done chan struct{}
}

// StartRedis starts a server with more arguments, such as "--appendonly", "yes",
// and waits until it answers. It ends with the test.
func StartRedis(t testing.TB, args ...string) *Redis {
	t.Helper()
	r := &Redis{Addr: FreeAddr(t), Dir: t.TempDir(), t: t, args: args}
	r.Start()
	return r
}

// StartSentinel starts a sentinel with a configuration file, which it rewrites.
func StartSentinel(t testing.TB, file string) *Redis {
	t.Helper()
	r := &Redis{Addr: FreeAddr(t), Dir: t.TempDir(), t: t, file: file}
	r.Start()
	return r
}

// Start starts a server that was killed, on the same port and with the same files.
func (r *Redis) Start() {
	r.t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		r.t.Fatal("no redis-server here: apt-get install redis-server, or scripts/deps.sh as root")
	}
	host, port, err := net.SplitHostPort(r.Addr)
	if err != nil {
		r.t.Fatal(err)
	}
	args := append([]string{
		"--bind", host, "--port", port, "--dir", r.Dir, "--save", "", "--appendonly", "no",
	}, r.args...)
	if r.file != "" {
		args = []string{r.file, "--sentinel", "--bind", host, "--port", port, "--dir", r.Dir}
	}
	r.out, r.done = new(bytes.Buffer), make(chan struct{})
	r.cmd = exec.CommandContext(context.WithoutCancel(r.t.Context()), path, args...)
	r.cmd.Stdout, r.cmd.Stderr = r.out, r.out
	// A test that is killed takes its server with it.
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := r.cmd.Start(); err != nil {
		r.t.Fatalf("starting redis-server: %v", err)
	}
	cmd, done := r.cmd, r.done
	go func() {
		_ = cmd.Wait() // it is killed: the error says so
		close(done)
	}()
	r.t.Cleanup(r.Kill)
	r.await()
}

// await waits until the server's port takes connections.
func (r *Redis) await() {
	r.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		select {
		case <-r.done:
			r.t.Fatalf("redis-server ended:\n%s", r.out)
		default:
		}
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(r.t.Context(), "tcp", r.Addr)
		if err == nil {
			_ = conn.Close()
			return
		}
	}
	r.Kill()
	r.t.Fatalf("redis-server does not answer:\n%s", r.out)
}

// Kill ends the server at once (SIGKILL) and waits until it has gone.
func (r *Redis) Kill() {
	_ = r.cmd.Process.Kill() // gone already is as good
	<-r.done
}

// Pause stops the server where it is (SIGSTOP), until Resume.
func (r *Redis) Pause() { r.signal(syscall.SIGSTOP) }

// Resume lets a server that was paused go on.
func (r *Redis) Resume() { r.signal(syscall.SIGCONT) }

func (r *Redis) signal(s syscall.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(s); err != nil {
		r.t.Fatalf("signalling redis-server: %v", err)
	}
}

// CLI runs one command by redis-cli and gives its answer.
func (r *Redis) CLI(args ...string) string {
	r.t.Helper()
	host, port, err := net.SplitHostPort(r.Addr)
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.t.Context()), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "redis-cli", append([]string{"-e", "-h", host, "-p", port}, args...)...) //nolint:gosec // the test's own words
	cmd.Env = append(os.Environ(), "NO_COLOR=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("redis-cli %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// age makes everything that the server holds older.
const age = `for _, key in ipairs(redis.call('KEYS', '*')) do
	local ends = redis.call('PEXPIRETIME', key)
	if ends > 0 then redis.call('PEXPIREAT', key, ends - ARGV[1]) end
end
return 'OK'`

// Age makes everything that the server holds so much older: nobody moves Redis'
// clock.
func (r *Redis) Age(d time.Duration) {
	r.t.Helper()
	r.CLI("EVAL", age, "0", strconv.FormatInt(d.Milliseconds(), 10))
}

var ports struct {
	sync.Mutex
	given map[string]bool
}

// FreeAddr is an address of loopback whose port nobody listens on, and which no
// other call was given. Redis' cluster bus takes the port 10000 above it.
func FreeAddr(t testing.TB) string {
	t.Helper()
	ports.Lock()
	defer ports.Unlock()
	if ports.given == nil {
		ports.given = make(map[string]bool)
	}
	for range 1000 {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr, port := l.Addr().String(), l.Addr().(*net.TCPAddr).Port
		_ = l.Close()
		if port <= 55000 && !ports.given[addr] {
			ports.given[addr] = true
			return addr
		}
	}
	t.Fatal("no free port")
	return ""
}
