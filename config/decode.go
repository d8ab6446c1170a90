package config

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"eidgate/eid"
)

// envText is a value from the environment: text whatever the field wants.
type envText string

// decoder writes a tree of maps, lists and scalars into a struct and reports
// what does not fit. It never repeats a value: any of them may be a secret.
type decoder struct{ faults *faults }

// into writes value to target, whose present value stays where it does not fit.
func (d decoder) into(path string, value any, target reflect.Value) {
	if text, ok := value.(envText); ok {
		path, value = envName(path), text.as(target)
	}
	if value == nil {
		d.faults.unreadable(path, "no value", "give one or remove the key")
		return
	}
	switch t := target.Addr().Interface().(type) {
	case *time.Duration:
		d.duration(path, value, t)
	case *time.Time:
		d.date(path, value, t)
	case *eid.Secret:
		if text, ok := scalar[string](d, path, value, "text in quotes"); ok {
			*t = eid.NewSecret(text)
		}
	case *eid.Level:
		d.level(path, value, t)
	case *Ceilings:
		d.ceilings(path, value, t)
	case *KeySet:
		d.keySet(path, value, t)
	default:
		d.kind(path, value, target)
	}
}

func (d decoder) kind(path string, value any, target reflect.Value) {
	switch target.Kind() {
	case reflect.String:
		if text, ok := scalar[string](d, path, value, "text, in quotes if it looks like a number"); ok {
			target.SetString(text)
		}
	case reflect.Bool:
		if b, ok := scalar[bool](d, path, value, "true or false"); ok {
			target.SetBool(b)
		}
	case reflect.Int:
		n, ok := scalar[int64](d, path, value, "a whole number")
		switch {
		case ok && (n > math.MaxInt32 || n < math.MinInt32):
			d.faults.unreadable(path, "a number out of range", "")
		case ok:
			target.SetInt(n)
		}
	case reflect.Slice:
		d.list(path, value, target)
	case reflect.Map:
		d.mapping(path, value, target)
	case reflect.Pointer:
		target.Set(reflect.New(target.Type().Elem()))
		d.into(path, value, target.Elem())
	case reflect.Struct:
		d.structure(path, value, target)
	default:
		// A field of Config of a kind nobody decodes: a mistake of this package.
		panic("config: no decoding of " + target.Type().String())
	}
}

func (d decoder) structure(path string, value any, target reflect.Value) {
	m, ok := scalar[map[string]any](d, path, value, "a block of keys")
	if !ok {
		return
	}
	names := keysOf(target.Type())
	for i, name := range names {
		if v, given := m[name]; given {
			d.into(member(path, name), v, target.Field(i))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if !slices.Contains(names, key) {
			d.faults.unreadable(member(path, key), "unknown key", meant(key, names))
		}
	}
}

func (d decoder) list(path string, value any, target reflect.Value) {
	list, ok := scalar[[]any](d, path, value, "a list")
	if !ok {
		return
	}
	target.Set(reflect.MakeSlice(target.Type(), len(list), len(list)))
	for i, v := range list {
		d.into(item(path, i), v, target.Index(i))
	}
}

func (d decoder) mapping(path string, value any, target reflect.Value) {
	m, ok := scalar[map[string]any](d, path, value, "a block of keys")
	if !ok {
		return
	}
	target.Set(reflect.MakeMapWithSize(target.Type(), len(m)))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		at := member(path, key)
		k := reflect.ValueOf(key)
		if target.Type().Key() == reflect.TypeFor[eid.Level]() {
			level, err := eid.ParseLevel(key)
			if err != nil {
				d.faults.unreadable(at, "not a level", "1 or 2")
				continue
			}
			k = reflect.ValueOf(level)
		}
		v := reflect.New(target.Type().Elem()).Elem()
		d.into(at, m[key], v)
		target.SetMapIndex(k, v)
	}
}

func (d decoder) duration(path string, value any, target *time.Duration) {
	const want = "a length of time such as 90s, 10m or 12h"
	text, ok := scalar[string](d, path, value, want)
	if !ok {
		return
	}
	parsed, err := time.ParseDuration(text)
	if err != nil {
		d.faults.unreadable(path, "not a length of time", want)
		return
	}
	*target = parsed
}

// date reads RFC 3339, or a day, which begins at midnight in Việt Nam.
func (d decoder) date(path string, value any, target *time.Time) {
	const want = "a day such as 2023-01-01, midnight in Việt Nam, or a time such as 2023-01-01T00:00:00+07:00"
	text, ok := scalar[string](d, path, value, want)
	if !ok {
		return
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if parsed, err := time.ParseInLocation(layout, text, vietnam()); err == nil {
			*target = parsed
			return
		}
	}
	d.faults.unreadable(path, "not a date", want)
}

func (d decoder) level(path string, value any, target *eid.Level) {
	level, err := eid.ParseLevel(fmt.Sprint(value))
	if err != nil {
		d.faults.unreadable(path, "not a level", "1 or 2")
		return
	}
	*target = level
}

// ceilings reads one level, or a list of levels with the dates they begin at.
func (d decoder) ceilings(path string, value any, target *Ceilings) {
	if list, ok := value.([]any); ok {
		*target = make(Ceilings, len(list))
		for i, v := range list {
			d.into(item(path, i), v, reflect.ValueOf(target).Elem().Index(i))
		}
		return
	}
	var level eid.Level
	d.level(path, value, &level)
	*target = Ceilings{{Level: level}}
}

// scalar asserts the type of a value and reports another one.
func scalar[T any](d decoder, path string, value any, want string) (T, bool) {
	v, ok := value.(T)
	if !ok {
		d.faults.unreadable(path, "is "+describe(value), "want "+want)
	}
	return v, ok
}

func describe(value any) string {
	switch value.(type) {
	case string:
		return "text"
	case bool:
		return "true or false"
	case int64, float64:
		return "a number"
	case []any:
		return "a list"
	case map[string]any:
		return "a block of keys"
	}
	return "something else"
}

// as gives a variable's text the shape that the target wants. Text that does
// not fit stays text, for the decoder to report.
func (t envText) as(target reflect.Value) any {
	switch target.Kind() {
	case reflect.Int:
		if n, err := strconv.ParseInt(string(t), 10, 64); err == nil {
			return n
		}
	case reflect.Bool:
		if b, err := strconv.ParseBool(string(t)); err == nil {
			return b
		}
	case reflect.Slice:
		list := []any{}
		for part := range strings.SplitSeq(string(t), ",") {
			if strings.TrimSpace(part) == "" {
				continue
			}
			list = append(list, strings.TrimSpace(part))
		}
		return list
	}
	return string(t)
}

// keysOf lists the keys of a struct's fields, in order.
func keysOf(t reflect.Type) []string {
	names := make([]string, t.NumField())
	for i := range names {
		names[i] = t.Field(i).Tag.Get("koanf")
	}
	return names
}

// vietnam is the time of the law. The country keeps no summer time, and a fixed
// zone needs no zone files on the machine.
func vietnam() *time.Location { return time.FixedZone("+07", 7*60*60) }
