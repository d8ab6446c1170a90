package config

import (
	"strings"
	"testing"
	"time"

	"eidgate/eid"
)

// rowsText is a portal with a national and a legacy source, in the words of the file.
const rowsText = `
issuer: https://dangnhap.example.vn
data: state
sources:
  - {id: own, kind: account, name: A, provider: B, may_assert: [1, 2], grants_at_most: 2}
  - id: legacy
    kind: openid
    reconcile: link
    name: Legacy
    provider: Bưu điện (giả định)
    may_assert: [1]
    grants_at_most: 1
    WINDOW
    openid: {issuer: "https://op.example.vn", client_id: c, client_secret: hidden-secret-of-a-test, acr: {low: 1}}
clients:
  - id: app
    name: App
    url: https://app.example.vn/
    tier: TIER
    auth_method: none
    redirect_uris: ["https://app.example.vn/cb"]
    scopes: [openid]
    sector: app.example.vn
    min_level: 1
    sources: [own, legacy]
    EXCEPTION
`

func rows(t *testing.T, window, tier, exception string) (*Config, error) {
	t.Helper()
	text := strings.NewReplacer("    WINDOW\n", window, "TIER", tier, "    EXCEPTION\n", exception).Replace(rowsText)
	return Load(write(t, map[string]string{"eidgate.yaml": text}), nil)
}

const decided = "    not_ready: {decision: 34/2021/QĐ-TTg}\n"

// TestRow34InTheFile: the window of the transition is written as its dates, half-open
// at midnight in Việt Nam; the exception belongs to one portal, needs its decision, and
// says whether it covers signing in.
func TestRow34InTheFile(t *testing.T) {
	const window = "    window: {from: 2021-11-09, until: 2023-01-01}\n"
	c, err := rows(t, window, "province", decided)
	if err != nil {
		t.Fatal(err)
	}
	sources, err := c.FederationSources()
	if err != nil {
		t.Fatal(err)
	}
	rp, legacy := c.RelyingParties()[0], sources[1]
	if legacy.Provider != "Bưu điện (giả định)" {
		t.Errorf("provider = %q, want the label of the file", legacy.Provider)
	}
	for at, want := range map[string]bool{
		"2021-11-08T23:59:59+07:00": false, "2021-11-09T00:00:00+07:00": true,
		"2022-12-31T16:59:59Z": true, "2022-12-31T23:59:59+07:00": true,
		"2022-12-31T17:00:00Z": false, "2023-01-01T00:00:00+07:00": false,
	} {
		when, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := rp.Accepts(&legacy).Open(when); got != want {
			t.Errorf("open at %s = %v, want %v", at, got, want)
		}
	}
	for _, tt := range []struct {
		name, exception, fault string
		signsIn                bool
	}{
		{"signing in too, unless it says otherwise", decided, "", true},
		{"signing in too, in words", "    not_ready: {decision: 34/2021/QĐ-TTg, covers: sign_in}\n", "", true},
		{"new accounts only", "    not_ready: {decision: 34/2021/QĐ-TTg, covers: account_creation}\n", "", false},
		{"ready", "", "a legacy provider, which an administrative portal does not take", false},
		{"not ready by nobody's decision", "    not_ready: {covers: sign_in}\n", "not_ready.decision: missing", false},
	} {
		c, err := rows(t, window, "province", tt.exception)
		if tt.fault != "" {
			if err == nil || !strings.Contains(err.Error(), tt.fault) {
				t.Errorf("%s: Load() = %v, want %q", tt.name, err, tt.fault)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		rp := c.RelyingParties()[0]
		if got := !rp.Accepts(&legacy).From.IsZero(); got != tt.signsIn {
			t.Errorf("%s: covers signing in %v, want %v", tt.name, got, tt.signsIn)
		}
	}
}

// TestRow36Tiers: a portal is one of the nation, of a ministry, of a province, or
// another; nothing else, and never nothing. Only the first three act by law.
func TestRow36Tiers(t *testing.T) {
	for tier, accepted := range map[string]bool{
		"national": true, "ministry": true, "province": true, "other": true, "district": false, "National": false, `""`: false,
	} {
		c, err := rows(t, "", tier, decided)
		if (err == nil) != accepted {
			t.Errorf("tier %s: Load() = %v, want it accepted %v", tier, err, accepted)
			continue
		}
		if err != nil {
			if !strings.Contains(err.Error(), "clients[0].tier") {
				t.Errorf("tier %s: Load() = %v, want the fault at clients[0].tier", tier, err)
			}
			continue
		}
		if got := c.RelyingParties()[0].Tier; got != tier {
			t.Errorf("tier = %q, want %q", got, tier)
		}
		_, err = rows(t, "", tier, decided+"    consent: {legal_basis: Luật giả định}\n")
		if byLaw := tier != "other"; (err == nil) != byLaw {
			t.Errorf("tier %s with a legal basis: Load() = %v, want it accepted %v", tier, err, byLaw)
		}
	}
}

// TestRow37InForceSince: what says no date of its own holds from the day on which the
// decision came into force, at midnight in Việt Nam, and not a second before.
func TestRow37InForceSince(t *testing.T) {
	c, err := rows(t, "", "national", decided)
	if err != nil {
		t.Fatal(err)
	}
	sources, err := c.FederationSources()
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2021, 11, 9, 0, 0, 0, 0, time.FixedZone("+07", 7*60*60))
	for i := range sources {
		src := &sources[i]
		for by, want := range map[time.Duration]eid.Level{-time.Second: eid.LevelNone, 0: src.MayAssert[len(src.MayAssert)-1], time.Second: src.MayAssert[len(src.MayAssert)-1]} {
			if got := src.Reach(start.Add(by)); got != want {
				t.Errorf("%s reaches %v at %v from the start, want %v", src.ID, got, by, want)
			}
		}
	}
}
