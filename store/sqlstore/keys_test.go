package sqlstore_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"eidgate/keys"
	"eidgate/store/sqlstore"
)

// The audit knows which keys were revoked: who can write rows, and kept those of before,
// brings none back to life by them.
func TestRevokedKeysStayRevoked(t *testing.T) {
	v := newVault(t)
	db, path := filled(t, v, 0)
	ring := func() *keys.Ring {
		t.Helper()
		r, err := keys.New(keys.DefaultConfig(), keys.Deps{Store: db, Sealer: v, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	before := ring()
	if err := before.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	for table, line := range map[string]keys.Line{"signing_keys": {Purpose: keys.Tokens, Algorithm: keys.ES256}, "purpose_keys": {Purpose: keys.LogoutTokens, Algorithm: keys.ES256}} {
		var kid string
		for _, info := range before.Known() {
			if info.Purpose == line.Purpose && info.Algorithm == line.Algorithm && info.State == keys.Signing {
				kid = info.ID
			}
		}
		exec(t, path, "CREATE TABLE kept_"+table+" AS SELECT * FROM "+table+" WHERE id = '"+kid+"'")
		if _, err := before.Revoke(t.Context(), kid, "operator:synthetic", "test"); err != nil {
			t.Fatal(err)
		}
		exec(t, path, "CREATE TABLE revoked_"+table+" AS SELECT * FROM "+table+" WHERE id = '"+kid+"'")
		if err := ring().Load(t.Context()); err != nil {
			t.Fatal(err)
		}

		exec(t, path, "UPDATE "+table+" SET revoked_at = NULL WHERE id = '"+kid+"'")
		archive, err := ring().Archive(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range archive {
			if a.ID == kid && a.RevokedAt.IsZero() {
				t.Errorf("%s: the archive says of the revoked key %+v", table, a)
			}
		}

		exec(t, path, "UPDATE kept_"+table+" SET state = 'verifying', retire_at = '2099-01-01 00:00:00+00:00'")
		exec(t, path, "INSERT OR REPLACE INTO "+table+" SELECT * FROM kept_"+table)
		exec(t, path, "INSERT INTO audit (at, actor, action, account, client, ref, detail) VALUES ('2026-01-01 00:00:00+00:00', 'x', 'key.revoked', '', '', '', 'no JSON')")
		if err := ring().Load(t.Context()); err == nil || !strings.Contains(err.Error(), "was revoked and is verifying") {
			t.Errorf("%s: Load() with the row of before = %v, want an error that says that it was revoked", table, err)
		}
		exec(t, path, "INSERT OR REPLACE INTO "+table+" SELECT * FROM revoked_"+table)
		if err := ring().Load(t.Context()); err != nil {
			t.Errorf("%s: Load() with the row of now = %v, want nil", table, err)
		}
	}
	if rows, err := db.Audit(t.Context(), sqlstore.AuditFilter{Action: keys.ActionRevoked}); err != nil || len(rows) != 4 {
		t.Errorf("%d revocations in the audit, %v", len(rows), err)
	}
}
