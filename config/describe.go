package config

import (
	"embed"
	"fmt"
	"go/ast"
	goparser "go/parser"
	"go/token"
	"strings"
	"unicode"
	"unicode/utf8"
)

// declared are the files that declare the keys. The comments in them are the
// only description of a key that there is.
//
//go:embed config.go client.go source.go registration.go monitoring.go state.go civil.go policy.go
//go:embed openid.go vneid.go saml.go cas.go ldap.go audit.go
//go:embed config.go client.go source.go registration.go monitoring.go state.go custody.go civil.go policy.go
//go:embed openid.go vneid.go saml.go cas.go ldap.go managedkeys.go
//go:embed config.go keys.go client.go source.go registration.go monitoring.go state.go civil.go policy.go
//go:embed openid.go vneid.go saml.go cas.go ldap.go linking.go notify.go rules.go
//go:embed openid.go vneid.go saml.go cas.go ldap.go linking.go notify.go sms.go
//go:embed openid.go vneid.go saml.go cas.go ldap.go linking.go notify.go sms.go accountsystem.go
var declared embed.FS

// descriptions reads the comments of the fields of every block, by the names of
// the struct and of the field.
func descriptions() (map[string]string, error) {
	files, err := declared.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("listing declarations: %w", err)
	}
	found := make(map[string]string)
	for _, f := range files {
		source, err := declared.ReadFile(f.Name())
		if err != nil {
			return nil, fmt.Errorf("reading declarations: %w", err)
		}
		parsed, err := goparser.ParseFile(token.NewFileSet(), f.Name(), source, goparser.ParseComments|goparser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("parsing declarations: %w", err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				describeFields(spec, found)
			}
			return true
		})
	}
	return found, nil
}

func describeFields(spec *ast.TypeSpec, found map[string]string) {
	block, ok := spec.Type.(*ast.StructType)
	if !ok {
		return
	}
	for _, field := range block.Fields.List {
		comment := field.Doc.Text()
		if comment == "" {
			comment = field.Comment.Text()
		}
		for _, name := range field.Names {
			found[spec.Name.Name+"."+name.Name] = sentence(comment)
		}
	}
}

// sentence puts a comment on one line, from a capital to a full stop.
func sentence(comment string) string {
	text := strings.Join(strings.Fields(comment), " ")
	first, size := utf8.DecodeRuneInString(text)
	if size == 0 {
		return ""
	}
	return strings.TrimSuffix(string(unicode.ToUpper(first))+text[size:], ".") + "."
}
