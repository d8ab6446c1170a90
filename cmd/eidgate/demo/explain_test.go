package demo

import (
	"slices"
	"strings"
	"testing"

	"eidgate/eid"
)

func TestReasons(t *testing.T) {
	one, two, both := []eid.Level{eid.Level1}, []eid.Level{eid.Level2}, []eid.Level{eid.Level2, eid.Level1}
	tests := []struct {
		name    string
		minimum eid.Level
		ask     ask
		granted eid.Level
		want    string // one of the sentences
		compare string
	}{
		{"nothing asked", eid.Level1, ask{}, eid.Level1, "không hỏi thêm", "acr 1 ≥ registered minimum 1"},
		{"asked 2", eid.Level1, ask{levels: two}, eid.Level2, "hỏi mức 2", "acr 2 ≥ max(registered minimum 1, lowest asked 2)"},
		{"must be 2", eid.Level1, ask{levels: two, essential: true}, eid.Level2, "bắt buộc mức 2", "acr 2 ≥ max(registered minimum 1, lowest asked 2)"},
		{"2 then 1", eid.Level1, ask{levels: both}, eid.Level1, "cũng nhận mức 1", "acr 1 ≥ max(registered minimum 1, lowest asked 1)"},
		{"cannot lower", eid.Level2, ask{levels: one}, eid.Level2, "không hạ được", "acr 2 ≥ max(registered minimum 2, lowest asked 1)"},
		{"more than needed", eid.Level1, ask{}, eid.Level2, "cao hơn mức cần", "acr 2 ≥ registered minimum 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := reasons(vietnamese, tt.minimum, tt.ask, tt.granted)
			if !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, tt.want) }) {
				t.Errorf("reasons() = %q, want one with %q", got, tt.want)
			}
			if got := comparison(tt.minimum, tt.ask, tt.granted); got != tt.compare {
				t.Errorf("comparison() = %q, want %q", got, tt.compare)
			}
		})
	}
}

func TestAdviceIsWhole(t *testing.T) {
	for _, code := range []string{
		"access_denied", "login_required", "interaction_required", "consent_required", "account_selection_required",
		"unmet_authentication_requirements", "temporarily_unavailable", "server_error", "invalid_grant", "invalid_request",
		"iss_mismatch", "nonce_mismatch", "id_token_invalid", "sub_mismatch", "acr_too_low", "auth_time_too_old",
		"token_failed", "userinfo_failed", "provider_unreachable", "unheard_of",
	} {
		ad := adviseOn(vietnamese, Failure{Code: code}, ask{levels: []eid.Level{eid.Level2}, prompt: "none"}, eid.Level1)
		if ad.Title == "" || ad.Meaning == "" || ad.Todo == "" {
			t.Errorf("advice on %s = %+v, want title, meaning and what to do", code, ad)
		}
		if _, err := parseAsk(ad.Next.query()); err != nil {
			t.Errorf("advice on %s leads to %q, which the portal does not offer", code, ad.Next.path())
		}
	}
}

func TestVariantsAreOffered(t *testing.T) {
	p, err := New(Config{
		Name: "p", Title: "t", BaseURL: "http://127.0.0.1:1", Issuer: "http://127.0.0.1:2", ClientID: "c",
		ClientSecret: eid.NewSecret("s"), MinLevel: eid.Level1, ACR: eid.StandardVocabulary(),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range p.variants(vietnamese) {
		a, err := parseAsk(strings.TrimPrefix(v.Path, "/login?"))
		if err != nil || a.path() != v.Path {
			t.Errorf("variant %s: reads back as %q, %v", v.Path, a.path(), err)
		}
	}
	if got := p.RedirectURI(); got != "http://127.0.0.1:1/callback" {
		t.Errorf("RedirectURI() = %q, want http://127.0.0.1:1/callback", got)
	}
}

func TestLocalTime(t *testing.T) {
	// 2023-01-01T00:00+07:00.
	if got, want := localTime(vietnamese, 1672506000), "00:00:00 ngày 01/01/2023"; got != want {
		t.Errorf("localTime() = %q, want %q", got, want)
	}
}
