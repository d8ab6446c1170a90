package doctor

import (
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/keys"
	"eidgate/provider"
)

// wants reports a judgement that is not the one wanted: the statuses in order, and a
// word that one of the findings or mends says.
func wants(t *testing.T, name string, got []Finding, word string, statuses ...Status) {
	t.Helper()
	var text strings.Builder
	same := len(got) == len(statuses)
	for i, f := range got {
		text.WriteString(string(f.Status) + ": " + f.Found + " → " + f.Mend + "\n")
		same = same && f.Status == statuses[i]
		if (f.Mend == "") != (f.Status == OK) {
			t.Errorf("%s: %q has the mend %q: every fault has one, and nothing else", name, f.Found, f.Mend)
		}
	}
	if !same || !strings.Contains(text.String(), word) {
		t.Errorf("%s: got\n%swant %v with %q", name, &text, statuses, word)
	}
}

func TestJudgeSeen(t *testing.T) {
	const here = "10.1.1.9:40000"
	for _, tt := range []struct {
		name    string
		seen    provider.Seen
		proxies []string
		want    Status
		word    string
	}{
		{"direct", provider.Seen{Address: "10.1.1.9", Peer: here, Forwarded: forged}, nil, OK, "not believed"},
		{"direct past the proxies", provider.Seen{Address: "10.1.1.9", Peer: here, Forwarded: forged}, []string{"10.0.0.5"}, Warning, "not tried"},
		{"direct, and this machine is a proxy", provider.Seen{Address: forged, Peer: here, Forwarded: forged}, []string{"10.1.1.9"}, Warning, "cannot be told"},
		{"the proxy appends", provider.Seen{Address: "10.1.1.9", Peer: "10.0.0.5:1", Forwarded: forged + ", 10.1.1.9"}, []string{"10.0.0.5"}, OK, "10.0.0.5"},
		{"the proxy replaces", provider.Seen{Address: "10.1.1.9", Peer: "10.0.0.5:1", Forwarded: "10.1.1.9"}, []string{"10.0.0.5"}, OK, "10.1.1.9"},
		{"the proxy passes on what clients say", provider.Seen{Address: forged, Peer: "10.0.0.5:1", Forwarded: forged}, []string{"10.0.0.5"}, Fault, "believed"},
		{"the outer proxy does so", provider.Seen{Address: forged, Peer: "10.0.0.5:1", Forwarded: forged + ", 10.0.0.6"}, []string{"10.0.0.0/24"}, Fault, "believed"},
		{"this machine lies among the proxies", provider.Seen{Address: forged, Peer: "10.0.0.5:1", Forwarded: forged + ", 10.1.1.9"}, []string{"10.0.0.0/8"}, Warning, "cannot be told"},
		{"the proxy is not named", provider.Seen{Address: "10.0.0.5", Peer: "10.0.0.5:1", Forwarded: forged + ", 10.1.1.9"}, nil, Fault, "proxies: [10.0.0.5]"},
		{"not named, and says nothing", provider.Seen{Address: "10.0.0.5", Peer: "10.0.0.5:1", Forwarded: forged}, nil, Fault, "set X-Forwarded-For"},
		{"not named, and strips", provider.Seen{Address: "10.0.0.5", Peer: "10.0.0.5:1"}, nil, Fault, "set X-Forwarded-For"},
		{"the outer proxy is not named", provider.Seen{Address: "10.0.0.6", Peer: "10.0.0.5:1", Forwarded: forged + ", 10.1.1.9, 10.0.0.6"}, []string{"10.0.0.5"}, Fault, "add 10.0.0.6"},
		{"a socket", provider.Seen{Address: "invalid IP", Peer: "@"}, nil, Warning, "cannot tell"},
	} {
		wants(t, tt.name, judgeSeen(tt.seen, here, tt.proxies), tt.word, tt.want)
	}
}

