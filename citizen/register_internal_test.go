package citizen

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/civil"
	"eidgate/eid/credential"
	"eidgate/eid/notify"
	"eidgate/eid/registration"
	"eidgate/eid/rules"
	"eidgate/keys"
	"eidgate/store/sqlstore"
	"eidgate/store/statestore"
	"eidgate/web"
	"eidgate/web/shell"
)

// Synthetic people: nobody has these numbers.
const (
	matching = "011090000001" // Nguyễn Văn Hòa, 02/03/1990
	unknown  = "011090000009"
)

var morning = time.Date(2026, 11, 22, 9, 0, 0, 0, time.FixedZone("+07", 7*60*60))

// site serves the pages of registering over real stores.
type site struct {
	*httptest.Server
	posts []notify.Post
	log   strings.Builder
	busy  bool // with the passwords of others
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{}
	now := func() time.Time { return morning }
	dir, log := t.TempDir(), slog.New(slog.DiscardHandler)
	sealer, err := keys.LoadSealer(filepath.Join(dir, "master.key"), true, log)
	must(t, err)
	both := notify.Channels{SMS: true, Email: true}
	where := sqlstore.Config{Path: filepath.Join(dir, "e.db"), Notices: both}
	must(t, sqlstore.Migrate(t.Context(), where))
	db, err := sqlstore.Open(t.Context(), where, sealer, now)
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	state, err := statestore.Open(t.Context(), statestore.Config{Path: filepath.Join(dir, "s.db"), Log: log}, now)
	must(t, err)
	t.Cleanup(func() { _ = state.Close() })
	book, err := rules.Open("")
	must(t, err)
	key := make([]byte, 32)
	codes, err := credential.NewCodes(state, key)
	must(t, err)
	number, err := eid.ParsePersonalNumber(matching)
	must(t, err)
	enroller := accounts.NewEnroller(db, now)
	service, err := registration.New(registration.Deps{
		State: state, Sealer: sealer, Key: key, Rules: book, Codes: codes, Enroller: enroller, Activator: accounts.NewCredentials(db, now), Holders: db, Poster: s,
		Registries: civil.Registries{
			Population:  civil.NewSynthetic([]civil.Person{{Number: number, Name: "Nguyễn Văn Hoà", BirthDate: civil.Date{Year: 1990, Month: time.March, Day: 2}}}),
			Immigration: civil.SyntheticBorder(nil),
		},
		Cases: registration.NewCases(db, enroller, s, both, now), Channels: both, Limits: registration.DefaultLimits(), Now: now,
	})
	must(t, err)
	pages, err := web.New()
	must(t, err)
	frame, err := shell.New(shell.Deps{Pages: pages, State: state, Key: key})
	must(t, err)
	policy, err := credential.NewPolicy(0, nil)
	must(t, err)
	p := &registering{shell: frame, service: service, passwords: s, policy: policy, least: policy.Least(), now: now}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		language := "vi"
		if strings.HasPrefix(r.Header.Get("Accept-Language"), "en") {
			language = "en"
		}
		p.ServeHTTP(w, web.WithVisit(r, web.Visit{
			Ref: "K7QF-2M9D", Language: language, Address: netip.MustParseAddr("192.0.2.1"),
			Switch: func(tag string) bool { return tag == "vi" || tag == "en" },
			Note:   func(kv ...any) { _, _ = io.WriteString(&s.log, slog.Any("noted", kv).String()) },
			Fail:   func(status int, kind, _ string) { http.Error(w, kind, status) },
		}))
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *site) Post(_ context.Context, posts ...notify.Post) error {
	s.posts = append(s.posts, posts...)
	return nil
}

// Hash makes hashes that cost nothing.
func (s *site) Hash(context.Context, eid.Secret) (string, error) {
	if s.busy {
		return "", credential.ErrBusy
	}
	return "$test$", nil
}

// visitor is one browser.
type visitor struct {
	t        *testing.T
	site     *site
	cookies  map[string]string
	language string
	seen     []string // every address that it was led to
	csrf     string
}

func (s *site) browser(t *testing.T) *visitor {
	return &visitor{t: t, site: s, cookies: map[string]string{}, language: "vi"}
}

