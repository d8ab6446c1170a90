package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/v2"

	"eidgate/eid"
)

const (
	// EnvPrefix starts the variables that override the file: EIDGATE_ISSUER, or
	// EIDGATE_LIFETIMES__CODE for a key inside a block. Lists are separated by
	// commas. Clients and sources stand in the file only.
	EnvPrefix = "EIDGATE_"
	// EnvFile names the configuration file. Commands read it, Load passes over it.
	EnvFile = EnvPrefix + "CONFIG"

	nesting = "__"

	maxFile  = 1 << 20         // bytes of configuration
	readTime = 5 * time.Second // for one file
)

// Load reads the file at path and the environment over it, and checks the
// whole. An empty path leaves the environment alone to speak. The error joins
// one *Fault for each thing wrong. Relative paths in the file and in the
// environment start at the file's directory.
func Load(path string, environ []string) (*Config, error) {
	var raw []byte
	if path != "" {
		var err error
		if raw, err = readFile(path, maxFile); err != nil {
			return nil, &Fault{Path: path, Problem: err.Error()}
		}
	}
	return parse(path, raw, environ)
}

func parse(path string, raw []byte, environ []string) (*Config, error) {
	f := new(faults)
	tree, err := layers(f, raw, environ)
	if err != nil {
		return nil, &Fault{Path: path, Problem: err.Error()}
	}
	c := Default()
	decoder{f}.structure("", tree, reflect.ValueOf(c).Elem())
	base, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("resolving paths of %s: %w", path, err)
	}
	where := surroundings{faults: f, base: base, environ: environ}
	c.locate(where)
	c.readSecrets(where)
	c.readKeySets(f)
	c.check(f)
	if err := f.err(); err != nil {
		return nil, err
	}
	return c, nil
}

// Check reports every fault of a configuration that was not loaded but made.
func (c *Config) Check() error {
	f := new(faults)
	c.check(f)
	return f.err()
}

// layers merges the environment over the file into one tree.
func layers(f *faults, raw []byte, environ []string) (map[string]any, error) {
	k := koanf.New(nesting)
	if err := k.Load(bytesProvider(raw), &parser{f}); err != nil {
		return nil, err
	}
	known := variables("", reflect.TypeFor[Config]())
	err := k.Load(env.Provider(nesting, env.Opt{
		EnvironFunc: func() []string { return settings(environ) },
		TransformFunc: func(name, value string) (string, any) {
			if slices.Contains(known, name) {
				return strings.ToLower(strings.TrimPrefix(name, EnvPrefix)), envText(value)
			}
			f.add(name, "unknown variable", meantVariable(name, known))
			return "", nil
		},
	}), nil)
	if err != nil {
		return nil, err
	}
	return k.Raw(), nil
}

// settings keeps the variables that set something.
func settings(environ []string) []string {
	var kept []string
	for _, entry := range environ {
		name, _, ok := strings.Cut(entry, "=")
		if ok && strings.HasPrefix(name, EnvPrefix) && name != EnvFile {
			kept = append(kept, entry)
		}
	}
	slices.Sort(kept)
	return kept
}

// variables lists the variables that may set a field of t, or of its blocks.
func variables(path string, t reflect.Type) []string {
	var names []string
	for i, key := range keysOf(t) {
		field := t.Field(i).Type
		switch {
		case field.Kind() == reflect.Struct && field != reflect.TypeFor[eid.Secret]():
			names = append(names, variables(member(path, key), field)...)
		case field.Kind() == reflect.Slice && field.Elem().Kind() == reflect.Struct:
			// Clients and sources are not for the environment.
		default:
			names = append(names, envName(member(path, key)))
		}
	}
	return names
}

// envName is the variable that sets the key at path.
func envName(path string) string {
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(path, ".", nesting))
}

// meantVariable guesses which variable was meant.
func meantVariable(name string, known []string) string {
	lower := make([]string, len(known))
	for i, k := range known {
		lower[i] = strings.ToLower(strings.TrimPrefix(k, EnvPrefix))
	}
	if guess, ok := nearest(strings.TrimPrefix(name, EnvPrefix), lower); ok {
		return "did you mean " + EnvPrefix + strings.ToUpper(guess) + "?"
	}
	return "remove it; clients and sources are set in the file"
}

// readFile reads a file of at most limit bytes. Errors do not repeat the path. A
// pipe is read too, but nobody who forgets to write into it is waited for.
func readFile(path string, limit int64) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, bare(err)
	}
	defer func() { _ = file.Close() }()
	_ = file.SetReadDeadline(time.Now().Add(readTime)) // a plain file has none and needs none
	if info, err := file.Stat(); err != nil {
		return nil, bare(err)
	} else if info.IsDir() {
		return nil, errors.New("a directory, want a file")
	}
	raw, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, bare(err)
	}
	if int64(len(raw)) > limit {
		return nil, fmt.Errorf("longer than %d bytes", limit)
	}
	return raw, nil
}

// bare strips the operation and the path from an error of the file system.
func bare(err error) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return pathErr.Err
	}
	return err
}

// bytesProvider hands bytes that were read already to koanf.
type bytesProvider []byte

var _ koanf.Provider = bytesProvider(nil)

func (b bytesProvider) ReadBytes() ([]byte, error) { return b, nil }

func (bytesProvider) Read() (map[string]any, error) {
	return nil, errors.New("bytes need a parser")
}
