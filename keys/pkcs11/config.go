// Package pkcs11 owns the gateway's keys in a hardware security module: they are made
// on it, never leave it, and sign there. It is whole in a program that was built with
// the tag pkcs11, for it loads the module's library through cgo; elsewhere New says so.
package pkcs11

import (
	"errors"
	"regexp"
	"time"
)

// ErrBuild reports a program that was built without PKCS #11.
var ErrBuild = errors.New("this eidgate was built without PKCS #11: build it with make build TAGS=pkcs11")

// Config says how the module is reached.
type Config struct {
	Module  string        // path of the library that the module's maker gives
	Token   string        // label of the token
	PINFile string        // of the PIN of its user; read at each login
	Prefix  string        // begins the labels of our keys
	Timeout time.Duration // of one operation; making a key has ten times as long
}

var labelOf = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$`)

func (c Config) check() error {
	if c.Module == "" || c.Token == "" || c.PINFile == "" || c.Timeout <= 0 || !labelOf.MatchString(c.Prefix) {
		return errors.New("pkcs11: a module, a token's label, a PIN's file, a prefix for labels and a timeout are needed")
	}
	return nil
}
