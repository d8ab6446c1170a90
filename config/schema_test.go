package config

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"eidgate/eid"
)

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	raw, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler() // checks the schema against draft 2020-12
	c.AssertFormat()
	if err := c.AddResource("eidgate.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("eidgate.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// instance is a file as a validator sees it; nil for what is no YAML of ours.
func instance(t *testing.T, file string) any {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	f := new(faults)
	tree, err := (&parser{f}).Unmarshal(raw)
	if err != nil || f.err() != nil {
		return nil
	}
	return asJSON(t, tree)
}

func asJSON(t *testing.T, tree any) any {
	t.Helper()
	text, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestSchemaTakesWhatLoads(t *testing.T) {
	s := compiled(t)
	for _, file := range []string{example, "../deploy/conformance/eidgate.yaml"} {
		if err := s.Validate(instance(t, file)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	if err := s.Validate(asJSON(t, map[string]any{})); err != nil {
		t.Errorf("an empty file, the environment says all: %v", err)
	}
}

// TestSchemaRefusesShapes: what is wrong with the other files of testdata hangs on
// several keys, on addresses, or on files.
func TestSchemaRefusesShapes(t *testing.T) {
	s := compiled(t)
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	beyond := []string{"empty", "issuer", "provers", "public-client", "reach", "server", "tls-half"}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		doc := instance(t, file)
		if doc == nil {
			continue // an editor says so without a schema
		}
		if err := s.Validate(doc); (err == nil) != slices.Contains(beyond, name) {
			t.Errorf("%s: schema says %v, want a refusal: %v", file, err, !slices.Contains(beyond, name))
		}
	}
}

// TestSchemaKnowsEveryKey walks the structs: each key is there, described, and no
// others are taken.
func TestSchemaKnowsEveryKey(t *testing.T) {
	raw, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	var root map[string]any
	if err := json.Unmarshal(raw, &root); err != nil {
		t.Fatal(err)
	}
	if root["$schema"] != "https://json-schema.org/draft/2020-12/schema" {
		t.Errorf("$schema = %v, want draft 2020-12", root["$schema"])
	}
	known := 0
	var walk func(path string, schema map[string]any, typ reflect.Type)
	walk = func(path string, schema map[string]any, typ reflect.Type) {
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
			if list, ok := schema["anyOf"].([]any); ok {
				schema = list[1].(map[string]any)
			}
			if items, ok := schema["items"].(map[string]any); ok && typ.Kind() == reflect.Slice {
				schema = items
			}
			typ = typ.Elem()
		}
		if !isBlock(typ) {
			return
		}
		if schema["additionalProperties"] != false {
			t.Errorf("%s takes unknown keys", path)
		}
		properties, _ := schema["properties"].(map[string]any)
		if len(properties) != typ.NumField() {
			t.Errorf("%s has %d keys, want %d", path, len(properties), typ.NumField())
		}
		for i, key := range keysOf(typ) {
			property, _ := properties[key].(map[string]any)
			text, _ := property["description"].(string)
			if len(text) < 10 || strings.HasPrefix(text, typ.Field(i).Name+" ") {
				t.Errorf("%s: description %q, want a sentence for operators", member(path, key), text)
			}
			known++
			walk(member(path, key), property, typ.Field(i).Type)
		}
	}
	walk("", root, reflect.TypeFor[Config]())
	if known < 60 {
		t.Errorf("%d keys, want all", known)
	}
}

// TestSchemaSaysWhatChecksSay holds words and required keys against the checks.
func TestSchemaSaysWhatChecksSay(t *testing.T) {
	load := func(change func(block map[string]any)) error {
		f := new(faults)
		raw, err := os.ReadFile(example)
		if err != nil {
			t.Fatal(err)
		}
		tree, err := (&parser{f}).Unmarshal(raw)
		if err != nil {
			t.Fatal(err)
		}
		change(tree)
		text, err := (&parser{f}).Marshal(tree)
		if err != nil {
			t.Fatal(err)
		}
		_, err = parse("example", text, nil)
		return err
	}
	first := func(tree map[string]any, block string) map[string]any {
		list, at := tree[strings.TrimSuffix(block, ".openid")].([]any), 0
		if block == "sources" || strings.HasSuffix(block, ".openid") {
			at = 1
		}
		m := list[at].(map[string]any)
		if strings.HasSuffix(block, ".openid") {
			return m["openid"].(map[string]any)
		}
		return m
	}
	for block, typ := range map[string]reflect.Type{
		"clients": reflect.TypeFor[Client](), "sources": reflect.TypeFor[Source](), "sources.openid": reflect.TypeFor[OpenID](),
	} {
		at := strings.Replace(block, ".", "[].", 1)
		if at == block {
			at += "[]"
		}
		for _, key := range keysOf(typ) {
			// The example leaves some keys out; these are no required ones.
			err := load(func(tree map[string]any) { delete(first(tree, block), key) })
			says := err != nil && strings.Contains(err.Error(), "."+key+": ")
			want := slices.Contains(required(at), key) || key == "reconcile" // which may be left out where there is a registry
			// One of several ways of giving a secret, and what a kind needs.
			if key == "client_secrets" || key == "client_secret" || key == "openid" {
				continue
			}
			if says != want {
				t.Errorf("%s without %s: Load() = %v, the schema requires it: %v", at, key, err, want)
			}
			for _, word := range append(words(at+"."+key), "bogus") {
				if words(at+"."+key) == nil {
					continue
				}
				err := load(func(tree map[string]any) { first(tree, block)[key] = word })
				if refused := err != nil && strings.Contains(err.Error(), "."+key+": not a known word"); refused != (word == "bogus") {
					t.Errorf("%s.%s: %s: Load() = %v", at, key, word, err)
				}
			}
		}
	}
	for _, b := range Default().counts() {
		for value, ok := range map[int]bool{b.least: true, b.most: true, b.least - 1: false, b.most + 1: false} {
			err := load(func(tree map[string]any) {
				path := strings.Split(b.path, ".")
				for _, block := range path[:len(path)-1] {
					if tree[block] == nil {
						tree[block] = map[string]any{}
					}
					tree = tree[block].(map[string]any)
				}
				tree[path[len(path)-1]] = value
			})
			if (err == nil) != ok {
				t.Errorf("%s: %d: Load() = %v, want ok %v", b.path, value, err, ok)
			}
		}
	}
}

func TestSchemaForms(t *testing.T) {
	s := compiled(t)
	for text, ok := range map[string]bool{"90s": true, "1h30m": true, "0": true, ".5s": true, "10": false, "10 m": false, "soon": false, "": false} {
		err := s.Validate(asJSON(t, map[string]any{"lifetimes": map[string]any{"login": text}}))
		if (err == nil) != ok {
			t.Errorf("length of time %q: %v, want ok %v", text, err, ok)
		}
	}
	for text, ok := range map[any]bool{1: true, 2: true, "2": true, 3: false, 0: false, true: false} {
		err := s.Validate(asJSON(t, map[string]any{"clients": []any{map[string]any{"min_level": text}}}))
		refused := err != nil && strings.Contains(err.Error(), "min_level': value must be one of")
		if refused == ok {
			t.Errorf("level %v: %v, want ok %v", text, err, ok)
		}
		if _, parsed := eid.ParseLevel(asText(text)); (parsed == nil) != ok {
			t.Errorf("ParseLevel(%v) = %v, want ok %v as the schema", text, parsed, ok)
		}
	}
}

func asText(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return strings.Trim(string(raw), `"`)
}
