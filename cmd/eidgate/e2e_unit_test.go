package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestSystemdUnit has systemd read the unit, where it is installed, and holds its
// commands against the binary's.
func TestSystemdUnit(t *testing.T) {
	raw, err := os.ReadFile("../../deploy/systemd/eidgate.service")
	must(t, err)
	settings := map[string][]string{}
	section := ""
	for i, line := range strings.Split(string(raw), "\n") {
		switch name, value, ok := strings.Cut(line, "="); {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]"):
			section = line
		case !ok || section == "" || name != strings.TrimSpace(name):
			t.Errorf("line %d is no setting: %q", i+1, line)
		default:
			settings[section+name] = append(settings[section+name], value)
		}
	}
	for name, want := range map[string]string{
		"DynamicUser": "yes", "ProtectSystem": "strict", "NoNewPrivileges": "yes", "StateDirectory": "eidgate", "TimeoutStopSec": "35",
		"ExecReload": "/bin/kill -HUP $MAINPID", "LoadCredentialEncrypted": "master.key:/etc/credstore.encrypted/master.key",
	} {
		if got := strings.Join(settings["[Service]"+name], " "); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"ExecStart", "ExecStartPre"} {
		words := strings.Fields(strings.Join(settings["[Service]"+name], " "))
		if len(words) != 4 || words[0] != "/usr/local/bin/eidgate" || words[2] != "--config" {
			t.Fatalf("%s = %v, want a command with a configuration", name, words)
		}
		if exit, out, errs := run(t, words[1], "--help"); exit != 0 || !strings.Contains(out, "--config") {
			t.Errorf("eidgate %s --help: exit %d, %q, %q", words[1], exit, out, errs)
		}
	}
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Log("systemd is not installed here; its settings were read by this test alone")
		return
	}
	unit := filepath.Join(t.TempDir(), "eidgate.service")
	must(t, os.WriteFile(unit, []byte(strings.ReplaceAll(string(raw), "/usr/local/bin/eidgate", binary)), 0o600))
	if out, err := exec.CommandContext(t.Context(), analyze, "verify", unit).CombinedOutput(); err != nil || strings.Contains(string(out), "eidgate.service:") {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}
