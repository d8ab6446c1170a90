package main_test

import (
	"context"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"

	"eidgate/web/browsertest"
)

const decline = "Không chia sẻ"

func visitConsent(v *visit) {
	v.signIn("portal-1", "001")
	v.at(headConsent)
	v.sees("Cổng dịch vụ thử nghiệm mức 1", "Nguyễn Thị Thử", "Họ và tên", "Ngày sinh", "Số định danh cá nhân", "••• ••• ••• 001",
		"Nguồn: "+national, "Mức định danh", "Mục đích", "Thử đăng nhập bằng dữ liệu giả định", "Ghi nhớ", "Đến ",
		"Nếu không chia sẻ, dịch vụ không nhận được thông tin nào ở trên.")
	v.sees("Giới tính Nữ", "Ngày sinh 08/03/1988", "Quốc tịch Việt Nam") // as people write them
	v.misses(v.demo.account("001").PersonalNumber, "Căn cứ", "claim.", "consent.", "value.")
	if n := v.count(`//input[@type="checkbox"]`); n != 0 {
		v.t.Errorf("%d boxes are there, want none: nothing is ticked for anybody", n)
	}
	v.press("Chia sẻ")
	v.arrived("portal-1", 1, "Nguyễn Thị Thử")

	// It is remembered, at this portal only.
	v.open(v.demo.portal("portal-1").URL)
	v.screens = nil
	v.press("Hỏi mức 1")
	v.at(headSignedIn)
	v.between(0)
}

func visitConsentDeclined(v *visit) {
	v.signIn("portal-1", "001")
	v.at(headConsent)
	v.press(decline)
	v.at(headStopped)
	v.sees(denied)
	v.misses(headSignedIn, "Nguyễn Thị Thử")

	// Nothing is remembered of a no: the next time it is asked again.
	v.press("Đăng nhập lại")
	if v.page.H1[0] != headConsent {
		if v.page.H1[0] == headChoose {
			v.press(national)
		}
		v.submitPassword("001")
	}
	v.at(headConsent)
	v.press("Chia sẻ")
	v.arrived("portal-1", 1, "Nguyễn Thị Thử")
}

func visitConsentNotMe(v *visit) {
	v.signIn("portal-1", "001")
	v.at(headConsent)
	v.press("Không phải tôi")
	if v.page.H1[0] == headChoose {
		v.press(national)
	}
	v.at(headPassword)
	v.misses("Nguyễn Thị Thử")
	v.submitPassword("002")
	v.at(headConsent)
	v.misses("Nguyễn Thị Thử")
	v.sees("Trần Văn Mẫu")
	v.press("Chia sẻ")
	v.arrived("portal-1", 1, "Trần Văn Mẫu")
}

// formGateway has one client that asks for consent and one with a legal basis;
// neither hears of a logout. %[1]s is the gateway, %[2]s the folder, %[3]s the
// clients' site.
const formGateway = `issuer: http://%[1]s
listen: %[1]s
data: %[2]s/data
master_key_file: %[2]s/data/master.key
sources:
  - {id: national, kind: account, name: Tài khoản định danh điện tử, provider: test, may_assert: [1, 2], grants_at_most: 2}
clients:
  - id: asks
    name: Dịch vụ hỏi ý kiến
    url: http://%[3]s/
    tier: other
    auth_method: none
    redirect_uris: ["http://%[3]s/cb"]
    scopes: [openid, profile, email, phone, address]
    sector: asks
    min_level: 1
    sources: [national]
    consent: {purpose: Kiểm thử}
  - id: law
    name: Dịch vụ có căn cứ
    url: http://%[3]s/
    tier: province
    auth_method: none
    redirect_uris: ["http://%[3]s/cb"]
    scopes: [openid, profile, eid]
    sector: law
    min_level: 1
    sources: [national]
    consent: {purpose: Giải quyết hồ sơ, legal_basis: "Nghị định 69/2024/NĐ-CP, Điều 15"}
`

// callbackPage shows how an answer came.
func callbackPage(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	shown := fmt.Sprintf("%s query=%q code=%t error=%q state=%q iss=%q", r.Method, r.URL.RawQuery,
		r.PostForm.Get("code") != "", r.PostForm.Get("error"), r.PostForm.Get("state"), r.PostForm.Get("iss"))
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = fmt.Fprintf(w, `<!doctype html><html lang="vi"><meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">`+
		`<title>Callback</title><h1>Callback</h1><p style="overflow-wrap:anywhere">%s</p>`, html.EscapeString(shown))
}

