package config

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"eidgate/eid"
)

const (
	// credentialPrefix begins the name of a systemd credential, where a file's
	// path is wanted (systemd.exec(5), LoadCredential=).
	credentialPrefix = "credential:"
	// variablePrefix begins the name of a variable, where a secret is wanted.
	variablePrefix = "env:"

	credentialsDirectory = "CREDENTIALS_DIRECTORY"

	maxSecret = 4 << 10 // bytes of a secret's file
)

var (
	credentialName = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]*$`)
	variableName   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

// surroundings are what a configuration refers to: the directory that paths
// start at, and the environment.
type surroundings struct {
	faults  *faults
	base    string // absolute
	environ []string
}

// variable is the value of a variable of the environment.
func (s surroundings) variable(name string) (string, bool) {
	for _, entry := range s.environ {
		if key, value, ok := strings.Cut(entry, "="); ok && key == name {
			return value, true
		}
	}
	return "", false
}

// file makes the path of a file absolute, and that of a credential out of its name.
func (s surroundings) file(at string, path *string) {
	name, isCredential := strings.CutPrefix(*path, credentialPrefix)
	switch dir, given := s.variable(credentialsDirectory); {
	case *path == "":
	case !isCredential:
		s.directory(path)
	case !credentialName.MatchString(name):
		s.faults.unreadable(at, "not a credential's name", "credential:NAME, as LoadCredential= of the unit says it")
	case !given || !filepath.IsAbs(dir):
		s.faults.unreadable(at, "a credential, and systemd gave none", "LoadCredential= in the unit, or the path of a file")
	default:
		*path = filepath.Join(dir, name)
	}
}

// directory makes a path absolute.
func (s surroundings) directory(path *string) {
	if *path != "" && !filepath.IsAbs(*path) {
		*path = filepath.Join(s.base, *path)
	}
}

// locate makes paths absolute and fills in those that follow from others.
func (c *Config) locate(where surroundings) {
	where.directory(&c.Data)
	where.directory(&c.Rules.Directory)
	if c.MasterKeyFile == "" && c.MasterKey.IsZero() && c.Data != "" {
		c.MasterKeyFile = filepath.Join(c.Data, "master.key")
	}
	c.files(where.file)
}

// files goes over every path of a file that the configuration names.
func (c *Config) files(each func(at string, path *string)) {
	each("master_key_file", &c.MasterKeyFile)
	each("custody.pkcs11.pin_file", &c.Custody.PKCS11.PINFile)
	each("custody.pkcs11.module", &c.Custody.PKCS11.Module)
	each("custody.transit.token_file", &c.Custody.Transit.TokenFile)
	each("custody.transit.ca_file", &c.Custody.Transit.CAFile)
	each("tls.cert_file", &c.TLS.CertFile)
	each("tls.key_file", &c.TLS.KeyFile)
	each("redis.password_file", &c.Redis.PasswordFile)
	each("redis.ca_file", &c.Redis.CAFile)
	each("redis.cert_file", &c.Redis.CertFile)
	each("redis.key_file", &c.Redis.KeyFile)
	each("audit.ship.token_file", &c.Audit.Ship.TokenFile)
	each("audit.ship.ca_file", &c.Audit.Ship.CAFile)
	each("account_system.passwords.leaked_file", &c.AccountSystem.Passwords.LeakedFile)
	each("notify.smtp.password_file", &c.Notify.SMTP.PasswordFile)
	each("notify.smtp.ca_file", &c.Notify.SMTP.CAFile)
	each("notify.sms.smpp.password_file", &c.Notify.SMS.SMPP.PasswordFile)
	each("notify.sms.smpp.ca_file", &c.Notify.SMS.SMPP.CAFile)
	each("notify.sms.http.token_file", &c.Notify.SMS.HTTP.TokenFile)
	each("notify.sms.http.ca_file", &c.Notify.SMS.HTTP.CAFile)
	c.Registries.each(func(at string, r *Registry) {
		each(at+".token_file", &r.TokenFile)
		each(at+".ca_file", &r.CAFile)
		each(at+".cert_file", &r.CertFile)
		each(at+".key_file", &r.KeyFile)
		each(at+".people_file", &r.PeopleFile)
	})
	for i := range c.Clients {
		at, cl := item("clients", i), &c.Clients[i]
		for j := range cl.SecretFiles {
			each(item(member(at, "client_secret_files"), j), &cl.SecretFiles[j])
		}
		each(member(at, "jwks_file"), &cl.JWKSFile)
	}
	for i := range c.Sources {
		for _, b := range c.Sources[i].blocks() {
			if b.given {
				b.block.files(member(item("sources", i), b.kind), each)
			}
		}
	}
}

// Files are the files that clients and sources are read from beside the
// configuration file itself.
func (c *Config) Files() []string {
	var list []string
	c.files(func(at string, path *string) {
		if *path != "" && (strings.HasPrefix(at, "clients[") || strings.HasPrefix(at, "sources[")) {
			list = append(list, *path)
		}
	})
	return list
}

// Exposed lists the files of secrets that everybody on this machine may read.
// The gateway runs all the same, save that it takes no such master key.
func (c *Config) Exposed() []*Fault {
	var exposed []*Fault
	c.files(func(at string, path *string) {
		public := at == "custody.pkcs11.module" || slices.ContainsFunc([]string{"jwks_file", "cert_file", "ca_file", "people_file", "metadata_file", "leaked_file"}, func(key string) bool { return strings.HasSuffix(at, key) })
		if public || *path == "" {
			return
		}
		if info, err := os.Stat(*path); err == nil && info.Mode().Perm()&0o007 != 0 {
			exposed = append(exposed, &Fault{Path: at, Problem: "everybody on this machine may read the file", Remedy: "chmod o= " + *path})
		}
	})
	return exposed
}

// readSecrets fetches the secrets that the file only names, and sees to it that
// each is given in one way only.
func (c *Config) readSecrets(where surroundings) {
	for i := range c.Clients {
		at, cl := item("clients", i), &c.Clients[i]
		where.secrets(at, "client_secret", &cl.Secrets, cl.SecretFiles)
	}
	where.fromVariable("state", &c.State)
	where.fromVariable("master_key", &c.MasterKey)
	if !c.MasterKey.IsZero() && c.MasterKeyFile != "" {
		where.faults.unreadable("master_key", "given beside master_key_file", "keep one of the two")
	}
	where.secret("redis", "password", &c.Redis.Password, c.Redis.PasswordFile)
	where.secret("notify.smtp", "password", &c.Notify.SMTP.Password, c.Notify.SMTP.PasswordFile)
	where.secret("notify.sms.smpp", "password", &c.Notify.SMS.SMPP.Password, c.Notify.SMS.SMPP.PasswordFile)
	where.secret("notify.sms.http", "token", &c.Notify.SMS.HTTP.Token, c.Notify.SMS.HTTP.TokenFile)
	c.Registries.each(func(at string, r *Registry) { where.secret(at, "token", &r.Token, r.TokenFile) })
	for i := range c.Sources {
		for _, b := range c.Sources[i].blocks() {
			if b.given {
				b.block.readSecrets(member(item("sources", i), b.kind), where)
			}
		}
	}
}

// secret fetches a secret that the block at a path gives in one of two ways: by
// itself, or in the file that the key with _file behind it names.
func (s surroundings) secret(at, key string, secret *eid.Secret, file string) {
	switch path := member(at, key); {
	case file == "":
		s.fromVariable(path, secret)
	case !secret.IsZero():
		s.faults.unreadable(path, "given beside "+key+"_file", "keep one of the two")
	default:
		*secret = readSecret(s.faults, path+"_file", file)
	}
}

// secrets does the same for a list, whose key ends in s.
func (s surroundings) secrets(at, key string, list *[]eid.Secret, files []string) {
	if len(*list) > 0 && len(files) > 0 {
		s.faults.unreadable(member(at, key+"s"), "given beside "+key+"_files", "keep one of the two")
		*list = nil
		return
	}
	for i := range *list {
		s.fromVariable(item(member(at, key+"s"), i), &(*list)[i])
	}
	for i, file := range files {
		*list = append(*list, readSecret(s.faults, item(member(at, key+"_files"), i), file))
	}
}

// fromVariable replaces env:NAME by the value of the variable. Faults do not
// repeat the name: what looks like one may be a secret.
func (s surroundings) fromVariable(at string, secret *eid.Secret) {
	name, named := strings.CutPrefix(secret.Reveal(), variablePrefix)
	if !named {
		return
	}
	value, given := s.variable(name)
	switch {
	case !variableName.MatchString(name):
		s.faults.unreadable(at, "names no variable after env:", "env:NAME, of letters, digits and _")
	case !given || value == "":
		s.faults.unreadable(at, "names a variable that is not set", "set it in the gateway's environment, such as by EnvironmentFile= in the unit")
	default:
		*secret = eid.NewSecret(value)
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
