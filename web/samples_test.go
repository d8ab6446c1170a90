package web

import (
	"fmt"
	"net/http"
	"time"

	"eidgate/eid"
)

// sample is one state of one page, with synthetic data.
type sample struct {
	name string
	page Page
}

const hostile = `<script>alert(1)</script>"'&{{.}}javascript:`

// samples gives every page in every state it has.
func samples() []sample {
	form := Hidden{Action: "/login", Login: "handle-of-a-sample-login", CSRF: "csrf-of-a-sample-login"}
	common := Common{Ref: "K7QF-2M9D", Portal: Label{Text: "Cổng dịch vụ công mẫu", English: "Sample public services portal"}, PortalURL: "http://127.0.0.1:8401/", Form: form}
	bare := Common{}
	noon := time.Date(2026, 11, 21, 7, 5, 0, 0, time.UTC)
	end := time.Date(2022, 12, 31, 17, 0, 0, 0, time.UTC) // 2023-01-01T00:00+07:00
	tiles := []Tile{
		{ID: "account", Name: Label{Text: "Tài khoản định danh mẫu", English: "Sample identity account"}, Level: eid.Level2, National: true, Usable: true},
		{ID: "legacy", Name: Label{Text: "Bưu điện mẫu"}, Level: eid.Level2, Usable: true},
		{ID: "low", Name: Label{Text: "Bảo hiểm mẫu"}, Level: eid.Level1, Why: Why{Reason: WhyLevelTooLow}},
		{ID: "none", Name: Label{Text: "Ngân hàng mẫu"}, Why: Why{Reason: WhyLevelTooLow}},
		{ID: "ended", Name: Label{Text: "Bưu điện mẫu (cũ)"}, Why: Why{Reason: WhyEnded, At: end}},
		{ID: "later", Name: Label{Text: "Chữ ký số mẫu"}, Why: Why{Reason: WhyNotOpen, At: noon}},
		{ID: "floor", Name: Label{Text: "Trường học mẫu"}, Why: Why{Reason: WhyOwnFloor}},
		{ID: "off", Name: Label{Text: "Ngân hàng mẫu khác", English: "Another sample bank"}, Why: Why{Reason: WhyOff}},
		{ID: "resting", Name: Label{Text: "Cổng việc làm mẫu"}, Why: Why{Reason: WhyMaintenance, At: noon}},
		{ID: "down", Name: Label{Text: "Cổng giáo dục mẫu"}, Why: Why{Reason: WhyDown}},
	}
	post := Tile{ID: "post", Name: Label{Text: "Bưu điện mẫu"}, Level: eid.Level1, Usable: true}
	list := []sample{
		{"choose", Page{Name: "choose", Data: ChooseData{Common: common, Level: eid.Level2, Tiles: tiles}}},
		{"choose-3", Page{Name: "choose", Data: ChooseData{Common: common, Level: eid.Level1, Tiles: Arrange([]Tile{tiles[0], tiles[1], post}, "post", "vi"), Register: true}}},
		{"choose-1-down", Page{Name: "choose", Data: ChooseData{Common: common, Level: eid.Level1, Tiles: []Tile{{ID: "post", Name: post.Name, Why: Why{Reason: WhyDown}}}, Notice: ProblemSourceFailed, NoticeSource: post.Name}}},
		{"choose-40", Page{Name: "choose", Data: ChooseData{Common: common, Level: eid.Level1, Tiles: manySamples()}}},
		{"choose-40-search", Page{Name: "choose", Data: ChooseData{Common: common, Level: eid.Level1, Tiles: manySamples(), Query: "điện lực"}}},
		{"choose-40-none", Page{Name: "choose", Data: ChooseData{Common: common, Level: eid.Level1, Tiles: manySamples(), Query: "không có tên này"}}},
		{"choose-40-hostile", Page{Name: "choose", Data: ChooseData{Common: common, Level: eid.Level1, Tiles: manySamples(), Query: hostile}}},
		{"refused-explains", Page{Name: "refused", Data: RefusedData{Common: Common{Ref: common.Ref, Portal: common.Portal, PortalURL: common.PortalURL}, Reason: RefusedSourceLevel, Source: post.Name, Level: eid.Level1, Needed: eid.Level2, OtherSources: true, ToChoice: "/login?login=handle-of-a-sample-login"}}},
		{"choose-failed", Page{Name: "choose", Data: ChooseData{Common: common, Level: eid.Level1, Tiles: []Tile{tiles[0], {ID: "post", Name: Label{Text: "Bưu điện mẫu"}, Level: eid.Level1, Usable: true}}, Notice: ProblemSourceFailed, NoticeSource: Label{Text: "Bưu điện mẫu"}}}},
		{"choose-hostile", Page{Name: "choose", Data: ChooseData{Common: Common{Ref: hostile, Portal: Label{hostile, hostile}, Form: Hidden{Action: "/login", Login: hostile, CSRF: hostile}}, Level: eid.Level2,
			Notice: ProblemSourceFailed, NoticeSource: Label{hostile, hostile}, Tiles: []Tile{{ID: hostile, Name: Label{hostile, hostile}, Level: eid.Level1, Usable: true}, {ID: hostile, Name: Label{hostile, hostile}, Why: Why{Reason: WhyEnded, At: end}}}}}},
		{"password", Page{Name: "password", Data: PasswordData{Common: common, Level: eid.Level1, OtherSources: true}}},
		{"password-wrong", Page{Name: "password", Status: http.StatusUnprocessableEntity, Data: PasswordData{Common: common, Level: eid.Level2, PersonalNumber: "000.000.000 001", Problem: ProblemCredentials}}},
		{"password-busy", Page{Name: "password", Status: http.StatusServiceUnavailable, Data: PasswordData{Common: common, Level: eid.Level2, PersonalNumber: "000.000.000 001", Problem: ProblemBusy}}},
		{"password-unlocks", Page{Name: "password", Data: PasswordData{Common: Common{Ref: common.Ref, Portal: common.Portal, Form: form, Unlocks: true}, Level: eid.Level1}}},
		{"password-number", Page{Name: "password", Data: PasswordData{Common: common, Level: eid.Level1, Problem: ProblemNumberMissing}}},
		{"password-password", Page{Name: "password", Data: PasswordData{Common: common, Level: eid.Level1, Problem: ProblemPassword}}},
		{"password-hostile", Page{Name: "password", Data: PasswordData{Common: common, Level: eid.Level1, PersonalNumber: hostile, Problem: ProblemCredentials}}},
		{"password-passkey", Page{Name: "password", Data: PasswordData{Common: common, Level: eid.Level2, OtherSources: true, Passkey: PasskeyUse("c2FtcGxl")}}},
		{"password-passkey-failed", Page{Name: "password", Status: http.StatusUnprocessableEntity, Data: PasswordData{Common: common, Level: eid.Level2, PersonalNumber: "000.000.000 001", Problem: ProblemPasskey, Passkey: PasskeyUse("c2FtcGxl")}}},
		{"login", Page{Name: "login", Data: LoginData{Common: common, Level: eid.Level1, Source: Label{Text: "Thư viện mẫu", English: "Sample library"}, OtherSources: true}}},
		{"login-old", Page{Name: "login", Data: LoginData{Common: common, Level: eid.Level1, Source: Label{Text: "Tài khoản cũ của Cổng mẫu", English: "Old account of the sample portal"}, Old: true}}},
		{"login-wrong", Page{Name: "login", Status: http.StatusUnprocessableEntity, Data: LoginData{Common: common, Level: eid.Level2, Source: Label{Text: "Thư viện mẫu"}, LoginName: "nguoi.thu.voi.ten.dang.nhap.rat.dai@thu-vien.example.test", Problem: ProblemLogin}}},
		{"login-busy", Page{Name: "login", Status: http.StatusServiceUnavailable, Data: LoginData{Common: common, Level: eid.Level1, LoginName: "mau", Problem: ProblemBusy}}},
		{"login-missing", Page{Name: "login", Data: LoginData{Common: common, Level: eid.Level1, Source: Label{Text: "Thư viện mẫu"}, Problem: ProblemLoginMissing}}},
		{"login-password", Page{Name: "login", Data: LoginData{Common: common, Level: eid.Level1, LoginName: "mau", Problem: ProblemPassword}}},
		{"login-hostile", Page{Name: "login", Data: LoginData{Common: common, Level: eid.Level1, Source: Label{hostile, hostile}, LoginName: hostile, Problem: ProblemLogin}}},
		{"code", Page{Name: "code", Data: CodeData{Common: common, Name: "••• ••• ••• 001", NotMe: true}}},
		{"code-first", Page{Name: "code", Data: CodeData{Common: common, Level: eid.Level2}}},
		{"code-passkey", Page{Name: "code", Data: CodeData{Common: common, Name: "••• ••• ••• 001", NotMe: true, Passkey: PasskeyUse("c2FtcGxl")}}},
		{"code-wrong", Page{Name: "code", Data: CodeData{Common: common, Name: "••• ••• ••• 001", Problem: ProblemCode}}},
		{"code-empty", Page{Name: "code", Data: CodeData{Common: common, Problem: ProblemCodeMissing}}},
		{"stepup", Page{Name: "stepup", Data: StepUpData{Common: common, Needed: eid.Level2, Have: eid.Level1, HolderName: "Nguyễn Thị Mẫu", MaskedNumber: "••• ••• ••• 001"}}},
		{"stepup-stay", Page{Name: "stepup", Data: StepUpData{Common: common, Needed: eid.Level2, Have: eid.Level1, HolderName: hostile, MaskedNumber: "•••", MayStay: true}}},
		{"stepup-own", Page{Name: "stepup", Data: StepUpData{Common: common, Needed: eid.Level2, Have: eid.Level1, OwnFloor: true}}},
		{"stepup-bare", Page{Name: "stepup", Data: StepUpData{Common: Common{Form: form}, Needed: eid.Level2}}},
		{"other_person", Page{Name: "other_person", Data: OtherPersonData{Common: common, MayRetry: true}}},
		{"home", Page{Name: "home", Data: HomeData{Common: bare, Issuer: "http://127.0.0.1:8400"}}},
	}
	for _, reason := range RefusedReasons() {
		list = append(list,
			sample{"refused-" + reason, Page{Name: "refused", Status: http.StatusForbidden, Data: RefusedData{Common: common, Reason: reason, Source: Label{Text: "Bưu điện mẫu"}, Until: noon, OtherSources: reason == RefusedSourceEnded || reason == RefusedTryLater}}},
			sample{"refused-bare-" + reason, Page{Name: "refused", Data: RefusedData{Common: bare, Reason: reason}}})
	}
	for _, reason := range eid.LockReasons() {
		list = append(list, sample{"locked-" + string(reason), Page{Name: "locked", Data: LockedData{Common: common, Reason: reason}}})
	}
	list = append(list, sample{"locked-unlock", Page{Name: "locked", Status: http.StatusForbidden, Data: LockedData{Common: common, Reason: eid.LockSelf, Unlock: true}}})
	for _, kind := range ErrorKinds() {
		list = append(list, sample{"error-" + kind, Page{Name: "error", Status: http.StatusBadRequest, Data: ErrorData{
			Common: Common{Ref: "K7QF-2M9D", PortalURL: "http://127.0.0.1:8401/"}, Kind: kind, Detail: "invalid_request_uri", Time: noon}}})
	}
	list = append(list, consentSamples(common)...)
	list = append(list, logoutSamples()...)
	list = append(list, historySamples(noon)...)
	list = append(list, linkSamples(common, noon)...)
	list = append(list, meSamples()...)
	list = append(list, waysSamples(common, noon)...)
	list = append(list, officerSamples(noon)...)
	list = append(list, sample{"me_lock", Page{Name: "me_lock", Data: MyLockData{Common: common}}}, sample{"me_lock-done", Page{Name: "me_lock", Data: MyLockData{Common: bare, Done: true}}})
	list = append(list, registerSamples(noon)...)
	return append(list, sample{"error-bare", Page{Name: "error", Data: ErrorData{Kind: ErrorSystem}}})
}

