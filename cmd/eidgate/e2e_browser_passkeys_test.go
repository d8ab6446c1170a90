package main_test

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"eidgate/web/browsertest"
)

const (
	headMe      = "Tài khoản của tôi"
	headWays    = "Cách đăng nhập"
	headPasskey = "Thêm khóa truy cập"
	headEnded   = "Quý vị cần đăng nhập lại"
	usePasskey  = "Đăng nhập bằng khóa truy cập"
	makePasskey = "Tạo khóa truy cập"
)

// TestBrowserPasskeys makes a passkey on a virtual device, signs in with it at Level 2
// and removes it; all else works without script.
func TestBrowserPasskeys(t *testing.T) {
	t.Parallel()
	chromium := browsertest.Start(t)
	_, port, err := net.SplitHostPort(freeBlock())
	if err != nil {
		t.Fatal(err)
	}
	d := startDemo(t, "--addr", net.JoinHostPort("localhost", port))
	v := &visit{tab: newTab(chromium, t), demo: d, chromium: chromium}

	// Whoever has the password alone is asked for more before a second factor is added.
	v.open(d.Issuer + "/me/ways")
	v.choosePassword()
	v.misses(usePasskey)
	v.submitPassword("001")
	v.at(headWays)
	v.sees("Ứng dụng tạo mã")
	for path, fields := range map[string]string{"/me/ways/remove": "way: 'app'", "/me/ways/passkey": "name: 'x', passkey: '{}'", "/me/ways/password": "new_password: 'bốn chữ không ngờ tới'"} {
		v.open(d.Issuer + "/me")
		v.post(path, fields)
		v.at(headEnded)
	}
	v.open(d.Issuer + "/me/ways")
	v.sees("Mật khẩu", "Ứng dụng tạo mã")
	v.misses("Đã gỡ", "Khóa truy cập ngày")
	v.press(headPasskey)
	v.at(headStepUp)
	v.press("Tiếp tục")
	v.choosePassword()
	v.submitPassword("001")
	v.submitCode("001")
	v.at(headPasskey)
	if v.offered() {
		t.Error("a button is there that does nothing without script")
	}

	// With script and a device, the button is there.
	v.scripted()
	v.authenticator()
	v.open(d.Issuer + "/me/ways/passkey")
	v.press(makePasskey)
	v.at(headWays)
	v.sees("Đã thêm khóa truy cập.", "Chưa dùng lần nào.", "Chỉ nằm trong một thiết bị")

	// A device that holds one already is told so by the browser, and adds none.
	v.open(d.Issuer + "/me/ways/passkey")
	v.do(chromedp.Click(labelled(makePasskey), chromedp.NodeVisible))
	v.until("the page says that it failed", func() bool {
		shown, err := chromedp.Run(v.ctx, chromedp.Evaluate[bool](`!document.querySelector('[data-passkey] [role=alert]').hidden`))
		return err == nil && shown
	})

	v.open(d.Issuer + "/me")
	v.at(headMe)
	v.sees("Nguyễn Thị Thử", "Định danh mức 2")
	v.press("Đăng xuất")

	// Nothing is typed, and the portal has Level 2.
	v.start("portal-2")
	v.choosePassword()
	v.press(usePasskey)
	v.arrived("portal-2", 2, "Nguyễn Thị Thử")
	v.sees(`"hwk"`, `"user"`)

	// Removed, it opens nothing, and what it opened is over.
	v.open(d.Issuer + "/me/ways")
	v.sees("Dùng lần cuối")
	v.press("Gỡ Khóa truy cập ngày " + v.today())
	v.press("Gỡ")
	v.at("Đã gỡ khóa truy cập")
	v.start("portal-1")
	v.choosePassword()
	v.press(usePasskey)
	v.at(headPassword)
	v.sees("Chưa dùng được khóa truy cập. Thử lại hoặc nhập mật khẩu.")
}

// choosePassword goes on to the page where the account system asks for a password.
func (v *visit) choosePassword() {
	v.t.Helper()
	if v.page.H1[0] == headChoose {
		v.press(national)
	}
	v.at(headPassword)
}

// today is the date in the name that a page proposed.
func (v *visit) today() string {
	v.t.Helper()
	_, rest, ok := strings.Cut(strings.Join(strings.Fields(v.page.Text), " "), "Khóa truy cập ngày ")
	if !ok || len(rest) < len("02/01/2006") {
		v.t.Fatalf("no passkey on %q", v.page.Text)
	}
	return rest[:len("02/01/2006")]
}

// post sends fields with the page's own mark, as somebody would who has the session and
// no page for it.
func (b *tab) post(path, fields string) {
	b.t.Helper()
	b.arriving(chromedp.Evaluate[chromedp.Void](`(() => {
	  const form = document.createElement('form'), mark = document.querySelector('input[name=csrf]').value
	  form.method = 'post'
	  form.action = '` + path + `'
	  for (const [name, value] of Object.entries({csrf: mark, ` + fields + `})) {
	    const field = document.createElement('input')
	    field.type = 'hidden'
	    field.name = name
	    field.value = value
	    form.append(field)
	  }
	  document.body.append(form)
	  form.submit()
	})()`))
}

// offered reports whether the page shows a button for a passkey.
func (b *tab) offered() bool {
	b.t.Helper()
	shown, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](`!document.querySelector('[data-passkey]').hidden`))
	must(b.t, err)
	return shown
}

// scripted lets the pages of the tab run their scripts from now on.
func (b *tab) scripted() {
	b.t.Helper()
	b.do(browsertest.Call(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: false}))
}

// authenticator gives the tab a device that verifies its owner by itself.
func (b *tab) authenticator() {
	b.t.Helper()
	b.do(browsertest.Call(webauthn.Enable, webauthn.EnableParams{}))
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	_, err := chromedp.Call(ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{
		Options: &webauthn.VirtualAuthenticatorOptions{
			Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
			HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
		},
	})
	must(b.t, err)
}
