package vneid

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"eidgate/eid"
	"eidgate/federation"
)

func testSource(t testing.TB, dialect Dialect) *Source {
	t.Helper()
	settings := Settings{Dialect: dialect, Levels: map[string]eid.Level{"1": eid.Level1, "2": eid.Level2}}
	if dialect == Encrypted {
		_, text := testKey(t)
		settings.DecryptionKeys = []eid.Secret{text}
	}
	s := &Source{settings: settings.filled()}
	if dialect == Encrypted {
		s.opener = testOpener(t, ECB, settings.DecryptionKeys...)
	}
	return s
}

// One name given twice has no one meaning, and names are not alike that differ in
// their letters.
func TestReadRefusesTwoMeanings(t *testing.T) {
	s := testSource(t, SSO)
	for _, body := range []string{
		`{"loAs":1,"loAs":2}`, `{"loAs":1,"lo\u0041s":2}`, `{"loAs":1}{"loAs":2}`, `[{"loAs":1}]`, `"loAs"`, ``, `nul`, "\xef\xbb\xbf{}",
	} {
		if said, err := s.read([]byte(body)); !errors.Is(err, federation.ErrDown) {
			t.Errorf("read(%q) = %v, %v, want %v", body, said, err, federation.ErrDown)
		}
	}
	for _, body := range []string{`null`, `{}`, `{"LOAS":"2","LoaiTaiKhoan":"1","TechID":"t"}`} {
		said, err := s.read([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if a, err := s.believe(said); !errors.Is(err, federation.ErrUntrusted) {
			t.Errorf("believe(%q) = %+v, %v, want %v", body, a, err, federation.ErrUntrusted)
		}
	}
}

// Whatever userinfo says, what is believed has a registered level of its own level
// claim, a citizen's account and a subject that can be kept.
func FuzzUserInfo(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `null`, `[]`, `{"loAs":"2","LoaiTaiKhoan":"1","TechID":"t","SoDinhDanh":"001203000001","HoVaTen":"Đặng A","NgayThangNamSinh":"2003"}`,
		`{"loAs":2,"LoaiTaiKhoan":1,"TechID":12,"logoutUri":"https://a.example/","IAL":2}`, `{"loAs":2e0,"LoaiTaiKhoan":1,"TechID":"t"}`,
		`{"loAs":[2],"LoaiTaiKhoan":"1","TechID":"t"}`, `{"loAs":"2","loAs":"1","LoaiTaiKhoan":"1","TechID":"t"}`,
		`{"loAs":"2\u0000","LoaiTaiKhoan":"1","TechID":"t"}`, `{"loAs":"2","LoaiTaiKhoan":"2","TechID":"t"}`,
		`{"loAs":"2","LoaiTaiKhoan":"1","TechID":"1","SoDinhDanh":"1"}`, `{"":["pwd"],"loAs":"1","LoaiTaiKhoan":"1","TechID":"t"}`,
		`{"loAs":` + strings.Repeat("[", 1000), `{"loAs":-1,"TechID":{"a":1}}`,
	} {
		f.Add([]byte(seed))
	}
	s := testSource(f, SSO)
	f.Fuzz(func(t *testing.T, body []byte) {
		said, err := s.read(body)
		if err != nil {
			if !errors.Is(err, federation.ErrDown) {
				t.Errorf("read() = %v, want %v", err, federation.ErrDown)
			}
			return
		}
		a, err := s.believe(said)
		if err != nil {
			if !errors.Is(err, federation.ErrUntrusted) || a.Subject != "" || a.Level.Valid() {
				t.Errorf("believe() = %+v, %v, want nothing and %v", a, err, federation.ErrUntrusted)
			}
			return
		}
		level := string(said["loAs"])
		one, two := level == "1" || level == `"1"`, level == "2" || level == `"2"`
		// An escaped digit is the same text.
		if strings.Contains(level, `\u003`) {
			one, two = strings.Contains(level, "1"), strings.Contains(level, "2")
		}
		if a.Level == eid.Level1 && !one || a.Level == eid.Level2 && !two || !a.Level.Valid() {
			t.Errorf("level %v of %s", a.Level, level)
		}
		if a.Subject == "" || a.Subject == a.Person.Number || len(a.Methods) == 0 || a.Account != "" {
			t.Errorf("believe() = %+v", a)
		}
	})
}

// Envelopes that nobody sealed to this key are not opened, and have one error.
func FuzzEnvelope(f *testing.F) {
	s := testSource(f, Encrypted)
	key := make([]byte, 32)
	stranger, _ := testKey(f)
	std := base64.StdEncoding.EncodeToString
	f.Add(std(blocks(f, ECB, key, padded(`{"access_token":"a"}`))), std(wrapTo(f, stranger, key)))
	f.Add("", "")
	f.Add("AAAAAAAAAAAAAAAAAAAAAA==", "AAAA")
	f.Add("AAAA", strings.Repeat("A", 342))
	f.Add(strings.Repeat(" ", 64), strings.Repeat("_", 342))
	f.Add("%", "=\r\n=")
	const want = "encrypted answer cannot be opened: answer of the source not believed"
	f.Fuzz(func(t *testing.T, data, key string) {
		quoted := func(text string) []byte { return []byte(`"` + base64.StdEncoding.EncodeToString([]byte(text)) + `"`) }
		for _, said := range []members{
			{"data": []byte(`"` + data + `"`), "key": []byte(`"` + key + `"`)}, {"data": quoted(data), "key": quoted(key)}, {"data": []byte(data)},
		} {
			if opened, err := s.unseal(said); err == nil || err.Error() != want || opened != nil {
				t.Errorf("unseal() = %v, %v, want %s", opened, err, want)
			}
		}
		if text, ok := s.opener.open(data, key, fitsCode); ok || text != nil {
			t.Errorf("open() = %q, want nothing", text)
		}
	})
}

// Parameters of a redirect that nobody sealed never become anything but a code of
// our own making, or an error.
func FuzzAnswer(f *testing.F) {
	s := testSource(f, Encrypted)
	f.Add("code", "key", true)
	f.Add("", "", false)
	f.Add("a+b c", strings.Repeat("A", 342), true)
	f.Add(strings.Repeat("A", 5000), "", true)
	f.Fuzz(func(t *testing.T, code, key string, sealed bool) {
		values := map[string][]string{"state": {"s"}, "code": {code}}
		if sealed {
			values["encrypt_key"] = []string{key}
		}
		got, err := s.answer(values, memory{State: hashOf("s")})
		switch {
		case err != nil && (got != "" || !errors.Is(err, federation.ErrUntrusted)):
			t.Errorf("answer() = %q, %v, want nothing and %v", got, err, federation.ErrUntrusted)
		case err == nil && !sealed && got != code:
			t.Errorf("answer() = %q, want the code as it came", got)
		case err == nil && sealed && (got == code || len(got) != 26):
			t.Errorf("answer() = %q, want a code that nobody has", got)
		}
		if _, err := s.answer(values, memory{State: hashOf("t")}); !errors.Is(err, federation.ErrUntrusted) {
			t.Errorf("answer() under another state = %v, want %v", err, federation.ErrUntrusted)
		}
	})
}
