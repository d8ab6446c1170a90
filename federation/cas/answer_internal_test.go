package cas

import (
	"encoding/xml"
	"errors"
	"strings"
	"testing"

	"eidgate/federation"
)

const open, shut = `<cas:serviceResponse xmlns:cas="http://www.yale.edu/tp/cas">`, `</cas:serviceResponse>`

func success(inner string) string {
	return open + `<cas:authenticationSuccess>` + inner + `</cas:authenticationSuccess>` + shut
}

func TestReadAnswer(t *testing.T) {
	const user = `<cas:user>mot</cas:user>`
	for name, tt := range map[string]struct {
		document string
		want     error
	}{
		"success":           {success(user), nil},
		"other prefix":      {`<?xml version="1.0"?>` + "\n" + `<serviceResponse xmlns="http://www.yale.edu/tp/cas"><authenticationSuccess><user>mot</user></authenticationSuccess></serviceResponse>`, nil},
		"spaces":            {"\n " + success("\n <cas:user> mot\n</cas:user>\n ") + "\n", nil},
		"comment before":    {`<!-- by the server -->` + success(user), nil},
		"CDATA":             {success(`<cas:user><![CDATA[mot]]></cas:user>`), nil},
		"empty":             {"", federation.ErrDown},
		"page":              {`<!DOCTYPE html><html><body>Bảo trì</body></html>`, federation.ErrDown},
		"CAS 1":             {"yes\nmot\n", federation.ErrDown},
		"cut off":           {success(user)[:120], federation.ErrDown},
		"no namespace":      {`<serviceResponse><authenticationSuccess><user>mot</user></authenticationSuccess></serviceResponse>`, federation.ErrDown},
		"prefix of nobody":  {`<cas:serviceResponse><cas:authenticationSuccess>` + user + `</cas:authenticationSuccess></cas:serviceResponse>`, federation.ErrDown},
		"other namespace":   {strings.Replace(success(user), "yale.edu", "yale.example", 1), federation.ErrDown},
		"server failed":     {open + `<cas:authenticationFailure code="INTERNAL_ERROR">x</cas:authenticationFailure>` + shut, federation.ErrDown},
		"failure":           {open + `<cas:authenticationFailure code="INVALID_TICKET">x</cas:authenticationFailure>` + shut, federation.ErrUntrusted},
		"failure, no code":  {open + `<cas:authenticationFailure>x</cas:authenticationFailure>` + shut, federation.ErrUntrusted},
		"nothing":           {open + shut, federation.ErrUntrusted},
		"proxy success":     {open + `<cas:proxySuccess><cas:proxyTicket>PT-1</cas:proxyTicket></cas:proxySuccess>` + shut, federation.ErrUntrusted},
		"two successes":     {open + `<cas:authenticationSuccess>` + user + `</cas:authenticationSuccess><cas:authenticationSuccess>` + user + `</cas:authenticationSuccess>` + shut, federation.ErrUntrusted},
		"failure, success":  {open + `<cas:authenticationFailure code="INVALID_TICKET"/><cas:authenticationSuccess>` + user + `</cas:authenticationSuccess>` + shut, federation.ErrUntrusted},
		"two documents":     {success(user) + success(`<cas:user>hai</cas:user>`), federation.ErrUntrusted},
		"text behind":       {success(user) + "x", federation.ErrUntrusted},
		"text beside":       {success(user + "x"), federation.ErrUntrusted},
		"DTD":               {`<!DOCTYPE r [<!ENTITY u "hai">]>` + success(`<cas:user>mot</cas:user>`), federation.ErrUntrusted},
		"entity of a DTD":   {`<!DOCTYPE r [<!ENTITY u "hai">]>` + success(`<cas:user>&u;</cas:user>`), federation.ErrUntrusted},
		"no user":           {success(``), federation.ErrUntrusted},
		"two users":         {success(user + `<cas:user>hai</cas:user>`), federation.ErrUntrusted},
		"user in elements":  {success(`<cas:user><b>mot</b></cas:user>`), federation.ErrUntrusted},
		"user and comment":  {success(`<cas:user>mot<!-- -->.hai</cas:user>`), federation.ErrUntrusted},
		"instruction":       {success(`<cas:user>mot<?x?></cas:user>`), federation.ErrUntrusted},
		"proxies":           {success(user + `<cas:proxies><cas:proxy>https://p.example</cas:proxy></cas:proxies>`), federation.ErrUntrusted},
		"no proxies":        {success(user + `<cas:proxies/>`), federation.ErrUntrusted},
		"granting ticket":   {success(user + `<cas:proxyGrantingTicket>PGTIOU-1</cas:proxyGrantingTicket>`), federation.ErrUntrusted},
		"user of another":   {success(`<user xmlns="urn:x">hai</user>` + user), federation.ErrUntrusted},
		"two attributes":    {success(user + `<cas:attributes/><cas:attributes/>`), federation.ErrUntrusted},
		"very deep":         {success(user + `<cas:attributes>` + strings.Repeat("<cas:a>", 100) + strings.Repeat("</cas:a>", 100) + `</cas:attributes>`), federation.ErrDown},
		"very many":         {success(user + `<cas:attributes>` + strings.Repeat("<cas:a/>", 5000) + `</cas:attributes>`), federation.ErrDown},
		"not UTF-8":         {success("<cas:user>\xff</cas:user>"), federation.ErrDown},
		"other charset":     {`<?xml version="1.0" encoding="UTF-7"?>` + success(user), federation.ErrDown},
		"value not escaped": {success(`<cas:user>mot</cas:user><cas:user>hai</cas:user><cas:attributes><cas:ten>x</cas:ten></cas:attributes>`), federation.ErrUntrusted},
	} {
		a, err := readAnswer([]byte(tt.document))
		if !errors.Is(err, tt.want) || tt.want == nil && (err != nil || a.user != "mot") {
			t.Errorf("%s: readAnswer() = %q, %v, want %v", name, a.user, err, tt.want)
		}
	}
}

// FuzzReadAnswer: nothing makes the reader fail in another way than by its two
// errors, and what it believes is one user, whom it reads again when written out.
func FuzzReadAnswer(f *testing.F) {
	f.Add(success(`<cas:user>mot</cas:user><cas:attributes><cas:loa>cao</cas:loa></cas:attributes>`))
	f.Add(open + `<cas:authenticationFailure code="INVALID_TICKET">x</cas:authenticationFailure>` + shut)
	f.Add(`<!DOCTYPE x>` + success(`<cas:user>&lt;</cas:user>`))
	f.Add(success(`<cas:user>mot<!-- --></cas:user>`))
	f.Fuzz(func(t *testing.T, document string) {
		a, err := readAnswer([]byte(document))
		switch {
		case err != nil && !errors.Is(err, federation.ErrUntrusted) && !errors.Is(err, federation.ErrDown):
			t.Errorf("readAnswer() = %v, want one of the errors of a source", err)
		case err == nil:
			var b strings.Builder
			_ = xml.EscapeText(&b, []byte(a.user))
			again, err := readAnswer([]byte(success(`<cas:user>` + b.String() + `</cas:user>`)))
			if err != nil || again.user != a.user {
				t.Errorf("user %q written out reads as %q, %v", a.user, again.user, err)
			}
		}
	})
}