// do asks once and follows where it is led.
func (v *visitor) do(method, path string, form url.Values) (status int, body string) {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.site.URL+path, strings.NewReader(form.Encode()))
	must(v.t, err)
	r.Header.Set("Accept-Language", v.language)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range v.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(r)
	must(v.t, err)
	defer func() { _ = w.Body.Close() }()
	for _, c := range w.Cookies() {
		v.cookies[c.Name] = c.Value
	}
	raw, err := io.ReadAll(w.Body)
	must(v.t, err)
	if found := regexp.MustCompile(`name="csrf" value="([^"]+)"`).FindSubmatch(raw); found != nil {
		v.csrf = string(found[1])
	}
	if to := w.Header.Get("Location"); to != "" {
		v.seen = append(v.seen, to)
		return v.do(http.MethodGet, to, nil)
	}
	v.seen = append(v.seen, path)
	return w.StatusCode, string(raw)
}

func (v *visitor) get(path string) (int, string) { return v.do(http.MethodGet, path, nil) }

// post sends fields with the mark of the page before.
func (v *visitor) post(path string, pairs ...string) (int, string) {
	form := url.Values{"csrf": {v.csrf}}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return v.do(http.MethodPost, path, form)
}

// fill goes to the page where everything is checked.
func (v *visitor) fill(number, name, phone string) (int, string) {
	v.get("/register/kind")
	v.post("/register/kind", "kind", "citizen")
	v.post("/register/number", "personal_number", number)
	v.post("/register/name", "name", name)
	v.post("/register/birth", "day", "2", "month", "3", "year", "1990", "gender", "male")
	return v.post("/register/contact", "phone", phone)
}

// at is the last address.
func (v *visitor) at() string { return v.seen[len(v.seen)-1] }

// TestRegister goes the whole way, and no address, cookie or line of the log holds what
// was typed.
func TestRegister(t *testing.T) {
	s := newSite(t)
	v := s.browser(t)
	if status, body := v.get("/register"); status != http.StatusOK || !strings.Contains(body, "Đăng ký tài khoản định danh") || len(v.cookies) != 0 {
		t.Errorf("the first page: %d, cookies %v", status, v.cookies)
	}
	if _, body := v.fill(matching, "nguyễn văn hoà", "0912 345 678"); v.at() != "/register/check" || !strings.Contains(body, "011 090 000 001") || !strings.Contains(body, "nguyễn văn hoà") {
		t.Fatalf("not at the check, but %s", v.at())
	}
	before := v.cookies["eidgate-register"]
	if _, body := v.post("/register/check", "action", "send"); !strings.Contains(body, "••• ••• ••• 678. Dùng được đến 09:05.") || strings.Contains(body, "345678") || strings.Contains(body, "345 678") {
		t.Error("the page for the code does not say where it went, or says more than the last digits")
	}
	code := s.posts[0].Code.Reveal()
	v.post("/register/code", "code", code)
	if v.at() != "/register/password" || v.cookies["eidgate-register"] == before {
		t.Fatalf("at %s after the code, cookie changed %v", v.at(), v.cookies["eidgate-register"] != before)
	}
	for _, weak := range []string{"", "12345678", "nguyenvanhoa1990"} {
		if status, _ := v.post("/register/password", "new_password", weak); status != http.StatusUnprocessableEntity {
			t.Errorf("password %q: status %d", weak, status)
		}
	}
	s.busy = true
	if status, body := v.post("/register/password", "new_password", "con bò xanh nhảy qua cầu vồng"); status != http.StatusServiceUnavailable || v.at() != "/register/password" ||
		!strings.Contains(body, `name="new_password"`) || strings.Contains(body, "bò xanh") {
		t.Errorf("at %s where too many passwords are being hashed: %d, want 503 and the form again", v.at(), status)
	}
	s.busy = false
	if status, body := v.post("/register/password", "new_password", "con bò xanh nhảy qua cầu vồng"); status != http.StatusOK || v.at() != "/register/done" || strings.Contains(body, matching) {
		t.Errorf("at %s after the password: %d", v.at(), status)
	}
	if v.get("/register/check"); v.at() != "/register/kind" {
		t.Errorf("what was declared is still there: %s", v.at())
	}
	trail := strings.Join(v.seen, " ") + s.log.String()
	for _, cookie := range v.cookies {
		trail += cookie
	}
	for _, secret := range []string{matching, "090 000", "912345678", "912 345", "hoà", code, "1990", "cầu"} {
		if strings.Contains(trail, secret) {
			t.Errorf("%q is in an address, a cookie or the log", secret)
		}
	}
}

