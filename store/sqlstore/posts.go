package sqlstore

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"eidgate/eid"
	"eidgate/eid/notify"
	"eidgate/store/sqlstore/sqlcgen"
)

var _ notify.Poster = (*DB)(nil)

// Bounds of what one address gets, whoever is the reason of it: codes have their own.
const (
	maxNoticesHourly  = 6
	maxNoticesDaily   = 24
	maxCodesHourly    = 10
	maxCodesDaily     = 30
	maxStrangesHourly = 6 // of the codes: those that anybody can ask for
	maxStrangesDaily  = 20
	maxNoticesWaiting = 20_000 // of one channel and urgency; reminders, which come a page at a time, aside
)

// Counters of messages that nobody was sent.
const (
	CountNoticesDropped = "notice.dropped"     // no room, or the address had enough
	CountSMSDropped     = "notice.sms_dropped" // the hour's SMS were sent
)

// Post fills notify.Poster.
func (db *DB) Post(ctx context.Context, posts ...notify.Post) error {
	posts, err := db.ready(posts)
	if err != nil || len(posts) == 0 {
		return err
	}
	return db.writeAs(ctx, kindWrite, func(q *sqlcgen.Queries) error { return db.postAll(ctx, q, posts) })
}

// ready checks posts and brings their addresses to their one form.
func (db *DB) ready(posts []notify.Post) ([]notify.Post, error) {
	now, posts := db.now(), slices.Clone(posts)
	for i := range posts {
		if err := posts[i].Check(now); err != nil {
			return nil, err
		}
		address, err := notify.ParseAddress(posts[i].Channel, posts[i].To.Reveal())
		if err != nil {
			return nil, fmt.Errorf("posting %q: %w", posts[i].Kind, err)
		}
		posts[i].To = eid.NewSecret(address)
	}
	return posts, nil
}

// postAll queues posts that are ready, in a transaction that may write more.
func (db *DB) postAll(ctx context.Context, q *sqlcgen.Queries, posts []notify.Post) error {
	for _, p := range posts {
		sends, err := db.sends(ctx, q, p.Channel)
		if err == nil && !sends {
			err = fmt.Errorf("%w: nobody sends by %s", notify.ErrRefused, p.Channel)
		}
		if err == nil {
			err = db.post(ctx, q, notice(p))
		}
		if err != nil {
			return fmt.Errorf("posting %q: %w", p.Kind, err)
		}
	}
	return nil
}

func notice(p notify.Post) notify.Notice {
	return notify.Notice{Kind: p.Kind, Channel: p.Channel, To: p.To, Code: p.Code, Stranger: p.Stranger, Ref: p.Ref, Language: p.Language, Until: p.Until}
}

// post queues one notice that somebody's act is the reason of, if its address had not
// enough of them. The address is in its one form.
func (db *DB) post(ctx context.Context, q *sqlcgen.Queries, n notify.Notice) error {
	now := db.stamp()
	had, err := q.CountMessagesSince(ctx, sqlcgen.CountMessagesSinceParams{
		AddressIndex: db.index.address(n.To.Reveal()), Urgent: n.Kind.Urgent(), Hour: now.Add(-time.Hour), Day: now.Add(-24 * time.Hour),
	})
	if err != nil {
		return fmt.Errorf("counting messages of an address: %w", err)
	}
	hourly, daily := int64(maxNoticesHourly), int64(maxNoticesDaily)
	if n.Kind.Urgent() {
		hourly, daily = maxCodesHourly, maxCodesDaily
	}
	full := had.Hourly >= hourly || had.Daily >= daily ||
		n.Stranger && (had.StrangersHourly >= maxStrangesHourly || had.StrangersDaily >= maxStrangesDaily)
	waiting, err := q.CountWaitingInLane(ctx, string(n.Channel), n.Kind.Urgent())
	if err != nil {
		return fmt.Errorf("counting notices: %w", err)
	}
	if full || waiting >= maxNoticesWaiting {
		return db.count(ctx, q, CountNoticesDropped, 1)
	}
	if n.Channel == notify.SMS {
		if room, err := db.roomForSMS(ctx, q, n, now); err != nil || !room {
			return errors.Join(err, db.count(ctx, q, CountSMSDropped, 1))
		}
	}
	if n.Until.IsZero() {
		n.Until = now.Add(notify.TriedFor)
	}
	return db.insertNotice(ctx, q, n, "", false)
}

