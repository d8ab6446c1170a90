package main_test

import "fmt"

// issued is a token set that a relying party of these tests was given.
type issued struct{}

// stopAndInspect ends the process and says what is wrong with its end.
func (d *demoRun) stopAndInspect() []string {
	if code := d.terminate(); code != 0 {
		return []string{fmt.Sprintf("exit code = %d, want 0\n%s", code, d.stderr.Bytes())}
	}
	return nil
}
