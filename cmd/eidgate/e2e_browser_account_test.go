package main_test

import (
	"regexp"
	"testing"

	"eidgate/web/browsertest"
)

// TestBrowserAccount follows people through the account system of one demo: in
// Vietnamese, on a phone, without script.
func TestBrowserAccount(t *testing.T) {
	t.Parallel()
	chromium := browsertest.Start(t)
	d := startDemo(t)
	for _, tt := range []struct {
		name string
		run  func(*visit)
	}{
		{"TestRow8 a foreigner signs in, and with the new passport after it was renewed", visitForeigner},
		{"TestRow23 not activated, and the way there", visitActivation},
		{"TestRow30 locked and unlocked by the holder", visitOwnLock},
		{"TestRow30 locked and unlocked with a password alone", visitLockWithPasswordAlone},
		{"TestRow31 locked because a service user asks", visitLockRequests},
		{"ways to sign in", visitWays},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.run(&visit{tab: newTab(chromium, t), demo: d, chromium: chromium})
		})
	}
}

// byPassport goes to the form for passports and fills it in.
func (v *visit) byPassport(country, number, password string) {
	v.t.Helper()
	v.choosePassword()
	v.press("Đăng nhập bằng hộ chiếu")
	v.at("Đăng nhập bằng hộ chiếu")
	v.fill("country", country) // typing chooses in a list
	v.fill("passport", number)
	v.fill("password", password)
	v.press("Đăng nhập")
}

var subjectShown = regexp.MustCompile(`"sub": "([^"]+)"`)

// subject is what the portal was told that the person is called.
func (v *visit) subject() string {
	v.t.Helper()
	m := subjectShown.FindStringSubmatch(v.page.Text)
	if m == nil {
		v.t.Fatalf("the portal shows no subject:\n%s", v.page.Text)
	}
	return m[1]
}

// visitForeigner registers with a passport, signs in with it, has it renewed and signs in
// with the new one. The portal meets the same person, and the old passport nobody.
func visitForeigner(v *visit) {
	const old, renewed, chosen, address = "PA0000024", "PB0000031", "voi trắng qua sông lớn", "somsak@example.test"
	v.open(v.demo.Issuer + "/register/kind")
	v.press("Người nước ngoài")
	v.at("Hộ chiếu của Quý vị")
	v.fill("passport", old)
	v.fill("country", "Lào")
	v.fill("nationality", "Lào")
	v.press("Tiếp theo")
	v.fill("name", "Somsak Mau")
	v.press("Tiếp theo")
	v.born("2", "2", "1988", "Nam")
	v.fill("email", address)
	v.press("Tiếp theo")
	v.at("Kiểm tra lại thông tin")
	v.sees(old, "Lào")
	v.press("Gửi và nhận mã")
	v.fill("code", v.mailedCode(address))
	v.press("Xác nhận")
	v.at("Kích hoạt tài khoản")
	v.fill("new_password", chosen)
	v.press("Kích hoạt")
	v.at("Tài khoản đã được kích hoạt")

	v.start("portal-1")
	v.byPassport("Lào", "pa 0000024", chosen)
	v.arrived("portal-1", 1, "SOMSAK MAU")
	sub := v.subject()

	exit, out, errs := runWith(v.t, "LAO "+old+"\nLAO "+renewed+"\n", "accounts", "renew-paper", "--data", v.demo.Dir, "--document", "XNC-31/2026")
	if exit != 0 || out != "renewed: ••• ••• ••• 024 is now ••• ••• ••• 031\n" {
		v.t.Fatalf("accounts renew-paper: exit %d, %q, %q", exit, out, errs)
	}
	v.letters(address, "Hộ chiếu mới dùng để đăng nhập")
	v.press("Hỏi mức 1")
	v.arrived("portal-1", 1, "SOMSAK MAU") // the session goes on

	w := v.another()
	w.start("portal-1")
	w.byPassport("Lào", old, chosen)
	w.at("Đăng nhập bằng hộ chiếu")
	w.misses("SOMSAK")
	w.clear("passport")
	w.fill("passport", renewed)
	w.fill("password", chosen)
	w.press("Đăng nhập")
	w.arrived("portal-1", 1, "SOMSAK MAU")
	if got := w.subject(); got != sub {
		w.t.Errorf("sub with the new passport = %s, want %s", got, sub)
	}
}

// visitActivation is sent from the refusal to the page that activates, and comes back.
func visitActivation(v *visit) {
	const chosen = "mây trắng trên đồi chè"
	v.signIn("portal-1", "006")
	v.at("Tài khoản chưa kích hoạt")
	v.press("Kích hoạt tài khoản")
	v.at("Kích hoạt tài khoản")
	v.fill("personal_number", v.demo.account("006").PersonalNumber)
	v.press("Nhận mã")
	v.at("Nhập mã đã gửi")
	v.fill("code", v.activationCode())
	v.press("Xác nhận")
	v.at("Chọn mật khẩu")
	v.fill("new_password", chosen)
	v.press("Kích hoạt")
	v.at("Tài khoản đã được kích hoạt")

	v.start("portal-1")
	v.choosePassword()
	v.fill("personal_number", v.demo.account("006").PersonalNumber)
	v.fill("password", chosen)
	v.press("Đăng nhập")
	v.arrived("portal-1", 1, "Vũ Thị Chờ")
}

var sentActivation = regexp.MustCompile(`([0-9]{6}): mã kích hoạt`)

// activationCode is the latest code of an activation that went out by SMS.
func (v *visit) activationCode() string {
	v.t.Helper()
	m := sentActivation.FindStringSubmatch(v.demo.reads(v.t, ": mã kích hoạt"))
	if m == nil {
		v.t.Fatal("no code to activate was sent")
	}
	return m[1]
}

// visitOwnLock locks the account from its own page. The refusal at the next sign-in leads
// to its end, with all that the account has to prove who it is.
func visitOwnLock(v *visit) {
	v.open(v.demo.Issuer + "/me")
	v.choosePassword()
	v.submitPassword("001")
	v.at(headMe)
	v.sees("Cách đăng nhập", "Khóa tài khoản của tôi")
	v.press("Khóa tài khoản của tôi")
	v.at(headStepUp)
	v.press("Tiếp tục")
	v.choosePassword() // all is proved again: nobody locks it at a device that was left open
	v.submitPassword("001")
	v.submitCode("001")
	v.at("Khóa tài khoản của tôi")
	v.sees("Không ai đăng nhập được bằng tài khoản này, kể cả Quý vị.")
	v.press("Khóa tài khoản")
	v.at("Tài khoản đã khóa")

	w := v.another()
	w.signIn("portal-1", "001")
	w.at("Tài khoản đang bị khóa")
	w.sees("Quý vị đã tự khóa tài khoản này.", "Bấm Mở khóa.")
	w.press("Mở khóa")
	w.choosePassword()
	w.submitPassword("001")
	w.submitCode("001")
	w.arrived("portal-1", 2, "Nguyễn Thị Thử")
}
