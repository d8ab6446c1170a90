package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
)

// output is how a verb prints what it found: a table for people, or the same as JSON
// or YAML for programs, whose fields are those of the value's json tags. Times are in
// UTC there, and in Việt Nam's zone in tables.
type output string

const (
	outputTable output = "table"
	outputJSON  output = "json"
	outputYAML  output = "yaml"
)

// outputs are the formats, the standard first.
func outputs() []string { return []string{string(outputTable), string(outputJSON), string(outputYAML)} }

// outputFlag adds --output.
func outputFlag(c *cobra.Command) *output {
	o := outputTable
	c.Flags().VarP(&o, "output", "o", "table, json or yaml")
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(outputs(), cobra.ShellCompDirectiveNoFileComp)) // fails for a flag that is not there
	return &o
}

// String is the format's name.
func (o *output) String() string { return string(*o) }

// Set refuses what is no format.
func (o *output) Set(text string) error {
	if !slices.Contains(outputs(), text) {
		return errors.New("want table, json or yaml")
	}
	*o = output(text)
	return nil
}

// Type names the value in help.
func (*output) Type() string { return "FORMAT" }

// print writes value to w; table writes it for people, cells parted by tabs.
func (o *output) print(w io.Writer, value any, table func(w io.Writer)) error {
	switch *o {
	case outputJSON:
		return printJSON(w, value)
	case outputYAML:
		return printYAML(w, value)
	case outputTable:
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	table(t)
	return t.Flush()
}

// printYAML writes what printJSON would write as YAML, the fields in the same order.
func printYAML(out io.Writer, value any) error {
	var text bytes.Buffer
	if err := printJSON(&text, value); err != nil {
		return err
	}
	// JSON is YAML, save for a line break of Unicode that YAML alone knows.
	raw := bytes.ReplaceAll(text.Bytes(), []byte("\u0085"), []byte(`\u0085`))
	var doc yaml.Node
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		return fmt.Errorf("writing YAML: %w", err)
	}
	plain(&doc)
	e := yaml.NewEncoder(out)
	e.SetIndent(2)
	return errors.Join(e.Encode(&doc), e.Close())
}

// plain takes the brackets and quotes of JSON away, where YAML needs none.
func plain(n *yaml.Node) {
	n.Style = 0
	for _, child := range n.Content {
		plain(child)
	}
}

// printable is text of strangers as a line of a table may hold it: without control
// characters, which terminals obey, and without what turns the direction of a line.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) {
			return '\ufffd'
		}
		return r
	}, text)
}

// jsonFlag adds --json, as verbs had it before --output.
func jsonFlag(c *cobra.Command, o *output) {
	c.Flags().BoolFunc("json", "the same as --output json", func(text string) error {
		if text == "true" {
			*o = outputJSON
		}
		return nil
	})
}
