package web

import (
	"strings"
	"testing"
	"time"

	"eidgate/eid"
)

// linkSamples are the pages of old accounts in every state.
func linkSamples(common Common, noon time.Time) []sample {
	own := Common{Form: Hidden{Action: "/links", CSRF: "csrf-of-a-sample-page"}}
	post := Label{Text: "Bưu điện mẫu", English: "Sample post office"}
	library := Label{Text: "Thư viện mẫu có một cái tên rất dài để xem trang giữ được hình dạng"}
	ends := time.Date(2027, 12, 31, 17, 0, 0, 0, time.UTC) // 2028-01-01T00:00+07:00
	wrong := Common{Ref: hostile, Portal: Label{hostile, hostile}, Form: Hidden{Action: "/login", Login: hostile, CSRF: hostile}}
	both := LinkConfirmData{Common: common, Source: post, OldName: "••• ••• ••• thu", National: Label{Text: "Tài khoản định danh mẫu", English: "Sample identity account"},
		HolderName: "Nguyễn Thị Mẫu", MaskedNumber: "••• ••• ••• 001", Cap: eid.Level2, Until: ends, Pending: "pending-of-a-sample"}
	unending, worst := both, both
	unending.Cap, unending.Until, unending.OldName, unending.Source = eid.Level1, time.Time{}, "", library
	worst.Common, worst.Source, worst.OldName, worst.National, worst.HolderName = wrong, Label{hostile, hostile}, hostile, Label{hostile, hostile}, hostile
	lines := []LinkLine{{ID: "a", Source: post, Cap: eid.Level1, Since: noon, Until: ends}, {ID: "b", Source: library, Cap: eid.Level2, Since: noon}}
	return []sample{
		{"link", Page{Name: "link", Data: LinkData{Common: common, Source: post, OldName: "••• ••• ••• thu", OtherSources: true}}},
		{"link-bare", Page{Name: "link", Data: LinkData{Common: Common{Form: common.Form}, Source: library}}},
		{"link-overdue", Page{Name: "link", Status: 403, Data: LinkData{Common: common, Source: post, OldName: "••• ••• ••• thu", Overdue: true, Since: ends, OtherSources: true}}},
		{"link-overdue-undated", Page{Name: "link", Data: LinkData{Common: common, Source: post, Overdue: true}}},
		{"link-hostile", Page{Name: "link", Data: LinkData{Common: wrong, Source: Label{hostile, hostile}, OldName: hostile}}},
		{"link_confirm", Page{Name: "link_confirm", Data: both}},
		{"link_confirm-unending", Page{Name: "link_confirm", Data: unending}},
		{"link_confirm-hostile", Page{Name: "link_confirm", Data: worst}},
		{"stops", Page{Name: "stops", Data: StopsData{Common: common, Source: post, OldName: "••• ••• ••• thu", On: ends}}},
		{"stops-hostile", Page{Name: "stops", Data: StopsData{Common: wrong, Source: Label{hostile, hostile}, OldName: hostile, On: ends}}},
		{"links", Page{Name: "links", Data: LinksData{Common: own, Links: lines}}},
		{"links-undone", Page{Name: "links", Data: LinksData{Common: own, Links: lines[1:], Undone: post}}},
		{"links-none", Page{Name: "links", Data: LinksData{Common: own, Undone: post}}},
		{"links-out", Page{Name: "links", Data: LinksData{SignedOut: true}}},
		{"links-undone-out", Page{Name: "links", Data: LinksData{SignedOut: true, Undone: post}}}, // the sign-in rested on it
		{"links-hostile", Page{Name: "links", Data: LinksData{Common: own, Links: []LinkLine{{ID: hostile, Source: Label{hostile, hostile}, Cap: eid.Level1, Since: noon}}, Undone: Label{hostile, hostile}}}},
	}
}

