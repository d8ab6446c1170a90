package main_test

// The switch keeps what was typed, tries nothing, and is never what Enter presses.
func visitLanguage(v *visit) {
	a := v.demo.account("001")
	v.start("portal-2")
	v.press(national)
	v.at(headPassword)
	v.fill("personal_number", a.PersonalNumber)
	v.fill("password", "sai-mat-khau")
	v.press("English")
	v.at("Sign in")
	v.sees("Trial portal, Level 2", "Identity Level 2", "Back to Trial portal, Level 2")
	v.misses("error", "Quý vị")
	if got, want := v.value("personal_number"), "001 188 000 001"; got != want {
		v.t.Errorf("number = %q, want %q as typed", got, want)
	}
	if got := v.value("password"); got != "" {
		v.t.Errorf("the password came back")
	}
	v.fill("password", "sai-mat-khau")
	v.enter()
	v.at("Sign in")
	v.sees("1 error to correct", "The personal number or the password is not right.")
	v.press("Tiếng Việt")
	v.at(headPassword)
	v.sees("Có 1 lỗi cần sửa", "Số định danh hoặc mật khẩu chưa đúng.")
	v.press("English")
	v.fill("password", a.Password)
	v.enter()
	v.at("Enter your code")
	v.press("Tiếng Việt")
	v.at(headCode)
	v.fill("code", v.demo.code(a.TOTPSecret))
	v.enter()
	v.at(headConsent)
	v.press("English")
	v.at("Confirm sharing")
	v.sees("Trying sign-in with invented data", "Source: Electronic identity account")
	v.press("Share")
	v.at(headSignedIn) // the portal's own language is another matter
}

// A page without a form leads back to where it was shown, its parameters kept.
func visitLanguageOfRefusal(v *visit) {
	v.open(v.demo.Issuer + "/authorize?client_id=nobody&state=kept")
	v.at("Yêu cầu không hợp lệ")
	v.press("English")
	v.at("Invalid request")
	if want := v.demo.Issuer + "/authorize?client_id=nobody&state=kept"; v.page.URL != want {
		v.t.Errorf("address = %s, want %s", v.page.URL, want)
	}
	v.open(v.demo.portal("portal-1").URL)
	v.press("English")
	v.press("Sign in with an electronic identity account")
	v.at("Choose an account to sign in with")
	v.sees("Old portal account", "Not usable for this service", "Ended on 1 January 2023")
	v.press("Tiếng Việt")
	v.at("Chọn tài khoản để đăng nhập")
}
