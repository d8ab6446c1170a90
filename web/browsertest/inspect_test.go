package browsertest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

const (
	head = `<!doctype html><html lang="vi"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Trang mẫu</title><style>
body { margin: 0; padding: 16px; font: 18px/1.6 sans-serif; color: #17202a; background: #fff; overflow-wrap: break-word }
button, input { font: inherit; box-sizing: border-box; min-height: 48px; max-width: 100%; border: 2px solid #0b4f8a; white-space: normal }
a { display: inline-block; padding: 12px 0 } form { display: grid; gap: 12px; justify-items: start }
:focus-visible { outline: 3px solid #17202a } .off { position: absolute; top: -6rem } .off:focus { top: 0; background: #fff }
main:focus-visible { outline: none }`
	good = `<form method="post" action="/"><label for="so">Số mẫu</label><input id="so" name="so"><button class="primary" name="gui" value="1">Gửi</button></form>`
)

// sheet writes a page that is sound but for what it is given.
func sheet(style, body string) string {
	return head + style + `</style></head><body><a class="off" href="#noi-dung">Đến nội dung</a><main id="noi-dung" tabindex="-1"><h1>Trang mẫu</h1>` + body + `</main></body></html>`
}

// TestFaultsAreFound shows that the rig can fail: a sound page passes, and each
// fault put into it is found under its name.
func TestFaultsAreFound(t *testing.T) {
	axe, err := AxeSource(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		page string
		want []string // parts of findings; none for a sound page
	}{
		{"sound", sheet("", good), nil},
		{"no label", sheet("", `<form><input id="so"><button>Gửi</button></form>`), []string{"axe label:", "input#so has no label"}},
		{"name other than the label", sheet("", `<form><button aria-label="Xóa">Gửi</button></form>`), []string{"accessible names", "button Xóa"}},
		{"more to read", sheet(`summary { margin-top: 8px; padding: 12px 0; border: 2px solid }`, good+`<details><summary>Xem thêm</summary><p>Chữ</p></details>`), nil},
		{"more to read under another name", sheet("", good+`<details><summary aria-label="Xóa">Xem thêm</summary><p>Chữ</p></details>`), []string{"DisclosureTriangle Xóa", "summary \"Xem thêm\" has no border"}},
		{"low contrast", sheet("", good+`<p style="color:#aaa">Chữ mờ</p>`), []string{"axe color-contrast:", "has attribute style"}},
		{"low contrast in the dark", sheet(`@media (prefers-color-scheme: dark) { p { color: #333; background: #000 } }`, good+`<p>Chữ mờ</p>`), []string{"360 px, dark: axe color-contrast:", "1280 px, dark: axe color-contrast:"}},
		{"tiny targets", sheet(`button { min-height: 0; height: 16px; width: 16px; padding: 0; font-size: 12px } form { display: block }`,
			`<form><button>a</button><button>b</button></form>`), []string{"axe target-size:", "px high, want 48", "has text of 12 px", "closer than 8 px"}},
		{"sideways scroll", sheet(`p { width: 400px }`, good+`<p>Rộng quá</p>`), []string{"360 px: scrolls sideways: 4", "320 px: scrolls sideways", "reaches over the edge"}},
		{"sideways at large text", sheet(`p { width: 18rem }`, good+`<p>Rộng quá</p>`), []string{"360 px, text of 200 %: scrolls sideways"}},
		{"cut off", sheet(`p { width: 10rem; height: 2rem; overflow: hidden }`, good+`<p>Chữ này dài hơn chỗ dành cho nó rất nhiều lần</p>`), []string{"high and holds"}},
		{"cut off when spaced", sheet(`p { width: 8.2rem; white-space: nowrap; overflow: hidden }`, good+`<p>Chữ vừa khít</p>`), []string{"360 px, text spacing: p"}},
		{"words run together", sheet(`button { display: inline-flex }`, `<form><button>Về <b>cổng</b></button></form>`), []string{`button "Về cổng" runs words together`}},
		{"overlap", sheet(`p { margin: -40px 0 0; position: relative }`, good+`<p>Chữ đè lên nút</p>`), []string{"lies over the text of"}},
		{"lost at a zoom", sheet(`@media (max-width: 330px) { p { display: none } }`, good+`<p>Chữ mất</p>`), []string{"320 px: shows"}},
		{"two headings and a script", sheet("", good+`<h1>Nữa</h1><script>1</script>`), []string{"want one h1", "1 scripts, want 0"}},
		{"a language it is not in", strings.Replace(sheet("", good), `lang="vi"`, `lang="en"`, 1), []string{"lang is en, want vi"}},
		{"motion", sheet(`button { transition: color 1s }`, good), []string{"moves"}},
		{"no border in forced colours", sheet(`button { border: 0 }`, good), []string{"forced colours: button", "has no border"}},
		{"no focus", sheet(`:focus-visible { outline: none }`, good), []string{"shows no focus"}},
		{"faint focus", sheet(`:focus-visible { outline-color: #eee }`, good), []string{"shows a faint focus"}},
		{"focus behind", sheet(`.bar { position: fixed; inset: 0; background: #fff }`, good+`<p class="bar">Thanh</p>`), []string{"has the focus behind"}},
		{"order other than the eye's", sheet(`form { direction: ltr; display: flex; flex-direction: column-reverse }`, good), []string{"where Tab came from"}},
		{"order of its own", sheet("", `<form><button tabindex="2">Hai</button><button tabindex="1">Một</button></form>`), []string{"Tab goes from"}},
		{"control without the keyboard", sheet("", good+`<p><button tabindex="-1">Ẩn</button></p>`), []string{"Tab does not reach button"}},
		{"focus taken", sheet("", strings.Replace(good, `name="so"`, `name="so" autofocus`, 1)), []string{"a clean page begins with the focus"}},
		{"skip link that leads nowhere", strings.Replace(sheet("", good), `id="noi-dung"`, `id="khac"`, 1), []string{"the first link leads to"}},
		{"summary that leads nowhere", sheet("", `<div id="loi" tabindex="-1" autofocus><a href="#sai">Sai</a></div>`+good), []string{"the summary's link leads to"}},
		{"summary without the focus", sheet("", `<div id="loi" tabindex="-1"><a href="#so">Sai</a></div>`+good), []string{"want the summary of errors"}},
	}
	pages := make(map[string]string, len(tests))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(pages[r.URL.Path]))
	}))
	defer server.Close()
	tab := NewTab(Start(t), t)
	for i, tt := range tests {
		path := fmt.Sprintf("/%d", i)
		pages[path] = tt.page
		if err := Open(tab, server.URL+path); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		found, err := Inspect(tab, axe, Page{Lang: "vi"})
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		stuck, primary, err := Keyboard(tab, server.URL+path)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		found = append(found, stuck...)
		for _, want := range tt.want {
			if !slices.ContainsFunc(found, func(fault string) bool { return strings.Contains(fault, want) }) {
				t.Errorf("%s: found %q, want %q among it", tt.name, found, want)
			}
		}
		if tt.want == nil && (len(found) > 0 || !primary) {
			t.Errorf("%s: found %q, primary button reached %v, want nothing and true", tt.name, found, primary)
		}
	}
	must(t, chromedp.Cancel(tab))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
