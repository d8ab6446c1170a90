package doctor

import (
	"path/filepath"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/store/sqlstore"
)

func TestJudgeOldAccounts(t *testing.T) {
	zone := time.FixedZone("+07", 7*60*60)
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, zone) // a Monday
	portal := func(days int) eid.Source {
		return eid.Source{ID: "old-1", Linking: &eid.Linking{Cap: 1}, Portal: &eid.Portal{Client: "so-y-te", VerifyBy: now.AddDate(0, 0, days)}}
	}
	count := func(state eid.ImportedState, n int) sqlstore.ImportedCount {
		return sqlstore.ImportedCount{Source: "old-1", State: state, Accounts: n}
	}
	since := func(at time.Time) []sqlstore.ConflictsWaiting {
		return []sqlstore.ConflictsWaiting{{Source: "post", Waiting: 3, Oldest: at}}
	}
	for _, tt := range []struct {
		name    string
		sources []eid.Source
		counts  []sqlstore.ImportedCount
		waiting []sqlstore.ConflictsWaiting
		word    string
		want    []Status
	}{
		{"nothing of it", []eid.Source{{ID: "national", National: true}}, nil, nil, "no portal", []Status{OK}},
		{"nothing imported", []eid.Source{portal(100)}, []sqlstore.ImportedCount{{Source: "another", State: eid.ImportedWaiting, Accounts: 5}}, nil, "accounts import --portal so-y-te", []Status{Warning}},
		{"far off", []eid.Source{portal(31)}, []sqlstore.ImportedCount{count(eid.ImportedWaiting, 5), count(eid.ImportedVerified, 5)}, nil, "5 of 10 accounts", []Status{OK}},
		{"a month before", []eid.Source{portal(30)}, []sqlstore.ImportedCount{count(eid.ImportedWaiting, 5), count(eid.ImportedContested, 2)}, nil, "--export", []Status{Warning}},
		{"all verified or refused", []eid.Source{portal(1)}, []sqlstore.ImportedCount{count(eid.ImportedVerified, 5), count(eid.ImportedRejected, 1)}, nil, "none waits", []Status{OK}},
		{"the date itself", []eid.Source{portal(0)}, []sqlstore.ImportedCount{count(eid.ImportedWaiting, 5)}, nil, "refused until", []Status{OK}},
		{"not linked by holders", []eid.Source{{ID: "post"}, {ID: "cas"}}, nil, nil, "post, cas", []Status{OK}},
		{"from Thursday morning to Monday", nil, nil, since(time.Date(2026, 11, 19, 8, 0, 0, 0, zone)), "two working days", []Status{Warning}},
		{"from Thursday noon to Monday", nil, nil, since(time.Date(2026, 11, 19, 12, 0, 0, 0, zone)), "no conflict waits long", []Status{OK}},
		{"from Saturday to Monday", nil, nil, since(time.Date(2026, 11, 21, 8, 0, 0, 0, zone)), "no conflict waits long", []Status{OK}},
	} {
		o := OldAccounts{Sources: tt.sources, Now: func() time.Time { return now }}
		wants(t, tt.name, o.judge(tt.counts, tt.waiting), tt.word, tt.want...)
	}
}

func TestOldAccountsOfNoGateway(t *testing.T) {
	o := OldAccounts{Database: filepath.Join(t.TempDir(), "eidgate.db"), Now: time.Now}
	wants(t, "no database", o.Look(t.Context()), "no gateway has run", OK)
}
