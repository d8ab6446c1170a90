package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestRulesOfOnesOwn begins with a set that is shown as a file: changed, it stands in its
// place; broken, check names it.
func TestRulesOfOnesOwn(t *testing.T) {
	run := func(c *cobra.Command, words ...string) (string, error) {
		var out bytes.Buffer
		c.SilenceErrors, c.SilenceUsage = true, true
		c.SetOut(&out)
		c.SetErr(&out)
		c.SetArgs(words)
		err := c.Execute()
		return out.String(), err
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	set, cfg := filepath.Join(dir, "decree-69-2024.json"), filepath.Join(t.TempDir(), "eidgate.yaml")
	write(cfg, "issuer: http://127.0.0.1:8899\nlisten: 127.0.0.1:8899\ndata: "+t.TempDir()+"\nrules:\n  directory: "+dir+"\n")
	file, err := run(newRules(), "show", "--at", "2026-11-22", "--file")
	if err != nil {
		t.Fatal(err)
	}
	write(set, strings.Replace(file, `"activation_hours": 24`, `"activation_hours": 48`, 1))
	shown, err := run(newRules(), "show", "--at", "2026-11-22", "--config", cfg)
	if err != nil || !strings.Contains(strings.Join(strings.Fields(shown), " "), "times.activation_hours 48 assumed") {
		t.Errorf("rules show = %v, want 48 hours\n%s", err, shown)
	}
	if said, err := run(newCheck(), "--config", cfg); err != nil || !strings.Contains(said, "rules decree-69-2024") {
		t.Errorf("check = %v, want the set that is in force\n%s", err, said)
	}
	write(set, strings.Replace(file, `"activation_hours": 24`, `"activation_hours": 0`, 1))
	if said, err := run(newCheck(), "--config", cfg); err == nil || !strings.Contains(err.Error(), set+": times.activation_hours") {
		t.Errorf("check of a broken set = %v, want its path and its fault\n%s", err, said)
	}
}
