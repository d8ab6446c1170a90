package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/audit"
	"eidgate/keys"
	"eidgate/store/sqlstore"
)

// pruner is a reader of an export that is slow: retention is at work when its first line comes.
type pruner struct {
	bytes.Buffer
	prune func()
}

func (p *pruner) Write(text []byte) (int, error) {
	if p.Len() == 0 {
		p.prune()
	}
	return p.Buffer.Write(text)
}

// TestExportBesidePruning: a file whose beginning does not know of rows that went while it
// was written would accuse the gateway: there is no such file.
func TestExportBesidePruning(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	no := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	master := keys.MasterKey{File: filepath.Join(dir, "master.key")}
	_, err := master.Create(ctx)
	no(err)
	sealer, err := master.Load(ctx)
	no(err)
	where := sqlstore.Config{Path: filepath.Join(dir, "eidgate.db")}
	no(sqlstore.Migrate(ctx, where))
	db, err := sqlstore.Open(ctx, where, sealer, time.Now)
	no(err)
	defer func() { no(db.Close()) }()
	old := time.Now().AddDate(-6, 0, 0)
	entry := eid.AuditEntry{At: old, Actor: "holder", Action: "test.done"}
	no(db.Record(ctx, entry, entry))
	rows, err := db.RowsAfter(ctx, 0, 10)
	no(err)
	statement, err := json.Marshal(audit.Statement{Version: 1, N: 1, First: 1, Last: 2, Rows: 2, At: old})
	no(err)
	jws := "e30." + base64.RawURLEncoding.EncodeToString(statement) + ".sig"
	no(db.Append(ctx, audit.Checkpoint{N: 1, Hashes: audit.Entries(rows), JWS: jws}, audit.Head{N: 1, Last: 2, Hash: audit.Digest(jws), At: old}))

	before := old.AddDate(0, 0, 2)
	out := &pruner{prune: func() {
		n, _, err := db.Prune(ctx, audit.Pruning{Before: before}, 0, 10, eid.AuditEntry{At: time.Now(), Actor: "system", Action: audit.ActionPruned})
		if err != nil || n != 2 {
			t.Errorf("Prune() = %d, %v, want 2", n, err)
		}
	}}
	e := evidence{Evidence: db.Evidence()}
	if err := exportEvidence(ctx, e, sqlstore.AuditSearch{}, out); !errors.Is(err, errPruned) {
		t.Errorf("export beside pruning = %v, want %v", err, errPruned)
	}
	if err := exportEvidence(ctx, e, sqlstore.AuditSearch{}, &bytes.Buffer{}); err != nil {
		t.Errorf("export again = %v, want none", err)
	}
}