// manySamples are forty providers in no order: usable ones, and some with a reason.
func manySamples() []Tile {
	kinds := []string{"Điện lực", "Bưu điện", "Ngân hàng", "Bảo hiểm", "Cổng dịch vụ công"}
	places := []string{"Hà Nội", "Điện Biên", "Đà Nẵng", "Cần Thơ", "Lâm Đồng", "An Giang", "Thái Nguyên", "Quảng Ngãi"}
	whys := []Why{{Reason: WhyOff}, {Reason: WhyDown}, {Reason: WhyMaintenance, At: time.Date(2026, 11, 21, 7, 5, 0, 0, time.UTC)},
		{Reason: WhyEnded, At: time.Date(2022, 12, 31, 17, 0, 0, 0, time.UTC)}}
	var list []Tile
	for i, kind := range kinds {
		for j, place := range places {
			t := Tile{ID: fmt.Sprintf("source-%d-%d", i, j), Name: Label{Text: kind + " mẫu " + place}, Level: eid.Level1, Usable: j != 5}
			if !t.Usable {
				t.Level, t.Why = eid.LevelNone, whys[i%len(whys)]
			}
			list = append(list, t)
		}
	}
	list[9].National, list[9].Level, list[9].Name = true, eid.Level2, Label{Text: "Tài khoản định danh mẫu", English: "Sample identity account"}
	return Arrange(list, "source-2-3", "vi")
}