func TestJudgeWidth(t *testing.T) {
	for _, tt := range []struct {
		proxy string
		want  []Status
	}{
		{"0.0.0.0/0", []Status{Fault}},
		{"::/0", []Status{Fault}},
		{"20.0.0.0/8", []Status{Fault}},
		{"2000::/3", []Status{Fault}},
		{"10.0.0.0/8", nil},
		{"192.0.2.0/24", nil},
		{"127.0.0.1", nil},
		{"2001:db8::/64", nil},
	} {
		wants(t, tt.proxy, judgeWidth([]string{tt.proxy}), "", tt.want...)
	}
}

func TestJudgeClocks(t *testing.T) {
	at := func(ahead ...time.Duration) []Reading {
		list := make([]Reading, len(ahead))
		for i, d := range ahead {
			list[i] = Reading{string(rune('a' + i)), d}
		}
		return list
	}
	for _, tt := range []struct {
		name        string
		readings    []Reading
		kept, known bool
		word        string
		want        []Status
	}{
		{"together", at(0, time.Second, -time.Second), true, true, "of a, b, c", []Status{OK}},
		{"an hour behind the others", at(time.Hour, time.Hour), true, true, "1h0m0s behind a, b", []Status{Fault}},
		{"an hour ahead", at(-time.Hour), true, true, "1h0m0s ahead of a", []Status{Fault}},
		{"ten seconds", at(10*time.Second, 11*time.Second), true, true, "behind", []Status{Warning}},
		{"one other is off", at(0, 0, time.Hour), true, true, "clock of c is 1h0m0s ahead", []Status{Warning}},
		{"not kept", at(0), false, true, "kernel", []Status{OK, Warning}},
		{"kept, nobody to compare with", nil, true, true, "no server", []Status{OK}},
		{"nothing known", nil, false, false, "nothing to compare", []Status{Warning}},
		{"a container tells nothing of the kernel", at(0), false, false, "within", []Status{OK}},
	} {
		wants(t, tt.name, judgeClocks(tt.readings, tt.kept, tt.known), tt.word, tt.want...)
	}
}

func TestJudgeKeys(t *testing.T) {
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	signs := keys.Info{ID: "s", Purpose: keys.Tokens, Algorithm: keys.ES256, State: keys.Signing, PublishedAt: now.Add(-48 * time.Hour), SigningAt: now.Add(-24 * time.Hour), Next: keys.Verifying, NextAt: now.Add(24 * time.Hour)}
	standby := keys.Info{ID: "p", Purpose: keys.Tokens, Algorithm: keys.ES256, State: keys.Published, PublishedAt: now.Add(-24 * time.Hour), Next: keys.Signing, NextAt: now.Add(24 * time.Hour)}
	old := keys.Info{ID: "o", Purpose: keys.Tokens, Algorithm: keys.ES256, State: keys.Verifying, VerifyingAt: now.Add(-time.Hour), Next: keys.Retired, NextAt: now.Add(time.Hour)}
	other := signs
	other.Algorithm = keys.RS256
	overdue, unretired, future := signs, old, standby
	overdue.NextAt, unretired.NextAt, future.PublishedAt = now.Add(-time.Hour), now.Add(-time.Hour), now.Add(time.Hour)
	unconfirmed, waiting := overdue, standby
	waiting.NextAt = overdue.NextAt
	unconfirmed.Overdue, waiting.Overdue, waiting.Waits = true, true, keys.WaitsForOperator
	for _, tt := range []struct {
		name string
		list []keys.Info
		word string
		want []Status
	}{
		{"well", []keys.Info{signs, standby, old}, "until 2026-05-02", []Status{OK}},
		{"none", nil, "no tokens ES256 key signs", []Status{Fault, Fault}},
		{"of another algorithm only", []keys.Info{other}, "no tokens ES256 key signs", []Status{Fault, Fault}},
		{"two sign", []keys.Info{signs, signs, standby}, "2 tokens ES256 keys", []Status{Fault}},
		{"no standby", []keys.Info{signs}, "standby", []Status{Fault}},
		{"rotation overdue", []keys.Info{overdue, standby}, "should be verifying since", []Status{Warning}},
		{"waits for an operator", []keys.Info{unconfirmed, waiting}, "waits for an operator", []Status{Warning}},
		{"not retired", []keys.Info{signs, standby, unretired}, "should be retired since", []Status{Warning}},
		{"published tomorrow", []keys.Info{signs, future}, "ahead of this machine's clock", []Status{Fault}},
	} {
		wants(t, tt.name, judgeKeys(keys.Plan{Purpose: keys.Tokens, Algorithm: keys.ES256}, tt.list, 30*time.Second, now), tt.word, tt.want...)
	}
}

