package vneid_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"eidgate/federation"
	"eidgate/federation/fedtest"
	"eidgate/federation/vneid"
)

// The address that userinfo says leads out of the platform's session and back.
func TestLogout(t *testing.T) {
	b := newBench(t, fedtest.DialectSSO, func(c *fedtest.VNeIDConfig, _ *vneid.Settings) { c.Remember = true })
	step, err := b.signIn(t, "two", "pw-2")
	if err != nil {
		t.Fatal(err)
	}
	address, err := b.Logout(t.Context(), federation.LogoutRequest{Return: afterLogout, State: "a state/+", Memory: step.Assertion.Logout})
	if err != nil || !strings.HasPrefix(address, b.at.Logout+"?") {
		t.Fatalf("Logout() = %q, %v, want an address of %s", address, err, b.at.Logout)
	}
	res, err := b.browser.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if got, want := res.Header.Get("Location"), afterLogout+"?state="+url.QueryEscape("a state/+"); got != want {
		t.Errorf("back to %q, want %q", got, want)
	}
	// The session is over: the platform asks again.
	_, target := b.begin(t, federation.Request{})
	if back := b.visit(t, target, "", ""); back.Get("error") != "access_denied" {
		t.Errorf("after logout came back %v, want the page that was cancelled", back)
	}
}

func TestLogoutAddresses(t *testing.T) {
	b := newBench(t, fedtest.DialectSSO, nil)
	ask := federation.LogoutRequest{Return: afterLogout, State: "s"}
	if got, err := b.Logout(t.Context(), ask); got != "" || err != nil {
		t.Errorf("Logout() = %q, %v, want none where nothing is known", got, err)
	}
	for name, claim := range map[string]any{
		"another origin": "https://evil.example/logout", "script": "javascript:alert(1)", "relative": "/logout",
		"look-alike": b.platform.Base() + ".evil.example/", "user": strings.Replace(b.platform.Base(), "//", "//a:b@", 1),
		"long": b.platform.Base() + "/" + strings.Repeat("a", 2048), "a list": []string{b.platform.Base()}, "null": nil, "fragment": b.platform.Base() + "/#",
	} {
		b.platform.Tamper(fedtest.Set("logoutUri", claim))
		step, err := b.signIn(t, "one", "pw-1")
		if err != nil || step.Assertion.Logout != nil {
			t.Errorf("%s: Finish() = %+v, %v, want an assertion without it", name, step.Assertion, err)
		}
	}
	// What was kept is looked at again, and the registered address is there for it.
	b.settings.Logout, b.settings.Parameters.Return = "https://out.example.vn/ra?x=1", "ve"
	b.renew(t)
	for name, memory := range map[string]string{"none": "", "made up": "https://evil.example/", "garbage": "\x00%"} {
		ask.Memory = []byte(memory)
		got, err := b.Logout(t.Context(), ask)
		if err != nil {
			t.Fatal(err)
		}
		want := "https://out.example.vn/ra?client_id=gateway&state=s&ve=" + url.QueryEscape(afterLogout) + "&x=1"
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("%s: Logout() (-got +want):\n%s", name, diff)
		}
	}
}
