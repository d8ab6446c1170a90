package web

import (
	"strings"
	"testing"
)

func TestLogoutListsServices(t *testing.T) {
	p := newPages(t)
	common := Common{Form: Hidden{Action: "/logout", CSRF: "c"}}
	tests := []struct {
		name       string
		page       Page
		has, lacks []string
	}{
		{"several", Page{Name: "logout", Data: LogoutData{Common: common, Portals: []Label{{Text: "Cổng A"}, {Text: "Cổng B"}}}},
			[]string{"Đăng xuất khỏi các dịch vụ này?", "<li>Cổng A</li>\n<li>Cổng B</li>", "Đăng xuất tất cả"}, nil},
		{"none", Page{Name: "logout", Data: LogoutData{Common: common}},
			[]string{"Đăng xuất khỏi hệ thống định danh?"}, []string{"các dịch vụ này", "<ul", "tất cả"}},
		{"logging out", Page{Name: "loggingout", Data: LoggingOutData{Portals: []Label{{Text: "Cổng A"}}, Next: "https://portal.example.vn/out?state=a&b"}},
			[]string{"Đang đăng xuất…", "<li>Cổng A</li>", `href="https://portal.example.vn/out?state=a&amp;b"`}, []string{"<iframe", `action="/log`}},
		{"logged out, not all", Page{Name: "loggedout", Data: LoggedOutData{NotTold: []Label{{Text: "Cổng A"}, {Text: "Cổng B"}}, Back: "https://portal.example.vn/", BackName: Label{Text: "Cổng C"}}},
			[]string{"Đã đăng xuất", "Chưa báo được cho Cổng A; hãy đăng xuất ở đó.", "Chưa báo được cho Cổng B; hãy đăng xuất ở đó.", `href="https://portal.example.vn/">Quay lại Cổng C`}, []string{`action="/log`}},
		{"logged out of all", Page{Name: "loggedout", Data: LoggedOutData{}}, []string{"Đã đăng xuất"}, []string{"Chưa báo được", "Quay lại", "notice"}},
		{"back without a name", Page{Name: "loggedout", Data: LoggedOutData{Back: "/"}}, []string{"Quay lại cổng dịch vụ"}, nil},
	}
	for _, tt := range tests {
		body := render(p, tt.page).Body.String()
		for _, text := range tt.has {
			if !strings.Contains(body, text) {
				t.Errorf("%s: page lacks %q", tt.name, text)
			}
		}
		for _, text := range tt.lacks {
			if strings.Contains(body, text) {
				t.Errorf("%s: page says %q", tt.name, text)
			}
		}
	}
}

func TestFramesLoadUnseen(t *testing.T) {
	frames := []string{"http://127.0.0.1:8401/out?iss=http%3A%2F%2F127.0.0.1%3A8400&sid=s1", "https://portal.example.vn/out", "javascript:alert(1)"}
	all := parse(t, render(newPages(t), Page{Name: "loggingout", Data: LoggingOutData{Frames: frames, Next: "/"}}).Body.String())
	list := named(all, "iframe")
	if len(list) != len(frames) {
		t.Fatalf("%d frames, want %d", len(list), len(frames))
	}
	titles := map[string]bool{}
	for i, f := range list {
		want := frames[i]
		if strings.HasPrefix(want, "javascript:") {
			want = "#ZgotmplZ"
		}
		if f.attrs["src"] != want {
			t.Errorf("frame %d loads %q, want %q", i, f.attrs["src"], want)
		}
		for _, name := range []string{"sandbox", "loading", "hidden", "name"} {
			if _, ok := f.attrs[name]; ok {
				t.Errorf("frame %d has %s, which can keep it from its work", i, name)
			}
		}
		titles[f.attrs["title"]] = true
	}
	if len(titles) != len(frames) || titles[""] {
		t.Errorf("titles = %v, want one for each frame", titles)
	}
}

func TestLink(t *testing.T) {
	p := newPages(t)
	const inert = "#ZgotmplZ"
	for address, want := range map[string]string{
		"/logged-out":                   "/logged-out",
		"https://portal.example.vn/a?b": "https://portal.example.vn/a?b",
		"org.example.app:/out?state=1":  "org.example.app:/out?state=1",
		"javascript:alert(1)":           inert,
		"JAVASCRIPT:alert(1)":           inert,
		"data:text/html,x":              inert,
		"java\nscript:alert(1)":         inert,
		" javascript:alert(1)":          inert,
		"intent:x":                      inert,
	} {
		all := parse(t, render(p, Page{Name: "loggedout", Data: LoggedOutData{Back: address}}).Body.String())
		links := named(all, "a")
		if got := links[len(links)-1].attrs["href"]; got != want {
			t.Errorf("link(%q) = %q, want %q", address, got, want)
		}
	}
}