// Keys at a source: one that waits is handed over, one that succeeds a file may wait,
// and a source that is new has none.
func TestJudgeSourceKeys(t *testing.T) {
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	purpose := keys.SourceDecryption("vneid")
	standby := keys.Info{ID: "k-2", Purpose: purpose, Algorithm: keys.RSA, State: keys.Published, PublishedAt: now.AddDate(0, 0, -9), Waits: keys.WaitsForOperator}
	signs := keys.Info{ID: "k-1", Purpose: purpose, Algorithm: keys.RSA, State: keys.Signing, PublishedAt: now.AddDate(0, 0, -9), SigningAt: now.AddDate(0, 0, -9)}
	late := standby
	late.Next, late.NextAt, late.Overdue = keys.Signing, now.AddDate(0, 0, -2), true
	plan := keys.Plan{Purpose: purpose, Algorithm: keys.RSA, Confirm: true}
	moving := plan
	moving.Succeeds = true
	for _, tt := range []struct {
		name string
		plan keys.Plan
		list []keys.Info
		word string
		want Status
	}{
		{"well", plan, []keys.Info{signs, standby}, "a standby is published", OK},
		{"not made yet", plan, nil, "start the gateway", Warning},
		{"waits too long", plan, []keys.Info{signs, late}, "eidgate sources key vneid --kid k-2", Warning},
		{"succeeds a file", moving, []keys.Info{standby}, "takes over from a file", OK},
		{"succeeds a file, and waits too long", moving, []keys.Info{late}, "eidgate keys activate k-2", Warning},
		{"the file went too early", plan, []keys.Info{standby}, "no source/vneid/decrypt RSA key signs", Fault},
	} {
		wants(t, tt.name, judgeKeys(tt.plan, tt.list, 30*time.Second, now), tt.word, tt.want)
	}
}

// The first keys of logout tokens on an installation that signed before wait for caches:
// that is well until they are due.
func TestJudgeFirstLogoutKeys(t *testing.T) {
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	first := keys.Info{
		ID: "f", Purpose: keys.LogoutTokens, Algorithm: keys.ES256, State: keys.Published,
		PublishedAt: now, Next: keys.Signing, NextAt: now.Add(20 * time.Minute),
	}
	plan := keys.Plan{Purpose: keys.LogoutTokens, Algorithm: keys.ES256}
	for after, want := range map[time.Duration]Status{time.Minute: OK, 20 * time.Minute: OK, time.Hour: Fault} {
		if got := judgeKeys(plan, []keys.Info{first}, time.Minute, now.Add(after)); len(got) != 1 || got[0].Status != want {
			t.Errorf("judgeKeys() %v after = %+v, want one finding that is %v", after, got, want)
		}
	}
}

