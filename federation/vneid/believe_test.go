package vneid_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/federation/fedtest"
	"eidgate/federation/vneid"
)

// names are those of the claims of each dialect.
type names struct{ level, kind, number, name string }

func namesOf(dialect string) names {
	if dialect == fedtest.DialectEncrypted {
		return names{"accountLevel", "accountType", "citizenPid", "fullName"}
	}
	return names{"loAs", "LoaiTaiKhoan", "SoDinhDanh", "HoVaTen"}
}

func TestClaims(t *testing.T) {
	set, without := fedtest.Set, fedtest.Without
	for _, dialect := range dialects() {
		b, is := newBench(t, dialect, nil), namesOf(dialect)
		for name, tt := range map[string]struct {
			tampering fedtest.Tampering
			want      eid.Level // none: refused
		}{
			"lower":                   {set(is.level, "1"), eid.Level1},
			"higher":                  {set(is.level, "2"), eid.Level2}, // may_assert is the exchange's to see to
			"a number":                {set(is.level, 2), eid.Level2},
			"no level":                {without(is.level), 0},
			"null level":              {set(is.level, nil), 0},
			"empty level":             {set(is.level, ""), 0},
			"unknown level":           {set(is.level, "3"), 0},
			"level 0":                 {set(is.level, 0), 0},
			"negative level":          {set(is.level, -1), 0},
			"level with a blank":      {set(is.level, "2 "), 0},
			"level with a zero":       {set(is.level, "02"), 0},
			"level in words":          {set(is.level, "LoA2"), 0},
			"full-width level":        {set(is.level, "２"), 0},
			"fraction":                {set(is.level, 2.5), 0},
			"fraction of nothing":     {set(is.level, json.RawMessage("2.0")), 0},
			"exponent":                {set(is.level, json.RawMessage("2e0")), 0},
			"list of levels":          {set(is.level, []int{2}), 0},
			"object":                  {set(is.level, map[string]any{"2": 2}), 0},
			"true":                    {set(is.level, true), 0},
			"level under other names": {func(c map[string]any) { delete(c, is.level); c["acr"], c["IAL"], c["level"] = "2", 2, "2" }, 0},
			"name in other letters":   {func(c map[string]any) { delete(c, is.level); c[strings.ToUpper(is.level)] = "2" }, 0},
			"level of a nested claim": {func(c map[string]any) { delete(c, is.level); c["data"] = map[string]any{is.level: "2"} }, 0},

			"enterprise":             {set(is.kind, "2"), 0},
			"organisation":           {set(is.kind, 3), 0},
			"no account type":        {without(is.kind), 0},
			"empty account type":     {set(is.kind, ""), 0},
			"citizen, a number":      {set(is.kind, 1), eid.Level1},
			"citizen, a blank":       {set(is.kind, " 1"), 0},
			"citizen and enterprise": {set(is.kind, []string{"1", "2"}), 0},

			"no subject":              {without("TechID"), 0},
			"empty subject":           {set("TechID", ""), 0},
			"null subject":            {set("TechID", nil), 0},
			"long subject":            {set("TechID", strings.Repeat("a", 256)), 0},
			"subject with a break":    {set("TechID", "a\nb"), 0},
			"subject, a list":         {set("TechID", []string{"t-1"}), 0},
			"subject, the number":     {set("TechID", number1), 0},
			"subject, digits":         {set("TechID", 12345), eid.Level1},
			"number lost its zeros":   {set(is.number, 1203000001), 0},
			"number with a break":     {set(is.number, number1+"\n"), 0},
			"no number":               {without(is.number), eid.Level1},
			"name, a list":            {set(is.name, []string{"a"}), 0},
			"name with odd blanks":    {set(is.name, " Nguyễn\u00a0Thị\u200b Một "), eid.Level1},
			"name of 100 kB":          {set(is.name, strings.Repeat("a", 100_000)), 0},
			"name with a line break":  {set(is.name, "a\r\nSet-Cookie: b"), 0},
			"nothing but the level":   {fedtest.Only(is.level, "2"), 0},
			"nothing but the subject": {fedtest.Only("TechID", "t-1"), 0},
		} {
			t.Run(dialect+" "+name, func(t *testing.T) {
				b.platform.Tamper(tt.tampering)
				step, err := b.signIn(t, "one", "pw-1")
				if tt.want == eid.LevelNone {
					refused(t, step, err, federation.ErrUntrusted)
					return
				}
				if err != nil || step.Assertion.Level != tt.want {
					t.Errorf("Finish() = %+v, %v, want level %v", step.Assertion, err, tt.want)
				}
			})
		}
	}
}

