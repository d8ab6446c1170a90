package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/invopop/jsonschema"

	"eidgate/eid"
)

// Schema is the JSON Schema (draft 2020-12) of the configuration file, for
// editors. It knows the shape: keys, kinds of values, words, and bounds of
// numbers. What hangs on other keys, only Load can tell.
func Schema() ([]byte, error) {
	texts, err := descriptions()
	if err != nil {
		return nil, err
	}
	reflector := &jsonschema.Reflector{
		Anonymous: true, DoNotReference: true, RequiredFromJSONSchemaTags: true, FieldNameTag: "koanf",
		LookupComment: func(t reflect.Type, field string) string { return texts[t.Name()+"."+field] },
	}
	reflector.Mapper = func(t reflect.Type) *jsonschema.Schema { return shape(reflector, t) }
	root := reflector.Reflect(Config{})
	root.Title = "Configuration of eidgate"
	refine("", reflect.ValueOf(*Default()), root)
	raw, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing schema: %w", err)
	}
	return append(raw, '\n'), nil
}

// Forms of texts, as the decoder reads them.
const (
	durationForm = `^[+-]?(0|(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$`
	dateForm     = `^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}([.,][0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2}))?$`
)

// shape is the schema of a type that the decoder reads in a way of its own; nil
// for every other type.
func shape(r *jsonschema.Reflector, t reflect.Type) *jsonschema.Schema {
	text := func(form string) *jsonschema.Schema { return &jsonschema.Schema{Type: "string", Pattern: form} }
	switch t {
	case reflect.TypeFor[time.Duration]():
		return text(durationForm)
	case reflect.TypeFor[time.Time]():
		return text(dateForm)
	case reflect.TypeFor[eid.Secret]():
		return text("")
	case reflect.TypeFor[eid.Level]():
		return &jsonschema.Schema{Enum: []any{1, 2, "1", "2"}}
	case reflect.TypeFor[Ceilings]():
		one := shape(r, reflect.TypeFor[eid.Level]())
		dated := r.Reflect(Ceiling{})
		dated.Version = ""
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{one, {Type: "array", Items: dated, MinItems: number(1)}}}
	case reflect.TypeFor[KeySet]():
		keys := jsonschema.NewProperties()
		keys.Set("keys", &jsonschema.Schema{
			Type: "array", Items: &jsonschema.Schema{Type: "object"}, MinItems: number(1), MaxItems: number(maxKeys),
		})
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{text(""), {Type: "object", Properties: keys, Required: []string{"keys"}}}}
	case reflect.TypeFor[map[eid.Level]string]():
		levels := jsonschema.NewProperties()
		levels.Set("1", text(""))
		levels.Set("2", text(""))
		return &jsonschema.Schema{Type: "object", Properties: levels, AdditionalProperties: jsonschema.FalseSchema}
	}
	return nil
}

func number(n uint64) *uint64 { return &n }

// refine adds what the checks know of the key at path and of those below it.
// standard is what holds where the file is silent.
func refine(path string, standard reflect.Value, s *jsonschema.Schema) {
	at := pattern(path)
	for _, word := range words(at) {
		s.Enum = append(s.Enum, word)
	}
	s.Required = append(s.Required, required(at)...)
	for _, b := range Default().times() {
		if b.path == path {
			s.Description += " From " + short(b.least) + " to " + short(b.most) + "."
		}
	}
	for _, b := range Default().counts() {
		if b.path == path {
			s.Minimum, s.Maximum = json.Number(strconv.Itoa(b.least)), json.Number(strconv.Itoa(b.most))
		}
	}
	if path == "keys.rsa_bits" {
		for _, size := range rsaSizes() {
			s.Enum = append(s.Enum, size)
		}
	}
	if standard.Kind() == reflect.Pointer {
		standard = reflect.Zero(standard.Type().Elem())
	}
	switch {
	case s.Properties != nil && standard.Kind() == reflect.Struct:
		for i, key := range keysOf(standard.Type()) {
			if property, ok := s.Properties.Get(key); ok {
				refine(member(path, key), standard.Field(i), property)
			}
		}
	case s.Items != nil && standard.Kind() == reflect.Slice:
		refine(item(path, 0), reflect.Zero(standard.Type().Elem()), s.Items)
	case !standard.IsZero():
		s.Default = plain(standard)
	}
	slices.Sort(s.Required)
}

// plain is a value as the file writes it.
func plain(v reflect.Value) any {
	if d, ok := v.Interface().(time.Duration); ok {
		return short(d)
	}
	return v.Interface()
}