func consentSamples(common Common) []sample {
	claims := []ConsentClaim{
		{"name", "Nguyễn Thị Mẫu", Label{Text: "Cơ sở dữ liệu căn cước mẫu"}},
		{"gender", "Nữ", Label{Text: "Cơ sở dữ liệu căn cước mẫu"}},
		{"birthdate", "01/02/1990", Label{Text: "Cơ sở dữ liệu căn cước mẫu"}},
		{"email", "nguoi.thu.voi.dia.chi.rat.dai@thu-dien-tu.example.test", Label{Text: "Quý vị khai"}},
		{"phone_number", "••• ••• 789", Label{Text: "Quý vị khai"}},
		{"address", "Số 1 đường Mẫu, phường Mẫu, tỉnh Mẫu", Label{Text: "Cơ sở dữ liệu căn cước mẫu"}},
		{"nickname", "Mẫu", Label{Text: "Quý vị khai"}},
		{"preferred_username", "nguoi-mau", Label{Text: "Quý vị khai"}},
		{"profile", "https://trang-ca-nhan.example.test/mot-duong-dan-rat-dai-khong-co-khoang-trang/nguoi-mau", Label{Text: "Quý vị khai"}},
		{"picture", "https://anh.example.test/nguoi-mau.png", Label{Text: "Quý vị khai"}},
		{"website", "https://nguoi-mau.example.test/", Label{Text: "Quý vị khai"}},
		{"eid_personal_number", "••• ••• ••• 001", Label{Text: "Cơ sở dữ liệu căn cước mẫu"}},
		{"eid_subject_type", "Công dân Việt Nam", Label{Text: "Cơ sở dữ liệu căn cước mẫu"}},
		{"eid_source", "Tài khoản định danh mẫu", Label{}},
		{"nationalities", "Việt Nam", Label{Text: "Cơ sở dữ liệu căn cước mẫu"}},
		{"updated_at", "21/11/2026", Label{Text: "Tài khoản định danh mẫu"}},
		{"locale", "Tiếng Việt", Label{Text: "Quý vị khai"}},
		{"zoneinfo", "Giờ Việt Nam", Label{Text: "Quý vị khai"}},
	}
	year := time.Date(2027, 11, 21, 7, 5, 0, 0, time.UTC)
	asks := ConsentData{Common: common, HolderName: "Nguyễn Thị Mẫu", MaskedNumber: "••• ••• ••• 001",
		Purpose: Label{Text: "Giải quyết hồ sơ trực tuyến mẫu"}, Claims: claims[:3], Level: eid.Level2, Until: year}
	informs, all, bad, papers, ticked := asks, asks, asks, asks, asks
	for i, name := range ConsentDocuments() {
		papers.Documents = append(papers.Documents, ConsentDocument{
			Name: name, Number: "••• 12" + fmt.Sprint(i), Issuer: "Sở Giao thông vận tải tỉnh Mẫu", VerifiedAt: year.AddDate(-2, 0, 0),
		})
	}
	papers.Documents[0].ExpiresOn = year
	ticked.Claims, ticked.LegalBasis = nil, Label{Text: "Luật Mẫu số 00/2026, Điều 1", English: "Sample Law 00/2026, Article 1"}
	ticked.Documents = []ConsentDocument{{Name: "eid_driving_licence", Number: "•••", Issuer: hostile, VerifiedAt: year, Ticked: true}}
	informs.LegalBasis = Label{Text: "Luật Mẫu số 00/2026, Điều 1", English: "Sample Law 00/2026, Article 1"}
	all.Claims = claims
	bad.Portal, bad.HolderName, bad.MaskedNumber, bad.Purpose = Label{hostile, hostile}, hostile, "•••", Label{hostile, hostile}
	bad.Form = Hidden{Action: "/login", Login: hostile, CSRF: hostile}
	bad.Claims = []ConsentClaim{{"name", hostile, Label{hostile, hostile}}}
	return []sample{
		{"consent", Page{Name: "consent", Data: asks}},
		{"consent-informs", Page{Name: "consent", Data: informs}},
		{"consent-all", Page{Name: "consent", Data: all}},
		{"consent-documents", Page{Name: "consent", Data: papers}},
		{"consent-documents-ticked", Page{Name: "consent", Data: ticked}},
		{"consent-bare", Page{Name: "consent", Data: ConsentData{Common: Common{Form: common.Form}}}},
		{"consent-hostile", Page{Name: "consent", Data: bad}},
	}
}

