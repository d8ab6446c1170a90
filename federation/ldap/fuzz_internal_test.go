package ldap

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"eidgate/eid"
	"eidgate/federation"
)

func fuzzSettings() Settings {
	return Settings{
		URL: "ldap://127.0.0.1", BindDN: "cn=g,dc=vn", BindPassword: eid.NewSecret("p"), BaseDN: "dc=vn", Filter: "(uid={login})",
		Subject: "entryUUID", Groups: map[string]eid.Level{"cn=a,dc=vn": eid.Level2, "cn=b,dc=vn": eid.Level1},
	}
}

// FuzzAnswer has a directory send whatever it likes to a bind and a search: the only
// ends are an entry below the base, nobody, and the errors of a source.
func FuzzAnswer(f *testing.F) {
	done := func(tag ber.Tag, code byte) []byte {
		return append([]byte{0x30, 0x0c, 0x02, 0x01, 0x01, 0x60 | byte(tag), 0x07, 0x0a, 0x01, code}, 0x04, 0x00, 0x04, 0x00)
	}
	f.Add(done(1, 0))
	f.Add(done(1, 49))
	f.Add(append(done(1, 0), 0x30, 0x0c, 0x02, 0x01, 0x02, 0x65, 0x07, 0x0a, 0x01, 0x00, 0x04, 0x00, 0x04, 0x00))
	f.Add([]byte("\x30\x84\xff\xff\xff\xff\x02\x01\x01"))
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
	f.Add(append(done(1, 0), []byte("\x30\x25\x02\x01\x02\x64\x20\x04\x0auid=a,dc=vn\x30\x12\x30\x10\x04\x09entryUUID\x31\x03\x04\x01x")...))
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := newDirectory(fuzzSettings(), func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			go func() {
				defer server.Close()
				go func() { _, _ = io.Copy(io.Discard, server) }()
				_, _ = server.Write(raw)
			}()
			return client, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		found, err := d.find(ctx, fuzzSettings().search("a"))
		if err != nil && !errors.Is(err, federation.ErrDown) && !errors.Is(err, federation.ErrUntrusted) {
			t.Errorf("find() = %v, want one of the errors of a source", err)
		}
		if found != nil {
			if dn, ok := parseDN(found.DN); !ok || !d.base.AncestorOfFold(dn) && !d.base.EqualFold(dn) {
				t.Errorf("found %q outside the base", found.DN)
			}
		}
	})
}

// FuzzEntry: no entry gives a level without being in a group of it, nor a subject
// that is not one printable value.
func FuzzEntry(f *testing.F) {
	f.Add("entryUUID", "x", "cn=a,dc=vn", "memberOf", "cn=b,dc=vn")
	f.Add("ENTRYUUID", "x", "cn=b, dc=vn", "entryUUID", "y")
	f.Add("entryUUID", "\x00", "cn=c,dc=vn", "", "")
	f.Fuzz(func(t *testing.T, name, value, group, otherName, otherValue string) {
		entry := ldap.Entry{Attributes: []*ldap.EntryAttribute{
			ldap.NewEntryAttribute(name, []string{value}), ldap.NewEntryAttribute("memberOf", []string{group}),
			ldap.NewEntryAttribute(otherName, []string{otherValue}),
		}}
		a, err := fuzzSettings().assertion(entry, time.Unix(0, 0))
		if err != nil {
			if !errors.Is(err, federation.ErrUntrusted) {
				t.Errorf("assertion() = %v, want ErrUntrusted", err)
			}
			return
		}
		if a.Subject == "" || strings.ContainsAny(a.Subject, "\x00\n") || !a.Level.Valid() {
			t.Errorf("assertion() = %+v", a)
		}
		if in := strings.ToLower(group + "|" + otherValue + "|" + value); !strings.Contains(in, "dc") {
			t.Errorf("level %d without a group", a.Level)
		}
	})
}

// FuzzName: whatever is typed, the filter has the shape of the template, and the DN
// its parts.
func FuzzName(f *testing.F) {
	for _, name := range []string{"mot", "*)(uid=*", `a\2a`, "a,b=c", " #", "a+b=c", "Nguyễn"} {
		f.Add(name)
	}
	s := fuzzSettings()
	s.BindAs = "uid={login},ou=a,dc=vn"
	f.Fuzz(func(t *testing.T, name string) {
		if !federation.FitLogin(name) || name != strings.TrimSpace(name) {
			return
		}
		filter, err := ldap.CompileFilter(s.search(name).Filter)
		if err != nil || filter.Tag != ldap.FilterEqualityMatch || len(filter.Children) != 2 || filter.Children[1].Data.String() != name {
			t.Fatalf("filter of %q = %v, %v, want an equality with it", name, filter, err)
		}
		dn, err := ldap.ParseDN(s.bindName(name))
		if err != nil || len(dn.RDNs) != 3 || len(dn.RDNs[0].Attributes) != 1 || dn.RDNs[0].Attributes[0].Value != name {
			t.Errorf("DN of %q = %v, %v, want three parts, the first with it", name, dn, err)
		}
	})
}
