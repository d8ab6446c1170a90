package sqlstore_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"eidgate/eid"
	"eidgate/eid/notify"
	"eidgate/store/sqlstore"
)

var (
	urgentSMS = notify.Lane{Channel: notify.SMS, Urgent: true}
	quietSMS  = notify.Lane{Channel: notify.SMS}
)

// sends opens the post office for channels and bounds.
func sends(t testing.TB, has notify.Channels, hourly notify.Hourly) *postOffice {
	t.Helper()
	p := &postOffice{path: migrated(t), sealer: sealer(t), at: time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)}
	db, err := sqlstore.Open(t.Context(), sqlstore.Config{Path: p.path, Notices: has, SMSHourly: hourly}, p.sealer, p.now)
	if err != nil {
		t.Fatalf("Open(): %v", err)
	}
	t.Cleanup(func() { _ = db.Close() })
	p.DB = db
	return p
}

func (p *postOffice) claimFrom(t testing.TB, lane notify.Lane) []notify.Notice {
	t.Helper()
	list, err := p.ClaimNotices(t.Context(), lane, time.Minute, 1000)
	if err != nil {
		t.Fatalf("ClaimNotices(): %v", err)
	}
	return list
}

func (p *postOffice) code(to string) notify.Post {
	return notify.Post{Kind: notify.Code, Channel: notify.SMS, To: eid.NewSecret(to), Code: eid.NewSecret("493817"), Language: "en", Until: p.now().Add(5 * time.Minute)}
}

func (p *postOffice) counted(t testing.TB, name string) int64 {
	t.Helper()
	n, err := p.CountOf(t.Context(), name, p.now())
	if err != nil {
		t.Fatalf("CountOf(): %v", err)
	}
	return n
}

// TestAPostComesOutOfItsLane whole and once, in the one form of its address.
func TestAPostComesOutOfItsLane(t *testing.T) {
	p := sends(t, notify.Channels{Email: true, SMS: true}, notify.Hourly{})
	told := notify.Post{Kind: notify.Locked, Channel: notify.Email, To: eid.NewSecret("{a}@example.vn"), Ref: "K7QF-2M9D"}
	if err := p.Post(t.Context(), p.code("0901 234 567"), told); err != nil {
		t.Fatalf("Post(): %v", err)
	}
	got := p.claimFrom(t, urgentSMS)
	if len(got) != 1 {
		t.Fatalf("%d codes, want 1", len(got))
	}
	n := got[0]
	if n.To.Reveal() != "+84901234567" || n.Code.Reveal() != "493817" || n.Language != "en" || n.Kind != notify.Code || n.Channel != notify.SMS || !n.Until.Equal(p.now().Add(5*time.Minute)) {
		t.Errorf("the code came out as %+v to %s with %s", n, n.To.Reveal(), n.Code.Reveal())
	}
	got = p.claimFrom(t, notify.Lane{Channel: notify.Email})
	if len(got) != 1 || got[0].To.Reveal() != "{a}@example.vn" || got[0].Ref != "K7QF-2M9D" || !got[0].Code.IsZero() || !got[0].Until.Equal(p.now().Add(notify.TriedFor)) {
		t.Errorf("told = %+v, want the lock, for three days", got)
	}
	for _, lane := range []notify.Lane{urgentSMS, quietSMS, {Channel: notify.Email}, {Channel: notify.Email, Urgent: true}} {
		if more := p.claimFrom(t, lane); len(more) != 0 {
			t.Errorf("%v: %d more", lane, len(more))
		}
	}
}

// TestACodeIsSealedAndGoes: neither number nor code is in the file, and nothing of them
// stays when it went, was given up, or is over.
func TestACodeIsSealedAndGoes(t *testing.T) {
	for name, end := range map[string]func(p *postOffice, id string) error{
		"sent":     func(p *postOffice, id string) error { return p.NoticeSent(t.Context(), id) },
		"given up": func(p *postOffice, id string) error { return p.NoticeFailed(t.Context(), id, time.Time{}) },
		"over": func(p *postOffice, _ string) error {
			p.pass(5 * time.Minute)
			if late := p.claimFrom(t, urgentSMS); len(late) != 0 {
				return fmt.Errorf("%d late ones", len(late))
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := sends(t, notify.Channels{SMS: true}, notify.Hourly{})
			if err := p.Post(t.Context(), p.code("0901234567")); err != nil {
				t.Fatalf("Post(): %v", err)
			}
			var files []byte
			for _, suffix := range []string{"", "-wal"} {
				data, err := os.ReadFile(p.path + suffix)
				if err != nil {
					t.Fatal(err)
				}
				files = append(files, data...)
			}
			for _, secret := range []string{"901234567", "493817"} {
				if bytes.Contains(files, []byte(secret)) {
					t.Errorf("%s is in the file", secret)
				}
			}
			if err := end(p, p.claimFrom(t, urgentSMS)[0].ID); err != nil {
				t.Fatal(err)
			}
			var left int
			if err := rawDB(t, p.path).QueryRowContext(t.Context(), `SELECT max(length(sealed)) FROM notices`).Scan(&left); err != nil || left != 0 {
				t.Errorf("%d sealed bytes stay, %v", left, err)
			}
		})
	}
}

