package sqlstore_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/civil"
	"eidgate/eid/notify"
	"eidgate/keys"
	"eidgate/store/sqlstore"
	"eidgate/store/storetest"
)

// postOffice is a database whose notices somebody sends, at a time of the test's own.
type postOffice struct {
	*sqlstore.DB
	path   string
	sealer *keys.Sealer
	mu     sync.Mutex
	at     time.Time
}

func newPostOffice(t testing.TB) *postOffice {
	t.Helper()
	p := &postOffice{path: migrated(t), sealer: sealer(t), at: time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)}
	p.DB = p.process(t)
	return p
}

// process opens the same file once more.
func (p *postOffice) process(t testing.TB) *sqlstore.DB {
	t.Helper()
	db, err := sqlstore.Open(t.Context(), sqlstore.Config{Path: p.path, Notices: notify.Channels{Email: true}}, p.sealer, p.now)
	if err != nil {
		t.Fatalf("Open(): %v", err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func (p *postOffice) now() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at
}

func (p *postOffice) pass(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = p.at.Add(d)
}

// old imports an account of a portal with an address; its id is made up.
func (p *postOffice) old(t testing.TB, id, email string) {
	t.Helper()
	o := accounts.OldAccount{Login: "login-" + id, Email: email}
	raw, err := o.Unsealed()
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := p.sealer.Seal(raw, "imported_accounts/"+id)
	if err != nil {
		t.Fatal(err)
	}
	_, err = rawDB(t, p.path).ExecContext(t.Context(), `INSERT INTO imported_accounts (id, source, content, sealed, state, matched, created_at, updated_at)
		VALUES (?, 'old-portal', x'00', ?, 'waiting', 'no_number', ?, ?)`, id, sealed, p.now().UnixMicro(), p.now().UnixMicro())
	if err != nil {
		t.Fatalf("importing: %v", err)
	}
}

func (p *postOffice) claim(t testing.TB) []notify.Notice {
	t.Helper()
	list, err := p.ClaimNotices(t.Context(), notify.Lane{Channel: notify.Email}, time.Minute, 100)
	if err != nil {
		t.Fatalf("ClaimNotices(): %v", err)
	}
	return list
}

// linked makes an account with an address and a link of it, which EndLink tells of.
func (p *postOffice) linked(t testing.TB, number, email, subject string) eid.Link {
	t.Helper()
	n := storetest.Citizen(t, number)
	n.Email = eid.Contact{Value: email}
	writer := accounts.New(p.DB, p.now)
	id, err := writer.Create(t.Context(), n, "system")
	if err != nil {
		t.Fatalf("Create(): %v", err)
	}
	l, err := writer.Link(t.Context(), eid.Link{Account: id, Source: "old-portal", Cap: eid.Level1}, subject, "evidence", "system")
	if err != nil {
		t.Fatalf("Link(): %v", err)
	}
	return l
}

func (p *postOffice) unlink(t testing.TB, l eid.Link) {
	t.Helper()
	if err := accounts.New(p.DB, p.now).EndLink(t.Context(), l.ID, "holder"); err != nil {
		t.Fatalf("EndLink(): %v", err)
	}
}

// subjectID names the imported row of a link, as it is found in the file.
func (p *postOffice) subjectID(t testing.TB, link string) string {
	t.Helper()
	var index []byte
	if err := rawDB(t, p.path).QueryRowContext(t.Context(), `SELECT subject_index FROM links WHERE id = ?`, link).Scan(&index); err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(index)
}

// TestBothSidesOfALinkAreTold: each at its own address, once.
func TestBothSidesOfALinkAreTold(t *testing.T) {
	p := newPostOffice(t)
	l := p.linked(t, "999190000001", "holder@example.vn", "x")
	p.old(t, p.subjectID(t, l.ID), "old@example.vn")
	p.unlink(t, l)
	got := map[notify.Kind]string{}
	for _, n := range p.claim(t) {
		got[n.Kind] = n.To.Reveal()
		if n.Source != "old-portal" || n.Attempts != 0 || !n.Until.Equal(p.now().Add(notify.TriedFor)) {
			t.Errorf("notice = %+v", n)
		}
	}
	if len(got) != 2 || got[notify.LinkEnded] != "holder@example.vn" || got[notify.OldUnlinked] != "old@example.vn" {
		t.Errorf("told = %v, want the holder and the old account", got)
	}
	if again := p.claim(t); len(again) != 0 {
		t.Errorf("%d notices were claimed twice", len(again))
	}
}

// claimLink proves both sides as a ceremony does.
func (p *postOffice) claimLink(t testing.TB, holder eid.AccountID, subject string, said civil.Person) accounts.Settled {
	t.Helper()
	now := p.now()
	got, err := accounts.NewLinker(p.DB, p.now).Link(t.Context(), accounts.Claim{
		Source:   eid.Source{ID: "old-portal", Linking: &eid.Linking{Cap: eid.Level1}},
		Legacy:   accounts.Proved{Source: "old-portal", Subject: subject, Level: eid.Level1, Methods: []string{"pwd"}, At: now, Given: now, Said: accounts.Said{Person: said}},
		Account:  holder,
		National: accounts.Proved{Source: "national", Level: eid.Level2, Methods: []string{"pwd", "otp"}, At: now, Given: now},
		Client:   "portal", Ref: "ref-1",
	})
	if err != nil {
		t.Fatalf("Linker.Link(): %v", err)
	}
	return got
}

func (p *postOffice) holder(t testing.TB, number, email string) eid.AccountID {
	t.Helper()
	n := storetest.Citizen(t, number)
	n.Email = eid.Contact{Value: email}
	id, err := accounts.New(p.DB, p.now).Create(t.Context(), n, "system")
	if err != nil {
		t.Fatalf("Create(): %v", err)
	}
	return id
}

func kinds(list []notify.Notice) []string {
	var names []string
	for _, n := range list {
		names = append(names, string(n.Kind)+" "+n.To.Reveal()+" "+n.Ref)
	}
	slices.Sort(names)
	return names
}

// TestALinkIsTold when its ceremony makes it.
func TestALinkIsTold(t *testing.T) {
	p := newPostOffice(t)
	holder := p.holder(t, "999190000001", "holder@example.vn")
	if got := p.claimLink(t, holder, "x", civil.Person{}); got.Outcome != accounts.Linked {
		t.Fatalf("Linker.Link() = %+v, want a link", got)
	}
	if got, want := kinds(p.claim(t)), []string{"link_made holder@example.vn "}; !slices.Equal(got, want) {
		t.Errorf("told = %q, want %q", got, want)
	}
}

// TestADecisionIsTold to who wanted the link: not when one officer of two let it be, and
// not of a conflict that nobody is behind.
func TestADecisionIsTold(t *testing.T) {
	for _, tt := range []struct {
		name   string
		decide func(q *accounts.Conflicts, id string) error
		want   []string
	}{
		{"one of two officers", func(q *accounts.Conflicts, id string) error {
			_, err := q.Accept(t.Context(), id, "seen", "officer:a")
			return err
		}, nil},
		{"both", func(q *accounts.Conflicts, id string) error {
			_, first := q.Accept(t.Context(), id, "seen", "officer:a")
			_, second := q.Accept(t.Context(), id, "seen", "officer:b")
			return errors.Join(first, second)
		}, []string{"conflict_accepted holder@example.vn ref-1"}},
		{"rejected", func(q *accounts.Conflicts, id string) error {
			_, err := q.Reject(t.Context(), id, "seen", "officer:a")
			return err
		}, []string{"conflict_rejected holder@example.vn ref-1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPostOffice(t)
			holder := p.holder(t, "999190000001", "holder@example.vn")
			if got := p.claimLink(t, holder, "x", civil.Person{Name: "Trần Văn Khác"}); got.Outcome != accounts.Conflicted {
				t.Fatalf("Linker.Link() = %+v, want a conflict", got)
			}
			q := accounts.NewConflicts(p.DB, p.now)
			list, err := q.List(t.Context(), accounts.ConflictFilter{})
			if err != nil || len(list) != 1 {
				t.Fatalf("List() = %v, %v, want one", list, err)
			}
			if err := tt.decide(q, list[0].ID); err != nil {
				t.Fatalf("deciding: %v", err)
			}
			if got := kinds(p.claim(t)); !slices.Equal(got, tt.want) {
				t.Errorf("told = %q, want %q", got, tt.want)
			}
		})
	}
}

// TestNoChangeWithoutItsNotice breaks the outbox: what nobody is told of does not happen.
func TestNoChangeWithoutItsNotice(t *testing.T) {
	p := newPostOffice(t)
	l := p.linked(t, "999190000001", "holder@example.vn", "x")
	exec(t, p.path, `CREATE TRIGGER full BEFORE INSERT ON notices BEGIN SELECT RAISE(ABORT, 'disk full'); END`)
	if err := accounts.New(p.DB, p.now).EndLink(t.Context(), l.ID, "holder"); err == nil {
		t.Error("EndLink() without its notice: no error")
	}
	if _, err := p.Link(t.Context(), l.ID); err != nil {
		t.Errorf("Link() = %v, want the link alive", err)
	}
}

// TestNobodySendsNothingWaits: without a mail server, without an address, or with one
// that is none.
func TestNobodySendsNothingWaits(t *testing.T) {
	p := newPostOffice(t)
	l := p.linked(t, "999190000001", "", "x")
	p.old(t, p.subjectID(t, l.ID), "not an address")
	p.unlink(t, l)
	l = p.linked(t, "999190000002", "holder@example.vn", "y")
	mute := open(t, p.path, p.sealer, p.now)
	if err := accounts.New(mute, p.now).EndLink(t.Context(), l.ID, "holder"); err != nil {
		t.Fatalf("EndLink(): %v", err)
	}
	if got := p.claim(t); len(got) != 0 {
		t.Errorf("%d notices wait, want none", len(got))
	}
}

// TestACommandKnowsWhetherSomebodySends by the lease of who does.
func TestACommandKnowsWhetherSomebodySends(t *testing.T) {
	p := newPostOffice(t)
	command := open(t, p.path, p.sealer, p.now)
	if _, err := p.TakeLease(t.Context(), notify.LeaseName(notify.Email), "sender", time.Minute); err != nil {
		t.Fatalf("TakeLease(): %v", err)
	}
	for i, tt := range []struct {
		later time.Duration
		want  int
	}{{0, 1}, {time.Minute, 0}} {
		p.pass(tt.later)
		l := p.linked(t, fmt.Sprint("99919000000", i), "holder@example.vn", fmt.Sprint("x", i))
		if err := accounts.New(command, p.now).EndLink(t.Context(), l.ID, "operator"); err != nil {
			t.Fatalf("EndLink(): %v", err)
		}
		list, err := p.ClaimNotices(t.Context(), notify.Lane{Channel: notify.Email}, time.Hour, 10)
		if err != nil || len(list) != tt.want {
			t.Errorf("%v later: %d notices, %v; want %d", tt.later, len(list), err, tt.want)
		}
	}
}

// TestOneAddressIsNotFlooded links and undoes for an hour.
func TestOneAddressIsNotFlooded(t *testing.T) {
	p := newPostOffice(t)
	for i := range 20 {
		p.unlink(t, p.linked(t, fmt.Sprintf("9991900000%02d", i+1), "Holder@example.vn", fmt.Sprint("x", i)))
		p.pass(time.Second)
	}
	if got := len(p.claim(t)); got != 6 {
		t.Errorf("%d notices to one address in an hour, want 6", got)
	}
	p.pass(time.Hour)
	p.unlink(t, p.linked(t, "999190000077", "holder@example.vn", "z"))
	if got := len(p.claim(t)); got != 7 { // the leases of the others ended
		t.Errorf("%d notices an hour later, want 7", got)
	}
}

// TestAnAddressGoesWithItsNotice looks at the file for what was sent or given up.
func TestAnAddressGoesWithItsNotice(t *testing.T) {
	p := newPostOffice(t)
	for i := range 3 {
		p.unlink(t, p.linked(t, fmt.Sprintf("99919000000%d", i+1), fmt.Sprintf("holder%d@example.vn", i), fmt.Sprint("x", i)))
	}
	list := p.claim(t)
	if len(list) != 3 {
		t.Fatalf("%d notices, want 3", len(list))
	}
	if err := p.NoticeSent(t.Context(), list[0].ID); err != nil {
		t.Fatalf("NoticeSent(): %v", err)
	}
	if err := p.NoticeFailed(t.Context(), list[1].ID, time.Time{}); err != nil {
		t.Fatalf("NoticeFailed(): %v", err)
	}
	if n := p.sealedRows(t); n != 1 {
		t.Errorf("%d addresses are kept, want that of the one that waits", n)
	}
	p.pass(notify.TriedFor)
	if got := p.claim(t); len(got) != 0 {
		t.Errorf("%d notices are claimed when their time is over, want none", len(got))
	}
	if n := p.sealedRows(t); n != 0 {
		t.Errorf("%d addresses are kept, want none", n)
	}
	for _, tt := range []struct {
		later time.Duration
		want  int
	}{{26 * 24 * time.Hour, 0}, {2 * 24 * time.Hour, 1}, {62 * 24 * time.Hour, 2}} {
		p.pass(tt.later)
		if n, err := p.PruneNotices(t.Context()); err != nil || n != tt.want {
			t.Errorf("PruneNotices() %v later = %d, %v, want %d", tt.later, n, err, tt.want)
		}
	}
}

func (p *postOffice) sealedRows(t testing.TB) (n int) {
	t.Helper()
	if err := rawDB(t, p.path).QueryRowContext(t.Context(), `SELECT count(*) FROM notices WHERE length(sealed) > 0`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestNoAddressInTheFile: what waits is sealed, and bound to its row.
func TestNoAddressInTheFile(t *testing.T) {
	p := newPostOffice(t)
	p.unlink(t, p.linked(t, "999190000001", "holder1@example.vn", "x"))
	p.unlink(t, p.linked(t, "999190000002", "holder2@example.vn", "y"))
	var all string
	err := rawDB(t, p.path).QueryRowContext(t.Context(), `SELECT group_concat(hex(sealed) || ref || source || hex(address_index)) FROM notices`).Scan(&all)
	if err != nil || strings.Contains(all, fmt.Sprintf("%X", "holder1")) {
		t.Errorf("the address stands in the file (%v)", err)
	}
	exec(t, p.path, `UPDATE notices SET sealed = (SELECT n.sealed FROM notices n ORDER BY n.id LIMIT 1)`)
	if got := p.claim(t); len(got) != 1 {
		t.Errorf("%d notices open, want the one whose seal it is", len(got))
	}
}

// TestALeaseEnds: a process that died between a claim and its mark leaves the notice to
// the next one, which counts the attempt.
func TestALeaseEnds(t *testing.T) {
	p := newPostOffice(t)
	p.unlink(t, p.linked(t, "999190000001", "holder@example.vn", "x"))
	first := p.claim(t)
	other := p.process(t)
	for _, tt := range []struct {
		after time.Duration
		want  int
	}{{59 * time.Second, 0}, {time.Second, 1}} {
		p.pass(tt.after)
		list, err := other.ClaimNotices(t.Context(), notify.Lane{Channel: notify.Email}, time.Minute, 10)
		if err != nil || len(list) != tt.want || tt.want > 0 && (list[0].ID != first[0].ID || list[0].Attempts != 1) {
			t.Errorf("ClaimNotices() %v later = %v, %v, want %d of one attempt", tt.after, list, err, tt.want)
		}
	}
	if err := other.NoticePutBack(t.Context(), first[0].ID, p.now()); err != nil {
		t.Fatalf("NoticePutBack(): %v", err)
	}
	if list := p.claim(t); len(list) != 1 || list[0].Attempts != 1 {
		t.Errorf("claimed after it was put back = %v, want one of one attempt", list)
	}
}

// TestProcessesClaimEachNoticeToAHolderOnce has four processes.
func TestProcessesClaimEachNoticeToAHolderOnce(t *testing.T) {
	p := newPostOffice(t)
	const notices = 40
	for i := range notices {
		p.unlink(t, p.linked(t, fmt.Sprintf("9991900000%02d", i+1), fmt.Sprintf("holder%d@example.vn", i), fmt.Sprint("x", i)))
	}
	var mu sync.Mutex
	times := map[string]int{}
	var wg sync.WaitGroup
	for range 4 {
		db := p.process(t)
		wg.Go(func() {
			for {
				list, err := db.ClaimNotices(t.Context(), notify.Lane{Channel: notify.Email}, time.Minute, 3)
				if err != nil {
					t.Errorf("ClaimNotices(): %v", err)
				}
				if len(list) == 0 {
					return
				}
				mu.Lock()
				for _, n := range list {
					times[n.ID]++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(times) != notices {
		t.Errorf("%d notices were claimed, want %d", len(times), notices)
	}
	for id, n := range times {
		if n != 1 {
			t.Errorf("%s was claimed %d times, want 1", id, n)
		}
	}
}