func TestLevels(t *testing.T) {
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	in := func(days int) time.Time { return now.AddDate(0, 0, days) }
	source := func(id string, until time.Time, ceilings ...eid.Ceiling) eid.Source {
		return eid.Source{ID: id, Window: eid.Window{From: in(-100), Until: until}, MayAssert: []eid.Level{1, 2}, GrantsAtMost: ceilings}
	}
	two := eid.Ceiling{Level: eid.Level2}
	party := func(level eid.Level, sources ...string) []eid.RelyingParty {
		return []eid.RelyingParty{{ID: "portal", Category: eid.OtherCategory, Sources: sources, Levels: eid.LevelPolicy{Minimum: level}}}
	}
	for _, tt := range []struct {
		name    string
		parties []eid.RelyingParty
		sources []eid.Source
		word    string
		want    []Status
	}{
		{"well", party(eid.Level2, "a"), []eid.Source{source("a", time.Time{}, two)}, "each of 1 client", []Status{OK}},
		{"ends in ten days", party(eid.Level2, "a"), []eid.Source{source("a", in(10), two)}, "from 2026-05-11", []Status{Warning}},
		{"another takes over", party(eid.Level2, "a", "b"), []eid.Source{source("a", in(10), two), source("b", time.Time{}, two)}, "", []Status{OK}},
		{"another that it does not accept", party(eid.Level2, "a"), []eid.Source{source("a", in(10), two), source("b", time.Time{}, two)}, "portal", []Status{Warning}},
		{"ends in forty days", party(eid.Level2, "a"), []eid.Source{source("a", in(40), two)}, "", []Status{OK}},
		{"ended", party(eid.Level1, "a"), []eid.Source{source("a", in(-1), two)}, "nobody can sign in to portal", []Status{Fault}},
		{"lowered soon", party(eid.Level2, "a"), []eid.Source{source("a", time.Time{}, two, eid.Ceiling{From: in(5), Level: eid.Level1})}, "from 2026-05-06", []Status{Warning}},
		{"lowered, and that suffices", party(eid.Level1, "a"), []eid.Source{source("a", time.Time{}, two, eid.Ceiling{From: in(5), Level: eid.Level1})}, "", []Status{OK}},
		{"no level", party(eid.LevelNone, "a"), []eid.Source{source("a", time.Time{}, two)}, "portal", []Status{Fault}},
		{"no clients", nil, nil, "no client", []Status{Warning}},
	} {
		wants(t, tt.name, Levels(tt.parties, tt.sources, now), tt.word, tt.want...)
	}
}

func TestJudgeWindow(t *testing.T) {
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	from := now.AddDate(-1, 0, 0)
	for _, tt := range []struct {
		name   string
		window eid.Window
		word   string
		want   Status
	}{
		{"open", eid.Window{From: from}, "without an end", OK},
		{"open for long", eid.Window{From: from, Until: now.AddDate(1, 0, 0)}, "open until", OK},
		{"ends soon", eid.Window{From: from, Until: now.AddDate(0, 0, 29)}, "ends on", Warning},
		{"ends now", eid.Window{From: from, Until: now}, "ended on", OK},
		{"not yet", eid.Window{From: now.AddDate(0, 1, 0)}, "opens on", OK},
	} {
		wants(t, tt.name, judgeWindow(tt.window, now), tt.word, tt.want)
	}
}

func TestJudgeMachine(t *testing.T) {
	for _, tt := range []struct {
		name string
		got  []Finding
		word string
		want []Status
	}{
		{"room", judgeDisk("/d", Disk{Free: 5 << 30}), "", nil},
		{"little room", judgeDisk("/d", Disk{Free: 500 * mebibyte}), "500.0 MiB", []Status{Warning}},
		{"no room", judgeDisk("/d", Disk{Free: 50 * mebibyte}), "nobody signs in", []Status{Fault}},
		{"read-only", judgeDisk("/d", Disk{Free: 5 << 30, ReadOnly: true}), "read-only", []Status{Fault}},
		{"network", judgeDisk("/d", Disk{Free: 5 << 30, Kind: "NFS"}), "NFS", []Status{Fault}},
		{"files", judgeFiles(5000, 4096, "x"), "", []Status{OK}},
		{"too few files", judgeFiles(1024, 4096, "x"), "LimitNOFILE=4352", []Status{Warning}},
		{"memory", judgeMemory(4, 1<<30, true), "", []Status{OK}},
		{"too little memory", judgeMemory(4, 100*mebibyte, true), "4 passwords", []Status{Warning}},
		{"memory unknown", judgeMemory(4, 0, false), "not known", []Status{Warning}},
	} {
		wants(t, tt.name, tt.got, tt.word, tt.want...)
	}
	if got, ok := metric("# x\nprocess_max_fds 1.048576e+06\n", "process_max_fds"); !ok || got != 1048576 {
		t.Errorf("metric() = %v, %v, want 1048576", got, ok)
	}
}
