package keys

import "testing"

// A row that does not open keeps nobody from revoking a key, and no process from hearing
// of it.
func TestRevokeBesideRowThatDoesNotOpen(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Plans = []Plan{{Purpose: Tokens, Algorithm: ES256}, {Purpose: LogoutTokens, Algorithm: ES256}}
	tokens := Line{Tokens, ES256}
	for _, tt := range []struct {
		name    string
		spoils  func(Record) bool
		running bool // the ring that revokes has the keys of before open
	}{
		{"another line", func(rec Record) bool { return rec.Purpose == LogoutTokens && rec.State == Signing }, true},
		{"another line, by a command", func(rec Record) bool { return rec.Purpose == LogoutTokens && rec.State == Signing }, false},
		{"the key itself", func(rec Record) bool { return rec.Purpose == Tokens && rec.State == Signing }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, store, c := loaded(t, cfg)
			other, _ := newRing(t, cfg, store, r.box.(*Sealer), c)
			load(t, other)
			by := r
			if !tt.running {
				by, _ = newRing(t, cfg, store, r.box.(*Sealer), c)
			}
			kid, standby := r.Snapshot().signingID(tokens), ""
			token := sign(t, r.Snapshot(), ES256)
			store.edit(func(records []Record) []Record {
				for i, rec := range records {
					if tt.spoils(rec) {
						records[i].Sealed = []byte("spoilt")
					}
					if rec.Line() == tokens && rec.State == Published {
						standby = rec.ID
					}
				}
				return records
			})
			before := len(store.records)
			rev, err := by.Revoke(t.Context(), kid, "operator:synthetic", "test")
			if err != nil || rev.Signing != standby {
				t.Fatalf("Revoke() = %+v, %v, want the standby to sign", rev, err)
			}
			if len(store.records) != before {
				t.Errorf("%d keys, want %d: none is made where a row does not open", len(store.records), before)
			}
			for _, ring := range []*Ring{r, other} {
				_ = ring.Load(t.Context()) // fails or not, as the row that is left makes it
				if _, err := ring.Snapshot().Verify(Tokens, token, "JWT"); err == nil {
					t.Error("a running ring believes the revoked key")
				}
				if got := ring.Snapshot().signingID(tokens); got != standby {
					t.Errorf("a running ring signs with %q, want the standby", got)
				}
			}
		})
	}
}

// With another master key a key can be revoked, and nothing is added to what the right
// one sealed.
func TestRevokeWithAnotherMasterKey(t *testing.T) {
	r, store, c := loaded(t, es256())
	line := Line{Tokens, ES256}
	kid, before := r.Snapshot().signingID(line), len(store.records)
	token := sign(t, r.Snapshot(), ES256)
	stranger, _ := newRing(t, es256(), store, newSealer(t), c)
	if rev, err := stranger.Revoke(t.Context(), kid, "operator:synthetic", "test"); err != nil || rev.Signing == "" || rev.Signing == kid {
		t.Fatalf("Revoke() = %+v, %v, want the standby to sign", rev, err)
	}
	if len(store.records) != before {
		t.Errorf("%d keys, want %d", len(store.records), before)
	}
	load(t, r) // also makes the standby that lacks
	if _, err := r.Snapshot().Verify(Tokens, token, "JWT"); err == nil {
		t.Error("the ring with the right master key believes the revoked key")
	}
	if _, err := r.Snapshot().Verify(Tokens, sign(t, r.Snapshot(), ES256), "JWT"); err != nil {
		t.Errorf("Verify() of a new token = %v, want nil", err)
	}
}
