package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"testing"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
)

// TestOutput: what a program reads is the same in JSON and YAML, whatever the text.
func TestOutput(t *testing.T) {
	type row struct {
		ID     int64    `json:"id"`
		Text   string   `json:"text"`
		Number *float64 `json:"number"`
	}
	hostile := []string{"", "yes", "0123", "1e3", "null", "~", "- a", "a: b", "#x", " lead", "trail ", "two\nlines\n", "\"q\"", "'", "\x1b[31mred\a", "{[&*!|>%@`", "Nguyễn Văn A", "2026-01-31", "\u2028", "<script>", "\u0085"}
	var rows []row
	for i, text := range hostile {
		rows = append(rows, row{ID: int64(i) << 50, Text: text})
	}
	value := map[string]any{"rows": rows, "none": []row{}}
	want := ""
	for _, format := range []string{"json", "yaml"} {
		var o output
		if err := o.Set(format); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := o.print(&out, value, nil); err != nil {
			t.Fatal(err)
		}
		var read struct {
			Rows []row `json:"rows" yaml:"rows"`
			None []row `json:"none" yaml:"none"`
		}
		parse := json.Unmarshal
		if format == "yaml" {
			parse = yaml.Unmarshal
		}
		if err := parse(out.Bytes(), &read); err != nil {
			t.Fatalf("%s: %v\n%s", format, err, out.String())
		}
		if !reflect.DeepEqual(read.Rows, rows) || read.None == nil {
			t.Errorf("%s gives %+v, want %+v", format, read.Rows, rows)
		}
		if format == "yaml" && bytes.Contains(out.Bytes(), []byte(`"id"`)) {
			t.Errorf("YAML is JSON: %s", out.String())
		}
		want += out.String()
	}
	if bytes.ContainsRune([]byte(want), 0x1b) {
		t.Error("an escape character reached the output")
	}
}

func TestOutputFlag(t *testing.T) {
	for _, tt := range []struct {
		words []string
		want  string
		fails bool
	}{
		{nil, "table", false},
		{[]string{"--output", "json"}, "json", false},
		{[]string{"-o", "yaml"}, "yaml", false},
		{[]string{"--output", "xml"}, "", true},
		{[]string{"--output="}, "", true},
	} {
		var got string
		c := &cobra.Command{Use: "x", SilenceErrors: true, SilenceUsage: true}
		o := outputFlag(c)
		c.RunE = func(*cobra.Command, []string) error {
			got = o.String()
			return nil
		}
		c.SetArgs(append([]string{}, tt.words...))
		if err := c.Execute(); (err != nil) != tt.fails || got != tt.want {
			t.Errorf("%v: %q, %v, want %q", tt.words, got, err, tt.want)
		}
	}
}

func TestOutputTable(t *testing.T) {
	var out bytes.Buffer
	o := outputTable
	err := o.print(&out, nil, func(w io.Writer) { fmt.Fprintf(w, "A\tB\nlong cell\t%s\n", printable("x\x1b[2J\u202e\n\u0085y")) })
	if want := "A          B\nlong cell  x\ufffd[2J\ufffd\ufffd\ufffdy\n"; err != nil || out.String() != want {
		t.Errorf("table = %q, %v, want %q", out.String(), err, want)
	}
}
