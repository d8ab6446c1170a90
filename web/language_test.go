package web

import (
	"io/fs"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestLanguageIsDecidedInOrder(t *testing.T) {
	p := newPages(t)
	tests := []struct {
		name   string
		wishes Wishes
		want   string
	}{
		{"nothing", Wishes{}, "vi"},
		{"the browser", Wishes{Accepted: "en-US,en;q=0.9"}, "en"},
		{"the browser, by weight", Wishes{Accepted: "vi;q=0.5,en;q=0.9"}, "en"},
		{"the browser refuses", Wishes{Accepted: "en;q=0,fr"}, "vi"},
		{"the browser speaks neither", Wishes{Accepted: "fr-FR,fr;q=0.9"}, "vi"},
		{"the browser speaks another first", Wishes{Accepted: "fr-FR,en;q=0.5"}, "en"},
		{"the browser takes any", Wishes{Accepted: "*"}, "vi"},
		{"no header at all", Wishes{Accepted: "q=;;,,\x00"}, "vi"},
		{"a header without end", Wishes{Accepted: strings.Repeat("a-", 5000) + ",en"}, "vi"},
		{"the portal over the browser", Wishes{Locales: "vi", Accepted: "en"}, "vi"},
		{"the portal, by region", Wishes{Locales: "en-AU"}, "en"},
		{"the portal, by script", Wishes{Locales: "vi-Latn-VN", Accepted: "en"}, "vi"},
		{"the portal's first that is served", Wishes{Locales: "fr-CA fr en vi"}, "en"},
		{"the portal's first, whatever is second", Wishes{Locales: "vi en"}, "vi"},
		{"the portal asks for neither", Wishes{Locales: "fr km", Accepted: "en"}, "en"},
		{"the portal asks for nothing that is a tag", Wishes{Locales: "<b> \x00 english!", Accepted: "en"}, "en"},
		{"the portal asks without end", Wishes{Locales: "en" + strings.Repeat(" ", 300), Accepted: "vi"}, "vi"},
		{"the reader over both", Wishes{Switched: "en", Locales: "vi", Accepted: "vi"}, "en"},
		{"a cookie that is none", Wishes{Switched: "en-US", Locales: "vi"}, "vi"},
		{"a hostile cookie", Wishes{Switched: hostile, Accepted: "en"}, "en"},
	}
	for _, tt := range tests {
		if got := p.Language(tt.wishes); got != tt.want {
			t.Errorf("%s: Language() = %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestPagesSayTheirLanguage(t *testing.T) {
	p := newPages(t)
	for lang, want := range map[string]string{"": "vi", "vi": "vi", "en": "en"} {
		w := render(p, Page{Name: "home", Language: lang, Data: HomeData{}})
		if got := w.Header().Get("Content-Language"); got != want || !strings.Contains(w.Body.String(), `<html lang="`+want+`">`) {
			t.Errorf("language %q: Content-Language = %q, want %q and the page's own the same", lang, got, want)
		}
	}
	captureLog(t)
	if w := render(p, Page{Name: "home", Language: "xx", Data: HomeData{}}); w.Code != http.StatusInternalServerError {
		t.Errorf("a language without pages = %d, want 500", w.Code)
	}
}

// TestSwitchStandsInItsPlace: after the skip link and before the heading, in its
// own language, and never the button that Enter presses.
func TestSwitchStandsInItsPlace(t *testing.T) {
	p := newPages(t)
	other := map[string]string{"vi": "en", "en": "vi"}
	names := map[string]string{"vi": "Tiếng Việt", "en": "English"}
	for _, s := range inEveryLanguage(samples()) {
		all := parse(t, render(p, s.page).Body.String())
		index := func(match func(e *element) bool) int { return slices.IndexFunc(all, match) }
		at := index(func(e *element) bool { return e.attrs["name"] == FieldLanguage })
		if at < 0 {
			t.Errorf("%s has no switch", s.name)
			continue
		}
		want := other[s.page.Language]
		if e := all[at]; e.attrs["value"] != want || e.attrs["lang"] != want || e.text != names[want] {
			t.Errorf("%s: switch %v %q, want %s in its own language", s.name, e.attrs, e.text, want)
		}
		skip := index(func(e *element) bool { return e.attrs["class"] == "skip" })
		h1 := index(func(e *element) bool { return e.name == "h1" })
		if skip > at || at > h1 {
			t.Errorf("%s: skip link, switch and heading stand at %d, %d, %d", s.name, skip, at, h1)
		}
		checkSwitchForm(t, s.name, all, all[at])
	}
}

func checkSwitchForm(t *testing.T, name string, all []*element, button *element) {
	t.Helper()
	i := slices.IndexFunc(all, func(e *element) bool { return e.name == "form" && e.attrs["id"] == "bieu-mau" })
	if i < 0 {
		form := named(all, "form") // the switch is one of its own, ahead of those that search, sign out or forget
		switches := slices.DeleteFunc(slices.Clone(form), func(e *element) bool { return e.attrs["action"] != "/language" })
		if len(switches) != 1 || form[0] != switches[0] || button.form != 1 {
			t.Errorf("%s has no form, and its switch belongs to %d forms", name, len(switches))
		}
		return
	}
	if button.attrs["form"] != "bieu-mau" {
		t.Errorf("%s: switch sends form %q, want the page's", name, button.attrs["form"])
	}
	own := all[i].form
	fields := slices.ContainsFunc(named(all, "input"), func(e *element) bool { return e.attrs["type"] != "hidden" && e.form == own })
	for _, b := range named(all, "button") {
		if b.attrs["form"] != "bieu-mau" && b.form != own {
			continue
		}
		if fields && (b.attrs["name"] != "" || b.attrs["aria-hidden"] != "true" || b.attrs["tabindex"] != "-1") {
			t.Errorf("%s: Enter presses %v, want the form's own button", name, b.attrs)
		}
		return
	}
}

// TestRepliesToAPostLeadBack: what answers a POST has no address of its own.
func TestRepliesToAPostLeadBack(t *testing.T) {
	p := newPages(t)
	body := render(p, Page{Name: "error", Data: ErrorData{Common: Common{Return: "/login?login=a&b"}, Kind: ErrorForbidden}}).Body.String()
	if want := `name="return" value="/login?login=a&amp;b"`; !strings.Contains(body, want) {
		t.Errorf("page lacks %s", want)
	}
}

// TestVietnameseNamesAreMarked: on a page in English what is Vietnamese says so,
// wherever it stands, and what has an English name shows that.
func TestVietnameseNamesAreMarked(t *testing.T) {
	p := newPages(t)
	const vietnamese, english = "Tên tiếng Việt", "English name"
	for name, label := range map[string]Label{"without": {Text: vietnamese}, "with": {vietnamese, english}} {
		for _, s := range samplesNaming(label) {
			for _, lang := range served() {
				s.page.Language = lang
				body := render(p, s.page).Body.String()
				_, body, _ = strings.Cut(body, "<body>")
				if !strings.Contains(body, vietnamese) && !strings.Contains(body, english) {
					t.Errorf("%s, %s: %s names nobody", s.name, lang, name)
				}
				marked := strings.Count(body, `<span lang="vi">`+vietnamese+`</span>`)
				wantMarked := lang == "en" && label.English == ""
				if all := strings.Count(body, vietnamese); wantMarked && marked != all || !wantMarked && marked > 0 {
					t.Errorf("%s, %s: %d of %d names are marked as Vietnamese (%s)", s.name, lang, marked, all, name)
				}
				if shows := strings.Contains(body, english); shows != (lang == "en" && label.English != "") {
					t.Errorf("%s, %s: English name shown = %v (%s)", s.name, lang, shows, name)
				}
			}
		}
	}
}

// samplesNaming gives every page that names a portal or a source.
func samplesNaming(l Label) []sample {
	form := Hidden{Action: "/login", Login: "l", CSRF: "c"}
	common := Common{Ref: "K7QF-2M9D", Portal: l, PortalURL: "/", Form: form}
	list := []sample{
		{"choose", Page{Name: "choose", Data: ChooseData{Common: common, Level: 1, Notice: ProblemSourceFailed, NoticeSource: l,
			Tiles: []Tile{{ID: "a", Name: l, Level: 1, Usable: true}, {ID: "b", Name: l, Why: Why{Reason: WhyOwnFloor}}}}}},
		{"password", Page{Name: "password", Data: PasswordData{Common: common, Level: 1}}},
		{"login", Page{Name: "login", Data: LoginData{Common: common, Level: 1, Source: l}}},
		{"code", Page{Name: "code", Data: CodeData{Common: common, Level: 1}}},
		{"stepup", Page{Name: "stepup", Data: StepUpData{Common: common, Needed: 2, Have: 1}}},
		{"other_person", Page{Name: "other_person", Data: OtherPersonData{Common: common}}},
		{"locked", Page{Name: "locked", Data: LockedData{Common: common, Reason: "self"}}},
		{"error", Page{Name: "error", Data: ErrorData{Common: Common{Ref: "K7QF-2M9D", Portal: l, PortalURL: "/"}, Kind: ErrorSystem}}},
		{"consent", Page{Name: "consent", Data: ConsentData{Common: common, Purpose: l, Claims: []ConsentClaim{{"name", "x", l}}}}},
		{"consent informs", Page{Name: "consent", Data: ConsentData{Common: common, LegalBasis: l}}},
		{"link", Page{Name: "link", Data: LinkData{Common: common, Source: l}}},
		{"link_confirm", Page{Name: "link_confirm", Data: LinkConfirmData{Common: common, Source: l, National: l, Cap: 1}}},
		{"stops", Page{Name: "stops", Data: StopsData{Common: common, Source: l}}},
		{"links", Page{Name: "links", Data: LinksData{Links: []LinkLine{{ID: "a", Source: l, Cap: 1}}, Undone: l}}},
		{"logout", Page{Name: "logout", Data: LogoutData{Common: common, Portals: []Label{l}}}},
		{"loggingout", Page{Name: "loggingout", Data: LoggingOutData{Portals: []Label{l}, Next: "/"}}},
		{"loggedout", Page{Name: "loggedout", Data: LoggedOutData{NotTold: []Label{l}, Back: "/", BackName: l}}},
	}
	for _, reason := range RefusedReasons() {
		list = append(list, sample{"refused " + reason, Page{Name: "refused", Data: RefusedData{Common: common, Reason: reason, Source: l}}})
	}
	return list
}

func TestFormPostNamesItsPortalInTheLanguage(t *testing.T) {
	p := newPages(t)
	for lang, want := range map[string]string{"vi": "<h1>Đang quay lại Cổng mẫu…</h1>", "en": `<h1>Going back to <span lang="vi">Cổng mẫu</span>…</h1>`} {
		body := formPost(p, FormPost{Action: "https://portal.example.vn/cb", Portal: Label{Text: "Cổng mẫu"}, Language: lang}).Body.String()
		if !strings.Contains(body, want) || strings.Contains(body, `name="language"`) {
			t.Errorf("%s: page lacks %s, or offers a switch:\n%s", lang, want, body)
		}
	}
}

// TestTemplatesHoldNoText: every word that a holder reads is a message.
func TestTemplatesHoldNoText(t *testing.T) {
	hidden := regexp.MustCompile(`(?s){{.*?}}|<[^>]*>`)
	readable := regexp.MustCompile(`(?:title|alt|placeholder|aria-label)="([^"{]*[\pL][^"{]*)"`)
	err := fs.WalkDir(templateFiles, "templates", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := templateFiles.ReadFile(name)
		if text := strings.TrimSpace(hidden.ReplaceAllString(string(body), "")); strings.Trim(text, " \n–•…") != "" {
			t.Errorf("%s holds text: %q", name, text)
		}
		if m := readable.FindString(string(body)); m != "" {
			t.Errorf("%s holds text: %s", name, m)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
