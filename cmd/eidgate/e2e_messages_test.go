package main_test

import (
	"html"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/notify"
	"eidgate/keys"
	"eidgate/store/sqlstore"
)

// outbox opens the database of a demo beside it, as a command does that knows nothing of
// who sends: the leases of the demo's process tell.
func (d *demoRun) outbox(t *testing.T) *sqlstore.DB {
	t.Helper()
	sealer, err := keys.LoadSealer(filepath.Join(d.Dir, "master.key"), false, slog.New(slog.DiscardHandler))
	must(t, err)
	db, err := sqlstore.Open(t.Context(), sqlstore.Config{Path: filepath.Join(d.Dir, "eidgate.db")}, sealer, time.Now)
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	return db
}

// reads waits until the page of messages says all of this, and gives what it says.
func (d *demoRun) reads(t *testing.T, all ...string) string {
	t.Helper()
	page := ""
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.Messages, http.NoBody)
		must(t, err)
		answer, err := http.DefaultClient.Do(r)
		must(t, err)
		body, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		must(t, err)
		page = html.UnescapeString(string(body))
		there := true
		for _, text := range all {
			there = there && strings.Contains(page, text)
		}
		if there {
			return page
		}
	}
	t.Errorf("the page of messages does not say all of %q:\n%s", all, page)
	return page
}

// TestRow9TheFirstPasswordGoesBySMS through a real SMSC, as codes do; mail goes beside
// it. What was sent is in no log, no metric and no file of the gateway afterwards, which
// the end of the demo searches.
func TestRow9TheFirstPasswordGoesBySMS(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	const phone, password, code, mailed = "0912000789", "Kp7x-Tm4q-9wRd", "493817", "582046"
	d.keepSecret("phone", phone, "912000789", "84912000789")
	d.keepSecret("first password", password)
	d.mu.Lock()
	d.codes = append(d.codes, code, mailed) // six digits that stand alone
	d.mu.Unlock()
	db, soon := d.outbox(t), time.Now().Add(5*time.Minute)
	must(t, db.Post(t.Context(),
		notify.Post{Kind: notify.FirstPassword, Channel: notify.SMS, To: eid.NewSecret(phone), Code: eid.NewSecret(password), Until: soon},
		notify.Post{Kind: notify.Code, Channel: notify.SMS, To: eid.NewSecret(phone), Code: eid.NewSecret(code), Language: "en", Until: soon},
		notify.Post{Kind: notify.Activation, Channel: notify.Email, To: eid.NewSecret("nguoi.dung@example.test"), Code: eid.NewSecret(mailed), Language: "vi", Until: soon},
		notify.Post{Kind: notify.Locked, Channel: notify.SMS, To: eid.NewSecret(phone), Ref: "K7QF-2M9D"},
	))
	d.reads(t, "+84912000789", password+": mật khẩu lần đầu.", code+": your code. Give it to nobody.\n@", "#"+code, mailed+" là mã kích hoạt của Quý vị.", "Tài khoản định danh của Quý vị đã bị khóa.")
	for waits := int64(1); waits > 0; time.Sleep(20 * time.Millisecond) { // until the marks are written: the test's own deadline ends it
		b, err := db.Backlog(t.Context())
		must(t, err)
		waits = b.Holders
	}
}