// TestRegisterOneAnswer: the same bytes for all outcomes up to the code, and the same for
// all refusals behind it.
func TestRegisterOneAnswer(t *testing.T) {
	mark := regexp.MustCompile(`name="csrf" value="[^"]+"`)
	var sent, refused string
	for _, tt := range []struct{ name, number, typed string }{
		{"match", matching, "Nguyễn Văn Hòa"}, {"nobody", unknown, "Nguyễn Văn Hòa"}, {"accents", matching, "Nguyen Van Hoa"}, {"another", matching, "Trần Thị Bình"},
	} {
		s := newSite(t)
		v := s.browser(t)
		v.fill(tt.number, tt.typed, "0912345678")
		status, body := v.post("/register/check", "action", "send")
		body = mark.ReplaceAllString(body, "")
		if sent == "" {
			sent = body
		}
		if status != http.StatusOK || v.at() != "/register/code" || body != sent {
			t.Errorf("%s: the page after sending is another one: %d, %s", tt.name, status, v.at())
		}
		_, body = v.post("/register/code", "code", s.posts[0].Code.Reveal())
		if tt.name == "match" {
			continue
		}
		body = mark.ReplaceAllString(body, "")
		if refused == "" {
			refused = body
		}
		if v.at() != "/register/ended" || body != refused || !strings.Contains(body, "Thông tin chưa khớp") {
			t.Errorf("%s: the refusal is another one, at %s", tt.name, v.at())
		}
		if v.post("/register", "action", "forget"); v.at() != "/register" || v.cookies["eidgate-register"] != "" {
			t.Errorf("%s: the draft is not forgotten: %s", tt.name, v.at())
		}
	}
}

// A form is taken with the mark of its own browser only, and nobody sees another's draft.
func TestRegisterOfOthers(t *testing.T) {
	s := newSite(t)
	victim, thief := s.browser(t), s.browser(t)
	victim.fill(matching, "Nguyễn Văn Hòa", "0912345678")
	thief.get("/register/kind")
	mine := thief.csrf
	for name, form := range map[string]url.Values{"none": {}, "of another": {"csrf": {mine}}, "two": {"csrf": {victim.csrf, mine}}} {
		form.Set("action", "send")
		if status, _ := victim.do(http.MethodPost, "/register/check", form); status != http.StatusForbidden {
			t.Errorf("mark %s: status %d, want 403", name, status)
		}
	}
	thief.csrf = victim.csrf
	if status, _ := thief.post("/register/check", "action", "send"); status != http.StatusForbidden || len(s.posts) != 0 {
		t.Errorf("a stolen mark: status %d", status)
	}
	if _, body := thief.get("/register/number"); strings.Contains(body, "011") || thief.at() != "/register/kind" {
		t.Errorf("another browser is at %s", thief.at())
	}
	s.browser(t).get("/register/nothing")
	if status, _ := s.browser(t).do(http.MethodPost, "/register/kind", url.Values{"kind": {"citizen"}}); status != http.StatusForbidden {
		t.Errorf("a post without a cookie: %d", status)
	}
}

// Nobody gets ahead of the form, the code or the answer by typing an address.
func TestRegisterSkips(t *testing.T) {
	s := newSite(t)
	v := s.browser(t)
	for _, page := range []string{"check", "contact", "code", "waiting", "password", "ended", "young", "done"} {
		if v.get("/register/" + page); v.at() != "/register/kind" {
			t.Errorf("/register/%s leads a newcomer to %s", page, v.at())
		}
	}
	v.fill(matching, "Nguyễn Văn Hòa", "0912345678")
	for _, page := range []string{"code", "password", "done"} {
		if v.get("/register/" + page); v.at() != "/register/check" {
			t.Errorf("/register/%s leads to %s before sending", page, v.at())
		}
		if status, _ := v.post("/register/"+page, "code", "123456", "new_password", "con bò xanh nhảy qua cầu vồng"); v.at() != "/register/check" && status != http.StatusNotFound {
			t.Errorf("posting to /register/%s led to %s", page, v.at())
		}
	}
	// A child is told so, and the date can be mended.
	v.get("/register/birth")
	if _, body := v.post("/register/birth", "day", "23", "month", "11", "year", "2012", "gender", "male"); v.at() != "/register/young" || !strings.Contains(body, "Chưa đủ 14 tuổi") {
		t.Errorf("a day before 14: at %s", v.at())
	}
	if v.get("/register/check"); v.at() != "/register/young" {
		t.Errorf("a child gets to %s", v.at())
	}
	v.get("/register/birth")
	if v.post("/register/birth", "day", "22", "month", "11", "year", "2012", "gender", "male"); v.at() != "/register/check" {
		t.Errorf("at 14 years one gets to %s", v.at())
	}
}

