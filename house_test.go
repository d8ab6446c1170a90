package eidgate_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module   = "eidgate"
	maxLines = 500
)

// arrows lists what each package of ours may import of ours. A name that ends
// in /... stands for every package below it as well. A package without a row
// may not exist: whoever makes a folder says here where it stands.
var arrows = map[string][]string{
	"eid":                        {},
	"eid/accounts":               {"eid", "eid/civil"},
	"eid/audit":                  {"eid"},
	"eid/credential":             {"eid", "store"},
	"eid/rules":                  {"eid"},
	"eid/registration":           {"eid", "eid/accounts", "eid/civil", "eid/credential", "eid/notify", "eid/rules", "store"},
	"eid/counter":                {"eid", "eid/accounts", "eid/civil", "eid/credential", "eid/notify", "eid/rules"},
	"eid/civil":                  {"eid"},
	"eid/notify":                 {"eid"},
	"eid/portability":            {"eid", "eid/accounts", "eid/civil", "store"},
	"eid/notify/smpptest":        {},
	"eid/credential/passkeytest": {"eid", "eid/credential"},
	"eid/recovery":               {"eid", "eid/accounts", "eid/credential", "eid/notify", "store"},
	"keys":                       {},
	"keys/pkcs11":                {"keys"},
	"keys/pkcs11/...":            {},
	"keys/transit":               {"keys"},
	"keys/transit/...":           {},
	"web":                        {"eid"},
	"web/browsertest":            {},
	"web/shell":                  {"web", "eid", "store"},
	"web/signin":                 {"web", "web/shell", "eid", "store"},
	"citizen":                    {"eid/...", "web", "web/shell", "web/signin", "store"},
	"admin":                      {"eid/...", "web", "web/shell", "web/signin", "store"},
	"store":                      {},
	"store/sqlstore":             {"store", "eid", "eid/accounts", "eid/audit", "eid/civil", "eid/counter", "eid/notify", "eid/registration", "keys", "store/sqlitefile", "store/sqlstore/..."},
	"store/sqlstore/...":         {},
	"store/sqlitefile":           {},
	"store/statestore":           {"store", "store/sqlitefile"},
	"store/redisstore":           {"store", "eid"},
	"store/storetest":            {"store", "store/sqlstore", "eid", "eid/accounts", "eid/rules", "eid/audit", "eid/civil", "eid/registration", "keys"},
	"federation":                 {"eid", "eid/credential", "store"},
	"federation/account":         {"federation", "eid", "eid/credential", "store", "eid/accounts", "eid/notify"},
	"federation/openid":          {"federation", "eid"},
	"federation/vneid":           {"federation", "eid"},
	"federation/cas":             {"federation", "eid"},
	"federation/ldap":            {"federation", "eid"},
	"federation/saml":            {"federation", "eid"},
	"federation/portal":          {"federation", "eid", "eid/accounts", "eid/credential"},
	"federation/fedtest":         {"federation", "eid"},
	"provider":                   {"federation", "eid/...", "keys", "web", "store"},
	"config":                     {"eid"},
	"telemetry":                  {"store", "eid", "eid/notify"},
	"cmd/...":                    {"..."},
	"bench":                      {"eid/...", "keys", "store/sqlstore", "federation/fedtest"},
	"bench/floor":                {},
}

// forTests lists what the tests of any package may import besides.
var forTests = []string{"eid/audit", "eid/rules", "keys", "federation/fedtest", "federation/account", "federation/openid", "federation/vneid", "federation/cas", "federation/ldap", "federation/saml", "federation/portal", "store/statestore", "store/redisstore", "store/sqlstore", "store/storetest", "web/browsertest", "keys/transit/transittest", "keys/pkcs11/softhsm", "eid/credential/passkeytest", "eid/notify/smpptest"}

// outside lists the third-party modules of packages that may not have any other.
var outside = map[string][]string{"eid": {"golang.org/x/text"}}

// file is one Go file of the module, read and not built, so that build tags
// hide nothing.
type file struct {
	name   string // relative to the module
	folder string // "" for the root
	test   bool
	lines  int
	ast    *ast.File
}

func TestArrows(t *testing.T) {
	for _, f := range house(t) {
		for _, spec := range f.ast.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if problem := arrow(f.folder, imported, f.test); problem != "" {
				t.Errorf("%s: %s", f.name, problem)
			}
		}
	}
}

func TestPackageDocs(t *testing.T) {
	docs := make(map[string][]string)
	packages := make(map[string]string)
	for _, f := range house(t) {
		if f.test || ast.IsGenerated(f.ast) {
			continue
		}
		packages[f.folder] = f.ast.Name.Name
		if f.ast.Doc != nil {
			docs[f.folder] = append(docs[f.folder], f.ast.Doc.Text())
		}
	}
	for folder, name := range packages {
		want := regexp.MustCompile(`^Package ` + name + ` [a-z]+s `) // owns, keeps, declares …
		if name == "main" {
			want = regexp.MustCompile(`^Command ` + path.Base(folder) + ` `)
		}
		if got := docs[folder]; len(got) != 1 || !want.MatchString(got[0]) {
			t.Errorf("package comments of %s = %q, want one that begins with %s", folder, got, want)
		}
	}
}

// TestArchitectureNamesPackages: the page that shows the house shows every room of it.
func TestArchitectureNamesPackages(t *testing.T) {
	page, err := os.ReadFile("docs/ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	for folder := range arrows {
		if !strings.HasSuffix(folder, "/...") && !strings.Contains(string(page), "`"+folder+"`") {
			t.Errorf("docs/ARCHITECTURE.md says nothing of `%s`", folder)
		}
	}
}

