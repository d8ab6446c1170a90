package web

import (
	"bytes"
	"compress/gzip"
	"encoding/xml"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

func newPages(t *testing.T) *Pages {
	t.Helper()
	p, err := New()
	if err != nil {
		t.Fatalf("New() = %v", err)
	}
	return p
}

// A page is parsed when it is first shown; none fails then.
func TestEveryPageParses(t *testing.T) {
	for tag, pages := range newPages(t).templates {
		if len(pages) == 0 {
			t.Errorf("no pages in %s", tag)
		}
		for name, parsed := range pages {
			if got, err := parsed(); err != nil || got.Lookup("page") == nil {
				t.Errorf("page %s in %s: %v, want one that parses", name, tag, err)
			}
		}
	}
}

// render gives the answer to a plain GET, with the headers of that request.
func render(p *Pages, page Page, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/login", nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	p.Render(w, r, page)
	return w
}

// captureLog gives what is logged during the test.
func captureLog(t *testing.T) *bytes.Buffer {
	t.Helper()
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	return &log
}

// element is one start tag with the text inside it.
type element struct {
	name  string
	attrs map[string]string
	text  string
	form  int // which form it stands in, from 1; 0 outside of any
}

// parse reads a page and fails on tags that do not nest.
func parse(t *testing.T, body string) []*element {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(body))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var all, open []*element
	forms, form := 0, 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("page does not parse: %v\n%s", err, body)
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := &element{name: token.Name.Local, attrs: make(map[string]string)}
			for _, a := range token.Attr {
				e.attrs[a.Name.Local] = a.Value
			}
			if e.name == "form" {
				if form != 0 {
					t.Error("form within a form")
				}
				forms++
				form = forms
			}
			e.form = form
			all, open = append(all, e), append(open, e)
		case xml.EndElement:
			if token.Name.Local == "form" {
				form = 0
			}
			open = open[:len(open)-1]
		case xml.CharData:
			for _, e := range open {
				e.text += string(token)
			}
		}
	}
}

func named(all []*element, name string) []*element {
	return slices.DeleteFunc(slices.Clone(all), func(e *element) bool { return e.name != name })
}

func TestEveryPageIsSound(t *testing.T) {
	p := newPages(t)
	for _, s := range inEveryLanguage(samples()) {
		t.Run(s.name, func(t *testing.T) {
			w := render(p, s.page)
			want := s.page.Status
			if want == 0 {
				want = http.StatusOK
			}
			if w.Code != want {
				t.Fatalf("status = %d, want %d", w.Code, want)
			}
			body, policy := w.Body.String(), w.Header().Get("Content-Security-Policy")
			// Its own script, as the policy has it, and no other.
			if script := s.page.Data.(content).Script(); script != "" {
				if tag := "<script>" + string(script) + "</script>"; strings.Count(body, tag) != 1 || !strings.Contains(policy, "; script-src "+scriptHash(script)+";") {
					t.Errorf("page does not have its script once, under policy %q", policy)
				} else {
					body = strings.Replace(body, tag, "", 1)
				}
			} else if strings.Contains(policy, "script-src") {
				t.Errorf("policy %q lets a script run, want none", policy)
			}
			if !strings.HasPrefix(body, "<!doctype html>") {
				t.Errorf("page begins with %.20q", body)
			}
			for _, leak := range []string{"<no value>", "ZgotmplZ", "%!", "<script"} {
				if strings.Contains(body, leak) {
					t.Errorf("page holds %q", leak)
				}
			}
			all := parse(t, body)
			checkShell(t, all, s.page.Language)
			checkForms(t, all)
			checkIDs(t, all)
		})
	}
}

func checkShell(t *testing.T, all []*element, lang string) {
	t.Helper()
	if got := named(all, "html")[0].attrs["lang"]; got != lang {
		t.Errorf("lang = %q, want %s", got, lang)
	}
	for _, name := range []string{"h1", "main", "title", "header", "footer"} {
		if got := len(named(all, name)); got != 1 {
			t.Errorf("%s appears %d times, want 1", name, got)
		}
	}
	h1, title := strings.TrimSpace(named(all, "h1")[0].text), named(all, "title")[0].text
	if h1 == "" || !strings.Contains(title, h1) {
		t.Errorf("title %q does not say h1 %q", title, h1)
	}
	summaries := 0
	for _, e := range all {
		if e.name == "script" || e.name == "style" {
			t.Errorf("page has a %s", e.name)
		}
		for name := range e.attrs {
			if name == "style" || strings.HasPrefix(name, "on") {
				t.Errorf("%s has attribute %s", e.name, name)
			}
		}
		if _, focused := e.attrs["autofocus"]; focused {
			summaries++
			if e.attrs["id"] != "loi" || e.attrs["tabindex"] != "-1" {
				t.Errorf("autofocus on %v, want the error summary only", e.attrs)
			}
		}
	}
	if wrong := (strings.HasPrefix(title, "Lỗi: ") || strings.HasPrefix(title, "Error: ")); wrong != (summaries == 1) {
		t.Errorf("title %q with %d error summaries", title, summaries)
	}
}

