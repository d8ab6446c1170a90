package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal opens a new one: what a person sits at, and what a program does.
func terminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	must(t, err)
	must(t, unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	must(t, err)
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	must(t, err)
	t.Cleanup(func() { _ = person.Close() })
	return person, program
}

// On a terminal a dangerous verb asks, and takes nothing but yes for an answer.
func TestKeysAsk(t *testing.T) {
	d := startDemo(t)
	k := keysVerbs{where: []string{"--data", d.Dir}, said: &syncBuffer{}}
	signing := k.key(t, "logout", "ES256", "signing")
	for _, tt := range []struct {
		typed string
		exit  int
		says  string
	}{
		{"\n", 1, "nothing was done"}, {"y\n", 1, "nothing was done"}, {"no\n", 1, "nothing was done"},
		{"\x04", 1, "nothing was done"}, {"\x03", 1, "nothing was done"}, // end of input, Ctrl-C
		{"yes\n", 0, "revoked: " + signing},
	} {
		if got := k.key(t, "logout", "ES256", "signing"); got != signing {
			t.Fatalf("%s signs, want %s as before", got, signing)
		}
		exit, said := onTerminal(t, tt.typed, "keys", "revoke", "--data", d.Dir, "--reason", "drill", "--", signing)
		if exit != tt.exit || !strings.Contains(said, tt.says) || !strings.Contains(said, "takes over in the same step") {
			t.Errorf("answering %q = %d %q, want %d and %q", tt.typed, exit, said, tt.exit, tt.says)
		}
	}
}

// onTerminal runs the binary at a terminal where somebody types once it asks.
func onTerminal(t *testing.T, typed string, args ...string) (exit int, said string) {
	t.Helper()
	person, program := terminal(t)
	c := exec.CommandContext(t.Context(), binary, args...)
	c.Stdin, c.Stdout, c.Stderr = program, program, program
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	must(t, c.Start())
	must(t, program.Close())
	var text strings.Builder
	buf, asked := make([]byte, 4096), false
	for {
		n, err := person.Read(buf)
		text.Write(buf[:n])
		if !asked && strings.Contains(text.String(), "Type yes: ") {
			asked = true
			_, err := person.WriteString(typed)
			must(t, err)
		}
		if err != nil { // the program has ended
			break
		}
	}
	_ = c.Wait() // the code says
	return c.ProcessState.ExitCode(), text.String()
}
