package main

import (
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"eidgate/cmd/eidgate/demo"
	"eidgate/config"
)

// Files that `eidgate init` writes.
const (
	initialConfig = "eidgate.yaml"
	initialSecret = "portal.secret"
	initialPerson = "person.json"
)

// initialText is the configuration to begin with; initialWords fill it in.
//
//go:embed initial.yaml
var initialText string

// syntheticPerson exists nowhere.
const syntheticPerson = `{
  "personal_number": "001188000901",
  "name": "Nguyễn Thị Thử",
  "birth_date": "1988-03-08",
  "gender": "female",
  "nationality": "VNM",
  "address": "Dữ liệu giả định, số 1 phố Thử Nghiệm",
  "email": "thu@example.test",
  "level": 2
}
`

// newInit makes `eidgate init`.
func newInit() *cobra.Command {
	c := &cobra.Command{
		Use: "init DIR", Short: "write a small configuration to begin with",
		Long: `init makes a directory with a configuration that signs people in on this machine:
the built-in account system as the only source, and a portal to try it with. It
writes eidgate.yaml, portal.secret and person.json, a synthetic person, and
replaces nothing that is there.`,
		Args: func(_ *cobra.Command, words []string) error {
			if len(words) != 1 || words[0] == "" {
				return usageError{errors.New("name the directory to make, such as: eidgate init eidgate-try")}
			}
			return nil
		},
	}
	addr := c.Flags().String("addr", "127.0.0.1:8400", "address of the gateway; the next two ports are for metrics and the portal")
	c.RunE = func(c *cobra.Command, words []string) error {
		dir := words[0]
		block, err := portsFrom(*addr)
		if err != nil {
			return err
		}
		portal := block.portal2 // the port after the metrics'
		if err := writeInitial(dir, block.gateway, block.portal1, portal); err != nil {
			return err
		}
		file := filepath.Join(dir, initialConfig)
		if _, err := config.Load(file, nil); err != nil {
			return fmt.Errorf("the configuration that was written cannot be used:\n%w", err)
		}
		fmt.Fprintf(c.OutOrStdout(), `made: %[1]s, %[2]s and %[3]s, a synthetic person

next, make the account, start the gateway, and in another terminal the portal:
  eidgate accounts add --config %[1]s --file %[3]s --new-secrets
  eidgate serve --config %[1]s
  eidgate portal --config %[1]s
then open http://%[4]s
`, file, filepath.Join(dir, initialSecret), filepath.Join(dir, initialPerson), portal)
		return nil
	}
	return c
}

// writeInitial writes the files. The configuration comes last and marks the whole.
func writeInitial(dir, gateway, metrics, portal string) error {
	if _, err := os.Lstat(filepath.Join(dir, initialConfig)); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there already; name another directory", filepath.Join(dir, initialConfig))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the directory: %w", err)
	}
	words := strings.NewReplacer("GATEWAY", gateway, "METRICS", metrics, "PORTAL", portal,
		"/CALLBACK", demo.CallbackPath, "/SIGNED-OUT", demo.LoggedOutPath, "/BACKCHANNEL", demo.BackchannelPath)
	for _, file := range []struct{ name, text string }{
		{initialSecret, rand.Text() + rand.Text() + "\n"}, {initialPerson, syntheticPerson}, {initialConfig, words.Replace(initialText)},
	} {
		if err := writeNew(filepath.Join(dir, file.name), file.text); err != nil {
			return err
		}
	}
	return nil
}

// writeNew writes a file for its owner alone that is not there yet.
func writeNew(name, text string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
