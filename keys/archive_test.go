package keys

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// dated signs a token that was issued at a time.
func dated(t testing.TB, r *Ring, at time.Time) string {
	t.Helper()
	token, err := r.Snapshot().Sign(Tokens, ES256, "JWT", fmt.Appendf(nil, `{"iat":%d}`, at.Unix()))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestArchive(t *testing.T) {
	r, store, c := loaded(t, es256())
	start := r.time()
	good := dated(t, r, start)
	early, late := dated(t, r, start.Add(-time.Hour)), dated(t, r, start.Add(48*time.Hour))
	undated := sign(t, r.Snapshot(), ES256)
	first := kidOf(t, good)
	c.advance(24 * time.Hour)
	rotate(t, r, ES256)
	current := dated(t, r, r.time())
	c.advance(r.cfg.verifyAge())
	load(t, r)
	archive, err := r.Archive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// It can be used where there is no gateway.
	raw, err := json.Marshal(archive)
	if err != nil {
		t.Fatal(err)
	}
	var elsewhere Archive
	if err := json.Unmarshal(raw, &elsewhere); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(raw), `"d":`) {
		t.Error("the archive holds a private member")
	}
	for name, tt := range map[string]struct{ token, want string }{
		"good":              {good, ""},
		"current":           {current, ""},
		"before its key":    {early, "it was issued before its key signed"},
		"after its key":     {late, "it was issued after its key signed"},
		"without a time":    {undated, "it does not say when it was issued"},
		"of a key that was": {good, ""},
	} {
		verdict, err := elsewhere.Verify(tt.token)
		if err != nil || verdict.Why(time.Minute) != tt.want || verdict.Good(time.Minute) != (tt.want == "") {
			t.Errorf("%s: Verify() = %q, %v, want %q", name, verdict.Why(time.Minute), err, tt.want)
		}
		if verdict.Type != "JWT" {
			t.Errorf("%s: type = %q, want JWT", name, verdict.Type)
		}
	}
	verdict, err := elsewhere.Verify(good)
	if err != nil {
		t.Fatal(err)
	}
	if k := verdict.Key; k.ID != first || !k.SignedFrom.Equal(start) || !k.SignedUntil.Equal(start.Add(24*time.Hour)) || k.RetiredAt.IsZero() {
		t.Errorf("key = %+v, want %s with its dates", k, first)
	}
	parts := strings.Split(good, ".")
	for name, token := range map[string]string{
		"empty": "", "cut": good[:len(good)-4], "of another key": parts[0] + "." + parts[1] + "." + strings.Split(current, ".")[2],
		"too long": strings.Repeat("a", maxToken+1),
	} {
		if _, err := elsewhere.Verify(token); !errors.Is(err, ErrToken) {
			t.Errorf("%s: Verify() = %v, want ErrToken", name, err)
		}
	}
	foreign, _, _ := loaded(t, es256())
	if _, err := elsewhere.Verify(dated(t, foreign, start)); !errors.Is(err, ErrToken) {
		t.Errorf("Verify() of a foreign token = %v, want ErrToken", err)
	}

	// By SQL alone nobody forges what the archive believes.
	forger := made(t, Plan{Purpose: Tokens, Algorithm: ES256}, newSealer(t))
	for name, edit := range map[string]func(*Record){
		"its dates":                     func(rec *Record) { rec.SigningAt = rec.SigningAt.Add(-time.Hour) },
		"its end":                       func(rec *Record) { rec.VerifyingAt = rec.VerifyingAt.Add(time.Hour) },
		"revoked by hand":               func(rec *Record) { rec.RevokedAt = rec.RetiredAt },
		"its purpose":                   func(rec *Record) { rec.Purpose = Checkpoints },
		"emptied, as by older gateways": func(rec *Record) { rec.Sealed = nil },
		"exchanged": func(rec *Record) {
			rec.ID, rec.Public, rec.Sealed = forger.ID, forger.Public, forger.Sealed
		},
	} {
		before := slices.Clone(store.records)
		store.edit(func(records []Record) []Record {
			for i := range records {
				if records[i].State == Retired {
					edit(&records[i])
				}
			}
			return records
		})
		forged, err := r.Archive(t.Context())
		i := slices.IndexFunc(forged, func(k Archived) bool { return k.State == Retired })
		if err != nil || i < 0 || forged[i].Authentic {
			t.Errorf("%s: the archive = %+v, %v, want a retired key that is not authentic", name, forged, err)
		}
		store.edit(func(records []Record) []Record {
			copy(records, before)
			return records
		})
	}
}
