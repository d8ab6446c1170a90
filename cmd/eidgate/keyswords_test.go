package main

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// A kid that begins with - is no flag, unless it is the value of one.
func TestKidsLast(t *testing.T) {
	const kid = "-6X_vvyIrhRhjGyTHuE0hds2RHC8VYXhZpvFtCpFuTc"
	for _, tt := range []struct{ args, want []string }{
		{[]string{"keys", "revoke", kid, "--yes"}, []string{"keys", "revoke", "--yes", "--", kid}},
		{[]string{"keys", "revoke", "--yes", kid}, []string{"keys", "revoke", "--yes", "--", kid}},
		{[]string{"keys", "show", kid, "-o", "json"}, []string{"keys", "show", "-o", "json", "--", kid}},
		{[]string{"keys", "revoke", "--reason", kid}, nil},
		{[]string{"keys", "show", "--", kid}, nil},
		{[]string{"keys", "show", kid[1:]}, nil},
		{[]string{"accounts", "show", kid}, nil},
		{[]string{"keys"}, nil},
		{[]string{}, nil},
	} {
		if tt.want == nil {
			tt.want = tt.args
		}
		if got := kidsLast(tt.args); !slices.Equal(got, tt.want) {
			t.Errorf("kidsLast(%q) = %q, want %q", tt.args, got, tt.want)
		}
	}
}

func TestRetyped(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"/usr/bin/eidgate", "keys", "revoke", "abc", "--reason", "drill"}, "eidgate keys revoke --yes abc --reason drill"},
		{[]string{"eidgate", "keys", "revoke", "--reason", "it's $(rm) out", "--", "-abc"}, `eidgate keys revoke --yes --reason 'it'\''s $(rm) out' -- -abc`},
		{[]string{"eidgate", "keys", "revoke", "--reason", "\x1b[2J", ""}, "eidgate keys revoke --yes --reason '\ufffd[2J' ''"},
	} {
		if got := retyped("eidgate keys revoke", tt.args); got != tt.want {
			t.Errorf("retyped(%q) = %s, want %s", tt.args, got, tt.want)
		}
	}
}

// The operators' guides name each field that a verb for keys prints.
func TestKeysFieldsAreDocumented(t *testing.T) {
	for _, file := range []string{"../../docs/operator-guide.en.md", "../../docs/operator-guide.vi.md"} {
		guide, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for verb, value := range map[string]any{
			"`list`": keyRow{}, "`show`": keyShown{}, "`fetches`": keyFetch{}, "`rotate`, `activate`": keyRotation{}, "`revoke`": keyRevocation{}, "`verify`": tokenVerdict{},
		} {
			_, row, found := strings.Cut(string(guide), "\n| "+verb+" | ")
			row, _, _ = strings.Cut(row, "\n")
			for _, name := range fieldNames(reflect.TypeOf(value)) {
				if !found || !strings.Contains(row, "`"+name+"`") {
					t.Errorf("%s does not name %s of %s", file, name, verb)
				}
			}
		}
	}
}

// fieldNames are the names that JSON gives the fields of a struct, those of structs in
// it too; what another struct is made of besides has a row of its own.
func fieldNames(of reflect.Type) []string {
	var names []string
	for field := range of.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name != "" {
			names = append(names, name)
		}
		inner := field.Type
		if inner.Kind() == reflect.Slice || inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if name != "" && inner.Kind() == reflect.Struct && inner.PkgPath() == of.PkgPath() && inner != reflect.TypeFor[keyFetch]() {
			names = append(names, fieldNames(inner)...)
		}
	}
	return names
}