// TestAllNotices: of every kind on every channel an operator sees what waits and since
// when, what went and what was given up, and nobody's number or address.
func TestAllNotices(t *testing.T) {
	p := sends(t, notify.Channels{Email: true, SMS: true}, notify.Hourly{})
	first := p.code("0901234567")
	first.Kind = notify.FirstPassword
	posts := []notify.Post{first, p.code("0901234568"), {Kind: notify.Locked, Channel: notify.Email, To: eid.NewSecret("a@example.vn")}}
	if err := p.Post(t.Context(), posts...); err != nil {
		t.Fatalf("Post(): %v", err)
	}
	since := p.now()
	for _, n := range p.claimFrom(t, urgentSMS) {
		var err error
		if n.Kind == notify.FirstPassword {
			err = p.NoticeFailed(t.Context(), n.ID, time.Time{})
		} else {
			err = p.NoticeSent(t.Context(), n.ID)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	p.pass(time.Minute)
	if err := p.Post(t.Context(), posts[2]); err != nil {
		t.Fatalf("Post(): %v", err)
	}
	got, err := p.AllNotices(t.Context())
	want := []sqlstore.NoticesBy{
		{Channel: notify.SMS, NoticesOfKind: sqlstore.NoticesOfKind{Kind: notify.Code, Sent: 1}},
		{Channel: notify.SMS, NoticesOfKind: sqlstore.NoticesOfKind{Kind: notify.FirstPassword, GivenUp: 1}},
		{Channel: notify.Email, NoticesOfKind: sqlstore.NoticesOfKind{Kind: notify.Locked, Waiting: 2}, Oldest: since},
	}
	if diff := cmp.Diff(got, want, cmpopts.EquateApproxTime(0)); err != nil || diff != "" {
		t.Errorf("AllNotices() (-got +want), %v:\n%s", err, diff)
	}
}

// TestAFloodOfOneNumber from sixteen browsers at once, in all its spellings: ten codes an
// hour, thirty a day, six and twenty of them for strangers, and what tells of the account
// is not among them.
func TestAFloodOfOneNumber(t *testing.T) {
	p := sends(t, notify.Channels{SMS: true}, notify.Hourly{})
	spellings := []string{"0901234567", "+84901234567", "84 90 123 45 67", "(090) 123.4567"}
	flood := func(stranger bool) int {
		var group sync.WaitGroup
		for i := range 16 {
			group.Go(func() {
				post := p.code(spellings[i%len(spellings)])
				post.Stranger = stranger
				if err := p.Post(t.Context(), post); err != nil {
					t.Errorf("Post(): %v", err)
				}
			})
		}
		group.Wait()
		return len(p.claimFrom(t, urgentSMS))
	}
	if got := flood(true); got != 6 {
		t.Errorf("%d codes in an hour for strangers, want 6", got)
	}
	if got := flood(false); got != 4 {
		t.Errorf("%d codes beside them, want 4", got)
	}
	if got := p.counted(t, sqlstore.CountNoticesDropped); got != 10+12 {
		t.Errorf("%d were counted as dropped, want 22", got)
	}
	if err := p.Post(t.Context(), notify.Post{Kind: notify.PasswordChanged, Channel: notify.SMS, To: eid.NewSecret("0901234567")}); err != nil || len(p.claimFrom(t, quietSMS)) != 1 {
		t.Errorf("the holder is not told of a new password: %v", err)
	}
	strangers, all := 6, 4
	for range 5 {
		p.pass(61 * time.Minute)
		strangers += flood(true)
	}
	for range 5 {
		p.pass(61 * time.Minute)
		all += flood(false)
	}
	if strangers != 20 || strangers+all != 30 {
		t.Errorf("%d codes in a day, %d of them for strangers; want 30 and 20", strangers+all, strangers)
	}
}

// TestPumping: many numbers of one prefix, each asked for once. The hour has its bound;
// what strangers ask for has half of it, numbers abroad their own.
func TestPumping(t *testing.T) {
	p := sends(t, notify.Channels{SMS: true}, notify.Hourly{All: 20, Abroad: 3})
	post := func(stranger bool, from string, n int) {
		t.Helper()
		for i := range n {
			c := p.code(fmt.Sprintf("%s%03d", from, i))
			c.Stranger = stranger
			if err := p.Post(t.Context(), c); err != nil {
				t.Fatalf("Post(): %v", err)
			}
		}
	}
	post(true, "+99890000", 30)
	if got := len(p.claimFrom(t, urgentSMS)); got != 3 {
		t.Errorf("%d messages abroad, want 3", got)
	}
	post(true, "0901230", 30)
	if got := len(p.claimFrom(t, urgentSMS)); got != 7 {
		t.Errorf("%d messages for strangers, want 7 more", got)
	}
	post(false, "0912340", 30)
	if got := len(p.claimFrom(t, urgentSMS)); got != 10 {
		t.Errorf("%d codes to holders meanwhile, want 10", got)
	}
	if got := p.counted(t, sqlstore.CountSMSDropped); got != 27+23+20 {
		t.Errorf("%d were counted as dropped, want 70", got)
	}
	p.pass(time.Hour)
	post(false, "0987650", 1)
	if got := len(p.claimFrom(t, urgentSMS)); got != 1 {
		t.Errorf("%d codes an hour later, want 1", got)
	}
}

// TestWhatIsNoPost is refused, without a row, and without its address or code in the error.
func TestWhatIsNoPost(t *testing.T) {
	for name, tt := range map[string]struct {
		change  func(*notify.Post)
		refused bool // as the caller's user can cause it
	}{
		"a landline":            {func(p *notify.Post) { p.To = eid.NewSecret("02438220000") }, true},
		"a number with CRLF":    {func(p *notify.Post) { p.To = eid.NewSecret("0901234567\r\nTo: 0907654321") }, true},
		"a mail address by SMS": {func(p *notify.Post) { p.To = eid.NewSecret("a@example.vn") }, true},
		"two mail addresses":    {func(p *notify.Post) { p.Channel, p.To = notify.Email, eid.NewSecret("a@example.vn, b@example.vn") }, true},
		"a header": {func(p *notify.Post) {
			p.Channel, p.To = notify.Email, eid.NewSecret("a@example.vn\r\nBcc: b@example.vn")
		}, true},
		"a channel nobody has":     {func(p *notify.Post) { p.Channel, p.To = notify.Email, eid.NewSecret("a@example.vn") }, true},
		"no channel":               {func(p *notify.Post) { p.Channel = "" }, true},
		"no kind":                  {func(p *notify.Post) { p.Kind = "" }, false},
		"a kind of links":          {func(p *notify.Post) { p.Kind, p.Code = notify.LinkMade, eid.Secret{} }, false},
		"a code without a code":    {func(p *notify.Post) { p.Code = eid.Secret{} }, false},
		"a code without an end":    {func(p *notify.Post) { p.Until = time.Time{} }, false},
		"a code that is over":      {func(p *notify.Post) { p.Until = time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC) }, false},
		"a code of two lines":      {func(p *notify.Post) { p.Code = eid.NewSecret("493817\n@evil.example #1") }, false},
		"a template for a code":    {func(p *notify.Post) { p.Code = eid.NewSecret("{{.To}}") }, false},
		"a code beside a lock":     {func(p *notify.Post) { p.Kind = notify.Locked }, false},
		"a reference of two lines": {func(p *notify.Post) { p.Ref = "K7QF\n@evil.example" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := sends(t, notify.Channels{SMS: true}, notify.Hourly{})
			post := p.code("0901234567")
			tt.change(&post)
			err := p.Post(t.Context(), p.code("0907654321"), post)
			if err == nil || errors.Is(err, notify.ErrRefused) != tt.refused {
				t.Errorf("Post() = %v, refused: want %v", err, tt.refused)
			}
			for _, secret := range []string{"901234567", "example", "493817"} {
				if err != nil && strings.Contains(err.Error(), secret) {
					t.Errorf("Post() = %v, which tells %s", err, secret)
				}
			}
			if got := p.claimFrom(t, urgentSMS); len(got) != 0 {
				t.Errorf("%d posts beside the refused one were taken, want none", len(got))
			}
		})
	}
}

// TestAnOldRowIsRead: one that the version before wrote has its address alone.
func TestAnOldRowIsRead(t *testing.T) {
	p := newPostOffice(t)
	sealed, err := p.sealer.Seal([]byte("a@example.vn"), "notices/old")
	if err != nil {
		t.Fatal(err)
	}
	_, err = rawDB(t, p.path).ExecContext(t.Context(), `INSERT INTO notices (id, kind, source, bulk, address_index, sealed, due_at, until, created_at)
		VALUES ('old', 'link_made', 's', FALSE, x'00', ?, 0, ?, 0)`, sealed, p.now().Add(time.Hour).UnixMicro())
	if err != nil {
		t.Fatal(err)
	}
	if got := p.claim(t); len(got) != 1 || got[0].To.Reveal() != "a@example.vn" || got[0].Channel != notify.Email {
		t.Errorf("claimed = %+v, want the mail", got)
	}
}

// TestTheVersionBeforeLeavesItsMessages: its process, with its own statements of 0012,
// finds what it knows and neither takes nor gives up a code or a word on an account,
// whatever became of these meanwhile.
func TestTheVersionBeforeLeavesItsMessages(t *testing.T) {
	p := newPostOffice(t)
	code := p.code("0901234567")
	code.Channel, code.To = notify.Email, eid.NewSecret("code@example.vn")
	locked := notify.Post{Kind: notify.Locked, Channel: notify.Email, To: eid.NewSecret("locked@example.vn"), Until: p.now().Add(time.Hour)}
	if err := p.Post(t.Context(), code, locked); err != nil {
		t.Fatalf("Post(): %v", err)
	}
	p.unlink(t, p.linked(t, "999190000001", "holder@example.vn", "x1"))
	old := func() (due string) {
		t.Helper()
		db, now := rawDB(t, p.path), p.now().UnixMicro()
		if _, err := db.ExecContext(t.Context(), `UPDATE notices SET given_up_at = ?1, sealed = x'' WHERE sent_at IS NULL AND given_up_at IS NULL AND until <= ?1`, now); err != nil {
			t.Fatal(err)
		}
		if err := db.QueryRowContext(t.Context(), `SELECT coalesce(group_concat(kind), '') FROM notices
			WHERE sent_at IS NULL AND given_up_at IS NULL AND due_at <= ?1`, now).Scan(&due); err != nil {
			t.Fatal(err)
		}
		return due
	}
	if got := old(); got != "link_ended" {
		t.Errorf("the version before finds %q, want link_ended", got)
	}
	lanes := []notify.Lane{{Channel: notify.Email, Urgent: true}, {Channel: notify.Email}}
	for attempt, after := range []func(id string) error{
		func(id string) error { return p.NoticePutBack(t.Context(), id, p.now()) },
		func(id string) error { return p.NoticeFailed(t.Context(), id, p.now()) },
		func(string) error { p.pass(2 * time.Minute); return nil }, // its lease ends
	} {
		var kinds []notify.Kind
		for _, lane := range lanes {
			for _, n := range p.claimFrom(t, lane) {
				kinds = append(kinds, n.Kind)
				if err := after(n.ID); err != nil {
					t.Fatal(err)
				}
			}
		}
		if got := fmt.Sprint(kinds); got != "[code locked link_ended]" && got != "[code link_ended locked]" {
			t.Errorf("attempt %d claims %s, want all three", attempt+1, got)
		}
		if got := old(); got != "link_ended" {
			t.Errorf("behind attempt %d the version before finds %q, want link_ended", attempt+1, got)
		}
	}
	// One that it leased is not claimed here as well.
	exec(t, p.path, fmt.Sprintf(`UPDATE notices SET due_at = %d WHERE kind = 'link_ended'`, p.now().Add(3*time.Minute).UnixMicro()))
	for _, n := range p.claimFrom(t, lanes[1]) {
		if n.Kind == notify.LinkEnded {
			t.Errorf("a notice that the version before is sending was claimed")
		}
	}
	// What is over is over for both.
	p.pass(5 * time.Minute)
	if got := old(); strings.Contains(got, "code") {
		t.Errorf("the version before finds %q", got)
	}
}
