package config

import (
	"regexp"
	"time"
)

// Custody says where keys can live beside the database. A plan of keys names one of
// them; master_key_transit names the second.
type Custody struct {
	PKCS11  PKCS11  `koanf:"pkcs11"`  // a hardware security module
	Transit Transit `koanf:"transit"` // OpenBao or Vault
}

// PKCS11 is a token of a hardware security module. The program has to be built for it.
type PKCS11 struct {
	Module  string `koanf:"module"`   // the path of the library that the module's maker gives
	Token   string `koanf:"token"`    // the label of the token
	PINFile string `koanf:"pin_file"` // a file that holds the PIN of its user, or credential:NAME
	// What the labels of the gateway's keys begin with.
	Prefix string `koanf:"prefix"`
	// How long one signature may take.
	Timeout time.Duration `koanf:"timeout"`
}

// Given reports whether there is such a module.
func (p PKCS11) Given() bool { return p.Module != "" }

// Transit is the Transit engine of OpenBao or Vault.
type Transit struct {
	Address   string `koanf:"address"`   // the server's address, such as https://bao.example.vn:8200
	Mount     string `koanf:"mount"`     // where the engine is mounted
	Namespace string `koanf:"namespace"` // its namespace, where it has one
	// A file that holds the token, or credential:NAME. It is read at each call, so that an
	// agent may replace it; a token that can be renewed is renewed.
	TokenFile string `koanf:"token_file"`
	CAFile    string `koanf:"ca_file"` // the authorities of its certificate, in PEM; without it, the system's
	// What the names of the gateway's keys begin with.
	Prefix string `koanf:"prefix"`
	// How long one signature may take.
	Timeout time.Duration `koanf:"timeout"`
}

// Given reports whether there is such a server.
func (t Transit) Given() bool { return t.Address != "" }

// names are those of the custodies that the configuration has.
func (c Custody) names() []string {
	var names []string
	if c.PKCS11.Given() {
		names = append(names, "pkcs11")
	}
	if c.Transit.Given() {
		names = append(names, "transit")
	}
	return names
}

// custodyName is what names in a custody may look like.
var custodyName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,49}$`)

// checkCustody looks at the custodies and at where the master key is.
func (c *Config) checkCustody(f *faults) {
	const name = "letters, digits, - and _, 50 at most"
	if p := c.Custody.PKCS11; p.Given() {
		if p.Token == "" {
			f.add("custody.pkcs11.token", "missing beside module", "the label of the token")
		}
		if p.PINFile == "" {
			f.add("custody.pkcs11.pin_file", "missing beside module", "a file that holds the PIN, or credential:NAME")
		}
		if !custodyName.MatchString(p.Prefix) {
			f.add("custody.pkcs11.prefix", "not a name", name)
		}
	} else if p.Token != "" || p.PINFile != "" {
		f.add("custody.pkcs11.module", "missing", "the path of the module's library, such as /usr/lib/softhsm/libsofthsm2.so")
	}
	if t := c.Custody.Transit; t.Given() {
		checkAddress(f, "custody.transit.address", t.Address, address{bare: true})
		if !transitMount.MatchString(t.Mount) {
			f.add("custody.transit.mount", "not a path", "such as transit")
		}
		if t.TokenFile == "" {
			f.add("custody.transit.token_file", "missing beside address", "a file that holds the token, or credential:NAME")
		}
		if !custodyName.MatchString(t.Prefix) {
			f.add("custody.transit.prefix", "not a name", name)
		}
	} else if t.TokenFile != "" || t.CAFile != "" || t.Namespace != "" || c.MasterKeyTransit != "" {
		f.add("custody.transit.address", "missing", "the server's address, such as https://bao.example.vn:8200")
	}
	if c.MasterKeyTransit != "" && !custodyName.MatchString(c.MasterKeyTransit) {
		f.add("master_key_transit", "not a name", name)
	}
	for _, t := range []struct {
		path  string
		value time.Duration
	}{{"custody.pkcs11.timeout", c.Custody.PKCS11.Timeout}, {"custody.transit.timeout", c.Custody.Transit.Timeout}} {
		if t.value < leastCustody || t.value > mostCustody {
			f.add(t.path, "out of bounds", "from "+short(leastCustody)+" to "+short(mostCustody))
		}
	}
}

// transitMount is where an engine can be mounted.
var transitMount = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9][A-Za-z0-9_.-]*)*$`)

// A signature stands in the way of an answer, so it may not take long.
const (
	leastCustody = 50 * time.Millisecond
	mostCustody  = 10 * time.Second
)
