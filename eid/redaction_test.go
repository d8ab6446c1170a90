package eid_test

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"eidgate/eid"
)

// hidden are the values that must never show, each with the text it hides.
func hidden(t *testing.T) map[string]struct {
	value any
	text  string
} {
	t.Helper()
	n, err := eid.ParsePersonalNumber(synthetic)
	if err != nil {
		t.Fatalf("ParsePersonalNumber() error = %v", err)
	}
	type of = struct {
		value any
		text  string
	}
	return map[string]of{
		"PersonalNumber":        {n, synthetic},
		"Identifier":            {eid.IdentifierOf(n), synthetic},
		"Identifier (passport)": {eid.NewIdentifier(eid.KindPassport, "LAO", "P87654321"), "P87654321"},
		"Secret":                {eid.NewSecret("correct horse battery"), "correct horse battery"},
	}
}

// leaks reports whether out holds the text, plain or in an encoding that a
// printing verb gives. All but the last three characters count: those are
// shown on purpose.
func leaks(out, text string) bool {
	head := text[:len(text)-3]
	low := strings.ToLower(out)
	for _, form := range []string{
		head,
		hex.EncodeToString([]byte(head)),
		fmt.Sprintf("% x", head),
		strings.TrimSuffix(fmt.Sprintf("%#v", []byte(head)), "}"),
		strings.Trim(fmt.Sprint([]byte(head)), "[]"),
		base64.StdEncoding.EncodeToString([]byte(head[:len(head)/3*3])),
	} {
		if strings.Contains(low, strings.ToLower(form)) {
			return true
		}
	}
	return false
}

// A holder of each kind: the ways in which values travel to a printer.
type exported struct{ Value any }
type unexported struct{ value any }

func wrapped(value any) map[string]any {
	return map[string]any{
		"plain":               value,
		"pointer":             &value,
		"struct":              exported{value},
		"pointer to struct":   &exported{value},
		"nested struct":       exported{exported{value}},
		"unexported field":    unexported{value},
		"pointer, unexported": &unexported{value},
		"slice":               []any{value},
		"array":               [1]any{value},
		"map":                 map[string]any{"key": value},
		"map key":             map[any]int{value: 1},
	}
}

// typed are the same ways with static types, which printers treat differently.
func typed(t *testing.T) map[string]any {
	t.Helper()
	n, err := eid.ParsePersonalNumber(synthetic)
	if err != nil {
		t.Fatalf("ParsePersonalNumber() error = %v", err)
	}
	id := eid.IdentifierOf(n)
	return map[string]any{
		"*PersonalNumber":     &n,
		"*Identifier":         &id,
		"[]PersonalNumber":    []eid.PersonalNumber{n},
		"PersonalNumber key":  map[eid.PersonalNumber]bool{n: true},
		"Identifier key":      map[eid.Identifier]bool{id: true},
		"Identifier value":    map[string]eid.Identifier{"id": id},
		"Person":              eid.Person{Identifier: id},
		"*Account":            &eid.Account{Person: eid.Person{Identifier: id}},
		"embedded number":     struct{ eid.PersonalNumber }{n},
		"embedded identifier": struct{ eid.Identifier }{id},
		"unexported number":   struct{ n eid.PersonalNumber }{n},
		"unexported id":       struct{ id eid.Identifier }{id},
		"unexported person":   struct{ p eid.Person }{eid.Person{Identifier: id}},
	}
}

// everyValue calls yield with each hidden value in each wrapping.
func everyValue(t *testing.T, yield func(t *testing.T, value any, text string)) {
	t.Helper()
	for name, h := range hidden(t) {
		for way, value := range wrapped(h.value) {
			t.Run(name+"/"+way, func(t *testing.T) { yield(t, value, h.text) })
		}
	}
	for way, value := range typed(t) {
		t.Run("typed/"+way, func(t *testing.T) { yield(t, value, synthetic) })
	}
}