// TestRegisterBadInput: a clear message in both languages, and what was typed comes back.
func TestRegisterBadInput(t *testing.T) {
	for _, tt := range []struct {
		step, field, typed string
		vi, en             string
	}{
		{"number", "personal_number", "01109000000", "đúng 12 chữ số", "exactly 12 digits"},
		{"number", "personal_number", "0110900000011", "đúng 12 chữ số", "exactly 12 digits"},
		{"number", "personal_number", "O11090000001", "chỉ gồm chữ số", "digits only"},
		{"number", "personal_number", "٠١١٠٩٠٠٠٠٠٠١", "từ 0 đến 9", "0 to 9"},
		{"number", "personal_number", "011990000001", "thứ tư", "fourth digit"},
		{"name", "name", "Nguyễn 2", "không có chữ số", "no digits"},
		{"name", "name", "A\u200bn", "ký tự ẩn", "invisible"},
		{"name", "name", "<script>alert(1)</script>", "dấu nháy", "apostrophes"},
		{"birth", "day", "31", "Không có ngày này", "no such day"},
		{"birth", "year", "2027", "tương lai", "lies ahead"},
		{"birth", "gender", "", "Chọn giới tính", "Choose the gender"},
		{"contact", "phone", "12345", "Số điện thoại chưa đúng", "no mobile number"},
		{"contact", "email", "an@", "Thư điện tử chưa đúng", "no e-mail address"},
		{"contact", "phone", "", "số điện thoại hoặc thư điện tử", "phone number or an e-mail"},
	} {
		t.Run(tt.step+" "+tt.typed, func(t *testing.T) {
			s := newSite(t)
			v := s.browser(t)
			v.fill(matching, "Nguyễn Văn Hòa", "0912345678")
			v.get("/register/" + tt.step)
			fields := map[string][]string{"birth": {"day", "3", "month", "2", "year", "1990", "gender", "male"}}[tt.step]
			for language, want := range map[string]string{"vi": tt.vi, "en": tt.en} {
				v.language = language
				status, body := v.post("/register/"+tt.step, append(fields, tt.field, tt.typed)...)
				if status != http.StatusUnprocessableEntity || strings.Count(body, want) < 2 || !strings.Contains(body, `aria-invalid="true"`) || strings.Contains(body, "<script") {
					t.Errorf("%s: status %d without %q", language, status, want)
				}
				if tt.field == "personal_number" && !strings.Contains(body, `value="`+tt.typed) && len(tt.typed) != 12 {
					t.Errorf("%s: what was typed does not come back", language)
				}
			}
			if v.post("/register/check", "action", "send"); v.at() == "/register/code" || len(s.posts) != 0 {
				t.Errorf("it was sent all the same")
			}
		})
	}
}

// The switch of the language gives back what was typed, and tries and keeps nothing.
func TestRegisterLanguage(t *testing.T) {
	s := newSite(t)
	v := s.browser(t)
	v.get("/register/kind")
	v.post("/register/kind", "kind", "citizen")
	_, body := v.post("/register/number", "language", "en", "personal_number", "0110 90")
	if !strings.Contains(body, `lang="en"`) || !strings.Contains(body, `value="0110 90"`) || strings.Contains(body, "aria-invalid") {
		t.Errorf("after the switch what was typed is gone, or was tried")
	}
	if _, body = v.post("/register/number", "language", "en", "personal_number", "0110 90", "problem", "register.problem.number_length"); !strings.Contains(body, "exactly 12 digits") {
		t.Errorf("after the switch the fault is gone")
	}
	if _, body = v.get("/register/number"); strings.Contains(body, "0110 90") {
		t.Errorf("a switch keeps what was typed")
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
