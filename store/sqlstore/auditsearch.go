package sqlstore

import (
	"context"
	"math"
	"strings"
	"time"

	"eidgate/eid"
	"eidgate/eid/audit"
)

// AuditSearch chooses audit rows. Empty fields choose all.
type AuditSearch struct {
	Account, Client, Actor, Action, Ref string
	Kid                                 string    // that the detail names
	Since, Until                        time.Time // half-open
	After                               int64     // id of the last row seen
	Limit                               int       // at most 1000, which zero means too
}

// Search gives the rows that s chooses, oldest first.
func (e *Evidence) Search(ctx context.Context, s AuditSearch) ([]audit.Row, error) {
	if s.Limit <= 0 || s.Limit > maxAuditPage {
		s.Limit = maxAuditPage
	}
	where, args := s.where()
	return auditRows(ctx, e.db, where+` ORDER BY id LIMIT ?`, append(args, s.Limit)...)
}

// where is the condition in SQL; what comes from outside is a parameter.
func (s AuditSearch) where() (string, []any) {
	parts, args := []string{"id > ?"}, []any{s.After}
	add := func(part string, value string) {
		if value != "" {
			parts, args = append(parts, part), append(args, value)
		}
	}
	add("account = ?", s.Account)
	add("client = ?", s.Client)
	add("actor = ?", s.Actor)
	add("action = ?", s.Action)
	add("ref = ?", s.Ref)
	if s.Kid != "" {
		add("instr(detail, ?) > 0", `"kid":"`+s.Kid+`"`)
	}
	if !s.Since.IsZero() {
		parts, args = append(parts, "at >= ?"), append(args, s.Since.UnixMicro())
	}
	if !s.Until.IsZero() {
		parts, args = append(parts, "at < ?"), append(args, s.Until.UnixMicro())
	}
	return "WHERE " + strings.Join(parts, " AND "), args
}

// History gives rows of an account that tell its holder of use and of look-ups, newest
// first: those before an id, where it is not zero, limit at most.
func (db *DB) History(ctx context.Context, account eid.AccountID, before int64, limit int) ([]audit.Row, error) {
	if before <= 0 {
		before = math.MaxInt64
	}
	return auditRows(ctx, db.file.Reader, `WHERE account = ? AND id < ? AND action IN (?, ?) ORDER BY id DESC LIMIT ?`,
		string(account), before, eid.ActionGrantIssued, audit.ActionLookedUp, min(max(limit, 0), maxAuditPage))
}
