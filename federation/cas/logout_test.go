package cas_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"eidgate/federation"
	"eidgate/federation/cas"
	"eidgate/federation/fedtest"
)

func TestLogout(t *testing.T) {
	w := start(t)
	got, err := w.source.Logout(t.Context(), federation.LogoutRequest{Return: "https://gateway.example.vn/logout/back?lang=vi", State: "s&t"})
	want := w.server.Server() + "/logout?service=" + url.QueryEscape("https://gateway.example.vn/logout/back?lang=vi&state=s%26t")
	if err != nil || got != want {
		t.Fatalf("Logout() = %s, %v, want %s", got, err, want)
	}
	w.signIn("mot", "mat khau 1")
	res, _ := w.get(got)
	if back, err := res.Location(); err != nil || back.Query().Get("state") != "s&t" {
		t.Errorf("the server leads to %v, %v, want the address with its state", back, err)
	}
	res, page := w.get(w.server.Server() + "/login?service=" + url.QueryEscape(callback))
	if res.StatusCode != http.StatusOK || !hidden.MatchString(page) {
		t.Errorf("after the logout the server answers %d, want its login page", res.StatusCode)
	}
}

// TestSingleLogout has the server itself tell of the end.
func TestSingleLogout(t *testing.T) {
	heard := make(chan url.Values, 1)
	gateway := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.ParseForm() == nil && r.Method == http.MethodPost {
			heard <- r.PostForm
		}
	}))
	defer gateway.Close()
	w := start(t)
	w.server = fedtest.StartCAS(t, fedtest.CASConfig{Services: []string{gateway.URL}, People: people(), HTTP: gateway.Client()})
	client, err := federation.HTTPClient([]string{strings.TrimPrefix(w.server.Server(), "http://")})
	if err != nil {
		t.Fatal(err)
	}
	if w.source, err = cas.New(settings(w.server.Server()), cas.Deps{HTTP: client}); err != nil {
		t.Fatal(err)
	}
	w.now = time.Now()
	b := w.signIn("mot", "mat khau 1", func(r *federation.Request) { r.Callback = gateway.URL + "/callback/cas" })
	step, err := w.finish(b)
	if err != nil {
		t.Fatal(err)
	}
	w.get(w.server.Server() + fedtest.PathCASLogout)
	notice, err := w.source.Hear(t.Context(), federation.Incoming{Form: <-heard})
	if want := (federation.Notice{Sessions: []string{step.Assertion.Session}}); err != nil || !cmp.Equal(notice, want) {
		t.Errorf("Hear() = %+v, %v, want %+v", notice, err, want)
	}
}

func TestHearRefuses(t *testing.T) {
	w := start(t)
	sound := fedtest.LogoutRequest("ST-1", w.now)
	if notice, err := w.source.Hear(t.Context(), federation.Incoming{Form: url.Values{"logoutRequest": {sound}}}); err != nil || !cmp.Equal(notice.Sessions, []string{"ST-1"}) {
		t.Fatalf("Hear() = %+v, %v, want the ticket", notice, err)
	}
	index := "<samlp:SessionIndex>ST-1</samlp:SessionIndex>"
	for name, form := range map[string]url.Values{
		"a GET":            nil,
		"nothing":          {},
		"twice":            {"logoutRequest": {sound, sound}},
		"too long":         {"logoutRequest": {sound + strings.Repeat(" ", 16<<10)}},
		"no XML":           {"logoutRequest": {"ST-1"}},
		"DTD":              {"logoutRequest": {"<!DOCTYPE x>" + sound}},
		"two documents":    {"logoutRequest": {sound + sound}},
		"two sessions":     {"logoutRequest": {strings.Replace(sound, index, index+index, 1)}},
		"no session":       {"logoutRequest": {strings.Replace(sound, index, "", 1)}},
		"comment":          {"logoutRequest": {strings.Replace(sound, "ST-1<", "ST-1<!-- -->2<", 1)}},
		"other ticket":     {"logoutRequest": {fedtest.LogoutRequest("PT-1", w.now)}},
		"markup in it":     {"logoutRequest": {fedtest.LogoutRequest("<b>ST-1</b>", w.now)}},
		"SAML 1":           {"logoutRequest": {strings.ReplaceAll(sound, "SAML:2.0", "SAML:1.0")}},
		"another document": {"logoutRequest": {strings.ReplaceAll(sound, "LogoutRequest", "LogoutResponse")}},
	} {
		if notice, err := w.source.Hear(t.Context(), federation.Incoming{Form: form}); !errors.Is(err, federation.ErrUntrusted) || len(notice.Sessions) > 0 {
			t.Errorf("%s: Hear() = %+v, %v, want ErrUntrusted", name, notice, err)
		}
	}
}

func FuzzHear(f *testing.F) {
	source, err := cas.New(settings("https://cas.example.vn"), cas.Deps{HTTP: http.DefaultClient})
	if err != nil {
		f.Fatal(err)
	}
	sound := fedtest.LogoutRequest("ST-1", time.Time{})
	f.Add(sound)
	f.Add("<!DOCTYPE x>" + sound)
	f.Add(strings.Replace(sound, "ST-1", "ST-1<!-- -->2", 1))
	f.Fuzz(func(t *testing.T, request string) {
		notice, err := source.Hear(t.Context(), federation.Incoming{Form: url.Values{"logoutRequest": {request}}})
		switch {
		case err != nil && !errors.Is(err, federation.ErrUntrusted):
			t.Errorf("Hear() = %v, want ErrUntrusted", err)
		case err == nil && (len(notice.Sessions) != 1 || !strings.HasPrefix(notice.Sessions[0], "ST-") || notice.Subject != ""):
			t.Errorf("Hear() = %+v, want one service ticket", notice)
		}
	})
}