// roomForSMS holds the messages of an hour against their bounds, which keep whoever earns
// from messages to numbers of their own from earning much. What strangers ask for has half
// of the room, so that holders get their codes meanwhile.
func (db *DB) roomForSMS(ctx context.Context, q *sqlcgen.Queries, n notify.Notice, now time.Time) (bool, error) {
	sent, err := q.CountSMSSince(ctx, now.Add(-time.Hour))
	if err != nil {
		return false, fmt.Errorf("counting SMS: %w", err)
	}
	most := db.smsHourly
	switch {
	case sent.Sent >= int64(most.All):
		return false, nil
	case n.Stranger && sent.Strangers >= int64(most.All+1)/2:
		return false, nil
	}
	return !eid.PhoneAbroad(n.To.Reveal()) || sent.Abroad < int64(most.Abroad), nil
}

// tellAccount queues a notice to the holder of an account where notify.Reach says, with
// the change that it tells of. Who has proved no address is not told.
func (db *DB) tellAccount(ctx context.Context, q *sqlcgen.Queries, kind notify.Kind, account eid.AccountID, ref string) error {
	var has notify.Channels
	var err error
	if has.Email, err = db.sends(ctx, q, notify.Email); err != nil {
		return err
	}
	if has.SMS, err = db.sends(ctx, q, notify.SMS); err != nil || !has.Any() {
		return err
	}
	row, err := q.ContactsOf(ctx, string(account))
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("finding the holder's addresses: %w", err)
	}
	ch, to, ok := notify.Reach(eid.Contact{Value: row.Phone, Verified: row.PhoneVerified}, eid.Contact{Value: row.Email, Verified: row.EmailVerified}, has)
	if !ok {
		return nil
	}
	return db.post(ctx, q, notify.Notice{Kind: kind, Channel: ch, To: to, Ref: ref})
}

func (db *DB) insertNotice(ctx context.Context, q *sqlcgen.Queries, n notify.Notice, imported string, bulk bool) error {
	id, now := rand.Text(), db.stamp()
	content, err := contentOf(n)
	if err != nil {
		return err
	}
	sealed, err := db.sealer.Seal(content, noticeContext(id))
	if err != nil {
		return fmt.Errorf("sealing notice: %w", err)
	}
	due, ready := now, sql.NullTime{}
	if !n.Kind.OfLink() { // the version before would take it and give it up
		due, ready = stamp(n.Until), nullable(now)
	}
	err = q.InsertNotice(ctx, sqlcgen.InsertNoticeParams{
		ID: id, Kind: string(n.Kind), Channel: string(n.Channel), Urgent: n.Kind.Urgent(), Abroad: n.Channel == notify.SMS && eid.PhoneAbroad(n.To.Reveal()), Stranger: n.Stranger,
		Source: n.Source, Imported: sql.NullString{String: imported, Valid: imported != ""}, Bulk: bulk, Ref: n.Ref,
		AddressIndex: db.index.address(n.To.Reveal()), Sealed: sealed, DueAt: due, ReadyAt: ready, Until: stamp(n.Until), CreatedAt: now,
	})
	if err != nil {
		return fmt.Errorf("inserting notice: %w", err)
	}
	return nil
}

// noticeContent is the sealed text of a notice that brings more than its address. Before
// it stands structured, which begins no address.
type noticeContent struct {
	To       string `json:"to"`
	Code     string `json:"code,omitempty"`
	Language string `json:"language,omitempty"`
}

const structured = 1

func contentOf(n notify.Notice) ([]byte, error) {
	if n.Code.IsZero() && n.Language == "" {
		return []byte(n.To.Reveal()), nil
	}
	content, err := json.Marshal(noticeContent{To: n.To.Reveal(), Code: n.Code.Reveal(), Language: n.Language})
	if err != nil {
		return nil, fmt.Errorf("writing notice: %w", err)
	}
	return append([]byte{structured}, content...), nil
}

// readContent fills in what was sealed.
func readContent(n *notify.Notice, content []byte) error {
	text, more := bytes.CutPrefix(content, []byte{structured})
	if !more {
		n.To = eid.NewSecret(string(content))
		return nil
	}
	var c noticeContent
	if err := json.Unmarshal(text, &c); err != nil {
		return errors.New("notice cannot be read")
	}
	n.To, n.Language = eid.NewSecret(c.To), c.Language
	if c.Code != "" {
		n.Code = eid.NewSecret(c.Code)
	}
	return nil
}
