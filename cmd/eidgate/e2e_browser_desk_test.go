package main_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"eidgate/web/browsertest"
)

// What the pages of officers call things.
const (
	headTodo        = "Việc cần làm hôm nay"
	headIntake      = "Tiếp nhận hồ sơ"
	headApplication = "Hồ sơ"
	headCheck       = "Kiểm tra và xác nhận"
	headDecide      = "Hồ sơ chờ duyệt"
	headLocks       = "Khóa, mở khóa tài khoản"
)

// TestBrowserDesk plays a counter of two officers and the people who come to it, on
// devices as small as a phone and without script, one after another at one gateway.
func TestBrowserDesk(t *testing.T) {
	t.Parallel()
	chromium := browsertest.Start(t)
	d := startDemo(t)
	open := func(t *testing.T) *visit { return &visit{tab: newTab(chromium, t), demo: d, chromium: chromium} }
	first, second := open(t), open(t)
	first.atDesk("014")
	second.atDesk("015")
	for _, tt := range []struct {
		name string
		run  func(desk)
	}{
		{"who is no officer", visitNoOfficer},
		{"TestRow13To18 from the card to a portal at level 2", visitDesk},
		{"what was typed wrong", visitDeskFaults},
		{"TestRow22 level 1 becomes 2 on the same account", visitRaised},
		{"TestRow6 a foreigner", visitForeignerAtDesk},
		{"TestRow11 an expired card", visitExpiredCard},
		{"TestRow33 a lock that was set in error", visitLockInError},
	} {
		t.Run(tt.name, func(t *testing.T) {
			first.t, second.t = t, t // one who fails ends this part alone
			tt.run(desk{first: first, second: second, holder: open(t)})
		})
	}
	first.t, second.t = t, t
	d.unsaid(t, "011091000021", "011 091 000 021", "0900000021", "84900000021", "Lò Văn Mới", "cap-0001", "790000000001", "PA0000024", "somsak@example.test", "12/2020")
}

// desk are two officers of one office, at their browsers, and somebody who comes to them.
type desk struct{ first, second, holder *visit }

// unsaid fails where the log holds one of these.
func (d *demoRun) unsaid(t *testing.T, secrets ...string) {
	t.Helper()
	log := string(d.stderr.Bytes())
	if !strings.Contains(log, "/officer") {
		t.Fatal("the log knows nothing of the counter")
	}
	for _, secret := range secrets {
		if at := strings.Index(log, secret); at >= 0 {
			t.Errorf("the log holds %q after %q", secret, log[max(0, at-120):at])
		}
	}
}

// atDesk signs an officer in, with both factors.
func (v *visit) atDesk(tail string) {
	v.t.Helper()
	v.open(v.demo.Issuer + "/officer")
	v.choosePassword()
	v.submitPassword(tail)
	v.submitCode(tail)
	v.at(headTodo)
}

// visitNoOfficer are a holder at Level 1, and one at Level 2 who is no officer.
func visitNoOfficer(d desk) {
	v := d.holder
	v.open(v.demo.Issuer + "/officer")
	v.choosePassword()
	v.submitPassword("002")
	v.at(headTooLow)
	v.misses("Tiếp nhận hồ sơ", "Việc cần làm hôm nay")

	w := v.another()
	w.open(w.demo.Issuer + "/officer/new/citizen")
	w.choosePassword()
	w.submitPassword("001")
	w.submitCode("001")
	w.at("Trang này dành cho cán bộ")
	if got := w.status(); got != 403 {
		w.t.Errorf("status = %d, want 403", got)
	}
	w.press("Đăng xuất")
	w.misses("Nguyễn Thị Thử")
}

// toIntake goes from the list of what is to do to the form of an intake.
func (v *visit) toIntake() {
	v.t.Helper()
	v.open(v.demo.Issuer + "/officer")
	v.press("Tiếp nhận hồ sơ")
	v.at(headIntake)
}

// takeIn fills in an application by hand.
func (v *visit) takeIn(number, name, born, gender, phone string) {
	v.t.Helper()
	v.at(headIntake)
	for field, value := range map[string]string{"number": number, "name": name, "birth_date": born, "phone": phone} {
		v.fill(field, value)
	}
	v.fill("gender", gender) // typing chooses in a list
	v.press("Tiếp nhận")
}

// compared has a portrait compared with a database.
func (v *visit) compared(database string) {
	v.t.Helper()
	v.press("Đối chiếu sinh trắc học")
	v.at("Đối chiếu sinh trắc học")
	v.fill("method", "Ảnh chân dung")
	v.fill("database", database)
	v.fill("capture", "cap-0001")
	v.press("Đối chiếu")
	v.at(headApplication)
	v.sees("Đã ghi kết quả đối chiếu.", "Trùng khớp", "chưa so sánh gì")
}