func logoutSamples() []sample {
	common := Common{Ref: "K7QF-2M9D", Form: Hidden{Action: "/logout", CSRF: "csrf-of-a-sample-logout"}}
	bare := Common{Ref: common.Ref}
	portals := []Label{{Text: "Cổng dịch vụ công mẫu", English: "Sample public services portal"}, {Text: "Cổng bảo hiểm mẫu"}}
	return []sample{
		{"logout", Page{Name: "logout", Data: LogoutData{Common: common, Portals: portals}}},
		{"logout-none", Page{Name: "logout", Data: LogoutData{Common: common}}},
		{"logout-hostile", Page{Name: "logout", Data: LogoutData{Common: common, Portals: []Label{{hostile, hostile}}}}},
		{"loggingout", Page{Name: "loggingout", FrameSrc: []string{"http://127.0.0.1:8401"}, Refresh: "3;url=/logged-out", Data: LoggingOutData{Common: bare, Portals: portals,
			Frames: []string{"http://127.0.0.1:8401/out?iss=http%3A%2F%2F127.0.0.1%3A8400&sid=sample", "http://127.0.0.1:8401/gone"}, Next: "/logged-out"}}},
		{"loggingout-hostile", Page{Name: "loggingout", Data: LoggingOutData{Portals: []Label{{hostile, hostile}}, Frames: []string{"/" + hostile}, Next: "/" + hostile}}},
		{"loggedout", Page{Name: "loggedout", Data: LoggedOutData{Common: bare, NotTold: portals, Back: "http://127.0.0.1:8401/", BackName: portals[0]}}},
		{"loggedout-native", Page{Name: "loggedout", Data: LoggedOutData{Common: bare, Back: "org.example.app:/out?state=1"}}},
		{"loggedout-bare", Page{Name: "loggedout", Data: LoggedOutData{}}},
	}
}

