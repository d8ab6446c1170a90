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

	maxFile   = 1 << 20 // bytes of configuration
	maxSecret = 4 << 10 // bytes of a secret's file
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
	if err := c.resolve(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("resolving paths of %s: %w", path, err)
	}
	c.readSecrets(f)
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

// resolve makes paths absolute and fills in those that follow from others.
func (c *Config) resolve(dir string) error {
	base, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	absolute := func(path *string) {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(base, *path)
		}
	}
	absolute(&c.Data)
	if c.MasterKeyFile == "" && c.Data != "" {
		c.MasterKeyFile = filepath.Join(c.Data, "master.key")
	}
	absolute(&c.MasterKeyFile)
	absolute(&c.TLS.CertFile)
	absolute(&c.TLS.KeyFile)
	absolute(&c.Redis.PasswordFile)
	absolute(&c.Redis.CAFile)
	absolute(&c.Redis.CertFile)
	absolute(&c.Redis.KeyFile)
	for i := range c.Clients {
		for j := range c.Clients[i].SecretFiles {
			absolute(&c.Clients[i].SecretFiles[j])
		}
		absolute(&c.Clients[i].JWKSFile)
	}
	for i := range c.Sources {
		if o := c.Sources[i].OpenID; o != nil {
			absolute(&o.ClientSecretFile)
		}
	}
	return nil
}

// readSecrets reads the files that secrets stand in, and sees to it that each
// secret is given in one way only.
func (c *Config) readSecrets(f *faults) {
	for i := range c.Clients {
		at, cl := item("clients", i), &c.Clients[i]
		if len(cl.Secrets) > 0 && len(cl.SecretFiles) > 0 {
			f.unreadable(member(at, "client_secrets"), "given beside client_secret_files", "keep one of the two")
			continue
		}
		for j, file := range cl.SecretFiles {
			cl.Secrets = append(cl.Secrets, readSecret(f, item(member(at, "client_secret_files"), j), file))
		}
	}
	switch r := &c.Redis; {
	case r.PasswordFile == "":
	case !r.Password.IsZero():
		f.unreadable("redis.password", "given beside redis.password_file", "keep one of the two")
	default:
		r.Password = readSecret(f, "redis.password_file", r.PasswordFile)
	}
	for i := range c.Sources {
		at, o := member(item("sources", i), "openid"), c.Sources[i].OpenID
		switch {
		case o == nil || o.ClientSecretFile == "":
		case !o.ClientSecret.IsZero():
			f.unreadable(member(at, "client_secret"), "given beside client_secret_file", "keep one of the two")
		default:
			o.ClientSecret = readSecret(f, member(at, "client_secret_file"), o.ClientSecretFile)
		}
	}
}

// readSecret reads a file that holds one secret and perhaps a line's end.
func readSecret(f *faults, path, file string) eid.Secret {
	raw, err := readFile(file, maxSecret)
	if err != nil {
		f.unreadable(path, err.Error(), "name a readable file that holds the secret")
		return eid.Secret{}
	}
	return eid.NewSecret(strings.TrimRight(string(raw), "\r\n"))
}

// readFile reads a regular file of at most limit bytes. Errors do not repeat
// the path.
func readFile(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, bare(err)
	}
	defer func() { _ = file.Close() }()
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