// confirmed has the person read and confirm.
func (v *visit) confirmed(read ...string) {
	v.t.Helper()
	v.press("Đưa người nộp kiểm tra")
	v.at(headCheck)
	v.sees(read...)
	v.misses("Đối chiếu sinh trắc học", "Quay lại", "cap-0001")
	v.press("Đúng, tôi xác nhận")
	v.at(headApplication)
	v.sees("Người nộp đã xác nhận. Hồ sơ chờ cán bộ khác duyệt.")
}

var applicationRef = regexp.MustCompile(`[A-Z2-7]{4}-[A-Z2-7]{4}`)

// ref is the reference of the application that is shown.
func (v *visit) ref() string {
	v.t.Helper()
	v.at(headApplication)
	return applicationRef.FindString(v.page.Text)
}

// approved finds an application by its reference, as another officer does, and approves it.
func (v *visit) approved(ref string, sees ...string) {
	v.t.Helper()
	v.open(v.demo.Issuer + "/officer")
	v.fill("ref", strings.ToLower(ref))
	v.press("Tìm")
	v.press("Hồ sơ chờ duyệt " + ref)
	v.at(headDecide)
	v.sees(sees...)
	v.press("Duyệt")
	v.at(headApplication)
	v.sees("Đã duyệt")
	v.misses(sees...)
}

var sentFirst = regexp.MustCompile(`([a-z2-9]{10}): mật khẩu lần đầu`)

// firstPassword is the first password that was sent and that nobody has read yet.
func (v *visit) firstPassword() string {
	v.t.Helper()
	first := ""
	v.until("a first password is sent", func() bool {
		m := sentFirst.FindStringSubmatch(v.demo.reads(v.t))
		if m != nil && !slices.Contains(v.demo.secrets["first password"], m[1]) {
			first = m[1]
		}
		return first != ""
	})
	v.demo.keepSecret("first password", first)
	return first
}

// lastCode is the code that was sent last, if any was.
func (v *visit) lastCode() string {
	v.t.Helper()
	if m := sentCode.FindStringSubmatch(v.demo.reads(v.t)); m != nil {
		return m[1]
	}
	return ""
}

// visitDesk is the whole way of row 13 to 18: a scanned card, papers, a match, the
// person's own word, another officer, the first password, and a portal at Level 2.
func visitDesk(d desk) {
	const phone, chosen = "0900 000 021", "hươu vàng qua suối cạn"
	v := d.first
	v.toIntake()
	v.at(headIntake)
	v.fill("scan", "011091000021||Lò Văn Mới|12041991|Nam|Số 1 đường Mẫu|01012021")
	v.enter()
	v.at(headIntake)
	v.sees("Đã điền từ mã trên thẻ.")
	for field, want := range map[string]string{"scan": "", "number": "011 091 000 021", "name": "Lò Văn Mới", "birth_date": "12/04/1991", "gender": "male", "address": "Số 1 đường Mẫu"} {
		if got := v.value(field); got != want {
			v.t.Errorf("%s = %q after the scan, want %q", field, got, want)
		}
	}
	v.fill("phone", phone)
	v.press("Tiếp nhận")
	ref := v.ref()
	v.sees("••• ••• ••• 021", "Còn giá trị", "Chưa có đối chiếu sinh trắc học nào trùng khớp.")
	v.misses("011091000021", "900000021")

	v.press("Thêm người phụ thuộc")
	v.at("Thêm người phụ thuộc")
	v.fill("relation", "Con")
	v.fill("name", "Lò Thị Bé")
	v.fill("birth_date", "1/6/2020")
	v.fill("paper", "12/2020")
	v.press("Lưu")
	for kind, number := range map[string]string{"Giấy phép": "790000000001", "Bảo hiểm y tế": "HC4010000000001"} {
		v.at(headApplication)
		v.press("Thêm giấy tờ")
		v.at("Thêm giấy tờ")
		v.fill("document_kind", kind)
		v.fill("document_number", number)
		v.fill("issuer", "Sở Mẫu")
		v.press("Lưu")
	}
	v.at(headApplication)
	v.sees("Con dưới 14 tuổi Lò Thị Bé", "01/06/2020", "Giấy phép lái xe", "Bảo hiểm y tế")
	v.compared("Dân cư")
	v.misses("Chưa có đối chiếu sinh trắc học nào trùng khớp.")
	v.confirmed("011 091 000 021", "Lò Văn Mới", "12/04/1991", "0900 000 021", "Lò Thị Bé", "790000000001", "Định danh mức 2")

	// Who took it in does not approve it, and is told so before they try.
	v.misses("Duyệt, trả lại hoặc từ chối")
	v.open(strings.Replace(v.page.URL, "?done=confirmed", "/decide", 1))
	v.at(headDecide)
	v.sees("Cần cán bộ khác.")
	if v.count("//button[@value=\"approve\"]") != 0 {
		v.t.Error("who took it in is offered to approve it")
	}

	d.second.approved(ref)

	holder := d.holder
	first := holder.firstPassword()
	holder.start("portal-2")
	holder.choosePassword()
	holder.fill("personal_number", "011091000021")
	holder.fill("password", first)
	holder.press("Đăng nhập")
	holder.at("Chọn mật khẩu")
	holder.fill("new_password", chosen)
	holder.press("Kích hoạt và đi tiếp")
	holder.at(headCode)
	holder.fill("code", holder.sent(""))
	holder.press("Xác nhận")
	holder.arrived("portal-2", 2, "Lò Văn Mới")

	// The first password opens nothing any more.
	holder = v.another()
	holder.start("portal-1")
	holder.choosePassword()
	holder.fill("personal_number", "011091000021")
	holder.fill("password", first)
	holder.press("Đăng nhập")
	holder.at(headPassword)
}

