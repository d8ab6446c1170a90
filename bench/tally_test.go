package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestVerdict: what a load ends with, by what the gateway answered.
func TestVerdict(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		header string
		want   string // in the verdict; empty: none
	}{
		{"all went well", http.StatusOK, "", ""},
		{"busy, and says when to come back", http.StatusServiceUnavailable, "Retry-After", ""},
		{"busy, and says nothing", http.StatusServiceUnavailable, "", "1 × userinfo: /userinfo answered 503"},
		{"a failure", http.StatusInternalServerError, "Retry-After", "1 × userinfo: /userinfo answered 500"},
		{"a refusal of what was right", http.StatusUnauthorized, "", "1 × userinfo: /userinfo answered 401"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if tt.header != "" {
					w.Header().Set(tt.header, "5")
				}
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(`{"sub":"s","name":"n"}`))
			}))
			defer server.Close()
			tally := newTally()
			tally.add("flow", time.Millisecond, nil)
			p := &party{issuer: server.URL, http: newClient(counting{newTransport(1), tally}), counts: &counts{}}
			tally.add("userinfo", time.Millisecond, p.userinfo(t.Context(), "token"))
			err := tally.verdict()
			if got := err != nil && strings.Contains(err.Error(), tt.want); got != (tt.want != "") {
				t.Errorf("verdict() = %v, want %q", err, tt.want)
			}
			if (err == nil) != (tt.want == "") {
				t.Errorf("verdict() = %v, want an error: %v", err, tt.want != "")
			}
		})
	}
}

func TestVerdictOfNothing(t *testing.T) {
	if newTally().verdict() == nil {
		t.Error("a load without a flow passes")
	}
}

// TestVerdictSeesEveryAnswer: a failure behind a redirect that a browser followed
// counts, whatever the operation made of it.
func TestVerdictSeesEveryAnswer(t *testing.T) {
	tally := newTally()
	tally.add("flow", time.Millisecond, nil)
	tally.statuses["GET /login 502"] = 2
	if err := tally.verdict(); err == nil || !strings.Contains(err.Error(), "2 × GET /login 502") {
		t.Errorf("verdict() = %v, want the 502 named", err)
	}
}

func TestTallyIsBounded(t *testing.T) {
	tally := newTally()
	for i := range 10 * maxKinds {
		tally.add("flow", 0, errors.New(strings.Repeat("x", i)))
	}
	if got := len(tally.failures); got > maxKinds+1 {
		t.Errorf("%d kinds of failures, want at most %d", got, maxKinds+1)
	}
}

// TestRested: nobody signs in twice within restFor, and everybody has a turn.
func TestRested(t *testing.T) {
	l := newLoad(nil, time.Minute, newPeople(3, 0))
	now := time.Now()
	for i := range 3 {
		if who, ok := l.rested(now); !ok || who != l.signers[i] {
			t.Errorf("turn %d: rested() = %v, want person %d", i, ok, i)
		}
	}
	if _, ok := l.rested(now.Add(restFor - 1)); ok {
		t.Error("somebody signs in again too soon")
	}
	if who, ok := l.rested(now.Add(restFor)); !ok || who != l.signers[0] {
		t.Error("the first does not come again after a rest")
	}
}

func TestLoadIsBounded(t *testing.T) {
	for _, tt := range []struct {
		workers  int
		duration time.Duration
	}{{0, time.Minute}, {maxWorkers + 1, time.Minute}, {1, time.Millisecond}, {1, maxDuration + 1}} {
		err := runLoad(context.Background(), settings{workers: tt.workers}, tt.duration, t.TempDir(), t.Output(), t.Output())
		if err == nil || !strings.HasPrefix(err.Error(), "want 1 to") {
			t.Errorf("runLoad(%d workers, %v) = %v, want a refusal", tt.workers, tt.duration, err)
		}
	}
}