func checkForms(t *testing.T, all []*element) {
	t.Helper()
	labels := map[string]bool{}
	for _, l := range named(all, "label") {
		labels[l.attrs["for"]] = strings.TrimSpace(l.text) != ""
	}
	carried := map[int]map[string]bool{}
	for _, in := range named(all, "input") {
		if in.attrs["type"] == "hidden" {
			if carried[in.form] == nil {
				carried[in.form] = map[string]bool{}
			}
			carried[in.form][in.attrs["name"]] = in.attrs["value"] != ""
			continue
		}
		if !labels[in.attrs["id"]] {
			t.Errorf("field %q has no label", in.attrs["id"])
		}
		if _, limited := in.attrs["maxlength"]; limited {
			t.Errorf("field %q has a maxlength", in.attrs["id"])
		}
		if _, echoed := in.attrs["value"]; echoed && in.attrs["name"] != FieldPersonalNumber && in.attrs["name"] != FieldLoginName && in.attrs["name"] != FieldQuery && !givenBack(in) && !officerTypes(in) {
			t.Errorf("field %q echoes a value", in.attrs["name"])
		}
		if in.attrs["autocomplete"] == "" && in.attrs["type"] != "radio" && in.attrs["type"] != "checkbox" {
			t.Errorf("field %q has no autocomplete", in.attrs["name"])
		}
	}
	for _, f := range named(all, "form") {
		if f.attrs["action"] == "/language" {
			continue // it belongs to no login
		}
		if f.attrs["role"] == "search" { // it changes nothing, and its address may be kept
			if f.attrs["method"] != "get" || carried[f.form][FieldLogin] != (f.attrs["action"] == "/login") || carried[f.form][FieldCSRF] {
				t.Errorf("form %v carries %v, want a search without csrf, of a login or of none", f.attrs, carried[f.form])
			}
			continue
		}
		own := f.attrs["action"] != "/login" // it belongs to no login
		if f.attrs["method"] != "post" || !strings.HasPrefix(f.attrs["action"], "/") {
			t.Errorf("form %v, want a post to a path of ours", f.attrs)
		}
		if _, ok := f.attrs["novalidate"]; !ok {
			t.Errorf("form %d lacks novalidate", f.form)
		}
		if login, given := carried[f.form][FieldLogin]; !carried[f.form][FieldCSRF] || login == own || given == own {
			t.Errorf("form %d carries %v, want csrf, and login where there is one", f.form, carried[f.form])
		}
	}
	ids := map[string]bool{}
	for _, f := range named(all, "form") {
		ids[f.attrs["id"]] = f.attrs["id"] != ""
	}
	for _, b := range named(all, "button") {
		if b.form == 0 && !ids[b.attrs["form"]] || strings.TrimSpace(b.text) == "" {
			t.Errorf("button %v without a form or a name", b.attrs)
		}
		if _, ok := b.attrs["formnovalidate"]; b.attrs["value"] == ActionCancel && !ok {
			t.Error("cancel lacks formnovalidate")
		}
		if _, ok := b.attrs["disabled"]; ok {
			t.Errorf("button %v is disabled", b.attrs)
		}
	}
}

func checkIDs(t *testing.T, all []*element) {
	t.Helper()
	ids := map[string]bool{}
	for _, e := range all {
		if id := e.attrs["id"]; id != "" {
			if ids[id] {
				t.Errorf("id %q appears twice", id)
			}
			ids[id] = true
		}
	}
	for _, e := range all {
		refs := strings.Fields(e.attrs["aria-describedby"] + " " + e.attrs["aria-labelledby"] + " " + e.attrs["for"])
		if to, ok := strings.CutPrefix(e.attrs["href"], "#"); ok {
			refs = append(refs, to)
		}
		for _, ref := range refs {
			if !ids[ref] {
				t.Errorf("%s refers to %q, which is not there", e.name, ref)
			}
		}
	}
}

// actions lists name=value of every button of a page's content, in order.
func actions(t *testing.T, p *Pages, page Page) []string {
	t.Helper()
	var list []string
	for _, b := range named(parse(t, render(p, page).Body.String()), "button") {
		if b.attrs["name"] != FieldLanguage && b.attrs["aria-hidden"] != "true" {
			list = append(list, b.attrs["name"]+"="+b.attrs["value"])
		}
	}
	return list
}

