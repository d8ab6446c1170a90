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
		{"password-number", Page{Name: "password", Data: PasswordData{Common: common, Level: eid.Level1, Problem: ProblemNumberMissing}}},
		{"password-password", Page{Name: "password", Data: PasswordData{Common: common, Level: eid.Level1, Problem: ProblemPassword}}},
		{"password-hostile", Page{Name: "password", Data: PasswordData{Common: common, Level: eid.Level1, PersonalNumber: hostile, Problem: ProblemCredentials}}},
		{"code", Page{Name: "code", Data: CodeData{Common: common, Name: "••• ••• ••• 001", NotMe: true}}},
		{"code-wrong", Page{Name: "code", Data: CodeData{Common: common, Name: "••• ••• ••• 001", Problem: ProblemCode}}},
		{"code-empty", Page{Name: "code", Data: CodeData{Common: common, Problem: ProblemCodeMissing}}},
		{"stepup", Page{Name: "stepup", Data: StepUpData{Common: common, Needed: eid.Level2, Have: eid.Level1, HolderName: "Nguyễn Thị Mẫu", MaskedNumber: "••• ••• ••• 001"}}},
		{"stepup-stay", Page{Name: "stepup", Data: StepUpData{Common: common, Needed: eid.Level2, Have: eid.Level1, HolderName: hostile, MaskedNumber: "•••", MayStay: true}}},
		{"stepup-bare", Page{Name: "stepup", Data: StepUpData{Common: Common{Form: form}, Needed: eid.Level2}}},
		{"other_person", Page{Name: "other_person", Data: OtherPersonData{Common: common, MayRetry: true}}},
		{"home", Page{Name: "home", Data: HomeData{Common: bare, Issuer: "http://127.0.0.1:8400"}}},
	}
	for _, reason := range RefusedReasons() {
		list = append(list,
			sample{"refused-" + reason, Page{Name: "refused", Status: http.StatusForbidden, Data: RefusedData{Common: common, Reason: reason, Source: "Bưu điện mẫu", Until: noon, OtherSources: reason == RefusedSourceEnded}}},
			sample{"refused-bare-" + reason, Page{Name: "refused", Data: RefusedData{Common: bare, Reason: reason}}})
	}
	for _, reason := range eid.LockReasons() {
		list = append(list, sample{"locked-" + string(reason), Page{Name: "locked", Data: LockedData{Common: common, Reason: reason}}})
	}
	for _, kind := range ErrorKinds() {
		list = append(list, sample{"error-" + kind, Page{Name: "error", Status: http.StatusBadRequest, Data: ErrorData{
			Common: Common{Ref: "K7QF-2M9D", PortalURL: "http://127.0.0.1:8401/"}, Kind: kind, Detail: "invalid_request_uri", Time: noon}}})
	}
	return append(list, sample{"error-bare", Page{Name: "error", Data: ErrorData{Kind: ErrorSystem}}})
}
