// Package eid owns the vocabulary and the rules of Vietnam's electronic
// identification: levels, requirements, grants, accounts, locks, links, relying
// parties and sources. It does no I/O and reads no clock.
package eid

import (
	"fmt"
	"strconv"
)

// Level is an identity level: how well a person was verified when the account
// was made (Decree 69/2024, Art. 7). It is not authentication strength. The
// zero value is no level at all and satisfies nothing.
type Level int

// The levels of the law.
const (
	LevelNone Level = iota
	Level1          // declared data matched a national database automatically
	Level2          // portrait or fingerprint matched as well
)

// Valid reports whether l is a level a person can hold.
func (l Level) Valid() bool { return l == Level1 || l == Level2 }

func (l Level) String() string { return strconv.Itoa(int(l)) }

// ParseLevel reads "1" or "2".
func ParseLevel(s string) (Level, error) {
	switch s {
	case "1":
		return Level1, nil
	case "2":
		return Level2, nil
	}
	return LevelNone, fmt.Errorf("level %q: want 1 or 2", s)
}
