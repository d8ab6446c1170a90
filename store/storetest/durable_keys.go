package storetest

import (
	"encoding/json"
	"testing"
	"time"

	"eidgate/keys"
)

// purposeKeys sees that keys of every purpose come back whole, each among its own, and
// that one line does not take the place of another's key that signs.
func (s durableSuite) purposeKeys(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	now := d.clock.Now()
	want := map[string]keys.Record{}
	for id, purpose := range map[string]keys.Purpose{
		"a": keys.Tokens, "b": keys.LogoutTokens, "c": keys.Checkpoints, "d": keys.SourceSigning("post"), "e": keys.SourceSigning("bank"),
	} {
		rec := keys.Record{
			ID: id, Purpose: purpose, Algorithm: keys.ES256, State: keys.Signing, Custody: "hsm", Sealed: []byte{1},
			Public: json.RawMessage(`{"kty":"EC"}`), PublishedAt: now, SigningAt: now,
		}
		if purpose != keys.Tokens {
			rec.Certificate = []byte{2, 3}
		}
		want[id] = rec
	}
	put := func(list ...keys.Record) error {
		return d.UpdateKeys(ctx, func([]keys.Record) (keys.Update, error) { return keys.Update{Put: list}, nil })
	}
	for _, rec := range want {
		must(t, put(rec))
	}
	second := want["d"]
	second.ID = "f"
	if put(second) == nil {
		t.Error("a second signing key of a line was written")
	}
	for id, rec := range want {
		rec.State, rec.Sealed, rec.RetiredAt, rec.RevokedAt = keys.Retired, []byte{4}, now.Add(time.Hour), now.Add(time.Hour)
		want[id] = rec
		must(t, put(rec))
	}
	list, err := d.Keys(ctx)
	must(t, err)
	got := map[string]keys.Record{}
	for _, rec := range list {
		if len(rec.Certificate) == 0 {
			rec.Certificate = nil
		}
		got[rec.ID] = rec
	}
	equal(t, "Keys()", got, want)
}
