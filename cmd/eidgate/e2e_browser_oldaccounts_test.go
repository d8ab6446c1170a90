package main_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// What the pages call the accounts that the first portal of the demo made itself.
const (
	ownName     = "Tài khoản riêng của cổng"
	ownOverdue  = "Tài khoản riêng của cổng, trước 2022"
	headOverdue = "Tài khoản cũ cần xác minh"
	toVerify    = "Xác minh ngay"
)

// own signs in with an old account of portal 1.
func (v *visit) own(source, login, password string) {
	v.t.Helper()
	v.start("portal-1")
	v.at(headChoose)
	v.press(source)
	v.at("Đăng nhập bằng " + source)
	v.fill("login_name", login)
	v.fill("password", password)
	v.press("Đăng nhập")
}

// ownPassword is that of all accounts of the demo.
func (v *visit) ownPassword() string { return v.demo.account("001").Password }

// visitOldAccounts signs in with the demo's old accounts in every state.
func visitOldAccounts(v *visit) {
	password := v.ownPassword()

	v.own(ownName, "mau.hai", "sai-mat-khau")
	v.corrected("Đăng nhập bằng "+ownName, "Tên đăng nhập hoặc mật khẩu chưa đúng.")
	v.fill("password", password)
	v.press("Đăng nhập")
	v.sees("Tài khoản này ngừng dùng từ ", ownName, "Xác minh ngay", "Để sau")
	v.press("Để sau")
	v.at(headSignedIn)
	v.sees("Định danh mức 1", `"acr": "urn:vn:eid:level:1"`, `"sub": "demo-old-mau.hai"`)
	v.misses("Trần Văn Mẫu", "1990-01-15", v.demo.account("002").PersonalNumber)

	verified := v.another()
	verified.own(ownName, "mau.mot", password)
	verified.agree()
	verified.arrived("portal-1", 1, "Nguyễn Thị Thử")
	verified.sees(`"sub": "demo-old-mau.mot"`)

	contested := v.another()
	contested.own(ownName, "mau.bon", password)
	contested.refused("Tài khoản cũ đang được xem xét", "portal-1", denied, headStopped)

	rejected := v.another()
	rejected.own(ownName, "mau.nam.hai", password)
	rejected.corrected("Đăng nhập bằng "+ownName, "Tên đăng nhập hoặc mật khẩu chưa đúng.")

	unknown := v.another()
	unknown.own(ownName, "mau.ba", password) // the portal knew no number
	unknown.at(headOverdue)
	unknown.misses("từ 0", "ngừng dùng")
}

// visitOverdue verifies an old account whose day has passed; it keeps the name that
// the portal knew it by, and is enough by itself from then on.
func visitOverdue(v *visit) {
	v.own(ownOverdue, "cu.hai", v.ownPassword())
	v.at(headOverdue)
	v.sees("01/01/2023", ownOverdue, "Quay lại")
	v.press(toNational)
	v.at(headChoose)
	v.press(national)
	v.submitPassword("002")
	v.at(headBoth)
	v.sees(ownOverdue, "Trần Văn Mẫu", "••• ••• ••• 002")
	v.press("Liên kết")
	v.agree()
	v.arrived("portal-1", 1, "Trần Văn Mẫu")
	v.sees(`"sub": "demo-old-cu.hai"`)

	w := v.another()
	w.own(ownOverdue, "cu.hai", v.ownPassword())
	w.arrived("portal-1", 1, "Trần Văn Mẫu")
	w.sees(`"sub": "demo-old-cu.hai"`, `"eid_source": "portal-1-old-2022"`)

	// Both sides hear of it, neither of the other.
	letters := v.letters("nguoi-thu-02@example.test", "cu.hai@example.test")
	for _, secret := range []string{"Trần Văn Mẫu", v.demo.account("002").PersonalNumber, v.ownPassword()} {
		if strings.Contains(letters, secret) {
			v.t.Errorf("a letter says %q", secret)
		}
	}
}

// letters waits for a letter to each of these, and gives what all letters say.
func (v *visit) letters(receivers ...string) string {
	v.t.Helper()
	page := ""
	missing := func(receiver string) bool { return !strings.Contains(page, receiver) }
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		r, err := http.NewRequestWithContext(v.ctx, http.MethodGet, v.demo.Messages, http.NoBody)
		must(v.t, err)
		answer, err := http.DefaultClient.Do(r)
		must(v.t, err)
		body, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		must(v.t, err)
		if page = string(body); !slices.ContainsFunc(receivers, missing) {
			return page
		}
	}
	v.t.Errorf("not all of %q got a letter:\n%s", receivers, page)
	return page
}

// visitOldAccountOfAnother: who knows an old password and proves another person than
// the one it was made for links nothing.
func visitOldAccountOfAnother(v *visit) {
	v.own(ownName, "mau.khac", v.ownPassword()) // of 003
	v.press(toVerify)
	v.at(headChoose)
	v.press(national)
	v.submitPassword("002")
	v.at(headBoth)
	v.press("Liên kết")
	v.misses("Lê Thị Giả", v.demo.account("003").PersonalNumber)
	v.refused(headConflict, "portal-1", denied, headStopped, "chưa được liên kết", "Cán bộ đang xem xét.")
	v.linkedTo(postName)
}