// An account that is an enterprise's signs nobody in, unless it is registered as
// a person's.
func TestAccountTypes(t *testing.T) {
	for _, dialect := range dialects() {
		b := newBench(t, dialect, nil)
		step, err := b.signIn(t, "firm", "pw-3")
		refused(t, step, err, federation.ErrUntrusted)
		b.settings.Citizens = []string{"1", "2"}
		b.renew(t)
		b.forget(t)
		if step, err = b.signIn(t, "firm", "pw-3"); err != nil || step.Assertion.Subject != "t-3" {
			t.Errorf("%s: Finish(mapped) = %+v, %v, want an assertion of t-3", dialect, step.Assertion, err)
		}
	}
}

// Every name is the operator's to set.
func TestNamesOfTheirOwn(t *testing.T) {
	b := newBench(t, fedtest.DialectSSO, func(_ *fedtest.VNeIDConfig, s *vneid.Settings) {
		s.Claims = vneid.Claims{Subject: "id", Level: "muc", AccountType: "loai", Number: "so", Name: "ten", BirthDate: "ngay", Methods: "cach", Logout: "ra"}
		s.Levels, s.Citizens = map[string]eid.Level{"cao": eid.Level2}, []string{"dan"}
	})
	claims := map[string]any{
		"id": "x", "muc": "cao", "loai": "dan", "so": "0", "ten": "A", "ngay": "2001-02-03", "cach": []string{"otp", "face"}, "ra": b.platform.Base() + "/ra",
		"loAs": 1, "TechID": "y", // which are not asked
	}
	b.platform.Tamper(func(c map[string]any) { clear(c); maps.Copy(c, claims) })
	step, err := b.signIn(t, "one", "pw-1")
	if err != nil {
		t.Fatal(err)
	}
	want := federation.Assertion{
		Subject: "x", Level: eid.Level2, Methods: []string{"otp", "face"}, At: b.now, Logout: []byte(b.platform.Base() + "/ra"),
		Person: federation.Person{Number: "0", Name: "A", BirthDate: "2001-02-03"},
	}
	if diff := cmp.Diff(*step.Assertion, want); diff != "" {
		t.Errorf("assertion (-got +want):\n%s", diff)
	}
}

func TestMethods(t *testing.T) {
	b := newBench(t, fedtest.DialectWSO2, func(_ *fedtest.VNeIDConfig, s *vneid.Settings) { s.Claims.Methods = "amr" })
	for name, value := range map[string]any{
		"missing": nil, "empty": []string{}, "text": "pwd", "numbers": []int{1}, "markup": []string{"pwd", "<b>"},
		"too many": slices.Repeat([]string{"pwd"}, 9),
	} {
		b.platform.Tamper(fedtest.Set("amr", value))
		step, err := b.signIn(t, "one", "pw-1")
		if err != nil || !slices.Equal(step.Assertion.Methods, []string{"fed"}) {
			t.Errorf("%s: Finish() = %+v, %v, want fed", name, step.Assertion, err)
		}
	}
}

// Nobody's name is a member's that has none.
func TestNamelessMember(t *testing.T) {
	b := newBench(t, fedtest.DialectWSO2, nil)
	b.platform.Tamper(fedtest.Set("", []string{"hwk", "face"}))
	step, err := b.signIn(t, "one", "pw-1")
	if err != nil || !slices.Equal(step.Assertion.Methods, []string{"fed"}) || step.Assertion.Logout != nil {
		t.Errorf("Finish() = %+v, %v, want nothing of the nameless member", step.Assertion, err)
	}
}