func TestPagesOfOldAccountsSayWhatHolds(t *testing.T) {
	p := newPages(t)
	at := time.Date(2022, 12, 31, 17, 0, 0, 0, time.UTC) // 2023-01-01T00:00+07:00
	post := Label{Text: "Bưu điện"}
	form := Common{Portal: Label{Text: "Cổng mẫu"}, Form: Hidden{Action: "/login", Login: "l", CSRF: "c"}}
	both := LinkConfirmData{Common: form, Source: post, OldName: "••• ••• ••• thu", National: Label{Text: "Quốc gia"}, HolderName: "Nguyễn Thị Mẫu", MaskedNumber: "••• ••• ••• 001", Cap: 2, Until: at}
	unending := both
	unending.Until = time.Time{}
	tests := []struct {
		name       string
		page       Page
		has, lacks []string
	}{
		{"why", Page{Name: "link", Data: LinkData{Common: form, Source: post, OldName: "••• ••• ••• thu"}},
			[]string{"<h1>Liên kết tài khoản cũ</h1>", "<dd>Cổng mẫu</dd>", "Bưu điện", "kết thúc bằng thu", "Chưa có gì thay đổi"}, []string{"phải được xác minh"}},
		{"overdue", Page{Name: "link", Data: LinkData{Common: form, Source: post, Overdue: true, Since: at}},
			[]string{"<h1>Tài khoản cũ cần xác minh</h1>", "Từ 01/01/2023, tài khoản cũ phải được xác minh"}, []string{"Chỉ cần làm một lần"}},
		{"overdue on no day", Page{Name: "link", Data: LinkData{Common: form, Source: post, Overdue: true}},
			[]string{"<p>Tài khoản cũ phải được xác minh mới dùng được."}, []string{"Từ "}},
		{"both sides", Page{Name: "link_confirm", Data: both},
			[]string{"Bưu điện", "kết thúc bằng thu", "Nguyễn Thị Mẫu", "số định danh kết thúc bằng 001", "Quốc gia", "Định danh mức 2", "Đến 01/01/2023", "Hủy liên kết"}, []string{"Cho đến khi", "checked"}},
		{"both sides, without end", Page{Name: "link_confirm", Data: unending}, []string{"Cho đến khi Quý vị hủy"}, []string{"Đến 01"}},
		{"stops", Page{Name: "stops", Data: StopsData{Common: form, Source: post, On: at}}, []string{"<h1>Tài khoản này ngừng dùng từ 01/01/2023</h1>"}, nil},
		{"links", Page{Name: "links", Data: LinksData{Common: Common{Form: Hidden{Action: "/links", CSRF: "c"}}, Links: []LinkLine{{ID: "a", Source: post, Cap: 1, Since: at}}}},
			[]string{"<h2>Bưu điện</h2>", "Định danh mức 1", "01/01/2023", "Cho đến khi Quý vị hủy", "cũng kết thúc", `href="/history"`}, []string{"Đã hủy", "Quý vị chưa đăng nhập"}},
		{"undone", Page{Name: "links", Data: LinksData{Undone: post}}, []string{"Đã hủy liên kết với Bưu điện.", "Chưa có tài khoản cũ nào"}, []string{"cũng kết thúc"}},
		{"signed out", Page{Name: "links", Data: LinksData{SignedOut: true}}, []string{"Quý vị chưa đăng nhập."}, []string{"Chưa có tài khoản cũ nào", `href="/history"`}},
		{"undone and so signed out", Page{Name: "links", Data: LinksData{SignedOut: true, Undone: post}}, []string{"Đã hủy liên kết với Bưu điện.", "Quý vị chưa đăng nhập."}, nil},
		{"conflict", Page{Name: "refused", Data: RefusedData{Common: form, Reason: RefusedConflict, Source: post}},
			[]string{"<h1>Chưa thể liên kết</h1>", "Tài khoản cũ này (Bưu điện) chưa được liên kết", "Cán bộ đang xem xét."}, nil},
		{"history leads there", Page{Name: "history", Data: HistoryData{}}, []string{`href="/links"`}, nil},
		{"history of nobody does not", Page{Name: "history", Data: HistoryData{SignedOut: true}}, nil, []string{`href="/links"`}},
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

// TestNothingLinksByItself: what confirms a link, and what undoes one, is a button that
// somebody presses; the switch of the language is another.
func TestNothingLinksByItself(t *testing.T) {
	p := newPages(t)
	for _, s := range linkSamples(Common{Form: Hidden{Action: "/login", Login: "l", CSRF: "c"}}, time.Date(2026, 11, 21, 7, 5, 0, 0, time.UTC)) {
		all := parse(t, render(p, s.page).Body.String())
		for _, e := range all {
			_, checked := e.attrs["checked"]
			carries := e.attrs["type"] == "hidden" && (e.attrs["name"] == FieldLink && s.page.Name == "links" || e.attrs["value"] == ActionLink || e.attrs["value"] == ActionVerify)
			if checked || carries {
				t.Errorf("%s: %s %v decides for its holder", s.name, e.name, e.attrs)
			}
		}
		for _, a := range named(all, "a") {
			if strings.ContainsAny(a.attrs["href"], "?") {
				t.Errorf("%s: link to %q acts on a GET", s.name, a.attrs["href"])
			}
		}
	}
}