// visitDeskFaults names each field, and loses nothing that was typed.
func visitDeskFaults(d desk) {
	v := d.first
	v.toIntake()
	v.fill("scan", "khong-phai-the")
	v.enter()
	v.corrected(headIntake, "Mã vừa quét không phải mã trên thẻ căn cước.")
	v.takeIn("04809500001", "Hồ Thị Mẫu", "31/2/1995", "Nữ", "12")
	v.at(headIntake)
	v.sees("Có 3 lỗi cần sửa", "Số này không đúng dạng.", "Ngày sinh không có thật.", "Số điện thoại không đúng dạng.")
	for field, want := range map[string]string{"number": "04809500001", "name": "Hồ Thị Mẫu", "birth_date": "31/2/1995", "gender": "female", "phone": "12"} {
		if got := v.value(field); got != want {
			v.t.Errorf("%s = %q, want %q as typed", field, got, want)
		}
	}
	// The fourth digit says a man born in the 1900s.
	for field, value := range map[string]string{"number": "048095000019", "birth_date": "1/2/1995", "phone": "0900000019"} {
		v.clear(field)
		v.fill(field, value)
	}
	v.press("Tiếp nhận")
	v.corrected(headIntake, "Giới tính khác với số định danh.")
	if got := v.value("number"); got != "048095000019" {
		v.t.Errorf("number = %q, want it as typed", got)
	}
	// The card says so, too: it goes on, and nobody approves it alone.
	v.fill("as_on_card", "Đúng")
	v.press("Tiếp nhận")
	v.at(headApplication)
	v.sees("Giới tính hoặc năm sinh khác với số định danh", "Cơ sở dữ liệu không có ai với số, họ tên và năm sinh như vậy.")
	v.misses("Họ và tên khác")
	v.press("Rút hồ sơ")
	v.at("Rút hồ sơ")
	v.press("Rút hồ sơ")
	v.at(headApplication)
	v.sees("Đã rút")
}

// visitRaised gives a holder of Level 1 Level 2, and undoes the lock that they set
// themselves: the portals meet the same person.
func visitRaised(d desk) {
	const (
		chosen  = "cá chép bơi ngược dòng xanh"
		unlocks = "Người nộp đã tự khóa. Tài khoản được mở khi hồ sơ được duyệt."
	)
	holder := d.holder
	holder.signIn("portal-1", "002")
	holder.arrived("portal-1", 1, "Trần Văn Mẫu")
	sub := holder.subject()
	holder.open(holder.demo.Issuer + "/me")
	holder.press(headLock)
	holder.at(headLock)
	holder.press("Khóa tài khoản")
	holder.at("Tài khoản đã khóa")
	holder.sees("Nếu không còn mật khẩu hoặc thiết bị xác nhận, Quý vị đến cơ quan công an để mở khóa.")

	v := d.first
	v.toIntake()
	v.takeIn(v.demo.account("002").PersonalNumber, "Trần Văn Mẫu", "15/1/1990", "Nam", "0900000002")
	ref := v.ref()
	v.compared("Căn cước")
	v.sees(unlocks)
	v.confirmed("001 090 000 002", "Trần Văn Mẫu", unlocks)
	d.second.approved(ref, unlocks)

	holder = v.another()
	holder.start("portal-2")
	holder.choosePassword()
	holder.fill("personal_number", v.demo.account("002").PersonalNumber)
	holder.fill("password", holder.firstPassword())
	holder.press("Đăng nhập")
	holder.at("Chọn mật khẩu")
	holder.fill("new_password", chosen)
	before := holder.lastCode()
	holder.press("Kích hoạt và đi tiếp")
	holder.at(headCode)
	holder.fill("code", holder.sent(before))
	holder.press("Xác nhận")
	holder.arrived("portal-2", 2, "Trần Văn Mẫu")
	holder.start("portal-1")
	holder.arrived("portal-1", 2, "Trần Văn Mẫu") // it asks for no level
	if got := holder.subject(); got != sub {
		holder.t.Errorf("sub = %s after the counter, want %s", got, sub)
	}
}

