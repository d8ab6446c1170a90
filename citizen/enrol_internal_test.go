package citizen

import (
	"bytes"
	"context"
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/credential"
	"eidgate/keys"
	"eidgate/store/statestore"
	"eidgate/web"
	"eidgate/web/shell"
	"eidgate/web/signin"
)

// apps keeps the secrets of apps that were enrolled.
type apps struct {
	WayWriter
	mu       sync.Mutex
	enrolled []eid.Secret
}

func (a *apps) EnrolTOTP(_ context.Context, _ eid.AccountID, secret eid.Secret, _ accounts.Act) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.enrolled = append(a.enrolled, secret)
	return nil
}

// enrolling are the pages of a holder at Level 2 who has a password alone.
type enrolling struct {
	t     *testing.T
	pages *Pages
	apps  *apps
	key   []byte
}

func newEnrolling(t *testing.T) *enrolling {
	t.Helper()
	now, dir, log := func() time.Time { return morning }, t.TempDir(), slog.New(slog.DiscardHandler)
	state, err := statestore.Open(t.Context(), statestore.Config{Path: filepath.Join(dir, "s.db"), Log: log}, now)
	must(t, err)
	t.Cleanup(func() { _ = state.Close() })
	sealer, err := keys.LoadSealer(filepath.Join(dir, "master.key"), true, log)
	must(t, err)
	pages, err := web.New()
	must(t, err)
	key := bytes.Repeat([]byte{7}, 32)
	frame, err := shell.New(shell.Deps{Pages: pages, State: state, Key: key})
	must(t, err)
	e := &enrolling{t: t, apps: &apps{}, key: key}
	e.pages = &Pages{d: Deps{Shell: frame, My: MeDeps{Ways: e.apps, State: state, Sealer: sealer, Key: key, Issuer: "dangnhap.example.vn", Now: now}}}
	return e
}

// app asks for the page, or posts a code to it.
func (e *enrolling) app(code string) *httptest.ResponseRecorder {
	e.t.Helper()
	r := httptest.NewRequest(http.MethodGet, pathApp, nil)
	if code != "" {
		r = httptest.NewRequest(http.MethodPost, pathApp, nil)
		r.PostForm = url.Values{web.FieldCode: {code}}
	}
	r = web.WithVisit(r, web.Visit{
		Ref: "K7QF-2M9D", Language: "vi", Note: func(...any) {},
		Fail: func(status int, kind, _ string) { e.t.Errorf("answered %d %s", status, kind) },
	})
	number, err := eid.ParsePersonalNumber(matching)
	must(e.t, err)
	w := httptest.NewRecorder()
	e.pages.app(w, r, signin.Person{Account: "a", CSRF: "mark", Level: eid.Level2},
		eid.Account{ID: "a", Person: eid.Person{Identifier: eid.IdentifierOf(number)}, Level: eid.Level2, Factors: []eid.Factor{eid.Password}})
	return w
}

var groupsOfFour = regexp.MustCompile(`(?:[A-Z2-7]{4} ){7}[A-Z2-7]{4}`)

var linkToApp = regexp.MustCompile(`href="(otpauth:[^"]+)"`)

// secret reads the secret that the page shows, and finds it in the link to the app on the
// same device, which names nobody.
func (e *enrolling) secret() string {
	e.t.Helper()
	w := e.app("")
	secret := strings.ReplaceAll(groupsOfFour.FindString(w.Body.String()), " ", "")
	if w.Code != http.StatusOK || secret == "" {
		e.t.Fatalf("the page answers %d and shows no secret", w.Code)
	}
	link := linkToApp.FindStringSubmatch(w.Body.String())
	if len(link) == 0 {
		e.t.Fatal("the page has no link to the app")
	}
	u, err := url.Parse(html.UnescapeString(link[1]))
	must(e.t, err)
	if got := u.Query(); u.Host != "totp" || got.Get("secret") != secret || got.Get("issuer") != "dangnhap.example.vn" || strings.Contains(u.Path, matching) {
		e.t.Errorf("the link leads to %s, want the secret that is shown, of this issuer, and no number", u)
	}
	return secret
}

func codeAt(t *testing.T, secret string, at time.Time) string {
	t.Helper()
	code, err := totp.GenerateCode(secret, at)
	must(t, err)
	return code
}

// TestTheCodeThatEnrolledSignsNobodyIn: whoever looked over the holder's shoulder has a
// code that counted already, at the door where sign-ins take codes. The next one counts.
func TestTheCodeThatEnrolledSignsNobodyIn(t *testing.T) {
	e := newEnrolling(t)
	secret := e.secret()
	code := codeAt(t, secret, morning)
	if w := e.app(code); w.Code != http.StatusSeeOther || len(e.apps.enrolled) != 1 || e.apps.enrolled[0].Reveal() != secret {
		t.Fatalf("app() = %d, %d enrolled, want the secret that was shown", w.Code, len(e.apps.enrolled))
	}
	for _, tt := range []struct {
		code string
		want bool
	}{{code, false}, {codeAt(t, secret, morning.Add(credential.CodePeriod)), true}} {
		step, matches, err := credential.MatchCode(e.apps.enrolled[0], tt.code, morning)
		if err != nil || !matches {
			t.Fatalf("MatchCode() = %v, %v, want a match", matches, err)
		}
		if got, err := credential.UseStep(t.Context(), e.pages.d.My.State, e.key, "a", step); got != tt.want || err != nil {
			t.Errorf("UseStep() = %v, %v, want %v", got, err, tt.want)
		}
	}
}

// TestAnAppAfterAnother: an app that replaces one in the same half minute is enrolled with
// a code of a step that the one before used.
func TestAnAppAfterAnother(t *testing.T) {
	e := newEnrolling(t)
	secret := e.secret()
	step, _, err := credential.MatchCode(eid.NewSecret(secret), codeAt(t, secret, morning), morning)
	must(t, err)
	used, err := credential.UseStep(t.Context(), e.pages.d.My.State, e.key, "a", step)
	if err != nil || !used {
		t.Fatalf("UseStep() = %v, %v, want true", used, err)
	}
	if w := e.app(codeAt(t, secret, morning)); w.Code != http.StatusSeeOther || len(e.apps.enrolled) != 1 {
		t.Errorf("app() = %d, %d enrolled, want one", w.Code, len(e.apps.enrolled))
	}
}

// TestAnAppIsEnrolledOnce: a wrong code enrols nothing and leaves the secret as it was
// shown, and of sixteen forms with the right one a single one counts.
func TestAnAppIsEnrolledOnce(t *testing.T) {
	e := newEnrolling(t)
	secret := e.secret()
	code := codeAt(t, secret, morning)
	for _, wrong := range []string{codeAt(t, secret, morning.Add(time.Hour)), code[:5], "x"} {
		if w := e.app(wrong); w.Code != http.StatusUnprocessableEntity || len(e.apps.enrolled) != 0 {
			t.Fatalf("app(wrong) = %d, %d enrolled, want 422, none", w.Code, len(e.apps.enrolled))
		}
	}
	if again := e.secret(); again != secret {
		t.Error("a wrong code changed the secret that is shown")
	}
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			if w := e.app(code); w.Code != http.StatusSeeOther {
				t.Errorf("app() = %d, want every form led on, and none told that the code is wrong", w.Code)
			}
		})
	}
	group.Wait()
	if len(e.apps.enrolled) != 1 {
		t.Errorf("%d enrolled, want one", len(e.apps.enrolled))
	}
}