func TestButtons(t *testing.T) {
	p := newPages(t)
	form := Common{Form: Hidden{Action: "/login", Login: "l", CSRF: "c"}}
	tests := []struct {
		name string
		page Page
		want []string
	}{
		{"choose", Page{Name: "choose", Data: ChooseData{Common: form, Tiles: []Tile{{ID: "a", Usable: true}, {ID: "b", Why: Why{Reason: WhyOwnFloor}}}}}, []string{"source=a", "action=cancel"}},
		{"choose, remembered", Page{Name: "choose", Data: ChooseData{Common: form, Tiles: []Tile{{ID: "a", Usable: true, Last: true}}}}, []string{"source=a", "action=forget_source", "action=cancel"}},
		{"choose of many", Page{Name: "choose", Data: ChooseData{Common: form, Tiles: manySamples(), Query: "dien luc da nang"}}, []string{"=", "source=source-0-2", "action=forget_source", "action=cancel"}},
		// The first button of a form is the one that Enter presses.
		{"password", Page{Name: "password", Data: PasswordData{Common: form}}, []string{"=", "way=passport", "action=cancel"}},
		{"password of several", Page{Name: "password", Data: PasswordData{Common: form, OtherSources: true}}, []string{"=", "way=passport", "action=other_sources", "action=cancel"}},
		{"login", Page{Name: "login", Data: LoginData{Common: form}}, []string{"=", "action=cancel"}},
		{"login of several", Page{Name: "login", Data: LoginData{Common: form, OtherSources: true}}, []string{"=", "action=other_sources", "action=cancel"}},
		{"code", Page{Name: "code", Data: CodeData{Common: form}}, []string{"=", "action=cancel"}},
		{"code, named", Page{Name: "code", Data: CodeData{Common: form, Name: "••• 789", NotMe: true}}, []string{"action=not_me", "=", "action=cancel"}},
		{"step-up", Page{Name: "stepup", Data: StepUpData{Common: form, HolderName: "Mẫu"}}, []string{"action=not_me", "action=step_up", "action=cancel"}},
		{"step-up offered", Page{Name: "stepup", Data: StepUpData{Common: form, MayStay: true}}, []string{"action=step_up", "action=stay", "action=cancel"}},
		{"other person", Page{Name: "other_person", Data: OtherPersonData{Common: form, MayRetry: true}}, []string{"action=retry", "action=restart", "action=cancel"}},
		{"refused", Page{Name: "refused", Data: RefusedData{Common: form, Reason: RefusedUnmet}}, []string{"action=cancel"}},
		{"refused, others", Page{Name: "refused", Data: RefusedData{Common: form, Reason: RefusedSourceDown, OtherSources: true}}, []string{"action=other_sources", "action=cancel"}},
		{"refused without login", Page{Name: "refused", Data: RefusedData{Reason: RefusedUnmet}}, nil},
		{"locked", Page{Name: "locked", Data: LockedData{Common: form, Reason: "self"}}, []string{"action=cancel"}},
		{"consent", Page{Name: "consent", Data: ConsentData{Common: form}}, []string{"action=share", "action=decline"}},
		{"consent, named", Page{Name: "consent", Data: ConsentData{Common: form, HolderName: "Mẫu"}}, []string{"action=not_me", "action=share", "action=decline"}},
		{"consent, informing", Page{Name: "consent", Data: ConsentData{Common: form, LegalBasis: Label{Text: "Mẫu"}}}, []string{"action=share", "action=cancel"}},
		{"logout", Page{Name: "logout", Data: LogoutData{Common: form, Portals: []Label{{Text: "Mẫu"}}}}, []string{"action=logout", "action=stay"}},
		{"link", Page{Name: "link", Data: LinkData{Common: form}}, []string{"action=link", "action=cancel"}},
		{"link, overdue, of several", Page{Name: "link", Data: LinkData{Common: form, Overdue: true, OtherSources: true}}, []string{"action=link", "action=other_sources", "action=cancel"}},
		{"both sides", Page{Name: "link_confirm", Data: LinkConfirmData{Common: form, Cap: 1}}, []string{"action=not_me", "action=link", "action=decline"}},
		{"stops", Page{Name: "stops", Data: StopsData{Common: form}}, []string{"action=verify", "action=later", "action=cancel"}},
		{"links", Page{Name: "links", Data: LinksData{Common: form, Links: []LinkLine{{ID: "a", Cap: 1}, {ID: "b", Cap: 2}}}}, []string{"link=a", "link=b"}},
		{"links, none", Page{Name: "links", Data: LinksData{Common: form}}, nil},
		{"links, signed out", Page{Name: "links", Data: LinksData{SignedOut: true}}, nil},
		{"logging out", Page{Name: "loggingout", Data: LoggingOutData{Common: form, Next: "/"}}, nil},
		{"logged out", Page{Name: "loggedout", Data: LoggedOutData{Common: form}}, nil},
	}
	for _, tt := range tests {
		if got := actions(t, p, tt.page); !slices.Equal(got, tt.want) {
			t.Errorf("%s: buttons = %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestHostileTextIsInert(t *testing.T) {
	p := newPages(t)
	page := Page{Name: "refused", Data: RefusedData{
		Common: Common{Ref: hostile, Portal: Label{Text: hostile}, PortalURL: "javascript:alert(1)"}, Reason: RefusedSourceUntrusted, Source: Label{Text: hostile}}}
	body := render(p, page).Body.String()
	all := parse(t, body)
	if strings.Contains(body, "<script") || len(named(all, "script")) != 0 {
		t.Errorf("page holds a script:\n%s", body)
	}
	for _, a := range named(all, "a") {
		if strings.HasPrefix(a.attrs["href"], "javascript:") {
			t.Errorf("link to %q", a.attrs["href"])
		}
	}
	if got := named(all, "h1")[0].text; !strings.HasSuffix(got, hostile) {
		t.Errorf("h1 = %q, want it to end in %q", got, hostile)
	}
}

func TestProblemsOfLogin(t *testing.T) {
	p := newPages(t)
	for problem, want := range map[string][]string{
		"": nil, ProblemLogin: {FieldLoginName, FieldPassword}, ProblemLoginMissing: {FieldLoginName},
		ProblemPassword: {FieldPassword}, ProblemBusy: {FieldPassword},
	} {
		body := render(p, Page{Name: "login", Data: LoginData{Common: Common{Form: Hidden{Action: "/login"}}, Level: 1, Source: Label{Text: "Thư viện"}, LoginName: "mot", Problem: problem}}).Body.String()
		var got []string
		for _, in := range named(parse(t, body), "input") {
			if in.attrs["aria-invalid"] == "true" {
				got = append(got, in.attrs["name"])
			}
		}
		if !slices.Equal(got, want) || !strings.Contains(body, `value="mot"`) || !strings.Contains(body, "<h1>Đăng nhập bằng Thư viện</h1>") {
			t.Errorf("%q: invalid fields = %v, want %v, with the name again and the source:\n%s", problem, got, want, body)
		}
	}
}

func TestProblemsStandAtTheirFields(t *testing.T) {
	p := newPages(t)
	form := Common{Form: Hidden{Action: "/login", Login: "l", CSRF: "c"}}
	tests := []struct {
		problem string
		count   string
		invalid []string
	}{
		{"", "", nil},
		{ProblemCredentials, "Có 1 lỗi cần sửa", []string{FieldPersonalNumber, FieldPassword}},
		{ProblemNumberMissing, "Có 1 lỗi cần sửa", []string{FieldPersonalNumber}},
		{ProblemPassword, "Có 1 lỗi cần sửa", []string{FieldPassword}},
	}
	for _, tt := range tests {
		body := render(p, Page{Name: "password", Data: PasswordData{Common: form, Level: 1, PersonalNumber: "000000000001", Problem: tt.problem}}).Body.String()
		var invalid []string
		for _, in := range named(parse(t, body), "input") {
			if in.attrs["aria-invalid"] == "true" {
				invalid = append(invalid, in.attrs["name"])
			}
		}
		if !slices.Equal(invalid, tt.invalid) {
			t.Errorf("%q: invalid fields = %v, want %v", tt.problem, invalid, tt.invalid)
		}
		if !strings.Contains(body, tt.count) || (tt.problem == "" && strings.Contains(body, "lỗi cần sửa")) {
			t.Errorf("%q: summary is not %q", tt.problem, tt.count)
		}
		if want := `value="000 000 000 001"`; !strings.Contains(body, want) {
			t.Errorf("%q: page lacks %s", tt.problem, want)
		}
	}
}

func TestPagesSayWhatIsNeeded(t *testing.T) {
	p := newPages(t)
	form := Common{Portal: Label{Text: "Cổng mẫu"}, Form: Hidden{Action: "/login", Login: "l", CSRF: "c"}}
	tests := []struct {
		name       string
		page       Page
		has, lacks []string
	}{
		{"step-up", Page{Name: "stepup", Data: StepUpData{Common: form, Needed: 2, Have: 1}}, []string{"<dd>Cổng mẫu</dd>", "Mức cần có", "Định danh mức 2"}, nil},
		{"step-up offered", Page{Name: "stepup", Data: StepUpData{Common: form, Needed: 2, Have: 1, MayStay: true}}, []string{"Mức đề nghị", "Định danh mức 2"}, []string{"Mức cần có"}},
		{"step-up of one's own", Page{Name: "stepup", Data: StepUpData{Common: form, Needed: 2, Have: 1, OwnFloor: true}}, []string{">Mức tối thiểu<", "Định danh mức 2"}, []string{"Mức cần có"}},
		{"code", Page{Name: "code", Data: CodeData{Common: form, Level: 2}}, []string{"<dd>Cổng mẫu</dd>", "Mức cần có", "Định danh mức 2"}, nil},
		{"code at step-up", Page{Name: "code", Data: CodeData{Common: form}}, nil, []string{"Mức cần có"}},
		{"invalid request", Page{Name: "error", Data: ErrorData{Kind: ErrorInvalidRequest, Detail: "encoding"}}, []string{"encoding"}, nil},
		{"expired", Page{Name: "error", Data: ErrorData{Common: Common{Ref: "K7QF-2M9D"}, Kind: ErrorExpired, Detail: "no_cookie"}}, []string{"K7QF-2M9D"}, []string{"no_cookie", "Mã lỗi", "<dl"}},
		{"try later", Page{Name: "refused", Data: RefusedData{Common: form, Reason: RefusedTryLater}}, []string{"Kiểm tra số định danh"}, []string{"cách đăng nhập khác", "<li></li>"}},
		{"try later or otherwise", Page{Name: "refused", Data: RefusedData{Common: form, Reason: RefusedTryLater, OtherSources: true}}, []string{"<li>Hoặc chọn cách đăng nhập khác.</li>"}, nil},
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

func TestCompressedPageIsThePage(t *testing.T) {
	p := newPages(t)
	page := samples()[0].page
	plain := render(p, page)
	if got := plain.Header().Get("Content-Encoding"); got != "" {
		t.Errorf("Content-Encoding = %q without Accept-Encoding", got)
	}
	lengths := map[int]bool{}
	for range 40 {
		w := render(p, page, "Accept-Encoding", "br, gzip;q=0.5")
		lengths[w.Body.Len()] = true
		zr, err := gzip.NewReader(w.Body)
		if err != nil {
			t.Fatalf("page is no gzip: %v", err)
		}
		body, err := io.ReadAll(zr)
		if err != nil || !bytes.Equal(body, plain.Body.Bytes()) {
			t.Fatalf("unpacked page differs, err = %v", err)
		}
	}
	if len(lengths) < 2 {
		t.Error("compressed length never varies")
	}
}

func TestFailedPageIsLoggedOnce(t *testing.T) {
	p := newPages(t)
	const number = "000000000001"
	common := Common{Ref: "K7QF-2M9D", Form: Hidden{Action: "/login", Login: number, CSRF: number}}
	tests := []struct {
		name string
		page Page
	}{
		{"no such page", Page{Name: "nothing", Data: HomeData{Common: common}}},
		{"data of another page", Page{Name: "password", Data: HomeData{Common: common, Issuer: number}}},
		{"no data", Page{Name: "home"}},
		{"data that would fit", Page{Name: "other_person", Data: LockedData{Common: common}}},
		{"unknown problem", Page{Name: "password", Data: PasswordData{Common: common, PersonalNumber: number, Problem: "nothing"}}},
		{"unknown reason", Page{Name: "refused", Data: RefusedData{Common: common, Reason: "nothing", Source: Label{Text: number}}}},
		{"shared template", Page{Name: "shared", Data: HomeData{Common: common}}},
	}
	log := captureLog(t)
	for _, tt := range tests {
		log.Reset()
		w := render(p, tt.page)
		if w.Code != http.StatusInternalServerError {
			t.Errorf("%s: status = %d, want 500", tt.name, w.Code)
		}
		if body := w.Body.String(); !strings.Contains(body, "Hệ thống gặp sự cố") || strings.Contains(body, number) {
			t.Errorf("%s: not a clean error page:\n%s", tt.name, body)
		}
		if strings.Count(log.String(), "\n") != 1 || strings.Contains(log.String(), number) {
			t.Errorf("%s: log = %q, want one line without %s", tt.name, log.String(), number)
		}
		if tt.page.Data != nil && !strings.Contains(w.Body.String(), common.Ref) {
			t.Errorf("%s: reference is lost", tt.name)
		}
	}
}