// visitForeignerAtDesk is told what is wrong with a passport, and gets Level 2 by mail.
func visitForeignerAtDesk(d desk) {
	v := d.first
	v.toIntake()
	v.press("Hồ sơ của người nước ngoài")
	v.at(headIntake)
	v.fill("number", "PA0000024")
	v.fill("country", "XQZ")
	v.fill("name", "Somsak Mau")
	v.fill("birth_date", "2/2/1988")
	v.fill("gender", "Nam")
	v.fill("email", "somsak@example.test")
	v.press("Tiếp nhận")
	v.at(headIntake)
	v.sees("Có 2 lỗi cần sửa", "Số hộ chiếu hoặc nước cấp không đúng.", "Nhập quốc tịch.")
	v.clear("country")
	v.fill("country", "lao")
	v.fill("nationality", "lao")
	v.press("Tiếp nhận")
	ref := v.ref()
	v.sees("Số hộ chiếu", "••• ••• ••• 024", "Lào")
	v.misses("Thẻ căn cước", "Số định danh")
	v.compared("Xuất nhập cảnh")
	v.confirmed("PA0000024", "Somsak Mau", "somsak@example.test")
	d.second.approved(ref)
	v.letters("somsak@example.test")
}

// visitExpiredCard names the next step, and goes on with it: the card is issued at this
// very visit.
func visitExpiredCard(d desk) {
	v := d.first
	v.toIntake()
	v.takeIn("048172000025", "Hồ Thị Hết Hạn", "30/12/1972", "Nữ", "0900000025")
	v.at(headApplication)
	v.sees("Đã hết hạn", "31/12/2024", "Đăng ký cùng lúc cấp thẻ: nhập số hồ sơ cấp thẻ vào hồ sơ này.")
	v.compared("Dân cư")
	v.press("Đưa người nộp kiểm tra")
	v.press("Đúng, tôi xác nhận")
	v.at(headApplication)
	v.sees("Chưa thể tiếp tục.", "Thẻ căn cước đã hết hạn.")
	v.press("Sửa dữ liệu")
	v.at("Sửa hồ sơ")
	v.fill("card_issue", "HS-2026-17")
	v.press("Lưu")
	v.at(headApplication)
	v.confirmed("Hồ Thị Hết Hạn", "HS-2026-17")

	// The register does not say yet that a card is being issued: the approval waits for it.
	second := d.second
	second.open(second.demo.Issuer + "/officer")
	second.press("Hồ sơ chờ duyệt " + v.ref())
	second.press("Duyệt")
	second.at(headDecide)
	second.sees("Chưa thể tiếp tục.", "Cơ sở dữ liệu căn cước chưa ghi nhận thẻ đang được cấp.")

	// The issue of the card begins: so the register says from now on, and it is approved.
	cards := filepath.Join(v.demo.Dir, "citizen_cards.json")
	raw, err := os.ReadFile(cards)
	must(v.t, err)
	const expired, issuing = `"048172000025","status":"valid"`, `"048172000025","status":"being_issued"`
	if !bytes.Contains(raw, []byte(expired)) {
		v.t.Fatalf("the demo's cards do not hold %s", expired)
	}
	must(v.t, os.WriteFile(cards, bytes.Replace(raw, []byte(expired), []byte(issuing), 1), 0o600))
	second.press("Duyệt")
	second.at(headApplication)
	second.sees("Đã duyệt", "HS-2026-17")
}

// visitLockInError lifts a lock for death, which nobody undoes but an authority that says
// that it was set in error.
func visitLockInError(d desk) {
	v := d.first
	v.open(v.demo.Issuer + "/officer")
	v.press(headLocks)
	v.at(headLocks)
	v.fill("party", "Cơ quan có thẩm quyền")
	v.fill("requester", "Ủy ban nhân dân phường Mẫu")
	v.fill("request_document", "7/HT")
	v.fill("number", v.demo.account("011").PersonalNumber)
	v.press("Tìm tài khoản")
	v.at(headLocks)
	v.sees("Ngô Văn Khuất", "••• ••• ••• 011", "Chủ tài khoản đã mất")
	v.misses(v.demo.account("011").PersonalNumber)
	lift := "Mở khóa Chủ tài khoản đã mất"
	v.press(lift)
	v.sees("Khóa này chỉ mở khi cơ quan có thẩm quyền sửa một sai sót.")
	v.fill("correction", "Đúng")
	v.press(lift)
	v.at(headLocks)
	v.sees("Đã mở khóa này.", "Mở lúc")

	w := d.holder
	w.signIn("portal-1", "011")
	w.arrived("portal-1", 1, "Ngô Văn Khuất")
}
