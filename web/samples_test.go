package web

import (
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
	common := Common{Ref: "K7QF-2M9D", Portal: "Cổng dịch vụ công mẫu", PortalURL: "http://127.0.0.1:8401/", Form: form}
	bare := Common{}
	noon := time.Date(2026, 11, 21, 7, 5, 0, 0, time.UTC)
	end := time.Date(2022, 12, 31, 17, 0, 0, 0, time.UTC) // 2023-01-01T00:00+07:00
	tiles := []Tile{
		{ID: "account", Name: "Tài khoản định danh mẫu", Icon: "Đ", Level: eid.Level2, National: true, Usable: true},
		{ID: "legacy", Name: "Bưu điện mẫu", Icon: "B", Level: eid.Level2, Usable: true},
		{ID: "low", Name: "Bảo hiểm mẫu", Icon: "H", Level: eid.Level1, Why: Why{Reason: WhyLevelTooLow}},
		{ID: "none", Name: "Ngân hàng mẫu", Icon: "N", Why: Why{Reason: WhyLevelTooLow}},
		{ID: "ended", Name: "Bưu điện mẫu (cũ)", Icon: "C", Why: Why{Reason: WhyEnded, At: end}},
		{ID: "later", Name: "Chữ ký số mẫu", Icon: "K", Why: Why{Reason: WhyNotOpen, At: noon}},
		{ID: "floor", Name: "Trường học mẫu", Icon: "T", Why: Why{Reason: WhyOwnFloor}},
	}
	list := []sample{
		{"choose", Page{Name: "choose", Data: ChooseData{Common: common, Level: eid.Level2, Tiles: tiles}}},
		{"choose-failed", Page{Name: "choose", Data: ChooseData{Common: common, Level: eid.Level1, Tiles: []Tile{tiles[0], {ID: "post", Name: "Bưu điện mẫu", Icon: "B", Level: eid.Level1, Usable: true}}, Notice: ProblemSourceFailed, NoticeSource: "Bưu điện mẫu"}}},
		{"choose-hostile", Page{Name: "choose", Data: ChooseData{Common: Common{Ref: hostile, Portal: hostile, Form: Hidden{Action: "/login", Login: hostile, CSRF: hostile}}, Level: eid.Level2,
			Notice: ProblemSourceFailed, NoticeSource: hostile, Tiles: []Tile{{ID: hostile, Name: hostile, Icon: "<", Level: eid.Level1, Usable: true}, {ID: hostile, Name: hostile, Icon: "<", Why: Why{Reason: WhyEnded, At: end}}}}}},
		{"password", Page{Name: "password", Data: PasswordData{Common: common, Level: eid.Level1, OtherSources: true}}},
		{"password-wrong", Page{Name: "password", Status: http.StatusUnprocessableEntity, Data: PasswordData{Common: common, Level: eid.Level2, PersonalNumber: "000.000.000 001", Problem: ProblemCredentials}}},
		{"password-busy", Page{Name: "password", Status: http.StatusServiceUnavailable, Data: PasswordData{Common: common, Level: eid.Level2, PersonalNumber: "000.000.000 001", Problem: ProblemBusy}}},
		{"password-number", Page{Name: "password", Data: PasswordData{Common: common, Level: eid.Level1, Problem: ProblemNumberMissing}}},
		{"password-password", Page{Name: "password", Data: PasswordData{Common: common, Level: eid.Level1, Problem: ProblemPassword}}},
		{"password-hostile", Page{Name: "password", Data: PasswordData{Common: common, Level: eid.Level1, PersonalNumber: hostile, Problem: ProblemCredentials}}},
		{"code", Page{Name: "code", Data: CodeData{Common: common, Name: "••• ••• ••• 001", NotMe: true}}},
		{"code-first", Page{Name: "code", Data: CodeData{Common: common, Level: eid.Level2}}},
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
			sample{"refused-" + reason, Page{Name: "refused", Status: http.StatusForbidden, Data: RefusedData{Common: common, Reason: reason, Source: "Bưu điện mẫu", Until: noon, OtherSources: reason == RefusedSourceEnded || reason == RefusedTryLater}}},
			sample{"refused-bare-" + reason, Page{Name: "refused", Data: RefusedData{Common: bare, Reason: reason}}})
	}
	for _, reason := range eid.LockReasons() {
		list = append(list, sample{"locked-" + string(reason), Page{Name: "locked", Data: LockedData{Common: common, Reason: reason}}})
	}
	for _, kind := range ErrorKinds() {
		list = append(list, sample{"error-" + kind, Page{Name: "error", Status: http.StatusBadRequest, Data: ErrorData{
			Common: Common{Ref: "K7QF-2M9D", PortalURL: "http://127.0.0.1:8401/"}, Kind: kind, Detail: "invalid_request_uri", Time: noon}}})
	}
	list = append(list, consentSamples(common)...)
	list = append(list, logoutSamples()...)
	return append(list, sample{"error-bare", Page{Name: "error", Data: ErrorData{Kind: ErrorSystem}}})
}