func TestFileLength(t *testing.T) {
	for _, f := range house(t) {
		if !f.test && !ast.IsGenerated(f.ast) && f.lines > maxLines {
			t.Errorf("%s has %d lines, want at most %d: split it by its nouns", f.name, f.lines, maxLines)
		}
	}
}

// TestArrow shows that the rules catch what they are for.
func TestArrow(t *testing.T) {
	for _, tt := range []struct {
		folder, imported string
		test             bool
		ok               bool
	}{
		{folder: "eid", imported: "time", ok: true},
		{folder: "eid", imported: "golang.org/x/text/unicode/norm", ok: true},
		{folder: "eid", imported: "golang.org/x/textile"},
		{folder: "eid", imported: "github.com/google/uuid"},
		{folder: "eid", imported: "eidgate/store"},
		{folder: "eid", imported: "pgregory.net/rapid", test: true, ok: true},
		{folder: "eid/accounts", imported: "eidgate/eid/credential"},
		{folder: "federation", imported: "eidgate/provider"},
		{folder: "federation/openid", imported: "eidgate/federation", ok: true},
		{folder: "federation/openid", imported: "eidgate/federation/account"},
		{folder: "federation/openid", imported: "eidgate/store"},
		{folder: "federation/openid", imported: "eidgate/federation/fedtest"},
		{folder: "federation/openid", imported: "eidgate/federation/fedtest", test: true, ok: true},
		{folder: "federation/saml", imported: "eidgate/federation", ok: true},
		{folder: "provider", imported: "eidgate/eid/accounts", ok: true},
		{folder: "provider", imported: "eidgate/store/sqlstore"},
		{folder: "provider", imported: "eidgate/store/sqlstore", test: true, ok: true},
		{folder: "provider", imported: "eidgate/config"},
		{folder: "provider", imported: "eidgate/provider", test: true, ok: true},
		{folder: "store/sqlstore", imported: "eidgate/store/sqlstore/queries", ok: true},
		{folder: "store/statestore", imported: "eidgate/eid"},
		{folder: "web", imported: "eidgate/cmd/eidgate", test: true},
		{folder: "cmd/eidgate", imported: "eidgate/cmd/eidgate/demo", ok: true},
		{folder: "cmd/eidgate/demo", imported: "eidgate/federation/fedtest", ok: true},
		{folder: "utils", imported: "eidgate/eid"},
	} {
		if problem := arrow(tt.folder, tt.imported, tt.test); (problem == "") != tt.ok {
			t.Errorf("arrow(%s, %s, test %v) = %q, want ok %v", tt.folder, tt.imported, tt.test, problem, tt.ok)
		}
	}
}

// arrow says what is wrong with an import; nothing when it is allowed.
func arrow(folder, imported string, test bool) string {
	target, ours := strings.CutPrefix(imported, module+"/")
	if !ours {
		return thirdParty(folder, imported, test)
	}
	allowed, listed := row(folder)
	switch {
	case folder == "" && test: // this file
		return ""
	case !listed:
		return fmt.Sprintf("package %s has no row in arrows (house_test.go)", folder)
	case target == folder && test: // a test from outside its package
		return ""
	case covers(allowed, target), test && covers(forTests, target):
		return ""
	}
	return fmt.Sprintf("imports %s, which %s may not: see arrows (house_test.go)", target, folder)
}

func thirdParty(folder, imported string, test bool) string {
	first, _, _ := strings.Cut(imported, "/")
	modules, strict := outside[folder]
	if test || !strict || !strings.Contains(first, ".") {
		return ""
	}
	for _, m := range modules {
		if imported == m || strings.HasPrefix(imported, m+"/") {
			return ""
		}
	}
	return fmt.Sprintf("imports %s, and %s has the standard library and %v only", imported, folder, modules)
}

// row finds the row of a package: its own, else the nearest /... above it.
func row(folder string) (allowed []string, ok bool) {
	if allowed, ok = arrows[folder]; ok {
		return allowed, true
	}
	for above := folder; above != "."; above = path.Dir(above) {
		if allowed, ok = arrows[above+"/..."]; ok {
			return allowed, true
		}
	}
	return nil, false
}

func covers(names []string, target string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		tree, whole := strings.CutSuffix(name, "...")
		return name == target || whole && (strings.HasPrefix(target+"/", tree))
	})
}

// house parses every Go file of the module.
func house(t *testing.T) []file {
	t.Helper()
	var files []file
	set := token.NewFileSet()
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return enter(name)
		case filepath.Ext(name) != ".go":
			return nil
		}
		parsed, err := parser.ParseFile(set, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		folder := filepath.ToSlash(filepath.Dir(name))
		if folder == "." {
			folder = ""
		}
		files = append(files, file{
			name:   name,
			folder: folder,
			test:   strings.HasSuffix(name, "_test.go"),
			lines:  set.File(parsed.Pos()).LineCount(),
			ast:    parsed,
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 20 {
		t.Fatalf("found %d Go files, want the whole module", len(files))
	}
	return files
}

// enter passes over what the go command passes over: hidden folders, test data
// and other modules.
func enter(folder string) error {
	base := filepath.Base(folder)
	if folder == "." {
		return nil
	}
	if strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata" {
		return filepath.SkipDir
	}
	if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
		return filepath.SkipDir
	}
	return nil
}