// visitFormPost signs in at clients that take form_post, with and without script,
// reads what a client with a legal basis shows, and signs out of clients that
// cannot be told.
func visitFormPost(chromium context.Context, t *testing.T) {
	site := httptest.NewServer(http.HandlerFunc(callbackPage))
	t.Cleanup(site.Close)
	c := &conformanceRun{dir: t.TempDir(), addr: freeBlock()}
	text := fmt.Sprintf(formGateway, c.addr, c.dir, site.Listener.Addr())
	must(t, os.WriteFile(filepath.Join(c.dir, "eidgate.yaml"), []byte(text), 0o600))
	issuer := "http://" + c.addr
	c.env = []string{"EIDGATE_ISSUER=" + issuer}
	const password = "mat-khau-de-thu-950"
	exit, out := c.run(t, password+"\n", "accounts", "add", "--file", filepath.Join(conformance, "person.json"), "--password-file", "-")
	if exit != 0 {
		t.Fatalf("accounts add: exit %d\n%s", exit, out)
	}
	server := c.command(t, "", "serve")
	must(t, server.Start())
	t.Cleanup(func() { _ = server.Wait() }) // the test's context killed it
	waitUntil(t, "the gateway", func() bool {
		res, err := http.Get(issuer + "/keys")
		return err == nil && res.Body.Close() == nil && res.StatusCode == http.StatusOK
	})

	ask := func(client, state string, params ...string) string {
		_, pkce := challengeOf()
		q := url.Values{
			"client_id": {client}, "response_type": {"code"}, "scope": {"openid profile email phone address eid"}, "state": {state},
			"redirect_uri": {site.URL + "/cb"}, "response_mode": {"form_post"},
		}
		for params = append(params, pkce...); len(params) > 0; params = params[2:] {
			q.Set(params[0], params[1])
		}
		return issuer + "/authorize?" + q.Encode()
	}
	const state = `"><b>&'+ %`
	came := func(v *tab, code bool, oauthError string) {
		v.t.Helper()
		v.at("Callback")
		v.sees(fmt.Sprintf(`POST query="" code=%t error=%q state=%q iss=%q`, code, oauthError, state, issuer))
	}
	signIn := func(v *tab) {
		v.t.Helper()
		v.at(headPassword)
		v.fill("personal_number", "001188000950")
		v.fill("password", password)
		v.press("Đăng nhập")
	}

	t.Run("without script", func(t *testing.T) {
		v := newTab(chromium, t)
		v.open(ask("asks", state))
		signIn(v)
		v.at(headConsent)
		v.sees("Nguyễn Thị Tuân Thủ", "số 50 phố Thử Nghiệm", "tuan-thu@example.test", "••• ••• 950")
		v.misses("001188000950", "+84900000950")
		v.press("Chia sẻ")
		v.sees("Nếu trang không tự chuyển, chọn Tiếp tục.")
		v.press("Tiếp tục")
		came(v, true, "")

		// An error goes the same way.
		v.open(ask("asks", state, "prompt", "none", "max_age", "0"))
		v.press("Tiếp tục")
		came(v, false, "login_required")
		v.open(ask("asks", state, "prompt", "consent"))
		v.at(headConsent)
		v.press(decline)
		v.press("Tiếp tục")
		came(v, false, denied)

		// A legal basis informs, and asks nothing that could be declined.
		v.open(ask("law", state))
		v.at("Thông tin sẽ được gửi")
		v.sees("Căn cứ", "Nghị định 69/2024/NĐ-CP, Điều 15", "Giải quyết hồ sơ", "••• ••• ••• 950")
		v.misses("001188000950", decline, "tuan-thu@example.test")
		v.press("Tiếp tục")
		v.press("Tiếp tục")
		came(v, true, "")

		// Neither client can be told: the last page names them.
		v.open(issuer + "/logout")
		v.at(headAskOut)
		v.sees("Dịch vụ hỏi ý kiến", "Dịch vụ có căn cứ")
		v.press("Đăng xuất tất cả")
		v.at(headOut)
		v.sees("Chưa báo được cho Dịch vụ hỏi ý kiến; hãy đăng xuất ở đó.", "Chưa báo được cho Dịch vụ có căn cứ; hãy đăng xuất ở đó.")
		v.misses("Nguyễn Thị Tuân Thủ")
		v.back()
		v.misses("Nguyễn Thị Tuân Thủ")
		v.open(ask("asks", state))
		v.at(headPassword)
	})

	t.Run("with script", func(t *testing.T) {
		v := newTab(chromium, t)
		v.do(browsertest.Call(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: false}))
		v.open(ask("asks", state))
		signIn(v)
		if v.page.H1[0] == headConsent {
			v.press("Chia sẻ")
		}
		v.until("the form has sent itself", func() bool { return strings.HasPrefix(v.read().URL, site.URL) })
		v.look()
		came(v, true, "")
	})
}
