//go:build interop

package interop_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// resident is a synthetic person as the sources of other makers know them.
type resident struct {
	Login    string `json:"login"`
	Password string `json:"password"`
	Number   string `json:"number"`
	Name     string `json:"name"`  // family name first
	Born     string `json:"born"`  // yyyy-MM-dd
	Level    int    `json:"level"` // 0: the source says none
	State    string `json:"state"` // why a directory turns them away all the same
}

// States in which a directory refuses the right password.
const (
	locked     = "locked"
	mustChange = "must-change"
)

// Surname is the family name.
func (r *resident) Surname() string { return strings.Fields(r.Name)[0] }

// residents are people of the demo, each of whom has an account at the gateway.
var residents = func() func() []*resident {
	list := []*resident{
		{"thu.nguyen", password(), "001188000001", "Nguyễn Thị Thử", "1988-03-08", 2, ""},
		{"thi.pham", password(), "048085000004", "Phạm Văn Thí", "1985-06-21", 1, ""},
		{"mau.tran", password(), "001090000002", "Trần Văn Mẫu", "1990-01-15", 0, ""},
	}
	return func() []*resident { return list }
}()

// turnedAway are people of directories who cannot sign in.
var turnedAway = func() func() []*resident {
	list := []*resident{
		{"khoa.ngo", password(), "001040000911", "Ngô Văn Khóa", "1940-05-05", 2, locked},
		{"doi.do", password(), "079202000912", "Đỗ Văn Đổi", "2002-07-07", 2, mustChange},
	}
	return func() []*resident { return list }
}()

// everybody is who is in a directory.
func everybody() []*resident { return slices.Concat(residents(), turnedAway()) }

// password is one that directories with rules accept.
func password() string { return "aA1-" + randomText() }

// keptQuiet looks through the gateway's log for what no log may hold.
func (g *gateway) keptQuiet() error {
	var errs []error
	text := g.log.String()
	tell := func(what, value string) {
		if strings.Contains(text, value) {
			errs = append(errs, fmt.Errorf("the gateway's log holds %s", what))
		}
	}
	for _, who := range everybody() {
		tell("a login name", who.Login)
		tell("a password", who.Password)
		tell("a personal number", who.Number)
		tell("a name", who.Name)
		tell("a birth date", who.Born)
	}
	for _, d := range []*directory{g.servers.openLDAP, g.servers.samba} {
		tell("the password of a service account", d.servicePassword)
	}
	return errors.Join(errs...)
}