func TestFormattingHides(t *testing.T) {
	verbs := []string{
		"%v", "%+v", "%#v", "%s", "%+s", "%#s", "%q", "%+q", "%#q", "%d", "%x", "%X", "% x", "%#x", "%o", "%b", "%c",
		"%U", "%e", "%t", "%20v", "%-20s", "%.12s", "%p", "%w", "%z", "%!",
	}
	everyValue(t, func(t *testing.T, value any, text string) {
		for _, verb := range verbs {
			if out := fmt.Sprintf(verb, value); leaks(out, text) {
				t.Errorf("Sprintf(%q) shows the text: %s", verb, out)
			}
			if out := fmt.Errorf("failed: "+verb, value).Error(); leaks(out, text) {
				t.Errorf("Errorf(%q) shows the text: %s", verb, out)
			}
		}
		if out := fmt.Sprint(value) + fmt.Sprintln(value) + errors.Join(fmt.Errorf("%v", value)).Error(); leaks(out, text) {
			t.Errorf("Sprint() shows the text: %s", out)
		}
		noVerb := "no verb"
		if out := fmt.Sprintf(noVerb, value); leaks(out, text) { //nolint:staticcheck // the surplus argument is the point
			t.Errorf("Sprintf() of a surplus argument shows the text: %s", out)
		}
	})
}

func TestLoggingHides(t *testing.T) {
	everyValue(t, func(t *testing.T, value any, text string) {
		var out bytes.Buffer
		options := &slog.HandlerOptions{AddSource: false, Level: slog.LevelDebug}
		for _, handler := range []slog.Handler{slog.NewJSONHandler(&out, options), slog.NewTextHandler(&out, options)} {
			log := slog.New(handler)
			log.Info("attribute", "value", value)
			log.Info("any", slog.Any("value", value))
			log.Info("group", slog.Group("group", "value", value))
			log.With("value", value).WithGroup("group").Info("with", "value", value)
			log.Info("error", "err", fmt.Errorf("failed: %v", value))
		}
		if lines := strings.Count(out.String(), "\n"); lines != 10 {
			t.Errorf("logged %d lines, want 10", lines)
		}
		if leaks(out.String(), text) {
			t.Errorf("the log shows the text: %s", out.String())
		}
	})
}

// An encoder may refuse a value, but neither its output nor its error tells it.
func TestEncodingHides(t *testing.T) {
	everyValue(t, func(t *testing.T, value any, text string) {
		out, err := json.Marshal(value)
		if leaks(string(out), text) || err != nil && leaks(err.Error(), text) {
			t.Errorf("json.Marshal() = %s, %v, which shows the text", out, err)
		}
		var stream bytes.Buffer
		err = gob.NewEncoder(&stream).Encode(value)
		if leaks(stream.String(), text) || err != nil && leaks(err.Error(), text) {
			t.Errorf("gob.Encode() = %q, %v, which shows the text", stream.String(), err)
		}
	})
}

// As the key of a JSON object, which is written by another path than a value.
func TestJSONKeysHide(t *testing.T) {
	n, err := eid.ParsePersonalNumber(synthetic)
	if err != nil {
		t.Fatalf("ParsePersonalNumber() error = %v", err)
	}
	out, err := json.Marshal(map[eid.PersonalNumber]int{n: 1})
	if err != nil || leaks(string(out), synthetic) || !strings.Contains(string(out), "456") {
		t.Errorf("json.Marshal(map[PersonalNumber]int) = %s, %v, want a masked key", out, err)
	}
	secret := eid.NewSecret("correct horse battery")
	out, err = json.Marshal(map[string]eid.Secret{"password": secret})
	if got, want := string(out), `{"password":"[redacted]"}`; err != nil || got != want {
		t.Errorf("json.Marshal(map[string]Secret) = %s, %v, want %s", got, err, want)
	}
}

// What is hidden is still there for the code that must have it.
func TestRevealGives(t *testing.T) {
	secret := eid.NewSecret("correct horse battery")
	if got, want := secret.Reveal(), "correct horse battery"; got != want {
		t.Errorf("Reveal() = %q, want %q", got, want)
	}
	if secret.IsZero() || !(eid.Secret{}).IsZero() || !eid.NewSecret("").IsZero() {
		t.Error("IsZero() is wrong: want the empty secret alone to be zero")
	}
	if got, want := fmt.Sprint(secret), "[redacted]"; got != want {
		t.Errorf("Sprint() = %q, want %q", got, want)
	}
	if got, want := fmt.Sprint(eid.Secret{}), "[redacted]"; got != want {
		t.Errorf("Sprint() of no secret = %q, want %q: its absence is not told either", got, want)
	}
}
