package demo

import (
	"encoding/base32"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/unicode/norm"

	"eidgate/eid"
)

func TestPeopleAreWellFormed(t *testing.T) {
	seen := make(map[string]string)
	unique := func(t *testing.T, kind, value string) {
		t.Helper()
		if value == "" {
			return
		}
		if other := seen[kind+value]; other != "" {
			t.Errorf("%s is shared with %s", kind, other)
		}
		seen[kind+value] = t.Name()
	}
	phone := regexp.MustCompile(`^\+84900000\d{3}$`)
	for _, p := range People() {
		t.Run(p.Name, func(t *testing.T) {
			digits := p.Identifier.Reveal()
			number, err := eid.ParsePersonalNumber(digits)
			if err != nil || eid.IdentifierOf(number) != p.Identifier {
				t.Fatalf("personal number does not read back: %v", err)
			}
			birth, err := time.Parse(time.DateOnly, p.BirthDate)
			if err != nil {
				t.Fatalf("birth date: %v", err)
			}
			century, gender := 1900+int(digits[3]-'0')/2*100, []string{"male", "female"}[(digits[3]-'0')%2]
			if year, _ := strconv.Atoi(digits[4:6]); century+year != birth.Year() || gender != p.Gender {
				t.Errorf("number says %s of %d, person is %s of %d", gender, century+year, p.Gender, birth.Year())
			}
			if !strings.HasPrefix(digits[6:], "000") {
				t.Errorf("number is not of the synthetic block 000001 to 000999")
			}
			if birth.AddDate(14, 0, 0).After(time.Date(2021, 11, 9, 0, 0, 0, 0, vietnamTime)) {
				t.Errorf("born %s: too young for an account of their own", p.BirthDate)
			}
			if p.Type != eid.Citizen || p.Nationality != "VNM" || !p.Level.Valid() || p.OwnFloor > p.Level {
				t.Errorf("type %s, nationality %s, level %v, own floor %v do not fit", p.Type, p.Nationality, p.Level, p.OwnFloor)
			}
			if !norm.NFC.IsNormalString(p.Name) || !strings.Contains(p.Address, "Dữ liệu giả định") ||
				!strings.HasSuffix(p.Email, "@example.test") || !phone.MatchString(p.Phone) {
				t.Errorf("name, address, e-mail or phone is not marked synthetic: %s, %s, %s, %s", p.Name, p.Address, p.Email, p.Phone)
			}
			if p.Note.Vietnamese == "" || p.Note.English == "" {
				t.Error("note is missing")
			}
			if p.TOTPSecret != "" {
				secret, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(p.TOTPSecret)
				if err != nil || len(secret) < 20 || !strings.HasPrefix(string(secret), "demo-") {
					t.Errorf("TOTP secret: %d bytes, %v; want at least 20 that read as synthetic", len(secret), err)
				}
			}
			unique(t, "number", digits)
			unique(t, "serial", digits[6:])
			unique(t, "name", p.Name)
			unique(t, "phone", p.Phone)
			unique(t, "e-mail", p.Email)
			unique(t, "TOTP secret", p.TOTPSecret)
			unique(t, "note", p.Note.Vietnamese)
		})
	}
}

func TestPeopleCoverEveryCase(t *testing.T) {
	pwd, both := []eid.Factor{eid.Password}, []eid.Factor{eid.Password, eid.OneTimeCode}
	plain := func(l eid.Level, f []eid.Factor) func(Person) bool {
		return func(p Person) bool {
			return p.Level == l && slices.Equal(p.Factors(), f) && p.Status == eid.Active && p.Lock == "" && p.OwnFloor == eid.LevelNone
		}
	}
	cases := map[string]func(Person) bool{
		"level 1, password":   plain(eid.Level1, pwd),
		"level 1, TOTP":       plain(eid.Level1, both),
		"level 2, password":   plain(eid.Level2, pwd),
		"level 2, TOTP":       plain(eid.Level2, both),
		"own floor 2, TOTP":   func(p Person) bool { return p.OwnFloor == eid.Level2 && slices.Equal(p.Factors(), both) },
		"pending activation":  func(p Person) bool { return p.Status == eid.PendingActivation },
		"other sources only":  func(p Person) bool { return p.Factors() == nil && p.Status == eid.Active && p.Lock == "" },
		"born in the century": func(p Person) bool { return p.BirthDate >= "2000" },
	}
	for _, reason := range eid.LockReasons() {
		cases["lock "+string(reason)] = func(p Person) bool {
			return p.Lock == reason && p.Status == eid.Active && p.Password != ""
		}
	}
	for name, is := range cases {
		if !slices.ContainsFunc(People(), is) {
			t.Errorf("nobody shows: %s", name)
		}
	}
	if first := People()[0]; !plain(eid.Level2, both)(first) {
		t.Errorf("the first is %s, want one who can sign in everywhere", first.Name)
	}
}