func consentSamples(common Common) []sample {
	claims := []ConsentClaim{
		{"name", "Nguyễn Thị Mẫu", "Cơ sở dữ liệu căn cước mẫu"},
		{"gender", "Nữ", "Cơ sở dữ liệu căn cước mẫu"},
		{"birthdate", "01/02/1990", "Cơ sở dữ liệu căn cước mẫu"},
		{"email", "nguoi.thu.voi.dia.chi.rat.dai@thu-dien-tu.example.test", "Quý vị khai"},
		{"phone_number", "••• ••• 789", "Quý vị khai"},
		{"address", "Số 1 đường Mẫu, phường Mẫu, tỉnh Mẫu", "Cơ sở dữ liệu căn cước mẫu"},
		{"nickname", "Mẫu", "Quý vị khai"},
		{"preferred_username", "nguoi-mau", "Quý vị khai"},
		{"profile", "https://trang-ca-nhan.example.test/mot-duong-dan-rat-dai-khong-co-khoang-trang/nguoi-mau", "Quý vị khai"},
		{"picture", "https://anh.example.test/nguoi-mau.png", "Quý vị khai"},
		{"website", "https://nguoi-mau.example.test/", "Quý vị khai"},
		{"eid_personal_number", "••• ••• ••• 001", "Cơ sở dữ liệu căn cước mẫu"},
		{"eid_subject_type", "Công dân Việt Nam", "Cơ sở dữ liệu căn cước mẫu"},
		{"eid_source", "Tài khoản định danh mẫu", ""},
		{"nationalities", "Việt Nam", "Cơ sở dữ liệu căn cước mẫu"},
		{"updated_at", "21/11/2026", "Tài khoản định danh mẫu"},
		{"locale", "Tiếng Việt", "Quý vị khai"},
		{"zoneinfo", "Giờ Việt Nam", "Quý vị khai"},
	}
	year := time.Date(2027, 11, 21, 7, 5, 0, 0, time.UTC)
	asks := ConsentData{Common: common, HolderName: "Nguyễn Thị Mẫu", MaskedNumber: "••• ••• ••• 001",
		Purpose: "Giải quyết hồ sơ trực tuyến mẫu", Claims: claims[:3], Level: eid.Level2, Until: year}
	informs, all, bad := asks, asks, asks
	informs.LegalBasis = "Luật Mẫu số 00/2026, Điều 1"
	all.Claims = claims
	bad.Portal, bad.HolderName, bad.MaskedNumber, bad.Purpose = hostile, hostile, "•••", hostile
	bad.Form = Hidden{Action: "/login", Login: hostile, CSRF: hostile}
	bad.Claims = []ConsentClaim{{"name", hostile, hostile}}
	return []sample{
		{"consent", Page{Name: "consent", Data: asks}},
		{"consent-informs", Page{Name: "consent", Data: informs}},
		{"consent-all", Page{Name: "consent", Data: all}},
		{"consent-bare", Page{Name: "consent", Data: ConsentData{Common: Common{Form: common.Form}}}},
		{"consent-hostile", Page{Name: "consent", Data: bad}},
	}
}

func logoutSamples() []sample {
	common := Common{Ref: "K7QF-2M9D", Form: Hidden{Action: "/logout", CSRF: "csrf-of-a-sample-logout"}}
	portals := []string{"Cổng dịch vụ công mẫu", "Cổng bảo hiểm mẫu"}
	return []sample{
		{"logout", Page{Name: "logout", Data: LogoutData{Common: common, Portals: portals}}},
		{"logout-none", Page{Name: "logout", Data: LogoutData{Common: common}}},
		{"logout-hostile", Page{Name: "logout", Data: LogoutData{Common: common, Portals: []string{hostile}}}},
		{"loggingout", Page{Name: "loggingout", FrameSrc: []string{"http://127.0.0.1:8401"}, Refresh: "3;url=/logged-out", Data: LoggingOutData{Common: common, Portals: portals,
			Frames: []string{"http://127.0.0.1:8401/out?iss=http%3A%2F%2F127.0.0.1%3A8400&sid=sample", "http://127.0.0.1:8401/gone"}, Next: "/logged-out"}}},
		{"loggingout-hostile", Page{Name: "loggingout", Data: LoggingOutData{Portals: []string{hostile}, Frames: []string{"/" + hostile}, Next: "/" + hostile}}},
		{"loggedout", Page{Name: "loggedout", Data: LoggedOutData{Common: common, NotTold: portals, Back: "http://127.0.0.1:8401/", BackName: portals[0]}}},
		{"loggedout-native", Page{Name: "loggedout", Data: LoggedOutData{Common: common, Back: "org.example.app:/out?state=1"}}},
		{"loggedout-bare", Page{Name: "loggedout", Data: LoggedOutData{}}},
	}
}