func historySamples(noon time.Time) []sample {
	lines := []HistoryLine{
		{At: noon, Portal: Label{Text: "Cổng dịch vụ công mẫu", English: "Sample public services portal"}, Asked: eid.Level2, Granted: eid.Level2,
			Source: Label{Text: "Tài khoản định danh mẫu", English: "Sample identity account"}},
		{At: noon, Portal: Label{Text: "Cổng bảo hiểm mẫu"}, Granted: eid.Level1, Source: Label{Text: "Bưu điện mẫu"}, Documents: ConsentDocuments()},
		{At: noon, LookedUp: true, Role: "officer", Reason: "Khiếu nại số 12/2026 (mẫu)"},
	}
	bad := []HistoryLine{{At: noon, Portal: Label{hostile, hostile}, Source: Label{hostile, hostile}}, {At: noon, LookedUp: true, Role: hostile, Reason: hostile}}
	return []sample{
		{"history", Page{Name: "history", Data: HistoryData{Lines: lines, Older: "/history?before=7"}}},
		{"history-older", Page{Name: "history", Data: HistoryData{Lines: lines, Paged: true}}},
		{"history-none", Page{Name: "history", Data: HistoryData{}}},
		{"history-out", Page{Name: "history", Data: HistoryData{SignedOut: true}}},
		{"history-hostile", Page{Name: "history", Data: HistoryData{Lines: bad}}},
	}
}

// inEveryLanguage gives each sample once in each language.
func inEveryLanguage(list []sample) []sample {
	var all []sample
	for _, lang := range served() {
		for _, s := range list {
			s.name, s.page.Language = s.name+"-"+lang, lang
			all = append(all, s)
		}
	}
	return all
}
