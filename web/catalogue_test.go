package web

import (
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/unicode/norm"

	"eidgate/eid"
)

// messages gives every text of every catalogue by language and id.
func messages(t *testing.T) map[string]map[string][]string {
	t.Helper()
	all := map[string]map[string][]string{}
	for _, tag := range served() {
		file, err := readMessages(tag)
		if err != nil {
			t.Fatal(err)
		}
		texts := map[string][]string{}
		for _, m := range file.Messages {
			for _, form := range []string{m.Zero, m.One, m.Two, m.Few, m.Many, m.Other} {
				if form != "" {
					texts[m.ID] = append(texts[m.ID], form)
				}
			}
		}
		all[tag] = texts
	}
	if all["vi"] == nil {
		t.Fatal("no Vietnamese catalogue")
	}
	return all
}

var literalID = regexp.MustCompile(`(?:\bt|\bsay|\bcount) "([a-z0-9_.]+)"`)

// used lists the ids that templates and data name; optional ones are steps.
func used(t *testing.T) (required, optional []string) {
	t.Helper()
	err := fs.WalkDir(templateFiles, "templates", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := templateFiles.ReadFile(name)
		for _, m := range literalID.FindAllStringSubmatch(string(body), -1) {
			required = append(required, m[1])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	parts := func(prefix string, names ...string) {
		for _, name := range names {
			required = append(required, prefix+"."+name)
		}
		required = append(required, prefix+".step1")
		optional = append(optional, prefix+".step2", prefix+".step3")
	}
	for _, reason := range RefusedReasons() {
		parts("refused."+reason, "title", "why")
	}
	for _, reason := range eid.LockReasons() {
		parts("locked."+string(reason), "why", "who")
	}
	required = append(required, "locked.unlock.step1", "locked.unlock.step2", "locked.unlock.step3", "lock.done.step1", "lock.done.step2")
	for _, kind := range ErrorKinds() {
		parts("error."+kind, "title", "why")
	}
	parts("link")
	for _, why := range []string{WhyLevelTooLow, WhyEnded, WhyNotOpen, WhyOwnFloor, WhyOff, WhyMaintenance, WhyDown} {
		required = append(required, "why."+why)
	}
	for _, claim := range append(ConsentClaims(), ConsentDocuments()...) {
		required = append(required, "claim."+claim)
	}
	for _, coded := range []string{"female", "male", "VNM"} {
		required = append(required, "value."+coded)
	}
	for _, role := range HistoryRoles() {
		required = append(required, "history.role."+role)
	}
	required = append(required, officerMessages(t)...)
	required = append(required, meMessages()...)
	for _, mode := range []string{WaysRecover, WaysActivate} {
		for _, why := range recoverEnds(mode) {
			parts(mode + "." + why)
		}
	}
	for _, prefix := range []string{"register.ended", "register.young", "register.done", "register.later"} {
		parts(prefix)
	}
	required = append(required, registerMessages()...)
	required = append(required, waysMessages()...)
	required = append(required, "shell.language", "format.clock", "format.date", "format.when")
	return append(required, ProblemCredentials, ProblemLogin, ProblemLoginMissing, ProblemNumberMissing, ProblemPassword, ProblemBusy, ProblemCode,
		ProblemCodeMissing, ProblemPasskey, ProblemSourceFailed), optional
}

func TestCataloguesAreComplete(t *testing.T) {
	required, optional := used(t)
	for lang, texts := range messages(t) {
		for _, id := range required {
			if len(texts[id]) == 0 {
				t.Errorf("%s lacks %s", lang, id)
			}
		}
		for _, id := range slices.Sorted(maps.Keys(texts)) {
			if !slices.Contains(required, id) && !slices.Contains(optional, id) {
				t.Errorf("%s has %s, which nothing uses", lang, id)
			}
		}
	}
}

var parameter = regexp.MustCompile(`\.([A-Z][A-Za-z]*)`)

// TestLanguagesAgree finds the same messages with the same parameters in every
// language, so that a refusal has all its parts in each.
func TestLanguagesAgree(t *testing.T) {
	all := messages(t)
	if len(all) < 2 {
		t.Fatalf("%d languages, want Vietnamese and another", len(all))
	}
	named := func(forms []string) []string {
		names := map[string]bool{}
		for _, action := range action.FindAllString(strings.Join(forms, " "), -1) {
			for _, m := range parameter.FindAllStringSubmatch(action, -1) {
				names[m[1]] = true
			}
		}
		return slices.Sorted(maps.Keys(names))
	}
	for lang, texts := range all {
		for id, forms := range all["vi"] {
			switch {
			case texts[id] == nil:
				t.Errorf("%s lacks %s", lang, id)
			case !slices.Equal(named(texts[id]), named(forms)):
				t.Errorf("%s: %s has parameters %v, want %v", lang, id, named(texts[id]), named(forms))
			}
		}
		for id := range texts {
			if all["vi"][id] == nil {
				t.Errorf("%s has %s, which Vietnamese lacks", lang, id)
			}
		}
	}
}

// TestWhatIsKeptIsServed: a file of messages that nobody can read is none.
func TestWhatIsKeptIsServed(t *testing.T) {
	kept := slices.Sorted(maps.Keys(messages(t)))
	if got := slices.Sorted(slices.Values(served())); !slices.Equal(got, kept) {
		t.Errorf("served() = %v, want %v", got, kept)
	}
}

func TestStepsAreCounted(t *testing.T) {
	for lang, texts := range messages(t) {
		for id := range texts {
			prefix, ok := strings.CutSuffix(id, ".step3")
			if ok && texts[prefix+".step2"] == nil {
				t.Errorf("%s: %s.step2 is missing before step 3", lang, prefix)
			}
		}
	}
}

// Words that people who sign in never see, and forms of address that exclude or
// are too familiar.
var banned = regexp.MustCompile(`(?i)(^|[^\pL\pN])(oidc|oauth|openid|sso|idp|saml|tokens?|acr|amr|sessions?|redirect\pL*|federat\pL*|identity providers?|phiên|chuyển hướng|mã thông báo|liên đoàn|nhà cung cấp danh tính|bạn|ông|bà|công dân|mức độ)([^\pL\pN]|$)`)

func TestBannedWords(t *testing.T) {
	for lang, texts := range messages(t) {
		for id, forms := range texts {
			for _, text := range forms {
				if word := banned.FindString(text); word != "" {
					t.Errorf("%s: %s says %q", lang, id, word)
				}
			}
		}
	}
}

// TestMessagesHoldNoMarkup: say puts them on the page as they are.
func TestMessagesHoldNoMarkup(t *testing.T) {
	for lang, texts := range messages(t) {
		for id, forms := range texts {
			for _, text := range forms {
				if plain := action.ReplaceAllString(text, ""); strings.ContainsAny(plain, "<>&\"\\") {
					t.Errorf("%s: %s holds markup: %q", lang, id, text)
				}
			}
		}
	}
}

// TestRefusalsHaveFourParts: what, why, the next step and the reference, in every
// language.
func TestRefusalsHaveFourParts(t *testing.T) {
	p := newPages(t)
	common := Common{Ref: "K7QF-2M9D"}
	for _, lang := range served() {
		c := catalogueOf(t, lang)
		check := func(id, title string, data content) {
			body := render(p, Page{Name: data.page(), Language: lang, Data: data}).Body.String()
			for _, part := range []string{title, id + ".why", id + ".step1"} {
				text, err := c.text(part, "Source", "", "Date", "", "Clock", "", "When", "", "Others", false, "Level", eid.LevelNone, "Needed", eid.LevelNone)
				if err != nil || !strings.Contains(body, text) {
					t.Errorf("%s: page lacks %s %q, %v", lang, part, text, err)
				}
			}
			if !strings.Contains(body, "<strong>K7QF-2M9D</strong>") {
				t.Errorf("%s: %s lacks the reference", lang, id)
			}
		}
		for _, reason := range RefusedReasons() {
			check("refused."+reason, "refused."+reason+".title", RefusedData{Common: common, Reason: reason})
		}
		for _, reason := range eid.LockReasons() {
			check("locked."+string(reason), "locked.title", LockedData{Common: common, Reason: reason})
		}
		for _, kind := range ErrorKinds() {
			check("error."+kind, "error."+kind+".title", ErrorData{Common: common, Kind: kind})
		}
	}
}

var (
	control     = regexp.MustCompile(`{{(if|with|else|end)[^}]*}}`)
	action      = regexp.MustCompile(`{{[^}]*}}`)
	sentenceEnd = regexp.MustCompile(`[.!?](\s|$)`)
)

func TestSentencesAreShort(t *testing.T) {
	const most = 20 // words
	for lang, texts := range messages(t) {
		for id, forms := range texts {
			for _, text := range forms {
				plain := action.ReplaceAllString(control.ReplaceAllString(text, " "), "x")
				for _, sentence := range sentenceEnd.Split(plain, -1) {
					if n := len(strings.Fields(sentence)); n > most {
						t.Errorf("%s: %s has a sentence of %d words, want at most %d: %q", lang, id, n, most, sentence)
					}
				}
			}
		}
	}
}

func TestMessagesAreNormalised(t *testing.T) {
	for lang, texts := range messages(t) {
		for id, forms := range texts {
			for _, text := range forms {
				if !norm.NFC.IsNormalString(text) || strings.TrimSpace(text) != text || strings.Contains(text, "  ") {
					t.Errorf("%s: %s is not NFC or has stray spaces: %q", lang, id, text)
				}
			}
		}
	}
}

func catalogueOf(t *testing.T, lang string) *catalogue {
	t.Helper()
	c, err := loadCatalogue(lang)
	if err != nil {
		t.Fatalf("loadCatalogue() = %v", err)
	}
	return c
}

func vietnamese(t *testing.T) *catalogue { return catalogueOf(t, "vi") }

func TestTextFailsLoudly(t *testing.T) {
	c := vietnamese(t)
	tests := []struct {
		name  string
		id    string
		pairs []any
	}{
		{"no such message", "nothing", nil},
		{"empty id", "", nil},
		{"parameter not given", "level.badge", nil},
		{"parameter without value", "level.badge", []any{"Level"}},
		{"parameter without name", "level.badge", []any{1, 2}},
	}
	for _, tt := range tests {
		if got, err := c.text(tt.id, tt.pairs...); err == nil {
			t.Errorf("%s: text() = %q, want an error", tt.name, got)
		}
	}
}

func TestMessagesWithParameters(t *testing.T) {
	c := vietnamese(t)
	none := func(pairs ...any) []any { return pairs }
	tests := []struct {
		id    string
		pairs []any
		want  string
	}{
		{"level.badge", none("Level", eid.Level2), "Định danh mức 2"},
		{"why.level_too_low", none("Level", eid.Level1, "Needed", eid.Level2), "Chỉ đạt mức 1, dịch vụ cần mức 2"},
		{"why.level_too_low", none("Level", eid.LevelNone, "Needed", eid.Level1), "Chưa đạt mức nào, dịch vụ cần mức 1"},
		{"why.ended", none("Date", "01/01/2023"), "Ngừng từ 01/01/2023"},
		{"refused.try_later.title", none("Clock", "14:05"), "Thử lại sau 14:05"},
		{"refused.try_later.title", none("Clock", ""), "Thử lại sau ít phút"},
		{"refused.source_untrusted.title", none("Source", "Bưu điện mẫu"), "Chưa xác nhận được kết quả từ Bưu điện mẫu"},
		{"stepup.title", none("Level", eid.Level2), "Dịch vụ này cần định danh mức 2"},
	}
	for _, tt := range tests {
		got, err := c.text(tt.id, tt.pairs...)
		if err != nil || got != tt.want {
			t.Errorf("text(%s) = %q, %v, want %q", tt.id, got, err, tt.want)
		}
	}
}

func TestCount(t *testing.T) {
	c := vietnamese(t)
	for n, want := range map[int]string{0: "Có 0 lỗi cần sửa", 1: "Có 1 lỗi cần sửa", 2: "Có 2 lỗi cần sửa"} {
		if got, err := c.count("problem.count", n); err != nil || got != want {
			t.Errorf("count(%d) = %q, %v, want %q", n, got, err, want)
		}
	}
}

func TestTimes(t *testing.T) {
	vi, en := catalogueOf(t, "vi"), catalogueOf(t, "en")
	// The last moment of 2022 in Viet Nam is still the afternoon in UTC.
	at := time.Date(2022, 12, 31, 16, 59, 0, 0, time.UTC)
	tests := []struct {
		name string
		show func(time.Time) (string, error)
		at   time.Time
		want string
	}{
		{"clock", vi.clock, at, "23:59"},
		{"date", vi.date, at, "31/12/2022"},
		{"date a minute later", vi.date, at.Add(time.Minute), "01/01/2023"},
		{"when", vi.when, at, "23:59 ngày 31/12/2022"},
		{"English clock", en.clock, at, "23:59"},
		{"English date", en.date, at, "31 December 2022"},
		{"English date a minute later", en.date, at.Add(time.Minute), "1 January 2023"},
		{"English when", en.when, at, "31 December 2022, 23:59 (GMT+7)"},
		{"zero clock", vi.clock, time.Time{}, ""},
		{"zero date", en.date, time.Time{}, ""},
		{"zero when", vi.when, time.Time{}, ""},
	}
	for _, tt := range tests {
		if got, err := tt.show(tt.at); err != nil || got != tt.want {
			t.Errorf("%s = %q, %v, want %q", tt.name, got, err, tt.want)
		}
	}
}
